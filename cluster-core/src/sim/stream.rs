//! A simulated cluster that keeps no trace: each event is handed out once, to whoever drives it.

use crate::{
    command::{Author, Command},
    event::TraceEvent,
    sim::SimBackend,
    spec::{ClusterSpec, SpecError},
    time::Timestamp,
    trace::Recorder,
    world::World,
};

/// A simulated cluster whose memory does not grow with the run.
pub struct SimStream {
    world: World<SimBackend>,
    now: Timestamp,
}

impl SimStream {
    /// Starts a cluster at time zero.
    pub fn start(spec: &ClusterSpec) -> Result<Self, SpecError> {
        let mut world = World::new(spec, SimBackend::new(spec), Recorder::kept())?;
        world.start(Timestamp::ZERO);
        Ok(Self { world, now: Timestamp::ZERO })
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns when the next thing happens by itself; `None` if nothing ever will.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.world.next_due()
    }

    /// Lets the next thing happen. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(at) = self.world.run_one() else { return false };
        self.now = self.now.max(at);
        true
    }

    /// Asks something of the cluster at `at`, which is not before what happened last.
    pub fn command(&mut self, at: Timestamp, by: Author, command: Command) {
        self.now = self.now.max(at);
        self.world.command(self.now, by, command);
    }

    /// Appends the events since the last call to `events`.
    pub fn take_events(&mut self, events: &mut Vec<TraceEvent>) {
        self.world.take_events(events);
    }
}
