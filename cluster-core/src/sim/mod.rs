//! The simulator: the same world on a wire and on disks that take virtual time, in one thread, from one seed.
//!
//! The same spec and the same commands at the same times give the same trace, bit for bit.

mod backend;
mod rerun;
mod runner;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use backend::SimBackend;
pub use rerun::Rerun;
pub use runner::Runner;

use crate::{
    command::{Author, Command},
    event::TraceEvent,
    origin::{BackendKind, Origin},
    spec::{ClusterSpec, SpecError},
    time::Timestamp,
    trace::{Observer, Recorder, TraceStore},
};

/// A simulated cluster and its trace.
pub struct Sim {
    runner: Runner,
    store: TraceStore,
    recorded: Arc<Mutex<Vec<TraceEvent>>>,
}

impl Sim {
    /// Starts a cluster at time zero.
    pub fn start(spec: &ClusterSpec) -> Result<Self, SpecError> {
        Self::begin(spec, None)
    }

    /// Starts a cluster at time zero, every event of which an observer sees; its findings are in the trace.
    pub fn observed(spec: &ClusterSpec, observer: Box<dyn Observer>) -> Result<Self, SpecError> {
        Self::begin(spec, Some(observer))
    }

    fn begin(spec: &ClusterSpec, observer: Option<Box<dyn Observer>>) -> Result<Self, SpecError> {
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&recorded);
        let mut recorder = Recorder::new(move |mut batch: Vec<TraceEvent>| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
        });
        if let Some(observer) = observer {
            recorder = recorder.observed_by(observer);
        }
        let runner = Runner::start(spec, recorder)?;
        let store = TraceStore::of(spec.clone(), Origin::of(BackendKind::Sim));
        let mut sim = Self { runner, store, recorded };
        sim.collect();
        Ok(sim)
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Timestamp {
        self.runner.now()
    }

    /// Returns the trace so far.
    pub fn trace(&self) -> &TraceStore {
        &self.store
    }

    /// Asks something of the cluster, now, as a script does.
    pub fn command(&mut self, command: Command) {
        self.command_by(Author::Script, command);
    }

    /// Asks something of the cluster, now.
    pub fn command_by(&mut self, by: Author, command: Command) {
        self.runner.command(by, command);
        self.collect();
    }

    /// Lets one thing happen. Returns when that was; `None` if nothing ever will.
    pub fn step(&mut self) -> Option<Timestamp> {
        let at = self.runner.step()?;
        self.collect();
        Some(at)
    }

    /// Lets `span` of virtual time pass.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now() + span;
        while !self.runner.advance(until, 1) {
            self.collect();
        }
    }

    /// Runs until `done` holds of the trace, at most for `limit`. Returns whether it did.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&TraceStore) -> bool) -> bool {
        let until = self.now() + limit;
        while !done(&self.store) {
            if self.runner.advance(until, 1) {
                return false;
            }
            self.collect();
        }
        true
    }

    fn collect(&mut self) {
        self.runner.flush();
        let batch = std::mem::take(&mut *self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
        self.store.append(batch);
    }
}
