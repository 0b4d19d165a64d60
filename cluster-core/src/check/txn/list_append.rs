//! Transactions that append to lists and read whole lists: the lists tell in which order the appends took effect (Elle §4.2).

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

/// Who appended an element, and whether it was the last one of that transaction to the list.
#[derive(Clone, Copy)]
struct Append {
    by: OperationIndex,
    ending: Ending,
    last: bool,
}

/// Finds what single reads show, and notes who depends on whom.
pub(super) fn look(
    history: &History,
    transactions: &Transactions<'_>,
    dependencies: &mut Dependencies,
) -> Result<Vec<Found>, HistoryError> {
    let mut found = Vec::new();
    let appends = appends(history, transactions)?;
    let mut longest: BTreeMap<&Datum, (&[Datum], OperationIndex)> = BTreeMap::new();
    for transaction in transactions.committed() {
        internal(history, transaction, &mut found);
        for (key, list) in reads(transaction) {
            single_read(history, transaction, key, list, &appends, &mut found);
            let known = longest.entry(key).or_insert((list, transaction.index));
            let common = known.0.len().min(list.len());
            if known.0[..common] != list[..common] {
                let sentence = format!("{} was read in two orders", short(key));
                let operations = vec![known.1, transaction.index];
                found.push(Found::new(Anomaly::Incompatible, sentence, Witness { operations, ..Witness::default() }));
            } else if list.len() > known.0.len() {
                *known = (list, transaction.index);
            }
        }
    }
    for (key, (list, _)) in &longest {
        versions(key, list, &appends, dependencies);
    }
    for transaction in transactions.committed() {
        for (key, list) in reads(transaction) {
            read_dependencies(transaction, key, list, longest[key].0, &appends, dependencies);
        }
    }
    lost_updates(transactions, &longest, &appends, &mut found);
    Ok(found)
}

type Appends<'a> = BTreeMap<(&'a Datum, &'a Datum), Append>;

fn appends<'a>(history: &History, transactions: &Transactions<'a>) -> Result<Appends<'a>, HistoryError> {
    let mut appends: Appends<'a> = BTreeMap::new();
    for transaction in &transactions.all {
        for (at, step) in transaction.steps.iter().enumerate() {
            let Step::Append(key, value) = step else { continue };
            let later = &transaction.steps[at + 1..];
            let last = !later.iter().any(|step| matches!(step, Step::Append(other, _) if other == key));
            let append = Append { by: transaction.index, ending: transaction.ending, last };
            if appends.insert((key, value), append).is_some() {
                let reason = format!("{value} is appended to {key} twice; each element must be appended only once");
                return Err(HistoryError { line: history.get(transaction.index).line, reason });
            }
        }
    }
    Ok(appends)
}

/// Returns what a transaction read before it appended to the same key itself: that is what others left.
fn reads<'b>(transaction: &'b Transaction<'_>) -> impl Iterator<Item = (&'b Datum, &'b [Datum])> {
    transaction.steps.iter().enumerate().filter_map(|(at, step)| {
        let Step::Read(key, value) = step else { return None };
        let own = transaction.steps[..at].iter().any(|step| matches!(step, Step::Append(other, _) if other == key));
        (!own).then(|| (*key, value.list().unwrap_or_default()))
    })
}

/// A transaction sees its own appends at the end of what it read before.
fn internal(history: &History, transaction: &Transaction<'_>, found: &mut Vec<Found>) {
    let mut known: BTreeMap<&Datum, (Option<Vec<Datum>>, Vec<Datum>)> = BTreeMap::new();
    for step in &transaction.steps {
        match step {
            Step::Append(key, value) => known.entry(key).or_default().1.push((*value).clone()),
            Step::Read(key, value) => {
                let list = value.list().unwrap_or_default();
                let (read, own) = known.entry(key).or_default();
                let fits = match read {
                    Some(read) => list.len() == read.len() + own.len() && list.starts_with(read) && list.ends_with(own),
                    None => list.ends_with(own),
                };
                if !fits {
                    let sentence = format!(
                        "`{}` does not see in {} what it had read or appended itself",
                        history.words(transaction.index),
                        short(key)
                    );
                    let operations = vec![transaction.index];
                    found.push(Found::new(Anomaly::Internal, sentence, Witness { operations, ..Witness::default() }));
                    return;
                }
                *read = Some(list.to_vec());
                own.clear();
            }
            Step::Write(..) => {}
        }
    }
}

