//! Who was elected, with which log, and what was committed before: election safety and leader completeness.

use std::collections::BTreeMap;

use super::epochs::EpochLog;
use crate::ids::{Epoch, LogIndex, NodeId, Seq};

/// How many of the latest leaders are remembered.
const REIGNS_KEPT: usize = 64;

/// Leaders and commits.
#[derive(Debug, Default)]
pub(super) struct Reigns {
    elected: BTreeMap<Epoch, Elected>,
    /// The entries that are committed.
    committed: EpochLog,
    /// From which position on, in which epoch at the latest, and how that is known.
    commits: Vec<(LogIndex, Commit)>,
}

/// Somebody who was elected.
#[derive(Clone, Debug)]
pub(super) struct Elected {
    /// Who.
    pub(super) node: NodeId,
    /// The event.
    pub(super) seq: Seq,
    /// The log at that moment.
    log: EpochLog,
}

/// How it is known that an entry is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// The epoch of the node that knew it: it was committed in this one or an earlier one.
    pub(super) epoch: Epoch,
    /// Who knew it.
    pub(super) node: NodeId,
    /// The event.
    pub(super) seq: Seq,
}

/// A committed entry that a later leader does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// Where it stood.
    pub(super) index: LogIndex,
    /// The epoch of the entry.
    pub(super) epoch: Epoch,
    /// How its commit is known.
    pub(super) commit: Commit,
    /// The leader.
    pub(super) leader: NodeId,
    /// The leader's epoch.
    pub(super) leads_in: Epoch,
    /// The leader's election.
    pub(super) elected: Seq,
}

impl Reigns {
    /// Takes over that a node was elected. Returns who else was, in the same epoch.
    pub(super) fn elect(&mut self, epoch: Epoch, node: NodeId, seq: Seq, log: &EpochLog) -> Option<&Elected> {
        let known = self.elected.contains_key(&epoch);
        if !known {
            self.elected.insert(epoch, Elected { node, seq, log: log.clone() });
            if self.elected.len() > REIGNS_KEPT {
                self.elected.pop_first();
            }
        }
        self.elected.get(&epoch).filter(|elected| known && elected.node != node)
    }

    /// Returns what was committed in an earlier epoch and is not in the log of a leader.
    pub(super) fn lacks(&self, epoch: Epoch, node: NodeId, seq: Seq, log: &EpochLog) -> Option<Missing> {
        self.committed.runs().find_map(|(from, until, of)| {
            let until = self.committed_before(epoch, until).filter(|until| *until >= from)?;
            // By log matching, who has the last of a run has all of it.
            let lacked = [from, until].into_iter().find(|at| !log.has(*at, of))?;
            let index = lacked.min(log.last().next()).max(from);
            let commit = self.commit_of(index)?;
            Some(Missing { index, epoch: of, commit, leader: node, leads_in: epoch, elected: seq })
        })
    }

    /// Takes over that a node knows everything in its log up to `index` to be committed. Returns an entry of it that a
    /// leader of a later epoch was elected without.
    pub(super) fn commit(&mut self, index: LogIndex, log: &EpochLog, commit: Commit) -> Option<Missing> {
        let from = self.committed.last().next();
        let index = index.min(log.last());
        // What nobody in this trace was seen to have, a snapshot brought from somebody who had committed it.
        if index < from || log.first() > from && self.committed.last() > LogIndex(0) {
            return None;
        }
        if log.first() > from {
            self.committed.splice(log.first(), [].into_iter());
        }
        let from = self.committed.last().next();
        let mut next = from;
        while next <= index {
            self.committed.push(log.at(next)?);
            next = next.next();
        }
        if self.commits.last().is_none_or(|(_, last)| last.epoch != commit.epoch) {
            self.commits.push((from, commit));
        }
        // A leader that commits while a later one exists: the later one must have had the entries already.
        self.elected.range(Epoch(commit.epoch.0.saturating_add(1))..).find_map(|(epoch, elected)| {
            let lacks = |at: &LogIndex| log.at(*at).is_some_and(|of| !elected.log.has(*at, of));
            let index = [from, index].into_iter().find(lacks)?;
            let (node, seq) = (elected.node, elected.seq);
            let of = log.at(index)?;
            Some(Missing { index, epoch: of, commit, leader: node, leads_in: *epoch, elected: seq })
        })
    }

    /// Forgets what is before a position.
    pub(super) fn forget_before(&mut self, index: LogIndex) {
        self.committed.forget_before(index);
        let gone = self.commits.partition_point(|(from, _)| *from <= index).saturating_sub(1);
        self.commits.drain(..gone);
    }

    /// Returns the last position up to `until` that is known to be committed in an epoch before `epoch`.
    fn committed_before(&self, epoch: Epoch, until: LogIndex) -> Option<LogIndex> {
        let mut end = self.committed.last();
        for (from, commit) in self.commits.iter().rev() {
            if commit.epoch < epoch {
                return Some(end.min(until));
            }
            end = LogIndex(from.0.saturating_sub(1));
        }
        None
    }

    fn commit_of(&self, index: LogIndex) -> Option<Commit> {
        let at = self.commits.partition_point(|(from, _)| *from <= index).saturating_sub(1);
        self.commits.get(at).map(|(_, commit)| *commit)
    }
}
