//! Where two runs begin to differ is found, whatever lies between, and states are told apart by what differs.

use std::time::Duration;

use super::*;
use crate::{command::Command, fault::Fault, ids::NodeId, sim::Sim, spec::ClusterSpec};

/// A simulated run in which a node crashes after three seconds.
fn run(seed: u64, crashes: Option<u16>) -> Sim {
    let mut sim = Sim::start(&ClusterSpec { seed, ..ClusterSpec::default() }).expect("the spec is sound");
    sim.run_for(Duration::from_secs(3));
    if let Some(node) = crashes {
        sim.command(Command::Inject(vec![Fault::Crash(NodeId(node))]));
    }
    sim.run_for(Duration::from_secs(3));
    sim
}

fn differ(sameness: Sameness, one: &Sim, other: &Sim) -> Differ {
    let mut differ = Differ::new(sameness, (Seq(0), Seq(0)));
    // In bites, as a window does.
    while !differ.advance(one.trace(), other.trace(), 700) {}
    differ
}

#[test]
fn the_same_run_twice_has_no_difference() {
    let (one, other) = (run(1, Some(2)), run(1, Some(2)));
    for sameness in [Sameness::Exact, Sameness::Story] {
        assert_eq!(differ(sameness, &one, &other).found(), None);
    }
    assert_eq!(state_differences(one.trace().latest(), other.trace().latest()), []);
}

#[test]
fn the_first_difference_is_what_was_done_differently() {
    let (one, other) = (run(1, Some(2)), run(1, Some(3)));
    for sameness in [Sameness::Exact, Sameness::Story] {
        let differ = differ(sameness, &one, &other);
        let found = differ.found().expect("another node crashed");
        let (a, b) = (found.one.as_ref().expect("goes on"), found.other.as_ref().expect("goes on"));
        assert!(
            matches!(&a.kind, EventKind::CommandIssued { .. }) && matches!(&b.kind, EventKind::CommandIssued { .. })
        );
        assert_eq!((a.at, b.at), (a.at, a.at));
    }
    let told = state_differences(one.trace().latest(), other.trace().latest());
    let n2 = told.iter().find(|it| it.what == "n2 status").expect("n2 is down in one of them");
    assert_eq!((n2.one.as_str(), n2.other.as_str()), ("crashed", "up"));
}

#[test]
fn a_run_that_ends_earlier_differs_where_it_ends() {
    let (short, long) = (run(1, None), {
        let mut sim = run(1, None);
        sim.run_for(Duration::from_secs(5));
        sim
    });
    let differ = differ(Sameness::Exact, &short, &long);
    let found = differ.found().expect("one goes on");
    assert_eq!(found.one, None);
    assert_eq!(found.other.as_ref().map(|event| event.seq), Some(short.trace().len()));
}
