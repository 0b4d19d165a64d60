//! The simulator: the same world on a wire and on disks that take virtual time, in one thread, from one seed.
//!
//! The same spec and the same commands at the same times give the same trace, bit for bit.

mod backend;
mod stream;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use backend::SimBackend;
pub use stream::SimStream;

use crate::{
    command::{Author, Command},
    event::TraceEvent,
    spec::{ClusterSpec, SpecError},
    time::Timestamp,
    trace::{Recorder, TraceStore},
    world::World,
};

/// A simulated cluster and its trace.
pub struct Sim {
    world: World<SimBackend>,
    now: Timestamp,
    store: TraceStore,
    recorded: Arc<Mutex<Vec<TraceEvent>>>,
}

impl Sim {
    /// Starts a cluster at time zero.
    pub fn start(spec: &ClusterSpec) -> Result<Self, SpecError> {
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&recorded);
        let recorder = Recorder::new(move |mut batch: Vec<TraceEvent>| {
            sink.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
        });
        let mut world = World::new(spec, SimBackend::new(spec), recorder)?;
        world.start(Timestamp::ZERO);
        let mut sim = Self { world, now: Timestamp::ZERO, store: TraceStore::new(spec.clone()), recorded };
        sim.collect();
        Ok(sim)
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the trace so far.
    pub fn trace(&self) -> &TraceStore {
        &self.store
    }

    /// Asks something of the cluster, now.
    pub fn command(&mut self, command: Command) {
        self.world.command(self.now, Author::Script, command);
        self.collect();
    }

    /// Lets one thing happen. Returns when that was; `None` if nothing ever will.
    pub fn step(&mut self) -> Option<Timestamp> {
        let at = self.world.run_one()?;
        self.now = self.now.max(at);
        self.collect();
        Some(at)
    }

    /// Lets `span` of virtual time pass.
    pub fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while self.world.next_due().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Runs until `done` holds of the trace, at most for `limit`. Returns whether it did.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&TraceStore) -> bool) -> bool {
        let until = self.now + limit;
        while !done(&self.store) {
            if self.world.next_due().is_none_or(|at| at > until) {
                self.now = until;
                return false;
            }
            self.step();
        }
        true
    }

    fn collect(&mut self) {
        self.world.flush_recorder();
        let batch = std::mem::take(&mut *self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
        self.store.append(batch);
    }
}
