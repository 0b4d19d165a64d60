//! What can be asked about, and where its chain of causes begins.

use std::fmt;

use super::{
    BecauseKind,
    walk::{Walk, clock},
};
use crate::{
    event::{EventKind, Milestone, Outcome, RoleKind, ViewChange},
    ids::{Epoch, NodeId, OpId, Seq},
    time::Timestamp,
    trace::{ClusterState, Ledger, NodeStatus},
};

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Why an event happened.
    Event(Seq),
    /// Why a node is what it is: down, leading, following, asking for votes.
    Node(NodeId),
    /// Why somebody leads, or wants to, in an epoch.
    Election(Epoch),
    /// Why an operation ended as it did, or did not end.
    Op(OpId),
    /// Why an acknowledged write is lost.
    Lost(OpId),
    /// Why no write was acknowledged around a moment.
    Unavailable(Timestamp),
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// There is no such thing in the run so far.
    #[error("{0} is not in the run up to this moment; choose a later moment")]
    Unknown(String),
    /// The write is not lost.
    #[error("{0} is not lost up to this moment: ask why it ended as it did")]
    NotLost(OpId),
    /// There were writes.
    #[error("writes were acknowledged around {0}; choose a moment at which none was")]
    Available(Timestamp),
    /// What was written is no subject.
    #[error("`{0}` is nothing to ask about; write an event's number, n2, op12, term3, lost:op12 or unavailable")]
    Unreadable(String),
}

/// Writes that follow each other this closely leave nothing to explain.
const GAP_MIN: std::time::Duration = std::time::Duration::from_millis(150);

impl Subject {
    /// Reads a subject as people write it: `120`, `n2`, `op12`, `term3`, `lost:op12`, `unavailable`. The last one is about
    /// the moment `at`.
    pub fn parse(text: &str, at: Timestamp) -> Result<Self, SubjectError> {
        let number = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.parse::<u64>().ok());
        let node = || text.strip_prefix('n').and_then(|rest| rest.parse().ok());
        let subject = match text {
            "unavailable" => Some(Self::Unavailable(at)),
            _ => node()
                .map(|node| Self::Node(NodeId(node)))
                .or_else(|| number("lost:op").map(|op| Self::Lost(OpId(op))))
                .or_else(|| number("op").map(|op| Self::Op(OpId(op))))
                .or_else(|| number("term").or_else(|| number("epoch")).map(|epoch| Self::Election(Epoch(epoch))))
                .or_else(|| number("#").or_else(|| number("")).map(|seq| Self::Event(Seq(seq)))),
        };
        subject.ok_or_else(|| SubjectError::Unreadable(text.to_owned()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(seq) => write!(f, "event {seq}"),
            Self::Node(node) => write!(f, "{node}"),
            Self::Election(epoch) => write!(f, "the election of {epoch}"),
            Self::Op(op) => write!(f, "{op}"),
            Self::Lost(op) => write!(f, "the loss of {op}"),
            Self::Unavailable(at) => write!(f, "no write around {at}"),
        }
    }
}

