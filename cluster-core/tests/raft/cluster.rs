//! A small cluster of real nodes: a FIFO network without delay, disks in memory, syncs that a test can hold back.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use cluster_core::{
    disk::{ModelDisk, PowerCut, SyncId},
    event::{EventKind, Milestone, NodeView, RoleKind},
    host::{Input, Node, Output, TimerToken},
    ids::{LogIndex, NodeId, OpId},
    protocol::NodeConfig,
    registry,
    request::{Admin, Request, Response},
    time::{Timestamp, TimingProfile},
};

enum Work {
    Frame { from: NodeId, to: NodeId, payload: Bytes },
    Synced { node: NodeId, sync: SyncId },
}

struct Slot {
    node: Option<Box<dyn Node>>,
    disk: ModelDisk,
    incarnation: u32,
    member: bool,
    view: NodeView,
    held: VecDeque<SyncId>,
}

pub(crate) struct Cluster {
    founders: Vec<NodeId>,
    seed: u64,
    knobs: BTreeMap<String, String>,
    slots: BTreeMap<NodeId, Slot>,
    work: VecDeque<Work>,
    timers: BTreeMap<(Timestamp, u64), (NodeId, u32, TimerToken)>,
    armed: u64,
    now: Timestamp,
    ops: u64,
    pub(crate) cuts: BTreeSet<(NodeId, NodeId)>,
    pub(crate) holds_syncs: BTreeSet<NodeId>,
    pub(crate) replies: BTreeMap<OpId, Response>,
    pub(crate) milestones: Vec<(NodeId, Milestone)>,
    pub(crate) panics: Vec<(NodeId, String)>,
    /// Everything every node ever asked for, as text, if a test wants to compare two runs.
    pub(crate) outputs: Option<Vec<String>>,
}

pub(crate) fn n(id: u16) -> NodeId {
    NodeId(id)
}

pub(crate) fn put(key: &str, value: &str) -> Request {
    Request::Put { key: key.into(), value: value.into() }
}

pub(crate) fn get(key: &str) -> Request {
    Request::Get { key: key.into() }
}

impl Cluster {
    pub(crate) fn new(nodes: u16, seed: u64, knobs: &[(&str, &str)]) -> Self {
        let founders: Vec<_> = (1..=nodes).map(NodeId).collect();
        let mut cluster = Self {
            founders: founders.clone(),
            seed,
            knobs: knobs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            slots: BTreeMap::new(),
            work: VecDeque::new(),
            timers: BTreeMap::new(),
            armed: 0,
            now: Timestamp::ZERO,
            ops: 0,
            cuts: BTreeSet::new(),
            holds_syncs: BTreeSet::new(),
            replies: BTreeMap::new(),
            milestones: Vec::new(),
            panics: Vec::new(),
            outputs: None,
        };
        for node in founders {
            cluster.add(node, true);
        }
        cluster
    }

    /// Starts a node: a founding member, or an empty one that is no member yet.
    pub(crate) fn add(&mut self, id: NodeId, member: bool) {
        let slot = Slot {
            node: None,
            disk: ModelDisk::default(),
            incarnation: 0,
            member,
            view: NodeView::default(),
            held: VecDeque::new(),
        };
        self.slots.insert(id, slot);
        self.start(id);
    }

    pub(crate) fn start(&mut self, id: NodeId) {
        let slot = self.slots.get_mut(&id).expect("a known node");
        let config = NodeConfig {
            me: id,
            members: if slot.member { self.founders.clone() } else { Vec::new() },
            profile: TimingProfile::Human,
            seed: self.seed,
            knobs: self.knobs.clone(),
        };
        let row = registry::protocol("raft").expect("Raft is registered");
        let mut out = Vec::new();
        let disk = slot.disk.recover().expect("a sound disk");
        let node =
            (row.boot)(&config, &disk, self.now, slot.incarnation, &mut out).expect("a node boots from its disk");
        slot.node = Some(node);
        slot.view = NodeView::default();
        self.carry(id, out);
        self.step(id, None);
    }

    /// The process dies; with `power_lost`, so does what was not synced.
    pub(crate) fn crash(&mut self, id: NodeId, power_lost: bool) {
        let slot = self.slots.get_mut(&id).expect("a known node");
        slot.node = None;
        slot.incarnation += 1;
        slot.held.clear();
        slot.disk.abort_syncs();
        if power_lost {
            slot.disk.lose_power(PowerCut::Clean);
        }
        self.work.retain(|work| !matches!(work, Work::Synced { node, .. } if *node == id));
    }

    /// The connection between two nodes is reset, and both see it.
    pub(crate) fn reset(&mut self, a: NodeId, b: NodeId) {
        self.input(a, Input::PeerLost(b));
        self.input(b, Input::PeerLost(a));
        self.settle();
    }

    pub(crate) fn submit(&mut self, to: NodeId, request: Request) -> OpId {
        self.ops += 1;
        let op = OpId(self.ops);
        self.submit_again(to, op, request);
        op
    }

    pub(crate) fn submit_again(&mut self, to: NodeId, op: OpId, request: Request) {
        self.input(to, Input::Request { op, request: Box::new(request), after: LogIndex(0) });
        self.settle();
    }

    /// Writes a key at the leader and expects that it is acknowledged.
    pub(crate) fn write(&mut self, key: &str, value: &str) -> OpId {
        let leader = self.leader();
        let op = self.submit(leader, put(key, value));
        assert!(matches!(self.reply(op), Some(Response::Written { .. })), "{:?}", self.reply(op));
        op
    }

    pub(crate) fn admin(&mut self, to: NodeId, admin: Admin) -> OpId {
        self.submit(to, Request::Admin(admin))
    }

