//! Nodes: their coming and going, the steps they take, and what becomes of their outputs.

use std::collections::{BTreeMap, VecDeque};

use super::{Backend, Booted, Down, Frame, Syncing, World, queue::Due};
use crate::{
    event::{EventKind, NodeFailure},
    fault::DropReason,
    host::{Input, Node, NodePanic, Output, Stepped},
    ids::{ClientId, Endpoint, NodeId, OpId, Seq},
    name::Name,
    protocol::NodeConfig,
    time::Timestamp,
    workload::wire,
};

/// How much a frozen node's receive buffers hold before frames are dropped.
const HELD_MAX: usize = 65_536;

/// A place for a node: the process may be there or not.
pub(super) struct Slot {
    /// Whether it was a member from the beginning.
    member: bool,
    /// How often it was booted before.
    incarnation: u32,
    process: Option<Process>,
}

struct Process {
    node: Box<dyn Node>,
    frozen: bool,
    /// What came while it was frozen.
    held: VecDeque<Held>,
    /// Who asked for what.
    askers: BTreeMap<OpId, ClientId>,
    /// What led to the outputs that come next.
    cause: Cause,
}

enum Held {
    Frame(Frame),
    Input(Cause, Input),
}

/// What led to a step. Timers and syncs become events only when something visible comes of them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// An event that was recorded.
    Event(Option<Seq>),
    /// A timer that is about to run out.
    Timer,
    /// A timer that ran out.
    Fired(Name),
    /// A sync that is done.
    Synced,
}

impl Slot {
    pub(super) fn member() -> Self {
        Self { member: true, incarnation: 0, process: None }
    }

    pub(super) fn joining() -> Self {
        Self { member: false, ..Self::member() }
    }
}

