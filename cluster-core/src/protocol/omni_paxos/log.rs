//! The log of one node, and the face that it shows to the engine.
//!
//! The engine owns its storage and never gives it back, so both sides hold it: the engine writes, the node looks at what
//! was written and brings it to the disk. The engine counts positions from 0, the rest of the program from 1: the engine's
//! "index 3" is "the first three entries".

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
};

use omnipaxos::{
    ballot_leader_election::Ballot,
    storage::{Entry, NoSnapshot, StopSign, Storage, StorageOp, StorageResult},
};
use serde::{Deserialize, Serialize};

use crate::{
    event::{EntryBrief, EntryKind},
    ids::{Epoch, LogIndex, OpId},
    request::Request,
};

/// What stands at one position of the log: an operation of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    /// The ballot in which its leader appended it.
    pub(super) epoch: Epoch,
    pub(super) op: OpId,
    pub(super) bytes: u32,
    pub(super) request: Request,
}

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

impl Command {
    pub(super) fn new(epoch: Epoch, op: OpId, request: Request) -> Self {
        let bytes = postcard::experimental::serialized_size(&request).expect("a request in memory always encodes");
        Self { epoch, op, bytes: bytes as u32, request }
    }

    /// Says what it is, in brief.
    pub(super) fn brief(&self) -> EntryBrief {
        let kind = match &self.request {
            Request::Delete { .. } | Request::DeleteMany { .. } => EntryKind::Delete,
            read if !read.is_write() => EntryKind::NoOp,
            _ => EntryKind::Put, // every other write leaves a value
        };
        EntryBrief { epoch: self.epoch, op: Some(self.op), kind, bytes: self.bytes }
    }
}

/// The log, and what an acceptor must never forget.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// The highest ballot that was promised: no leader of a lower one is listened to.
    pub(super) promise: Ballot,
    /// The ballot in which the log was accepted.
    pub(super) accepted_round: Ballot,
    /// How many entries are known to be decided.
    pub(super) decided: u64,
    /// How many entries a snapshot stands for, and the ballot of the last of them.
    pub(super) base: u64,
    pub(super) base_epoch: Epoch,
    entries: VecDeque<Command>,
    bytes: u64,
    changes: Changes,
}

/// What the engine wrote since it was asked last.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether anything was written that must be on the disk before anything is said.
    pub(super) dirty: bool,
    /// The first entry that is another one, or not there any more.
    pub(super) first: Option<LogIndex>,
    /// The first and the last entry that were erased.
    pub(super) erased: Option<(LogIndex, LogIndex)>,
    /// How many entries were taken over from another node's log.
    pub(super) synced: Option<u64>,
}

impl Log {
    /// Returns a log as it was found on a disk.
    pub(super) fn found(base: (u64, Epoch), entries: Vec<Command>) -> Self {
        let bytes = entries.iter().map(|entry| u64::from(entry.bytes)).sum();
        Self { base: base.0, base_epoch: base.1, entries: entries.into(), bytes, ..Self::default() }
    }

    pub(super) fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    pub(super) fn get(&self, index: LogIndex) -> Option<&Command> {
        self.entries.get(index.0.checked_sub(self.base + 1)? as usize)
    }

    /// Returns the ballot of the entry at a position; that of the last one in the snapshot is known as well.
    pub(super) fn epoch_at(&self, index: u64) -> Option<Epoch> {
        if index == self.base { Some(self.base_epoch) } else { self.get(LogIndex(index)).map(|entry| entry.epoch) }
    }

    /// Returns the entries from a position on.
    pub(super) fn from(&self, first: LogIndex) -> impl Iterator<Item = &Command> {
        self.entries.iter().skip(first.0.saturating_sub(self.base + 1) as usize)
    }

    pub(super) fn briefs(&self, first: LogIndex) -> Vec<EntryBrief> {
        self.from(first).map(Command::brief).collect()
    }

