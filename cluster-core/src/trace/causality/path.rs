//! By what way one event may have influenced another: the chain with the fewest messages in it.

use std::collections::BTreeMap;

use petgraph::{algo::astar, graphmap::DiGraphMap};

use super::{Causality, Order, index::NO_LANE};
use crate::ids::Seq;

/// The events of a chain: its first, each that sends or causes something elsewhere, each that comes of it, and its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The events, in order.
    pub events: Vec<Seq>,
    /// How many times it goes from one place to another.
    pub hops: u32,
}

/// Why no chain can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// There is none.
    #[error("the first did not happen before the second")]
    NotBefore,
    /// There are too many events between the two to look at.
    #[error("more than {EVENTS_MAX} events lie on the ways between the two; choose two that are closer")]
    TooMany,
}

/// A graph of more events is not built: it would be waited for.
const EVENTS_MAX: usize = 100_000;

impl Causality {
    /// Returns the chain with the fewest hops by which `first` may have influenced `last`.
    pub fn chain(&self, first: Seq, last: Seq) -> Result<Chain, ChainError> {
        if first >= last || self.order(first, last) != Some(Order::Before) {
            return Err(ChainError::NotBefore);
        }
        let graph = self.between(first, last)?;
        // Staying on a lane costs nothing, so that the way with the fewest messages wins.
        let cost = |(_, _, hop): (Seq, Seq, &bool)| u32::from(*hop);
        let (hops, path) = astar(&graph, first, |seq| seq == last, cost, |_| 0).ok_or(ChainError::NotBefore)?;
        let hop = |a: Seq, b: Seq| graph.edge_weight(a, b) == Some(&true);
        let mut events = Vec::new();
        for (at, seq) in path.iter().enumerate() {
            let came = at > 0 && hop(path[at - 1], *seq);
            let goes = path.get(at + 1).is_some_and(|next| hop(*seq, *next));
            if came || goes || *seq == first || *seq == last {
                events.push(*seq);
            }
        }
        Ok(Chain { events, hops })
    }

    /// Builds the graph of all that follows from `first` and leads to `last`; an edge says whether it leaves its lane.
    fn between(&self, first: Seq, last: Seq) -> Result<DiGraphMap<Seq, bool>, ChainError> {
        let after = self.cone(first, first..last.next()).ok_or(ChainError::NotBefore)?;
        let before = self.cone(last, first..last.next()).ok_or(ChainError::NotBefore)?;
        let mut graph = DiGraphMap::new();
        let mut latest: BTreeMap<u16, Seq> = BTreeMap::new();
        for (seq, entry) in self.range(&(first..last.next())) {
            let follows = matches!(after.order_of(self, seq), Order::Before | Order::Same);
            let leads = matches!(before.order_of(self, seq), Order::After | Order::Same);
            if !(follows && leads) {
                continue;
            }
            graph.add_node(seq);
            if graph.node_count() > EVENTS_MAX {
                return Err(ChainError::TooMany);
            }
            if entry.lane != NO_LANE
                && let Some(previous) = latest.insert(entry.lane, seq)
            {
                graph.add_edge(previous, seq, false);
            }
            if let Some(cause) = entry.cause(seq).filter(|cause| graph.contains_node(*cause)) {
                let elsewhere = self.entry(cause).is_none_or(|cause| cause.lane != entry.lane);
                graph.add_edge(cause, seq, elsewhere);
            }
        }
        Ok(graph)
    }
}
