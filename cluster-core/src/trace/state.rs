//! The cluster at one moment: a fold over the events up to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{HeldFrame, LogTail, Recent, TrapState};
use crate::{
    command::{Author, Command},
    event::{Conclusion, EventKind, Finding, MessageInfo, NodeFailure, NodeView, Outcome, TraceEvent},
    fault::{Ailment, DropReason, FaultKind, LinkCounters, LinkId, LinkRules, NodeFaultCounters, NodeFaults},
    ids::{ClientId, Endpoint, MsgId, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    spec::{ClientSpec, ClusterSpec},
    time::Timestamp,
};

/// How long a dropped frame or a returned operation stays in the state, for the picture to show its end.
pub const AFTERGLOW: Duration = Duration::from_millis(1500);
const DROPS_MAX: usize = 512;
/// How many of the latest frames and operations are found without a search.
const RECENT: usize = 1 << 10;

/// The cluster at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterState {
    /// When.
    pub at: Timestamp,
    /// The number of the next event: the state is the fold of all events before it.
    pub next: Seq,
    /// Cluster seconds per real second; 0 while paused.
    pub rate: f64,
    /// The nodes.
    pub nodes: BTreeMap<NodeId, NodeState>,
    /// The directions that carried something, or have rules.
    pub links: BTreeMap<LinkId, LinkState>,
    /// The clients; client 0 appears with its first operation.
    pub clients: BTreeMap<ClientId, ClientState>,
    /// What clients that are gone did, all together.
    pub departed: ClientState,
    /// Frames under way, by number (so also by age).
    pub flights: Recent<MsgId, Flight, RECENT>,
    /// Frames that were dropped a moment ago, oldest first.
    pub drops: VecDeque<Dropped>,
    /// Operations that have no outcome yet.
    pub ops: Recent<OpId, OpState, RECENT>,
    /// What is broken, in the order in which it broke.
    pub faults: Vec<TrackedFault>,
    /// Messages held by hand, in the order in which they were held; they are under way, too.
    pub held: Vec<HeldFrame>,
    /// The traps that are set, in the order in which they were set.
    pub traps: Vec<TrapState>,
    /// The promises that do not hold, or of which nobody can tell, by their ids.
    pub promises: BTreeMap<Name, PromiseState>,
    /// The kinds of faults that failed their test before the run began, and why: they are not to be trusted.
    pub untrusted: BTreeMap<FaultKind, String>,
    /// The knobs of the protocol that somebody set, at the start or since, with their values.
    pub knobs: BTreeMap<Name, Name>,
    last_command: Option<(Seq, Author)>,
}

/// A node at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeState {
    /// Whether it runs.
    pub status: NodeStatus,
    /// Since when it is in this status.
    pub since: Timestamp,
    /// How often it was started before.
    pub incarnation: u32,
    /// Its port on loopback, 0 if it has none.
    pub port: u16,
    /// Its port for clients from outside, 0 if it has none.
    pub door: u16,
    /// What it shows of itself; of a node that is down, what it showed last.
    pub view: NodeView,
    /// Its log, as on its disk and in its memory.
    pub log: LogTail,
    /// When entries of it were erased last, and how many.
    pub erased: Option<(Timestamp, u64)>,
    /// What ails its machine.
    pub faults: NodeFaults,
    /// What that did so far, as last told.
    pub counters: NodeFaultCounters,
}

/// Whether a node runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NodeStatus {
    /// Not started yet.
    #[default]
    Starting,
    /// Runs.
    Up,
    /// Stands still, sockets open.
    Frozen,
    /// Its process died.
    Crashed,
    /// Its machine lost power.
    PoweredOff,
    /// Ended in good order.
    Stopped,
    /// Could not start, or ended itself.
    Failed(NodeFailure),
}

impl NodeStatus {
    /// Returns whether a process is there at all (it may be frozen).
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Up | Self::Frozen)
    }

    /// Returns the status in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Frozen => "frozen",
            Self::Crashed => "crashed",
            Self::PoweredOff => "without power",
            Self::Stopped => "stopped",
            Self::Failed(_) => "failed",
        }
    }
}

