//! Sick disks: full, slow, unreadable, rotten, and the one that lies.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::{DiskHarm, EventKind, NodeFailure, Outcome},
    fault::{Ailment, Fault, Heal, NodeFault, NodeFaults, ReadErrors},
    ids::NodeId,
    sim::Sim,
    trace::{Broken, NodeStatus},
};

use crate::common::{
    SECOND, broken_promises, client, cluster, events, get, inject, led, led_unchecked, outcomes, put, refusals,
};

fn other_than(leader: NodeId) -> NodeId {
    [1, 2, 3].map(NodeId).into_iter().find(|node| *node != leader).expect("three nodes")
}

fn failure(sim: &Sim, node: NodeId) -> Option<String> {
    match &sim.trace().latest().nodes[&node].status {
        NodeStatus::Failed(NodeFailure::Disk(why)) => Some(why.clone()),
        _ => None, // it did not fail for its disk
    }
}

fn whole(sim: &Sim) -> bool {
    let state = sim.trace().latest();
    state.faults.is_empty() && state.nodes.values().all(|node| node.faults == NodeFaults::default())
}

#[test]
fn a_node_on_a_full_disk_fails_with_the_remedy_and_comes_back_when_there_is_room() {
    let (mut sim, leader) = led(&cluster("raft", 3, 41));
    let node = other_than(leader);
    inject(&mut sim, Fault::Node(node, NodeFault::DiskFull));
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    let expected = format!("no space left on device; heal the disk of {node}, then restart it");
    assert_eq!(failure(&sim, node), Some(expected));
    assert!(outcomes(sim.trace())[0].as_ref().is_some_and(Outcome::is_ok), "the other two have it");
    assert_eq!(sim.trace().latest().nodes[&node].counters.writes_refused, 1);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(3 * SECOND);
    assert!(whole(&sim) && sim.trace().latest().nodes[&node].status == NodeStatus::Up);
}

#[test]
fn a_leader_on_a_slow_disk_still_commits_by_the_majority_of_the_others() {
    let mut spec = cluster("raft", 3, 42);
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, leader) = led(&spec);
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Node(leader, NodeFault::DiskSlow(Duration::from_millis(400))));
    sim.run_for(Duration::from_millis(1500));
    let node = &sim.trace().latest().nodes[&leader];
    assert!(node.counters.syncs_slowed > 3 && node.view.persisted_index < node.view.commit_index, "{node:?}");
    sim.command(Command::Heal(Heal::Ailment(leader, Ailment::Disk)));
    sim.run_for(2 * SECOND);
    let slowed = sim.trace().latest().nodes[&leader].counters.syncs_slowed;
    sim.run_for(2 * SECOND);
    assert!(whole(&sim) && sim.trace().latest().nodes[&leader].counters.syncs_slowed == slowed);
}

#[test]
fn a_read_error_keeps_a_node_down_once() {
    let (mut sim, leader) = led(&cluster("raft", 3, 43));
    let node = other_than(leader);
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Node(node, NodeFault::ReadErrors(ReadErrors::Next)));
    inject(&mut sim, Fault::Crash(node));
    sim.command(Command::Restart(node));
    let why = failure(&sim, node).expect("its disk cannot be read");
    assert!(why.contains("input/output error") && why.contains(&format!("restart {node}")), "{why}");
    assert_eq!(sim.trace().latest().nodes[&node].counters.reads_refused, 1);
    sim.command(Command::Restart(node));
    sim.run_for(SECOND);
    assert!(whole(&sim) && sim.trace().latest().nodes[&node].status == NodeStatus::Up);
}

#[test]
fn a_share_of_read_errors_lasts_until_it_is_healed() {
    let (mut sim, leader) = led(&cluster("raft", 3, 44));
    let node = other_than(leader);
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Node(node, NodeFault::ReadErrors(ReadErrors::Share(1.0))));
    inject(&mut sim, Fault::Crash(node));
    for _ in 0..3 {
        sim.command(Command::Restart(node));
        assert!(failure(&sim, node).is_some());
    }
    sim.command(Command::Heal(Heal::Around(node.into())));
    sim.command(Command::Restart(node));
    sim.run_for(SECOND);
    assert!(whole(&sim) && sim.trace().latest().nodes[&node].status == NodeStatus::Up);
}

/// Whatever bit it is: the next boot either refuses the disk, or cuts the record off and says so.
#[test]
fn rot_is_never_accepted_in_silence() {
    let mut ends = [0, 0];
    for seed in 50..66 {
        let (mut sim, leader) = led(&cluster("raft", 3, seed));
        let node = other_than(leader);
        (0..4).for_each(|n| put(&mut sim, leader, "k", &n.to_string()));
        sim.run_for(SECOND);
        inject(&mut sim, Fault::Node(node, NodeFault::BitRot));
        inject(&mut sim, Fault::Crash(node));
        sim.command(Command::Restart(node));
        let cut = events(sim.trace())
            .iter()
            .any(|event| matches!(event.kind, EventKind::DiskHarmed { harm: DiskHarm::CutOff { .. }, .. }));
        let refused = failure(&sim, node).is_some_and(|why| why.contains("checksum mismatch; wipe the disk"));
        assert!(cut != refused, "seed {seed}: {:?}", sim.trace().latest().nodes[&node].status);
        ends[usize::from(cut)] += 1;
    }
    assert!(ends[0] > 0 && ends[1] > 0, "both happen: {ends:?}");
}

