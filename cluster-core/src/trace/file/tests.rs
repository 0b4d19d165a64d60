//! What a recording must survive, and what it must refuse.

use std::{fs, path::Path};

use super::*;
use crate::{
    event::{EntryBrief, EntryKind, EventKind, Family, MessageInfo, TraceEvent},
    ids::{ClientId, Endpoint, Epoch, LogIndex, MsgId, NodeId, Seq},
    name::Name,
    spec::ClusterSpec,
    time::Timestamp,
};

/// Mixed events: frames, deliveries, splices.
fn events(range: std::ops::Range<u64>) -> Vec<TraceEvent> {
    let kind = |seq: u64| match seq % 3 {
        0 => EventKind::FrameSent {
            msg: MsgId(seq / 3),
            from: NodeId(1).into(),
            to: if seq.is_multiple_of(2) { NodeId(2).into() } else { Endpoint::Client(ClientId(7)) },
            info: MessageInfo {
                name: Name::new(if seq.is_multiple_of(2) { "AppendEntries" } else { "Answer" }),
                family: Family::Append,
                refuses: seq.is_multiple_of(5),
            },
            due: Timestamp(seq * 1000 + 40_000_000),
            bytes: 90,
            payload: seq.to_le_bytes().to_vec().into(),
        },
        1 => EventKind::FrameDelivered { msg: MsgId(seq / 3) },
        _ => EventKind::LogSpliced {
            node: NodeId(2),
            from: LogIndex(seq),
            entries: vec![EntryBrief { epoch: Epoch(3), op: None, kind: EntryKind::Put, bytes: 9 }],
        },
    };
    let cause = |seq: u64| (!seq.is_multiple_of(3)).then(|| Seq(seq - 1));
    range
        .map(|seq| TraceEvent { seq: Seq(seq), at: Timestamp(seq * 1000), cause: cause(seq), kind: kind(seq) })
        .collect()
}

/// A recording of 10,000 events, that is, of five blocks.
fn recorded(path: &Path) -> Vec<TraceEvent> {
    let events = events(0..10_000);
    let mut writer = RecordingWriter::create(path, &ClusterSpec::default(), 1_700_000_000_000).unwrap();
    events.chunks(1000).for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    events
}

fn all(recording: &mut Recording) -> Vec<TraceEvent> {
    (0..recording.blocks().len()).flat_map(|block| recording.read(block).unwrap()).collect()
}

#[test]
fn a_recording_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = recorded(&path);
    let mut recording = Recording::open(&path).unwrap();
    assert_eq!(recording.spec(), &ClusterSpec::default());
    assert_eq!(recording.created_unix_ms(), 1_700_000_000_000);
    assert_eq!((recording.blocks().len(), recording.torn_bytes(), recording.end()), (5, 0, Seq(10_000)));
    assert!(recording.damage().is_none());
    assert_eq!(all(&mut recording), events);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn what_was_flushed_can_be_read_while_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let mut writer = RecordingWriter::create(&path, &ClusterSpec::default(), 0).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    writer.write(&events(0..10)).unwrap();
    recording.refresh().unwrap();
    assert_eq!(recording.end(), Seq(0));
    writer.flush().unwrap();
    recording.refresh().unwrap();
    assert_eq!(recording.end(), Seq(10));
    writer.write(&events(10..30)).unwrap();
    writer.flush().unwrap();
    recording.refresh().unwrap();
    assert_eq!(all(&mut recording), events(0..30));
}

#[test]
fn a_sink_flushes_by_the_time_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let mut sink = RecordingSink::new(RecordingWriter::create(&path, &ClusterSpec::default(), 0).unwrap());
    sink.push(&events(0..10)).unwrap();
    sink.tick(std::time::Duration::from_millis(10)).unwrap();
    assert_eq!(Recording::open(&path).unwrap().end(), Seq(0));
    sink.tick(std::time::Duration::from_millis(400)).unwrap();
    assert_eq!(Recording::open(&path).unwrap().end(), Seq(10));
}

