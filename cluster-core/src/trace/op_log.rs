//! A log as the operations of its entries: which stands where, as far back as it still matters.

use std::collections::{BTreeSet, VecDeque};

use crate::ids::{LogIndex, OpId};

/// How many positions of a log's end are kept one by one.
const KEPT: usize = 1 << 17;
/// A position without a client operation.
pub(super) const NO_OP: u64 = u64::MAX;

/// The operations of a log. Of positions up to `base` it is only known that they are still what they were.
#[derive(Clone, Debug, Default)]
pub(super) struct OpLog {
    base: u64,
    ops: VecDeque<u64>,
}

/// Whether an operation stands where it was said to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It did or did not as long as that was known, and nothing has changed since.
    AsBefore,
}

impl OpLog {
    /// Returns the last position.
    pub(super) fn last(&self) -> u64 {
        self.base + self.ops.len() as u64
    }

    /// Makes it be, from `from` on, exactly `ops`. Returns whether something else stood there, and what was added.
    pub(super) fn splice(&mut self, from: u64, ops: impl Iterator<Item = u64> + Clone) -> (bool, Vec<u64>) {
        if from > self.last() + 1 {
            // What lies between is not known, and nobody asks for it.
            *self = Self { base: from - 1, ops: VecDeque::new() };
        }
        if from <= self.base {
            *self = Self { base: from - 1, ops: VecDeque::new() };
            self.ops.extend(ops.clone());
            return (true, ops.collect());
        }
        let at = (from - self.base - 1) as usize;
        // A log that is told again from early on (at a restart) is not an erasure.
        let same = self.ops.range(at..).zip(ops.clone()).take_while(|(old, new)| **old == *new).count();
        let kept = at + same;
        let erases = self.ops.len() > kept;
        self.ops.truncate(kept);
        let added: Vec<u64> = ops.skip(same).collect();
        self.ops.extend(&added);
        (erases, added)
    }

    /// Takes the beginning of another log over, up to and with a position.
    pub(super) fn take_prefix(&mut self, other: &Self, upto: u64) {
        let upto = upto.min(other.last());
        let rest: Vec<u64> = self.iter().filter(|(index, _)| *index > upto).map(|(_, op)| op).collect();
        let base = other.base.min(upto);
        let prefix = other.iter().take_while(|(index, _)| *index <= upto).map(|(_, op)| op);
        *self = Self { base, ops: prefix.chain(rest).collect() };
    }

    /// Returns whether an operation stands at a position.
    pub(super) fn stands(&self, op: OpId, index: LogIndex) -> Stands {
        match index.0.checked_sub(self.base + 1) {
            None => Stands::AsBefore,
            Some(at) if self.ops.get(at as usize) == Some(&op.0) => Stands::Yes,
            Some(_) => Stands::No,
        }
    }

    /// Takes those that stand anywhere in it away from a set.
    pub(super) fn take_from(&self, missing: &mut BTreeSet<OpId>) {
        for op in &self.ops {
            missing.remove(&OpId(*op));
        }
    }

    /// Returns whether it is about to forget positions.
    pub(super) fn overflows(&self) -> bool {
        self.ops.len() > KEPT + KEPT / 8
    }

    /// Forgets which operations stand far from its end. Returns the last position that is forgotten.
    pub(super) fn forget(&mut self) -> LogIndex {
        let gone = self.ops.len().saturating_sub(KEPT);
        self.ops.drain(..gone);
        self.base += gone as u64;
        LogIndex(self.base)
    }

    fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.base + 1..).zip(self.ops.iter().copied())
    }
}
