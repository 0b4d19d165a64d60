//! Knobs that are turned while a cluster runs.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::{EventKind, Milestone, TraceEvent},
    fault::{Fault, Shape},
    ids::NodeId,
    name::Name,
    sim::Sim,
    trace::TraceStore,
};

use crate::common::{
    SECOND, client, cluster, ends, events, inject, led, milestones, outcomes, put, refusals, with_knob,
};

fn set(sim: &mut Sim, knob: &str, value: &str) {
    sim.command(Command::SetKnob { knob: knob.to_owned(), value: value.to_owned() });
}

/// Returns who took a knob over, in that order.
fn taken(trace: &TraceStore) -> Vec<NodeId> {
    let node = |event: TraceEvent| match event.kind {
        EventKind::KnobTaken { node, .. } => Some(node),
        _ => None, // nothing else is a knob taken over
    };
    events(trace).into_iter().filter_map(node).collect()
}

/// Returns how often a node asked for votes, but for the first milestones of a run.
fn campaigns_after(trace: &TraceStore, before: usize) -> usize {
    let began = milestones(trace).into_iter().skip(before);
    began.filter(|(_, milestone)| matches!(milestone, Milestone::ElectionStarted { .. })).count()
}

#[test]
fn every_running_node_takes_a_knob_over_and_a_frozen_one_when_it_goes_on() {
    let (mut sim, leader) = led(&cluster("raft", 3, 41));
    let frozen = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    inject(&mut sim, Fault::Freeze(frozen));
    set(&mut sim, "snapshot_every", "50");
    sim.run_for(SECOND);
    let others: Vec<NodeId> = (1..=3).map(NodeId).filter(|node| *node != frozen).collect();
    assert_eq!(taken(sim.trace()), others);
    assert_eq!(sim.trace().latest().knobs[&Name::new("snapshot_every")], Name::new("50"));
    sim.command(Command::Unfreeze(frozen));
    sim.run_for(SECOND);
    assert_eq!(taken(sim.trace()).last(), Some(&frozen));
}

#[test]
fn a_node_that_was_down_starts_with_the_knobs_as_they_are_then() {
    let mut spec = with_knob(cluster("raft", 3, 42), "snapshot_every", "1000000");
    spec.clients = vec![client(1, 50.0)];
    let (mut sim, leader) = led(&spec);
    let away = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    inject(&mut sim, Fault::Crash(away));
    set(&mut sim, "snapshot_every", "40");
    sim.run_for(SECOND);
    sim.command(Command::Restart(away));
    sim.run_for(8 * SECOND);
    let took =
        |(node, milestone): &(NodeId, Milestone)| *node == away && matches!(milestone, Milestone::SnapshotTaken { .. });
    assert!(milestones(sim.trace()).iter().any(took));
    assert!(!taken(sim.trace()).contains(&away));
}

#[test]
fn what_cannot_be_turned_is_refused_with_the_reason() {
    let (mut sim, _) = led(&cluster("raft", 3, 43));
    for (knob, value) in [("check_quorm", "off"), ("check_quorum", "maybe"), ("check_quorum", "on"), ("reads", "local")]
    {
        set(&mut sim, knob, value);
    }
    let refused = refusals(sim.trace());
    assert_eq!(refused.len(), 4, "{refused:?}");
    for (why, part) in refused.iter().zip(["has no knob", "give on or off", "is on already", "start another one"]) {
        assert!(why.contains(part), "{why}");
    }
    assert!(taken(sim.trace()).is_empty());
}

/// Nobody wins while all ask at one moment, and luck ends it.
#[test]
fn without_jitter_votes_split_for_ever_and_with_it_somebody_wins() {
    for seed in 1..=8 {
        let (mut sim, leader) = led(&with_knob(cluster("raft", 5, seed), "pre_vote", "off"));
        set(&mut sim, "jitter", "0%");
        sim.run_for(2 * SECOND);
        let before = milestones(sim.trace()).len();
        inject(&mut sim, Fault::Crash(leader));
        sim.run_for(5 * SECOND);
        assert_eq!(sim.trace().latest().leader(), None, "seed {seed}");
        let campaigns = campaigns_after(sim.trace(), before);
        assert!(campaigns >= 16, "four nodes, again and again: {campaigns} at seed {seed}");
        set(&mut sim, "jitter", "100%");
        assert!(sim.run_until(20 * SECOND, |trace| trace.latest().leader().is_some()), "seed {seed}");
    }
}

#[test]
fn a_leader_that_hears_nobody_is_deposed_once_check_quorum_is_turned_on() {
    let spec = with_knob(with_knob(cluster("raft", 5, 44), "pre_vote", "off"), "check_quorum", "off");
    let (mut sim, leader) = led(&spec);
    let deaf = Shape::Deaf.faults(&spec.nodes, Some(leader), None).expect("five nodes, and one leads");
    sim.command(Command::Inject(deaf));
    sim.run_for(10 * SECOND);
    assert_eq!(sim.trace().latest().leader(), Some(leader), "its heartbeats keep the others quiet");
    set(&mut sim, "check_quorum", "on");
    let deposed = sim.run_until(Duration::from_secs(6), |trace| trace.latest().leader().is_some_and(|it| it != leader));
    assert!(deposed);
}

#[test]
fn fencing_that_is_turned_on_makes_a_primary_that_is_cut_off_hold_its_writes_back() {
    for (fencing, answered) in [("on", false), ("off", true)] {
        let (mut sim, primary) = led(&with_knob(cluster("primary-backup", 3, 45), "fencing", "off"));
        sim.run_for(SECOND);
        if fencing == "on" {
            set(&mut sim, "fencing", "on");
        }
        sim.run_for(SECOND);
        inject(&mut sim, Fault::Partition(vec![ends(&[primary])]));
        sim.run_for(4 * SECOND);
        put(&mut sim, primary, "k", "v");
        sim.run_for(4 * SECOND);
        assert_eq!(sim.trace().latest().leaders().count(), 2, "fencing {fencing}");
        assert_eq!(outcomes(sim.trace())[0].is_some(), answered, "fencing {fencing}");
    }
}
