//! The log of a node: a snapshot of its beginning, the entries after it, and how both lie on the disk.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    event::{EntryBrief, EntryKind},
    ids::{Epoch, LogIndex, OpId},
    name::Name,
    protocol::KvMap,
    request::Request,
};

/// The file of the log.
pub(super) const LOG: Name = Name::new("log");
/// The file of the epoch and its primary.
pub(super) const STATE: Name = Name::new("state");

/// How many bytes one batch has at most, unless its first entry alone is longer.
const BATCH_BYTES: usize = 4 << 20;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The epoch of the primary that made it.
    pub(super) epoch: Epoch,
    /// What it writes, for which operation; nothing in the first entry of a primary.
    pub(super) write: Option<(OpId, Request)>,
}

impl Entry {
    /// Returns the entry in brief.
    pub(super) fn brief(&self) -> EntryBrief {
        let bytes = postcard::experimental::serialized_size(self).unwrap_or(0) as u32;
        let kind = match &self.write {
            Some((_, Request::Delete { .. } | Request::DeleteMany { .. })) => EntryKind::Delete,
            Some((_, request)) if request.is_write() => EntryKind::Put,
            Some(_) | None => EntryKind::NoOp,
        };
        EntryBrief { epoch: self.epoch, op: self.write.as_ref().map(|(op, _)| *op), kind, bytes }
    }
}

/// The state at the end of a prefix of the log that is not kept any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// The last position it includes.
    pub(super) index: LogIndex,
    /// The epoch of that entry.
    pub(super) epoch: Epoch,
    /// The map, as [`KvMap::to_bytes`] gives it.
    pub(super) state: Bytes,
}

/// A record of the log file. Snapshot and entries share one file, so that replacing it changes both or neither.
#[derive(Serialize, Deserialize)]
enum Record {
    /// The beginning of the log; only ever the first record.
    Snapshot(Snapshot),
    /// An entry at a position. Whatever stood there or after it in earlier records is erased by it.
    Entry(LogIndex, Entry),
}

/// The record of the state file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EpochRecord {
    /// The highest epoch that the node took part in.
    pub(super) epoch: Epoch,
    /// Its primary, if known.
    pub(super) primary: Option<crate::ids::NodeId>,
}

/// The log in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    snapshot: Option<Snapshot>,
    entries: Vec<Entry>,
}

impl Log {
    /// Reads the log from its records.
    pub(super) fn recover(records: &[Bytes]) -> Self {
        let mut log = Self::default();
        for record in records {
            match postcard::from_bytes(record).expect("a node can read the records it wrote") {
                Record::Snapshot(snapshot) => log = Self { snapshot: Some(snapshot), entries: Vec::new() },
                Record::Entry(index, entry) => {
                    log.truncate(index);
                    let (at, _) = log.push(entry);
                    assert_eq!(at, index, "a log file has no holes");
                }
            }
        }
        log
    }

    /// Returns the last position that the snapshot covers; 0 without one.
    pub(super) fn base(&self) -> LogIndex {
        self.snapshot.as_ref().map_or(LogIndex(0), |snapshot| snapshot.index)
    }

    /// Returns the last position.
    pub(super) fn last(&self) -> LogIndex {
        LogIndex(self.base().0 + self.entries.len() as u64)
    }

    /// Returns the epoch of the last entry.
    pub(super) fn last_epoch(&self) -> Epoch {
        self.epoch_at(self.last()).expect("the epoch of the last position is always known")
    }

    /// Returns the epoch of the entry at a position; `None` before the snapshot's end and after the log's.
    pub(super) fn epoch_at(&self, index: LogIndex) -> Option<Epoch> {
        if index == self.base() {
            return Some(self.snapshot.as_ref().map_or(Epoch(0), |snapshot| snapshot.epoch));
        }
        self.get(index).map(|entry| entry.epoch)
    }

    /// Returns the entry at a position.
    pub(super) fn get(&self, index: LogIndex) -> Option<&Entry> {
        let at = index.0.checked_sub(self.base().0 + 1)?;
        self.entries.get(at as usize)
    }

