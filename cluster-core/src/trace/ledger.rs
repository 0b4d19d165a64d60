//! Keeps account of acknowledged writes: on which disks they are, which were superseded, and which are in no log that
//! counts any more.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ClusterState, Recent,
    op_log::{NO_OP, OpLog, Stands},
};
use crate::{
    event::{EventKind, Milestone, Outcome, TraceEvent, ViewChange},
    ids::{ClientId, Epoch, LogIndex, NodeId, OpId},
    request::{Key, Request, Value},
    time::Timestamp,
};

/// Keys and values are kept up to this length, for reports.
const TEXT_KEPT: usize = 64;
/// How many superseded writes are remembered one by one: the latest. Older ones are counted.
const SUPERSEDED_KEPT: usize = 1 << 16;

/// Follows every log and every acknowledgement.
///
/// An acknowledged write is lost if it stands nowhere in the log of the leader of the latest epoch (snapshots count as
/// the entries they cover). A write that a later one superseded is in that log, so it is not lost. While nobody leads,
/// a write is lost only if no node's log has it.
///
/// It remembers, for each key, the latest acknowledged write, and of those before it the latest ones; of each log the
/// end. What it does not remember one by one stays what it was: lost or not.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    open: Recent<OpId, (ClientId, Key, Option<Value>), SUPERSEDED_KEPT>,
    acknowledged: Recent<OpId, Acknowledged, SUPERSEDED_KEPT>,
    /// The acknowledged write that stands last, of each key.
    latest: BTreeMap<Key, (LogIndex, OpId)>,
    superseded: BTreeMap<OpId, OpId>,
    /// Superseded writes that are not remembered any more: how many, and how many of them were lost.
    forgotten: (usize, usize),
    logs: BTreeMap<NodeId, OpLog>,
    /// The last position that is on the disk of a node.
    persisted: BTreeMap<NodeId, LogIndex>,
    /// Who sent a snapshot to whom last.
    snapshots: BTreeMap<NodeId, NodeId>,
    leader: Option<NodeId>,
    /// The latest epoch in which somebody led. Who still believes to lead in an earlier one leads nobody.
    led: Epoch,
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

/// What became of an acknowledged write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The nodes that have it on their disks.
    pub durable_on: Vec<NodeId>,
    /// The nodes that have it in their logs, and may not have synced it.
    pub in_logs_of: Vec<NodeId>,
    /// The acknowledged write that took its place.
    pub superseded_by: Option<OpId>,
    /// Whether it is lost.
    pub lost: bool,
}

