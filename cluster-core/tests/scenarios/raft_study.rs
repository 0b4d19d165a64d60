//! The Raft that is there to be read, as a user sees it: its normal case, and its hardest.

use cluster_core::{
    command::Command,
    event::{Milestone, Outcome},
    fault::{Fault, Heal},
    ids::NodeId,
    request::{Admin, Request},
};

use crate::common::{SECOND, client, cluster, ends, get, inject, led, milestones, outcomes, put, summary, with_knob};

#[test]
fn five_nodes_elect_one_leader_and_agree_on_what_clients_wrote() {
    let mut spec = cluster("raft-study", 5, 1);
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, _) = led(&spec);
    sim.run_for(10 * SECOND);
    let state = sim.trace().latest();
    assert_eq!(state.leaders().count(), 1);
    assert!(state.clients.values().all(|client| client.ok > 100 && client.unanswered == 0), "{:?}", state.clients);
    sim.command(Command::RemoveClient(cluster_core::ids::ClientId(1)));
    sim.run_for(2 * SECOND);
    let hashes: Vec<u64> = sim.trace().latest().nodes.values().map(|node| node.view.state_hash).collect();
    assert!(hashes.iter().all(|hash| *hash == hashes[0] && *hash != 0), "{hashes:?}");
}

/// Entries of a minority's leader survive a heal nowhere, whatever its term and however long its log.
#[test]
fn a_leader_in_the_minority_acknowledges_nothing_and_its_entry_is_erased_after_the_heal() {
    let spec = cluster("raft-study", 5, 3);
    let (mut sim, leader) = led(&spec);
    let friend = spec.nodes.iter().copied().find(|node| *node != leader).expect("five nodes");
    inject(&mut sim, Fault::Partition(vec![ends(&[leader, friend])]));
    put(&mut sim, leader, "k", "minority");
    get(&mut sim, leader, "k");
    sim.run_for(10 * SECOND);
    assert!(!outcomes(sim.trace()).iter().flatten().any(Outcome::is_ok));
    assert_eq!(sim.trace().latest().leaders().count(), 2, "without check-quorum the old leader goes on");
    sim.command(Command::Heal(Heal::All));
    sim.run_for(10 * SECOND);
    assert_eq!(sim.trace().latest().leaders().count(), 1);
    let erased = |(node, milestone): &(NodeId, Milestone)| {
        *node == leader && matches!(milestone, Milestone::EntriesErased { .. })
    };
    assert!(milestones(sim.trace()).iter().any(erased));
}

#[test]
fn a_power_loss_of_every_node_at_once_loses_no_acknowledged_write() {
    let mut spec = cluster("raft-study", 3, 5);
    spec.clients = vec![client(1, 50.0)];
    let (mut sim, _) = led(&spec);
    sim.run_for(5 * SECOND);
    sim.command(Command::Inject(spec.nodes.iter().map(|node| Fault::PowerLoss(*node)).collect()));
    sim.run_for(SECOND);
    sim.command(Command::RestartAll);
    sim.run_for(10 * SECOND);
    let summary = summary(&sim);
    assert!(summary.acknowledged > 100, "{summary:?}");
    assert_eq!(summary.lost_acknowledged, 0, "{summary:?}");
}

#[test]
fn a_node_that_was_away_for_long_catches_up_by_snapshot() {
    let mut spec = with_knob(cluster("raft-study", 3, 10), "snapshot_every", "50");
    spec.clients = vec![client(1, 50.0)];
    let (mut sim, leader) = led(&spec);
    let away = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    inject(&mut sim, Fault::Crash(away));
    sim.run_for(20 * SECOND);
    sim.command(Command::Restart(away));
    sim.run_for(5 * SECOND);
    let installed = |(node, milestone): &(NodeId, Milestone)| {
        *node == away && matches!(milestone, Milestone::SnapshotInstalled { .. })
    };
    assert!(milestones(sim.trace()).iter().any(installed));
    let state = sim.trace().latest();
    assert!(state.nodes[&away].view.applied_index.0 + 40 > state.nodes[&leader].view.applied_index.0);
}

#[test]
fn a_node_that_is_asked_to_campaign_wins_a_later_term() {
    let (mut sim, leader) = led(&cluster("raft-study", 3, 9));
    sim.run_for(SECOND);
    let to = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    sim.command(Command::Submit { node: to, request: Request::Admin(Admin::Campaign) });
    assert!(sim.run_until(5 * SECOND, |trace| trace.latest().leader() == Some(to)));
}

#[test]
fn a_hundred_nodes_elect_a_leader() {
    let (sim, _) = led(&cluster("raft-study", 100, 11));
    assert!(sim.now().since_start() < 20 * SECOND, "elected only at {}", sim.now());
}
