//! Executes a recipe again: the same commands at the same instants.

use std::collections::VecDeque;

use super::Runner;
use crate::{
    ids::Seq,
    time::Timestamp,
    trace::{Asked, Recipe},
};

/// A run that is executed again, up to where its recipe ends.
#[derive(Debug)]
pub struct Rerun {
    asked: VecDeque<Asked>,
    events: Seq,
    end: Timestamp,
}

impl Rerun {
    /// Prepares to execute a recipe on a cluster of its spec that was just started.
    pub fn new(recipe: Recipe) -> Self {
        Self { asked: recipe.asked.into(), events: recipe.events, end: recipe.end }
    }

    /// Lets the next thing happen. Returns whether there is more to come; if not, the cluster stands where the recipe
    /// ends.
    pub fn step(&mut self, runner: &mut Runner) -> bool {
        let until = self.asked.front().map_or(self.end, |asked| asked.at);
        if !runner.advance(until, 1) {
            return true;
        }
        let Some(asked) = self.asked.pop_front() else { return false };
        runner.command(asked.by, asked.command);
        // Its steps were made one by one, each at its own instant.
        runner.forget_steps();
        true
    }

    /// Returns how far it is, 0 to 1.
    pub fn progress(&self, runner: &Runner) -> f32 {
        runner.next_seq().0 as f32 / self.events.0.max(1) as f32
    }
}
