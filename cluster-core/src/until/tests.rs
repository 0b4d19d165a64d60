//! What is waited for is found, and nothing else is.

use std::time::Duration;

use super::*;
use crate::{command::Command, fault::Fault, ids::Seq, sim::Sim, spec::ClusterSpec};

/// A run in which a leader is elected, crashes, and is followed by another.
fn run() -> Sim {
    let mut sim = Sim::start(&ClusterSpec::default()).expect("the spec is sound");
    let limit = Duration::from_secs(30);
    assert!(sim.run_until(limit, |trace| trace.latest().leader().is_some()));
    let leader = sim.trace().latest().leader().expect("just seen");
    sim.run_for(Duration::from_secs(2));
    sim.command(Command::Inject(vec![Fault::Crash(leader)]));
    assert!(sim.run_until(limit, |trace| trace.latest().leader().is_some_and(|next| next != leader)));
    sim
}

/// Returns the events at which a wait is over, when it begins again each time.
fn found(sim: &Sim, until: &Until) -> Vec<TraceEvent> {
    let mut state = ClusterState::before(sim.trace().spec());
    let mut wait = Wait::new(until.clone(), &state).expect("it makes sense");
    let mut found = Vec::new();
    sim.trace().each(Seq(0)..sim.trace().len(), &mut |event| {
        if wait.hears(event, &mut state) {
            found.push(event.clone());
        }
    });
    assert_eq!(&state, sim.trace().latest());
    found
}

#[test]
fn the_leader_changes_when_one_is_elected_and_when_it_dies() {
    let found = found(&run(), &Until::LeaderChanges);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(matches!(found[1].kind, EventKind::NodeCrashed { .. }));
}

#[test]
fn an_arrival_on_a_link_is_one_on_that_direction_only() {
    let sim = run();
    let link = (NodeId(1).into(), NodeId(2).into());
    let arrived = found(&sim, &Until::Delivery(link)).len() as u64;
    assert_eq!(arrived, sim.trace().latest().links[&link].delivered);
    assert!(arrived > 0);
    assert_eq!(found(&sim, &Until::Delivery((NodeId(8).into(), NodeId(9).into()))), []);
}

#[test]
fn an_event_at_a_node_is_none_of_another() {
    let sim = run();
    let at = |node| found(&sim, &Until::At(NodeId(node)));
    assert!(!at(1).is_empty() && at(9).is_empty());
    let (one, two) = (at(1), at(2));
    assert!(one.iter().all(|event| !two.contains(event)));
}

#[test]
fn a_condition_is_met_when_it_becomes_true_and_not_again_while_it_stays_so() {
    let found = found(&run(), &Until::Holds("nodes.exists(n, n.leads && n.epoch == 1)".to_owned()));
    assert_eq!(found.len(), 1, "{found:?}");
    let wrong = Wait::new(Until::Holds("nobody".to_owned()), &ClusterState::default());
    assert!(wrong.is_err());
}
