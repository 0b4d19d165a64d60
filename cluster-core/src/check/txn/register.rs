//! Transactions that read and write registers: who read a value and wrote the next tells in which order they came (Elle §4.1).

use std::collections::BTreeMap;

use super::{
    super::{
        datum::Datum,
        history::{Ending, History, HistoryError, OperationIndex, short},
        verdict::Witness,
    },
    Anomaly, Found,
    graph::{Dependencies, Kind},
    read::{Step, Transaction, Transactions},
};

#[derive(Clone, Copy)]
struct Write {
    by: OperationIndex,
    ending: Ending,
    last: bool,
}

type Writes<'a> = BTreeMap<(&'a Datum, &'a Datum), Write>;
/// For each key and version: who read it and replaced it, and by what.
type Next<'a> = BTreeMap<(&'a Datum, &'a Datum), Vec<(&'a Datum, OperationIndex)>>;

/// Finds what single reads show, and notes who depends on whom.
pub(super) fn look(
    history: &History,
    transactions: &Transactions<'_>,
    dependencies: &mut Dependencies,
) -> Result<Vec<Found>, HistoryError> {
    let writes = writes(history, transactions)?;
    let mut found = Vec::new();
    let mut next: Next<'_> = BTreeMap::new();
    for transaction in transactions.committed() {
        internal(history, transaction, &mut found);
        for (key, value) in reads(transaction) {
            single_read(history, transaction, key, value, &writes, &mut found);
            if let Some(written) = last_write(transaction, key) {
                next.entry((key, value)).or_default().push((written, transaction.index));
            }
        }
    }
    for ((key, value), replaced) in &next {
        // The same version was replaced by two: one of the updates is lost, and nobody knows which came next.
        if let [(_, first), (_, second), ..] = replaced[..] {
            let sentence = format!("two transactions read {} = {} and both wrote it", short(key), short(value));
            let operations = vec![first, second];
            found.push(Found::new(Anomaly::LostUpdate, sentence, Witness { operations, ..Witness::default() }));
        }
        for (written, by) in replaced {
            if let Some(before) = writes.get(&(*key, *value)) {
                dependencies.add(before.by, *by, Kind::Overwrote, || {
                    format!("it wrote {} = {value}, which the other read and replaced by {written}", short(key))
                });
            }
        }
    }
    for transaction in transactions.committed() {
        for (key, value) in reads(transaction) {
            if let Some(write) = writes.get(&(key, value)) {
                dependencies.add(write.by, transaction.index, Kind::WasRead, || {
                    format!("it wrote {} = {value}, which the other read", short(key))
                });
            }
            for (written, by) in next.get(&(key, value)).into_iter().flatten() {
                dependencies.add(transaction.index, *by, Kind::ReadBefore, || {
                    format!("it read {} = {value}, which the other replaced by {written}", short(key))
                });
            }
        }
    }
    Ok(found)
}

fn writes<'a>(history: &History, transactions: &Transactions<'a>) -> Result<Writes<'a>, HistoryError> {
    let mut writes: Writes<'a> = BTreeMap::new();
    for transaction in &transactions.all {
        for (at, step) in transaction.steps.iter().enumerate() {
            let Step::Write(key, value) = step else { continue };
            let later = &transaction.steps[at + 1..];
            let last = !later.iter().any(|step| matches!(step, Step::Write(other, _) if other == key));
            let write = Write { by: transaction.index, ending: transaction.ending, last };
            if writes.insert((key, value), write).is_some() {
                let reason = format!("{value} is written to {key} twice; each value must be written only once");
                return Err(HistoryError { line: history.get(transaction.index).line, reason });
            }
        }
    }
    Ok(writes)
}

/// Returns what a transaction read before it wrote the same key itself.
fn reads<'a>(transaction: &Transaction<'a>) -> impl Iterator<Item = (&'a Datum, &'a Datum)> {
    transaction.steps.iter().enumerate().filter_map(|(at, step)| {
        let Step::Read(key, value) = step else { return None };
        let own = transaction.steps[..at].iter().any(|step| matches!(step, Step::Write(other, _) if other == key));
        (!own).then_some((*key, *value))
    })
}

fn last_write<'a>(transaction: &Transaction<'a>, key: &Datum) -> Option<&'a Datum> {
    transaction.steps.iter().rev().find_map(|step| match step {
        Step::Write(other, value) if *other == key => Some(*value),
        Step::Write(..) | Step::Read(..) | Step::Append(..) => None,
    })
}

fn internal(history: &History, transaction: &Transaction<'_>, found: &mut Vec<Found>) {
    let mut known: BTreeMap<&Datum, &Datum> = BTreeMap::new();
    for step in &transaction.steps {
        match step {
            Step::Write(key, value) => drop(known.insert(key, value)),
            Step::Read(key, value) => {
                if known.insert(key, value).is_some_and(|expected| expected != *value) {
                    let words = history.words(transaction.index);
                    let sentence =
                        format!("`{words}` does not see in {} what it had read or written itself", short(key));
                    let operations = vec![transaction.index];
                    found.push(Found::new(Anomaly::Internal, sentence, Witness { operations, ..Witness::default() }));
                    return;
                }
            }
            Step::Append(..) => {}
        }
    }
}

fn single_read(
    history: &History,
    transaction: &Transaction<'_>,
    key: &Datum,
    value: &Datum,
    writes: &Writes<'_>,
    found: &mut Vec<Found>,
) {
    if *value == Datum::Nil {
        return;
    }
    let words = history.words(transaction.index);
    let (anomaly, sentence, by) = match writes.get(&(key, value)) {
        None => (Anomaly::Incompatible, format!("`{words}` read {value}, which nobody wrote"), None),
        Some(write) if write.ending == Ending::Fail => {
            (Anomaly::AbortedRead, format!("`{words}` read {value} of a transaction that was aborted"), Some(write.by))
        }
        Some(write) if !write.last && write.by != transaction.index => {
            let sentence = format!("`{words}` read {value} from the middle of a transaction");
            (Anomaly::IntermediateRead, sentence, Some(write.by))
        }
        Some(_) => return,
    };
    let operations = by.into_iter().chain([transaction.index]).collect();
    found.push(Found::new(anomaly, sentence, Witness { operations, ..Witness::default() }));
}
