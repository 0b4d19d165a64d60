//! A run made beforehand that reaches the window as a live one does: what has happened by now, in batches.

use std::{cell::Cell, collections::VecDeque, rc::Rc};

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    spec::ClusterSpec,
    time::Timestamp,
    trace::TraceStore,
};
use faultline::source::Source;

/// As many events as a session sends at once, and about how often it sends.
const BATCH: usize = 1024;
const FLUSH_NANOS: u64 = 4_000_000;

/// Events that wait for their time.
pub(crate) struct Paced {
    store: Option<TraceStore>,
    waiting: VecDeque<Vec<TraceEvent>>,
    now: Rc<Cell<Timestamp>>,
}

impl Paced {
    /// Makes a source of `events` that follow what `store` holds; they come when `now` has reached their time.
    pub(crate) fn new(store: TraceStore, events: &[TraceEvent], now: Rc<Cell<Timestamp>>) -> Self {
        let together = |a: &TraceEvent, b: &TraceEvent| a.at.0 / FLUSH_NANOS == b.at.0 / FLUSH_NANOS;
        let flushed = events.chunk_by(together).flat_map(|flushed| flushed.chunks(BATCH));
        Self { store: Some(store), waiting: flushed.map(<[TraceEvent]>::to_vec).collect(), now }
    }
}

impl Source for Paced {
    fn store(&mut self) -> TraceStore {
        self.store.take().unwrap_or_else(|| TraceStore::new(ClusterSpec::default()))
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        let due = self.waiting.front()?.last()?.at <= self.now.get();
        due.then(|| self.waiting.pop_front()).flatten()
    }

    fn send(&mut self, _: Author, _: Command) -> bool {
        false
    }

    fn commandable(&self) -> bool {
        true
    }

    fn behind(&self) -> u64 {
        0
    }

    fn data_dir(&self) -> Option<&str> {
        None
    }

    fn trouble(&mut self) -> Option<String> {
        None
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}
