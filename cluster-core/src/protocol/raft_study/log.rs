//! The log of Figure 2, the snapshot of §7 that stands for its beginning, and how both lie on the disk.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    event::{EntryBrief, EntryKind},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::Request,
};

/// The one file: so that a power loss takes the end of what happened, never its middle.
pub(super) const FILE: Name = Name::new("raft");

/// How many entries one AppendEntries carries at most.
const BATCH_MAX: usize = 256;
/// How many bytes they have at most, unless the first alone is longer.
const BATCH_BYTES: usize = 1 << 20;

/// One entry: a command for the state machine, and the term when it was received by the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(super) term: Epoch,
    /// The no-op of §8 has none.
    pub(super) command: Option<(OpId, Request)>,
}

impl Entry {
    /// Returns the entry in brief.
    fn brief(&self) -> EntryBrief {
        let kind = match &self.command {
            Some((_, Request::Delete { .. } | Request::DeleteMany { .. })) => EntryKind::Delete,
            Some((_, request)) if request.is_write() => EntryKind::Put,
            Some(_) | None => EntryKind::NoOp,
        };
        let bytes = self.command.as_ref().map_or(0, |(_, request)| request.content_bytes()) as u32;
        EntryBrief { epoch: self.term, op: self.command.as_ref().map(|(op, _)| *op), kind, bytes }
    }
}

/// The state machine after the entry at `last_included_index` (§7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) last_included_index: LogIndex,
    pub(super) last_included_term: Epoch,
    pub(super) data: Bytes,
}

/// What Figure 2 calls persistent state, as records in the order in which it changed.
#[derive(Serialize, Deserialize)]
enum Record {
    /// Only ever the first record.
    Snapshot(Snapshot),
    /// What stands before the first entry of this file.
    Base(LogIndex, Epoch),
    Vote(Epoch, Option<NodeId>),
    /// Entries from that index on. Whatever stood there or after it in earlier records is erased by them.
    Entries(LogIndex, Vec<Entry>),
}

/// What a booting node finds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) current_term: Epoch,
    pub(super) voted_for: Option<NodeId>,
    pub(super) log: Log,
}

/// Reads the persistent state.
pub(super) fn recover(records: &[Bytes]) -> Found {
    let mut found = Found::default();
    for record in records {
        match postcard::from_bytes(record).expect("a node can read the records it wrote") {
            Record::Snapshot(snapshot) => found.log.snapshot = Some(snapshot),
            Record::Base(index, term) => (found.log.base, found.log.base_term) = (index, term),
            Record::Vote(term, voted_for) => (found.current_term, found.voted_for) = (term, voted_for),
            Record::Entries(first, entries) => {
                found.log.truncate(first);
                assert_eq!(first, found.log.last_index().next(), "a log file has no holes");
                found.log.entries.extend(entries);
            }
        }
    }
    if found.current_term < found.log.last_term() {
        (found.current_term, found.voted_for) = (found.log.last_term(), None);
    }
    found
}

/// Returns the record of a vote.
pub(super) fn vote_record(current_term: Epoch, voted_for: Option<NodeId>) -> Bytes {
    encode(&Record::Vote(current_term, voted_for))
}

/// The log in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Entries up to here are gone; the latest snapshot includes them.
    base: LogIndex,
    base_term: Epoch,
    entries: Vec<Entry>,
    pub(super) snapshot: Option<Snapshot>,
}

impl Log {
    pub(super) fn base(&self) -> LogIndex {
        self.base
    }

    pub(super) fn last_index(&self) -> LogIndex {
        LogIndex(self.base.0 + self.entries.len() as u64)
    }

    pub(super) fn last_term(&self) -> Epoch {
        self.entries.last().map_or(self.base_term, |entry| entry.term)
    }

    /// Returns the term of the entry at `index`; `None` before the base and after the end.
    pub(super) fn term_at(&self, index: LogIndex) -> Option<Epoch> {
        if index == self.base { Some(self.base_term) } else { self.get(index).map(|entry| entry.term) }
    }