/// One direction of a link at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkState {
    /// Its rules.
    pub rules: LinkRules,
    /// Frames handed to it so far.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Frames that arrived.
    pub delivered: u64,
    /// What each of its rules did.
    pub did: LinkCounters,
    /// Frames dropped for reasons that do not lie in the link.
    pub dropped: u64,
    /// Until when its sender believes in a connection whose other end is gone, if it does.
    pub half_open: Option<Timestamp>,
    /// When a frame was handed to it last.
    pub last_sent: Option<Timestamp>,
}

/// A frame under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flight {
    /// From.
    pub from: Endpoint,
    /// To.
    pub to: Endpoint,
    /// What it is.
    pub info: MessageInfo,
    /// When it was handed to the link.
    pub sent: Timestamp,
    /// When the link lets it out; later than this, it waits at the receiver.
    pub due: Timestamp,
    /// Its length on the wire in bytes.
    pub bytes: u32,
    /// The event that tells of it, with its payload.
    pub seq: Seq,
}

/// A frame that was dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropped {
    /// Its number.
    pub msg: MsgId,
    /// What it was.
    pub flight: Flight,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: DropReason,
}

/// A client at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientState {
    /// What it does; `None` for operations by hand and for clients from outside.
    pub spec: Option<ClientSpec>,
    /// Whence it came, if from outside.
    pub visitor: Option<Visitor>,
    /// Operations that succeeded.
    pub ok: u64,
    /// Operations certainly not done.
    pub failed: u64,
    /// Operations without an answer.
    pub unanswered: u64,
    /// How the latest operation ended, and when.
    pub last: Option<(Timestamp, OpId, Outcome)>,
}

/// A client from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Visitor {
    /// Whose door it came in by.
    pub node: NodeId,
    /// What it speaks, such as `redis`.
    pub speaks: Name,
    /// What it calls itself; may be empty.
    pub name: String,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq)]
pub struct OpState {
    /// Whose.
    pub client: ClientId,
    /// What.
    pub request: Request,
    /// When it began.
    pub invoked: Timestamp,
}

/// Something that is broken.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedFault {
    /// What: a node that does not run as it should, a part of its machine, or a direction of a link.
    pub what: Broken,
    /// Since when.
    pub since: Timestamp,
    /// The event by which it broke.
    pub seq: Seq,
    /// Who did it, if somebody did.
    pub by: Option<Author>,
}

/// A promise that does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromiseState {
    /// Whether it is broken, or unknown. What is broken once stays so.
    pub conclusion: Conclusion,
    /// Since when.
    pub since: Timestamp,
    /// The event that tells of it, with the evidence.
    pub seq: Seq,
    /// How often it was found.
    pub times: u32,
}

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// A node.
    Node(NodeId),
    /// One direction of a link.
    Link(LinkId),
    /// A part of a node's machine.
    Machine(NodeId, Ailment),
}

impl ClusterState {
    /// Returns the state before the first event.
    pub fn before(spec: &ClusterSpec) -> Self {
        Self {
            rate: 1.0,
            nodes: spec.nodes.iter().map(|node| (*node, NodeState::default())).collect(),
            clients: spec
                .clients
                .iter()
                .map(|client| (client.id, ClientState { spec: Some(client.clone()), ..ClientState::default() }))
                .collect(),
            knobs: spec
                .knobs
                .iter()
                .filter_map(|(knob, value)| Some((Name::intern(knob)?, Name::intern(value)?)))
                .collect(),
            ..Self::default()
        }
    }

