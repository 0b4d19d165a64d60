//! Carries out the actions of a script in one phase: told the time and what is seen, it says what to ask of the cluster.

use std::{collections::BTreeMap, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    draw::drawn,
    model::{Action, Lab, scaled, verb_line},
    progress::LabProgress,
};
use crate::{
    command::Command,
    time::{Timestamp, TimingProfile},
};

/// How long a verb waits for whom it names, such as a leader.
const PATIENCE: Duration = Duration::from_secs(15);

/// Carries out actions.
pub struct Play {
    actions: Vec<Action>,
    next: usize,
    since: Timestamp,
    bound: Vec<(String, String)>,
    params: BTreeMap<String, String>,
    said: Vec<(String, String)>,
    pub(super) rng: ChaCha8Rng,
    profile: TimingProfile,
    stuck: Option<String>,
}

impl Play {
    /// Prepares to carry out the actions of one phase.
    pub fn new(lab: &Lab, actions: Vec<Action>, seed: u64, profile: TimingProfile) -> Self {
        Self {
            actions,
            next: 0,
            since: Timestamp::ZERO,
            bound: Vec::new(),
            params: drawn(lab, seed),
            said: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(seed ^ 0x1AB),
            profile,
            stuck: None,
        }
    }

    /// Returns what is to be asked of the cluster at that time. Call it again until it returns nothing.
    pub fn next(&mut self, now: Timestamp, progress: &LabProgress<'_>) -> Option<Vec<Command>> {
        while !self.is_over() {
            let action = self.actions.get(self.next)?.clone();
            match action {
                Action::Do(line) => match self.resolve(&line, progress) {
                    Ok(commands) => {
                        self.go_on(now);
                        return Some(commands);
                    }
                    Err((problem, may_pass)) => {
                        if may_pass && now.since(self.since) < scaled(PATIENCE, self.profile) {
                            return None;
                        }
                        self.stuck = Some(format!("action {}, `{line}`: {problem}", self.next + 1));
                    }
                },
                Action::Bind(name, selector) => match self.whom(&selector, progress) {
                    Ok(node) => {
                        self.bound.push((name, node));
                        self.go_on(now);
                    }
                    Err((problem, may_pass)) => {
                        if may_pass && now.since(self.since) < scaled(PATIENCE, self.profile) {
                            return None;
                        }
                        self.stuck = Some(format!("action {}, bind {name}: {problem}", self.next + 1));
                    }
                },
                Action::Wait(span) => {
                    if now.since(self.since) < scaled(span, self.profile) {
                        return None;
                    }
                    self.go_on(now);
                }
                Action::Until(expr, timeout) => {
                    if progress.holds(&expr, &self.bound) {
                        self.go_on(now);
                    } else if now.since(self.since) >= scaled(timeout, self.profile) {
                        let after = timeout.as_secs_f64();
                        self.stuck =
                            Some(format!("action {}: waited {after} s in vain for `{}`", self.next + 1, expr.text()));
                    } else {
                        return None;
                    }
                }
                Action::Say(ask, answer, _) => {
                    self.said.push((ask, answer));
                    self.go_on(now);
                }
                Action::Reflect | Action::Phase(_) => self.go_on(now),
            }
        }
        None
    }

    /// Returns whether nothing is left to be done.
    pub fn is_over(&self) -> bool {
        self.stuck.is_some() || self.next >= self.actions.len()
    }

    /// Returns why it could not go on, if it could not.
    pub fn stuck(&self) -> Option<&str> {
        self.stuck.as_deref()
    }

    /// Returns what was answered.
    pub fn said(&self) -> &[(String, String)] {
        &self.said
    }

    /// Returns whether it came to where it thinks about what happened.
    pub fn has_thought(&self) -> bool {
        self.actions.iter().take(self.next).any(|action| matches!(action, Action::Reflect))
    }

    fn go_on(&mut self, now: Timestamp) {
        (self.next, self.since) = (self.next + 1, now);
    }

    fn resolve(&mut self, line: &str, progress: &LabProgress<'_>) -> Result<Vec<Command>, (String, bool)> {
        let mut line = line.to_owned();
        for (name, node) in &self.bound {
            line = line.replace(&format!("${name}"), node);
        }
        let timed = verb_line(&filled_in(&line, &self.params)).map_err(|problem| (problem, false))?;
        timed.resolve(progress.state(), &mut self.rng).map_err(|error| (error.problem, error.may_pass))
    }

    fn whom(&mut self, selector: &str, progress: &LabProgress<'_>) -> Result<String, (String, bool)> {
        match self.resolve(&format!("restart {selector}"), progress)?.first() {
            Some(Command::Restart(node)) => Ok(node.to_string()),
            _ => Err((format!("`{selector}` is not one node"), false)),
        }
    }
}

/// Returns a text with what was drawn in the places of its names, such as `{key}`.
pub fn filled_in(text: &str, params: &BTreeMap<String, String>) -> String {
    params.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
