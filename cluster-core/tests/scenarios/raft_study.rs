//! The Raft that is there to be read, as a user sees it: its normal case, and its hardest.

use cluster_core::{
    command::Command,
    event::{Milestone, Outcome},
    fault::{Fault, Heal},
    ids::NodeId,
    request::{Admin, Request},
    sim::Sim,
};

use crate::common::{
    SECOND, broken_promises, client, cluster, ends, get, inject, led, led_unchecked, milestones, outcomes, put,
    summary, with_knob,
};

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

/// Figure 8 of the paper: a leader returns, replicates an entry of an earlier term to a majority, and falls; a node with an
/// entry of a term between the two may then be elected only if that entry was not committed by counting.
#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting_and_with_the_variant_it_is() {
    let broken = |variant: &str| {
        let spec = with_knob(cluster("raft-study", 5, 8), "variant", variant);
        let (mut sim, first) = led_unchecked(&spec);
        sim.run_for(SECOND / 5);
        inject(&mut sim, Fault::Partition(vec![ends(&[first])]));
        put(&mut sim, first, "k", "first");
        assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|next| next != first)));
        let second = sim.trace().latest().leader().expect("just seen");
        inject(&mut sim, Fault::Partition(vec![ends(&[second])]));
        put(&mut sim, second, "k", "second");
        sim.run_for(SECOND / 10);
        // The first leader comes back, and is elected: its log is the longest of those within reach.
        sim.command(Command::Heal(Heal::Links));
        inject(&mut sim, Fault::Partition(vec![ends(&[second])]));
        let returned = campaign_until_elected(&mut sim, first);
        sim.run_for(SECOND / 5);
        // The second one comes back: its last entry is of a later term.
        sim.command(Command::Heal(Heal::Links));
        inject(&mut sim, Fault::Partition(vec![ends(&[first])]));
        let again = campaign_until_elected(&mut sim, second);
        (returned, again, broken_promises(&sim).contains(&"leader-completeness"))
    };
    assert_eq!(broken("commit-older-term"), (true, true, true));
    assert_eq!(broken("correct"), (true, false, false));
}

/// Lets a node campaign a few times. Returns whether it was elected.
fn campaign_until_elected(sim: &mut Sim, node: NodeId) -> bool {
    (0..8).any(|_| {
        sim.command(Command::Submit { node, request: Request::Admin(Admin::Campaign) });
        sim.run_until(SECOND / 5, |trace| trace.latest().leader() == Some(node))
    })
}
