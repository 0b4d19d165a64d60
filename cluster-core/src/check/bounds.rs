//! The promises that are checked by counting and comparing: staleness, convergence, sets, counters, unique ids.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    datum::{Datum, DatumId},
    explain::milliseconds,
    history::{Ending, Function, History, HistoryError, Operation, OperationIndex, Position, short},
    registers::{Registers, Source, is_read, written},
    verdict::{Unknown, Verdict, Witness},
};

/// No read returns a value that had been replaced longer than `bound` before the read began (Golab, Li and Shah 2011,
/// "Analyzing consistency properties for fun and profit", §3: Δ-atomicity, with the reads' share of it).
pub(crate) fn staleness(registers: &Registers<'_>, bound: Duration) -> Verdict {
    let history = registers.history;
    if !history.timed {
        return Verdict::Unknown(Unknown::Untimed);
    }
    let writes = registers.writes_by_key();
    let mut worst: Option<(Duration, OperationIndex, OperationIndex, Option<OperationIndex>)> = None;
    let (mut any, mut ambiguous) = (false, false);
    for (index, read) in history.iter().filter(|(_, operation)| is_read(operation)) {
        let from: (Position, Option<OperationIndex>) = match registers.source(read) {
            Source::Initial => (0, None),
            Source::Write(write) => (history.get(write).returned, Some(write)),
            Source::ThinAir => return thin_air(history, index),
            Source::Ambiguous => {
                ambiguous = true;
                continue;
            }
        };
        any = true;
        // The first write that certainly replaced it: begun after it had ended, and itself ended.
        let later = writes.get(&read.key).map(Vec::as_slice).unwrap_or_default();
        let after = later.partition_point(|write| history.get(*write).invoked <= from.0);
        let replaced = later[after..]
            .iter()
            .take_while(|write| history.get(**write).invoked < read.invoked)
            .filter(|write| history.get(**write).is_ok() && history.get(**write).precedes(read))
            .take(SCANNED)
            .min_by_key(|write| history.get(**write).returned);
        let Some(over) = replaced else { continue };
        let age = read.invoked_at.since(history.get(*over).returned_at);
        if age > bound && worst.is_none_or(|(most, ..)| age > most) {
            worst = Some((age, index, *over, from.1));
        }
    }
    match worst {
        Some((age, read, over, from)) => {
            let sentence = format!(
                "`{}` had been replaced {} before that read began, by `{}`; at most {} is allowed",
                history.words(read),
                milliseconds(age),
                history.words(over),
                milliseconds(bound),
            );
            violated(sentence, from.into_iter().chain([over, read]))
        }
        None if ambiguous => Verdict::Unknown(Unknown::Ambiguous),
        None if any => Verdict::Holds,
        None => Verdict::Unknown(Unknown::Nothing),
    }
}

/// The writes begun first end among the first: so many are looked at for the earliest end.
const SCANNED: usize = 64;

/// Once nothing is written any more, all answers about a key are the same (Vogels 2009, "Eventually consistent").
///
/// For each key, the last answer of each node (of each client, where it is not known who answered) after the last write
/// ended is compared. A write without an answer may still take effect, so behind one nothing can be said.
pub(crate) fn convergence(history: &History) -> Verdict {
    let mut settled: BTreeMap<Option<DatumId>, Position> = BTreeMap::new();
    for operation in history.operations.iter().filter(|operation| changes(operation)) {
        let end = settled.entry(operation.key).or_default();
        *end = (*end).max(operation.returned);
    }
    let mut last: BTreeMap<(Option<DatumId>, u64), OperationIndex> = BTreeMap::new();
    for (index, read) in history.iter().filter(|(_, operation)| is_read(operation)) {
        if read.invoked > settled.get(&read.key).copied().unwrap_or(0) {
            let who = read.node.map_or(u64::from(read.process.0) << 32, |node| u64::from(node.0));
            last.insert((read.key, who), index);
        }
    }
    let mut compared = false;
    let mut first: BTreeMap<Option<DatumId>, OperationIndex> = BTreeMap::new();
    for ((key, _), index) in &last {
        let Some(other) = first.get(key) else {
            first.insert(*key, *index);
            continue;
        };
        compared = true;
        if history.get(*other).result != history.get(*index).result {
            let sentence = format!(
                "`{}` and `{}` differ, although nothing had been written any more",
                history.words(*other),
                history.words(*index),
            );
            return violated(sentence, [*other, *index]);
        }
    }
    if compared { Verdict::Holds } else { Verdict::Unknown(Unknown::Nothing) }
}

