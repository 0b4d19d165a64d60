//! Which requests each server executed, and where they stand in its journal.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    event::EntryBrief,
    ids::{LogIndex, NodeId, OpId, Seq},
};

/// How many entries of a journal's end are kept: a client gives up long before its request is that old.
const KEPT: usize = 1 << 17;

/// The journals of all servers.
#[derive(Debug, Default)]
pub(super) struct Executed(BTreeMap<NodeId, Journal>);

#[derive(Debug, Default)]
struct Journal {
    /// How many entries before those that are kept.
    before: u64,
    entries: VecDeque<(Option<OpId>, Seq)>,
    /// Where each request stands first, and by which event.
    first: BTreeMap<OpId, (LogIndex, Seq)>,
}

/// A request that was executed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice {
    pub(super) op: OpId,
    /// Where it stands first, and by which event.
    pub(super) first: (LogIndex, Seq),
    /// Where it stands again.
    pub(super) again: LogIndex,
}

impl Executed {
    /// A journal is, from `from` on, exactly `entries`. Returns the requests that stand in it twice.
    pub(super) fn splice(&mut self, node: NodeId, from: LogIndex, entries: &[EntryBrief], seq: Seq) -> Vec<Twice> {
        let journal = self.0.entry(node).or_default();
        journal.cut(from);
        let mut twice = Vec::new();
        for entry in entries {
            let index = LogIndex(journal.before + journal.entries.len() as u64 + 1);
            if let Some(op) = entry.op {
                match journal.first.get(&op) {
                    Some(first) => twice.push(Twice { op, first: *first, again: index }),
                    None => drop(journal.first.insert(op, (index, seq))),
                }
            }
            journal.entries.push_back((entry.op, seq));
        }
        while journal.entries.len() > KEPT {
            let gone = journal.entries.pop_front().and_then(|(op, _)| op);
            journal.before += 1;
            if let Some(op) = gone {
                journal.first.remove(&op);
            }
        }
        twice
    }

    /// The disk of a server was erased.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }
}

impl Journal {
    /// Takes everything from an index on away.
    fn cut(&mut self, from: LogIndex) {
        let last = self.before + self.entries.len() as u64;
        if from.0 > last + 1 || from.0 <= self.before {
            // What lies between is not known.
            *self = Self { before: from.0.saturating_sub(1), ..Self::default() };
        }
        while self.before + self.entries.len() as u64 >= from.0.max(1) {
            let Some((op, _)) = self.entries.pop_back() else { return };
            let index = LogIndex(self.before + self.entries.len() as u64 + 1);
            if let Some(op) = op
                && self.first.get(&op).is_some_and(|(first, _)| *first == index)
            {
                self.first.remove(&op);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EntryKind, ids::Epoch};

    fn entries(ops: &[u64]) -> Vec<EntryBrief> {
        let entry = |op: &u64| EntryBrief { epoch: Epoch(0), op: Some(OpId(*op)), kind: EntryKind::Put, bytes: 1 };
        ops.iter().map(entry).collect()
    }

    #[test]
    fn a_request_that_stands_twice_in_one_journal_is_found() {
        let mut executed = Executed::default();
        assert!(executed.splice(NodeId(1), LogIndex(1), &entries(&[1, 2]), Seq(1)).is_empty());
        let twice = executed.splice(NodeId(1), LogIndex(3), &entries(&[1]), Seq(2));
        assert_eq!(twice, [Twice { op: OpId(1), first: (LogIndex(1), Seq(1)), again: LogIndex(3) }]);
    }

    /// A journal is told again after a restart, and what a power loss took may be executed again.
    #[test]
    fn a_request_on_two_servers_or_in_the_place_of_itself_is_none() {
        let mut executed = Executed::default();
        executed.splice(NodeId(1), LogIndex(1), &entries(&[1, 2]), Seq(1));
        assert!(executed.splice(NodeId(2), LogIndex(1), &entries(&[1]), Seq(2)).is_empty());
        assert!(executed.splice(NodeId(1), LogIndex(1), &entries(&[1]), Seq(3)).is_empty());
        assert!(executed.splice(NodeId(1), LogIndex(2), &entries(&[2]), Seq(4)).is_empty());
        executed.forget(NodeId(1));
        assert!(executed.splice(NodeId(1), LogIndex(1), &entries(&[2]), Seq(5)).is_empty());
    }
}
