//! The cluster as both backends run it: nodes, clients, links, timers and commands, fed with time and arrivals.
//!
//! A driver owns the world. It says what time it is, hands in what arrived, and ends each burst of inputs with
//! [`World::end_burst`]. The two backends differ only in [`Backend`]: so a fault, a client or a command means the same in
//! both, and a parity test can hold them together.

mod ailments;
mod backend;
mod clients;
mod clockwork;
mod commands;
mod disks;
mod frames;
mod held;
mod knobs;
mod labor;
mod nodes;
mod places;
mod queue;
mod streams;
mod visitors;

use std::collections::{BTreeMap, VecDeque};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use backend::{Backend, Booted, Down, Frame, Handed, Syncing};
pub use visitors::Answered;

use self::{
    clients::ClientSlot,
    frames::InFlight,
    held::HeldFrames,
    nodes::Slot,
    places::{Places, Touched},
    queue::{Due, Queue},
    streams::HalfOpen,
    visitors::Visitors,
};
use crate::{
    command::{Author, Command},
    disk::SyncId,
    event::{EventKind, NodeFailure, TraceEvent},
    fault::{DropReason, LinkCounters, LinkId, Links, Proof},
    host::{Input, Output},
    ids::{ClientId, Endpoint, MsgId, NodeId, Seq},
    registry::{self, ProtocolRow},
    spec::{ClusterSpec, SpecError},
    time::Timestamp,
    trace::{Recent, Recorder},
    workload::OpCounter,
};

/// How many of the latest frames are found without a search.
const IN_FLIGHT_REACH: usize = 1 << 14;

/// A cluster on a backend.
pub struct World<B: Backend> {
    row: &'static ProtocolRow,
    spec: ClusterSpec,
    backend: B,
    recorder: Recorder,
    links: Links,
    nodes: Places,
    clients: BTreeMap<ClientId, ClientSlot>,
    visitors: Visitors,
    queue: Queue,
    /// Frames that a timeless wire delivered at this moment.
    arrived: VecDeque<Frame>,
    in_flight: Recent<MsgId, InFlight, IN_FLIGHT_REACH>,
    next_msg: MsgId,
    /// Messages held by hand, and the traps for more.
    held: HeldFrames,
    /// Directions whose sender believes in a connection that is gone.
    half_open: BTreeMap<LinkId, HalfOpen>,
    ops: OpCounter,
    /// Nodes that took an input in this burst.
    touched: Touched,
    outputs: Vec<Output>,
    clock: Option<ClockRequest>,
    /// Which read fails and which bit rots.
    luck: ChaCha8Rng,
}

/// What was asked of the clock; the driver owns it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockRequest {
    /// Stand still.
    Pause,
    /// Go on.
    Resume,
    /// While standing still: let one thing happen.
    Step,
    /// Run at this share of real time.
    Rate(f64),
}

impl<B: Backend> World<B> {
    /// Makes a cluster that is not started yet.
    pub fn new(spec: &ClusterSpec, backend: B, recorder: Recorder) -> Result<Self, SpecError> {
        Self::of(registry::check(spec)?, spec, backend, recorder)
    }

    /// Does so with the protocol of that row, whether or not it is in the table of protocols.
    pub fn of(
        row: &'static ProtocolRow,
        spec: &ClusterSpec,
        backend: B,
        recorder: Recorder,
    ) -> Result<Self, SpecError> {
        registry::check_for(row, spec)?;
        let mut nodes = Places::default();
        spec.nodes.iter().for_each(|node| nodes.insert(*node, Slot::member()));
        Ok(Self {
            row,
            spec: spec.clone(),
            backend,
            recorder,
            links: Links::new(spec.base_delay(), spec.seed),
            nodes,
            clients: BTreeMap::new(),
            visitors: Visitors::default(),
            queue: Queue::default(),
            arrived: VecDeque::new(),
            in_flight: Recent::default(),
            next_msg: MsgId(1),
            held: HeldFrames::default(),
            half_open: BTreeMap::new(),
            ops: OpCounter::default(),
            touched: Touched::default(),
            outputs: Vec::new(),
            clock: None,
            luck: ChaCha8Rng::seed_from_u64(spec.seed ^ 0xb17_0507),
        })
    }

    /// Boots all nodes, then lets the clients begin.
    pub fn start(&mut self, now: Timestamp) {
        for node in self.spec.nodes.clone() {
            self.boot(now, node, None);
        }
        for client in self.spec.clients.clone() {
            self.start_client(now, client);
        }
        self.end_burst(now);
    }

    /// Carries a command out, or records why not. Clock commands are left for the driver: [`World::take_clock_request`].
    pub fn command(&mut self, now: Timestamp, by: Author, command: Command) {
        let issued = EventKind::CommandIssued { by, command: command.clone() };
        let seq = self.recorder.record(now, None, issued);
        if let Err(reason) = self.carry_out(now, seq, command) {
            self.recorder.record(now, Some(seq), EventKind::CommandRefused { reason });
        }
        self.end_burst(now);
    }

    /// Returns what was asked of the clock since the last call.
    pub fn take_clock_request(&mut self) -> Option<ClockRequest> {
        self.clock.take()
    }

    /// Records that cluster time runs at `rate` from here on, 0 while it stands still.
    pub fn clock_changed(&mut self, now: Timestamp, rate: f64) {
        self.recorder.record(now, None, EventKind::ClockChanged { rate });
    }

