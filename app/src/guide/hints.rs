//! Which help is offered when: three levels, each after the one before was read; and what comes by itself on a wrong turn.

use std::collections::BTreeMap;

use cluster_core::lab::{Hint, Lab, Verdict};

use super::{PhaseRun, Section};

/// How long a hint is read at least, in seconds.
const READING_MIN: f64 = 6.0;
/// How long a word is read, in seconds.
const READING_WORD: f64 = 0.25;
/// How long what came by itself stays at least, in seconds.
const STAYS: f64 = 12.0;

/// What is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Offer {
    /// The next level of a hint will be there in so many seconds.
    Later {
        /// The hint, by its place in the lab.
        hint: usize,
        /// In how many seconds.
        secs: f64,
    },
    /// The next level can be asked for.
    Level(usize),
    /// It can be shown how it is done.
    Demonstration(usize),
}

/// How much of a hint was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// How many of its levels.
    pub levels: usize,
    /// Since when the last of them, in seconds of the window's clock.
    pub since: f64,
}

/// The help of one phase so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    shown: BTreeMap<usize, Shown>,
    /// What came by itself: until when it stays.
    came: BTreeMap<usize, f64>,
}

impl Hints {
    /// Returns how much of a hint was shown.
    pub(super) fn shown(&self, hint: usize) -> Option<Shown> {
        self.shown.get(&hint).copied()
    }

    /// Shows the next level of a hint. Returns its number, from 1.
    pub(super) fn show(&mut self, hint: usize, now: f64) -> u8 {
        let shown = self.shown.entry(hint).or_insert(Shown { levels: 0, since: now });
        *shown = Shown { levels: shown.levels + 1, since: now };
        shown.levels.min(usize::from(u8::MAX)) as u8
    }

    /// Returns the hint that helps now: that of the first goal that is open and has one.
    pub(super) fn current(lab: &Lab, run: &PhaseRun) -> Option<usize> {
        let open =
            |goal: &&str| run.told().goals.iter().any(|state| state.id == **goal && state.verdict == Verdict::Pending);
        let goals = lab.goals.iter().filter(|goal| goal.phase == run.phase).map(|goal| goal.id.as_str()).filter(open);
        let of = |goal: &str| lab.hints.iter().position(|hint| hint.when.is_none() && hint.goal == goal);
        goals.filter_map(of).next()
    }

    /// Returns what is offered now. `demo` says whether it can be shown how it is done.
    pub(super) fn offer(
        &self,
        lab: &Lab,
        run: &PhaseRun,
        texts: &BTreeMap<String, Section>,
        now: f64,
        demo: bool,
    ) -> Option<Offer> {
        let at = Self::current(lab, run)?;
        let hint = lab.hints.get(at)?;
        let (ready, levels) = match self.shown(at) {
            None => (run.since + hint.after.as_secs_f64(), 0),
            Some(shown) => (shown.since + reading(hint, shown.levels, texts), shown.levels),
        };
        match ready - now {
            _ if levels >= hint.levels.len() && !demo => None,
            secs if secs > 0.0 => Some(Offer::Later { hint: at, secs }),
            _ if levels < hint.levels.len() => Some(Offer::Level(at)),
            _ => Some(Offer::Demonstration(at)),
        }
    }

    /// Takes over which wrong turns are seen. Returns those that were not seen before.
    pub(super) fn come(&mut self, lab: &Lab, run: &PhaseRun, now: f64) -> Vec<usize> {
        let pending = |hint: &Hint| {
            run.told().goals.iter().any(|state| state.id == hint.goal && state.verdict == Verdict::Pending)
        };
        let holds = run.told().hints.iter().filter(|at| lab.hints.get(**at).is_some_and(pending));
        let mut fresh = Vec::new();
        for at in holds {
            if self.came.insert(*at, now + STAYS).is_none() {
                fresh.push(*at);
            }
        }
        fresh
    }

    /// Returns what came by itself and is to be read now.
    pub(super) fn here(&self, now: f64) -> impl Iterator<Item = usize> {
        self.came.iter().filter(move |(_, until)| **until > now).map(|(at, _)| *at)
    }
}

/// Returns how long the last level that was shown takes to be read, in seconds.
fn reading(hint: &Hint, levels: usize, texts: &BTreeMap<String, Section>) -> f64 {
    let words = |section: &Section| {
        let words = section.pieces.iter().map(|piece| match piece {
            super::Piece::Words(words) => words.split_whitespace().count(),
            super::Piece::Picture { .. } => 0,
        });
        words.sum::<usize>() as f64
    };
    let last = levels.checked_sub(1).and_then(|last| hint.levels.get(last));
    let words = last.and_then(|(anchor, _)| texts.get(anchor)).map_or(0.0, words);
    (words * READING_WORD).max(READING_MIN)
}
