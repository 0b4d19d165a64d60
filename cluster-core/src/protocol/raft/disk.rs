//! What a Raft node keeps on its disk, and how it finds itself again after a crash.
//!
//! The file `log` holds one record per sync-worthy step: term, vote, and the entries appended with them, so that a power
//! loss takes all of a step or nothing. The file `snapshot` holds the latest snapshot.

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, EntryType, HardState, Snapshot};
use serde::{Deserialize, Serialize};

use super::{
    Raft,
    storage::{LogStore, Position},
};
use crate::{
    disk::Recovered,
    event::{EntryBrief, EntryKind, SnapshotView},
    ids::{Epoch, LogIndex, OpId},
    name::Name,
    protocol::{Ctx, KvMap, NodeConfig},
};

const LOG: Name = Name::new("log");
const SNAPSHOT: Name = Name::new("snapshot");

#[derive(Serialize, Deserialize)]
enum Record {
    /// What stands before the first entry of this file.
    Base { index: u64, term: u64 },
    /// A step. An entry at or before the last one overrides it and all after it.
    ///
    /// The commit index rides along: a node that has a change of the members in its log then also knows that the change
    /// before it is committed, and never campaigns among members of two changes ago.
    Step { term: u64, vote: u64, commit: u64, entries: Vec<Stored> },
}

#[derive(Serialize, Deserialize)]
struct Stored {
    index: u64,
    term: u64,
    kind: Kind,
    context: Bytes,
    data: Bytes,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Kind {
    Normal,
    Members,
    MembersV2,
}

impl Record {
    fn step(state: &HardState, entries: &[Entry]) -> Self {
        let entries = entries.iter().map(Stored::from).collect();
        Self::Step { term: state.term, vote: state.vote, commit: state.commit, entries }
    }

    fn to_bytes(&self) -> Bytes {
        let room = Vec::with_capacity(self.bytes_about());
        postcard::to_extend(self, room).expect("a record in memory always encodes").into()
    }

