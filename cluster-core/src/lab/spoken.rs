//! Every expression that can be asked of a phase: what none of them speaks of need not be kept ready.

use super::{
    expr::Expr,
    model::{Action, Answer, Lab, Moment, Pattern},
};

impl Lab {
    /// Returns the expressions of a phase: of its goals, of what scripts wait for in it, of hints and of questions.
    pub(super) fn exprs_of(&self, phase: usize) -> Vec<&Expr> {
        let goals = self.goals.iter().filter(|goal| goal.phase == phase).flat_map(|goal| of_pattern(&goal.pattern));
        let hints = self.hints.iter().filter_map(|hint| hint.when.as_ref());
        let asks = self.steps.iter().flat_map(|step| &step.asks).filter_map(|ask| match &ask.answer {
            Answer::Told(expr) => Some(expr),
            Answer::Fixed(_) => None,
        });
        let waits = self.scripts.iter().flat_map(|script| waits(&script.actions, phase));
        goals.chain(hints).chain(asks).chain(waits).collect()
    }
}

fn of_pattern(pattern: &Pattern) -> Vec<&Expr> {
    match pattern {
        Pattern::Reach { it, .. } => vec![it],
        Pattern::Hold { it, witness, .. } | Pattern::Never { it, witness } | Pattern::Measure { it, witness } => {
            vec![it, witness]
        }
        Pattern::Respond { after, then, .. } => [after, then].into_iter().filter_map(of_moment).collect(),
        Pattern::Sequence { steps, .. } => steps.iter().filter_map(of_moment).collect(),
    }
}

fn of_moment(moment: &Moment) -> Option<&Expr> {
    match moment {
        Moment::Event { only, .. } => only.as_ref(),
        Moment::State(expr) => Some(expr),
    }
}

/// Returns what a script waits for in a phase.
fn waits(actions: &[Action], phase: usize) -> impl Iterator<Item = &Expr> {
    let mut now = 0;
    actions.iter().filter_map(move |action| match action {
        Action::Phase(next) => {
            now = *next;
            None
        }
        Action::Until(expr, _) if now == phase => Some(expr.as_ref()),
        _ => None, // Nothing else looks at the cluster.
    })
}
