//! One object's part of a history, made ready for the search: what each operation does, and the moments in order.

use super::super::{
    history::{Ending, History, HistoryError, OperationIndex, Position},
    model::{Model, Nature, State, Step},
    states::States,
};

/// An operation as the search sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// What it does.
    pub(crate) step: Step,
    /// Its nature.
    pub(crate) nature: Nature,
    /// Whether it must have happened by its end. An operation of unknown outcome need not happen at all.
    pub(crate) owed: bool,
    /// Its place among the operations that are open at the same time.
    pub(crate) slot: u16,
    /// Operations that do the same have the same number.
    pub(crate) twin: u32,
    /// When it began.
    pub(crate) invoked: Position,
    /// When it ended.
    pub(crate) returned: Position,
    /// Which operation of the history it is.
    pub(crate) operation: OperationIndex,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The call begins.
    Begin(u32),
    /// The call ends.
    End(u32),
}

/// What is kept of an operation when a part of a history is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it.
    Whole,
    /// Only that it may have taken effect while it was open, or not at all: it owes nothing any more.
    Loose,
}

/// One object's part of a history.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) calls: Vec<Call>,
    pub(crate) moments: Vec<Moment>,
    /// How many operations are open at once, at most.
    pub(crate) slots: usize,
    /// For each moment: the look that ends first among those that begin later.
    pub(crate) upcoming: Vec<Option<u32>>,
    /// The calls that overwrite, in the order in which they begin.
    pub(crate) overwrites: Vec<u32>,
    /// Whether an answer may depend on the state being any other than one: a refusal, or an edit.
    pub(crate) refusals: bool,
}

impl Plan {
    /// Prepares the operations for a search.
    pub(crate) fn new(
        model: Model,
        history: &History,
        operations: impl IntoIterator<Item = (OperationIndex, Keep)>,
        states: &mut States,
    ) -> Result<Self, HistoryError> {
        let mut calls = Vec::new();
        for (index, keep) in operations {
            let operation = history.get(index);
            let Some(step) = model.step(history, operation, states)? else { continue };
            let nature = step.nature();
            if keep == Keep::Loose && nature == Nature::Pure {
                continue;
            }
            states.know(history, step);
            let loose = keep == Keep::Loose;
            let known = operation.ending != Ending::Unknown;
            calls.push(Call {
                step,
                nature,
                owed: known && !loose,
                slot: 0,
                twin: 0,
                invoked: operation.invoked,
                returned: if known { operation.returned } else { Position::MAX },
                operation: index,
            });
        }
        for call in &calls {
            states.looks(call.step, call.returned);
        }
        // An edit may depend on any value.
        let edits = calls.iter().any(|call| matches!(call.step, Step::Edit(_) | Step::Look(_)));
        if !edits {
            states.all_looks_known();
        }
        if model == Model::Queue {
            states.takes(calls.iter().map(|call| (call.step, call.invoked, call.returned, call.owed)));
        }
        let refusals = edits || calls.iter().any(|call| matches!(call.step, Step::Unlike(_)));
        // A refusal may depend on the value having become any other one.
        if !refusals {
            drop_useless(&mut calls, states);
        }
        number_twins(&mut calls);
        Ok(Self::arrange(calls, states.foresees(), refusals))
    }

    fn arrange(mut calls: Vec<Call>, foresees: bool, refusals: bool) -> Self {
        let mut order: Vec<(Position, Moment)> = Vec::with_capacity(calls.len() * 2);
        for (at, call) in calls.iter().enumerate() {
            order.push((call.invoked, Moment::Begin(at as u32)));
            if call.returned != Position::MAX {
                order.push((call.returned, Moment::End(at as u32)));
            }
        }
        order.sort_unstable_by_key(|(position, moment)| match moment {
            Moment::Begin(at) => (*position, 0, *at),
            Moment::End(at) => (*position, 1, *at),
        });
        let moments: Vec<Moment> = order.into_iter().map(|(_, moment)| moment).collect();
        let (mut free, mut slots) = (Vec::new(), 0);
        for moment in &moments {
            match *moment {
                Moment::Begin(at) => {
                    calls[at as usize].slot = free.pop().unwrap_or_else(|| {
                        slots += 1;
                        (slots - 1) as u16
                    });
                }
                Moment::End(at) => free.push(calls[at as usize].slot),
            }
        }
        let mut plan = Self { calls, moments, slots, upcoming: Vec::new(), overwrites: Vec::new(), refusals };
        if foresees {
            plan.look_ahead();
        }
        plan
    }

    fn look_ahead(&mut self) {
        self.upcoming = vec![None; self.moments.len()];
        let mut first: Option<u32> = None;
        for (at, moment) in self.moments.iter().enumerate().rev() {
            self.upcoming[at] = first;
            let Moment::Begin(call) = *moment else { continue };
            let (nature, returned) = (self.calls[call as usize].nature, self.calls[call as usize].returned);
            match nature {
                Nature::Pure if first.is_none_or(|first| self.calls[first as usize].returned > returned) => {
                    first = Some(call);
                }
                Nature::Overwrite => self.overwrites.push(call),
                Nature::Pure | Nature::Blind | Nature::Guarded => {}
            }
        }
        self.overwrites.reverse();
    }

    /// Returns the state that an overwriting call leaves behind.
    pub(crate) fn written(&self, call: u32) -> Option<State> {
        match self.calls[call as usize].step {
            Step::Write(state) => Some(state),
            Step::Read(_)
            | Step::Unlike(_)
            | Step::Cas(..)
            | Step::Append(_)
            | Step::Count(_)
            | Step::Insert(_)
            | Step::Erase(_)
            | Step::Take(_)
            | Step::TakeAny
            | Step::Edit(_)
            | Step::Look(_) => None,
        }
    }
}

/// Drops writes of unknown outcome whose value nobody ever depends on: they can always be thought not to have happened.
fn drop_useless(calls: &mut Vec<Call>, states: &States) {
    calls.retain(|call| match call.step {
        Step::Write(next) if !call.owed => states.faded(next, call.invoked) == next,
        _ => true, // Whatever is no plain write has other ways to matter.
    });
}

fn number_twins(calls: &mut [Call]) {
    let key = |step: Step| match step {
        Step::Read(a) => (0, u64::from(a), 0),
        Step::Unlike(a) => (1, u64::from(a), 0),
        Step::Write(a) => (2, u64::from(a), 0),
        Step::Cas(a, b) => (3, u64::from(a), b),
        Step::Append(a) => (4, u64::from(a.0), 0),
        Step::Count(by) => (5, by as u64, 0),
        Step::Insert(a) => (6, u64::from(a.0), 0),
        Step::Erase(a) => (7, u64::from(a.0), 0),
        Step::Take(a) => (8, u64::from(a.0), 0),
        Step::TakeAny => (9, 0, 0),
        Step::Edit(a) => (10, u64::from(a), 0),
        Step::Look(a) => (11, u64::from(a), 0),
    };
    let mut order: Vec<u32> = (0..calls.len() as u32).collect();
    order.sort_unstable_by_key(|at| key(calls[*at as usize].step));
    let mut twin = 0;
    for pair in 0..order.len() {
        let at = order[pair] as usize;
        if pair > 0 && key(calls[order[pair - 1] as usize].step) != key(calls[at].step) {
            twin += 1;
        }
        calls[at].twin = twin;
    }
}
