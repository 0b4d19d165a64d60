//! One phase of an attempt: its cluster runs in the window, and its goals are followed.

use std::{collections::BTreeMap, sync::Arc};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    ids::Seq,
    lab::{GoalState, Lab, Palette, SoFar},
    time::{Timestamp, TimingProfile},
    trace::{ClusterState, sentence},
};
use serde::{Deserialize, Serialize};

use super::watcher::{Course, News, Watcher};

/// A phase that runs, or ran last.
pub struct PhaseRun {
    /// Its place in the lab.
    pub phase: usize,
    /// Which attempt at it this is, from 1.
    pub nth: u32,
    /// Whether it only shows how it is done.
    pub demo: bool,
    /// What a demonstration did so far.
    pub acts: Vec<ShownAct>,
    /// How many faults the learner caused.
    pub caused: u32,
    /// When it began, in seconds of the window's clock.
    pub since: f64,
    /// The last command that was counted as a fault.
    counted: Option<Seq>,
    watcher: Watcher,
    told: Told,
}

/// One thing that a demonstration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownAct {
    /// When.
    pub at: Timestamp,
    /// What, as a sentence.
    pub words: String,
}

/// What is known of a phase.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How far each goal is.
    pub goals: Vec<GoalState>,
    /// How far those are that are not decided, by their ids.
    pub so_far: BTreeMap<String, SoFar>,
    /// Whether all that count are met.
    pub done: bool,
    /// The hints whose condition holds, by their place in the lab.
    pub hints: Vec<usize>,
    /// Whether the demonstration is over, and why it did not come to its end, if so.
    pub shown: Option<Result<(), String>>,
    /// What came of it, once it is over.
    pub ended: Option<Ended>,
}

/// What came of a phase that is over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The first event that does not count.
    pub until: Seq,
    /// What became of each goal.
    pub goals: Vec<GoalState>,
    /// The right answers to what is asked of it, and the event that shows each.
    pub answers: BTreeMap<String, (String, Seq)>,
}

/// What makes a phase.
pub(super) struct Begin {
    pub(super) lab: Arc<Lab>,
    pub(super) phase: usize,
    pub(super) nth: u32,
    pub(super) seed: u64,
    pub(super) profile: TimingProfile,
    pub(super) demo: Option<String>,
    pub(super) since: f64,
}

impl PhaseRun {
    /// Begins to follow a phase.
    pub(super) fn begin(begin: Begin, wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let Begin { lab, phase, nth, seed, profile, demo, since } = begin;
        let shows = demo.is_some();
        let watcher = Watcher::start(Course { lab, phase, seed, profile, since: Timestamp::ZERO, demo }, wake)?;
        Ok(Self {
            phase,
            nth,
            demo: shows,
            acts: Vec::new(),
            caused: 0,
            since,
            counted: None,
            watcher,
            told: Told::default(),
        })
    }

    /// Follows the same phase by a lab that was edited, from its first event on.
    pub(super) fn follow_anew(
        &mut self,
        begin: Begin,
        events: &[TraceEvent],
        wake: impl Fn() + Send + 'static,
    ) -> Result<(), String> {
        let Begin { lab, phase, seed, profile, demo, .. } = begin;
        let since = events.last().map_or(Timestamp::ZERO, |event| event.at);
        self.watcher = Watcher::start(Course { lab, phase, seed, profile, since, demo }, wake)?;
        self.watcher.see(events);
        if self.told.ended.is_some() {
            self.watcher.finish();
        }
        Ok(())
    }

    /// Takes events of the run over.
    pub(super) fn see(&mut self, events: &[TraceEvent], before: &ClusterState) {
        if self.told.ended.is_some() {
            return;
        }
        for event in events {
            match &event.kind {
                EventKind::CommandIssued { by: Author::User, command } if Palette::counts(command) => {
                    (self.caused, self.counted) = (self.caused + 1, Some(event.seq));
                }
                EventKind::CommandIssued { by: Author::Script, .. } if self.demo => {
                    let words = sentence(event, before, "").unwrap_or_default();
                    self.acts.push(ShownAct { at: event.at, words });
                }
                // What was refused broke nothing.
                EventKind::CommandRefused { .. } if event.cause.is_some() && event.cause == self.counted => {
                    (self.caused, self.counted) = (self.caused.saturating_sub(1), None);
                }
                _ => {} // Nothing else counts.
            }
        }
        self.watcher.see(events);
    }

    /// Ends the phase: what only its end decides is decided.
    pub(super) fn finish(&mut self) {
        self.watcher.finish();
    }

    /// Returns what is known.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Takes over what the goals came to. Returns what the lab and the demonstration ask of the cluster.
    pub(super) fn listen(&mut self) -> Vec<(Author, Command)> {
        let News { next, goals, so_far, done, hints, answers, finished, commands, shown } = self.watcher.news();
        let ended = finished.then(|| Ended { until: next, goals: goals.clone(), answers });
        self.told = Told { goals, so_far, done, hints, shown, ended };
        commands
    }
}
