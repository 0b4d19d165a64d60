//! Nodes: their coming and going, the steps they take, and what becomes of their outputs.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{Backend, Booted, Down, Frame, World, ailments::Machine, disks::SlowSyncs, labor::Labor, queue::Due};
use crate::{
    event::{EventKind, NodeFailure, NodeView},
    fault::DropReason,
    host::{Input, Node, NodePanic, Output, Stepped, TimerToken},
    ids::{ClientId, Endpoint, NodeId, OpId, Seq},
    name::Name,
    time::Timestamp,
    workload::wire,
};

/// How much the receive buffers of a frozen or slow node hold before frames are dropped.
const HELD_MAX: usize = 65_536;

/// A place for a node: the process may be there or not.
pub(super) struct Slot {
    /// Whether it was a member from the beginning.
    pub(super) member: bool,
    /// How often it was booted before.
    pub(super) incarnation: u32,
    pub(super) process: Option<Process>,
    /// What ails its machine, and what that did.
    pub(super) machine: Machine,
}

pub(super) struct Process {
    node: Box<dyn Node>,
    pub(super) frozen: bool,
    /// What came while it was frozen, or waits for a slow node's time.
    pub(super) held: VecDeque<Held>,
    /// What a slow node does next, and when.
    pub(super) labor: Labor,
    /// When its timers run out, by its own clock; in order of their tokens, which only grow.
    pub(super) armed: Vec<(TimerToken, Timestamp)>,
    /// When the syncs of its disk end, if that is slow.
    pub(super) slow_syncs: SlowSyncs,
    /// Who asked for what.
    askers: BTreeMap<OpId, ClientId>,
    /// What led to the outputs that come next.
    cause: Cause,
}

pub(super) enum Held {
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
        Self { member: true, incarnation: 0, process: None, machine: Machine::default() }
    }

    pub(super) fn joining() -> Self {
        Self { member: false, ..Self::member() }
    }
}

impl Process {
    /// Returns how long a step takes on a healthy machine, about.
    pub(super) fn step_cost(&self) -> Duration {
        self.node.step_cost()
    }

    /// Its clock was turned: the times that it showed are other times.
    pub(super) fn forget_shown_times(&mut self) {
        self.node.forget_shown_times();
    }
}

impl<B: Backend> World<B> {
    pub(super) fn is_running(&self, node: NodeId) -> bool {
        self.nodes.get(node).is_some_and(|slot| slot.process.is_some())
    }

