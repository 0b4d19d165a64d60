//! One attempt at a lab by a script, phase by phase, and what came of it.

use std::time::Duration;

use super::{
    goal::Verdict,
    model::{Action, Lab},
    play::Play,
    progress::{GoalState, LabProgress},
};
use crate::{spec::ClusterSpec, time::TimingProfile};

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
        let wrong = answers.into_iter().filter_map(|(ask, right)| Some((said(&ask)?, ask, right)));
        self.wrong.extend(wrong.filter(|(said, _, right)| said != right).map(|(said, ask, right)| (ask, said, right)));
        self.lasted += progress.state().at.since_start();
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