#[test]
fn no_heal_brings_a_rotten_bit_back_but_a_wipe_ends_it() {
    let (mut sim, leader) = led(&cluster("raft", 3, 45));
    let node = other_than(leader);
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Node(node, NodeFault::BitRot));
    sim.command(Command::Heal(Heal::All));
    let beyond = format!("a bit on the disk of {node} rotted, and no heal brings it back; wipe the disk");
    assert_eq!(refusals(sim.trace()), [beyond]);
    let broken = Broken::Machine(node, Ailment::Disk);
    assert!(sim.trace().latest().faults.iter().any(|fault| fault.what == broken));
    inject(&mut sim, Fault::Crash(node));
    sim.command(Command::RestartWiped(node));
    assert!(!sim.trace().latest().faults.iter().any(|fault| fault.what == broken));
}

#[test]
fn a_disk_that_holds_nothing_has_nothing_to_rot() {
    let mut spec = cluster("raft", 3, 46);
    spec.fsync = false;
    let (mut sim, leader) = led(&spec);
    inject(&mut sim, Fault::Node(leader, NodeFault::BitRot));
    let expected = format!("the disk of {leader} holds no record that was synced: there is nothing to rot");
    assert_eq!(refusals(sim.trace()), [expected]);
}

/// Writes, lets the power of every machine fail, starts them again, and reads.
fn read_after_an_outage(prepare: &[NodeFault]) -> (Sim, Option<String>) {
    let (mut sim, leader) = led_unchecked(&cluster("raft", 3, 47));
    sim.run_for(SECOND);
    let everywhere = |faults: &[NodeFault]| {
        let nodes = [1, 2, 3].map(NodeId).into_iter();
        nodes.flat_map(|node| faults.iter().map(move |fault| Fault::Node(node, *fault))).collect::<Vec<_>>()
    };
    sim.command(Command::Inject(everywhere(prepare)));
    put(&mut sim, leader, "k", "acknowledged");
    sim.run_for(SECOND);
    assert!(outcomes(sim.trace())[0].as_ref().is_some_and(Outcome::is_ok));
    sim.command(Command::Inject([1, 2, 3].map(|n| Fault::PowerLoss(NodeId(n))).to_vec()));
    sim.command(Command::Heal(Heal::All));
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some()));
    let leader = sim.trace().latest().leader().expect("just seen");
    sim.run_for(SECOND);
    get(&mut sim, leader, "k");
    sim.run_for(SECOND);
    let read = match outcomes(sim.trace()).pop() {
        Some(Some(Outcome::Value { value, .. })) => value.map(|value| value.to_string()),
        other => panic!("the read failed: {other:?}"),
    };
    (sim, read)
}

#[test]
fn an_outage_takes_acknowledged_writes_from_disks_that_lie() {
    let (sim, read) = read_after_an_outage(&[NodeFault::LyingSync]);
    assert_eq!(read, None, "it was acknowledged, and is gone");
    let lied: u64 = sim.trace().latest().nodes.values().map(|node| node.counters.syncs_lied).sum();
    assert!(lied >= 3 && whole(&sim), "{lied} lies");
    // What Raft builds on does not hold, so what it promises does not, and the invariants say so.
    assert_eq!(broken_promises(&sim), ["leader-completeness", "state-machine-safety"]);
}

#[test]
fn an_outage_takes_nothing_acknowledged_from_honest_disks_however_slow() {
    let slow = NodeFault::DiskSlow(Duration::from_millis(100));
    for faults in [&[][..], &[slow]] {
        let (sim, read) = read_after_an_outage(faults);
        assert_eq!((read.as_deref(), broken_promises(&sim).len()), (Some("acknowledged"), 0));
    }
}

/// The machine keeps its power, so its system still has what the disk never got.
#[test]
fn a_crash_takes_nothing_from_a_disk_that_lies() {
    let (mut sim, leader) = led(&cluster("raft", 3, 48));
    inject(&mut sim, Fault::Node(leader, NodeFault::LyingSync));
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    let before = sim.trace().latest().nodes[&leader].log.last();
    inject(&mut sim, Fault::Crash(leader));
    sim.command(Command::Restart(leader));
    assert_eq!(sim.trace().latest().nodes[&leader].log.last(), before);
}

#[test]
fn disks_that_cannot_be_are_refused_with_the_reason() {
    let (mut sim, _) = led(&cluster("raft", 3, 49));
    for fault in [
        NodeFault::DiskSlow(Duration::ZERO),
        NodeFault::ReadErrors(ReadErrors::Share(0.0)),
        NodeFault::DiskFull,
        NodeFault::DiskFull,
    ] {
        inject(&mut sim, Fault::Node(NodeId(1), fault));
    }
    let said = refusals(sim.trace());
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("makes no slow disk") && said[1].contains("no share of reads"), "{said:?}");
    assert_eq!(said[2], "it changed nothing: that is how things were already");
}
