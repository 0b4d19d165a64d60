//! Says in one plain sentence why no order exists.

use std::time::Duration;

use super::{
    history::{Function, History, Operation, OperationIndex, short},
    model::Model,
};

/// Returns the sentence for a history that is not linearizable.
///
/// The operation at which the search failed is not always the one to blame, but a look in the smallest set is what a
/// reader understands first.
pub(crate) fn sentence(history: &History, model: Model, smallest: &[OperationIndex], last: OperationIndex) -> String {
    let looks = smallest.iter().rev().copied().filter(|index| {
        let operation = history.get(*index);
        operation.function == Function::Read && operation.is_ok()
    });
    // The last operation first, if it is a look.
    let first = (history.get(last).function == Function::Read).then_some(last);
    if matches!(model, Model::Register | Model::Kv) {
        for look in first.into_iter().chain(looks) {
            if let Some(text) = stale(history, smallest, look).or_else(|| unwritten(history, look)) {
                return text;
            }
        }
    }
    in_general(history, smallest, last)
}

/// A read of a value that another write had replaced before the read began.
fn stale(history: &History, smallest: &[OperationIndex], look: OperationIndex) -> Option<String> {
    let read = history.get(look);
    let writers: Vec<&Operation> = history
        .operations
        .iter()
        .filter(|write| write.key == read.key && writes(history, write, read.result) && write.invoked < read.returned)
        .collect();
    // Every write of that value must have been replaced for certain; nil was there from the beginning.
    let (_, over) = history
        .iter()
        .filter(|(_, over)| over.key == read.key && over.is_ok() && over.precedes(read))
        .filter(|(_, over)| written(history, over).is_some_and(|value| value != read.result))
        .filter(|(_, over)| writers.iter().all(|write| write.precedes(over)))
        .filter(|(index, _)| smallest.contains(index))
        .max_by_key(|(_, over)| over.returned)?;
    let value = |id| short(history.data.get(id));
    let wrote = written(history, over).map_or_else(String::new, value);
    Some(format!(
        "this read{}{} returned {} although {wrote} had been acknowledged {} before it began",
        of_key(history, read),
        at_node(read),
        value(read.result),
        span(history, over, read),
    ))
}

/// A read of a value that nobody had written by then.
fn unwritten(history: &History, look: OperationIndex) -> Option<String> {
    let read = history.get(look);
    let nobody = !history
        .operations
        .iter()
        .any(|write| write.key == read.key && writes(history, write, read.result) && write.invoked < read.returned);
    (nobody && read.result != super::datum::DatumId::NIL).then(|| {
        format!(
            "this read{}{} returned {}, which nobody had begun to write when it ended",
            of_key(history, read),
            at_node(read),
            short(history.data.get(read.result)),
        )
    })
}

fn in_general(history: &History, smallest: &[OperationIndex], last: OperationIndex) -> String {
    let others = smallest.len().saturating_sub(1);
    let words = history.words(last);
    match others {
        0 => format!("`{words}` cannot have been, whether the other operations took effect or not"),
        1 => format!("`{words}` and the operation beside it cannot be put in any order that real time allows"),
        _ => format!("`{words}` and these {others} other operations cannot be put in any order that real time allows"),
    }
}

/// Returns the value that a write leaves behind.
fn written(history: &History, operation: &Operation) -> Option<super::datum::DatumId> {
    match operation.function {
        Function::Write => Some(operation.argument),
        Function::Delete => Some(super::datum::DatumId::NIL),
        Function::Cas => history.data.get(operation.argument).list()?.get(1).and_then(|to| history.data.find(to)),
        Function::Read
        | Function::Append
        | Function::Add
        | Function::Remove
        | Function::Enqueue
        | Function::Dequeue
        | Function::Acquire
        | Function::Release
        | Function::PutIf
        | Function::Exists
        | Function::Generate
        | Function::Txn => None,
    }
}

/// Returns whether an operation may have left that value behind.
fn writes(history: &History, operation: &Operation, value: super::datum::DatumId) -> bool {
    operation.ending != super::history::Ending::Fail && written(history, operation) == Some(value)
}

fn of_key(history: &History, operation: &Operation) -> String {
    operation.key.map_or_else(String::new, |key| format!(" of {}", short(history.data.get(key))))
}

fn at_node(operation: &Operation) -> String {
    operation.node.map_or_else(String::new, |node| format!(" at {node}"))
}

/// Returns how long before `later` began `earlier` had ended: in time, or in events of the history.
fn span(history: &History, earlier: &Operation, later: &Operation) -> String {
    if history.timed {
        return milliseconds(later.invoked_at.since(earlier.returned_at));
    }
    match later.invoked - earlier.returned {
        1 => "right".to_owned(),
        events => format!("{events} events"),
    }
}

/// Returns a time as people say it.
pub(crate) fn milliseconds(time: Duration) -> String {
    if time < Duration::from_millis(10) {
        format!("{:.2} ms", time.as_secs_f64() * 1e3)
    } else if time < Duration::from_secs(10) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
