//! Notices when a cache that grew along a run meets another run.

use cluster_core::{event::TraceEvent, ids::Seq, spec::ClusterSpec, trace::TraceStore};

/// The run that a cache was made from, by its cluster and the last event the cache has seen.
#[derive(Default)]
pub struct RunMark {
    spec: Option<ClusterSpec>,
    last: Option<TraceEvent>,
}

impl RunMark {
    /// Returns whether the store holds the run that was marked, maybe longer.
    pub fn is_of(&self, store: &TraceStore) -> bool {
        // An event that is there, but cannot be read (its file is gone), is no proof of another run.
        let same_event = |last: &TraceEvent| {
            last.seq < store.len() && store.event(last.seq).is_none_or(|event| event.kind == last.kind)
        };
        self.spec.as_ref() == Some(store.spec()) && self.last.as_ref().is_none_or(same_event)
    }

    /// Marks a run as seen up to (not with) `next`.
    pub fn mark(&mut self, store: &TraceStore, next: Seq) {
        if self.spec.as_ref() != Some(store.spec()) {
            self.spec = Some(store.spec().clone());
        }
        self.last = next.0.checked_sub(1).and_then(|last| store.event(Seq(last)));
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::{event::EventKind, ids::NodeId, time::Timestamp};

    use super::*;

    fn store(kinds: Vec<EventKind>) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        let event = |(seq, kind)| TraceEvent { seq: Seq(seq), at: Timestamp(seq), cause: None, kind };
        store.append((0..).zip(kinds).map(event).collect());
        store
    }

    #[test]
    fn a_longer_run_is_the_same_run_and_another_one_is_not() {
        let crashed = || EventKind::NodeCrashed { node: NodeId(1) };
        let mut mark = RunMark::default();
        let short = store(vec![crashed()]);
        assert!(!mark.is_of(&short));
        mark.mark(&short, short.len());
        assert!(mark.is_of(&store(vec![crashed(), crashed()])));
        assert!(!mark.is_of(&store(vec![EventKind::NodeStopped { node: NodeId(1) }])));
        assert!(!mark.is_of(&store(Vec::new())));
    }
}
