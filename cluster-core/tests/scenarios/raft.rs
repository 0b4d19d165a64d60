//! Raft as a user sees it.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::{Milestone, Outcome},
    fault::{Fault, Heal},
    ids::NodeId,
    request::{Admin, Refusal, Request},
    spec::ClusterSpec,
    time::TimingProfile,
    trace::ClusterState,
};

use crate::common::{SECOND, client, cluster, ends, get, inject, led, milestones, outcomes, put, summary, with_knob};

#[test]
fn five_nodes_elect_one_leader_and_agree_on_what_clients_wrote() {
    let mut spec = cluster("raft", 5, 1);
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

/// With timeouts as narrow as those of five nodes, votes split for ever.
#[test]
fn a_hundred_nodes_elect_a_leader() {
    let (sim, _) = led(&cluster("raft", 100, 11));
    assert!(sim.now().since_start() < 5 * SECOND, "elected only at {}", sim.now());
}

#[test]
fn a_crashed_leader_is_replaced_in_a_later_term_and_what_it_acknowledged_is_still_there() {
    let (mut sim, leader) = led(&cluster("raft", 3, 2));
    put(&mut sim, leader, "k", "v");
    sim.run_for(SECOND);
    let term = sim.trace().latest().nodes[&leader].view.epoch;
    inject(&mut sim, Fault::Crash(leader));
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|next| next != leader)));
    let next = sim.trace().latest().leader().expect("just seen");
    assert!(sim.trace().latest().nodes[&next].view.epoch > term);
    sim.run_for(SECOND);
    get(&mut sim, next, "k");
    sim.run_for(SECOND);
    let Some(Some(Outcome::Value { value, .. })) = outcomes(sim.trace()).pop() else { panic!("the read failed") };
    assert_eq!(value, Some("v".into()));
}

#[test]
fn a_leader_in_the_minority_acknowledges_nothing_and_its_entry_is_erased_after_the_heal() {
    let spec = with_knob(cluster("raft", 5, 3), "check_quorum", "off");
    let (mut sim, leader) = led(&spec);
    let friend = spec.nodes.iter().copied().find(|node| *node != leader).expect("five nodes");
    inject(&mut sim, Fault::Partition(vec![ends(&[leader, friend])]));
    put(&mut sim, leader, "k", "minority");
    sim.run_for(10 * SECOND);
    assert!(!outcomes(sim.trace()).iter().flatten().any(Outcome::is_ok));
    let state = sim.trace().latest();
    assert_eq!(state.leaders().count(), 2, "the old leader still believes that it leads");
    assert!(!state.quorum_connected(leader));
    sim.command(Command::Heal(Heal::All));
    sim.run_for(10 * SECOND);
    assert_eq!(sim.trace().latest().leaders().count(), 1);
    let erased = |(node, milestone): &(NodeId, Milestone)| {
        *node == leader && matches!(milestone, Milestone::EntriesErased { .. })
    };
    assert!(milestones(sim.trace()).iter().any(erased));
}

#[test]
fn with_check_quorum_a_leader_in_the_minority_steps_down() {
    let (mut sim, leader) = led(&cluster("raft", 5, 4));
    inject(&mut sim, Fault::Partition(vec![ends(&[leader])]));
    sim.run_for(10 * SECOND);
    assert!(!sim.trace().latest().leaders().any(|(node, _)| node == leader));
}