    /// Takes one event over. Events must come in order.
    pub fn apply(&mut self, event: &TraceEvent) {
        self.at = event.at;
        self.next = event.seq.next();
        self.forget_old_drops();
        let at = event.at;
        match &event.kind {
            EventKind::CommandIssued { by, .. } => self.last_command = Some((event.seq, *by)),
            EventKind::CommandRefused { .. }
            | EventKind::ConnectionOpened { .. }
            | EventKind::FrameRejected { .. }
            | EventKind::TimerFired { .. }
            | EventKind::DiskSynced { .. }
            | EventKind::DiskHarmed { .. }
            | EventKind::KnobTaken { .. }
            | EventKind::Milestone { .. } => {}
            EventKind::KnobChanged { knob, value, .. } => drop(self.knobs.insert(*knob, *value)),
            EventKind::NodeFaultsChanged { node, part, faults } => {
                self.node(*node).faults = **faults;
                self.track(Broken::Machine(*node, *part), !faults.is_healthy(*part), event);
            }
            EventKind::NodeFaultsCounted { node, counters } => self.node(*node).counters = **counters,
            EventKind::NodeStarted { node, incarnation, port } => {
                self.set_status(*node, NodeStatus::Up, event);
                let state = self.node(*node);
                (state.incarnation, state.port, state.door) = (*incarnation, *port, 0);
                state.view = NodeView::default();
                state.log = LogTail::default();
            }
            EventKind::NodeCrashed { node } => self.set_status(*node, NodeStatus::Crashed, event),
            EventKind::NodeLostPower { node, .. } => self.set_status(*node, NodeStatus::PoweredOff, event),
            EventKind::NodeStopped { node } => self.set_status(*node, NodeStatus::Stopped, event),
            EventKind::NodeFroze { node } => self.set_status(*node, NodeStatus::Frozen, event),
            EventKind::NodeUnfroze { node } => self.set_status(*node, NodeStatus::Up, event),
            EventKind::NodeFailed { node, failure } => {
                self.set_status(*node, NodeStatus::Failed(failure.clone()), event);
            }
            EventKind::DiskWiped { node } => self.node(*node).log = LogTail::default(),
            EventKind::LinkChanged { from, to, rules } => {
                self.links.entry((*from, *to)).or_default().rules = **rules;
                self.track_link((*from, *to), event);
            }
            EventKind::ConnectionReset { from, to } => self.links.entry((*from, *to)).or_default().did.resets += 1,
            EventKind::ConnectionHalfOpened { from, to, until, by } => {
                let link = self.links.entry((*from, *to)).or_default();
                link.half_open = Some(*until);
                match by {
                    FaultKind::SlowClose => link.did.slow_closed += 1,
                    _ => link.did.half_opened += 1, // nothing else leaves an end behind
                }
                self.track_link((*from, *to), event);
            }
            EventKind::ConnectionLost { from, to } => {
                // Between nodes each direction has its own connection; a client's carries both.
                let back = from.node().is_none().then_some((*to, *from));
                for link in [Some((*from, *to)), back].into_iter().flatten() {
                    if self.links.get_mut(&link).and_then(|link| link.half_open.take()).is_some() {
                        self.track_link(link, event);
                    }
                }
            }
            EventKind::FaultsTried { proofs } => {
                let failed = proofs.iter().filter_map(|proof| Some((proof.kind, proof.outcome.clone().err()?)));
                self.untrusted = failed.collect();
            }
            EventKind::LinkActed { msg, acts } => {
                if let Some(flight) = self.flights.get(msg).copied() {
                    acts.iter().for_each(|act| self.link(flight).did.count(*act));
                }
            }
            EventKind::FrameSent { .. } => self.on_sent(event),
            EventKind::FrameDelivered { msg } => {
                if let Some(flight) = self.flights.remove(msg) {
                    self.link(flight).delivered += 1;
                }
                self.on_by_hand(event);
            }
            EventKind::FrameDropped { msg, reason } => {
                self.on_dropped(*msg, *reason);
                self.on_by_hand(event);
            }
            EventKind::FrameHeld { .. }
            | EventKind::FrameReleased { .. }
            | EventKind::TrapSet { .. }
            | EventKind::TrapSprung { .. }
            | EventKind::TrapRemoved { .. } => self.on_by_hand(event),
            EventKind::LogSpliced { node, from, entries } => {
                let state = self.node(*node);
                let erased = state.log.splice(*from, entries);
                if erased > 0 {
                    state.erased = Some((at, erased));
                }
            }
            EventKind::ViewChanged { node, changes } => {
                let view = &mut self.node(*node).view;
                changes.iter().for_each(|change| view.apply(change));
            }
            EventKind::ClientChanged { client, spec: Some(spec) } => {
                self.clients.entry(*client).or_default().spec = Some((**spec).clone());
            }
            EventKind::ClientChanged { client, spec: None } | EventKind::VisitorLeft { client } => {
                if let Some(client) = self.clients.remove(client) {
                    self.departed.ok += client.ok;
                    self.departed.failed += client.failed;
                    self.departed.unanswered += client.unanswered;
                }
            }
            EventKind::OpInvoked { op, client, request } => {
                self.clients.entry(*client).or_default();
                let (client, request) = (*client, request.clone());
                self.ops.insert(*op, OpState { client, request, invoked: at });
            }
            EventKind::OpReturned { op, outcome, .. } => self.on_returned(*op, outcome),
            EventKind::ClockChanged { rate } => self.rate = *rate,
            EventKind::Found { finding } => self.on_found(event, finding),
            EventKind::DoorOpened { node, port, .. } => self.node(*node).door = *port,
            EventKind::VisitorCame { client, node, speaks, name } => {
                let visitor = Visitor { node: *node, speaks: *speaks, name: name.clone() };
                self.clients.entry(*client).or_default().visitor = Some(visitor);
            }
        }
    }

