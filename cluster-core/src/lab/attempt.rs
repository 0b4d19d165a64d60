//! One attempt at a lab, phase by phase: by a script, with what came of it, or by a learner, with what was answered and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    goal::Verdict,
    model::{Action, Lab},
    play::Play,
    progress::{GoalState, LabProgress},
    score::Score,
};
use crate::{ids::Seq, spec::ClusterSpec, time::TimingProfile};

/// An attempt to be made.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What is done.
    pub actions: Vec<Action>,
    /// The seed of the clusters and of what is drawn.
    pub seed: u64,
    /// The timing profile.
    pub profile: TimingProfile,
}

/// What came of an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// How far each goal is, in the order of the lab.
    pub goals: Vec<GoalState>,
    /// Why the script could not go on, if it could not.
    pub stuck: Option<String>,
    /// The observations that were wrong: question, what was said, what it was.
    pub wrong: Vec<(String, String, String)>,
    /// What was answered, question by question.
    pub said: Vec<(String, String)>,
    /// What was to be observed, question by question.
    pub answers: Vec<(String, String)>,
    /// Whether it was thought about.
    pub thought: bool,
    /// How long it took, in cluster time.
    pub lasted: Duration,
}

/// A phase of an attempt: its number, and what is done in it.
pub struct Segment {
    /// The phase.
    pub phase: usize,
    /// Its actions.
    pub actions: Vec<Action>,
}

/// What a learner did in one attempt, in order. With the recordings of its phases, it is all that a score hangs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// The lab.
    pub lab: String,
    /// The version of its content.
    pub version: String,
    /// The seed of the clusters and of what is drawn.
    pub seed: u64,
    /// The timing profile.
    pub profile: TimingProfile,
    /// When it began, in milliseconds of Unix time.
    pub began_ms: u64,
    /// How long the learner was at it, in milliseconds; pauses are left out.
    pub active_ms: u64,
    /// What was done.
    pub deeds: Vec<Deed>,
}

/// Something that a learner did in an attempt, beside what was asked of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When, in milliseconds of Unix time.
    pub at_ms: u64,
    /// What.
    pub did: Did,
}

/// What a learner can do in an attempt, beside what is asked of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Did {
    /// Said what will happen; sealed before the experiment.
    Predicted {
        /// The question.
        ask: String,
        /// The answer.
        option: String,
    },
    /// Began a phase on a fresh cluster; the attempts at a phase are counted from 1, and the last one counts.
    Began {
        /// The phase; empty in a lab without phases.
        phase: String,
        /// Which attempt.
        nth: u32,
    },
    /// Ended a phase.
    Ended {
        /// The phase.
        phase: String,
        /// The first event of its recording that does not count.
        until: Seq,
    },
    /// Said what happened; the first answer counts.
    Observed {
        /// The question.
        ask: String,
        /// The answer.
        option: String,
    },
    /// Thought about it.
    Reflected {
        /// The step.
        step: String,
        /// The thought.
        text: String,
    },
    /// Was shown a hint.
    Hinted {
        /// The goal that it helps with.
        goal: String,
        /// Its level, from 1; 0 for one that came by itself.
        level: u8,
    },
    /// Was shown how a goal is met, on a cluster of its own.
    Shown {
        /// The goal.
        goal: String,
    },
    /// Came to the end.
    Finished,
}

impl Journal {
    /// Returns the answer to a prediction, if it was given.
    pub fn predicted(&self, ask: &str) -> Option<&str> {
        self.deeds.iter().find_map(|deed| match &deed.did {
            Did::Predicted { ask: asked, option } if asked == ask => Some(option.as_str()),
            _ => None, // Other deeds are no predictions.
        })
    }

    /// Returns the first answer to a question about what happened, if it was given.
    pub fn observed(&self, ask: &str) -> Option<&str> {
        self.deeds.iter().find_map(|deed| match &deed.did {
            Did::Observed { ask: asked, option } if asked == ask => Some(option.as_str()),
            _ => None, // Other deeds are no observations.
        })
    }

    /// Returns how often a phase was begun.
    pub fn attempts_at(&self, phase: &str) -> u32 {
        let begun = |deed: &&Deed| matches!(&deed.did, Did::Began { phase: begun, .. } if begun == phase);
        self.deeds.iter().filter(begun).count() as u32
    }
}

impl Attempt {
    /// Returns its phases in order.
    pub fn segments(&self) -> Vec<Segment> {
        let mut segments = vec![Segment { phase: 0, actions: Vec::new() }];
        for action in &self.actions {
            match (action, segments.last_mut()) {
                (Action::Phase(phase), _) => segments.push(Segment { phase: *phase, actions: Vec::new() }),
                (action, Some(segment)) => segment.actions.push(action.clone()),
                (_, None) => {}
            }
        }
        segments
    }

    /// Begins a phase: the cluster, who acts, and who looks.
    pub fn begin<'a>(&self, lab: &'a Lab, segment: &Segment) -> (ClusterSpec, Play, LabProgress<'a>) {
        let spec = lab.spec(segment.phase, self.seed, self.profile);
        let play = Play::new(lab, segment.actions.clone(), self.seed, self.profile);
        let progress = LabProgress::new(lab, segment.phase, &spec);
        (spec, play, progress)
    }
}

impl Outcome {
    /// Returns the outcome before anything was done: all goals are pending.
    pub fn before(lab: &Lab) -> Self {
        let goal = |goal: &super::model::Goal| GoalState {
            id: goal.id.clone(),
            verdict: Verdict::Pending,
            at: None,
            optional: goal.optional,
        };
        Self { goals: lab.goals.iter().map(goal).collect(), ..Self::default() }
    }

    /// Takes over what came of a phase that is over.
    pub fn take(&mut self, play: &Play, progress: &mut LabProgress<'_>) {
        progress.finish();
        for state in progress.goals() {
            if let Some(goal) = self.goals.iter_mut().find(|goal| goal.id == state.id) {
                *goal = state;
            }
        }
        self.stuck = self.stuck.take().or_else(|| play.stuck().map(str::to_owned));
        let answers = progress.answers();
        let said = |ask: &String| play.said().iter().find(|(said, _)| said == ask).map(|(_, answer)| answer.clone());
        let wrong = answers.iter().filter_map(|(ask, right)| Some((said(ask)?, ask.clone(), right.clone())));
        self.wrong.extend(wrong.filter(|(said, _, right)| said != right).map(|(said, ask, right)| (ask, said, right)));
        self.answers.extend(answers);
        self.said.extend(play.said().iter().cloned());
        self.thought |= play.has_thought();
        self.lasted += progress.state().at.since_start();
    }

    /// Returns what it is worth.
    pub fn score(&self, lab: &Lab) -> Score {
        let of = |list: &[(String, String)], ask: &str| list.iter().find(|(of, _)| of == ask).map(|(_, it)| it.clone());
        let right = |ask: &str| of(&self.answers, ask).is_some_and(|right| of(&self.said, ask) == Some(right));
        Score::of(lab, &self.goals, &right, &|_| self.thought)
    }

    /// Returns whether everything that counts is met.
    pub fn passed(&self) -> bool {
        self.stuck.is_none() && self.wrong.is_empty() && self.blocked_at().is_none()
    }

    /// Returns the first goal that counts and is not met.
    pub fn blocked_at(&self) -> Option<&GoalState> {
        self.goals.iter().find(|goal| !goal.optional && goal.verdict != Verdict::Met)
    }
}