fn single_read(
    history: &History,
    transaction: &Transaction<'_>,
    key: &Datum,
    list: &[Datum],
    appends: &Appends<'_>,
    found: &mut Vec<Found>,
) {
    let mut note = |anomaly, sentence, by: Option<OperationIndex>| {
        let operations = by.into_iter().chain([transaction.index]).collect();
        found.push(Found::new(anomaly, sentence, Witness { operations, ..Witness::default() }));
    };
    let words = || history.words(transaction.index);
    for (at, element) in list.iter().enumerate() {
        if list[..at].contains(element) {
            note(Anomaly::Incompatible, format!("`{}` read {element} twice in {}", words(), short(key)), None);
            return;
        }
        match appends.get(&(key, element)) {
            None => {
                let sentence = format!("`{}` read {element} in {}, which nobody appended", words(), short(key));
                note(Anomaly::Incompatible, sentence, None);
                return;
            }
            Some(append) if append.ending == Ending::Fail => {
                let sentence = format!("`{}` read {element} of a transaction that was aborted", words());
                note(Anomaly::AbortedRead, sentence, Some(append.by));
                return;
            }
            Some(append) => {
                let last = at + 1 == list.len();
                if last && !append.last && append.by != transaction.index {
                    let sentence = format!("`{}` read {element} from the middle of a transaction", words());
                    note(Anomaly::IntermediateRead, sentence, Some(append.by));
                }
            }
        }
    }
}

fn versions(key: &Datum, list: &[Datum], appends: &Appends<'_>, dependencies: &mut Dependencies) {
    for pair in list.windows(2) {
        let (Some(first), Some(second)) = (appends.get(&(key, &pair[0])), appends.get(&(key, &pair[1]))) else {
            continue;
        };
        dependencies.add(first.by, second.by, Kind::Overwrote, || {
            format!("it appended {} to {}, and the other {} behind it", pair[0], short(key), pair[1])
        });
    }
}

fn read_dependencies(
    transaction: &Transaction<'_>,
    key: &Datum,
    list: &[Datum],
    longest: &[Datum],
    appends: &Appends<'_>,
    dependencies: &mut Dependencies,
) {
    if let Some(element) = list.last()
        && let Some(append) = appends.get(&(key, element))
    {
        dependencies.add(append.by, transaction.index, Kind::WasRead, || {
            format!("it appended {element} to {}, which the other read", short(key))
        });
    }
    // Only if the two agree so far does the longest list tell what came next.
    if let Some(next) = longest.get(list.len()).filter(|_| longest.starts_with(list))
        && let Some(append) = appends.get(&(key, next))
    {
        dependencies.add(transaction.index, append.by, Kind::ReadBefore, || {
            format!("it did not yet see {next} in {}, which the other appended", short(key))
        });
    }
}

/// Two transactions that read the same list and then both appended to it.
fn lost_updates(
    transactions: &Transactions<'_>,
    longest: &BTreeMap<&Datum, (&[Datum], OperationIndex)>,
    appends: &Appends<'_>,
    found: &mut Vec<Found>,
) {
    let mut updates: BTreeMap<(&Datum, usize), OperationIndex> = BTreeMap::new();
    for transaction in transactions.committed() {
        for (key, list) in reads(transaction) {
            let appended = transaction.steps.iter().any(|step| {
                matches!(step, Step::Append(other, value) if *other == key && appends.contains_key(&(*other, *value)))
            });
            let agrees = longest.get(key).is_some_and(|(longest, _)| longest.starts_with(list));
            if !appended || !agrees {
                continue;
            }
            if let Some(other) =
                updates.insert((key, list.len()), transaction.index).filter(|other| *other != transaction.index)
            {
                let sentence = format!("two transactions read the same {} and both appended to it", short(key));
                let operations = vec![other, transaction.index];
                found.push(Found::new(Anomaly::LostUpdate, sentence, Witness { operations, ..Witness::default() }));
            }
        }
    }
}
