//! What a lab does by itself in one phase, at its times, whatever its learner does.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    model::{Action, Lab, scaled},
    play::Play,
    progress::LabProgress,
};
use crate::{
    command::Command,
    time::{Timestamp, TimingProfile},
};

/// Does what is due. Each entry waits for its own time: one that has to wait for a leader holds up no other.
pub struct Schedule {
    entries: Vec<(Timestamp, Play)>,
}

impl Schedule {
    /// Prepares what a lab does in a phase.
    pub fn of(lab: &Lab, phase: usize, seed: u64, profile: TimingProfile) -> Self {
        let due = lab.timeline.iter().filter(|entry| entry.phase == phase);
        let entries = due.zip(1..).map(|(entry, nth)| {
            let actions = vec![Action::Wait(entry.at), Action::Do(entry.line.clone())];
            let mut play = Play::new(lab, actions, seed, profile);
            // Two entries that strike somebody at random strike whom they will.
            play.rng = ChaCha8Rng::seed_from_u64(seed.rotate_left(nth));
            (Timestamp::from(scaled(entry.at, profile)), play)
        });
        Self { entries: entries.collect() }
    }

    /// Forgets what was due up to that time: it was done before.
    pub fn skip_to(&mut self, at: Timestamp) {
        self.entries.retain(|(due, _)| *due > at);
    }

    /// Returns what the lab asks of its cluster at that time. Call it again until it returns nothing.
    pub fn next(&mut self, now: Timestamp, progress: &LabProgress<'_>) -> Option<Vec<Command>> {
        self.entries.iter_mut().find_map(|(_, play)| play.next(now, progress))
    }

    /// Returns whether nothing is left to be done.
    pub fn is_over(&self) -> bool {
        self.entries.iter().all(|(_, play)| play.is_over())
    }

    /// Returns what could not be done, and why.
    pub fn stuck(&self) -> Option<String> {
        let stuck = self.entries.iter().find_map(|(due, play)| Some((due, play.stuck()?)));
        stuck.map(|(due, why)| format!("the timeline at {due}, {why}"))
    }
}