    /// A whole frame came in at its receiver.
    pub fn arrived(&mut self, now: Timestamp, frame: Frame) {
        self.deliver(now, frame);
    }

    /// A frame will never arrive.
    pub fn lost(&mut self, now: Timestamp, msg: MsgId, reason: DropReason) {
        self.drop_frame(now, msg, reason);
    }

    /// A sync that the backend had under way is done.
    pub fn synced(&mut self, now: Timestamp, node: NodeId, incarnation: u32, sync: SyncId) {
        self.input(now, node, incarnation, nodes::Cause::Synced, Input::Synced(sync));
    }

    /// A connection stands.
    pub fn connection_opened(&mut self, now: Timestamp, from: Endpoint, to: Endpoint) {
        self.recorder.record(now, None, EventKind::ConnectionOpened { from, to });
    }

    /// A connection broke. Nodes hear of the death of a peer in the same way on both backends, so this only records,
    /// unless both ends are alive.
    pub fn peer_lost(&mut self, now: Timestamp, from: Endpoint, to: Endpoint) {
        self.connection_lost(now, None, (from, to));
    }

    /// Records what a self-test found out about faults, before anything else happens.
    pub fn faults_tried(&mut self, now: Timestamp, proofs: Vec<Proof>) {
        self.recorder.record(now, None, EventKind::FaultsTried { proofs });
    }

    /// Bytes that are no frame came in at a node; its connection was closed.
    pub fn rejected(&mut self, now: Timestamp, node: NodeId, reason: String) {
        self.recorder.record(now, None, EventKind::FrameRejected { node, reason });
    }

    /// A node can not go on, for a reason that lies outside of it (its disk, its port).
    pub fn node_failed(&mut self, now: Timestamp, node: NodeId, failure: NodeFailure) {
        self.fail(now, node, failure, None);
    }

    /// Returns when something is due next.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue.next()
    }

    /// Lets everything happen that is due until `now`.
    pub fn run_due(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.queue.pop(now) {
            self.happen(at.max(now), due);
        }
    }

    /// Lets the first due thing happen, whenever that is but not before `earliest`, and everything that follows at the
    /// same instant from it. Returns when that was.
    pub fn run_one(&mut self, earliest: Timestamp) -> Option<Timestamp> {
        let (at, due) = self.queue.pop(Timestamp(u64::MAX))?;
        let at = at.max(earliest);
        self.happen(at, due);
        self.end_burst(at);
        Some(at)
    }

    /// Ends a burst of inputs: nodes send what they gathered, changed views are recorded, the wire is flushed.
    pub fn end_burst(&mut self, now: Timestamp) {
        loop {
            while let Some(frame) = self.arrived.pop_front() {
                self.deliver(now, frame);
            }
            while let Some(node) = self.touched.pop_first() {
                self.idle(now, node);
            }
            if self.arrived.is_empty() {
                break;
            }
        }
        self.backend.flush();
    }

    /// Hands recorded events on.
    pub fn flush_recorder(&mut self) {
        self.recorder.flush();
    }

    /// Appends the events that the recorder kept to `events`.
    pub fn take_events(&mut self, events: &mut Vec<TraceEvent>) {
        self.recorder.take(events);
    }

    /// Returns how many recorded events were not handed on yet.
    pub fn events_waiting(&self) -> usize {
        self.recorder.waiting()
    }

    /// Returns the number of the next event.
    pub fn next_seq(&self) -> Seq {
        self.recorder.next()
    }

    /// Stops all nodes in good order.
    pub fn shutdown(&mut self, now: Timestamp) {
        let running: Vec<NodeId> = self.nodes.nodes().filter(|node| self.is_running(*node)).collect();
        for node in running {
            self.take_down(now, node, Down::Stop, None);
        }
        self.backend.flush();
        self.recorder.flush();
    }

    /// Returns the backend.
    pub fn backend_mut(&mut self) -> &mut B {
        &mut self.backend
    }

    /// Returns what a direction of a link did so far.
    pub fn link_counters(&self, link: LinkId) -> LinkCounters {
        self.links.counters(link)
    }

    #[inline(always)]
    fn happen(&mut self, now: Timestamp, due: Due) {
        match due {
            Due::Timer { node, incarnation, token } => self.ring(now, node, incarnation, token),
            Due::Client { client, token } => self.client_timer(now, client, token),
            Due::Transmit { frame, ends } => self.transmit_first(now, frame, ends),
            Due::Synced { node, incarnation, sync } => {
                if self.incarnation(node) == Some(incarnation) {
                    self.backend.synced(node, sync);
                }
                self.synced(now, node, incarnation, sync);
            }
            Due::SyncBegins { node, incarnation, sync } => {
                if self.incarnation(node) == Some(incarnation)
                    && let Some(done) = self.begin_sync(now, node, incarnation, sync)
                {
                    self.synced(now, node, incarnation, done);
                }
            }
            Due::SyncLied { node, incarnation, sync } => self.synced(now, node, incarnation, sync),
            Due::Work { node, incarnation, turn } => self.work(now, node, incarnation, turn),
            Due::HalfOpenEnds { link, number } => self.half_open_ends(now, link, number),
            Due::PeerLost { node, incarnation, peer } => {
                self.input(now, node, incarnation, nodes::Cause::Event(None), Input::PeerLost(peer));
            }
        }
    }

    fn record(&mut self, now: Timestamp, cause: Option<Seq>, kind: EventKind) -> Seq {
        self.recorder.record(now, cause, kind)
    }
}