/// What was added and acknowledged is in the last read, and nothing that nobody added (Jepsen's `set` checker).
pub(crate) fn set(history: &History) -> Result<Verdict, HistoryError> {
    let mut unknown = true;
    for (_, operations) in history.by_key() {
        let done = |index: &&OperationIndex| history.get(**index).ending != Ending::Fail;
        let changes: Vec<_> = operations.iter().filter(done).filter(|index| changes(history.get(**index))).collect();
        let last_change = changes.iter().map(|index| history.get(**index)).filter(|change| change.is_ok());
        let settled = last_change.map(|change| change.returned).max().unwrap_or(0);
        let mut reads = operations.iter().filter(|index| is_read(history.get(**index)));
        let Some(read) = reads.rfind(|read| history.get(**read).invoked > settled) else { continue };
        unknown = false;
        let seen = history.data.get(history.get(*read).result).list().unwrap_or_default();
        let seen: BTreeSet<&Datum> = seen.iter().collect();
        let about = |function: Function, element: &Datum| {
            changes.iter().copied().filter(move |index| history.get(**index).function == function).find({
                let element = element.clone();
                move |index| *history.data.get(history.get(**index).argument) == element
            })
        };
        for add in changes.iter().filter(|index| history.get(***index).function == Function::Add) {
            let element = history.data.get(history.get(**add).argument);
            let lost = history.get(**add).is_ok() && !seen.contains(element);
            if lost && about(Function::Remove, element).is_none() {
                let sentence = format!("{} was added and acknowledged, and is not in the last read", short(element));
                return Ok(violated(sentence, [**add, *read]));
            }
        }
        let added: BTreeSet<&Datum> = changes
            .iter()
            .filter(|index| history.get(***index).function == Function::Add)
            .map(|index| history.data.get(history.get(**index).argument))
            .collect();
        if let Some(element) = seen.iter().find(|element| !added.contains(*element)) {
            let sentence = format!("{} is in the last read, and nobody had added it", short(element));
            return Ok(violated(sentence, [*read]));
        }
    }
    Ok(if unknown { Verdict::Unknown(Unknown::Nothing) } else { Verdict::Holds })
}

/// A counter's reads lie between what was certainly added and what may have been (Jepsen's `counter` checker).
pub(crate) fn counter(history: &History) -> Result<Verdict, HistoryError> {
    let mut any = false;
    for (_, operations) in history.by_key() {
        // In the order of positions: what may have been added by then, and what was.
        let mut moments: Vec<(Position, i64, i64, Option<OperationIndex>)> = Vec::new();
        for index in &operations {
            let operation = history.get(*index);
            if is_read(operation) {
                moments.push((operation.invoked, 0, 0, Some(*index)));
                moments.push((operation.returned, 0, 0, Some(*index)));
            } else if operation.ending != Ending::Fail {
                let by = amount(history, operation)?;
                let (low, high) = (by.min(0), by.max(0));
                // From its beginning it may have happened; from its end it has.
                moments.push((operation.invoked, low, high, None));
                if operation.is_ok() {
                    moments.push((operation.returned, by - low, by - high, None));
                }
            }
        }
        moments.sort_unstable_by_key(|(at, ..)| *at);
        let (mut low, mut high) = (0_i64, 0_i64);
        // What each open read may have seen at least and at most.
        let mut open: BTreeMap<OperationIndex, (i64, i64)> = BTreeMap::new();
        for (at, down, up, read) in moments {
            low = low.saturating_add(down);
            high = high.saturating_add(up);
            for bounds in open.values_mut() {
                *bounds = (bounds.0.min(low), bounds.1.max(high));
            }
            let Some(index) = read else { continue };
            if at == history.get(index).invoked {
                open.insert(index, (low, high));
                continue;
            }
            let Some((least, most)) = open.remove(&index) else { continue };
            any = true;
            let seen = history.data.get(history.get(index).result).int().unwrap_or(0);
            if !(least..=most).contains(&seen) {
                let sentence = format!("the counter was between {least} and {most}, and `{}`", history.words(index));
                return Ok(violated(sentence, [index]));
            }
        }
    }
    Ok(if any { Verdict::Holds } else { Verdict::Unknown(Unknown::Nothing) })
}

/// No id was given out twice (Jepsen's and Maelstrom's `unique-ids`).
pub(crate) fn unique_ids(history: &History) -> Verdict {
    let mut given: BTreeMap<DatumId, OperationIndex> = BTreeMap::new();
    for (index, operation) in history.iter() {
        if operation.function != Function::Generate || !operation.is_ok() {
            continue;
        }
        if let Some(first) = given.insert(operation.result, index) {
            let id = short(history.data.get(operation.result));
            return violated(format!("{id} was given out twice"), [first, index]);
        }
    }
    if given.is_empty() { Verdict::Unknown(Unknown::Nothing) } else { Verdict::Holds }
}

fn thin_air(history: &History, index: OperationIndex) -> Verdict {
    violated(format!("`{}` is a value that nobody wrote", history.words(index)), [index])
}

fn violated(sentence: String, operations: impl IntoIterator<Item = OperationIndex>) -> Verdict {
    let mut operations: Vec<_> = operations.into_iter().collect();
    operations.sort_unstable();
    operations.dedup();
    Verdict::Violated(Box::new(Witness {
        sentence,
        last: operations.last().copied(),
        operations,
        ..Witness::default()
    }))
}

/// Returns whether an operation may have changed something.
fn changes(operation: &Operation) -> bool {
    let function = operation.function;
    let other = matches!(function, Function::Cas | Function::Append | Function::Add | Function::Remove);
    operation.ending != Ending::Fail && (written(operation).is_some() || other)
}

fn amount(history: &History, operation: &Operation) -> Result<i64, HistoryError> {
    let sign = match operation.function {
        Function::Add => 1,
        Function::Remove => -1,
        other => {
            let reason = format!("a counter has no `{other}`; choose another promise with --promise");
            return Err(HistoryError { line: operation.line, reason });
        }
    };
    match history.data.get(operation.argument) {
        Datum::Nil => Ok(sign),
        other => other.int().map(|by| sign * by).ok_or_else(|| HistoryError {
            line: operation.line,
            reason: format!("a counter has whole numbers, and this is {other}"),
        }),
    }
}
