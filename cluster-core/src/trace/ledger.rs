//! Keeps account of acknowledged writes: which of them are in no log that counts any more.

use std::collections::{BTreeMap, BTreeSet};

use super::ClusterState;
use crate::{
    event::{EventKind, Milestone, Outcome, TraceEvent, ViewChange},
    ids::{ClientId, Epoch, LogIndex, NodeId, OpId},
    request::{Key, Request, Value},
    time::Timestamp,
};

/// Keys and values are kept up to this length, for reports.
const TEXT_KEPT: usize = 64;
/// A position without a client operation.
const NO_OP: u64 = u64::MAX;

/// Follows every log and every acknowledgement.
///
/// An acknowledged write is lost if it stands nowhere in the log of the leader of the latest epoch (snapshots count as
/// the entries they cover). A write that a later one superseded is in that log, so it is not lost. While nobody leads,
/// a write is lost only if no node's log has it.
///
/// It remembers each acknowledged write and eight bytes per log position and node.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    open: BTreeMap<OpId, (ClientId, Key, Option<Value>)>,
    acknowledged: BTreeMap<OpId, Acknowledged>,
    logs: BTreeMap<NodeId, Vec<u64>>,
    /// Who sent a snapshot to whom last.
    snapshots: BTreeMap<NodeId, NodeId>,
    leader: Option<NodeId>,
    /// The latest epoch in which somebody led. Who still believes to lead in an earlier one leads nobody.
    latest: Epoch,
    lost: BTreeSet<OpId>,
    /// Whether the set of lost writes must be found anew.
    stale: bool,
}

/// A write of which its client was told that it took effect.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Acknowledged {
    /// The operation.
    pub op: OpId,
    /// Whose.
    pub client: ClientId,
    /// What it wrote.
    pub key: Key,
    /// The value; `None` if it removed the key.
    pub value: Option<Value>,
    /// When it was acknowledged.
    pub at: Timestamp,
    /// Where in the log it was said to stand.
    pub index: LogIndex,
}

/// Returns what a write leaves behind: the key, the first if there are several, and its value as far as the request
/// tells it.
fn written(request: &Request) -> Option<(&Key, Option<&Value>)> {
    match request {
        Request::Put { key, value } | Request::Append { key, value } | Request::PutIf { key, value, .. } => {
            Some((key, Some(value)))
        }
        Request::PutMany { pairs } => pairs.first().map(|(key, value)| (key, Some(value))),
        Request::Delete { key } | Request::Increment { key, .. } => Some((key, None)),
        Request::DeleteMany { keys } => keys.first().map(|key| (key, None)),
        Request::Get { .. } | Request::Admin(_) | Request::GetMany { .. } | Request::Exists { .. } => None,
    }
}