impl<B: Backend> World<B> {
    pub(super) fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|slot| slot.process.is_some())
    }

    pub(super) fn is_frozen(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.frozen)
    }

    pub(super) fn incarnation(&self, node: NodeId) -> Option<u32> {
        self.nodes.get(&node).map(|slot| slot.incarnation)
    }

    /// Brings a node up.
    pub(super) fn boot(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        let Some(slot) = self.nodes.get_mut(&node) else { return };
        let (incarnation, member) = (slot.incarnation, slot.member);
        let Booted { port, disk } = match self.backend.boot(node, incarnation) {
            Ok(booted) => booted,
            Err(failure) => {
                self.record(now, cause, EventKind::NodeFailed { node, failure });
                return;
            }
        };
        let config = NodeConfig {
            me: node,
            members: if member { self.spec.nodes.clone() } else { Vec::new() },
            profile: self.spec.profile,
            seed: self.spec.seed,
            knobs: self.spec.knobs.clone(),
        };
        let started = self.record(now, cause, EventKind::NodeStarted { node, incarnation, port });
        let mut outputs = std::mem::take(&mut self.outputs);
        match (self.row.boot)(&config, &disk, now, incarnation, &mut outputs) {
            Ok(booted) => {
                let process = Process {
                    node: booted,
                    frozen: false,
                    held: VecDeque::new(),
                    askers: BTreeMap::new(),
                    cause: Cause::Event(Some(started)),
                };
                if let Some(slot) = self.nodes.get_mut(&node) {
                    slot.process = Some(process);
                }
                self.touched.insert(node);
                self.carry(now, node, &mut outputs);
            }
            Err(NodePanic(why)) => self.fail(now, node, NodeFailure::Protocol(why), Some(started)),
        }
        outputs.clear();
        self.outputs = outputs;
    }

    /// Takes a node's process down.
    pub(super) fn take_down(&mut self, now: Timestamp, node: NodeId, how: Down, cause: Option<Seq>) -> Option<Seq> {
        let slot = self.nodes.get_mut(&node)?;
        let process = slot.process.take()?;
        slot.incarnation += 1;
        let lost = self.backend.down(node, how);
        let kind = match how {
            Down::Crash => EventKind::NodeCrashed { node },
            Down::PowerLoss => EventKind::NodeLostPower { node, records_lost: lost },
            Down::Stop => EventKind::NodeStopped { node },
        };
        let seq = self.record(now, cause, kind);
        self.after_death(now, node, process, how);
        Some(seq)
    }

    /// A node ends because it, or what it stands on, failed.
    pub(super) fn fail(&mut self, now: Timestamp, node: NodeId, failure: NodeFailure, cause: Option<Seq>) {
        let Some(slot) = self.nodes.get_mut(&node) else { return };
        let process = slot.process.take();
        slot.incarnation += 1;
        self.backend.down(node, Down::Crash);
        self.record(now, cause, EventKind::NodeFailed { node, failure });
        if let Some(process) = process {
            self.after_death(now, node, process, Down::Crash);
        }
    }

    fn after_death(&mut self, now: Timestamp, node: NodeId, process: Process, how: Down) {
        self.touched.remove(&node);
        self.links.reset(node);
        for held in process.held {
            if let Held::Frame(frame) = held {
                self.drop_frame(now, frame.msg, DropReason::ReceiverDown);
            }
        }
        for msg in self.held.parked_at(node) {
            self.drop_frame(now, msg, DropReason::ReceiverDown);
        }
        // A dead process's system resets its connections, and who can hear that learns of it. A machine without power
        // says nothing.
        if how != Down::PowerLoss {
            self.tell_peers(now, node);
        }
    }

    fn tell_peers(&mut self, now: Timestamp, dead: NodeId) {
        let delay = self.links.base_delay();
        let peers: Vec<(NodeId, u32)> = self
            .nodes
            .iter()
            .filter(|(_, slot)| slot.process.is_some())
            .map(|(id, slot)| (*id, slot.incarnation))
            .collect();
        for (node, incarnation) in peers {
            if !self.links.rules((dead.into(), node.into())).cut {
                self.queue.push(now + delay, Due::PeerLost { node, incarnation, peer: dead });
            }
        }
    }

    /// Freezes a running node.
    pub(super) fn freeze(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        if let Some(process) = self.process_mut(node) {
            process.frozen = true;
            self.touched.remove(&node);
            self.backend.freeze(node, true);
            self.record(now, cause, EventKind::NodeFroze { node });
        }
    }

    /// Lets a frozen node go on: first it takes up what came meanwhile.
    pub(super) fn unfreeze(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        let Some(process) = self.process_mut(node) else { return };
        process.frozen = false;
        let held = std::mem::take(&mut process.held);
        self.backend.freeze(node, false);
        self.record(now, cause, EventKind::NodeUnfroze { node });
        self.touched.insert(node);
        let incarnation = self.incarnation(node).unwrap_or_default();
        for held in held {
            match held {
                Held::Frame(frame) => self.deliver(now, frame),
                Held::Input(cause, input) => self.input(now, node, incarnation, cause, input),
            }
        }
    }

    /// A frozen node's receive buffer takes a frame, while there is room.
    pub(super) fn hold(&mut self, now: Timestamp, node: NodeId, frame: Frame) {
        let Some(process) = self.process_mut(node) else { return };
        if process.held.len() < HELD_MAX {
            process.held.push_back(Held::Frame(frame));
        } else {
            self.drop_frame(now, frame.msg, DropReason::BufferFull);
        }
    }

    /// Remembers who asked, for the answer to find its way.
    pub(super) fn remember_asker(&mut self, node: NodeId, op: OpId, client: ClientId) {
        if let Some(process) = self.process_mut(node) {
            process.askers.insert(op, client);
        }
    }

    /// Lets a node take one input; it is ignored if the process it was meant for is gone.
    pub(super) fn input(&mut self, now: Timestamp, node: NodeId, incarnation: u32, cause: Cause, input: Input) {
        if self.incarnation(node) != Some(incarnation) {
            return;
        }
        let Some(process) = self.process_mut(node) else { return };
        if process.frozen {
            process.held.push_back(Held::Input(cause, input));
            return;
        }
        self.touched.insert(node);
        self.step(now, node, cause, input);
    }

    /// Ends a burst for one node: it sends what it gathered, and its changed view is recorded.
    pub(super) fn idle(&mut self, now: Timestamp, node: NodeId) {
        let Some(cause) = self.process(node).filter(|process| !process.frozen).map(|process| process.cause) else {
            return;
        };
        self.step(now, node, cause, Input::Idle);
        let mut outputs = std::mem::take(&mut self.outputs);
        if let Some(process) = self.process_mut(node) {
            process.node.flush_view(&mut outputs);
        }
        self.carry(now, node, &mut outputs);
        self.outputs = outputs;
    }

    fn step(&mut self, now: Timestamp, node: NodeId, cause: Cause, input: Input) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let Some(process) = self.process_mut(node) else { return };
        match process.node.step(now, input, &mut outputs) {
            Ok(stepped) => {
                match stepped {
                    Stepped::Done => process.cause = cause,
                    Stepped::TimerFired(name) => process.cause = Cause::Fired(name),
                    Stepped::Stale => {}
                    Stepped::Undecodable => {
                        let reason = "bytes that are no message of this protocol".to_owned();
                        let Cause::Event(seq) = cause else { return };
                        self.record(now, seq, EventKind::FrameRejected { node, reason });
                    }
                }
                self.carry(now, node, &mut outputs);
            }
            Err(NodePanic(why)) => {
                outputs.clear();
                self.fail(now, node, NodeFailure::Protocol(why), None);
            }
        }
        self.outputs = outputs;
    }

    /// Carries a node's outputs out, in order.
    fn carry(&mut self, now: Timestamp, node: NodeId, outputs: &mut Vec<Output>) {
        let incarnation = self.incarnation(node).unwrap_or_default();
        for output in outputs.drain(..) {
            match output {
                Output::Arm { token, at } => self.queue.push(at, Due::Timer { node, incarnation, token }),
                Output::Write(op) => self.backend.write(node, op),
                Output::Sync(sync) => {
                    if let Syncing::DoneAfter(after) = self.backend.sync(node, incarnation, sync) {
                        self.queue.push(now + after, Due::Synced { node, incarnation, sync });
                    }
                }
                Output::Send { to, info, payload } => {
                    let cause = self.visible_cause(now, node);
                    self.send(now, cause, (node.into(), to.into()), info, payload, None);
                }
                Output::Reply { op, response } => {
                    let cause = self.visible_cause(now, node);
                    let asker = self.process_mut(node).and_then(|process| process.askers.remove(&op));
                    if let Some(client) = asker {
                        let (info, payload) = (wire::response_info(&response), wire::encode_response(op, &response));
                        self.send(now, cause, (node.into(), Endpoint::Client(client)), info, payload, None);
                    }
                }
                Output::Note(event) => {
                    let cause = self.visible_cause(now, node);
                    self.record(now, cause, event);
                }
            }
        }
    }

    /// Returns the event that led to what a node does next, recording it if it was not worth it before.
    fn visible_cause(&mut self, now: Timestamp, node: NodeId) -> Option<Seq> {
        let seq = match self.process(node)?.cause {
            Cause::Event(seq) => return seq,
            Cause::Timer => return None,
            Cause::Fired(timer) => self.record(now, None, EventKind::TimerFired { node, timer }),
            Cause::Synced => self.record(now, None, EventKind::DiskSynced { node }),
        };
        if let Some(process) = self.process_mut(node) {
            process.cause = Cause::Event(Some(seq));
        }
        Some(seq)
    }

    fn process(&self, node: NodeId) -> Option<&Process> {
        self.nodes.get(&node)?.process.as_ref()
    }

    fn process_mut(&mut self, node: NodeId) -> Option<&mut Process> {
        self.nodes.get_mut(&node)?.process.as_mut()
    }
}