impl Walk<'_> {
    /// Walks from what is asked about to its root. Returns it in words.
    pub(super) fn start(&mut self, subject: Subject) -> Result<String, SubjectError> {
        let unknown = || SubjectError::Unknown(subject.to_string());
        match subject {
            Subject::Event(seq) => {
                self.event(seq).ok_or_else(unknown)?;
                self.follow(Some(seq));
                Ok(format!("Why event {seq}?"))
            }
            Subject::Node(node) => {
                let state = self.state(self.end);
                let known = state.nodes.get(&node).ok_or_else(unknown)?;
                let view = &known.view;
                let word = match &known.status {
                    NodeStatus::Up => format!("{} in {} {}", view.role_name, self.word, view.epoch),
                    other => other.word().to_owned(),
                };
                let begins = self.of_node(node, &state, self.end).ok_or_else(unknown)?;
                self.follow(Some(begins));
                // Who follows, follows somebody: why that one leads belongs to it.
                let leader = view.leader.filter(|leader| known.status == NodeStatus::Up && *leader != node);
                if let Some(leader) = leader {
                    let leads = self.of_node(leader, &state, self.end);
                    self.follow(leads);
                }
                Ok(format!("Why is {node} {word}?"))
            }
            Subject::Election(epoch) => {
                let elected = self.last_before(self.end, |event| {
                    matches!(event.kind, EventKind::Milestone { milestone: Milestone::LeaderElected { epoch: e }, .. } if e == epoch)
                });
                let begins = elected.or_else(|| {
                    self.last_before(self.end, |event| {
                        matches!(event.kind, EventKind::Milestone { milestone: Milestone::ElectionStarted { epoch: e }, .. } if e == epoch)
                    })
                });
                self.follow(Some(begins.ok_or_else(unknown)?));
                Ok(format!("Why an election in {} {epoch}?", self.word))
            }
            Subject::Op(op) => self.start_op(op).ok_or_else(unknown),
            Subject::Lost(op) => self.start_lost(op),
            Subject::Unavailable(at) => self.start_unavailable(at),
        }
    }

    /// Returns the event that made a node what it is before `before`.
    pub(super) fn of_node(&mut self, node: NodeId, state: &ClusterState, before: Seq) -> Option<Seq> {
        let known = state.nodes.get(&node)?;
        let up = known.status == NodeStatus::Up;
        let role = known.view.role;
        self.last_before(before, |event| match &event.kind {
            EventKind::NodeCrashed { node: n }
            | EventKind::NodeLostPower { node: n, .. }
            | EventKind::NodeStopped { node: n }
            | EventKind::NodeFroze { node: n }
            | EventKind::NodeFailed { node: n, .. } => *n == node,
            EventKind::NodeStarted { node: n, .. } => up && *n == node,
            EventKind::Milestone { node: n, milestone } if up && *n == node => match milestone {
                Milestone::LeaderElected { .. } => role == RoleKind::Leader,
                Milestone::PreVoteStarted { .. } | Milestone::ElectionStarted { .. } => role == RoleKind::Candidate,
                Milestone::SteppedDown { .. } => role == RoleKind::Follower,
                // The other news make no role.
                _ => false,
            },
            EventKind::ViewChanged { node: n, changes } if up && *n == node => {
                let follows = |change: &ViewChange| {
                    matches!(change, ViewChange::Role(..) | ViewChange::Epoch(_) | ViewChange::Leader(_))
                };
                matches!(role, RoleKind::Follower | RoleKind::Learner) && changes.iter().any(follows)
            }
            // Nothing else makes a node what it is.
            _ => false,
        })
    }

    /// An acknowledged write that stands in no log that counts: what took it away, and why nobody else had it.
    fn start_lost(&mut self, op: OpId) -> Result<String, SubjectError> {
        let (mut ledger, mut state) = (Ledger::default(), ClusterState::before(self.store.spec()));
        let (mut acknowledged, mut lost) = (None, None);
        let end = self.end;
        self.store.each(Seq(0)..end, &mut |event| {
            state.apply(event);
            ledger.apply(event, &state);
            match &event.kind {
                EventKind::OpReturned { op: returned, outcome: Outcome::Written { at }, .. } if *returned == op => {
                    acknowledged = Some((event.seq, event.at, *at));
                }
                EventKind::FrameSent { .. } | EventKind::FrameDelivered { .. } | EventKind::FrameDropped { .. } => {
                    return;
                }
                // Anything else may change who leads, or a log.
                _ => {}
            }
            if acknowledged.is_some() {
                let is_lost = ledger.lost().any(|write| write.op == op);
                lost = if is_lost { lost.or(Some(event.seq)) } else { None };
            }
        });
        let Some((ack, ack_at, index)) = acknowledged else { return Err(SubjectError::Unknown(op.to_string())) };
        let Some(lost) = lost else { return Err(SubjectError::NotLost(op)) };
        let at_ack = self.state(ack);
        let has = |log: &crate::trace::LogTail| log.get(index).is_some_and(|entry| entry.op == Some(op));
        let holders: Vec<String> =
            at_ack.nodes.iter().filter(|(_, node)| has(&node.log)).map(|(id, _)| id.to_string()).collect();
        let only = if holders.is_empty() { "no node".to_owned() } else { holders.join(", ") };
        let sentence = format!("{op} was acknowledged as entry {index}, when {only} had it on its log");
        self.follow(Some(lost));
        self.add(ack, ack_at, BecauseKind::Client, sentence);
        let kept_away = self.missing_peers(ack, &at_ack);
        self.follow_each(kept_away);
        let (at, after) = (self.event(lost).map_or(ack_at, |event| event.at), self.state(lost.next()));
        let leader = after.leader().and_then(|leader| Some((leader, after.nodes.get(&leader)?.view.epoch)));
        let lacks = match leader {
            Some((leader, epoch)) => {
                format!("{leader} leads in {} {epoch}, and its log does not hold entry {index} of {op}", self.word)
            }
            None => format!("No log that is left holds entry {index} of {op}"),
        };
        self.add_first(lost, at, BecauseKind::Client, lacks);
        Ok(format!("Why is the acknowledged {op} lost?"))
    }

    /// The faults that kept entries from others when something was acknowledged.
    fn missing_peers(&mut self, before: Seq, state: &ClusterState) -> Vec<Seq> {
        let Some(leader) = state.leader() else { return Vec::new() };
        let peers: Vec<NodeId> = state.nodes.keys().copied().filter(|node| *node != leader).collect();
        let mut faults: Vec<Seq> =
            peers.iter().filter_map(|peer| self.fault_between(leader, *peer, state, before)).collect();
        faults.dedup();
        faults
    }

    fn start_unavailable(&mut self, at: Timestamp) -> Result<String, SubjectError> {
        let middle = self.store.seq_at(at).min(self.end);
        let written = |kind: &EventKind| matches!(kind, EventKind::OpReturned { outcome: Outcome::Written { .. }, .. });
        let last = self.last_before(middle, |event| written(&event.kind));
        let (mut next, mut first_trouble) = (None, None);
        let from = last.map_or(Seq(0), Seq::next);
        let mut open: std::collections::BTreeMap<OpId, Seq> = std::collections::BTreeMap::new();
        // What was under way already when the last write was acknowledged counts as trying, too.
        for (op, _) in self.state(from).ops.iter().filter(|(_, op)| op.request.is_write()) {
            open.insert(*op, from);
        }
        self.store.each(from..self.end, &mut |event| {
            if next.is_some() {
                return;
            }
            match &event.kind {
                EventKind::OpInvoked { op, request, .. } if request.is_write() => drop(open.insert(*op, event.seq)),
                EventKind::OpReturned { op, outcome: Outcome::Written { .. }, .. } => {
                    next = Some((event.seq, event.at, *op));
                }
                EventKind::OpReturned { op, .. } if open.contains_key(op) => {
                    first_trouble.get_or_insert(*op);
                }
                // Only writes tell whether writes are possible.
                _ => {}
            }
        });
        let tried = open.len();
        let since = last.and_then(|seq| self.event(seq)).map_or(Timestamp::ZERO, |event| event.at);
        let op = first_trouble.or_else(|| open.keys().next().copied()).or(next.map(|(_, _, op)| op));
        let short = next.is_some_and(|(_, at, _)| at.since(since) < GAP_MIN) && first_trouble.is_none();
        let Some(op) = op.filter(|_| tried > 0 && !short) else { return Err(SubjectError::Available(at)) };
        let until = next.map_or(self.end, |(seq, _, _)| seq);
        self.trouble(op, until);
        if let Some((seq, at, _)) = next {
            let led = self.state(seq).leader().map_or_else(String::new, |leader| format!(", under {leader}"));
            let sentence = format!("A write was acknowledged again, {} s after the last{led}", clock(at.since(since)));
            self.add_first(seq, at, BecauseKind::Client, sentence);
        }
        Ok(format!("Why was no write acknowledged around {at}?"))
    }
}
