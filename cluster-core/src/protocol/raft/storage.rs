//! The log as the engine reads it: in memory, the mirror of what the disk holds or is about to hold.

use std::cell::Cell;

use raft::{
    Error, GetEntriesContext, RaftState, Storage, StorageError,
    eraftpb::{ConfState, Entry, HardState, Snapshot},
};

/// A position in the log with the term of what stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) index: u64,
    pub(super) term: u64,
}

/// The log, the vote and the latest snapshot.
#[derive(Default)]
pub(super) struct LogStore {
    /// What stands before the first entry: compaction forgets entries, but not the term of the last forgotten one.
    base: Position,
    entries: Vec<Entry>,
    hard_state: HardState,
    /// The members as of `base` at start. The engine keeps later ones itself.
    members: ConfState,
    snapshot: Option<Snapshot>,
    /// The engine asked for a snapshot that is not there yet.
    wanted: Cell<bool>,
}

impl LogStore {
    pub(super) fn new(
        base: Position,
        entries: Vec<Entry>,
        hard_state: HardState,
        members: ConfState,
        snapshot: Option<Snapshot>,
    ) -> Self {
        Self { base, entries, hard_state, members, snapshot, wanted: Cell::new(false) }
    }

    pub(super) fn base(&self) -> Position {
        self.base
    }

    pub(super) fn entries_kept(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn hard_state(&self) -> &HardState {
        &self.hard_state
    }

    pub(super) fn set_hard_state(&mut self, state: HardState) {
        self.hard_state = state;
    }

    pub(super) fn snapshot_kept(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    pub(super) fn set_snapshot(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(snapshot);
    }

    pub(super) fn last(&self) -> u64 {
        self.base.index + self.entries.len() as u64
    }

    /// Returns whether a snapshot is wanted, once.
    pub(super) fn take_wanted(&self) -> bool {
        self.wanted.take()
    }

    /// Appends entries; the first may override what stood at its index, and all after it.
    pub(super) fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let kept = first.index.checked_sub(self.base.index + 1).expect("a compacted entry never changes");
        assert!(kept <= self.entries.len() as u64, "a log has no holes");
        self.entries.truncate(kept as usize);
        self.entries.extend(entries);
    }

    /// Begins anew after a snapshot of another node.
    pub(super) fn install(&mut self, snapshot: Snapshot) {
        let meta = snapshot.get_metadata();
        self.base = Position { index: meta.index, term: meta.term };
        self.entries.clear();
        self.snapshot = Some(snapshot);
    }

    /// Forgets entries up to `index`, which a snapshot covers.
    pub(super) fn compact(&mut self, index: u64) {
        if index > self.base.index
            && let Ok(term) = self.term(index)
        {
            self.entries.drain(..(index - self.base.index) as usize);
            self.base = Position { index, term };
        }
    }
}

impl Storage for LogStore {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.base.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let from = (low - self.base.index - 1) as usize;
        let to = (high - self.base.index - 1) as usize;
        let range = self.entries.get(from..to).ok_or(Error::Store(StorageError::Unavailable))?;
        let max_size = max_size.into().unwrap_or(u64::MAX);
        let mut size = 0;
        let fitting = range.iter().take_while(|entry| {
            size += (entry.data.len() + entry.context.len() + ENTRY_OVERHEAD) as u64;
            size <= max_size
        });
        // At least one, however large: an entry that never fits would never be replicated.
        let count = fitting.count().max(1).min(range.len());
        Ok(range[..count].to_vec())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.base.index {
            return Ok(self.base.term);
        }
        let at = index.checked_sub(self.base.index + 1).ok_or(Error::Store(StorageError::Compacted))?;
        let entry = self.entries.get(at as usize).ok_or(Error::Store(StorageError::Unavailable))?;
        Ok(entry.term)
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        let fits = |snapshot: &&Snapshot| {
            let meta = snapshot.get_metadata();
            // A receiver that is no member as of the snapshot would discard it without a word.
            let members = meta.get_conf_state();
            let known = members.voters.contains(&to) || members.learners.contains(&to);
            meta.index >= request_index && known
        };
        self.snapshot.as_ref().filter(fits).cloned().ok_or_else(|| {
            self.wanted.set(true);
            Error::Store(StorageError::SnapshotTemporarilyUnavailable)
        })
    }
}

/// What an entry weighs on the wire beside its payload.
const ENTRY_OVERHEAD: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> LogStore {
        let entry = |(at, term): (usize, &u64)| Entry { index: at as u64 + 1, term: *term, ..Entry::default() };
        let entries = terms.iter().enumerate().map(entry).collect();
        LogStore::new(Position::default(), entries, HardState::default(), ConfState::default(), None)
    }

    #[test]
    fn the_term_before_the_first_entry_survives_compaction() {
        let mut log = log(&[1, 1, 2, 2]);
        log.compact(3);
        assert_eq!((log.first_index().ok(), log.term(3).ok(), log.last()), (Some(4), Some(2), 4));
        assert!(log.term(2).is_err());
    }

    #[test]
    fn an_entry_larger_than_the_limit_is_still_given_out() {
        let entries = log(&[1, 1]).entries(1, 3, 1, GetEntriesContext::empty(false));
        assert_eq!(entries.map(|entries| entries.len()).ok(), Some(1));
    }

    /// Without it a learner would discard the snapshot and stay empty forever.
    #[test]
    fn a_snapshot_that_does_not_name_its_receiver_is_not_given_out() {
        let mut log = log(&[1, 1]);
        let mut snapshot = Snapshot::default();
        snapshot.mut_metadata().index = 2;
        snapshot.mut_metadata().mut_conf_state().voters = vec![1, 2];
        log.set_snapshot(snapshot);
        assert!(log.snapshot(0, 2).is_ok() && !log.take_wanted());
        assert!(log.snapshot(0, 3).is_err() && log.take_wanted());
    }
}