    /// Returns how long the entries after the snapshot are.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns what was written since the last call.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// A snapshot stands for everything up to `index`, which is in the log.
    pub(super) fn compact(&mut self, index: u64) {
        self.base_epoch = self.epoch_at(index).expect("what was applied is in the log");
        let gone = self.entries.drain(..(index - self.base) as usize);
        self.bytes -= gone.map(|entry| u64::from(entry.bytes)).sum::<u64>();
        self.base = index;
    }

    /// A snapshot takes the place of the log.
    pub(super) fn replace(&mut self, index: u64, epoch: Epoch) {
        self.entries.clear();
        (self.base, self.base_epoch, self.decided, self.bytes) = (index, epoch, index, 0);
        self.changes.dirty = true;
    }

    fn append(&mut self, entries: Vec<Command>) {
        if entries.is_empty() {
            return;
        }
        let first = LogIndex(self.last() + 1);
        self.changes.first = Some(self.changes.first.map_or(first, |earlier| earlier.min(first)));
        self.changes.dirty = true;
        self.bytes += entries.iter().map(|entry| u64::from(entry.bytes)).sum::<u64>();
        self.entries.extend(entries);
    }

    /// Makes the log be, behind its first `kept` entries, exactly `entries`; what is there already stays.
    fn append_on_prefix(&mut self, kept: u64, entries: Vec<Command>) {
        self.changes.synced = Some(entries.len() as u64);
        let same = self.from(LogIndex(kept + 1)).zip(&entries).take_while(|(old, new)| old == new).count();
        let keep = kept + same as u64;
        let last = self.last();
        if keep < last {
            let first = LogIndex(keep + 1);
            self.changes.erased = Some((first, LogIndex(last)));
            self.changes.first = Some(self.changes.first.map_or(first, |earlier| earlier.min(first)));
            self.changes.dirty = true;
            let gone = self.entries.drain((keep - self.base) as usize..);
            self.bytes -= gone.map(|entry| u64::from(entry.bytes)).sum::<u64>();
        }
        self.append(entries.into_iter().skip(same).collect());
    }
}

/// The log as both sides hold it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Log>>);

impl Shared {
    pub(super) fn of(log: Log) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    /// Borrows it, for the length of an expression: the engine borrows it in every step.
    ///
    /// Both sides take turns on one thread, so nobody is ever waited for: a second borrow would wait for itself for ever,
    /// and ends its node instead.
    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        let free = match self.0.try_lock() {
            Ok(log) => Some(log),
            // A node whose engine panicked is never stepped again.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        free.expect("the log is borrowed once at a time")
    }
}

impl Storage<Command> for Shared {
    fn write_atomically(&mut self, ops: Vec<StorageOp<Command>>) -> StorageResult<()> {
        // One step of the engine becomes one record on the disk: it is atomic as it is.
        for op in ops {
            match op {
                StorageOp::AppendEntry(entry) => self.append_entry(entry)?,
                StorageOp::AppendEntries(entries) => self.append_entries(entries)?,
                StorageOp::AppendOnPrefix(from, entries) => self.append_on_prefix(from, entries)?,
                StorageOp::SetPromise(ballot) => self.set_promise(ballot)?,
                StorageOp::SetDecidedIndex(decided) => self.set_decided_idx(decided)?,
                StorageOp::SetAcceptedRound(ballot) => self.set_accepted_round(ballot)?,
                StorageOp::SetCompactedIdx(index) => self.set_compacted_idx(index)?,
                StorageOp::Trim(index) => self.trim(index)?,
                StorageOp::SetStopsign(sign) => self.set_stopsign(sign)?,
                StorageOp::SetSnapshot(snapshot) => self.set_snapshot(snapshot)?,
            }
        }
        Ok(())
    }

    fn append_entry(&mut self, entry: Command) -> StorageResult<()> {
        self.append_entries(vec![entry])
    }

    fn append_entries(&mut self, entries: Vec<Command>) -> StorageResult<()> {
        self.log().append(entries);
        Ok(())
    }

    fn append_on_prefix(&mut self, from_idx: usize, entries: Vec<Command>) -> StorageResult<()> {
        self.log().append_on_prefix(from_idx as u64, entries);
        Ok(())
    }