/// A kill can tear the file off anywhere behind the header.
#[test]
fn a_torn_end_opens_and_says_how_much_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = recorded(&path);
    let whole = fs::read(&path).unwrap();
    let last = *Recording::open(&path).unwrap().blocks().last().unwrap();
    for kept in [last.offset + 1, last.offset + 47, last.offset + 48, last.offset + 500, whole.len() as u64 - 1] {
        fs::write(&path, &whole[..kept as usize]).unwrap();
        let mut recording = Recording::open(&path).unwrap();
        assert_eq!(recording.torn_bytes(), kept - last.offset, "cut at {kept}");
        assert!(recording.damage().is_none(), "cut at {kept}");
        assert_eq!(all(&mut recording), events[..8192], "cut at {kept}");
    }
}

/// After a power loss, the length may have reached the disk and the bytes not.
#[test]
fn an_end_of_zeros_is_a_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    recorded(&path);
    let mut bytes = fs::read(&path).unwrap();
    let last = *Recording::open(&path).unwrap().blocks().last().unwrap();
    bytes[last.offset as usize + 100..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.end(), recording.torn_bytes()), (Seq(8192), bytes.len() as u64 - last.offset));
    bytes[last.offset as usize..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.end(), recording.torn_bytes()), (Seq(8192), bytes.len() as u64 - last.offset));
}

#[test]
fn a_damaged_block_in_the_middle_is_named_and_what_precedes_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = recorded(&path);
    let whole = fs::read(&path).unwrap();
    let middle = Recording::open(&path).unwrap().blocks()[1];
    // Bits of the stored events.
    let mut bytes = whole.clone();
    bytes[middle.offset as usize + 200] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    assert_eq!(recording.read(0).unwrap(), events[..2048]);
    let message = recording.read(1).unwrap_err().to_string();
    let place = format!("block 1 at byte {} is damaged (its checksum is wrong); the 2048 events before", middle.offset);
    assert!(message.starts_with(&place), "{message}");
    // Bits of the header.
    let mut bytes = whole;
    bytes[middle.offset as usize + 13] ^= 4;
    fs::write(&path, &bytes).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    let damage = recording.damage().unwrap().to_string();
    assert!(damage.contains(&format!("block 1 at byte {}", middle.offset)), "{damage}");
    assert_eq!(all(&mut recording), events[..2048]);
}

#[test]
fn a_removed_block_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    recorded(&path);
    let mut bytes = fs::read(&path).unwrap();
    let middle = Recording::open(&path).unwrap().blocks()[1];
    bytes.drain(middle.offset as usize..middle.end_offset() as usize);
    fs::write(&path, &bytes).unwrap();
    assert!(Recording::open(&path).unwrap().damage().unwrap().to_string().contains("events are missing"));
}

#[test]
fn files_that_are_no_recording_of_this_version_are_refused_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    recorded(&path);
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Recording::open(&path).unwrap_err()
    };
    assert!(matches!(refused(b""), RecordingError::Empty { .. }));
    assert!(matches!(refused(b"[lab]\ntitle = \"no recording\"\n"), RecordingError::NotARecording { .. }));
    assert!(matches!(refused(&whole[..5]), RecordingError::NotARecording { .. }));
    assert!(matches!(refused(&whole[..40]), RecordingError::Header { .. }));
    let mut newer = whole.clone();
    newer[8] = 3;
    assert!(matches!(refused(&newer), RecordingError::Newer { major: 3, known: 2, .. }));
    let mut older = whole.clone();
    older[8] = 1;
    assert!(matches!(refused(&older), RecordingError::Older { major: 1, known: 2, .. }));
    let mut damaged = whole.clone();
    damaged[30] ^= 1;
    assert!(matches!(refused(&damaged), RecordingError::Header { .. }));
    let mut hostile = whole;
    hostile[12..16].fill(0xff);
    assert!(matches!(refused(&hostile), RecordingError::Header { .. }));
    assert!(matches!(Recording::open(&folder.path().join("none")), Err(RecordingError::Read { .. })));
}

