//! Omni-Paxos as a user sees it: its normal case, and the one that it was made for.

use cluster_core::{
    command::Command,
    event::{Milestone, Outcome},
    fault::{Fault, Heal},
    ids::{ClientId, NodeId},
    request::{Admin, Request},
    sim::Sim,
    spec::ClusterSpec,
};

use crate::common::{SECOND, client, cluster, ends, get, inject, led, milestones, outcomes, put, summary, with_knob};

#[test]
fn five_nodes_elect_one_leader_and_agree_on_what_clients_wrote() {
    let mut spec = cluster("omni-paxos", 5, 1);
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, _) = led(&spec);
    sim.run_for(10 * SECOND);
    let state = sim.trace().latest();
    assert_eq!(state.leaders().count(), 1);
    assert!(state.clients.values().all(|client| client.ok > 100 && client.unanswered == 0), "{:?}", state.clients);
    sim.command(Command::RemoveClient(ClientId(1)));
    sim.run_for(2 * SECOND);
    let hashes: Vec<u64> = sim.trace().latest().nodes.values().map(|node| node.view.state_hash).collect();
    assert!(hashes.iter().all(|hash| *hash == hashes[0] && *hash != 0), "{hashes:?}");
}

/// Cuts all that is not a link between `hub` and one of `spokes`.
fn leave_a_star(sim: &mut Sim, spec: &ClusterSpec, hub: NodeId, spokes: &[NodeId]) {
    let mut cuts = Vec::new();
    for (at, a) in spec.nodes.iter().enumerate() {
        for b in &spec.nodes[at + 1..] {
            let kept = |one: &NodeId, other: &NodeId| *one == hub && spokes.contains(other);
            if !kept(a, b) && !kept(b, a) {
                cuts.push(Fault::cut(((*a).into(), (*b).into())));
                cuts.push(Fault::cut(((*b).into(), (*a).into())));
            }
        }
    }
    sim.command(Command::Inject(cuts));
}

/// Cuts one follower off while others write, then leaves only its links to three others. Returns the hub.
fn constrain(sim: &mut Sim, spec: &ClusterSpec, leader: NodeId) -> NodeId {
    let hub = spec.nodes.iter().copied().find(|node| *node != leader).expect("five nodes");
    let spokes: Vec<NodeId> = spec.nodes.iter().copied().filter(|node| *node != leader && *node != hub).collect();
    inject(sim, Fault::Partition(vec![ends(&[hub])]));
    for nth in 0..10 {
        put(sim, leader, &format!("k{nth}"), "written while the hub was away");
        sim.run_for(SECOND / 10);
    }
    sim.run_for(SECOND);
    sim.command(Command::Heal(Heal::All));
    leave_a_star(sim, spec, hub, &spokes);
    hub
}

/// The node that a majority reaches knows least. It leads within three seconds, with the log of another.
#[test]
fn the_only_bridge_leads_although_its_log_is_the_shortest() {
    for seed in 1..=5 {
        let spec = cluster("omni-paxos", 5, seed);
        let (mut sim, leader) = led(&spec);
        sim.run_for(2 * SECOND);
        let hub = constrain(&mut sim, &spec, leader);
        sim.run_for(3 * SECOND);
        assert!(sim.trace().latest().leaders().any(|(node, _)| node == hub), "seed {seed}");
        let synced = |(node, milestone): &(NodeId, Milestone)| {
            *node == hub && matches!(milestone, Milestone::LogSynced { entries: 10.., .. })
        };
        assert!(milestones(sim.trace()).iter().any(synced), "seed {seed}");
        get(&mut sim, hub, "k9");
        put(&mut sim, hub, "after", "1");
        sim.run_for(SECOND);
        let outcomes = outcomes(sim.trace());
        let [.., Some(Outcome::Value { value: Some(_), .. }), Some(written)] = &outcomes[..] else {
            panic!("seed {seed}: {outcomes:?}")
        };
        assert!(written.is_ok(), "seed {seed}: {written:?}");
    }
}

/// The same on Raft: whoever knows enough to lead is not reached by enough, and the other way round.
#[test]
fn raft_stands_still_where_the_only_bridge_has_the_shortest_log() {
    for seed in 1..=5 {
        let spec = cluster("raft", 5, seed);
        let (mut sim, leader) = led(&spec);
        sim.run_for(2 * SECOND);
        constrain(&mut sim, &spec, leader);
        sim.run_for(10 * SECOND);
        let term = sim.trace().latest().leaders().filter(|(node, _)| *node != leader).count();
        assert_eq!(term, 0, "seed {seed}");
    }
}

#[test]
fn a_power_loss_of_every_node_at_once_loses_no_acknowledged_write() {
    let mut spec = cluster("omni-paxos", 3, 5);
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
    let mut spec = with_knob(cluster("omni-paxos", 3, 10), "snapshot_every", "50");
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
    let (here, there) = (&state.nodes[&away].view, &state.nodes[&leader].view);
    // It is in step again: behind by no more than what is under way.
    assert!(here.applied_index.0 + 5 > there.applied_index.0, "{} of {}", here.applied_index, there.applied_index);
}

/// A node that came back by snapshot counts: without it there is no majority.
#[test]
fn a_node_that_came_back_by_snapshot_makes_a_majority_again() {
    for seed in 1..=5 {
        let mut spec = with_knob(cluster("omni-paxos", 3, seed), "snapshot_every", "50");
        spec.clients = vec![client(1, 50.0)];
        let (mut sim, leader) = led(&spec);
        let others: Vec<NodeId> = spec.nodes.iter().copied().filter(|node| *node != leader).collect();
        inject(&mut sim, Fault::Crash(others[0]));
        sim.run_for(10 * SECOND);
        sim.command(Command::Restart(others[0]));
        sim.run_for(2 * SECOND);
        inject(&mut sim, Fault::Crash(others[1]));
        let before = sim.trace().latest().clients[&ClientId(1)].ok;
        sim.run_for(5 * SECOND);
        let after = sim.trace().latest().clients[&ClientId(1)].ok;
        assert!(after > before + 150, "seed {seed}: {before} and {after}");
    }
}

#[test]
fn a_node_that_is_told_to_lead_takes_a_higher_ballot() {
    let (mut sim, leader) = led(&cluster("omni-paxos", 3, 4));
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    let before = sim.trace().latest().nodes[&leader].view.epoch;
    sim.command(Command::Submit { node: other, request: Request::Admin(Admin::Campaign) });
    sim.run_for(2 * SECOND);
    let state = sim.trace().latest();
    assert_eq!(state.leaders().map(|(node, _)| node).collect::<Vec<_>>(), [other]);
    assert!(state.nodes[&other].view.epoch > before);
}

#[test]
fn a_cluster_of_one_is_refused_by_its_name() {
    let refused = Sim::start(&cluster("omni-paxos", 1, 1)).err().map(|error| error.to_string());
    assert_eq!(refused.as_deref(), Some("omni-paxos runs with 2 to 100 nodes, not with 1; give --nodes 2 or more"));
}
