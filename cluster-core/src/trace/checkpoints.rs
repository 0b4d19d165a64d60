//! States from which any other is a short fold away. Their number is bounded; in a long run they stand farther apart.

use super::ClusterState;
use crate::ids::Seq;

/// The distance between two checkpoints at the beginning, in events.
const EVERY: u64 = 2048;
/// How much memory the checkpoints may take, about.
const BYTES_MAX: usize = 64 << 20;
/// What a node takes in a state, about: mostly the end of its log.
const NODE_BYTES: usize = 12 << 10;
/// What a direction of a link takes in a state, about.
const LINK_BYTES: usize = 512;

/// The checkpoints of a run; the first is the state before its first event.
pub(super) struct Checkpoints {
    states: Vec<ClusterState>,
    every: u64,
}

impl Checkpoints {
    pub(super) fn new(before: ClusterState) -> Self {
        Self { states: vec![before], every: EVERY }
    }

    /// Takes a state over if it is time for one. To be called after each event.
    pub(super) fn offer(&mut self, state: &ClusterState) {
        if !state.next.0.is_multiple_of(self.every) {
            return;
        }
        self.states.push(state.clone());
        let bytes = NODE_BYTES * state.nodes.len().max(1) + LINK_BYTES * state.links.len();
        let most = (BYTES_MAX / bytes).clamp(32, 1024);
        if self.states.len() > most {
            self.every *= 2;
            let every = self.every;
            self.states.retain(|state| state.next.0.is_multiple_of(every));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Returns the latest state that is not after `next`.
    pub(super) fn before(&self, next: Seq) -> &ClusterState {
        let after = self.states.partition_point(|state| state.next <= next);
        &self.states[after.saturating_sub(1)]
    }
}
