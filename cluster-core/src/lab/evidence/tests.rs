//! What was written down is read as it was; what was changed is told with its place.

use std::{fs, path::Path, time::Duration};

use super::*;
use crate::{
    event::{EventKind, TraceEvent},
    ids::{NodeId, Seq},
    lab::{Deed, Did},
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Recording, RecordingWriter},
};

fn head() -> Head {
    Head {
        lab: "a-lab".to_owned(),
        version: "1.0.0".to_owned(),
        pack: None,
        definition: digest_of(b"lab"),
        program: "0".to_owned(),
        seed: 7,
        params: BTreeMap::from([("key".to_owned(), "x".to_owned())]),
        profile: TimingProfile::Human,
        backend: BackendKind::Sim,
        began_ms: 1_000,
        script: None,
        participant: None,
    }
}

fn deed(at_ms: u64, did: Did) -> Deed {
    Deed { at_ms, did }
}

fn observed(option: &str) -> Deed {
    deed(9_000, Did::Observed { ask: "seen".to_owned(), option: option.to_owned() })
}

fn record(path: &Path) {
    let mut writer = RecordingWriter::create(path, &ClusterSpec::default(), 0).expect("writable");
    for seq in 0..10 {
        let kind = EventKind::NodeStarted { node: NodeId(1), incarnation: 0, port: 0 };
        writer.write(&[TraceEvent { seq: Seq(seq), at: Timestamp(seq), cause: None, kind }]).expect("writable");
        if seq % 5 == 4 {
            writer.flush().expect("writable");
        }
    }
}

/// Makes an attempt with one phase and one answer.
fn attempt(folder: &Path) -> AttemptLog {
    let mut log = AttemptLog::begin(folder, head()).expect("a folder");
    let predicted = Did::Predicted { ask: "leaders".to_owned(), option: "two".to_owned() };
    log.note(deed(2_000, predicted)).expect("writable");
    log.note(deed(3_000, Did::Began { phase: "a".to_owned(), nth: 1 })).expect("writable");
    record(&log.recording("a", 1));
    log.note(observed("2")).expect("writable");
    log
}

fn evidence(folder: &Path) -> std::path::PathBuf {
    attempt(folder).finish(&Closing { ended_ms: 10_000, active_ms: 4_000, ..Closing::default() }).expect("evidence")
}

#[test]
fn an_attempt_is_read_as_it_was_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = evidence(folder.path());
    let found = Evidence::open(&path).expect("evidence");
    assert_eq!((found.breaks.len(), &found.head), (0, &head()));
    assert_eq!(found.journal.observed("seen"), Some("2"));
    assert_eq!(found.journal.active_ms, 4_000);
    let kept = found.recording("a", 1).expect("a recording");
    let copy = folder.path().join("copy");
    found.extract(kept, &copy).expect("writable");
    assert_eq!(fs::read(&copy).ok(), fs::read(folder.path().join("phase-a-1.faultline")).ok());
    assert_eq!(Recording::open(&copy).expect("a recording").end(), Seq(10));
    assert!(!folder.path().join("attempt.journal").exists());
}

#[test]
fn an_attempt_that_was_left_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(attempt(folder.path()));
    // What a kill leaves: half a deed.
    let path = folder.path().join("attempt.journal");
    let whole = fs::read(&path).expect("a journal");
    fs::write(&path, &whole[..whole.len() - 20]).expect("writable");
    let mut log = AttemptLog::resume(folder.path()).expect("a journal");
    assert_eq!(log.deeds().len(), 2);
    log.note(observed("3")).expect("writable");
    log.tick(Duration::from_secs(1)).expect("writable");
    drop(log);
    let log = AttemptLog::resume(folder.path()).expect("a journal");
    assert_eq!(log.deeds().last(), Some(&observed("3")));
    let found = Evidence::open(&log.finish(&Closing::default()).expect("evidence")).expect("evidence");
    assert_eq!((found.breaks.len(), found.journal.observed("seen")), (0, Some("3")));
}

/// Whatever byte is flipped, it is found, and never breaks the reader.
#[test]
fn no_byte_can_be_flipped_unseen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = evidence(folder.path());
    let bytes = fs::read(&path).expect("evidence");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).expect("writable");
        if let Ok(found) = Evidence::open(&path) {
            assert!(!found.breaks.is_empty(), "byte {at}");
        }
    }
}

#[test]
fn no_end_can_be_cut_off_unseen() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = evidence(folder.path());
    let bytes = fs::read(&path).expect("evidence");
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("writable");
        if let Ok(found) = Evidence::open(&path) {
            assert!(!found.breaks.is_empty() || found.closing.is_none(), "{length} bytes");
        }
    }
}

/// Returns where each record begins and ends.
fn records(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut records = Vec::new();
    let mut at = frame::PREFIX;
    while at < bytes.len() {
        let length = u32::from_le_bytes([bytes[at + 1], bytes[at + 2], bytes[at + 3], bytes[at + 4]]) as usize;
        records.push((at, at + 37 + length));
        at += 37 + length;
    }
    records
}

#[test]
fn what_was_changed_taken_away_or_moved_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = evidence(folder.path());
    let bytes = fs::read(&path).expect("evidence");
    let at = records(&bytes);
    let told = |changed: &[u8]| {
        fs::write(&path, changed).expect("writable");
        let breaks = Evidence::open(&path).expect("evidence").breaks;
        breaks.iter().map(|it| format!("record {}: {}", it.record, it.what)).collect::<Vec<_>>()
    };
    assert_eq!(told(&bytes), Vec::<String>::new());
    let mut changed = bytes.clone();
    let answer = at[3];
    let two = bytes[answer.0..answer.1].windows(3).position(|it| it == b"\"2\"").expect("the answer") + answer.0 + 1;
    changed[two] = b'3';
    let breaks = told(&changed);
    assert_eq!(breaks.len(), 1);
    assert!(breaks[0].starts_with("record 4: the answer to `seen` is not as it was written"), "{breaks:?}");
    // A block of the recording is taken away.
    let mut changed = bytes.clone();
    changed.drain(at[6].0..at[6].1);
    let breaks = told(&changed);
    assert!(breaks[0].contains("block 0 of the recording of phase `a`, attempt 1"), "{breaks:?}");
    // Two records change places.
    let mut changed = bytes[..at[1].0].to_vec();
    changed.extend_from_slice(&bytes[at[2].0..at[2].1]);
    changed.extend_from_slice(&bytes[at[1].0..at[1].1]);
    changed.extend_from_slice(&bytes[at[3].0..]);
    assert!(told(&changed)[0].starts_with("record 2: the beginning of phase `a`"));
}

#[test]
fn what_is_no_evidence_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.evidence");
    let told = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("writable");
        Evidence::open(&path).expect_err("no evidence").to_string()
    };
    assert!(told(b"hello").starts_with("this is no evidence"));
    let mut newer = frame::prefix();
    newer[8] = 9;
    assert!(told(&newer).contains("take a later version"));
    assert!(told(&frame::prefix()).contains("ask for the file anew"));
    // A record that claims four gigabytes is not read.
    let mut huge = frame::prefix().to_vec();
    huge.extend_from_slice(&[1, 255, 255, 255, 255]);
    huge.extend_from_slice(&[0; 64]);
    assert!(told(&huge).contains("ask for the file anew"));
}