#[test]
fn a_power_loss_of_every_node_at_once_loses_no_acknowledged_write() {
    let mut spec = cluster("raft", 3, 5);
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
fn a_frozen_leader_is_deposed_and_follows_after_it_thaws() {
    let (mut sim, leader) = led(&cluster("raft", 3, 6));
    inject(&mut sim, Fault::Freeze(leader));
    sim.run_for(5 * SECOND);
    sim.command(Command::Unfreeze(leader));
    sim.run_for(5 * SECOND);
    let leaders: Vec<NodeId> = sim.trace().latest().leaders().map(|(node, _)| node).collect();
    assert_eq!(leaders.len(), 1);
    assert_ne!(leaders[0], leader);
}

#[test]
fn a_follower_refuses_and_names_the_leader() {
    let (mut sim, leader) = led(&cluster("raft", 3, 7));
    sim.run_for(SECOND);
    let follower = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    put(&mut sim, follower, "k", "v");
    sim.run_for(SECOND);
    let refusal = Refusal::NotLeader { leader: Some(leader) };
    assert_eq!(outcomes(sim.trace()), [Some(Outcome::Failed(refusal))]);
}

#[test]
fn a_new_node_joins_and_catches_up() {
    let mut spec = cluster("raft", 3, 8);
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, leader) = led(&spec);
    sim.run_for(3 * SECOND);
    sim.command(Command::AddNode(NodeId(4)));
    let request = Request::Admin(Admin::AddMember { node: NodeId(4) });
    sim.command(Command::Submit { node: leader, request });
    sim.run_for(10 * SECOND);
    let state = sim.trace().latest();
    let (new, old) = (&state.nodes[&NodeId(4)], &state.nodes[&leader]);
    assert!(new.view.voters.contains(&NodeId(4)), "{:?}", new.view);
    assert!(new.view.applied_index.0 + 20 > old.view.applied_index.0);
}

#[test]
fn the_leader_hands_its_office_over_when_asked() {
    let (mut sim, leader) = led(&cluster("raft", 3, 9));
    sim.run_for(SECOND);
    let to = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    sim.command(Command::Submit { node: leader, request: Request::Admin(Admin::TransferLeadership { to }) });
    assert!(sim.run_until(5 * SECOND, |trace| trace.latest().leader() == Some(to)));
}

#[test]
fn a_node_that_was_away_for_long_catches_up_by_snapshot() {
    let mut spec = with_knob(cluster("raft", 3, 10), "snapshot_every", "50");
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
    assert!(state.nodes[&away].view.applied_index.0 + 20 > state.nodes[&leader].view.applied_index.0);
}

/// Returns how long a cluster of the profile `real` is without a leader, in election timeouts: the median over many seeds.
fn median_gap(nodes: u16, strike: fn(NodeId) -> Fault) -> f64 {
    let timeout = TimingProfile::Real.election_min().as_secs_f64();
    let mut gaps: Vec<f64> = (1..=51)
        .map(|seed| {
            let spec = ClusterSpec { profile: TimingProfile::Real, ..cluster("raft", nodes, seed) };
            let (mut sim, leader) = led(&spec);
            // Anywhere between two heartbeats.
            sim.run_for(SECOND + Duration::from_millis(seed * 7 % 100));
            let struck = sim.now();
            inject(&mut sim, strike(leader));
            let next = |state: &ClusterState| state.leader().filter(|next| *next != leader);
            let elected = sim.run_until(10 * SECOND, |trace| next(trace.latest()).is_some());
            assert!(elected, "no new leader at seed {seed}");
            sim.now().since(struck).as_secs_f64() / timeout
        })
        .collect();
    gaps.sort_unstable_by(f64::total_cmp);
    gaps[gaps.len() / 2]
}

/// Timeouts that spread further than votes take make everybody wait for nothing.
#[test]
fn a_frozen_leader_is_missed_little_longer_than_an_election_timeout() {
    for nodes in [3, 5] {
        let gap = median_gap(nodes, Fault::Freeze);
        assert!((0.9..1.2).contains(&gap), "{gap} election timeouts with {nodes} nodes");
    }
}

/// The connection of a process that died is reset; that of a machine without power stays silent.
#[test]
fn a_dead_process_is_missed_for_a_moment_and_a_dead_machine_for_an_election_timeout() {
    for nodes in [3, 5] {
        let (process, machine) = (median_gap(nodes, Fault::Crash), median_gap(nodes, Fault::PowerLoss));
        assert!(process < 0.1, "{process} election timeouts with {nodes} nodes");
        assert!(machine > 0.9, "{machine} election timeouts with {nodes} nodes");
    }
}
