//! The journal: every executed request in order, on the disk, with now and then the whole state in their place.
//!
//! A request and the memory of it are one record: neither can be on the disk without the other.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Context, table::Table};
use crate::{
    event::{EntryBrief, EntryKind, Milestone, SnapshotView},
    ids::{Epoch, LogIndex, OpId},
    name::Name,
    protocol::KvMap,
    request::{Request, Response},
};

/// The file.
pub(super) const FILE: Name = Name::new("journal");

/// Where the journal is.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// The last entry that the snapshot covers.
    pub(super) base: LogIndex,
    /// The last entry.
    pub(super) last: LogIndex,
    /// The last entry that the disk has.
    pub(super) durable: LogIndex,
    pub(super) snapshot: Option<SnapshotView>,
}

#[derive(Serialize, Deserialize)]
enum Record {
    Executed { index: LogIndex, op: OpId, request: Request },
    Snapshot { index: LogIndex, state: Bytes, table: Vec<(OpId, Response)> },
}

impl Journal {
    /// Writes a request that is executed. Returns its position.
    pub(super) fn push(&mut self, op: OpId, request: &Request, ctx: &mut Context<'_>) -> LogIndex {
        let index = self.last.next();
        let record = encode(&Record::Executed { index, op, request: request.clone() });
        ctx.log_spliced(index, vec![brief(op, request, record.len())]);
        ctx.append(FILE, record);
        self.last = index;
        index
    }

    /// Puts the whole state in the place of all entries.
    pub(super) fn compact(&mut self, state: &KvMap, table: &Table, ctx: &mut Context<'_>) {
        let (index, state) = (self.last, state.to_bytes());
        let table = table.iter().map(|(op, response)| (op, response.clone())).collect();
        let record = encode(&Record::Snapshot { index, state, table });
        self.base = index;
        self.snapshot = Some(view(index, record.len()));
        ctx.replace(FILE, vec![record]);
        ctx.note(Milestone::SnapshotTaken { index });
    }
}

/// Reads the journal, and executes what it has. Fills the table; returns the state, and the entries after the snapshot in
/// brief.
pub(super) fn recover(records: &[Bytes], table: &mut Table) -> (Journal, KvMap, Vec<EntryBrief>) {
    let (mut journal, mut state, mut entries) = (Journal::default(), KvMap::default(), Vec::new());
    for bytes in records {
        match postcard::from_bytes(bytes).expect("the disk returns what was written, or nothing") {
            Record::Executed { index, op, request } => {
                state.forget(op);
                table.insert(op, state.apply(op, &request, index));
                entries.push(brief(op, &request, bytes.len()));
                journal.last = index;
            }
            Record::Snapshot { index, state: map, table: answers } => {
                state = KvMap::from_bytes(&map).expect("a snapshot holds a map");
                answers.into_iter().for_each(|(op, response)| table.insert(op, response));
                entries.clear();
                (journal.base, journal.last) = (index, index);
                journal.snapshot = Some(view(index, bytes.len()));
            }
        }
    }
    journal.durable = journal.last;
    (journal, state, entries)
}

fn view(index: LogIndex, bytes: usize) -> SnapshotView {
    SnapshotView { index, epoch: Epoch(0), bytes: bytes as u64 }
}

fn brief(op: OpId, request: &Request, bytes: usize) -> EntryBrief {
    let deletes = matches!(request, Request::Delete { .. } | Request::DeleteMany { .. });
    let kind = if deletes { EntryKind::Delete } else { EntryKind::Put };
    EntryBrief { epoch: Epoch(0), op: Some(op), kind, bytes: bytes as u32 }
}

fn encode(record: &Record) -> Bytes {
    postcard::to_allocvec(record).expect("a record in memory always encodes").into()
}
