//! What was seen at each position of the logs: entries, who applied what, and what the maps were after it.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    event::EntryBrief,
    ids::{Epoch, LogIndex, NodeId, OpId, Seq},
};

/// How many positions behind the highest are kept. What stands in a log before them was compared long ago by all who
/// take part; who was away for longer gets a snapshot.
const KEPT: usize = 1 << 17;

/// The positions of all logs.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// The index of the first that is kept, less one.
    before: u64,
    kept: VecDeque<Position>,
    /// Entries at a position that has an entry of another epoch, too.
    others: BTreeMap<(LogIndex, Epoch), Seen>,
}

/// What was seen at one position.
#[derive(Clone, Debug, Default)]
pub(super) struct Position {
    first: Option<Seen>,
    applied: Option<Applied>,
    state: Option<Hashed>,
}

/// An entry as it was seen first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// The entry.
    pub(super) entry: EntryBrief,
    /// The epoch of the entry before it, if that was known.
    pub(super) before: Option<Epoch>,
    /// In whose log.
    pub(super) node: NodeId,
    /// The event.
    pub(super) seq: Seq,
}

/// What was applied at a position first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Applied {
    /// The epoch of the entry, if the log was known.
    pub(super) epoch: Option<Epoch>,
    /// The operation, if it has one.
    pub(super) op: Option<OpId>,
    /// By whom.
    pub(super) node: NodeId,
    /// The event.
    pub(super) seq: Seq,
}

/// What a map was, after everything up to a position was applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hashed {
    /// Its hash.
    pub(super) hash: u64,
    /// Whose.
    pub(super) node: NodeId,
    /// The event.
    pub(super) seq: Seq,
}

impl Positions {
    /// Takes over that a log has an entry. Returns what was seen of the same index and epoch, if that is another entry or
    /// follows another one.
    ///
    /// To compare neighbors is enough: if every entry of equal index and epoch is equal and follows one of equal epoch,
    /// all that is before it is equal, by induction.
    pub(super) fn see(&mut self, index: LogIndex, seen: Seen) -> Option<Seen> {
        let epoch = seen.entry.epoch;
        let position = self.make(index)?;
        let known = match &mut position.first {
            None => {
                position.first = Some(seen);
                return None;
            }
            Some(known) if known.entry.epoch == epoch => known,
            Some(_) => self.others.entry((index, epoch)).or_insert(seen),
        };
        let follows = known.before.is_none() || seen.before.is_none() || known.before == seen.before;
        if known.entry != seen.entry || !follows {
            return Some(*known);
        }
        known.before = known.before.or(seen.before);
        None
    }

    /// Returns the entry of that index and epoch, if one was seen.
    pub(super) fn entry(&self, index: LogIndex, epoch: Epoch) -> Option<&Seen> {
        let first = self.get(index)?.first.as_ref()?;
        if first.entry.epoch == epoch { Some(first) } else { self.others.get(&(index, epoch)) }
    }

    /// Takes over that an entry was applied. Returns what was applied there before, if that is another entry.
    pub(super) fn apply(&mut self, index: LogIndex, applied: Applied) -> Option<Applied> {
        let position = self.make(index)?;
        let known = position.applied.get_or_insert(applied);
        let other_epoch = matches!((known.epoch, applied.epoch), (Some(a), Some(b)) if a != b);
        // Of an entry without an operation only the epoch is known.
        let other_op = matches!((known.op, applied.op), (Some(a), Some(b)) if a != b);
        if other_epoch || other_op {
            return Some(*known);
        }
        (known.epoch, known.op) = (known.epoch.or(applied.epoch), known.op.or(applied.op));
        None
    }

    /// Takes over what a map is. Returns what another one was after the same entry, if they differ.
    pub(super) fn hash(&mut self, index: LogIndex, hashed: Hashed) -> Option<Hashed> {
        let known = self.make(index)?.state.get_or_insert(hashed);
        (known.hash != hashed.hash).then_some(*known)
    }

    /// Returns the first position that is kept.
    pub(super) fn first(&self) -> LogIndex {
        LogIndex(self.before + 1)
    }

    fn get(&self, index: LogIndex) -> Option<&Position> {
        self.kept.get(index.0.checked_sub(self.before + 1)? as usize)
    }

    fn make(&mut self, index: LogIndex) -> Option<&mut Position> {
        let at = index.0.checked_sub(self.before + 1)?;
        if at >= 2 * KEPT as u64 {
            // A log that begins far behind all others: nothing of theirs can be compared with it.
            self.kept.clear();
            self.before = index.0 - 1;
        } else if at as usize >= KEPT {
            let gone = (at as usize + 1 - KEPT).min(self.kept.len());
            self.kept.drain(..gone);
            self.before = index.0 - KEPT as u64;
        }
        let first = self.first();
        if self.others.first_key_value().is_some_and(|((index, _), _)| *index < first) {
            self.others = self.others.split_off(&(first, Epoch(0)));
        }
        let at = (index.0 - self.before - 1) as usize;
        if at >= self.kept.len() {
            self.kept.resize_with(at + 1, Position::default);
        }
        self.kept.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EntryKind;

    fn seen(epoch: u64, op: u64) -> Seen {
        let entry = EntryBrief { epoch: Epoch(epoch), op: Some(OpId(op)), kind: EntryKind::Put, bytes: 1 };
        Seen { entry, before: None, node: NodeId(1), seq: Seq(0) }
    }

    #[test]
    fn a_long_run_keeps_a_bounded_number_of_positions() {
        let mut positions = Positions::default();
        for index in 1..=3 * KEPT as u64 {
            assert_eq!(positions.see(LogIndex(index), seen(1, index)), None);
            positions.see(LogIndex(index), seen(2, index));
        }
        assert_eq!((positions.kept.len(), positions.others.len()), (KEPT, KEPT));
        assert!(positions.entry(LogIndex(1), Epoch(1)).is_none());
        assert!(positions.see(LogIndex(3 * KEPT as u64), seen(1, 7)).is_some());
        assert!(positions.see(LogIndex(1 << 60), seen(1, 7)).is_none());
        assert_eq!(positions.kept.len(), 1);
    }
}
