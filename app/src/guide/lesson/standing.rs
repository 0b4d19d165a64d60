//! How an attempt stands: its goals, its answers, its points.

use cluster_core::{
    ids::Seq,
    lab::{Answer, Ask, Did, Goal, GoalState, Score, SoFar, StepKind},
};

use super::Lesson;
use crate::guide::text;

impl Lesson {
    /// Returns how far all goals are: of phases that are over, and of the one that runs.
    pub fn goals(&self) -> Vec<GoalState> {
        let Some(lab) = &self.lab else { return Vec::new() };
        let of_run = self.run.as_ref().filter(|run| !run.demo && !self.ended.contains_key(self.phase_id(run.phase)));
        let running = of_run.into_iter().flat_map(|run| &run.told().goals);
        let known: Vec<&GoalState> = self.ended.values().flat_map(|ended| &ended.goals).chain(running).collect();
        let state = |goal: &Goal| {
            let found = known.iter().find(|state| state.id == goal.id).map(|state| (*state).clone());
            found.unwrap_or(GoalState { id: goal.id.clone(), ..pending(goal.optional) })
        };
        lab.goals.iter().map(state).collect()
    }

    /// Returns how far a goal of the run that is shown is on its way; nothing of one that is decided.
    pub fn so_far(&self, goal: &str) -> Option<SoFar> {
        let run = self.run.as_ref().filter(|run| run.told().ended.is_none())?;
        run.told().so_far.get(goal).copied()
    }

    /// Returns what was decided in the run that is shown, and when: by what the observer of the goals told, and nothing else.
    pub fn decided(&self) -> Vec<GoalState> {
        let Some(lab) = &self.lab else { return Vec::new() };
        let (phase, states) = match &self.run {
            Some(run) if run.demo => (run.phase, run.told().goals.clone()),
            Some(run) => (run.phase, self.goals()),
            None => (self.phase_of(self.step), self.goals()),
        };
        let of_phase = |state: &GoalState| lab.goals.iter().any(|goal| goal.id == state.id && goal.phase == phase);
        states.into_iter().filter(|state| state.at.is_some() && of_phase(state)).collect()
    }

    /// Returns the title of a goal: the heading of its section, or its id in words.
    pub fn goal_title(&self, id: &str) -> String {
        let heading = self.section(&format!("goal-{id}")).map(|section| section.heading.clone());
        heading.filter(|heading| !heading.is_empty()).unwrap_or_else(|| text::words_of(id))
    }

    /// Returns the right answer to a question about what happened, and the event that shows it, if an event does.
    pub fn right_answer(&self, ask: &Ask) -> Option<(String, Option<Seq>)> {
        match &ask.answer {
            Answer::Fixed(answer) => Some((answer.clone(), None)),
            Answer::Told(_) => {
                let mut told = self.ended.values().filter_map(|ended| ended.answers.get(&ask.id));
                told.next().map(|(answer, seq)| (answer.clone(), Some(*seq)))
            }
        }
    }

    /// Returns what the attempt is worth so far.
    pub fn score(&self) -> Option<Score> {
        let lab = self.lab.as_ref()?;
        let asks = || lab.steps.iter().flat_map(|step| &step.asks);
        let right = |id: &str| {
            let right = asks().find(|ask| ask.id == id).and_then(|ask| self.right_answer(ask));
            right.is_some_and(|(right, _)| self.journal.observed(id) == Some(right.as_str()))
        };
        let thought = |step: &str| {
            self.journal.deeds.iter().any(|deed| matches!(&deed.did, Did::Reflected { step: of, .. } if of == step))
        };
        Some(Score::of(lab, &self.goals(), &right, &thought))
    }

    /// Returns whether a prediction was sealed, or an observation given.
    pub fn answered(&self, kind: StepKind, ask: &str) -> Option<&str> {
        match kind {
            StepKind::Predict => self.journal.predicted(ask),
            StepKind::Observe => self.journal.observed(ask),
            StepKind::Do | StepKind::Reflect | StepKind::Read => None,
        }
    }

    /// Returns whether all questions of the next step have an answer chosen.
    pub fn all_chosen(&self) -> bool {
        self.next_step().is_some_and(|step| step.asks.iter().all(|ask| self.chosen.contains_key(&ask.id)))
    }
}

fn pending(optional: bool) -> GoalState {
    GoalState { id: String::new(), verdict: Default::default(), at: None, optional }
}
