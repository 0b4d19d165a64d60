//! Who holds whom for alive, as goals see it, and who was well all the time.

use std::collections::BTreeSet;

use super::expr::{Cell, Row, vocabulary::VIEW};
use crate::{
    ids::NodeId,
    trace::{ClusterState, NodeState, NodeStatus},
};

/// Follows which nodes are well.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// Those that were down, frozen or slow at some time of the phase.
    ailed: BTreeSet<NodeId>,
    /// Whether a node that is up is slow.
    slow: bool,
    slow_for: f64,
}

impl Views {
    /// Some time passed.
    pub(super) fn pass(&mut self, seconds: f64) {
        if self.slow {
            self.slow_for += seconds;
        }
    }

    /// Nodes may be in another state.
    pub(super) fn look(&mut self, state: &ClusterState) {
        let unwell = |node: &NodeState| match node.status {
            NodeStatus::Up => is_slow(node),
            // Before it has begun, nothing ails it.
            NodeStatus::Starting => false,
            NodeStatus::Frozen
            | NodeStatus::Crashed
            | NodeStatus::PoweredOff
            | NodeStatus::Stopped
            | NodeStatus::Failed(_) => true,
        };
        self.ailed.extend(state.nodes.iter().filter(|(_, node)| unwell(node)).map(|(id, _)| *id));
        self.slow = state.nodes.values().any(|node| is_up(node) && is_slow(node));
    }

    /// Returns for how many seconds a node that was up was slow.
    pub(super) fn slow_for(&self) -> f64 {
        self.slow_for
    }

    /// Returns whether a node is well, and was all the time.
    pub(super) fn healthy(&self, id: NodeId, node: &NodeState) -> bool {
        is_up(node) && !self.ailed.contains(&id)
    }

    /// Returns what each node holds each other for.
    pub(super) fn rows(&self, state: &ClusterState) -> Vec<Row> {
        let mut rows = Vec::new();
        for (by, here) in &state.nodes {
            for (of, opinion) in &here.view.opinions {
                let there = state.nodes.get(of);
                rows.push(Row::new(
                    &VIEW,
                    &[
                        by.to_string().into(),
                        of.to_string().into(),
                        opinion.status.word().into(),
                        Cell::count(u64::from(opinion.incarnation.life)),
                        Cell::count(u64::from(opinion.incarnation.refutations)),
                        is_up(here).into(),
                        is_slow(here).into(),
                        there.is_some_and(is_up).into(),
                        there.is_some_and(is_slow).into(),
                        there.is_some_and(|there| self.healthy(*of, there)).into(),
                    ],
                ));
            }
        }
        rows
    }
}

fn is_up(node: &NodeState) -> bool {
    node.status == NodeStatus::Up
}

/// Returns whether the processor of a node is slow.
pub(super) fn is_slow(node: &NodeState) -> bool {
    node.faults.slow.is_some()
}