/// A block whose checksums are right and whose claims are not must cost neither memory nor a panic.
#[test]
fn a_block_with_hostile_claims_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    recorded(&path);
    let whole = fs::read(&path).unwrap();
    let first = Recording::open(&path).unwrap().blocks()[0];
    for claim in [
        BlockRef { raw: u32::MAX, ..first },
        BlockRef { count: u32::MAX, ..first },
        BlockRef { count: 0, ..first },
        BlockRef { stored: u32::MAX, ..first },
        BlockRef { first_seq: Seq(u64::MAX), ..first },
    ] {
        let mut bytes = whole.clone();
        bytes[first.offset as usize..][..block::BLOCK_HEADER].copy_from_slice(&claim.header());
        fs::write(&path, &bytes).unwrap();
        let recording = Recording::open(&path).unwrap();
        assert!(recording.damage().is_some() && recording.blocks().is_empty(), "{claim:?}");
    }
    // Claims that only unpacking can refute.
    for claim in [BlockRef { raw: first.raw + 1, ..first }, BlockRef { first_at: Timestamp(0), count: 4095, ..first }] {
        let stored = &whole[first.offset as usize + block::BLOCK_HEADER..first.end_offset() as usize];
        assert!(unseal(&claim, stored).is_err(), "{claim:?}");
    }
}

#[test]
fn long_payloads_are_cut_and_their_true_length_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let mut long = events(0..1);
    let EventKind::FrameSent { payload, bytes, .. } = &mut long[0].kind else { unreachable!("the first is a frame") };
    (*payload, *bytes) = (vec![7; 1000].into(), 1020);
    let mut writer = RecordingWriter::create(&path, &ClusterSpec::default(), 0).unwrap();
    writer.write(&long).unwrap();
    writer.finish().unwrap();
    let read = Recording::open(&path).unwrap().read(0).unwrap();
    let EventKind::FrameSent { payload, bytes, .. } = &read[0].kind else { unreachable!("the first is a frame") };
    assert_eq!((payload.len(), *bytes), (PAYLOAD_KEPT, 1020));
}

/// A node that recovers a long log tells all of it in one event, which no ordinary block could hold.
#[test]
fn a_giant_event_has_a_block_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let mut events = events(0..9);
    let EventKind::LogSpliced { entries, .. } = &mut events[5].kind else { unreachable!("the sixth is a splice") };
    *entries = vec![EntryBrief { epoch: Epoch(1), op: None, kind: EntryKind::Put, bytes: 256 }; 900_000];
    let mut writer = RecordingWriter::create(&path, &ClusterSpec::default(), 0).unwrap();
    writer.write(&events).unwrap();
    writer.finish().unwrap();
    let mut recording = Recording::open(&path).unwrap();
    assert_eq!(recording.blocks().len(), 3);
    assert_eq!(all(&mut recording), events);
}

/// A file of ten gigabytes must cost neither memory nor minutes before it is known what of it can be used.
#[test]
fn a_giant_file_that_is_damaged_is_told_without_reading_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = recorded(&path);
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10 << 30).unwrap();
    let mut recording = Recording::open(&path).unwrap();
    let damage = recording.damage().expect("the rest is nothing").to_string();
    assert!(damage.contains(&format!("block 5 at byte {length}")), "{damage}");
    assert_eq!(all(&mut recording), events);
}

/// Recordings of the version before say nothing of what ran: they were live.
#[test]
fn a_header_without_an_origin_is_that_of_a_live_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let body = postcard::to_allocvec(&(7_u64, ClusterSpec::default())).unwrap();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION_MAJOR.to_le_bytes());
    bytes.extend(0_u16.to_le_bytes());
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(crc32fast::hash(&body).to_le_bytes());
    bytes.extend(&body);
    fs::write(&path, &bytes).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.created_unix_ms(), recording.origin()), (7, &crate::origin::Origin::default()));
    // An origin that makes no sense is no header that was ever written.
    let mut body = body;
    body.extend([9, 9, 9]);
    bytes.truncate(PREFIX_BYTES);
    bytes[12..16].copy_from_slice(&(body.len() as u32).to_le_bytes());
    bytes[16..20].copy_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend(&body);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(Recording::open(&path), Err(RecordingError::Header { .. })));
}
