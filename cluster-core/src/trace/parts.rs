//! Into which parts a cluster has fallen: who can still reach whom, over however many open links.

use petgraph::{algo::kosaraju_scc, graphmap::DiGraphMap};

use super::{ClusterState, NodeStatus};
use crate::ids::NodeId;

impl ClusterState {
    /// Returns the parts that the running nodes form, largest first: within a part, everybody reaches everybody over
    /// directions that are not cut, if need be by way of others. One part means that nobody is cut off; even then two
    /// nodes of it may not hear each other directly.
    pub fn parts(&self) -> Vec<Vec<NodeId>> {
        let up = |status: &NodeStatus| matches!(status, NodeStatus::Up);
        let nodes: Vec<NodeId> =
            self.nodes.iter().filter(|(_, state)| up(&state.status)).map(|(node, _)| *node).collect();
        let mut open = DiGraphMap::<NodeId, ()>::new();
        for from in &nodes {
            open.add_node(*from);
            for to in nodes.iter().filter(|to| *to != from && self.linked((*from).into(), (**to).into())) {
                open.add_edge(*from, *to, ());
            }
        }
        let mut parts = kosaraju_scc(&open);
        parts.iter_mut().for_each(|part| part.sort_unstable());
        parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), part.first().copied()));
        parts
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        fault::LinkRules,
        ids::NodeId,
        trace::{ClusterState, LinkState, NodeState, NodeStatus},
    };

    fn cluster(nodes: u16, cut: &[(u16, u16)]) -> ClusterState {
        let mut state = ClusterState::default();
        let up = NodeState { status: NodeStatus::Up, ..NodeState::default() };
        state.nodes = (1..=nodes).map(|node| (NodeId(node), up.clone())).collect();
        for (from, to) in cut {
            let rules = LinkRules { cut: true, ..LinkRules::default() };
            state.links.insert((NodeId(*from).into(), NodeId(*to).into()), LinkState { rules, ..LinkState::default() });
        }
        state
    }

    fn nodes(ids: &[u16]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_healthy_cluster_is_one_part() {
        assert_eq!(cluster(3, &[]).parts(), [nodes(&[1, 2, 3])]);
    }

    #[test]
    fn a_partition_makes_two_parts() {
        let state = cluster(3, &[(1, 2), (2, 1), (1, 3), (3, 1)]);
        assert_eq!(state.parts(), [nodes(&[2, 3]), nodes(&[1])]);
    }

    #[test]
    fn a_node_that_hears_nobody_is_a_part_of_its_own_even_if_all_hear_it() {
        assert_eq!(cluster(3, &[(2, 1), (3, 1)]).parts(), [nodes(&[2, 3]), nodes(&[1])]);
    }

    #[test]
    fn one_bridge_keeps_a_cluster_in_one_part() {
        assert_eq!(cluster(3, &[(1, 3), (3, 1)]).parts(), [nodes(&[1, 2, 3])]);
    }

    #[test]
    fn a_node_that_is_down_is_in_no_part() {
        let mut state = cluster(3, &[]);
        state.nodes.entry(NodeId(2)).and_modify(|node| node.status = NodeStatus::Crashed);
        assert_eq!(state.parts(), [nodes(&[1, 3])]);
    }
}
