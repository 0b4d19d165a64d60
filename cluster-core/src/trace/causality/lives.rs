//! How each node fared over time: whether it ran, in which role, and in which epoch it believed.

use std::collections::BTreeMap;

use crate::{
    event::{EventKind, RoleKind, TraceEvent, ViewChange},
    ids::{Endpoint, Epoch, Seq},
    time::Timestamp,
};

/// The latest stretches of a lane are kept, up to so many.
const SPANS_MAX: usize = 16_384;

/// What a node was for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It ran.
    Up(RoleKind, Epoch),
    /// It stood still.
    Frozen,
    /// It was down.
    Down,
}

/// A stretch of a lane; it ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifeSpan {
    /// From when.
    pub from: Timestamp,
    /// The event by which it began.
    pub seq: Seq,
    /// What the node was.
    pub life: Life,
}

/// The stretches of all lanes.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    lanes: BTreeMap<Endpoint, Vec<LifeSpan>>,
    /// What a node is, or goes on as when it thaws.
    beliefs: BTreeMap<Endpoint, (RoleKind, Epoch)>,
}

impl Lives {
    /// Returns the stretches of a lane, in order; nothing before the first.
    pub fn of(&self, end: Endpoint) -> &[LifeSpan] {
        self.lanes.get(&end).map_or(&[], Vec::as_slice)
    }

    /// Returns the stretches of a lane that touch a stretch of time.
    pub fn within(&self, end: Endpoint, from: Timestamp, to: Timestamp) -> &[LifeSpan] {
        let spans = self.of(end);
        let first = spans.partition_point(|span| span.from <= from).saturating_sub(1);
        let last = spans.partition_point(|span| span.from <= to);
        &spans[first.min(last)..last]
    }

    pub(super) fn apply(&mut self, end: Endpoint, event: &TraceEvent) {
        let (role, epoch) = self.beliefs.get(&end).copied().unwrap_or_default();
        let life = match &event.kind {
            EventKind::NodeStarted { .. } => {
                // What it believed is gone with it, until it shows what its disk says.
                self.beliefs.remove(&end);
                Life::Up(RoleKind::Follower, Epoch::default())
            }
            EventKind::NodeUnfroze { .. } => Life::Up(role, epoch),
            EventKind::NodeFroze { .. } => Life::Frozen,
            EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFailed { .. } => Life::Down,
            EventKind::ViewChanged { changes, .. } if changes.iter().any(ViewChange::is_reign) => {
                let belief = changes.iter().fold((role, epoch), |(role, epoch), change| match change {
                    ViewChange::Role(role, _) => (*role, epoch),
                    ViewChange::Epoch(epoch) => (role, *epoch),
                    // The rest is no part of it.
                    _ => (role, epoch),
                });
                self.beliefs.insert(end, belief);
                Life::Up(belief.0, belief.1)
            }
            // Nothing else changes what a node is.
            _ => return,
        };
        let spans = self.lanes.entry(end).or_default();
        if spans.last().is_some_and(|last| last.life == life) {
            return;
        }
        spans.push(LifeSpan { from: event.at, seq: event.seq, life });
        if spans.len() > SPANS_MAX + SPANS_MAX / 4 {
            spans.drain(..spans.len() - SPANS_MAX);
        }
    }
}
