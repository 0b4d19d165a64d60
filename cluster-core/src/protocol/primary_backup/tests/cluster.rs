//! A cluster for tests: nodes on model disks, links that keep order, time that moves only when asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;

use super::super::PrimaryBackup;
use crate::{
    disk::{ModelDisk, PowerCut, SyncId},
    event::{EventKind, Milestone, NodeView, RoleKind},
    host::{Input, Node, NodeHost, Output, TimerToken},
    ids::{LogIndex, NodeId, OpId},
    protocol::NodeConfig,
    request::{Request, Response},
    time::{Timestamp, TimingProfile},
    trace::LogTail,
};

const SYNC: Duration = Duration::from_millis(2);
const DELAY: Duration = Duration::from_millis(20);

enum Due {
    Message { from: NodeId, to: NodeId, payload: Bytes },
    Timer { node: NodeId, life: u32, token: TimerToken },
    Synced { node: NodeId, life: u32, sync: SyncId },
}

pub(super) struct Cluster {
    pub(super) now: Timestamp,
    pub(super) replies: BTreeMap<OpId, Response>,
    pub(super) notes: Vec<(NodeId, Milestone)>,
    /// Everything that the nodes put out, in words.
    pub(super) history: Vec<String>,
    configs: BTreeMap<NodeId, NodeConfig>,
    hosts: BTreeMap<NodeId, NodeHost<PrimaryBackup>>,
    lives: BTreeMap<NodeId, u32>,
    disks: BTreeMap<NodeId, ModelDisk>,
    views: BTreeMap<NodeId, NodeView>,
    logs: BTreeMap<NodeId, LogTail>,
    due: BTreeMap<(Timestamp, u64), Due>,
    count: u64,
    cut: BTreeSet<(NodeId, NodeId)>,
    delays: BTreeMap<(NodeId, NodeId), Duration>,
    ops: u64,
}

impl Cluster {
    /// Starts `count` nodes and lets them find their primary.
    pub(super) fn start(count: u16, knobs: &[(&str, &str)]) -> Self {
        let members: Vec<_> = (1..=count).map(NodeId).collect();
        let knobs: BTreeMap<_, _> = knobs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = |me: NodeId| NodeConfig {
            me,
            members: members.clone(),
            profile: TimingProfile::Human,
            seed: 7,
            knobs: knobs.clone(),
        };
        let mut cluster = Self {
            now: Timestamp::ZERO,
            replies: BTreeMap::new(),
            notes: Vec::new(),
            history: Vec::new(),
            configs: members.iter().map(|me| (*me, config(*me))).collect(),
            hosts: BTreeMap::new(),
            lives: BTreeMap::new(),
            disks: BTreeMap::new(),
            views: BTreeMap::new(),
            logs: BTreeMap::new(),
            due: BTreeMap::new(),
            count: 0,
            cut: BTreeSet::new(),
            delays: BTreeMap::new(),
            ops: 0,
        };
        members.iter().for_each(|member| cluster.boot(member.0));
        cluster.run(1000);
        assert_eq!(cluster.primaries(), [1]);
        cluster
    }

    pub(super) fn boot(&mut self, node: u16) {
        let node = NodeId(node);
        let life = self.lives.entry(node).and_modify(|life| *life += 1).or_insert(0);
        let disk = self.disks.entry(node).or_default().recover().expect("a sound disk");
        let mut out = Vec::new();
        let host = NodeHost::boot(&self.configs[&node], &disk, self.now, *life, &mut out)
            .expect("the node keeps its own invariants");
        self.hosts.insert(node, host);
        self.views.insert(node, NodeView::default());
        self.logs.insert(node, LogTail::default());
        self.carry_out(node, out);
        self.idle(node);
    }

    /// The node's machine loses power: what was not synced is gone.
    pub(super) fn kill(&mut self, node: u16) {
        self.hosts.remove(&NodeId(node));
        self.disks.get_mut(&NodeId(node)).expect("a started node has a disk").lose_power(PowerCut::Clean);
    }

    pub(super) fn wipe(&mut self, node: u16) {
        self.disks.get_mut(&NodeId(node)).expect("a started node has a disk").wipe();
    }

