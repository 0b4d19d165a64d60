//! Checkers: whether what clients saw keeps a promise, and what shows it if not.

mod as_run;
mod bounds;
mod builder;
mod causal;
mod datum;
mod deed;
mod explain;
mod facts;
pub mod format;
mod guarantees;
mod histories;
mod history;
mod index;
pub mod invariants;
mod jepsen_edn;
mod linear;
mod membership;
mod model;
mod observers;
mod online;
mod promise;
mod registers;
mod sequential;
mod session;
mod states;
mod trace;
pub mod txn;
mod verdict;
mod zones;

pub use as_run::run_of;
pub use builder::{HistoryBuilder, Said};
pub use datum::{Datum, DatumId, DatumTable};
pub use facts::Facts;
pub use histories::Histories;
pub use history::{Ending, Function, History, HistoryError, Operation, OperationIndex, Position, ProcessId};
pub use jepsen_edn::JepsenEdn;
pub use model::{MODELS, Model, ModelRow};
pub use observers::Observers;
pub use online::{OnlineCheck, OnlineNews, OnlineWitness};
pub use promise::{PROMISES, Promise, PromiseRow, check, guess_model};
pub use trace::{HistoryFold, add_facts, add_faults};
pub use verdict::{Budget, Edge, FaultSpan, Unknown, Verdict, Witness};

/// Checks linearizability: whether one order of all operations exists that real time allows and the object explains
/// (Herlihy and Wing 1990, "Linearizability: a correctness condition for concurrent objects", §2).
pub fn linearizable(history: &History, model: Model, budget: &Budget<'_>) -> Result<Verdict, HistoryError> {
    Ok(match linear::search(history, model, budget)? {
        linear::Found::Holds => Verdict::Holds,
        linear::Found::Unknown(why) => Verdict::Unknown(why),
        linear::Found::Violated { mut operations, last } => {
            operations.sort_unstable();
            let smallest = linear::smallest(history, model, &operations, last, budget);
            Verdict::Violated(Box::new(Witness {
                sentence: explain::sentence(history, model, &smallest, last),
                longest: linear::longest(history, model, &operations, budget),
                operations: smallest,
                last: Some(last),
                ..Witness::default()
            }))
        }
    })
}

/// Returns whether a history is linearizable, without a witness; `None` if it is not known.
pub fn is_linearizable(history: &History, model: Model, budget: &Budget<'_>) -> Result<Option<bool>, HistoryError> {
    Ok(match linear::search(history, model, budget)? {
        linear::Found::Holds => Some(true),
        linear::Found::Violated { .. } => Some(false),
        linear::Found::Unknown(_) => None,
    })
}
