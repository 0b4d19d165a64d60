//! The smallest set of operations that cannot be put in order, and the longest order that could be built.

use super::{
    super::{
        history::{History, OperationIndex},
        model::{Model, Nature, State},
        states::States,
        verdict::Budget,
    },
    AnySearch, Keep, Plan, Progress, begin,
};

/// What one attempt to leave operations out may cost.
const STEPS_EACH: u64 = 20_000;
/// What all attempts together may cost.
const STEPS_ALL: u64 = 3_000_000;
/// Longer orders are not built: nobody reads them.
const ORDER_MAX: usize = 5_000;

/// Returns the operations of which none can be left out: a set for which there is no order, whether the others took effect
/// or not.
///
/// An operation is left out by letting it be loose: it may have taken effect while it was open, or not at all. Loose
/// operations can only make an order possible, so if there is none, those that are kept are a contradiction.
/// Leaving out goes by halves, then one by one (Zeller and Hildebrandt 2002, "Simplifying and isolating
/// failure-inducing input"), and ends early when it has cost too much: what remains is still a contradiction.
pub(crate) fn smallest(
    history: &History,
    model: Model,
    operations: &[OperationIndex],
    last: OperationIndex,
    budget: &Budget<'_>,
) -> Vec<OperationIndex> {
    let mut spent = 0;
    let mut kept = latest_that_suffice(history, model, operations, last, &mut spent);
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut any = false;
        while from < kept.len() {
            let until = (from + size).min(kept.len());
            let without: Vec<_> = kept
                .iter()
                .enumerate()
                .filter(|(at, _)| !(from..until).contains(at))
                .map(|(_, index)| *index)
                .collect();
            if spent > STEPS_ALL || (budget.stop)() {
                return kept;
            }
            // The last one to end is what it is all about.
            if without.contains(&last) && is_violated(history, model, operations, &without, &mut spent) {
                kept = without;
                any = true;
            } else {
                from = until;
            }
        }
        // Once a single one is gone another may be superfluous, too.
        size = if size > 1 { size.div_ceil(2) } else { usize::from(any) };
    }
    kept
}

/// Returns the last ones to end, as few as contradict each other: most contradictions are short, and the past is long.
fn latest_that_suffice(
    history: &History,
    model: Model,
    operations: &[OperationIndex],
    last: OperationIndex,
    spent: &mut u64,
) -> Vec<OperationIndex> {
    let mut by_end: Vec<OperationIndex> = operations.iter().copied().filter(|index| *index != last).collect();
    // What was still open at the end comes last: it owes nothing yet.
    let end = history.get(last).returned;
    by_end.sort_unstable_by_key(|index| {
        let returned = history.get(*index).returned;
        (returned > end, std::cmp::Reverse(returned))
    });
    let mut count = 2;
    while count < by_end.len() && *spent < STEPS_ALL {
        let mut kept = by_end[..count].to_vec();
        kept.push(last);
        kept.sort_unstable();
        kept.dedup();
        if is_violated(history, model, operations, &kept, spent) {
            return kept;
        }
        count *= 2;
    }
    operations.to_vec()
}

/// Returns the longest order of those operations that was found, the last of them among it only if it fits.
pub(crate) fn longest(
    history: &History,
    model: Model,
    operations: &[OperationIndex],
    budget: &Budget<'_>,
) -> Vec<OperationIndex> {
    if operations.len() > ORDER_MAX {
        return Vec::new();
    }
    let mut states = States::new(model);
    let whole = operations.iter().map(|index| (*index, Keep::Whole));
    let Ok(plan) = Plan::new(model, history, whole, &mut states) else { return Vec::new() };
    let Some(mut search) = begin(plan, states, true) else { return Vec::new() };
    while search.run(STEPS_EACH) == Progress::OutOfSteps {
        if search.steps() > 10 * STEPS_ALL || search.bytes() > budget.bytes || (budget.stop)() {
            return Vec::new();
        }
    }
    with_absorbed(history, model, &*search)
}

fn is_violated(
    history: &History,
    model: Model,
    operations: &[OperationIndex],
    kept: &[OperationIndex],
    spent: &mut u64,
) -> bool {
    let mut states = States::new(model);
    let keep = |index: &OperationIndex| if kept.binary_search(index).is_ok() { Keep::Whole } else { Keep::Loose };
    let parts = operations.iter().map(|index| (*index, keep(index)));
    let Ok(plan) = Plan::new(model, history, parts, &mut states) else { return false };
    let Some(mut search) = begin(plan, states, false) else { return false };
    let progress = search.run(STEPS_EACH);
    *spent += search.steps();
    matches!(progress, Progress::Violated { .. })
}

/// Puts the writes that were absorbed, see [`super::search`], where nobody sees them.
fn with_absorbed(history: &History, model: Model, search: &dyn AnySearch) -> Vec<OperationIndex> {
    let plan = search.plan();
    let mut order = search.longest();
    let mut states = States::new(model);
    let operations = plan.calls.iter().map(|call| (call.operation, Keep::Whole));
    let Ok(again) = Plan::new(model, history, operations, &mut states) else { return Vec::new() };
    // The same operations in the same order give the same calls.
    let calls = &again.calls;
    let end = order.iter().map(|call| calls[*call as usize].invoked).max().unwrap_or(0);
    let placed = |order: &[u32], call: u32| order.contains(&call);
    let missing: Vec<u32> = (0..calls.len() as u32)
        .filter(|call| !placed(&order, *call) && calls[*call as usize].owed && calls[*call as usize].returned <= end)
        .filter(|call| matches!(calls[*call as usize].nature, Nature::Blind | Nature::Overwrite))
        .collect();
    for call in missing {
        if let Some(at) = hidden_place(calls, &order, call, &mut states) {
            order.insert(at, call);
        }
    }
    order.into_iter().map(|call| calls[call as usize].operation).collect()
}

/// Returns where a blind call can stand so that real time allows it and no answer changes.
fn hidden_place(calls: &[super::plan::Call], order: &[u32], call: u32, states: &mut States) -> Option<usize> {
    let this = calls[call as usize];
    let from = order.iter().rposition(|other| calls[*other as usize].returned < this.invoked).map_or(0, |at| at + 1);
    let until = order.iter().position(|other| calls[*other as usize].invoked > this.returned).unwrap_or(order.len());
    let mut state: State = states.first();
    for at in 0..=until {
        if at >= from {
            let overwritten = order.get(at).is_some_and(|next| calls[*next as usize].nature == Nature::Overwrite);
            if overwritten && at < until || states.after(state, this.step) == Some(state) {
                return Some(at);
            }
        }
        let next = order.get(at)?;
        state = states.after(state, calls[*next as usize].step)?;
    }
    None
}
