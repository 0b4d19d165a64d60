//! A simulated cluster and its clock: each thing that happens has an instant of its own, and commands come between two.
//!
//! So the moment of a command says exactly what happened before it and what after: a run can be executed again from its
//! commands and their times alone.

use std::time::Duration;

use super::SimBackend;
use crate::{
    command::{Author, Command},
    event::TraceEvent,
    ids::Seq,
    spec::{ClusterSpec, SpecError},
    time::{RATE_MIN, RATE_UNLIMITED, Timestamp},
    trace::Recorder,
    world::{ClockRequest, World},
};

/// The time between two things that are due at the same moment.
const INSTANT: Duration = Duration::from_nanos(1);

/// A simulated cluster. Whoever drives it says how far its time may go.
pub struct Runner {
    world: World<SimBackend>,
    now: Timestamp,
    /// When something happened last, or was asked.
    last: Timestamp,
    rate: f64,
    paused: bool,
    /// Steps that were asked for and not made yet.
    steps: u32,
}

impl Runner {
    /// Starts a cluster at time zero.
    pub fn start(spec: &ClusterSpec, recorder: Recorder) -> Result<Self, SpecError> {
        Ok(Self::of(World::new(spec, SimBackend::new(spec), recorder)?))
    }

    /// Starts a cluster that was made by hand, such as one of a protocol that is in no table.
    pub fn of(mut world: World<SimBackend>) -> Self {
        world.start(Timestamp::ZERO);
        Self { world, now: Timestamp::ZERO, last: Timestamp::ZERO, rate: 1.0, paused: false, steps: 0 }
    }

    /// Returns the virtual time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the number of the next event.
    pub fn next_seq(&self) -> Seq {
        self.world.next_seq()
    }

    /// Returns how many recorded events were not handed on yet.
    pub fn events_waiting(&self) -> usize {
        self.world.events_waiting()
    }

    /// Returns virtual seconds per real second: 0 while paused, [`RATE_UNLIMITED`] for as fast as the machine goes.
    pub fn rate(&self) -> f64 {
        if self.paused { 0.0 } else { self.rate }
    }

    /// Returns when the next thing happens, if ever.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.world.next_due().map(|at| at.max(self.last + INSTANT))
    }

    /// Lets the next thing happen, whenever that is, whether or not time stands still. Returns when that was.
    pub fn step(&mut self) -> Option<Timestamp> {
        let at = self.world.run_one(self.last + INSTANT)?;
        (self.now, self.last) = (at, at);
        Some(at)
    }

    /// Lets things happen that are due until `until`, at most `most` of them. Returns whether time has come so far.
    pub fn advance(&mut self, until: Timestamp, most: usize) -> bool {
        for _ in 0..most {
            if self.next_due().is_none_or(|at| at > until) {
                self.now = self.now.max(until);
                return true;
            }
            self.step();
        }
        false
    }

    /// Makes the steps that were asked for, each up to something worth recording. Returns whether there were any.
    pub fn take_steps(&mut self) -> bool {
        let asked = self.steps > 0;
        while self.steps > 0 {
            self.steps -= 1;
            self.step_visibly();
        }
        asked
    }

    /// Forgets the steps that were asked for.
    pub fn forget_steps(&mut self) {
        self.steps = 0;
    }

    /// Lets things happen until one of them is an event, or nothing is due any more. Returns whether there was one.
    pub fn step_visibly(&mut self) -> bool {
        let before = self.next_seq();
        while self.next_seq() == before {
            if self.step().is_none() {
                return false;
            }
        }
        true
    }

    /// Asks something of the cluster, now.
    pub fn command(&mut self, by: Author, command: Command) {
        let before = self.rate();
        self.last = self.now;
        self.world.command(self.now, by, command);
        match self.world.take_clock_request() {
            Some(ClockRequest::Pause) => self.paused = true,
            Some(ClockRequest::Resume) => self.paused = false,
            Some(ClockRequest::Rate(rate)) => self.rate = rate.clamp(RATE_MIN, RATE_UNLIMITED),
            Some(ClockRequest::Step) if self.paused => self.steps += 1,
            Some(ClockRequest::Step) | None => {}
        }
        if !self.paused {
            self.steps = 0;
        }
        if self.rate() != before {
            self.world.clock_changed(self.now, self.rate());
        }
    }

    /// Appends the events that the recorder kept to `events`.
    pub fn take_events(&mut self, events: &mut Vec<TraceEvent>) {
        self.world.take_events(events);
    }

    /// Hands recorded events on.
    pub fn flush(&mut self) {
        self.world.flush_recorder();
    }

    /// Stops all nodes in good order.
    pub fn shutdown(&mut self) {
        self.world.shutdown(self.now);
    }
}
