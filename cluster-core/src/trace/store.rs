//! The trace as the front end holds it: append-only, any moment of it at hand.

use std::ops::Range;

use super::{ClusterState, Timeline};
use crate::{event::TraceEvent, ids::Seq, spec::ClusterSpec, time::Timestamp};

const CHECKPOINT_EVERY: usize = 2048;

/// All events of a run, with checkpoints.
pub struct TraceStore {
    spec: ClusterSpec,
    events: Vec<TraceEvent>,
    checkpoints: Vec<ClusterState>,
    latest: ClusterState,
    timeline: Timeline,
}

impl TraceStore {
    /// Makes an empty store for a run of that cluster.
    pub fn new(spec: ClusterSpec) -> Self {
        let latest = ClusterState::before(&spec);
        Self { spec, events: Vec::new(), checkpoints: vec![latest.clone()], latest, timeline: Timeline::default() }
    }

    /// Appends the next events of the run.
    pub fn append(&mut self, batch: Vec<TraceEvent>) {
        for event in batch {
            assert_eq!(event.seq, self.len(), "events come in order and without gaps");
            self.latest.apply(&event);
            self.timeline.apply(&event, &self.latest);
            self.events.push(event);
            if self.events.len() % CHECKPOINT_EVERY == 0 {
                self.checkpoints.push(self.latest.clone());
            }
        }
    }

    /// Returns the cluster that runs, or ran.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// Returns how many events there are: the number of the next one.
    pub fn len(&self) -> Seq {
        Seq(self.events.len() as u64)
    }

    /// Returns whether nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns the state after all events.
    pub fn latest(&self) -> &ClusterState {
        &self.latest
    }

    /// Returns the time of the last event.
    pub fn end(&self) -> Timestamp {
        self.latest.at
    }

    /// Returns the state as the fold of all events before `next`.
    pub fn state_at(&self, next: Seq) -> ClusterState {
        let next = (next.0 as usize).min(self.events.len());
        let checkpoint = next / CHECKPOINT_EVERY;
        let mut state = self.checkpoints[checkpoint].clone();
        self.events[checkpoint * CHECKPOINT_EVERY..next].iter().for_each(|event| state.apply(event));
        state
    }

    /// Returns the number of events that happened up to and at `at`: the state there is `state_at` of it.
    pub fn seq_at(&self, at: Timestamp) -> Seq {
        Seq(self.events.partition_point(|event| event.at <= at) as u64)
    }

    /// Returns one event.
    pub fn event(&self, seq: Seq) -> Option<TraceEvent> {
        self.events.get(seq.0 as usize).cloned()
    }

    /// Returns events by number, as far as they exist.
    pub fn events(&self, range: Range<Seq>) -> Vec<TraceEvent> {
        let end = (range.end.0 as usize).min(self.events.len());
        let start = (range.start.0 as usize).min(end);
        self.events[start..end].to_vec()
    }

    /// Returns the whole run at a glance.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}
