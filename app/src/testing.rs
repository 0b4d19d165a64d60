//! A run made by hand, for tests of the window that need no cluster.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cluster_core::{
    command::{Author, Command},
    event::{
        EntryBrief, EntryKind, EventKind, Family, MessageInfo, Milestone, Outcome, PeerView, RoleKind, TimerView,
        TraceEvent, ViewChange,
    },
    fault::{DropReason, Fault, LinkRules},
    ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    spec::ClusterSpec,
    time::Timestamp,
    trace::TraceStore,
};

use crate::source::Source;

/// A source whose events were made by hand; it keeps the commands that were sent.
pub struct Scripted {
    spec: ClusterSpec,
    events: Arc<Mutex<Vec<TraceEvent>>>,
    sent: Arc<Mutex<Vec<Command>>>,
}

impl Scripted {
    /// Makes a source of these events.
    pub fn new(spec: ClusterSpec, events: Vec<TraceEvent>) -> Self {
        Self { spec, events: Arc::new(Mutex::new(events)), sent: Arc::default() }
    }

    /// Returns where events wait for the window; more can be put there.
    pub fn waiting(&self) -> Arc<Mutex<Vec<TraceEvent>>> {
        Arc::clone(&self.events)
    }

    /// Returns where the commands are kept.
    pub fn sent(&self) -> Arc<Mutex<Vec<Command>>> {
        Arc::clone(&self.sent)
    }
}

impl Source for Scripted {
    fn store(&mut self) -> TraceStore {
        TraceStore::new(self.spec.clone())
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        (!events.is_empty()).then(|| std::mem::take(&mut *events))
    }