    /// Returns the running node that leads in the latest epoch, if any does so by its own belief.
    pub fn leader(&self) -> Option<NodeId> {
        self.leaders().max_by_key(|(_, state)| state.view.epoch).map(|(node, _)| node)
    }

    /// Returns every running node that believes it leads; more than one means split brain.
    pub fn leaders(&self) -> impl Iterator<Item = (NodeId, &NodeState)> {
        let leads = |state: &NodeState| state.status.is_running() && state.view.role == crate::event::RoleKind::Leader;
        self.nodes.iter().filter(move |(_, state)| leads(state)).map(|(node, state)| (*node, state))
    }

    /// Returns whether one direction carries frames at all.
    pub fn linked(&self, from: Endpoint, to: Endpoint) -> bool {
        self.links.get(&(from, to)).is_none_or(|link| !link.rules.cut)
    }

    /// Returns whether a node runs and can talk, in both directions, with enough running nodes that with it they are
    /// more than half of the members.
    pub fn quorum_connected(&self, node: NodeId) -> bool {
        let up = |node: &NodeId| self.nodes.get(node).is_some_and(|state| state.status == NodeStatus::Up);
        let heard = |other: &NodeId| {
            let (a, b) = (Endpoint::from(node), Endpoint::from(*other));
            *other == node || self.linked(a, b) && self.linked(b, a)
        };
        let members = self.nodes.keys().filter(|other| self.is_member(**other)).count();
        up(&node)
            && 2 * self.nodes.keys().filter(|other| self.is_member(**other) && up(other) && heard(other)).count()
                > members
    }

    fn is_member(&self, node: NodeId) -> bool {
        let Some(leader) = self.leader().and_then(|leader| self.nodes.get(&leader)) else { return true };
        leader.view.voters.is_empty() || leader.view.voters.contains(&node)
    }

    fn node(&mut self, node: NodeId) -> &mut NodeState {
        self.nodes.entry(node).or_default()
    }

    fn link(&mut self, flight: Flight) -> &mut LinkState {
        self.links.entry((flight.from, flight.to)).or_default()
    }

    fn set_status(&mut self, node: NodeId, status: NodeStatus, event: &TraceEvent) {
        let broken = status != NodeStatus::Up;
        let state = self.node(node);
        (state.status, state.since) = (status, event.at);
        self.track(Broken::Node(node), broken, event);
    }

    fn track_link(&mut self, id: LinkId, event: &TraceEvent) {
        let healthy = self.links.get(&id).is_none_or(|link| link.rules.is_healthy() && link.half_open.is_none());
        self.track(Broken::Link(id), !healthy, event);
    }

