//! A log as the epochs of its entries, in runs: as short as the run had leaders, however long the log.

use crate::ids::{Epoch, LogIndex};

/// The epochs of a log's entries. Positions before [`EpochLog::first`] stand in a snapshot: they are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EpochLog {
    first: u64,
    last: u64,
    /// Where each run begins, and its epoch.
    runs: Vec<(u64, Epoch)>,
}

impl Default for EpochLog {
    fn default() -> Self {
        Self { first: 1, last: 0, runs: Vec::new() }
    }
}

impl EpochLog {
    /// Returns the first position that is known.
    pub(super) fn first(&self) -> LogIndex {
        LogIndex(self.first)
    }

    /// Returns the last position.
    pub(super) fn last(&self) -> LogIndex {
        LogIndex(self.last)
    }

    /// Returns the epoch of the entry at a position; that before the first is 0.
    pub(super) fn at(&self, index: LogIndex) -> Option<Epoch> {
        if index.0 == 0 {
            return Some(Epoch(0));
        }
        if index.0 < self.first || index.0 > self.last {
            return None;
        }
        let run = self.runs.partition_point(|(from, _)| *from <= index.0).checked_sub(1)?;
        Some(self.runs[run].1)
    }

    /// Returns whether it has this entry, as far as is known: what a snapshot covers, it has.
    pub(super) fn has(&self, index: LogIndex, epoch: Epoch) -> bool {
        index.0 < self.first || self.at(index) == Some(epoch)
    }

    /// Appends an entry.
    pub(super) fn push(&mut self, epoch: Epoch) {
        self.last += 1;
        if self.runs.last().is_none_or(|(_, last)| *last != epoch) {
            self.runs.push((self.last, epoch));
        }
    }

    /// A snapshot that includes everything up to `index` took its place: whatever stood there is not known any more.
    pub(super) fn reset(&mut self, index: LogIndex) {
        *self = Self { first: index.0 + 1, last: index.0, runs: Vec::new() };
    }

    /// Makes it be, from `from` on, exactly `epochs`. Returns the first position that was erased or is another entry.
    pub(super) fn splice(&mut self, from: LogIndex, epochs: impl Iterator<Item = Epoch>) -> Option<LogIndex> {
        let mut next = from.0.clamp(1, u64::MAX / 2);
        if next > self.last + 1 || next < self.first {
            // What is before stands in a snapshot, or is told now.
            *self = Self { first: next, last: next - 1, runs: Vec::new() };
        }
        let mut erased = None;
        for epoch in epochs {
            if next <= self.last && self.at(LogIndex(next)) != Some(epoch) {
                erased = erased.or(Some(LogIndex(next)));
                self.truncate(next);
            }
            if next > self.last {
                self.push(epoch);
            }
            next += 1;
        }
        if next <= self.last {
            erased = erased.or(Some(LogIndex(next)));
            self.truncate(next);
        }
        erased
    }

    /// Forgets what is before a position.
    pub(super) fn forget_before(&mut self, index: LogIndex) {
        if index.0 <= self.first || index.0 > self.last {
            return;
        }
        let gone = self.runs.partition_point(|(from, _)| *from <= index.0).saturating_sub(1);
        self.runs.drain(..gone);
        self.first = index.0;
    }

    /// Returns the runs: first position, last position, epoch.
    pub(super) fn runs(&self) -> impl Iterator<Item = (LogIndex, LogIndex, Epoch)> {
        let ends = self.runs.iter().skip(1).map(|(from, _)| from - 1).chain([self.last]);
        self.runs
            .iter()
            .zip(ends)
            .map(|((from, epoch), until)| (LogIndex((*from).max(self.first)), LogIndex(until), *epoch))
    }

    fn truncate(&mut self, from: u64) {
        self.last = from - 1;
        while self.runs.last().is_some_and(|(begins, _)| *begins >= from) {
            self.runs.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(epochs: &[u64]) -> EpochLog {
        let mut log = EpochLog::default();
        log.splice(LogIndex(1), epochs.iter().map(|epoch| Epoch(*epoch)));
        log
    }

    #[test]
    fn each_position_has_its_epoch() {
        let log = log(&[1, 1, 3, 3, 4]);
        let at = |index| log.at(LogIndex(index)).map(|epoch| epoch.0);
        assert_eq!([at(0), at(1), at(2), at(3), at(5), at(6)], [Some(0), Some(1), Some(1), Some(3), Some(4), None]);
    }

    #[test]
    fn what_is_told_again_erases_nothing_and_what_differs_does() {
        let mut told = log(&[1, 1, 3]);
        assert_eq!(told.splice(LogIndex(2), [Epoch(1), Epoch(3), Epoch(3)].into_iter()), None);
        assert_eq!(told, log(&[1, 1, 3, 3]));
        assert_eq!(told.splice(LogIndex(3), [Epoch(5)].into_iter()), Some(LogIndex(3)));
        assert_eq!(told, log(&[1, 1, 5]));
        assert_eq!(told.splice(LogIndex(2), [].into_iter()), Some(LogIndex(2)));
        assert_eq!(told, log(&[1]));
    }

    #[test]
    fn behind_a_snapshot_only_the_rest_is_known() {
        let mut log = log(&[1, 1]);
        log.splice(LogIndex(101), [Epoch(7)].into_iter());
        assert_eq!((log.first(), log.last(), log.at(LogIndex(1))), (LogIndex(101), LogIndex(101), None));
        assert!(log.has(LogIndex(50), Epoch(3)) && !log.has(LogIndex(101), Epoch(3)));
    }

    #[test]
    fn what_is_forgotten_leaves_the_runs_behind_it() {
        let mut log = log(&[1, 1, 2, 2, 3]);
        log.forget_before(LogIndex(4));
        let runs: Vec<_> = log.runs().map(|(from, until, epoch)| (from.0, until.0, epoch.0)).collect();
        assert_eq!(runs, [(4, 4, 2), (5, 5, 3)]);
    }
}
