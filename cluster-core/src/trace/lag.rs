//! How far each follower is behind the leader: in entries, in bytes, and in time.

use std::collections::{BTreeMap, VecDeque};

use super::{ClusterState, Lag, LogTail};
use crate::{
    event::{EntryBrief, EventKind, Milestone, TraceEvent, ViewChange},
    ids::{Epoch, LogIndex, NodeId},
    time::Timestamp,
};

/// For how many entries of the leader it is remembered when they were appended.
const REMEMBERED_MAX: usize = 65_536;

/// Follows the logs and knows each node's lag at any moment.
///
/// The reference is the log of the leader of the latest epoch. While nobody leads it is that of the last leader: what
/// its followers lack does not change by its death. A node has what its log shares with the reference: entries that
/// will be erased do not count.
#[derive(Clone, Debug, Default)]
pub struct LagTracker {
    reference: Option<NodeId>,
    epoch: Epoch,
    appended: Appended,
    nodes: BTreeMap<NodeId, Follower>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Follower {
    /// The last position up to which its log is the reference's.
    matched: u64,
    /// The bytes of the reference's log up to there.
    bytes: u64,
    /// When the first entry that it lacks was appended; looked up when somebody asks.
    missing_since: Option<Timestamp>,
}

impl LagTracker {
    /// Takes an event over; `state` is the state after it. `sample` is told the lag of every node whose lag is about to
    /// shrink, so that the greatest values are never missed between two calls of [`LagTracker::each`].
    pub fn apply(&mut self, event: &TraceEvent, state: &ClusterState, sample: &mut dyn FnMut(NodeId, Lag)) {
        match &event.kind {
            EventKind::LogSpliced { node, from, entries } => {
                self.on_spliced(*node, *from, entries, event.at, state, sample)
            }
            EventKind::DiskWiped { node } => {
                let bytes = self.appended.bytes_up_to(0);
                self.nodes.insert(*node, Follower { matched: 0, bytes, missing_since: None });
            }
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFailed { .. }
            | EventKind::Milestone { milestone: Milestone::LeaderElected { .. }, .. } => {
                self.follow_leader(event.at, state, sample);
            }
            EventKind::ViewChanged { changes, .. } if changes.iter().any(ViewChange::is_reign) => {
                self.follow_leader(event.at, state, sample);
            }
            // Nothing else changes a log, or who leads.
            _ => {}
        }
    }

    /// Tells the lag of every node at a moment, which must not be before the last event.
    pub fn each(&mut self, at: Timestamp, tell: &mut dyn FnMut(NodeId, Lag)) {
        let nodes: Vec<NodeId> = self.nodes.keys().copied().collect();
        for node in nodes {
            tell(node, self.lag(node, at));
        }
    }

    /// Returns the lag of a node at a moment, which must not be before the last event.
    pub fn lag(&mut self, node: NodeId, at: Timestamp) -> Lag {
        let Some(follower) = self.nodes.get_mut(&node) else { return Lag::default() };
        let last = self.appended.last();
        if self.reference == Some(node) || follower.matched >= last {
            return Lag::default();
        }
        let since = match follower.missing_since {
            Some(since) => since,
            None => self.appended.at(follower.matched + 1),
        };
        follower.missing_since = Some(since);
        Lag {
            entries: last - follower.matched,
            bytes: self.appended.bytes_up_to(last).saturating_sub(follower.bytes),
            nanos: at.0.saturating_sub(since.0),
        }
    }

    fn on_spliced(
        &mut self,
        node: NodeId,
        from: LogIndex,
        entries: &[EntryBrief],
        at: Timestamp,
        state: &ClusterState,
        sample: &mut dyn FnMut(NodeId, Lag),
    ) {
        if self.reference.is_none() {
            self.follow_leader(at, state, sample);
        }
        if self.reference == Some(node) {
            let before = self.appended.last();
            self.appended.splice(from.0, entries.iter().copied(), at);
            self.nodes.entry(node).or_default().matched = self.appended.last();
            if self.appended.last() < before {
                self.compare_all(state);
            }
            return;
        }
        sample(node, self.lag(node, at));
        if let Some(state) = state.nodes.get(&node) {
            self.compare(node, &state.log);
        }
    }