/// All acknowledged writes, by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fates {
    /// How many were acknowledged.
    pub acknowledged: u64,
    /// How many of them a later acknowledged write of the same key superseded.
    pub superseded: u64,
    /// How many are lost.
    pub lost: u64,
    /// How many of those that are neither stand on so many disks.
    pub durable_on: BTreeMap<usize, u64>,
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
                    self.supersede(*op, &key, index);
                    self.acknowledged.insert(*op, Acknowledged { op: *op, client, key, value, at: event.at, index });
                    if self.stands(*op, index) == Stands::No {
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
                self.persisted.remove(node);
                self.stale |= self.leader.is_none_or(|leader| leader == *node);
            }
            EventKind::Milestone { node, milestone } => self.on_milestone(*node, milestone, state),
            EventKind::ViewChanged { node, changes } => {
                for change in changes {
                    match change {
                        ViewChange::PersistedIndex(index) => drop(self.persisted.insert(*node, *index)),
                        change if change.is_reign() => self.follow_leader(state),
                        _ => {} // The rest says nothing of who leads, or of a disk.
                    }
                }
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
        self.lost.len() + self.forgotten.1
    }

    /// Returns the writes that are lost as things stand, in the order in which they were asked for.
    pub fn lost(&mut self) -> impl Iterator<Item = &Acknowledged> {
        self.settle();
        self.lost.iter().filter_map(|op| self.acknowledged.get(op))
    }

    /// Returns how many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len() + self.forgotten.0
    }

    /// Returns what became of a write, as of the last time that [`Ledger::lost_so_far`] was asked; `None` if it was not
    /// acknowledged, or is not remembered one by one any more.
    pub fn fate(&self, op: OpId) -> Option<Fate> {
        let write = self.acknowledged.get(&op)?;
        let in_logs_of = self.holders(write).map(|(node, _)| node).collect();
        let durable_on = self.holders(write).filter(|(_, durable)| *durable).map(|(node, _)| node).collect();
        let (superseded_by, lost) = (self.superseded.get(&op).copied(), self.lost.contains(&op));
        Some(Fate { durable_on, in_logs_of, superseded_by, lost })
    }

    /// Returns a write, if it was acknowledged and is remembered.
    pub fn write(&self, op: OpId) -> Option<&Acknowledged> {
        self.acknowledged.get(&op)
    }

    /// Returns all acknowledged writes by what became of them. Looks at each that it remembers.
    pub fn fates(&mut self) -> Fates {
        self.settle();
        let mut fates = Fates {
            acknowledged: self.acknowledged() as u64,
            superseded: (self.superseded.len() + self.forgotten.0) as u64,
            lost: self.lost_so_far() as u64,
            ..Fates::default()
        };
        for write in self.acknowledged.values() {
            if !self.superseded.contains_key(&write.op) && !self.lost.contains(&write.op) {
                let disks = self.holders(write).filter(|(_, durable)| *durable).count();
                *fates.durable_on.entry(disks).or_default() += 1;
            }
        }
        fates
    }

    /// Returns the nodes in whose logs a write stands, and whether it is on their disks.
    fn holders(&self, write: &Acknowledged) -> impl Iterator<Item = (NodeId, bool)> {
        let (op, index, lost) = (write.op, write.index, self.lost.contains(&write.op));
        self.logs.iter().filter_map(move |(node, log)| {
            let stands = match log.stands(op, index) {
                Stands::Yes => true,
                Stands::AsBefore => !lost,
                Stands::No => false,
            };
            let durable = self.persisted.get(node).is_some_and(|persisted| *persisted >= index);
            stands.then_some((*node, durable))
        })
    }

    /// Notes which acknowledged write of a key stands last, and forgets the oldest of those that do not.
    fn supersede(&mut self, op: OpId, key: &Key, index: LogIndex) {
        match self.latest.get_mut(key) {
            None => drop(self.latest.insert(key.clone(), (index, op))),
            Some((last, by)) if *last <= index => {
                let before = std::mem::replace(by, op);
                *last = index;
                if before != op {
                    self.superseded.insert(before, op);
                }
            }
            Some((_, by)) => drop(self.superseded.insert(op, *by)),
        }
        if self.superseded.len() > SUPERSEDED_KEPT
            && let Some((oldest, _)) = self.superseded.pop_first()
            && self.acknowledged.remove(&oldest).is_some()
        {
            self.forgotten.0 += 1;
            self.forgotten.1 += usize::from(self.lost.remove(&oldest));
        }
    }

    fn on_spliced(&mut self, node: NodeId, from: u64, ops: impl Iterator<Item = u64> + Clone) {
        let counts = self.leader.is_none_or(|leader| leader == node);
        let known = self.logs.get(&node).map_or(0, OpLog::last);
        if from > known + 1 {
            // What is before stands in a snapshot.
            self.copy_prefix(node, from - 1);
        }
        let log = self.logs.entry(node).or_default();
        let (erases, added) = log.splice(from, ops);
        let overflows = log.overflows();
        if counts {
            self.stale |= erases;
            if !self.lost.is_empty() {
                self.lost.retain(|lost| !added.contains(&lost.0));
            }
        }
        if overflows {
            // What is lost by now stays so, and what is not, too.
            self.settle();
            self.logs.entry(node).or_default().forget();
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
        let longest = || self.logs.iter().filter(|(other, _)| **other != node).max_by_key(|(_, log)| log.last());
        let from = sender.and_then(|sender| self.logs.get(&sender)).filter(|log| log.last() >= upto);
        let Some(from) = from.or_else(|| longest().map(|(_, log)| log)).cloned() else { return };
        self.logs.entry(node).or_default().take_prefix(&from, upto);
        self.stale |= self.leader.is_none_or(|leader| leader == node);
    }

    fn follow_leader(&mut self, state: &ClusterState) {
        let epoch = |leader: &NodeId| state.nodes.get(leader).map_or(Epoch(0), |node| node.view.epoch);
        let leader = state.leader().filter(|leader| epoch(leader) >= self.led);
        self.led = leader.as_ref().map_or(self.led, epoch);
        self.stale |= leader != self.leader;
        self.leader = leader;
    }

    /// Returns whether an operation stands where it was said to stand, in a log that counts.
    fn stands(&self, op: OpId, index: LogIndex) -> Stands {
        let stands = |log: &OpLog| log.stands(op, index);
        match self.leader {
            Some(leader) => self.logs.get(&leader).map_or(Stands::No, stands),
            None => {
                let mut all = self.logs.values().map(stands).filter(|stands| *stands != Stands::No);
                let first = all.next().unwrap_or(Stands::No);
                if all.any(|stands| stands == Stands::Yes) { Stands::Yes } else { first }
            }
        }
    }

    fn settle(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let is_missing = |write: &&Acknowledged| match self.stands(write.op, write.index) {
            Stands::Yes => false,
            Stands::No => true,
            Stands::AsBefore => self.lost.contains(&write.op),
        };
        let mut missing: BTreeSet<OpId> = self.acknowledged.values().filter(is_missing).map(|write| write.op).collect();
        // An operation that was asked twice may stand elsewhere.
        let counts = |node: &NodeId| self.leader.is_none_or(|leader| leader == *node);
        if !missing.is_empty() {
            self.logs.iter().filter(|(node, _)| counts(node)).for_each(|(_, log)| log.take_from(&mut missing));
        }
        self.lost = missing;
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
