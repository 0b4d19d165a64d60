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

/// As many events as a session sends at once.
const BATCH: usize = 1024;

/// Events that wait for their time.
pub(crate) struct Paced {
    store: Option<TraceStore>,
    waiting: VecDeque<TraceEvent>,
    now: Rc<Cell<Timestamp>>,
}

impl Paced {
    /// Makes a source of `events` that follow what `store` holds; they come when `now` has reached their time.
    pub(crate) fn new(store: TraceStore, events: Vec<TraceEvent>, now: Rc<Cell<Timestamp>>) -> Self {
        Self { store: Some(store), waiting: events.into(), now }
    }
}

impl Source for Paced {
    fn store(&mut self) -> TraceStore {
        self.store.take().unwrap_or_else(|| TraceStore::new(ClusterSpec::default()))
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        let due = self.waiting.iter().take(BATCH).take_while(|event| event.at <= self.now.get()).count();
        (due > 0).then(|| self.waiting.drain(..due).collect())
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