    pub(crate) fn deliver_raw(&mut self, from: NodeId, to: NodeId, payload: Bytes) {
        self.input(to, Input::Message { from, payload });
        self.settle();
    }

    pub(crate) fn reply(&self, op: OpId) -> Option<Response> {
        self.replies.get(&op).cloned()
    }

    pub(crate) fn view(&self, id: NodeId) -> &NodeView {
        &self.slots[&id].view
    }

    pub(crate) fn leaders(&self) -> Vec<NodeId> {
        let up = self.slots.iter().filter(|(_, slot)| slot.node.is_some());
        up.filter(|(_, slot)| slot.view.role == RoleKind::Leader).map(|(id, _)| *id).collect()
    }

    /// Returns the leader of the latest term.
    pub(crate) fn leader(&self) -> NodeId {
        self.leaders().into_iter().max_by_key(|id| self.view(*id).epoch).expect("somebody leads")
    }

    pub(crate) fn follower(&self) -> NodeId {
        let leader = self.leader();
        *self.slots.keys().find(|id| **id != leader).expect("there is a follower")
    }

    pub(crate) fn isolate(&mut self, group: &[NodeId]) {
        for a in self.slots.keys().copied().collect::<Vec<_>>() {
            for b in self.slots.keys().copied().collect::<Vec<_>>() {
                if group.contains(&a) != group.contains(&b) {
                    self.cuts.insert((a, b));
                }
            }
        }
    }

    /// Lets a node's syncs go through again, and finishes those under way.
    pub(crate) fn release_syncs(&mut self, id: NodeId) {
        self.holds_syncs.remove(&id);
        let held = std::mem::take(&mut self.slots.get_mut(&id).expect("a known node").held);
        self.work.extend(held.into_iter().map(|sync| Work::Synced { node: id, sync }));
        self.settle();
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        self.run_until(until, |_| false);
        self.now = until;
    }

    /// Runs until something holds; panics if it never does.
    pub(crate) fn run_to(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let until = self.now + Duration::from_secs(60);
        assert!(self.run_until(until, &mut holds), "seed {}: never: {what}", self.seed);
    }

    pub(crate) fn run_to_leader(&mut self) {
        self.run_to("a leader with a committed entry of its term", |cluster| {
            cluster.leaders().iter().any(|id| {
                let view = cluster.view(*id);
                view.commit_index >= view.persisted_index && view.commit_index.0 > 0
            })
        });
    }

    pub(crate) fn noted(&self, node: NodeId, is: impl Fn(&Milestone) -> bool) -> bool {
        self.milestones.iter().any(|(by, milestone)| *by == node && is(milestone))
    }

    fn run_until(&mut self, until: Timestamp, mut holds: impl FnMut(&Self) -> bool) -> bool {
        self.settle();
        while !holds(self) {
            let Some((&(at, number), _)) = self.timers.first_key_value() else { return false };
            if at > until {
                return false;
            }
            let (node, incarnation, token) = self.timers.remove(&(at, number)).expect("it is there");
            self.now = self.now.max(at);
            if self.slots[&node].incarnation == incarnation {
                self.input(node, Input::Timer(token));
                self.settle();
            }
        }
        true
    }

    fn settle(&mut self) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Frame { from, to, payload } => {
                    if !self.cuts.contains(&(from, to)) {
                        self.input(to, Input::Message { from, payload });
                    }
                }
                Work::Synced { node, sync } => {
                    self.slots.get_mut(&node).expect("a known node").disk.finish_sync(sync);
                    self.input(node, Input::Synced(sync));
                }
            }
        }
    }

    fn input(&mut self, id: NodeId, input: Input) {
        self.step(id, Some(input));
        self.step(id, None);
    }

    /// Lets a node take an input, or end its burst.
    fn step(&mut self, id: NodeId, input: Option<Input>) {
        let Some(node) = self.slots.get_mut(&id).and_then(|slot| slot.node.as_mut()) else { return };
        let mut out = Vec::new();
        let stepped = match input {
            Some(input) => node.step(self.now, input, &mut out).map(|_| ()),
            None => node.idle(self.now, &mut out),
        };
        match stepped {
            Ok(()) => node.flush_view(&mut out),
            Err(panic) => {
                self.panics.push((id, panic.0));
                return self.crash(id, false);
            }
        }
        self.carry(id, out);
    }

    fn carry(&mut self, id: NodeId, out: Vec<Output>) {
        for output in out {
            if let Some(outputs) = &mut self.outputs {
                outputs.push(format!("{} {id} {output:?}", self.now.0));
            }
            let slot = self.slots.get_mut(&id).expect("a known node");
            match output {
                Output::Send { to, payload, .. } => self.work.push_back(Work::Frame { from: id, to, payload }),
                Output::Reply { op, response } => {
                    let earlier = self.replies.insert(op, response);
                    assert!(earlier.is_none(), "{op} was answered twice, first by {earlier:?}");
                }
                Output::Arm { token, at } => {
                    self.armed += 1;
                    self.timers.insert((at, self.armed), (id, slot.incarnation, token));
                }
                Output::Write(op) => slot.disk.write(op),
                Output::Sync(sync) => {
                    slot.disk.begin_sync(sync);
                    if self.holds_syncs.contains(&id) {
                        slot.held.push_back(sync);
                    } else {
                        self.work.push_back(Work::Synced { node: id, sync });
                    }
                }
                Output::Note(EventKind::ViewChanged { changes, .. }) => {
                    changes.iter().for_each(|change| slot.view.apply(change));
                }
                Output::Note(EventKind::Milestone { milestone, .. }) => self.milestones.push((id, milestone)),
                Output::Note(_) => {}
            }
        }
    }
}