    /// Cuts all links between two groups, both ways.
    pub(super) fn cut(&mut self, left: &[u16], right: &[u16]) {
        for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (NodeId(*a), NodeId(*b)))) {
            self.cut.extend([(a, b), (b, a)]);
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.delays.clear();
    }

    pub(super) fn delay(&mut self, from: u16, to: u16, millis: u64) {
        self.delays.insert((NodeId(from), NodeId(to)), Duration::from_millis(millis));
    }

    pub(super) fn ask(&mut self, node: u16, request: Request) -> OpId {
        self.ops += 1;
        let op = OpId(self.ops);
        self.ask_again(node, op, request);
        op
    }

    /// Reads at a node, as a client that has seen the log through `after`.
    pub(super) fn get_after(&mut self, node: u16, key: &str, after: LogIndex) -> OpId {
        self.ops += 1;
        let (op, request) = (OpId(self.ops), Request::Get { key: key.into() });
        self.step(NodeId(node), Input::Request { op, request: Box::new(request), after });
        self.idle(NodeId(node));
        op
    }

    pub(super) fn ask_again(&mut self, node: u16, op: OpId, request: Request) {
        self.step(NodeId(node), Input::Request { op, request: Box::new(request), after: LogIndex(0) });
        self.idle(NodeId(node));
    }

    pub(super) fn put(&mut self, node: u16, key: &str, value: &str) -> OpId {
        self.ask(node, Request::Put { key: key.into(), value: value.into() })
    }

    /// Reads at a node; nodes answer reads at once.
    pub(super) fn get(&mut self, node: u16, key: &str) -> Option<String> {
        let op = self.ask(node, Request::Get { key: key.into() });
        match &self.replies[&op] {
            Response::Value { value, .. } => value.as_ref().map(ToString::to_string),
            other => panic!("a read was answered with {other:?}"),
        }
    }

    pub(super) fn acked(&self, op: OpId) -> bool {
        matches!(self.replies.get(&op), Some(Response::Written { .. }))
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some((&(at, number), _)) = self.due.first_key_value() {
            if at > end {
                break;
            }
            self.now = at;
            match self.due.remove(&(at, number)).expect("it was just seen") {
                Due::Message { from, to, payload } if !self.cut.contains(&(from, to)) => {
                    self.step(to, Input::Message { from, payload });
                    self.idle(to);
                }
                Due::Message { .. } => {}
                Due::Timer { node, life, token } if self.lives[&node] == life => {
                    self.step(node, Input::Timer(token));
                    self.idle(node);
                }
                Due::Synced { node, life, sync } if self.lives[&node] == life && self.hosts.contains_key(&node) => {
                    self.disks.get_mut(&node).expect("a started node has a disk").sync();
                    self.step(node, Input::Synced(sync));
                    self.idle(node);
                }
                Due::Timer { .. } | Due::Synced { .. } => {}
            }
        }
        self.now = end;
    }

    /// Returns who holds itself for the primary.
    pub(super) fn primaries(&self) -> Vec<u16> {
        let leads = |node: &&NodeId| self.views[node].role == RoleKind::Leader;
        self.hosts.keys().filter(leads).map(|node| node.0).collect()
    }

    pub(super) fn view(&self, node: u16) -> &NodeView {
        &self.views[&NodeId(node)]
    }

    pub(super) fn last(&self, node: u16) -> LogIndex {
        self.logs[&NodeId(node)].last()
    }

    /// Returns the operations in a node's log, in order.
    pub(super) fn ops(&self, node: u16) -> Vec<OpId> {
        self.logs[&NodeId(node)].iter().filter_map(|(_, entry)| entry.op).collect()
    }

    /// Returns whether a node ever passed such a milestone.
    pub(super) fn noted(&self, node: u16, is_it: impl Fn(&Milestone) -> bool) -> bool {
        self.notes.iter().any(|(at, milestone)| *at == NodeId(node) && is_it(milestone))
    }

    fn step(&mut self, node: NodeId, input: Input) {
        let mut out = Vec::new();
        let Some(host) = self.hosts.get_mut(&node) else { return };
        host.step(self.now, input, &mut out).expect("the node keeps its own invariants");
        host.flush_view(&mut out);
        self.carry_out(node, out);
    }

    fn idle(&mut self, node: NodeId) {
        let mut out = Vec::new();
        let Some(host) = self.hosts.get_mut(&node) else { return };
        host.idle(self.now, &mut out).expect("the node keeps its own invariants");
        host.flush_view(&mut out);
        self.carry_out(node, out);
    }

    fn carry_out(&mut self, node: NodeId, out: Vec<Output>) {
        for output in out {
            self.history.push(format!("{} {node} {output:?}", self.now));
            let life = self.lives[&node];
            match output {
                Output::Send { to, payload, .. } => {
                    let delay = self.delays.get(&(node, to)).copied().unwrap_or(DELAY);
                    if !self.cut.contains(&(node, to)) {
                        self.later(delay, Due::Message { from: node, to, payload });
                    }
                }
                Output::Reply { op, response } => {
                    assert!(self.replies.insert(op, response).is_none(), "{op} was answered twice");
                }
                Output::Arm { token, at } => self.later(at.since(self.now), Due::Timer { node, life, token }),
                Output::Write(op) => self.disks.get_mut(&node).expect("a started node has a disk").write(op),
                Output::Sync(sync) => self.later(SYNC, Due::Synced { node, life, sync }),
                Output::Note(EventKind::Milestone { milestone, .. }) => self.notes.push((node, milestone)),
                Output::Note(EventKind::LogSpliced { from, entries, .. }) => {
                    self.logs.get_mut(&node).expect("a started node has a log").splice(from, &entries);
                }
                Output::Note(EventKind::ViewChanged { changes, .. }) => {
                    let view = self.views.get_mut(&node).expect("a started node has a view");
                    changes.iter().for_each(|change| view.apply(change));
                }
                Output::Note(other) => panic!("a node does not note {other:?}"),
            }
        }
    }

    fn later(&mut self, after: Duration, due: Due) {
        self.count += 1;
        self.due.insert((self.now + after, self.count), due);
    }
}