    fn set_promise(&mut self, n_prom: Ballot) -> StorageResult<()> {
        let mut log = self.log();
        log.changes.dirty |= log.promise != n_prom;
        log.promise = n_prom;
        Ok(())
    }

    fn set_decided_idx(&mut self, ld: usize) -> StorageResult<()> {
        // Not waited for: what is decided is decided whoever knows it, and the next record says so as well.
        self.log().decided = ld as u64;
        Ok(())
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.log().decided as usize)
    }

    fn set_accepted_round(&mut self, na: Ballot) -> StorageResult<()> {
        let mut log = self.log();
        log.changes.dirty |= log.accepted_round != na;
        log.accepted_round = na;
        Ok(())
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(some(self.log().accepted_round))
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Command>> {
        let log = self.log();
        let (from, to) = (from as u64, to as u64);
        if from < log.base || to > log.last() || from > to {
            return Ok(Vec::new());
        }
        Ok(log.from(LogIndex(from + 1)).take((to - from) as usize).cloned().collect())
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.log().entries.len())
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Command>> {
        let last = self.log().last() as usize;
        self.get_entries(from, last)
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(some(self.log().promise))
    }

    fn set_stopsign(&mut self, _: Option<StopSign>) -> StorageResult<()> {
        // Nobody asks for another configuration, and a message that carries one is not taken.
        Ok(())
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(None)
    }

    fn trim(&mut self, _: usize) -> StorageResult<()> {
        // The node compacts the log itself, by a snapshot of its map; the engine is not asked.
        Ok(())
    }

    fn set_compacted_idx(&mut self, _: usize) -> StorageResult<()> {
        Ok(())
    }

    fn get_compacted_idx(&self) -> StorageResult<usize> {
        Ok(self.log().base as usize)
    }

    fn set_snapshot(&mut self, _: Option<NoSnapshot>) -> StorageResult<()> {
        Ok(())
    }

    fn get_snapshot(&self) -> StorageResult<Option<NoSnapshot>> {
        Ok(None)
    }
}

/// The engine's word for a ballot that never was.
fn some(ballot: Ballot) -> Option<Ballot> {
    Some(ballot).filter(|ballot| *ballot != Ballot::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(epoch: u64, op: u64) -> Command {
        Command::new(Epoch(epoch), OpId(op), Request::Put { key: "x".into(), value: "1".into() })
    }

    fn log() -> Log {
        Log::found((2, Epoch(1)), vec![command(1, 3), command(1, 4), command(2, 5)])
    }

    #[test]
    fn a_sync_erases_only_what_differs() {
        let mut log = log();
        log.append_on_prefix(3, vec![command(1, 4), command(3, 6)]);
        let changes = log.take_changes();
        assert_eq!(changes.first, Some(LogIndex(5)));
        assert_eq!(changes.erased, Some((LogIndex(5), LogIndex(5))));
        assert_eq!((changes.synced, log.last()), (Some(2), 5));
        assert_eq!(log.epoch_at(5), Some(Epoch(3)));
    }

    #[test]
    fn a_sync_of_what_is_there_changes_nothing() {
        let mut log = log();
        log.append_on_prefix(3, vec![command(1, 4), command(2, 5)]);
        let changes = log.take_changes();
        assert_eq!((changes.first, changes.erased, changes.dirty), (None, None, false));
    }

    #[test]
    fn the_engine_gets_nothing_of_what_a_snapshot_stands_for() {
        let shared = Shared::of(log());
        assert_eq!(shared.get_suffix(1).expect("it is in memory"), []);
        assert_eq!(shared.get_suffix(2).expect("it is in memory").len(), 3);
        assert_eq!(shared.get_entries(3, 4).expect("it is in memory"), [command(1, 4)]);
    }

    #[test]
    fn a_compacted_log_still_knows_the_ballot_before_its_first_entry() {
        let mut log = log();
        log.compact(4);
        assert_eq!((log.base, log.epoch_at(4), log.epoch_at(3), log.last()), (4, Some(Epoch(1)), None, 5));
    }
}