    pub(super) fn is_frozen(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.frozen)
    }

    pub(super) fn incarnation(&self, node: NodeId) -> Option<u32> {
        self.nodes.get(node).map(|slot| slot.incarnation)
    }

    /// Brings a node up.
    pub(super) fn boot(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        let Some(slot) = self.nodes.get_mut(node) else { return };
        let (incarnation, member) = (slot.incarnation, slot.member);
        let Booted { port, door, disk } = match self.read_disk(now, node, incarnation, cause) {
            Ok(booted) => booted,
            Err(failure) => {
                self.record(now, cause, EventKind::NodeFailed { node, failure });
                return self.tell_counters(now, node);
            }
        };
        let config = self.node_config(node, member);
        let started = self.record(now, cause, EventKind::NodeStarted { node, incarnation, port });
        if door != 0 {
            self.door_opened(now, started, node, door);
        }
        self.found_on_disk(now, node, started, &disk);
        let shown = self.node_time(node, now);
        match (self.row.boot)(&config, &disk, shown, incarnation, &mut self.outputs) {
            Ok(booted) => {
                let process = Process {
                    node: booted,
                    frozen: false,
                    held: VecDeque::new(),
                    labor: Labor::default(),
                    armed: Vec::new(),
                    slow_syncs: SlowSyncs::default(),
                    askers: BTreeMap::new(),
                    cause: Cause::Event(Some(started)),
                };
                if let Some(slot) = self.nodes.get_mut(node) {
                    slot.process = Some(process);
                }
                self.touched.insert(node);
                self.carry(now, node);
            }
            Err(why) => self.panicked(now, node, why, Some(started)),
        }
    }

    /// Takes a node's process down.
    pub(super) fn take_down(&mut self, now: Timestamp, node: NodeId, how: Down, cause: Option<Seq>) -> Option<Seq> {
        let slot = self.nodes.get_mut(node)?;
        let process = slot.process.take()?;
        self.before_death(now, node, how);
        let slot = self.nodes.get_mut(node)?;
        slot.incarnation += 1;
        let lost = self.backend.down(node, how);
        let kind = match how {
            Down::Crash => EventKind::NodeCrashed { node },
            Down::PowerLoss | Down::TornPowerLoss => EventKind::NodeLostPower { node, records_lost: lost.records },
            Down::Stop => EventKind::NodeStopped { node },
        };
        let seq = self.record(now, cause, kind);
        self.tell_torn(now, node, seq, &lost.torn);
        self.after_death(now, node, process, how);
        Some(seq)
    }

    /// A node ends because it, or what it stands on, failed.
    pub(super) fn fail(&mut self, now: Timestamp, node: NodeId, failure: NodeFailure, cause: Option<Seq>) {
        let Some(slot) = self.nodes.get_mut(node) else { return };
        let process = slot.process.take();
        slot.incarnation += 1;
        self.before_death(now, node, Down::Crash);
        self.backend.down(node, Down::Crash);
        self.record(now, cause, EventKind::NodeFailed { node, failure });
        if let Some(process) = process {
            self.after_death(now, node, process, Down::Crash);
        }
    }

    fn after_death(&mut self, now: Timestamp, node: NodeId, process: Process, how: Down) {
        self.touched.remove(node);
        self.links.reset(node);
        self.visitors_lost(now, node);
        for held in process.held {
            if let Held::Frame(frame) = held {
                self.drop_frame(now, frame.msg, DropReason::ReceiverDown);
            }
        }
        for msg in self.held.parked_at(node) {
            self.drop_frame(now, msg, DropReason::ReceiverDown);
        }
        self.count(node, |counters| counters.waiting = 0);
        self.tell_counters(now, node);
        // A dead process's system resets its connections, and who can hear that learns of it. A machine without power
        // says nothing.
        if how != Down::PowerLoss && how != Down::TornPowerLoss {
            self.tell_peers(now, node);
        }
    }

    fn tell_peers(&mut self, now: Timestamp, dead: NodeId) {
        let delay = self.links.base_delay();
        let peers: Vec<(NodeId, u32)> = self
            .nodes
            .iter()
            .filter(|(_, slot)| slot.process.is_some())
            .map(|(id, slot)| (id, slot.incarnation))
            .collect();
        for (node, incarnation) in peers {
            if !self.links.rules((dead.into(), node.into())).cut {
                let delay = delay.max(self.closes_late_by(now, node, dead));
                self.queue.push(now + delay, Due::PeerLost { node, incarnation, peer: dead });
            }
        }
    }

    /// Freezes a running node.
    pub(super) fn freeze(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        if let Some(process) = self.process_mut(node) {
            process.frozen = true;
            process.labor.call_off();
            self.touched.remove(node);
            self.backend.freeze(node, true);
            self.record(now, cause, EventKind::NodeFroze { node });
        }
    }

    /// Lets a frozen node go on: first it takes up what came meanwhile.
    pub(super) fn unfreeze(&mut self, now: Timestamp, node: NodeId, cause: Option<Seq>) {
        let Some(process) = self.process_mut(node) else { return };
        process.frozen = false;
        self.backend.freeze(node, false);
        self.record(now, cause, EventKind::NodeUnfroze { node });
        self.touched.insert(node);
        self.take_up_held(now, node);
    }

    /// Brings what was held once more; a slow node holds it again.
    pub(super) fn take_up_held(&mut self, now: Timestamp, node: NodeId) {
        let Some(process) = self.process_mut(node) else { return };
        let held = std::mem::take(&mut process.held);
        process.labor.call_off();
        let incarnation = self.incarnation(node).unwrap_or_default();
        for held in held {
            match held {
                Held::Frame(frame) => self.deliver(now, frame),
                Held::Input(cause, input) => self.input(now, node, incarnation, cause, input),
            }
        }
    }

    /// The receive buffer of a frozen or slow node takes a frame, while there is room.
    pub(super) fn hold(&mut self, now: Timestamp, node: NodeId, frame: Frame) {
        let Some(process) = self.process_mut(node) else { return };
        if process.held.len() < HELD_MAX {
            process.held.push_back(Held::Frame(frame));
            self.plan_work(now, node);
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
        let Some(slot) = self.nodes.get_mut(node).filter(|slot| slot.incarnation == incarnation) else { return };
        let holds = slot.holds();
        let Some(process) = slot.process.as_mut() else { return };
        if holds {
            process.held.push_back(Held::Input(cause, input));
            return self.plan_work(now, node);
        }
        self.take_in(now, node, cause, input);
    }

    /// Lets a node take one input, whose turn it is.
    #[inline(always)]
    pub(super) fn take_in(&mut self, now: Timestamp, node: NodeId, cause: Cause, input: Input) {
        self.touched.insert(node);
        self.step(now, node, cause, input);
    }

    /// Ends a burst for one node: it sends what it gathered, and its changed view is recorded.
    pub(super) fn idle(&mut self, now: Timestamp, node: NodeId) {
        let Some(slot) = self.nodes.get_mut(node) else { return };
        let Some(process) = slot.process.as_mut().filter(|process| !process.frozen) else { return };
        match process.node.idle(slot.machine.show_time(now), &mut self.outputs) {
            Ok(()) => self.carry(now, node),
            Err(why) => self.panicked(now, node, why, None),
        }
        if self.touched.contains(node) {
            // What it asked for was done at once, and it has something to do again: its view is not settled yet.
            return;
        }
        // A view is made for those who watch.
        if !self.recorder.forgets()
            && let Some(process) = self.nodes.get_mut(node).and_then(|slot| slot.process.as_mut())
        {
            process.node.flush_view(&mut self.outputs);
            self.carry(now, node);
        }
        self.tell_counters_soon(now, node);
    }

    #[inline(always)]
    fn step(&mut self, now: Timestamp, node: NodeId, cause: Cause, input: Input) {
        let Some(slot) = self.nodes.get_mut(node) else { return };
        let Some(process) = slot.process.as_mut() else { return };
        match process.node.step(slot.machine.show_time(now), input, &mut self.outputs) {
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
                self.carry(now, node);
            }
            Err(why) => self.panicked(now, node, why, None),
        }
    }

    /// A node ended itself: nothing of its step counts.
    fn panicked(&mut self, now: Timestamp, node: NodeId, NodePanic(why): NodePanic, cause: Option<Seq>) {
        self.outputs.clear();
        self.fail(now, node, NodeFailure::Protocol(why), cause);
    }

    /// Carries a node's outputs out, in order.
    fn carry(&mut self, now: Timestamp, node: NodeId) {
        if self.outputs.is_empty() {
            return;
        }
        let mut outputs = std::mem::take(&mut self.outputs);
        let incarnation = self.incarnation(node).unwrap_or_default();
        let mut done = None;
        for output in outputs.drain(..) {
            match output {
                Output::Arm { token, at } => self.arm(node, incarnation, token, at),
                Output::Write(op) => {
                    if let Err(failure) = self.write(node, op) {
                        // What it asked for after that write, it never did.
                        let cause = self.visible_cause(now, node);
                        return self.fail(now, node, failure, cause);
                    }
                }
                Output::Sync(sync) => done = self.ask_sync(now, node, incarnation, sync).or(done),
                Output::Send { to, info, payload } => {
                    let cause = self.visible_cause(now, node);
                    self.send(now, cause, (node.into(), to.into()), info, payload, None);
                }
                Output::Reply { op, response } => {
                    let cause = self.visible_cause(now, node);
                    let asker = self.process_mut(node).and_then(|process| process.askers.remove(&op));
                    if let Some(client) = asker.filter(|client| client.is_visitor()) {
                        self.answer_visitor(now, cause, node, client, op, response);
                    } else if let Some(client) = asker {
                        let (info, payload) = (wire::response_info(&response), wire::encode_response(op, &response));
                        self.send(now, cause, (node.into(), Endpoint::Client(client)), info, payload, None);
                    }
                }
                Output::Note(event) => {
                    let cause = self.visible_cause(now, node);
                    let event = self.in_cluster_time(node, event);
                    self.record(now, cause, event);
                }
            }
        }
        self.outputs = outputs;
        // Syncs are done in order: the last one stands for those before it.
        if let Some(sync) = done {
            self.input(now, node, incarnation, Cause::Synced, Input::Synced(sync));
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

    /// Returns what a running node shows of itself, as of its last burst that was recorded.
    pub fn view(&self, node: NodeId) -> Option<&NodeView> {
        self.process(node).map(|process| process.node.shown())
    }

    pub(super) fn process(&self, node: NodeId) -> Option<&Process> {
        self.nodes.get(node)?.process.as_ref()
    }

    pub(super) fn process_mut(&mut self, node: NodeId) -> Option<&mut Process> {
        self.nodes.get_mut(node)?.process.as_mut()
    }
}