    fn send(&mut self, _: Author, command: Command) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        true
    }

    fn commandable(&self) -> bool {
        true
    }

    fn behind(&self) -> u64 {
        0
    }

    fn data_dir(&self) -> Option<&str> {
        None
    }

    fn trouble(&mut self) -> Option<String> {
        None
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Returns a source that shows a run of 30 seconds and stands at its end.
pub fn scripted_source() -> Scripted {
    let (spec, events) = plausible_run();
    Scripted::new(spec, events)
}

/// Writes a run down, event by event.
struct Script {
    events: Vec<TraceEvent>,
    at: Timestamp,
    msg: u64,
    op: u64,
    /// How long each log is.
    logs: BTreeMap<NodeId, u64>,
    /// Which operation each position carries.
    ops: BTreeMap<u64, OpId>,
}

const LINK: Duration = Duration::from_millis(40);
const BEAT: Duration = Duration::from_millis(250);

/// Makes a run of 30 seconds: n1 leads, crashes at 8 s; n3 leads; n1 comes back; n4 is cut off; one link is slow.
pub fn plausible_run() -> (ClusterSpec, Vec<TraceEvent>) {
    let spec = ClusterSpec::default();
    let mut script =
        Script { events: Vec::new(), at: Timestamp::ZERO, msg: 0, op: 0, logs: BTreeMap::new(), ops: BTreeMap::new() };
    for (at, node) in spec.nodes.iter().enumerate() {
        script.push(EventKind::NodeStarted { node: *node, incarnation: 0, port: 40_001 + at as u16 });
    }
    let nodes = spec.nodes.clone();
    script.elect(NodeId(1), 1, &nodes);
    script.lead(NodeId(1), &nodes, Duration::from_secs(7));
    let crash = script.command(Command::Inject(vec![Fault::Crash(NodeId(1))]));
    script.push_because(crash, EventKind::NodeCrashed { node: NodeId(1) });
    script.at = script.at + Duration::from_millis(900);
    let rest = &nodes[1..];
    script.elect(NodeId(3), 2, rest);
    script.lead(NodeId(3), rest, Duration::from_secs(6));
    let restart = script.command(Command::Restart(NodeId(1)));
    script.push_because(restart, EventKind::NodeStarted { node: NodeId(1), incarnation: 1, port: 40_001 });
    script.logs.insert(NodeId(1), 0);
    script.lead(NodeId(3), &nodes, Duration::from_secs(4));
    let group: Vec<Endpoint> = vec![NodeId(4).into()];
    let cut = script.command(Command::Inject(vec![Fault::Partition(vec![group])]));
    for other in [1, 2, 3, 5].map(NodeId) {
        for (from, to) in [(NodeId(4), other), (other, NodeId(4))] {
            let rules = Box::new(LinkRules { cut: true, ..LinkRules::default() });
            script.push_because(cut, EventKind::LinkChanged { from: from.into(), to: to.into(), rules });
        }
    }
    script.lead(NodeId(3), &nodes, Duration::from_secs(6));
    let freeze = script.command(Command::Inject(vec![Fault::Freeze(NodeId(5))]));
    script.push_because(freeze, EventKind::NodeFroze { node: NodeId(5) });
    script.lead(NodeId(3), &nodes, Duration::from_secs(4));
    script.leave_frames_under_way();
    script.push(EventKind::ClockChanged { rate: 0.0 });
    (spec, script.events)
}

impl Script {
    fn push(&mut self, kind: EventKind) -> Seq {
        self.record(None, kind)
    }

    fn push_because(&mut self, cause: Seq, kind: EventKind) -> Seq {
        self.record(Some(cause), kind)
    }

    fn record(&mut self, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = Seq(self.events.len() as u64);
        self.events.push(TraceEvent { seq, at: self.at, cause, kind });
        seq
    }

    fn command(&mut self, command: Command) -> Seq {
        self.push(EventKind::CommandIssued { by: Author::User, command })
    }

    fn view(&mut self, node: NodeId, changes: Vec<ViewChange>) {
        self.push(EventKind::ViewChanged { node, changes });
    }

    fn elect(&mut self, leader: NodeId, epoch: u64, nodes: &[NodeId]) {
        let epoch = Epoch(epoch);
        self.at = self.at + Duration::from_millis(700);
        self.view(
            leader,
            vec![ViewChange::Role(RoleKind::Candidate, Name::new("candidate")), ViewChange::Epoch(epoch)],
        );
        self.push(EventKind::Milestone { node: leader, milestone: Milestone::ElectionStarted { epoch } });
        for node in nodes.iter().filter(|node| **node != leader) {
            self.frame(leader.into(), (*node).into(), "RequestVote", Family::Vote);
            self.view(*node, vec![ViewChange::Epoch(epoch), ViewChange::VotedFor(Some(leader))]);
        }
        self.view(
            leader,
            vec![ViewChange::Role(RoleKind::Leader, Name::new("leader")), ViewChange::Leader(Some(leader))],
        );
        self.push(EventKind::Milestone { node: leader, milestone: Milestone::LeaderElected { epoch } });
        for node in nodes.iter().filter(|node| **node != leader) {
            let role = ViewChange::Role(RoleKind::Follower, Name::new("follower"));
            self.view(*node, vec![role, ViewChange::Leader(Some(leader))]);
        }
        self.splice(leader, epoch, EntryKind::NoOp, None);
    }

    /// Lets a node lead for a while: a write each beat, replicated to those that are reached.
    fn lead(&mut self, leader: NodeId, nodes: &[NodeId], time: Duration) {
        let until = self.at + time;
        let epoch = Epoch(if leader == NodeId(1) { 1 } else { 2 });
        while self.at < until {
            self.op += 1;
            let (op, client) = (OpId(self.op), ClientId(1 + (self.op % 2) as u16));
            let request = Request::Put { key: format!("k{}", self.op % 8).into(), value: "hello".into() };
            self.push(EventKind::OpInvoked { op, client, request });
            self.frame(client.into(), leader.into(), "Request", Family::Client);
            self.splice(leader, epoch, EntryKind::Put, Some(op));
            let end = self.logs.get(&leader).copied().unwrap_or(0);
            self.ops.insert(end, op);
            for node in nodes.iter().filter(|node| **node != leader) {
                self.replicate(leader, *node, epoch, end);
            }
            let index = LogIndex(end);
            let hash = end.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let state = ViewChange::State { hash, keys: 8 };
            let indexes =
                [ViewChange::CommitIndex(index), ViewChange::AppliedIndex(index), ViewChange::PersistedIndex(index)];
            self.view(leader, indexes.into_iter().chain([state]).collect());
            self.push(EventKind::OpReturned { op, outcome: Outcome::Written { at: index }, node: Some(leader) });
            self.at = self.at + BEAT;
        }
    }

    fn replicate(&mut self, leader: NodeId, node: NodeId, epoch: Epoch, end: u64) {
        let cut = self.at > Timestamp::from_secs_f64(20.0) && node == NodeId(4);
        let frozen = self.at > Timestamp::from_secs_f64(26.3) && node == NodeId(5);
        let msg = self.send(leader.into(), node.into(), "AppendEntries", Family::Append);
        if cut {
            self.push(EventKind::FrameDropped { msg, reason: DropReason::Cut });
        }
        if cut || frozen {
            return;
        }
        self.push(EventKind::FrameDelivered { msg });
        while self.logs.get(&node).copied().unwrap_or(0) < end {
            let next = self.logs.get(&node).copied().unwrap_or(0) + 1;
            let op = self.ops.get(&next).copied();
            self.splice(node, epoch, EntryKind::Put, op);
        }
        let (from, until) = (self.at, self.at + Duration::from_millis(900));
        let timer = TimerView { name: Name::new("election"), from, until };
        let index = LogIndex(end);
        let changes = vec![
            ViewChange::Epoch(epoch),
            ViewChange::Role(RoleKind::Follower, Name::new("follower")),
            ViewChange::Leader(Some(leader)),
            ViewChange::CommitIndex(index),
            ViewChange::AppliedIndex(index),
            ViewChange::Timer(Some(timer)),
            ViewChange::State { hash: end.wrapping_mul(0x9E37_79B9_7F4A_7C15), keys: 8 },
        ];
        self.view(node, changes);
        let mode = Name::new("replicate");
        let peer =
            PeerView { next_index: index.next(), match_index: index, mode, in_flight: 1, last_heard: Some(self.at) };
        self.view(leader, vec![ViewChange::Peer(node, Some(peer))]);
        self.frame(node.into(), leader.into(), "AppendEntriesResponse", Family::Reply);
    }

    fn splice(&mut self, node: NodeId, epoch: Epoch, kind: EntryKind, op: Option<OpId>) {
        let length = self.logs.entry(node).or_default();
        *length += 1;
        let from = LogIndex(*length);
        self.push(EventKind::LogSpliced { node, from, entries: vec![EntryBrief { epoch, op, kind, bytes: 24 }] });
    }

    fn send(&mut self, from: Endpoint, to: Endpoint, name: &'static str, family: Family) -> MsgId {
        self.msg += 1;
        let msg = MsgId(self.msg);
        let info = MessageInfo { name: Name::new(name), family, refuses: false };
        let (due, payload) = (self.at + LINK, format!("{name} {from} {to}").into());
        self.push(EventKind::FrameSent { msg, from, to, info, due, bytes: 96, payload });
        msg
    }

    fn frame(&mut self, from: Endpoint, to: Endpoint, name: &'static str, family: Family) {
        let msg = self.send(from, to, name, family);
        self.push(EventKind::FrameDelivered { msg });
    }

    fn leave_frames_under_way(&mut self) {
        for node in [1, 2].map(NodeId) {
            self.send(NodeId(3).into(), node.into(), "AppendEntries", Family::Append);
        }
        self.send(ClientId(1).into(), NodeId(3).into(), "Request", Family::Client);
        self.at = self.at + LINK / 2;
    }
}
