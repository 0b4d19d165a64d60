//! Makes the trace of a Raft-like run without running anything: for tests of the trace, and for its benchmark.

use cluster_core::{
    command::{Author, Command},
    event::{
        EntryBrief, EntryKind, EventKind, Family, MessageInfo, Milestone, Outcome, PeerView, RoleKind, TraceEvent,
        ViewChange,
    },
    fault::{DropReason, Fault},
    ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    time::Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A run under way: three to many nodes, one leader, one client.
pub(crate) struct Synthetic {
    rng: ChaCha8Rng,
    events: Vec<TraceEvent>,
    seq: u64,
    at: u64,
    msg: u64,
    op: u64,
    epoch: u64,
    nodes: u16,
    leader: NodeId,
    down: Option<NodeId>,
    logs: Vec<u64>,
}

impl Synthetic {
    /// Starts `nodes` nodes; n1 leads.
    pub(crate) fn new(nodes: u16, seed: u64) -> Self {
        let mut run = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            events: Vec::new(),
            seq: 0,
            at: 0,
            msg: 0,
            op: 0,
            epoch: 0,
            nodes,
            leader: NodeId(1),
            down: None,
            logs: vec![0; usize::from(nodes) + 1],
        };
        for node in 1..=nodes {
            run.emit(EventKind::NodeStarted { node: NodeId(node), incarnation: 0, port: 40_000 + node });
        }
        run.elect(NodeId(1));
        run
    }

    /// Returns the next events, about fifty times the number of nodes.
    pub(crate) fn batch(&mut self) -> Vec<TraceEvent> {
        for _ in 0..10 {
            match self.rng.random_range(0..1000) {
                0 => self.crash_leader(),
                1..10 => self.restart(),
                _ => self.put(),
            }
        }
        std::mem::take(&mut self.events)
    }

    fn put(&mut self) {
        self.op += 1;
        let (op, client, leader) = (OpId(self.op), ClientId(1), self.leader);
        let key = format!("k{}", self.op % 8).into();
        let value = format!("value-{}", self.op * 7919 % 10_007).into();
        self.emit(EventKind::OpInvoked { op, client, request: Request::Put { key, value } });
        self.frame(client.into(), leader.into(), "Request", Family::Client, 40);
        let index = self.append(leader);
        for follower in (1..=self.nodes).map(NodeId).filter(|node| *node != leader) {
            let sent = self.frame(leader.into(), follower.into(), "AppendEntries", Family::Append, 90);
            if !sent {
                continue;
            }
            self.append(follower);
            self.emit(EventKind::DiskSynced { node: follower });
            let persisted = LogIndex(self.log(follower));
            self.view(
                follower,
                vec![ViewChange::PersistedIndex(persisted), ViewChange::CommitIndex(LogIndex(index - 1))],
            );
            self.frame(follower.into(), leader.into(), "AppendEntriesReply", Family::Reply, 24);
            let last_heard = Some(Timestamp(self.at));
            let (match_index, next_index, mode) = (persisted, persisted.next(), Name::new("replicate"));
            let peer = PeerView { next_index, match_index, mode, in_flight: 1, last_heard };
            self.view(leader, vec![ViewChange::Peer(follower, Some(peer))]);
        }
        let (hash, keys) = (self.rng.random(), 8);
        let applied = vec![
            ViewChange::CommitIndex(LogIndex(index)),
            ViewChange::AppliedIndex(LogIndex(index)),
            ViewChange::State { hash, keys },
        ];
        self.view(leader, applied);
        self.frame(leader.into(), client.into(), "Answer", Family::Client, 16);
        self.emit(EventKind::OpReturned { op, outcome: Outcome::Written { at: LogIndex(index) }, node: Some(leader) });
    }

    fn crash_leader(&mut self) {
        self.restart();
        let leader = self.leader;
        self.emit(EventKind::CommandIssued { by: Author::User, command: Command::Inject(vec![Fault::Crash(leader)]) });
        self.emit(EventKind::NodeCrashed { node: leader });
        self.down = Some(leader);
        self.at += 900_000_000;
        self.elect(NodeId(leader.0 % self.nodes + 1));
    }

    fn restart(&mut self) {
        let Some(node) = self.down.take() else { return };
        self.emit(EventKind::NodeStarted { node, incarnation: 1, port: 40_000 + node.0 });
        let last = self.log(self.leader).min(self.log(node));
        self.logs[usize::from(node.0)] = 0;
        let entries = (1..=last).map(|index| self.entry(index)).collect();
        self.logs[usize::from(node.0)] = last;
        self.emit(EventKind::LogSpliced { node, from: LogIndex(1), entries });
    }

    fn elect(&mut self, node: NodeId) {
        self.epoch += 1;
        let epoch = Epoch(self.epoch);
        self.emit(EventKind::TimerFired { node, timer: Name::new("election") });
        self.emit(EventKind::Milestone { node, milestone: Milestone::ElectionStarted { epoch } });
        self.view(node, vec![ViewChange::Role(RoleKind::Candidate, Name::new("candidate")), ViewChange::Epoch(epoch)]);
        self.emit(EventKind::Milestone { node, milestone: Milestone::LeaderElected { epoch } });
        self.view(node, vec![ViewChange::Role(RoleKind::Leader, Name::new("leader"))]);
        self.leader = node;
    }

    /// Appends what the leader has and the node lacks; at the leader, one entry more.
    fn append(&mut self, node: NodeId) -> u64 {
        let from = self.log(node) + 1;
        let to = if node == self.leader { from } else { self.log(self.leader) };
        let entries = (from..=to).map(|index| self.entry(index)).collect();
        self.emit(EventKind::LogSpliced { node, from: LogIndex(from), entries });
        self.logs[usize::from(node.0)] = to;
        to
    }

    fn entry(&self, index: u64) -> EntryBrief {
        EntryBrief { epoch: Epoch(1), op: Some(OpId(index)), kind: EntryKind::Put, bytes: 24 }
    }

    fn log(&self, node: NodeId) -> u64 {
        self.logs[usize::from(node.0)]
    }

    fn view(&mut self, node: NodeId, changes: Vec<ViewChange>) {
        self.emit(EventKind::ViewChanged { node, changes });
    }

    fn frame(&mut self, from: Endpoint, to: Endpoint, name: &'static str, family: Family, bytes: u32) -> bool {
        self.msg += 1;
        let msg = MsgId(self.msg);
        let info = MessageInfo { name: Name::new(name), family, refuses: false };
        let mut payload = vec![0; bytes as usize];
        self.rng.fill(&mut payload[..8]);
        let due = Timestamp(self.at + 40_000_000);
        self.emit(EventKind::FrameSent { msg, from, to, info, due, bytes: bytes + 20, payload: payload.into() });
        let up = to.node() != self.down || to.node().is_none();
        self.emit(if up {
            EventKind::FrameDelivered { msg }
        } else {
            EventKind::FrameDropped { msg, reason: DropReason::ReceiverDown }
        });
        up
    }

    fn emit(&mut self, kind: EventKind) {
        self.at += self.rng.random_range(1_000..200_000);
        let cause = self.seq.checked_sub(1).map(Seq);
        self.events.push(TraceEvent { seq: Seq(self.seq), at: Timestamp(self.at), cause, kind });
        self.seq += 1;
    }
}
