//! A slow node, a node that lost its power in the middle of a write, and one that comes back with an empty disk.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::{DiskHarm, EventKind, Milestone},
    fault::{Fault, Heal, NodeFault, NodeFaults, Slowness},
    ids::{LogIndex, NodeId},
    trace::{NodeStatus, TraceStore},
};

use crate::common::{SECOND, client, cluster, events, inject, led, milestones, put, refusals};

fn slow(factor: f64) -> NodeFault {
    NodeFault::Slow(Slowness { factor })
}

#[test]
fn a_slow_leader_answers_late_and_its_queue_is_seen() {
    let mut spec = cluster("raft", 3, 31);
    spec.clients = vec![client(1, 100.0)];
    let (mut sim, leader) = led(&spec);
    sim.run_for(3 * SECOND);
    let open = |trace: &TraceStore| trace.latest().ops.len();
    let before = open(sim.trace());
    inject(&mut sim, Fault::Node(leader, slow(20.0)));
    let queued = |trace: &TraceStore| trace.latest().nodes[&leader].counters.waiting > 3;
    assert!(sim.run_until(20 * SECOND, queued), "nothing ever waits");
    sim.run_for(3 * SECOND);
    let counters = sim.trace().latest().nodes[&leader].counters;
    assert!(counters.inputs_slowed > 100 && counters.slowed > SECOND, "{counters:?}");
    assert!(open(sim.trace()) > before, "operations pile up");
}

#[test]
fn a_node_that_is_no_longer_slow_takes_up_everything_that_waits() {
    let mut spec = cluster("raft", 3, 32);
    spec.clients = vec![client(1, 50.0)];
    let (mut sim, leader) = led(&spec);
    let follower = spec.nodes.iter().copied().find(|node| *node != leader).expect("three nodes");
    inject(&mut sim, Fault::Node(follower, slow(200.0)));
    sim.run_for(3 * SECOND);
    assert!(sim.trace().latest().nodes[&follower].counters.waiting > 0);
    sim.command(Command::Heal(Heal::Around(follower.into())));
    sim.run_for(3 * SECOND);
    let state = sim.trace().latest();
    let node = &state.nodes[&follower];
    assert_eq!((node.faults, node.counters.waiting), (NodeFaults::default(), 0));
    assert!(state.faults.is_empty() && node.view.applied_index > LogIndex(50), "{node:?}");
    let slowed = node.counters.inputs_slowed;
    sim.run_for(2 * SECOND);
    assert_eq!(sim.trace().latest().nodes[&follower].counters.inputs_slowed, slowed);
}

#[test]
fn a_slow_node_that_freezes_and_goes_on_loses_nothing_that_came() {
    let mut spec = cluster("raft", 3, 33);
    spec.clients = vec![client(1, 50.0)];
    let (mut sim, leader) = led(&spec);
    let follower = spec.nodes.iter().copied().find(|node| *node != leader).expect("three nodes");
    inject(&mut sim, Fault::Node(follower, slow(10.0)));
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Freeze(follower));
    sim.run_for(SECOND);
    sim.command(Command::Unfreeze(follower));
    sim.run_for(5 * SECOND);
    let state = sim.trace().latest();
    let (behind, ahead) = (state.nodes[&follower].view.applied_index, state.nodes[&leader].view.applied_index);
    assert!(ahead.0 - behind.0 < 20, "{behind} of {ahead}");
    sim.command(Command::Heal(Heal::All));
    assert!(sim.trace().latest().faults.is_empty());
}

#[test]
fn a_factor_that_slows_nothing_is_refused_with_the_reason() {
    let (mut sim, _) = led(&cluster("raft", 3, 34));
    for factor in [0.0, 1.0, -2.0] {
        inject(&mut sim, Fault::Node(NodeId(1), slow(factor)));
    }
    inject(&mut sim, Fault::Node(NodeId(9), slow(2.0)));
    let said = refusals(sim.trace());
    assert!(said[..3].iter().all(|reason| reason.contains("give a factor above 1")), "{said:?}");
    assert_eq!(said[3], "there is no node n9");
}

fn harms(trace: &TraceStore) -> Vec<(NodeId, u32, DiskHarm)> {
    let harm = |kind| match kind {
        EventKind::DiskHarmed { node, record, harm, .. } => Some((node, record, harm)),
        _ => None, // nothing else harms a disk
    };
    events(trace).into_iter().filter_map(|event| harm(event.kind)).collect()
}

#[test]
fn a_record_that_was_being_written_is_torn_found_and_cut_off() {
    let (mut sim, leader) = led(&cluster("raft", 3, 35));
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Node(leader, NodeFault::DiskSlow(Duration::from_millis(500))));
    put(&mut sim, leader, "k", "v");
    sim.run_for(Duration::from_millis(100));
    inject(&mut sim, Fault::Node(leader, NodeFault::TornPowerLoss));
    let Some((node, record, DiskHarm::Torn { kept, bytes })) = harms(sim.trace()).pop() else { panic!("not torn") };
    assert!(node == leader && kept > 0 && kept < bytes);
    assert_eq!(sim.trace().latest().nodes[&leader].status, NodeStatus::PoweredOff);
    sim.command(Command::Restart(leader));
    assert_eq!(harms(sim.trace()).pop(), Some((leader, record, DiskHarm::CutOff { bytes: kept })));
    assert!(matches!(milestones(sim.trace()).last(), Some((_, Milestone::Recovered { .. }))));
    sim.command(Command::Heal(Heal::All));
    sim.run_for(3 * SECOND);
    let state = sim.trace().latest();
    let counters = state.nodes[&leader].counters;
    assert_eq!((counters.records_torn, counters.records_cut, state.faults.len()), (1, 1, 0));
}

/// What did nothing is seen to have done nothing.
#[test]
fn a_power_loss_between_two_writes_tears_nothing() {
    let (mut sim, leader) = led(&cluster("raft", 3, 36));
    sim.run_for(2 * SECOND);
    inject(&mut sim, Fault::Node(leader, NodeFault::TornPowerLoss));
    sim.command(Command::Restart(leader));
    assert!(harms(sim.trace()).is_empty());
    assert_eq!(sim.trace().latest().nodes[&leader].counters.records_torn, 0);
}

#[test]
fn a_node_restarted_with_an_empty_disk_knows_nothing() {
    let (mut sim, leader) = led(&cluster("raft", 3, 37));
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    let follower = [1, 2, 3].map(NodeId).into_iter().find(|node| *node != leader).expect("three nodes");
    sim.command(Command::RestartWiped(follower));
    assert_eq!(refusals(sim.trace()).len(), 1, "it runs");
    inject(&mut sim, Fault::Crash(follower));
    sim.command(Command::RestartWiped(follower));
    let told = events(sim.trace());
    let wiped = told.iter().rposition(|event| matches!(event.kind, EventKind::DiskWiped { .. })).expect("wiped");
    assert!(matches!(told[wiped + 1].kind, EventKind::NodeStarted { node, .. } if node == follower));
    let recovered = |event: &cluster_core::event::TraceEvent| {
        matches!(event.kind, EventKind::Milestone { milestone: Milestone::Recovered { .. }, .. })
    };
    assert!(!told[wiped..].iter().any(recovered), "there was nothing to recover");
}