    /// Takes the log of another node for the reference if another one leads.
    fn follow_leader(&mut self, at: Timestamp, state: &ClusterState, sample: &mut dyn FnMut(NodeId, Lag)) {
        let Some(leader) = state.leader() else { return };
        let Some(node) = state.nodes.get(&leader) else { return };
        // A deposed leader that is cut off still leads in its own eyes, while the latest one may be down.
        if self.reference == Some(leader) || node.view.epoch < self.epoch {
            return;
        }
        self.each(at, sample);
        (self.reference, self.epoch) = (Some(leader), node.view.epoch);
        let first = node.log.iter().next().map_or(node.log.last().0 + 1, |(index, _)| index.0);
        self.appended.splice(first, node.log.iter().map(|(_, entry)| *entry), at);
        self.compare_all(state);
    }

    fn compare_all(&mut self, state: &ClusterState) {
        for (node, state) in &state.nodes {
            self.compare(*node, &state.log);
        }
    }

    fn compare(&mut self, node: NodeId, log: &LogTail) {
        let mut matched = log.last().0.min(self.appended.last());
        // Raft's Log Matching Property: the same epoch at the same position means the same log up to there.
        while let (Some(own), Some(theirs)) = (log.get(LogIndex(matched)), self.appended.epoch(matched)) {
            if own.epoch == theirs {
                break;
            }
            matched -= 1;
        }
        let bytes = self.appended.bytes_up_to(matched);
        let follower = self.nodes.entry(node).or_default();
        if follower.matched != matched || follower.bytes != bytes {
            *follower = Follower { matched, bytes, missing_since: None };
        }
    }
}

/// The end of the reference's log: when each entry was appended, and the bytes of the log up to it.
#[derive(Clone, Debug, Default)]
struct Appended {
    /// The position of the first that is remembered.
    first: u64,
    entries: VecDeque<(Timestamp, Epoch, u64)>,
    /// The bytes of the log before the first.
    bytes_before: u64,
}

impl Appended {
    /// Makes the log be, from `from` on, exactly `entries`. Those that it had already keep their time.
    fn splice(&mut self, from: u64, entries: impl Iterator<Item = EntryBrief>, at: Timestamp) {
        if self.first == 0 || from > self.last() + 1 {
            // Behind a snapshot: what is before counts as nothing, it cannot be missed entry by entry.
            (self.bytes_before, self.first) = (self.bytes_up_to(self.last()), from.max(1));
            self.entries.clear();
        }
        let mut index = from;
        for entry in entries {
            if index >= self.first {
                self.put(index, entry, at);
            }
            index += 1;
        }
        self.entries.truncate(index.saturating_sub(self.first) as usize);
        while self.entries.len() > REMEMBERED_MAX {
            self.bytes_before = self.entries.pop_front().map_or(0, |(_, _, bytes)| bytes);
            self.first += 1;
        }
    }

    fn put(&mut self, index: u64, entry: EntryBrief, at: Timestamp) {
        let place = (index - self.first) as usize;
        if self.entries.get(place).is_some_and(|(_, epoch, _)| *epoch == entry.epoch) {
            return;
        }
        self.entries.truncate(place);
        let bytes = self.bytes_up_to(self.last()) + u64::from(entry.bytes);
        self.entries.push_back((at, entry.epoch, bytes));
    }

    fn last(&self) -> u64 {
        (self.first + self.entries.len() as u64).saturating_sub(1)
    }

    fn get(&self, index: u64) -> Option<&(Timestamp, Epoch, u64)> {
        self.entries.get(index.checked_sub(self.first)? as usize)
    }

    fn epoch(&self, index: u64) -> Option<Epoch> {
        self.get(index).map(|(_, epoch, _)| *epoch)
    }

    /// Returns when the entry was appended; of one that is not remembered, when the first remembered one was.
    fn at(&self, index: u64) -> Timestamp {
        self.get(index).or(self.entries.front()).map_or(Timestamp::ZERO, |(at, _, _)| *at)
    }

    fn bytes_up_to(&self, index: u64) -> u64 {
        self.get(index).map_or(self.bytes_before, |(_, _, bytes)| *bytes)
    }
}
