//! Linearizability: whether all operations can be put in one order that real time allows and the object explains.

mod frontier;
mod online;
mod open;
mod plan;
mod search;
mod witness;

pub(crate) use online::{End, Growing, State as GrowingState};
pub(crate) use plan::{Keep, Moment, Plan};
pub(crate) use search::Progress;
pub(crate) use witness::{longest, smallest};

use self::search::Search;
use super::{
    history::{History, HistoryError, OperationIndex},
    model::Model,
    states::States,
    verdict::{Budget, Unknown},
};

/// A search over one object, whatever the number of operations that are open at once.
pub(crate) trait AnySearch {
    /// Goes on for about so many steps.
    fn run(&mut self, steps: u64) -> Progress;
    /// Returns about how many bytes it occupies.
    fn bytes(&self) -> usize;
    /// Returns how many steps were tried.
    fn steps(&self) -> u64;
    /// Returns what is searched.
    fn plan(&self) -> &Plan;
    /// Returns the longest way that was found, if paths are kept: the calls in their order.
    fn longest(&self) -> Vec<u32>;
}

impl<const W: usize> AnySearch for Search<W> {
    fn run(&mut self, steps: u64) -> Progress {
        Self::run(self, steps)
    }

    fn bytes(&self) -> usize {
        Self::bytes(self)
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn longest(&self) -> Vec<u32> {
        Self::longest(self)
    }
}

/// So many operations of one object may be open at once: more is not searched in any sensible time.
pub(crate) const OPEN_MAX: usize = 1024;

/// Begins the search that fits; `None` if too many operations are open at once.
pub(crate) fn begin(plan: Plan, states: States, tracked: bool) -> Option<Box<dyn AnySearch>> {
    Some(match plan.slots {
        0..=64 => Box::new(Search::<1>::new(plan, states, tracked)),
        65..=128 => Box::new(Search::<2>::new(plan, states, tracked)),
        129..=256 => Box::new(Search::<4>::new(plan, states, tracked)),
        257..=OPEN_MAX => Box::new(Search::<16>::new(plan, states, tracked)),
        _ => return None,
    })
}

/// What a search over one object, or over all, came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order exists.
    Holds,
    /// None exists: the operations of one object up to an end.
    Violated {
        /// The operations that had begun by then.
        operations: Vec<OperationIndex>,
        /// The one whose end could not be explained.
        last: OperationIndex,
    },
    /// Not decided within the budget.
    Unknown(Unknown),
}

/// The steps that each object gets in the first round; each round gives it [`GROWTH`] times as many.
const FIRST_STEPS: u64 = 20_000;
const GROWTH: u64 = 8;
/// How often it is asked whether to go on.
const SLICE: u64 = 200_000;

/// Searches every object of a history. Objects take turns with growing numbers of steps, so that one whose search runs
/// wild does not keep a simple contradiction in another from being found.
pub(crate) fn search(history: &History, model: Model, budget: &Budget<'_>) -> Result<Found, HistoryError> {
    let mut open: Vec<Box<dyn AnySearch>> = Vec::new();
    let (mut spent, mut too_many_open) = (0, false);
    // The objects are local: a history is linearizable if each object's part of it is (Herlihy and Wing 1990, theorem 1).
    for operations in history.by_key().into_values() {
        let mut states = States::new(model);
        let whole = operations.into_iter().map(|index| (index, Keep::Whole));
        let plan = Plan::new(model, history, whole, &mut states)?;
        let Some(mut search) = begin(plan, states, false) else {
            // Another object may still show a violation.
            too_many_open = true;
            continue;
        };
        match search.run(FIRST_STEPS) {
            Progress::Holds => {}
            Progress::Violated { moment } => return Ok(violated(&*search, moment)),
            Progress::OutOfSteps => open.push(search),
        }
        if (budget.stop)() {
            return Ok(Found::Unknown(Unknown::Stopped));
        }
    }
    let mut turn = FIRST_STEPS;
    while !open.is_empty() {
        turn = turn.saturating_mul(GROWTH);
        let mut waiting: Vec<Box<dyn AnySearch>> = Vec::new();
        let mut rest = open.into_iter();
        while let Some(mut search) = rest.next() {
            let others = waiting.iter().chain(rest.as_slice()).map(|search| search.bytes()).sum::<usize>();
            let mut left = turn;
            let progress = loop {
                let slice = left.min(SLICE);
                let progress = search.run(slice);
                spent += slice;
                left -= slice;
                if progress != Progress::OutOfSteps || left == 0 {
                    break progress;
                }
                if (budget.stop)() {
                    return Ok(Found::Unknown(Unknown::Stopped));
                }
                if spent > budget.steps {
                    return Ok(Found::Unknown(Unknown::Steps { steps: budget.steps }));
                }
                if others + search.bytes() > budget.bytes {
                    return Ok(Found::Unknown(Unknown::Memory { bytes: budget.bytes }));
                }
            };
            match progress {
                Progress::Holds => {}
                Progress::Violated { moment } => return Ok(violated(&*search, moment)),
                Progress::OutOfSteps => waiting.push(search),
            }
        }
        open = waiting;
    }
    if too_many_open {
        return Ok(Found::Unknown(Unknown::TooManyOpen { most: OPEN_MAX }));
    }
    Ok(Found::Holds)
}

fn violated(search: &dyn AnySearch, moment: usize) -> Found {
    let plan = search.plan();
    let begun = plan.moments[..moment].iter().filter_map(|moment| match moment {
        Moment::Begin(call) => Some(plan.calls[*call as usize].operation),
        Moment::End(_) => None,
    });
    let (Moment::Begin(last) | Moment::End(last)) = plan.moments[moment];
    Found::Violated { operations: begun.collect(), last: plan.calls[last as usize].operation }
}