    pub(super) fn get(&self, index: LogIndex) -> Option<&Entry> {
        self.entries.get(index.0.checked_sub(self.base.0 + 1)? as usize)
    }

    /// Returns entries from `first` on, as many as one message carries.
    pub(super) fn batch(&self, first: LogIndex) -> Vec<Entry> {
        let skip = first.0.saturating_sub(self.base.0 + 1) as usize;
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += 1 + entry.command.as_ref().map_or(0, |(_, request)| request.content_bytes());
            first || bytes <= BATCH_BYTES
        };
        self.entries.iter().skip(skip).take(BATCH_MAX).take_while(fits).cloned().collect()
    }

    /// Appends entries. Returns where the first stands, and the record for the disk.
    pub(super) fn append(&mut self, entries: Vec<Entry>) -> (LogIndex, Bytes) {
        let record = Record::Entries(self.last_index().next(), entries);
        let bytes = encode(&record);
        let Record::Entries(first, entries) = record else { unreachable!("it was just made") };
        self.entries.extend(entries);
        (first, bytes)
    }

    /// Erases the entries from `first` on. On the disk, the next ones do that.
    pub(super) fn truncate(&mut self, first: LogIndex) {
        self.entries.truncate(first.0.saturating_sub(self.base.0 + 1) as usize);
    }

    /// Forgets the entries up to `index`, which a snapshot includes.
    pub(super) fn compact(&mut self, index: LogIndex) {
        if let Some(term) = self.term_at(index) {
            self.entries.drain(..(index.0 - self.base.0) as usize);
            (self.base, self.base_term) = (index, term);
        }
    }

    /// Begins anew behind a snapshot.
    pub(super) fn reset(&mut self, snapshot: Snapshot) {
        (self.base, self.base_term) = (snapshot.last_included_index, snapshot.last_included_term);
        self.entries.clear();
        self.snapshot = Some(snapshot);
    }

    /// Returns all records that stand for the persistent state.
    pub(super) fn records(&self, current_term: Epoch, voted_for: Option<NodeId>) -> Vec<Bytes> {
        let snapshot = self.snapshot.iter().cloned().map(Record::Snapshot);
        let entries = Record::Entries(self.base.next(), self.entries.clone());
        let rest = [Record::Base(self.base, self.base_term), Record::Vote(current_term, voted_for), entries];
        snapshot.chain(rest).map(|record| encode(&record)).collect()
    }

    /// Returns the entries from `first` on, in brief.
    pub(super) fn briefs(&self, first: LogIndex) -> Vec<EntryBrief> {
        let skip = first.0.saturating_sub(self.base.0 + 1) as usize;
        self.entries.iter().skip(skip).map(Entry::brief).collect()
    }
}

fn encode(record: &Record) -> Bytes {
    postcard::to_allocvec(record).expect("a record in memory always encodes").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64) -> Entry {
        Entry { term: Epoch(term), command: None }
    }

    #[test]
    fn entries_written_at_an_earlier_index_erase_what_stood_behind_it() {
        let mut log = Log::default();
        let (_, first) = log.append(vec![entry(1), entry(1), entry(1)]);
        log.truncate(LogIndex(2));
        let (at, second) = log.append(vec![entry(2)]);
        let found = recover(&[first, vote_record(Epoch(2), Some(NodeId(3))), second]);
        assert_eq!(at, LogIndex(2));
        assert_eq!((found.current_term, found.voted_for), (Epoch(2), Some(NodeId(3))));
        assert_eq!(found.log.entries, [entry(1), entry(2)]);
    }

    #[test]
    fn a_compacted_log_keeps_positions_and_the_term_before_its_first_entry() {
        let mut log = Log::default();
        log.append(vec![entry(1), entry(2), entry(3)]);
        log.compact(LogIndex(2));
        let found = recover(&log.records(Epoch(3), None));
        assert_eq!((found.log.base(), found.log.last_index()), (LogIndex(2), LogIndex(3)));
        assert_eq!((found.log.term_at(LogIndex(2)), found.log.term_at(LogIndex(1))), (Some(Epoch(2)), None));
    }
}
