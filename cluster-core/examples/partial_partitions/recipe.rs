//! The recipes: which links are cut, in which order.

use std::collections::BTreeSet;

use cluster_core::{command::Command, fault::Heal, ids::NodeId};

use crate::cluster::Cluster;

/// How long a recipe is watched, in election timeouts.
const WATCHED: u32 = 30;
/// How often a follower goes and comes within that time.
const FLAPS: usize = 3;

/// A way to cut a cluster in part.
#[derive(Clone, Copy)]
pub(crate) enum Recipe {
    IsolatedLeader,
    QuorumLoss,
    ConstrainedElection,
    ChainOfThree,
    ChainOfFive,
    HowardAbraham,
    DeafLeader,
    MuteLeader,
    FlappingFollower,
    MinorityLeader,
}

impl Recipe {
    /// Every recipe, in the order of the table.
    pub(crate) const ALL: [Self; 10] = [
        Self::IsolatedLeader,
        Self::QuorumLoss,
        Self::ConstrainedElection,
        Self::ChainOfThree,
        Self::ChainOfFive,
        Self::HowardAbraham,
        Self::DeafLeader,
        Self::MuteLeader,
        Self::FlappingFollower,
        Self::MinorityLeader,
    ];

    /// Returns its row's name.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::IsolatedLeader => "leader alone",
            Self::QuorumLoss => "star, leader a ray (quorum loss)",
            Self::ConstrainedElection => "star around a node that lags, leader alone (constrained election)",
            Self::ChainOfThree => "chain of 3, leader at the end",
            Self::ChainOfFive => "chain of 5, leader at the end",
            Self::HowardAbraham => "triangle with two tails (Howard and Abraham)",
            Self::DeafLeader => "leader hears nobody",
            Self::MuteLeader => "nobody hears the leader",
            Self::FlappingFollower => "a follower comes and goes",
            Self::MinorityLeader => "2 and 3, leader among the 2",
        }
    }

    /// Returns how many nodes it takes.
    pub(crate) fn nodes(self) -> u16 {
        match self {
            Self::ChainOfThree => 3,
            Self::IsolatedLeader
            | Self::QuorumLoss
            | Self::ConstrainedElection
            | Self::ChainOfFive
            | Self::HowardAbraham
            | Self::DeafLeader
            | Self::MuteLeader
            | Self::FlappingFollower
            | Self::MinorityLeader => 5,
        }
    }

    /// Does it to a cluster, watches, and heals.
    pub(crate) fn carry_out(self, cluster: &mut Cluster, leader: NodeId) {
        let others: Vec<NodeId> = (1..=self.nodes()).map(NodeId).filter(|node| *node != leader).collect();
        let timeout = crate::PROFILE.election_min();
        match self {
            Self::IsolatedLeader => cluster.strike(&all_but(&mesh(&others), self.nodes())),
            Self::QuorumLoss => {
                let spokes: Vec<NodeId> = others[1..].iter().copied().chain([leader]).collect();
                cluster.strike(&all_but(&star(others[0], &spokes), self.nodes()));
            }
            Self::ConstrainedElection => {
                // For less than an election timeout, or the hub would campaign before its time.
                cluster.strike(&both(leader, others[0]).into());
                cluster.run_until_written(timeout / 2);
                cluster.strike(&all_but(&star(others[0], &others[1..]), self.nodes()));
            }
            Self::ChainOfThree | Self::ChainOfFive => {
                let chain: Vec<NodeId> = [leader].into_iter().chain(others).collect();
                let links = chain.windows(2).flat_map(|pair| both(pair[0], pair[1])).collect();
                cluster.strike(&all_but(&links, self.nodes()));
            }
            Self::HowardAbraham => {
                let mut links = mesh(&[leader, others[0], others[1]]);
                links.extend(both(others[1], others[2]));
                links.extend(both(leader, others[3]));
                cluster.strike(&all_but(&links, self.nodes()));
            }
            Self::DeafLeader => cluster.strike(&others.iter().map(|node| (*node, leader)).collect()),
            Self::MuteLeader => cluster.strike(&others.iter().map(|node| (leader, *node)).collect()),
            Self::FlappingFollower => {
                let away = others.iter().copied().filter(|node| *node != others[0]).chain([leader]);
                let cuts: Links = away.flat_map(|node| both(others[0], node)).collect();
                for flap in 0..FLAPS {
                    match flap {
                        0 => cluster.strike(&cuts),
                        _ => cluster.cut(&cuts),
                    }
                    cluster.run_for(timeout * 6);
                    cluster.command(Command::Heal(Heal::Around(others[0].into())));
                    cluster.run_for(timeout * 4);
                }
            }
            Self::MinorityLeader => {
                let mut links = mesh(&[leader, others[0]]);
                links.extend(mesh(&others[1..]));
                cluster.strike(&all_but(&links, self.nodes()));
            }
        }
        if !matches!(self, Self::FlappingFollower) {
            cluster.run_for(timeout * WATCHED);
        }
        cluster.heal(timeout * WATCHED);
    }
}

/// Directions of links.
pub(crate) type Links = BTreeSet<(NodeId, NodeId)>;

fn both(a: NodeId, b: NodeId) -> [(NodeId, NodeId); 2] {
    [(a, b), (b, a)]
}

fn mesh(nodes: &[NodeId]) -> Links {
    nodes.iter().flat_map(|a| nodes.iter().filter(move |b| a != *b).map(move |b| (*a, *b))).collect()
}

fn star(hub: NodeId, rays: &[NodeId]) -> Links {
    rays.iter().flat_map(|ray| both(hub, *ray)).collect()
}

fn all_but(kept: &Links, nodes: u16) -> Links {
    let all: Vec<NodeId> = (1..=nodes).map(NodeId).collect();
    mesh(&all).difference(kept).copied().collect()
}