    /// Returns at most `max` entries from `from` through `through`, and no more than fit into a frame.
    pub(super) fn batch(&self, from: LogIndex, through: LogIndex, max: usize) -> Vec<Entry> {
        let skip = from.0.saturating_sub(self.base().0 + 1) as usize;
        let count = (through.0 + 1).saturating_sub(from.0) as usize;
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += 1 + entry.write.as_ref().map_or(0, |(_, request)| request.content_bytes());
            first || bytes <= BATCH_BYTES
        };
        self.entries.iter().skip(skip).take(count.min(max)).take_while(fits).cloned().collect()
    }

    /// Returns where, after `after`, an operation stands.
    pub(super) fn find(&self, op: OpId, after: LogIndex) -> Option<LogIndex> {
        let skip = after.0.saturating_sub(self.base().0) as usize;
        let is_it = |entry: &Entry| entry.write.as_ref().is_some_and(|(other, _)| *other == op);
        let at = self.entries.iter().skip(skip).position(is_it)?;
        Some(LogIndex(self.base().0 + (skip + at) as u64 + 1))
    }

    /// Appends an entry. Returns its position and its record for the disk.
    pub(super) fn push(&mut self, entry: Entry) -> (LogIndex, Bytes) {
        let index = self.last().next();
        let record = encode(&Record::Entry(index, entry.clone()));
        self.entries.push(entry);
        (index, record)
    }

    /// Erases the entries from `from` on. On the disk, the next record does that.
    pub(super) fn truncate(&mut self, from: LogIndex) {
        let kept = from.0.saturating_sub(self.base().0 + 1);
        self.entries.truncate(kept as usize);
    }

    /// Returns the snapshot.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// Puts a snapshot in the place of all entries through its position.
    pub(super) fn compact(&mut self, snapshot: Snapshot) {
        let gone = snapshot.index.0.saturating_sub(self.base().0) as usize;
        self.entries.drain(..gone.min(self.entries.len()));
        self.snapshot = Some(snapshot);
    }

    /// Makes the log be exactly a snapshot, or empty.
    pub(super) fn reset(&mut self, snapshot: Option<Snapshot>) {
        *self = Self { snapshot, entries: Vec::new() };
    }

    /// Returns all records that stand for the log.
    pub(super) fn records(&self) -> Vec<Bytes> {
        let first = self.snapshot.iter().map(|snapshot| encode(&Record::Snapshot(snapshot.clone())));
        let indices = (self.base().0 + 1..).map(LogIndex);
        let entries = indices.zip(&self.entries).map(|(index, entry)| encode(&Record::Entry(index, entry.clone())));
        first.chain(entries).collect()
    }

    /// Returns the entries from `from` on, in brief.
    pub(super) fn briefs(&self, from: LogIndex) -> Vec<EntryBrief> {
        let skip = from.0.saturating_sub(self.base().0 + 1) as usize;
        self.entries.iter().skip(skip).map(Entry::brief).collect()
    }

    /// Returns the map after the entry at `through`.
    pub(super) fn replay(&self, through: LogIndex) -> KvMap {
        let mut map = self.snapshot.as_ref().map_or_else(KvMap::default, |snapshot| {
            KvMap::from_bytes(&snapshot.state).expect("a snapshot holds a map")
        });
        for index in (self.base().0 + 1..=through.0).map(LogIndex) {
            if let Some((op, request)) = self.get(index).and_then(|entry| entry.write.as_ref()) {
                map.apply(*op, request, index);
            }
        }
        map
    }
}

/// Returns a record as bytes.
pub(super) fn encode<T: Serialize>(record: &T) -> Bytes {
    postcard::to_allocvec(record).expect("a record in memory always encodes").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(epoch: u64, op: u64) -> Entry {
        let request = Request::Put { key: format!("k{op}").into(), value: "v".into() };
        Entry { epoch: Epoch(epoch), write: Some((OpId(op), request)) }
    }

    #[test]
    fn a_log_is_recovered_from_records_that_overwrite_each_other() {
        let mut log = Log::default();
        let mut records = Vec::new();
        for op in 1..=3 {
            records.push(log.push(entry(1, op)).1);
        }
        log.truncate(LogIndex(2));
        records.push(log.push(entry(2, 9)).1);
        let again = Log::recover(&records);
        assert_eq!((again.last(), again.last_epoch()), (LogIndex(2), Epoch(2)));
        assert_eq!(again.entries, log.entries);
    }

    #[test]
    fn a_compacted_log_keeps_positions_and_state() {
        let mut log = Log::default();
        for op in 1..=5 {
            log.push(entry(1, op));
        }
        let whole = log.replay(LogIndex(5));
        let state = log.replay(LogIndex(3)).to_bytes();
        log.compact(Snapshot { index: LogIndex(3), epoch: Epoch(1), state });
        let again = Log::recover(&log.records());
        assert_eq!((again.base(), again.last()), (LogIndex(3), LogIndex(5)));
        assert_eq!(again.find(OpId(5), LogIndex(3)), Some(LogIndex(5)));
        assert_eq!(again.batch(LogIndex(4), LogIndex(5), 9), [entry(1, 4), entry(1, 5)]);
        assert_eq!(again.replay(LogIndex(5)), whole);
    }
}
