//! What a wrong clock does to a cluster: the classic lesson, and what it does not do.

use cluster_core::{
    command::Command,
    event::Outcome,
    fault::{Ailment, ClockShift, Drift, Fault, Heal, NodeFault, NodeFaults},
    ids::NodeId,
    sim::Sim,
    trace::Broken,
};

use crate::common::{SECOND, cluster, ends, get, inject, led, outcomes, put, refusals, with_knob};

fn drift(percent: i32) -> NodeFault {
    NodeFault::ClockDrift(Drift { ppm: percent * 10_000 })
}

/// Cuts a leader off whose clock hardly moves, lets another one be elected and write, and reads from the old one.
fn read_behind_a_new_leader(reads: &str, drifting: bool) -> Option<Outcome> {
    let (mut sim, old) = led(&with_knob(cluster("raft", 3, 21), "reads", reads));
    put(&mut sim, old, "k", "old");
    sim.run_for(SECOND);
    if drifting {
        inject(&mut sim, Fault::Node(old, drift(-90)));
    }
    inject(&mut sim, Fault::Partition(vec![ends(&[old])]));
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|leader| leader != old)));
    let new = sim.trace().latest().leader().expect("just seen");
    put(&mut sim, new, "k", "new");
    sim.run_for(SECOND);
    assert!(outcomes(sim.trace())[1].as_ref().is_some_and(Outcome::is_ok), "the new leader writes");
    get(&mut sim, old, "k");
    sim.run_for(SECOND);
    outcomes(sim.trace()).pop().expect("three operations")
}

fn value(outcome: Option<Outcome>) -> Option<String> {
    match outcome {
        Some(Outcome::Value { value, .. }) => value.map(|value| value.to_string()),
        Some(
            Outcome::Written { .. } | Outcome::Answered { .. } | Outcome::Done | Outcome::Failed(_) | Outcome::NoAnswer,
        )
        | None => None,
    }
}

/// A lease is a promise about time: a leader whose clock is slow believes in it long after the others stopped to.
#[test]
fn a_lease_read_behind_a_slow_clock_is_stale() {
    assert_eq!(value(read_behind_a_new_leader("lease", true)).as_deref(), Some("old"));
}

#[test]
fn without_drift_the_lease_has_run_out_by_then() {
    assert_eq!(value(read_behind_a_new_leader("lease", false)), None);
}

/// Read-index asks a majority, and no clock: it may fail, but it does not lie.
#[test]
fn a_read_index_behind_a_slow_clock_is_not_answered() {
    assert_eq!(value(read_behind_a_new_leader("index", true)), None);
}

fn elected_during(sim: &mut Sim, span: u32) -> bool {
    let leader = sim.trace().latest().leader();
    sim.run_until(span * SECOND, |trace| trace.latest().leader().is_some_and(|now| Some(now) != leader))
}

/// Its timers wait for a time of day that it has to live through once more.
#[test]
fn a_leader_whose_clock_jumps_back_falls_silent_and_is_replaced() {
    let (mut sim, leader) = led(&cluster("raft", 3, 22));
    sim.run_for(4 * SECOND);
    inject(&mut sim, Fault::Node(leader, NodeFault::ClockJump(ClockShift::back(3 * SECOND))));
    assert!(elected_during(&mut sim, 2));
    assert!(sim.trace().latest().nodes[&leader].counters.timers_moved > 0);
}

/// The same clock, as wrong, but its timers count spans: nobody notices.
#[test]
fn a_leader_whose_clock_is_wrong_by_a_constant_goes_on_leading() {
    let (mut sim, leader) = led(&cluster("raft", 3, 22));
    sim.run_for(4 * SECOND);
    inject(&mut sim, Fault::Node(leader, NodeFault::ClockOffset(ClockShift::back(3 * SECOND))));
    assert!(!elected_during(&mut sim, 5));
    let node = &sim.trace().latest().nodes[&leader];
    assert!(node.counters.steps_skewed > 0 && node.counters.timers_moved == 0, "{:?}", node.counters);
}

#[test]
fn a_follower_whose_clock_runs_fast_asks_for_votes_while_the_leader_lives() {
    let spec = with_knob(with_knob(cluster("raft", 3, 23), "pre_vote", "off"), "check_quorum", "off");
    let (mut sim, leader) = led(&spec);
    sim.run_for(2 * SECOND);
    let others = spec.nodes.iter().filter(|node| **node != leader);
    sim.command(Command::Inject(others.map(|node| Fault::Node(*node, drift(90))).collect()));
    sim.command(Command::Inject(vec![Fault::Node(leader, drift(-90))]));
    assert!(elected_during(&mut sim, 10));
}

/// Times in the trace are cluster time, whatever the node takes for the time.
#[test]
fn the_timer_that_a_node_shows_is_in_cluster_time() {
    let (mut sim, leader) = led(&cluster("raft", 3, 24));
    let follower = [1, 2, 3].map(NodeId).into_iter().find(|node| *node != leader).expect("three nodes");
    inject(&mut sim, Fault::Node(follower, NodeFault::ClockOffset(ClockShift::ahead(3600 * SECOND))));
    sim.run_for(2 * SECOND);
    let timer = sim.trace().latest().nodes[&follower].view.timer.expect("a follower has an election timer");
    assert!(timer.until.since(sim.now()) <= 2 * SECOND && timer.from <= sim.now(), "{timer:?} at {}", sim.now());
}

#[test]
fn a_healed_clock_leaves_no_trace() {
    let (mut sim, leader) = led(&cluster("raft", 3, 25));
    sim.run_for(4 * SECOND);
    for fault in [drift(50), NodeFault::ClockOffset(ClockShift::ahead(5 * SECOND))] {
        inject(&mut sim, Fault::Node(leader, fault));
        sim.run_for(SECOND);
    }
    let broken = Broken::Machine(leader, Ailment::Clock);
    assert!(sim.trace().latest().faults.iter().any(|fault| fault.what == broken));
    sim.command(Command::Heal(Heal::Ailment(leader, Ailment::Clock)));
    sim.run_for(SECOND);
    let counted = sim.trace().latest().nodes[&leader].counters;
    assert!(!elected_during(&mut sim, 5));
    let state = sim.trace().latest();
    assert!(state.faults.is_empty() && state.nodes[&leader].faults == NodeFaults::default());
    assert_eq!(state.nodes[&leader].counters, counted, "a true clock skews no step and moves no timer");
}

#[test]
fn clocks_that_cannot_be_are_refused_with_the_reason() {
    let (mut sim, _) = led(&cluster("raft", 3, 26));
    let node = NodeId(1);
    for fault in [
        drift(100),
        drift(-100),
        NodeFault::ClockJump(ClockShift::default()),
        NodeFault::ClockJump(ClockShift::back(3600 * SECOND)),
    ] {
        inject(&mut sim, Fault::Node(node, fault));
    }
    sim.command(Command::Heal(Heal::Ailment(node, Ailment::Clock)));
    let said = refusals(sim.trace());
    let expected = ["-90% and 90%", "-90% and 90%", "moves no clock", "before the run began", "as it should be"];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    assert!(said.iter().zip(expected).all(|(said, expected)| said.contains(expected)), "{said:?}");
}
