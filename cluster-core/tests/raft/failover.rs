//! What nodes do when a connection is reset: a dead leader is replaced at once, a living one stays.

use std::time::Duration;

use cluster_core::{event::Milestone, ids::NodeId};

use crate::{
    cluster::{Cluster, n},
    others,
};

/// The shortest election timeout of these clusters.
const TIMEOUT: Duration = Duration::from_millis(600);

fn started(nodes: u16, seed: u64, knobs: &[(&str, &str)]) -> (Cluster, NodeId) {
    let mut cluster = Cluster::new(nodes, seed, knobs);
    cluster.run_to_leader();
    cluster.run_for(TIMEOUT);
    let leader = cluster.leader();
    (cluster, leader)
}

/// Kills the leader's process; the others see their connections reset.
fn kill(cluster: &mut Cluster, leader: NodeId, nodes: u16) {
    cluster.crash(leader, false);
    others(leader, nodes).into_iter().for_each(|node| cluster.reset(node, leader));
}

#[test]
fn a_leader_whose_process_died_is_replaced_before_an_election_timeout() {
    for seed in 1..=20 {
        let (mut cluster, leader) = started(5, seed, &[("fast_failover", "on")]);
        kill(&mut cluster, leader, 5);
        cluster.run_for(TIMEOUT - Duration::from_millis(100));
        assert_eq!(cluster.leaders().len(), 1, "seed {seed}");
        assert!(cluster.noted(cluster.leader(), |m| *m == Milestone::Suspected { peer: leader }), "seed {seed}");
    }
}

#[test]
fn with_fast_failover_off_a_dead_leader_is_missed_for_an_election_timeout() {
    for seed in 1..=20 {
        let (mut cluster, leader) = started(5, seed, &[("fast_failover", "off")]);
        kill(&mut cluster, leader, 5);
        cluster.run_for(TIMEOUT - Duration::from_millis(100));
        assert!(cluster.leaders().is_empty(), "seed {seed}");
        assert_eq!(cluster.view(others(leader, 5)[0]).leader, Some(leader), "seed {seed}");
    }
}

/// Whoever lost its connection asks; those who still hear the leader refuse to vote.
#[test]
fn a_living_leader_survives_resets_of_its_connections_to_a_minority() {
    for seed in 1..=20 {
        let (mut cluster, leader) = started(5, seed, &[("fast_failover", "on")]);
        let epoch = cluster.view(leader).epoch;
        for round in 0..10 {
            let others = others(leader, 5);
            cluster.reset(others[round % 4], leader);
            cluster.reset(others[(round + 1) % 4], leader);
            cluster.run_for(TIMEOUT);
        }
        assert_eq!((cluster.leaders(), cluster.view(leader).epoch), (vec![leader], epoch), "seed {seed}");
    }
}

/// A node that votes although it has just heard the leader breaks the promise that lease reads stand on; without pre-vote
/// and check-quorum each reset would topple a living leader.
#[test]
fn nobody_forgets_a_leader_where_that_would_break_a_promise() {
    for unsafe_with in [("reads", "lease"), ("pre_vote", "off"), ("check_quorum", "off")] {
        let (mut cluster, leader) = started(3, 1, &[("fast_failover", "on"), unsafe_with]);
        for node in others(leader, 3) {
            cluster.reset(node, leader);
            assert_eq!(cluster.view(node).leader, Some(leader), "{unsafe_with:?}");
        }
    }
}

/// The answer of a follower without a leader must not point at the one it gave up.
#[test]
fn a_follower_that_lost_its_leader_names_none_until_it_hears_one() {
    let (mut cluster, leader) = started(3, 1, &[("fast_failover", "on")]);
    let follower = others(leader, 3)[0];
    cluster.reset(follower, leader);
    assert_eq!(cluster.view(follower).leader, None);
    cluster.run_for(TIMEOUT);
    assert_eq!(cluster.view(follower).leader, Some(leader));
    assert_eq!(cluster.view(n(leader.0)).epoch, cluster.view(follower).epoch);
}
