//! How far an attempt is: every goal of one phase, followed from the events of its run.

use serde::{Deserialize, Serialize};

use super::{
    expr::Expr,
    goal::{Monitor, Verdict},
    model::{Answer, Lab, Pattern, StepKind},
    sight::Sight,
    so_far::SoFar,
};
use crate::{event::TraceEvent, spec::ClusterSpec, time::Timestamp, trace::ClusterState};

/// Follows the goals of one phase. The same for a run that goes on and for a recording of it: it looks at events only.
pub struct LabProgress<'a> {
    sight: Sight,
    monitors: Vec<Monitor<'a>>,
    lab: &'a Lab,
    phase: usize,
}

/// How far a goal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalState {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub verdict: Verdict,
    /// When it was decided.
    pub at: Option<Timestamp>,
    /// Whether the lab is passed without it.
    pub optional: bool,
}

impl<'a> LabProgress<'a> {
    /// Begins a phase, on a cluster of `spec`.
    pub fn new(lab: &'a Lab, phase: usize, spec: &ClusterSpec) -> Self {
        let goals = lab.goals.iter().filter(|goal| goal.phase == phase);
        let monitors = goals.map(|goal| Monitor::new(goal, spec.profile)).collect();
        Self { sight: Sight::new(spec, &lab.exprs_of(phase)), monitors, lab, phase }
    }

    /// Takes an event over.
    pub fn see(&mut self, event: &TraceEvent) {
        for monitor in &mut self.monitors {
            monitor.pass(event.at);
        }
        let (moments, changed) = self.sight.next(event);
        if moments.is_empty() && changed == 0 {
            return;
        }
        for monitor in &mut self.monitors {
            monitor.see(&self.sight, &moments, changed, event.at);
        }
    }

    /// Returns the cluster after all events so far.
    pub fn state(&self) -> &ClusterState {
        self.sight.state()
    }

    /// Returns whether all goals are met, those that must never be broken so far.
    pub fn is_done(&mut self) -> bool {
        let Self { sight, monitors, .. } = self;
        monitors.iter_mut().filter(|monitor| !monitor.goal().optional).all(|monitor| match monitor.goal().pattern {
            Pattern::Measure { .. } => monitor.verdict() == Verdict::Pending,
            _ => monitor.is_good_so_far(sight),
        })
    }

    /// Ends the phase: what only its end decides is decided.
    pub fn finish(&mut self) {
        let at = self.sight.state().at;
        for monitor in &mut self.monitors {
            monitor.finish(&self.sight, at);
        }
    }

    /// Returns how far each goal of the phase is.
    pub fn goals(&self) -> Vec<GoalState> {
        let state = |monitor: &Monitor<'_>| GoalState {
            id: monitor.goal().id.clone(),
            verdict: monitor.verdict(),
            at: monitor.at(),
            optional: monitor.goal().optional,
        };
        self.monitors.iter().map(state).collect()
    }

    /// Returns how far the goals are that are not decided, by their ids.
    pub fn so_far(&mut self) -> Vec<(String, SoFar)> {
        let Self { sight, monitors, .. } = self;
        let of = |monitor: &mut Monitor<'_>| Some((monitor.goal().id.clone(), monitor.so_far(sight)?));
        monitors.iter_mut().filter_map(of).collect()
    }

    /// Returns whether an expression holds, with nodes by name.
    pub fn holds(&self, expr: &Expr, named: &[(String, String)]) -> bool {
        let mut context = self.sight.context().new_inner_scope();
        for (name, node) in named {
            context.add_variable_from_value(name, node.as_str());
        }
        expr.holds(&context) == Some(true)
    }

    /// Returns the right answers to what is asked of what was observed in this phase: of this very run.
    pub fn answers(&self) -> Vec<(String, String)> {
        let id = self.lab.phases.get(self.phase).map_or("", |phase| phase.id.as_str());
        let last = self.phase + 1 == self.lab.phases.len();
        // A question that belongs to no phase is about the last.
        let of_this = |phase: &Option<String>| phase.as_ref().map_or(last, |phase| phase == id);
        let steps = self.lab.steps.iter().filter(|step| step.kind == StepKind::Observe && of_this(&step.phase));
        let answer = |answer: &Answer| match answer {
            Answer::Fixed(answer) => Some(answer.clone()),
            Answer::Told(expr) => expr.answer(self.sight.context()),
        };
        steps.flat_map(|step| &step.asks).filter_map(|ask| Some((ask.id.clone(), answer(&ask.answer)?))).collect()
    }
}
