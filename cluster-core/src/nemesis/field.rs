//! What a nemesis sees of the cluster before it strikes: who stands, who leads, and how many more may fall.

use std::{collections::BTreeSet, time::Duration};

use rand::Rng;

use crate::{
    fault::LinkId,
    ids::{Endpoint, NodeId},
    time::Timestamp,
    trace::{ClusterState, LinkState, NodeState, NodeStatus},
};

/// How often the leader is chosen where any node would do.
const LEADER_SHARE: f64 = 0.35;
/// How often one node falls alone.
const ALONE_SHARE: f64 = 0.75;
/// No clock is set back to less than this after the run began: commands arrive a little later than they are drawn.
const CLOCK_MARGIN: Duration = Duration::from_secs(1);

/// The cluster as a nemesis sees it.
pub(super) struct Field {
    /// All nodes.
    pub(super) nodes: Vec<NodeId>,
    /// The nodes that run and that no earlier strike holds.
    pub(super) standing: Vec<NodeId>,
    /// The nodes that do not run.
    pub(super) down: Vec<NodeId>,
    /// The directions between clients and nodes, if each node is all there is of its cluster: nothing else travels then.
    pub(super) of_clients: Vec<LinkId>,
    /// Who leads.
    pub(super) leader: Option<NodeId>,
    /// How many of the standing may fall.
    pub(super) may_fall: usize,
    /// The nodes whose disks may be erased.
    pub(super) may_wipe: Vec<NodeId>,
    /// Those of them whose disks hold something that can rot.
    pub(super) may_rot: Vec<NodeId>,
    /// The directions between nodes that stand that have a connection.
    pub(super) connected: Vec<LinkId>,
    /// By how much any clock can be set back.
    pub(super) earliest_clock: Duration,
}

impl Field {
    /// Looks at the cluster. `struck` are the nodes that earlier strikes hold, `wiped` those whose disks were erased.
    pub(super) fn of(
        now: Timestamp,
        state: &ClusterState,
        struck: &BTreeSet<NodeId>,
        wiped: &BTreeSet<NodeId>,
        keep_majority: bool,
    ) -> Self {
        let nodes: Vec<NodeId> = state.nodes.keys().copied().collect();
        let stands = |node: &NodeId| {
            state.nodes.get(node).is_some_and(|it| it.status == NodeStatus::Up) && !struck.contains(node)
        };
        let standing: Vec<NodeId> = nodes.iter().copied().filter(stands).collect();
        let majority = nodes.len() / 2 + 1;
        let may_fall = if keep_majority { standing.len().saturating_sub(majority) } else { standing.len() };
        // A node that was wiped counts for the rest of the run: the others must always hold what was acknowledged.
        let full = keep_majority && wiped.len() >= nodes.len() - majority;
        // What a server on its own has acknowledged is nowhere else.
        let alone = is_alone(state);
        let may_wipe = standing.iter().copied().filter(|node| !alone && (!full || wiped.contains(node)));
        let may_wipe: Vec<NodeId> = may_wipe.collect();
        let down = nodes.iter().copied().filter(|node| state.nodes.get(node).is_some_and(is_down)).collect();
        // A record is written, and synced, before it is committed.
        let holds =
            |node: &NodeId| state.nodes.get(node).is_some_and(|it| it.log.last().0 > 0 && it.view.commit_index.0 > 0);
        let may_rot = may_wipe.iter().copied().filter(holds).collect();
        let connected = connected(state);
        let earliest_clock = earliest_clock(state, now);
        let of_clients = if alone { of_clients(state) } else { Vec::new() };
        let leader = state.leader();
        Self { nodes, standing, down, of_clients, leader, may_fall, may_wipe, may_rot, connected, earliest_clock }
    }

    /// Draws one of these nodes, the leader more often than any other.
    pub(super) fn one_of(&self, nodes: &[NodeId], rng: &mut impl Rng) -> Option<NodeId> {
        let (luck, drawn): (f64, usize) = (rng.random(), rng.random_range(0..nodes.len().max(1)));
        let leader = self.leader.filter(|leader| luck < LEADER_SHARE && nodes.contains(leader));
        leader.or_else(|| nodes.get(drawn).copied())
    }

    /// Draws nodes that fall together: mostly one, at times as many as may.
    pub(super) fn some_standing(&self, rng: &mut impl Rng) -> Vec<NodeId> {
        let alone = rng.random::<f64>() < ALONE_SHARE;
        let most = self.may_fall.min(if alone { 1 } else { self.may_fall });
        let count = if most > 1 { rng.random_range(1..=most) } else { most };
        let mut left = self.standing.clone();
        let mut fallen = Vec::new();
        while fallen.len() < count
            && let Some(node) = self.one_of(&left, rng)
        {
            left.retain(|other| *other != node);
            fallen.push(node);
        }
        fallen
    }
}

/// Returns whether no node knows of a member beside itself.
fn is_alone(state: &ClusterState) -> bool {
    let members = || state.nodes.values().map(|node| node.view.voters.len());
    members().any(|members| members == 1) && members().all(|members| members <= 1)
}

fn of_clients(state: &ClusterState) -> Vec<LinkId> {
    let clients = state.clients.iter().filter(|(_, client)| client.spec.is_some());
    let pairs =
        clients.flat_map(|(client, _)| state.nodes.keys().map(|node| (Endpoint::from(*client), Endpoint::from(*node))));
    pairs.flat_map(|(client, node)| [(client, node), (node, client)]).collect()
}

fn is_down(node: &NodeState) -> bool {
    !node.status.is_running() && node.status != NodeStatus::Starting
}

/// The directions on which something was sent since both ends are up, and whose connections are whole.
fn connected(state: &ClusterState) -> Vec<LinkId> {
    let up_since = |end: Endpoint| {
        let node = end.node().and_then(|node| state.nodes.get(&node));
        node.filter(|node| node.status == NodeStatus::Up).map(|node| node.since)
    };
    let stands = |(from, to): LinkId, link: &LinkState| {
        let used = |since: Timestamp| link.last_sent.is_some_and(|sent| sent > since);
        let carries = link.delivered > 0 && !link.rules.cut && link.rules.flap.is_none() && link.half_open.is_none();
        carries && [from, to].into_iter().all(|end| up_since(end).is_some_and(used))
    };
    state.links.iter().filter(|(link, it)| stands(**link, it)).map(|(link, _)| *link).collect()
}

/// How far the clock that is furthest behind is from the beginning of the run.
fn earliest_clock(state: &ClusterState, now: Timestamp) -> Duration {
    let shown = state.nodes.values().map(|node| node.faults.clock.node_time(now));
    shown.chain([now]).min().unwrap_or(now).since_start().saturating_sub(CLOCK_MARGIN)
}
