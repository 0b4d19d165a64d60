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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{RoleKind, ViewChange},
        ids::{ClientId, LogIndex, Seq},
        name::Name,
        spec::ClusterSpec,
        time::Timestamp,
    };

    struct Run {
        conflicts: Conflicts,
        state: ClusterState,
    }

    impl Run {
        fn new() -> Self {
            Self { conflicts: Conflicts::default(), state: ClusterState::before(&ClusterSpec::default()) }
        }

        fn tell(&mut self, kind: EventKind) {
            let event = TraceEvent { seq: self.state.next, at: Timestamp::ZERO, cause: None::<Seq>, kind };
            self.state.apply(&event);
            self.conflicts.apply(&event, &self.state);
        }

        fn role(&mut self, node: u16, role: RoleKind) {
            let node = NodeId(node);
            if !self.state.nodes[&node].status.is_running() {
                self.tell(EventKind::NodeStarted { node, incarnation: 0, port: 0 });
            }
            self.tell(EventKind::ViewChanged { node, changes: vec![ViewChange::Role(role, Name::new("some role"))] });
        }

        fn write(&mut self, op: u64, key: &str, node: u16, outcome: Outcome) {
            let request = Request::Put { key: key.into(), value: "v".into() };
            self.tell(EventKind::OpInvoked { op: OpId(op), client: ClientId(1), request });
            self.tell(EventKind::OpReturned { op: OpId(op), outcome, node: Some(NodeId(node)) });
        }

        fn found(&self) -> Vec<(String, u64, u64)> {
            self.conflicts.found().map(|(key, (one, other))| (key.to_string(), one.0, other.0)).collect()
        }
    }

    const OK: Outcome = Outcome::Written { at: LogIndex(1) };

    #[test]
    fn a_key_that_two_leaders_promised_is_in_conflict() {
        let mut run = Run::new();
        run.role(1, RoleKind::Leader);
        run.role(2, RoleKind::Leader);
        run.write(1, "x", 1, OK);
        run.write(2, "y", 2, OK);
        assert_eq!(run.found(), []);
        run.write(3, "x", 2, OK);
        assert_eq!(run.found(), [("x".to_owned(), 1, 3)]);
    }

    #[test]
    fn leaders_one_after_the_other_and_writes_without_an_ok_are_in_no_conflict() {
        let mut run = Run::new();
        run.role(1, RoleKind::Leader);
        run.write(1, "x", 1, OK);
        run.role(1, RoleKind::Follower);
        run.role(2, RoleKind::Leader);
        run.write(2, "x", 2, OK);
        run.role(1, RoleKind::Leader);
        run.write(3, "x", 1, Outcome::NoAnswer);
        run.write(4, "x", 2, OK);
        assert_eq!(run.found(), []);
    }
}
