//! The four session guarantees (Terry, Demers, Petersen, Spreitzer, Theimer and Welch 1994, "Session guarantees for weakly
//! consistent replicated data", §3), as far as answers alone can show that one was broken.
//!
//! A value counts as older than another if its write had ended before the other's began, or if it was there from the
//! beginning. Values that were written more than once tell nothing, so a workload should write each value once.

use super::{
    history::{Operation, OperationIndex},
    promise::Promise,
    registers::{Registers, Source, is_read, written},
    verdict::{Edge, Unknown, Verdict, Witness},
};

/// Checks one of the guarantees.
pub(crate) fn check(registers: &Registers<'_>, promise: Promise) -> Verdict {
    let broken = match promise {
        Promise::ReadYourWrites => read_your_writes(registers),
        Promise::MonotonicReads => monotonic_reads(registers),
        Promise::MonotonicWrites => monotonic_writes(registers),
        Promise::WritesFollowReads => writes_follow_reads(registers),
        _ => None, // Every other promise has a checker of its own.
    };
    let any = registers.history.operations.iter().any(is_read);
    match broken {
        Some(witness) => Verdict::Violated(Box::new(witness)),
        None if any => Verdict::Holds,
        None => Verdict::Unknown(Unknown::Nothing),
    }
}

/// §3.1: a read sees the session's own earlier writes, or what replaced them.
fn read_your_writes(registers: &Registers<'_>) -> Option<Witness> {
    pairs(registers, |earlier, later| {
        let (write, read) = (registers.history.get(earlier), registers.history.get(later));
        (write.is_ok() && written(write).is_some() && is_read(read)).then(|| registers.source(read)).and_then(|seen| {
            registers.replaced(seen, Source::Write(earlier)).then(|| {
                let sentence = format!(
                    "`{}` does not see what the same client had written before: {}",
                    registers.history.words(later),
                    registers.history.words(earlier)
                );
                witness(sentence, &[earlier, later], seen)
            })
        })
    })
}

/// §3.2: a later read of a session sees nothing older than an earlier one.
fn monotonic_reads(registers: &Registers<'_>) -> Option<Witness> {
    pairs(registers, |earlier, later| {
        let (first, second) = (registers.history.get(earlier), registers.history.get(later));
        if !is_read(first) || !is_read(second) {
            return None;
        }
        let (before, after) = (registers.source(first), registers.source(second));
        registers.replaced(after, before).then(|| {
            let sentence = format!(
                "`{}` went back in time: the same client had read {} before",
                registers.history.words(later),
                super::history::short(registers.history.data.get(first.result)),
            );
            let mut all = vec![earlier, later];
            all.extend(write_of(before));
            witness(sentence, &all, after)
        })
    })
}

/// §3.4: the writes of a session are seen in their order by everybody.
fn monotonic_writes(registers: &Registers<'_>) -> Option<Witness> {
    pairs(registers, |earlier, later| {
        let (first, second) = (registers.history.get(earlier), registers.history.get(later));
        let (Source::Write(seen_first), Source::Write(seen_second)) =
            (source(registers, first), source(registers, second))
        else {
            return None;
        };
        let (newer, older) = (registers.history.get(seen_first), registers.history.get(seen_second));
        (older.process == newer.process && older.precedes(newer)).then(|| {
            let sentence = format!(
                "`{}` was seen before `{}`, although one client wrote them in the other order",
                registers.history.words(seen_first),
                registers.history.words(seen_second),
            );
            witness(sentence, &[earlier, later, seen_first], Source::Write(seen_second))
        })
    })
}

/// §3.3: who sees a write also sees what its writer had read before.
fn writes_follow_reads(registers: &Registers<'_>) -> Option<Witness> {
    let history = registers.history;
    // For each write: what its session had read before, per key the last.
    for session in registers.sessions() {
        for (at, seen) in session.iter().enumerate() {
            let first = history.get(*seen);
            let Source::Write(followed) = source(registers, first) else { continue };
            let write = history.get(followed);
            for later in session[at + 1..].iter().take(SESSION_WINDOW) {
                let second = history.get(*later);
                if !first.precedes(second) || !is_read(second) {
                    continue;
                }
                let after = registers.source(second);
                let read_before = last_read(registers, followed, second.key, write);
                let Some((read, Source::Write(known))) = read_before else { continue };
                if after != Source::Write(known) && registers.replaced(after, Source::Write(known)) {
                    let sentence = format!(
                        "`{}` is older than what had been read before `{}`, which this client had seen",
                        history.words(*later),
                        history.words(followed),
                    );
                    return Some(witness(sentence, &[*seen, *later, followed, read, known], after));
                }
            }
        }
    }
    None
}

/// So many later operations of a session are compared with each: a whole long session would take its square.
const SESSION_WINDOW: usize = 256;

/// Returns the last read of a key that the writer's session made before the write, and where its value came from.
fn last_read(
    registers: &Registers<'_>,
    write_index: OperationIndex,
    key: Option<super::datum::DatumId>,
    write: &Operation,
) -> Option<(OperationIndex, Source)> {
    let history = registers.history;
    let session = registers.sessions().find(|session| session.binary_search(&write_index).is_ok())?;
    let at = session.binary_search(&write_index).ok()?;
    session[..at].iter().rev().take(SESSION_WINDOW).find_map(|index| {
        let read = history.get(*index);
        (is_read(read) && read.key == key && read.precedes(write)).then(|| (*index, registers.source(read)))
    })
}

/// Finds the first pair of operations of one session and one key that is wrong.
fn pairs(
    registers: &Registers<'_>,
    wrong: impl Fn(OperationIndex, OperationIndex) -> Option<Witness>,
) -> Option<Witness> {
    let history = registers.history;
    for session in registers.sessions() {
        for (at, earlier) in session.iter().enumerate() {
            let first = history.get(*earlier);
            let later = session[at + 1..].iter().take(SESSION_WINDOW);
            for later in later.filter(|later| history.get(**later).key == first.key) {
                // A client with several operations open at once has no order among them.
                if first.precedes(history.get(*later))
                    && let Some(witness) = wrong(*earlier, *later)
                {
                    return Some(witness);
                }
            }
        }
    }
    None
}

fn source(registers: &Registers<'_>, operation: &Operation) -> Source {
    if is_read(operation) { registers.source(operation) } else { Source::Ambiguous }
}

fn write_of(source: Source) -> Option<OperationIndex> {
    match source {
        Source::Write(write) => Some(write),
        Source::Initial | Source::ThinAir | Source::Ambiguous => None,
    }
}

fn witness(sentence: String, operations: &[OperationIndex], older: Source) -> Witness {
    let mut operations = operations.to_vec();
    operations.extend(write_of(older));
    operations.sort_unstable();
    operations.dedup();
    Witness { sentence, last: operations.last().copied(), operations, edges: Vec::<Edge>::new(), ..Witness::default() }
}