    /// Keeps the list of what is broken. A fault that changes its kind keeps its place and beginning.
    fn track(&mut self, what: Broken, broken: bool, event: &TraceEvent) {
        let known = self.faults.iter().position(|fault| fault.what == what);
        match (known, broken) {
            (Some(at), false) => drop(self.faults.remove(at)),
            (None, true) => {
                let by = self.author_of(event);
                self.faults.push(TrackedFault { what, since: event.at, seq: event.seq, by });
            }
            (Some(_), true) | (None, false) => {}
        }
    }

    /// Returns who gave the command that led to an event, if it was the latest.
    fn author_of(&self, event: &TraceEvent) -> Option<Author> {
        self.last_command.filter(|(seq, _)| event.cause == Some(*seq)).map(|(_, by)| by)
    }

    fn on_by_hand(&mut self, event: &TraceEvent) {
        let ends_nothing = matches!(event.kind, EventKind::FrameDelivered { .. }) && self.held.is_empty();
        if !ends_nothing {
            self.apply_by_hand(event, self.author_of(event));
        }
    }

    fn on_sent(&mut self, event: &TraceEvent) {
        let EventKind::FrameSent { msg, from, to, info, due, bytes, .. } = &event.kind else { return };
        let sent = event.at;
        let flight = Flight { from: *from, to: *to, info: *info, sent, due: *due, bytes: *bytes, seq: event.seq };
        let link = self.link(flight);
        link.sent += 1;
        link.sent_bytes += u64::from(*bytes);
        link.last_sent = Some(sent);
        self.flights.insert(*msg, flight);
    }

    fn on_dropped(&mut self, msg: MsgId, reason: DropReason) {
        let Some(flight) = self.flights.remove(&msg) else { return };
        let link = self.link(flight);
        let before = link.did.stopped();
        link.did.count_drop(reason);
        link.dropped += u64::from(link.did.stopped() == before);
        if self.drops.len() == DROPS_MAX {
            self.drops.pop_front();
        }
        self.drops.push_back(Dropped { msg, flight, at: self.at, reason });
    }

    fn on_returned(&mut self, op: OpId, outcome: &Outcome) {
        let Some(state) = self.ops.remove(&op) else { return };
        let at = self.at;
        let client = self.clients.entry(state.client).or_default();
        match outcome {
            Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => {
                client.ok += 1
            }
            Outcome::Failed(_) => client.failed += 1,
            Outcome::NoAnswer => client.unanswered += 1,
        }
        client.last = Some((at, op, outcome.clone()));
    }

    fn on_found(&mut self, event: &TraceEvent, finding: &Finding) {
        let found = PromiseState { conclusion: finding.conclusion, since: event.at, seq: event.seq, times: 0 };
        let state = self.promises.entry(finding.promise).or_insert(found);
        if finding.conclusion < state.conclusion {
            *state = found;
        }
        state.times += u32::from(finding.conclusion == state.conclusion);
    }

    fn forget_old_drops(&mut self) {
        while self.drops.front().is_some_and(|drop| self.at.since(drop.at) > AFTERGLOW) {
            self.drops.pop_front();
        }
    }
}

/// Returns whether a command breaks or mends something; marks on the tape are made of these.
pub fn is_fault_command(command: &Command) -> bool {
    match command {
        Command::Inject(_)
        | Command::SetLinks(_)
        | Command::Heal(_)
        | Command::Restart(_)
        | Command::RestartAll
        | Command::RestartWiped(_)
        | Command::Unfreeze(_)
        | Command::AddNode(_)
        | Command::Message(_)
        | Command::Restore { .. }
        | Command::SetKnob { .. } => true,
        Command::Submit { .. }
        | Command::Ask { .. }
        | Command::SetClient(_)
        | Command::RemoveClient(_)
        | Command::Pause
        | Command::Resume
        | Command::Step
        | Command::SetRate(_) => false,
    }
}
