//! The end of a node's log, as far as a picture needs it.

use std::collections::VecDeque;

use crate::{event::EntryBrief, ids::LogIndex};

/// How many entries of the end of a log are kept.
const TAIL_MAX: usize = 256;

/// The last entries of a log. Positions before [`LogTail::first`] existed, but are not told any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    first: u64,
    entries: VecDeque<EntryBrief>,
}

impl LogTail {
    /// Makes the log be, from `from` on, exactly `entries`. Returns how many entries were erased.
    pub fn splice(&mut self, from: LogIndex, entries: &[EntryBrief]) -> u64 {
        let from = from.0.max(1);
        let end = self.end();
        if self.entries.is_empty() || from > end || from < self.first {
            // Nothing kept that still stands: the tail begins anew here (after a snapshot, or an early erasure).
            let erased = end.saturating_sub(from).min(self.entries.len() as u64);
            self.first = from;
            self.entries.clear();
            self.extend(entries);
            return erased;
        }
        let kept = (from - self.first) as usize;
        let same = self.entries.iter().skip(kept).zip(entries).take_while(|(old, new)| old == new).count();
        let erased = self.entries.len() - kept - same;
        self.entries.truncate(kept);
        self.extend(entries);
        erased as u64
    }

    /// Returns the first position that is kept.
    pub fn first(&self) -> LogIndex {
        LogIndex(self.first.max(1))
    }

    /// Returns the last position of the log; 0 if it is empty.
    pub fn last(&self) -> LogIndex {
        LogIndex(self.end().saturating_sub(1))
    }

    /// Returns the entry at a position, if it is kept.
    pub fn get(&self, index: LogIndex) -> Option<&EntryBrief> {
        self.entries.get(index.0.checked_sub(self.first)? as usize)
    }

    /// Returns the kept entries with their positions, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (LogIndex, &EntryBrief)> {
        let first = self.first;
        self.entries.iter().enumerate().map(move |(at, entry)| (LogIndex(first + at as u64), entry))
    }

    fn end(&self) -> u64 {
        self.first.max(1) + self.entries.len() as u64
    }

    fn extend(&mut self, entries: &[EntryBrief]) {
        self.entries.extend(entries);
        let excess = self.entries.len().saturating_sub(TAIL_MAX);
        self.entries.drain(..excess);
        self.first = self.first.max(1) + excess as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::EntryKind, ids::Epoch};

    fn entries(epoch: u64, count: usize) -> Vec<EntryBrief> {
        vec![EntryBrief { epoch: Epoch(epoch), op: None, kind: EntryKind::Put, bytes: 1 }; count]
    }

    #[test]
    fn appending_grows_the_log_and_erases_nothing() {
        let mut log = LogTail::default();
        assert_eq!(log.splice(LogIndex(1), &entries(1, 3)), 0);
        assert_eq!(log.splice(LogIndex(4), &entries(1, 2)), 0);
        assert_eq!((log.first(), log.last()), (LogIndex(1), LogIndex(5)));
    }

    #[test]
    fn a_conflicting_suffix_is_erased_and_replaced() {
        let mut log = LogTail::default();
        log.splice(LogIndex(1), &entries(1, 5));
        assert_eq!(log.splice(LogIndex(4), &entries(2, 1)), 2);
        assert_eq!(log.last(), LogIndex(4));
        assert_eq!(log.get(LogIndex(4)).map(|entry| entry.epoch), Some(Epoch(2)));
    }

    #[test]
    fn only_the_tail_of_a_long_log_is_kept() {
        let mut log = LogTail::default();
        log.splice(LogIndex(1), &entries(1, 1000));
        assert_eq!((log.last(), log.iter().count()), (LogIndex(1000), TAIL_MAX));
        assert_eq!(log.get(LogIndex(1)), None);
    }

    #[test]
    fn after_a_snapshot_the_tail_begins_behind_it() {
        let mut log = LogTail::default();
        log.splice(LogIndex(1), &entries(1, 3));
        log.splice(LogIndex(101), &[]);
        assert_eq!(log.last(), LogIndex(100));
        log.splice(LogIndex(101), &entries(2, 1));
        assert_eq!(log.last(), LogIndex(101));
    }
}
