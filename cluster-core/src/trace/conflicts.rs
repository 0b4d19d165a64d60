//! What two leaders said yes to: writes of one key, acknowledged on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::ClusterState;
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{NodeId, OpId},
    request::{Key, Request},
};

/// How many writes of one key are remembered: the latest of each node.
const SIDES_MAX: usize = 16;
/// How many keys are remembered.
const KEYS_MAX: usize = 4096;

/// Follows acknowledgements while there is more than one leader.
///
/// Two writes of a key conflict if two nodes acknowledged them, each at a moment at which both believed to lead: each side
/// promised what the other did not know of. What heals the network can keep one of them at most.
#[derive(Clone, Debug, Default)]
pub struct Conflicts {
    open: BTreeMap<OpId, Vec<Key>>,
    /// Of each key, the latest write that each node acknowledged beside another leader, with who led then.
    sides: BTreeMap<Key, BTreeMap<NodeId, (OpId, BTreeSet<NodeId>)>>,
    found: BTreeMap<Key, (OpId, OpId)>,
}

impl Conflicts {
    /// Takes an event over; `state` is the state after it. Returns whether there is another conflict.
    pub fn apply(&mut self, event: &TraceEvent, state: &ClusterState) -> bool {
        match &event.kind {
            EventKind::OpInvoked { op, request, .. } if request.is_write() => {
                self.open.insert(*op, keys(request));
                false
            }
            EventKind::OpReturned { op, outcome, node } => {
                let Some(keys) = self.open.remove(op) else { return false };
                match (outcome, node) {
                    (Outcome::Written { .. } | Outcome::Answered { .. }, Some(node)) => {
                        self.acknowledged(*op, *node, keys, state)
                    }
                    _ => false, // Nobody promised anything.
                }
            }
            _ => false, // Nothing else acknowledges a write.
        }
    }

    /// Returns the keys in conflict, each with the latest write of either side, the earlier one first.
    pub fn found(&self) -> impl Iterator<Item = (&Key, (OpId, OpId))> {
        self.found.iter().map(|(key, pair)| (key, *pair))
    }

    fn acknowledged(&mut self, op: OpId, node: NodeId, keys: Vec<Key>, state: &ClusterState) -> bool {
        let leaders: BTreeSet<NodeId> = state.leaders().map(|(leader, _)| leader).collect();
        if leaders.len() < 2 || !leaders.contains(&node) {
            return false;
        }
        let mut news = false;
        for key in keys {
            if self.sides.len() >= KEYS_MAX && !self.sides.contains_key(&key) {
                continue;
            }
            let sides = self.sides.entry(key.clone()).or_default();
            let other = sides
                .iter()
                .filter(|(other, (_, led))| **other != node && led.contains(&node) && leaders.contains(*other))
                .map(|(_, (op, _))| *op)
                .max();
            if let Some(other) = other {
                self.found.insert(key, (other, op));
                news = true;
            }
            if sides.len() < SIDES_MAX || sides.contains_key(&node) {
                sides.insert(node, (op, leaders.clone()));
            }
        }
        news
    }
}

fn keys(request: &Request) -> Vec<Key> {
    match request {
        Request::PutMany { pairs } => pairs.iter().map(|(key, _)| key.clone()).collect(),
        Request::DeleteMany { keys } => keys.clone(),
        one => one.key().cloned().into_iter().collect(),
    }
}
