//! A simulated recording comes out the same when it is executed again, whatever was done to the cluster meanwhile.

use std::{path::Path, sync::atomic::AtomicBool, time::Duration};

use super::*;
use crate::{
    headless::{Phase, Plan, Watch, simulate},
    registry::PROTOCOLS,
    script::{Script, Timed},
    spec::ClusterSpec,
    time::{Timestamp, TimingProfile},
    trace::ClusterState,
};

/// A script that stops time, steps, slows down, and breaks things meanwhile.
const EVENTFUL: &str = "at 1500ms crash n1\nat 2s pause\nat 2100ms freeze n2\nat 2300ms resume\nat 2500ms rate 0.5\n\
                        at 3s partition n2,n3 | rest\nat 4s heal\nat 4500ms restart all\n";

struct Deaf;

impl Watch for Deaf {
    fn on_event(&mut self, _: &TraceEvent, _: &ClusterState) {}
    fn on_tick(&mut self, _: &ClusterState, _: Phase) {}
    fn on_line(&mut self, _: &Timed, _: Timestamp) {}
}

fn record(spec: &ClusterSpec, file: &Path) {
    let script = Script::parse("eventful", EVENTFUL).unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan { run_for: Duration::from_secs(6), script, ..Plan::default() };
    simulate(spec, plan, Some((file, 0)), &mut Deaf, &AtomicBool::new(false)).expect("a run");
}

fn again(file: &Path) -> Again {
    let mut recording = Recording::open(file).expect("a recording");
    rerun_simulated(&mut recording, None, &AtomicBool::new(false), &mut |_| {}).expect("it can be executed")
}

#[test]
fn every_protocol_at_every_pace_is_the_same_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("run");
    for row in PROTOCOLS {
        for profile in [TimingProfile::Fast, TimingProfile::Real] {
            let spec = ClusterSpec { protocol: row.id.to_owned(), profile, seed: 5, ..ClusterSpec::default() };
            record(&spec, &file);
            let again = again(&file);
            assert!(matches!(again, Again::Same { events } if events > 200), "{} {profile:?}: {again:?}", row.id);
        }
    }
}

#[test]
fn a_run_of_another_seed_differs_at_its_first_different_event() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, forged) = (folder.path().join("run"), folder.path().join("forged"));
    let spec = ClusterSpec { seed: 5, ..ClusterSpec::default() };
    record(&spec, &file);
    // The same events below the header of another seed.
    let mut recording = Recording::open(&file).expect("a recording");
    let other = ClusterSpec { seed: 6, ..spec };
    let origin = recording.origin().clone();
    let mut writer = RecordingWriter::create_of(&forged, &other, &origin, 0).expect("the folder can be written");
    for block in 0..recording.blocks().len() {
        writer.write(&recording.read(block).expect("sound")).expect("the folder can be written");
    }
    writer.finish().expect("the folder can be written");
    let Again::Differs(difference) = again(&forged) else { panic!("another seed is another run") };
    let (one, other) = (difference.one.expect("it goes on"), difference.other.expect("it goes on"));
    assert_eq!(one.seq, other.seq);
    assert!(!are_same(Sameness::Exact, &one, &other));
}