impl Ledger {
    /// Takes an event over; `state` is the state after it.
    pub fn apply(&mut self, event: &TraceEvent, state: &ClusterState) {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                let Some((key, value)) = written(request) else { return };
                let value = value.map(|value| Value(value.0.slice(..value.0.len().min(TEXT_KEPT))));
                let key = Key(key.0.slice(..key.0.len().min(TEXT_KEPT)));
                self.open.insert(*op, (*client, key, value));
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let Some((client, key, value)) = self.open.remove(op) else { return };
                if let Outcome::Written { at: index } | Outcome::Answered { at: index, .. } = *outcome {
                    self.acknowledged.insert(*op, Acknowledged { op: *op, client, key, value, at: event.at, index });
                    if !self.holds(*op, index) {
                        self.lost.insert(*op);
                    }
                }
            }
            EventKind::LogSpliced { node, from, entries } => {
                let ops = entries.iter().map(|entry| entry.op.map_or(NO_OP, |op| op.0));
                self.on_spliced(*node, from.0.max(1), ops);
            }
            EventKind::DiskWiped { node } => {
                self.logs.remove(node);
                self.stale |= self.leader.is_none_or(|leader| leader == *node);
            }
            EventKind::Milestone { node, milestone } => self.on_milestone(*node, milestone, state),
            EventKind::ViewChanged { changes, .. } if changes.iter().any(ViewChange::is_reign) => {
                self.follow_leader(state);
            }
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFailed { .. } => self.follow_leader(state),
            // Nothing else changes a log, who leads, or what a client was told.
            _ => {}
        }
    }

    /// Returns how many acknowledged writes are lost as things stand. After a change of leader or an erasure, it looks
    /// at every acknowledged write once; else it costs nothing.
    pub fn lost_so_far(&mut self) -> usize {
        self.settle();
        self.lost.len()
    }

    /// Returns the writes that are lost as things stand, in the order in which they were asked for.
    pub fn lost(&mut self) -> impl Iterator<Item = &Acknowledged> {
        self.settle();
        self.lost.iter().filter_map(|op| self.acknowledged.get(op))
    }

    /// Returns how many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    fn on_spliced(&mut self, node: NodeId, from: u64, ops: impl Iterator<Item = u64> + Clone) {
        let counts = self.leader.is_none_or(|leader| leader == node);
        let known = self.logs.get(&node).map_or(0, |log| log.len() as u64);
        if from > known + 1 {
            // What is before stands in a snapshot.
            self.copy_prefix(node, from - 1);
        }
        let log = self.logs.entry(node).or_default();
        // A log that is told again from early on (at a restart) is not an erasure.
        let same = log.iter().skip(from as usize - 1).zip(ops.clone()).take_while(|(old, new)| **old == *new).count();
        let kept = from as usize - 1 + same;
        let erases = log.len() > kept;
        log.truncate(kept);
        log.extend(ops.skip(same));
        if counts {
            self.stale |= erases;
            let added = &self.logs[&node][kept..];
            if !self.lost.is_empty() {
                for op in added {
                    self.lost.remove(&OpId(*op));
                }
            }
        }
    }

    fn on_milestone(&mut self, node: NodeId, milestone: &Milestone, state: &ClusterState) {
        match milestone {
            Milestone::LeaderElected { .. } => self.follow_leader(state),
            Milestone::SnapshotSent { to, .. } => drop(self.snapshots.insert(*to, node)),
            Milestone::SnapshotInstalled { index } => self.copy_prefix(node, index.0),
            // The rest does not change a log, or is told by `LogSpliced`, too.
            _ => {}
        }
    }

    /// A snapshot stands for the entries it covers: those of the node that sent it.
    fn copy_prefix(&mut self, node: NodeId, upto: u64) {
        let sender = self.snapshots.get(&node).copied().or(self.leader).filter(|sender| *sender != node);
        let upto = upto as usize;
        let longest = || self.logs.iter().filter(|(other, _)| **other != node).max_by_key(|(_, log)| log.len());
        let from = sender.and_then(|sender| self.logs.get(&sender)).filter(|log| log.len() >= upto);
        let Some(from) = from.or_else(|| longest().map(|(_, log)| log)) else { return };
        let prefix = from[..upto.min(from.len())].to_vec();
        let log = self.logs.entry(node).or_default();
        let rest = log.split_off(prefix.len().min(log.len()));
        *log = prefix;
        log.extend(rest);
        self.stale |= self.leader.is_none_or(|leader| leader == node);
    }

    fn follow_leader(&mut self, state: &ClusterState) {
        let epoch = |leader: &NodeId| state.nodes.get(leader).map_or(Epoch(0), |node| node.view.epoch);
        let leader = state.leader().filter(|leader| epoch(leader) >= self.latest);
        self.latest = leader.as_ref().map_or(self.latest, epoch);
        self.stale |= leader != self.leader;
        self.leader = leader;
    }

    /// Returns whether an operation stands where it was said to stand.
    fn holds(&self, op: OpId, index: LogIndex) -> bool {
        let at = (index.0 as usize).wrapping_sub(1);
        let holds = |log: &Vec<u64>| log.get(at) == Some(&op.0);
        match self.leader {
            Some(leader) => self.logs.get(&leader).is_some_and(holds),
            None => self.logs.values().any(holds),
        }
    }

    fn settle(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let mut missing: BTreeSet<OpId> = self
            .acknowledged
            .values()
            .filter(|write| !self.holds(write.op, write.index))
            .map(|write| write.op)
            .collect();
        // An operation that was asked twice may stand elsewhere.
        let counts = |node: &NodeId| self.leader.is_none_or(|leader| leader == *node);
        if !missing.is_empty() {
            for (_, log) in self.logs.iter().filter(|(node, _)| counts(node)) {
                for op in log {
                    missing.remove(&OpId(*op));
                }
            }
        }
        self.lost = missing;
    }
}
