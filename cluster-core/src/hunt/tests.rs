//! What is broken is found, made small, and found again; what is correct is silent.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::{
    command::Command,
    event::EventKind,
    fault::{Fault, Heal},
    nemesis::Profile,
    protocol::VARIANT_KNOB,
    registry::PROTOCOLS,
    trace::TraceStore,
};

/// A seed at which each variant is caught, and the promise that it breaks there.
const CAUGHT: &[(&str, &str, u64, &str)] = &[
    ("raft-study", "vote-not-persisted", 188, "election-safety"),
    ("raft-study", "term-not-persisted", 188, "election-safety"),
    ("raft-study", "ack-before-fsync", 2, "leader-completeness"),
    ("raft-study", "grants-two-votes", 3, "election-safety"),
    ("raft-study", "ignores-log-up-to-date", 1, "leader-completeness"),
    ("raft-study", "forgets-to-step-down", 3, "log-matching"),
    ("raft-study", "commit-older-term", 15, "leader-completeness"),
    ("raft-study", "commit-without-majority", 2, "leader-completeness"),
    ("raft-study", "commit-beyond-match", 1137, "state-machine-safety"),
    ("raft-study", "no-truncation", 2, "log-matching"),
    ("raft-study", "truncates-on-old-append", 3, "node-stopped"),
    ("raft-study", "stale-read", 2, "linearizable"),
    ("raft-study", "read-before-no-op", 21, "linearizable"),
    ("raft-study", "no-dedup", 114, "linearizable"),
    ("primary-backup", "ack-before-replication", 1, "lost-write"),
    ("primary-backup", "ack-before-fsync", 23, "lost-write"),
    ("primary-backup", "no-truncation", 1, "lost-write"),
    ("primary-backup", "no-consistency-check", 48, "lost-write"),
    ("primary-backup", "gives-up-on-backups", 1, "lost-write"),
    ("primary-backup", "shares-epochs", 1, "single-writer"),
    ("omni-paxos", "ack-before-fsync", 804, "uniform-agreement"),
    ("omni-paxos", "adopts-shorter-log", 2, "lost-write"),
    ("omni-paxos", "no-dedup", 12, "linearizable"),
    ("rpc", "remembers-after-reply", 23, "at-most-once"),
    ("rpc", "forgets-on-restart", 114, "at-most-once"),
    ("rpc", "remembers-only-the-last", 42, "at-most-once"),
    ("rpc", "ack-before-fsync", 108, "lost-write"),
    ("swim", "no-refutation", 1, "swim-accuracy"),
    ("swim", "incarnation-not-raised", 1, "swim-accuracy"),
];

/// What shows only in a calm that faults drawn at random do not leave; scripts show it.
const SCRIPTED: &[(&str, &str)] = &[("swim", "no-indirect-probe"), ("swim", "no-suspicion-timeout")];

/// Draws the trial of a seed. Returns it with what it showed.
fn drawn(quarry: &Quarry, seed: u64) -> (Trial, Ran) {
    let mut trial = quarry.trial(seed);
    let mut watch = Watch::new(&trial.spec, &quarry.checks);
    let ran = trial.draw(&mut watch, nemeses(Profile::Swarm)(seed).as_mut()).expect("the quarry is sound");
    (trial, ran)
}

fn promise(ran: &Ran) -> Option<&'static str> {
    ran.caught.as_ref().map(|caught| caught.finding.promise.as_str())
}

fn replayed(trial: &Trial, checks: &[Check]) -> Ran {
    trial.run(&mut Watch::new(&trial.spec, checks), &mut |_| {}).expect("the trial is sound")
}

#[test]
fn every_variant_is_caught_and_the_correct_form_is_silent_under_the_same_faults() {
    for row in PROTOCOLS {
        for variant in row.variants.iter().filter(|variant| !SCRIPTED.contains(&(row.id, variant.name))) {
            let known = CAUGHT.iter().find(|known| (known.0, known.1) == (row.id, variant.name));
            let Some((.., seed, broken)) = known else { panic!("no seed for {} {}", row.id, variant.name) };
            let quarry = Quarry::new(row.id).with(VARIANT_KNOB, variant.name);
            let (mut trial, ran) = drawn(&quarry, *seed);
            assert_eq!(promise(&ran), Some(*broken), "{} {} at seed {seed}", row.id, variant.name);
            trial.spec.knobs.remove(VARIANT_KNOB);
            let correct = replayed(&trial, &quarry.checks);
            assert_eq!(correct.caught, None, "{} at seed {seed}", row.id);
        }
    }
}

