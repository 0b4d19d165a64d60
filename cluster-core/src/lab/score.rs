//! What an attempt is worth: points for goals, for what was observed rightly, and for having thought about it.

use super::{
    goal::Verdict,
    model::{Lab, StepKind},
    progress::GoalState,
};

/// The points of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// For goals.
    pub goals: u32,
    /// For observations.
    pub observe: u32,
    /// For reflection.
    pub reflect: u32,
    /// How many there could have been, of each.
    pub of: [u32; 3],
}

impl Score {
    /// Counts points: `goals` are all that were decided, `right` says of each question about what happened whether its first
    /// answer was right, `thoughts` are the steps of reflection that were written.
    pub fn of(lab: &Lab, goals: &[GoalState], right: &dyn Fn(&str) -> bool, thoughts: &dyn Fn(&str) -> bool) -> Self {
        let met = |id: &str| goals.iter().any(|state| state.id == id && state.verdict == Verdict::Met);
        let worth = lab.goals.iter().map(|goal| (goal.points, met(&goal.id)));
        let asks = lab.steps.iter().filter(|step| step.kind == StepKind::Observe).flat_map(|step| &step.asks);
        let steps = lab.steps.iter().filter(|step| step.kind == StepKind::Reflect);
        let [of_goals, of_observe, of_reflect] = lab.score;
        Self {
            goals: share(of_goals, worth),
            observe: share(of_observe, asks.map(|ask| (1, right(&ask.id)))),
            reflect: share(of_reflect, steps.map(|step| (1, thoughts(&step.id)))),
            of: lab.score,
        }
    }

    /// Returns all points.
    pub fn total(self) -> u32 {
        self.goals + self.observe + self.reflect
    }

    /// Returns how many there could have been.
    pub fn most(self) -> u32 {
        self.of.iter().sum()
    }
}

/// Returns the part of `all` points that was earned; where there is nothing to be earned, all of it.
fn share(all: u32, parts: impl Iterator<Item = (u32, bool)>) -> u32 {
    let (mut earned, mut possible) = (0_u64, 0_u64);
    for (worth, got) in parts {
        possible += u64::from(worth);
        earned += u64::from(worth) * u64::from(got);
    }
    match possible {
        0 => all,
        possible => ((u64::from(all) * earned + possible / 2) / possible) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_shared_by_their_worth() {
        assert_eq!(share(70, [(25, true), (25, false), (20, true)].into_iter()), 45);
        assert_eq!(share(20, [(1, true), (1, false), (1, false)].into_iter()), 7);
        assert_eq!(share(10, std::iter::empty()), 10);
        assert_eq!(share(0, [(1, true)].into_iter()), 0);
    }
}
