//! The store must say the same about a run, wherever its events are.

use std::fs;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::trace::{RecordingWriter, synthetic::Synthetic};

const SEED: u64 = 7;

fn run() -> Vec<TraceEvent> {
    let mut run = Synthetic::new(5, SEED);
    std::iter::repeat_with(|| run.batch()).take(60).flatten().collect()
}

fn naive(events: &[TraceEvent]) -> ClusterState {
    let mut state = ClusterState::before(&ClusterSpec::default());
    events.iter().for_each(|event| state.apply(event));
    state
}

fn recorded(path: &Path, events: &[TraceEvent]) {
    let mut writer = RecordingWriter::create(path, &ClusterSpec::default(), 0).unwrap();
    writer.write(events).unwrap();
    writer.finish().unwrap();
}

/// Compares a store with the plain list of its events, at random places.
fn assert_same(store: &TraceStore, events: &[TraceEvent], what: &str) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    assert_eq!(store.len(), Seq(events.len() as u64), "{what}");
    assert_eq!(store.latest(), &naive(events), "{what}");
    for _ in 0..12 {
        let at = rng.random_range(0..events.len());
        let place = format!("{what}: event {at} at seed {SEED}");
        assert_eq!(store.state_at(Seq(at as u64)), naive(&events[..at]), "{place}");
        assert_eq!(store.state_at(Seq(at as u64 + 1)), naive(&events[..=at]), "one step on, {place}");
        assert_eq!(store.event(Seq(at as u64)).as_ref(), Some(&events[at]), "{place}");
        let to = (at + 5000).min(events.len());
        assert_eq!(store.events(Seq(at as u64)..Seq(to as u64)), events[at..to], "{place}");
        for time in [events[at].at, Timestamp(events[at].at.0 + 1)] {
            let right = events.partition_point(|event| event.at <= time);
            assert_eq!(store.seq_at(time), Seq(right as u64), "{place}");
        }
    }
    assert_eq!(store.seq_at(Timestamp::ZERO), Seq(0), "{what}");
    assert_eq!(store.event(store.len()), None, "{what}");
}

#[test]
fn a_state_is_the_fold_of_the_events_before_it_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = run();
    let mut plain = TraceStore::new(ClusterSpec::default());
    plain.append(events.clone());
    assert_same(&plain, &events, "all in memory");

    let mut packed = TraceStore::new(ClusterSpec::default());
    packed.recent_max = 1000;
    events.chunks(700).for_each(|batch| packed.append(batch.to_vec()));
    assert!(packed.recent.len() < 2000, "{} events are kept as they are", packed.recent.len());
    assert_same(&packed, &events, "packed in memory");

    recorded(&path, &events);
    let opened = TraceStore::open(&path).unwrap();
    assert!(opened.recent.is_empty() && opened.damage().is_none());
    assert_same(&opened, &events, "in a file");
    assert_eq!(format!("{:?}", opened.timeline().marks), format!("{:?}", plain.timeline().marks));
}

/// The file's writer is another thread: it may be ahead of the store, or behind it for a while.
#[test]
fn a_live_store_finds_old_events_in_the_file_and_keeps_what_is_not_yet_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = run();
    let mut writer = RecordingWriter::create(&path, &ClusterSpec::default(), 0).unwrap();
    let mut store = TraceStore::with_file(ClusterSpec::default(), &path).unwrap();
    store.recent_max = 1000;
    let (early, late) = events.split_at(events.len() / 2);
    early.chunks(300).for_each(|batch| store.append(batch.to_vec()));
    assert!(store.recent.len() <= 3300, "a writer that lags behind does not fill the memory");
    for batch in late.chunks(300) {
        writer.write(if batch[0].seq == late[0].seq { early } else { &[] }).unwrap();
        writer.write(batch).unwrap();
        writer.flush().unwrap();
        store.append(batch.to_vec());
    }
    assert!(store.recent.len() <= 1500, "{} events are kept as they are", store.recent.len());
    assert_same(&store, &events, "live");
}

#[test]
fn a_damaged_recording_shows_what_precedes_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.flrec");
    let events = run();
    recorded(&path, &events);
    let block = Recording::open(&path).unwrap().blocks()[1];
    let mut bytes = fs::read(&path).unwrap();
    bytes[block.offset as usize + 99] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let store = TraceStore::open(&path).unwrap();
    assert!(store.damage().unwrap().starts_with("block 1 at byte"));
    assert_same(&store, &events[..2048], "damaged");
}

#[test]
fn checkpoints_of_a_long_run_are_bounded_in_number() {
    let mut state = ClusterState::before(&ClusterSpec::default());
    let mut checkpoints = Checkpoints::new(state.clone());
    for next in 1..=3_000_000 {
        state.next = Seq(next);
        checkpoints.offer(&state);
    }
    assert!((512..=1024).contains(&checkpoints.len()), "{}", checkpoints.len());
    let before = checkpoints.before(Seq(2_999_999)).next.0;
    assert!(2_999_999 - before < 8192, "{before}");
}