    /// Returns about how long it is when encoded: a buffer that has to grow is copied each time.
    fn bytes_about(&self) -> usize {
        match self {
            Self::Base { .. } => 32,
            Self::Step { entries, .. } => {
                entries.iter().map(|entry| entry.data.len() + entry.context.len() + 32).sum::<usize>() + 32
            }
        }
    }
}

impl From<&Entry> for Stored {
    fn from(entry: &Entry) -> Self {
        let kind = match entry.entry_type {
            EntryType::EntryNormal => Kind::Normal,
            EntryType::EntryConfChange => Kind::Members,
            EntryType::EntryConfChangeV2 => Kind::MembersV2,
        };
        let (context, data) = (entry.context.clone(), entry.data.clone());
        Self { index: entry.index, term: entry.term, kind, context, data }
    }
}

impl From<Stored> for Entry {
    fn from(stored: Stored) -> Self {
        let entry_type = match stored.kind {
            Kind::Normal => EntryType::EntryNormal,
            Kind::Members => EntryType::EntryConfChange,
            Kind::MembersV2 => EntryType::EntryConfChangeV2,
        };
        let Stored { index, term, context, data, .. } = stored;
        Self { entry_type, index, term, context, data, ..Self::default() }
    }
}

/// Appends one step to the log file.
pub(super) fn write_step(state: &HardState, entries: &[Entry], ctx: &mut Ctx<'_, Raft>) {
    ctx.append(LOG, Record::step(state, entries).to_bytes());
}

/// Replaces the snapshot file, then the log file by what the store still keeps. In this order: a crash between the two
/// leaves a log that reaches further back than it must, never a hole.
pub(super) fn write_all(store: &LogStore, ctx: &mut Ctx<'_, Raft>) {
    if let Some(snapshot) = store.snapshot_kept() {
        let bytes = snapshot.write_to_bytes().expect("a snapshot in memory always encodes");
        ctx.replace(SNAPSHOT, vec![bytes.into()]);
    }
    let base = Record::Base { index: store.base().index, term: store.base().term };
    let step = Record::step(store.hard_state(), store.entries_kept());
    ctx.replace(LOG, vec![base.to_bytes(), step.to_bytes()]);
}

/// What a booting node knows.
pub(super) struct Found {
    pub(super) store: LogStore,
    pub(super) map: KvMap,
    pub(super) members: ConfState,
    pub(super) applied: u64,
}

/// Reads the disk of a booting node.
pub(super) fn recover(config: &NodeConfig, disk: &Recovered) -> Found {
    let snapshot = disk.records(SNAPSHOT).first().map(|bytes| {
        Snapshot::parse_from_bytes(bytes).expect("the snapshot file holds a snapshot that this program wrote")
    });
    let (mut base, mut entries, mut state) = read_log(disk.records(LOG));
    // The members as of the snapshot, not the latest ones: the engine applies the changes after it once more.
    let mut members = ConfState { voters: config.members.iter().map(|id| id.0.into()).collect(), ..Default::default() };
    let mut map = KvMap::default();
    let mut applied = 0;
    if let Some(snapshot) = &snapshot {
        let meta = snapshot.get_metadata();
        let at = Position { index: meta.index, term: meta.term };
        if !stands_in(at, base, &entries) {
            // The crash came between the two files: the log is of the time before the snapshot arrived.
            (base, entries) = (at, Vec::new());
        }
        map = KvMap::from_bytes(&snapshot.data).expect("a snapshot holds a map");
        members = meta.get_conf_state().clone();
        applied = at.index;
        state.commit = state.commit.max(at.index);
    }
    let last_term = entries.last().map_or(base.term, |entry: &Entry| entry.term);
    if state.term < last_term {
        (state.term, state.vote) = (last_term, 0);
    }
    Found { store: LogStore::new(base, entries, state, members.clone(), snapshot), map, members, applied }
}

fn read_log(records: &[Bytes]) -> (Position, Vec<Entry>, HardState) {
    let (mut base, mut entries, mut state) = (Position::default(), Vec::<Entry>::new(), HardState::default());
    for record in records {
        match postcard::from_bytes(record).expect("the log file holds records that this program wrote") {
            Record::Base { index, term } => base = Position { index, term },
            Record::Step { term, vote, commit, entries: more } => {
                (state.term, state.vote, state.commit) = (term, vote, commit);
                if let Some(first) = more.first() {
                    entries.truncate((first.index - base.index - 1) as usize);
                }
                entries.extend(more.into_iter().map(Entry::from));
            }
        }
    }
    (base, entries, state)
}

fn stands_in(at: Position, base: Position, entries: &[Entry]) -> bool {
    let found = match at.index.checked_sub(base.index + 1) {
        Some(place) => entries.get(place as usize).map(|entry| entry.term),
        None => (at.index == base.index).then_some(base.term),
    };
    found == Some(at.term)
}

/// Says what an entry is, without decoding what it carries.
pub(super) fn brief(entry: &Entry) -> EntryBrief {
    let op_at = |bytes: &[u8]| postcard::from_bytes(bytes).ok();
    let (op, kind) = match entry.entry_type {
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => (op_at(&entry.context), EntryKind::Members),
        EntryType::EntryNormal if entry.data.is_empty() => (None, EntryKind::NoOp),
        EntryType::EntryNormal => match postcard::take_from_bytes::<(OpId, u32)>(&entry.data) {
            // The number of the variant comes first: 2 is `Request::Delete`, 7 is `Request::DeleteMany`.
            Ok(((op, 2 | 7), _)) => (Some(op), EntryKind::Delete),
            Ok(((op, _), _)) => (Some(op), EntryKind::Put),
            Err(_) => (None, EntryKind::NoOp),
        },
    };
    EntryBrief { epoch: Epoch(entry.term), op, kind, bytes: (entry.data.len() + entry.context.len()) as u32 }
}

/// Says what a snapshot is.
pub(super) fn snapshot_view(snapshot: &Snapshot) -> SnapshotView {
    let meta = snapshot.get_metadata();
    SnapshotView { index: LogIndex(meta.index), epoch: Epoch(meta.term), bytes: snapshot.data.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    #[test]
    fn an_entry_in_brief_names_its_operation() {
        let brief_of = |data: Vec<u8>| {
            let brief = brief(&Entry { data: data.into(), ..Entry::default() });
            (brief.op, brief.kind)
        };
        let bytes = |op, request: Request| postcard::to_allocvec(&(op, request)).expect("it encodes");
        let put = Request::Put { key: "x".into(), value: "1".into() };
        assert_eq!(brief_of(Vec::new()), (None, EntryKind::NoOp));
        assert_eq!(brief_of(bytes(OpId(300), put)), (Some(OpId(300)), EntryKind::Put));
        let delete = Request::Delete { key: "x".into() };
        assert_eq!(brief_of(bytes(OpId(7), delete)), (Some(OpId(7)), EntryKind::Delete));
        let delete_many = Request::DeleteMany { keys: vec!["x".into()] };
        assert_eq!(brief_of(bytes(OpId(8), delete_many)), (Some(OpId(8)), EntryKind::Delete));
    }

    #[test]
    fn a_later_entry_overrides_the_suffix_of_the_log() {
        let entry = |index, term| Entry { index, term, ..Entry::default() };
        let state = |term| HardState { term, ..HardState::default() };
        let first = Record::step(&state(1), &[entry(1, 1), entry(2, 1), entry(3, 1)]);
        let second = Record::step(&state(2), &[entry(2, 2)]);
        let (_, entries, state) = read_log(&[first.to_bytes(), second.to_bytes()]);
        assert_eq!(entries, [entry(1, 1), entry(2, 2)]);
        assert_eq!(state.term, 2);
    }
}