/// Without it, a finding could not be looked at twice.
#[test]
fn a_drawn_run_is_the_same_run_when_its_script_is_played() {
    let quarry = Quarry::new("raft-study").with(VARIANT_KNOB, "stale-read");
    let (trial, ran) = drawn(&quarry, 2);
    let again = replayed(&trial, &quarry.checks);
    assert_eq!((ran.caught, ran.events, ran.took), (again.caught, again.events, again.took));
}

#[test]
fn what_was_caught_is_made_small_and_stays_the_same_broken_promise() {
    let quarry = Quarry::new("raft-study").with(VARIANT_KNOB, "commit-without-majority");
    let (trial, ran) = drawn(&quarry, 2);
    let caught = ran.caught.expect("it is caught at this seed");
    let small = shrink(&trial, &caught, &quarry.checks, 40);
    assert_eq!(small.caught.finding.promise, caught.finding.promise);
    assert!(
        small.trial.script.len() * 4 <= trial.script.len(),
        "{} of {}",
        small.trial.script.len(),
        trial.script.len()
    );
    // Fewer faults may take longer to show it.
    assert!(small.runs <= 40);
    assert_eq!(replayed(&small.trial, &quarry.checks).caught, Some(small.caught));
}

/// It would be no use to strike a leader that is gone already, or to leave two of them cut off.
#[test]
fn leaders_are_taken_away_one_at_a_time_where_little_is_written() {
    let mut struck = Vec::new();
    for seed in [5, 15, 25, 35] {
        let (trial, ran) = drawn(&Quarry::new("raft-study"), seed);
        assert_eq!(ran.caught, None, "seed {seed}");
        let inject = |timed: &TimedCommand| match &timed.command {
            Command::Inject(faults) => Some((timed.at, faults.clone())),
            Command::Heal(Heal::Links) => None,
            other => panic!("seed {seed}: {other:?}"),
        };
        let faults: Vec<_> = trial.script.iter().filter_map(inject).collect();
        for (at, faults) in &faults {
            assert!(matches!(&faults[..], [Fault::Partition(groups)] if groups.len() == 1), "seed {seed}: {faults:?}");
            let heals = |timed: &&TimedCommand| timed.at == *at && timed.command == Command::Heal(Heal::Links);
            assert_eq!(trial.script.iter().filter(heals).count(), 1, "seed {seed} at {at}");
        }
        struck.push(faults.len());
    }
    assert!(struck.iter().all(|strikes| *strikes >= 4), "{struck:?}");
}

#[test]
fn what_is_found_does_not_depend_on_how_many_threads_look() {
    let quarry = Quarry::new("raft-study").with(VARIANT_KNOB, "grants-two-votes");
    let hunted = |threads| {
        let options = HuntOptions { seeds: 1..=8, enough: 1, threads, shrink_runs: 0 };
        let report = hunt(&quarry, &nemeses(Profile::Swarm), &options, &|_| {}, &AtomicBool::new(false));
        let report = report.expect("the quarry is sound");
        let found: Vec<_> = report.found.iter().map(|found| (found.seed, found.first.clone())).collect();
        (report.seeds_tried, report.events, found)
    };
    let alone = hunted(1);
    assert_eq!(alone.2.len(), 1);
    assert_eq!(hunted(3), alone);
}

#[test]
fn the_recording_of_a_finding_ends_with_it() {
    let quarry = Quarry::new("raft-study").with(VARIANT_KNOB, "ignores-log-up-to-date");
    let (trial, ran) = drawn(&quarry, 1);
    let caught = ran.caught.expect("it is caught at this seed");
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("found.faultline");
    record(&trial, &quarry.checks, &path, 0).expect("the folder can be written");
    let store = TraceStore::open(&path).expect("a whole recording");
    let last = store.event(crate::ids::Seq(store.len().0 - 1)).expect("it is not empty");
    assert_eq!(last.at, caught.at);
    let EventKind::Found { finding } = last.kind else { panic!("{last:?}") };
    assert_eq!(*finding, caught.finding);
}

#[test]
fn a_hunt_that_is_told_to_stop_ends() {
    let options = HuntOptions { seeds: 1..=1_000_000, enough: 1, threads: 2, shrink_runs: 0 };
    let stop = AtomicBool::new(true);
    let report = hunt(&Quarry::new("raft"), &nemeses(Profile::Swarm), &options, &|_| {}, &stop).expect("it is sound");
    assert_eq!((report.seeds_tried, report.found.len()), (0, 0));
}
