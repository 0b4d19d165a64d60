//! Transactions: which anomalies their answers show (Adya 1999, "Weak consistency", §3–4; Kingsbury and Alvaro 2020,
//! "Elle: inferring isolation anomalies from experimental observations", §4).
//!
//! Who wrote what was read is known because each value is written once per key. In which order values came to be follows
//! from lists read (`list-append`), or from transactions that read a value before they wrote the next (`rw-register`).

mod anomaly;
mod graph;
mod list_append;
mod read;
mod register;

pub use anomaly::{Anomaly, Level};

use self::{graph::Dependencies, read::Transactions};
use super::{
    history::{History, HistoryError},
    verdict::{Edge, Unknown, Verdict, Witness},
};

/// What kind of steps the transactions have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Appends to lists and reads of whole lists.
    ListAppend,
    /// Writes and reads of registers.
    Registers,
}

/// What was found of one anomaly.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    anomaly: Anomaly,
    witness: Witness,
}

/// Checks that transactions show no anomaly that the level forbids.
pub(crate) fn check(history: &History, steps: Steps, level: Level) -> Result<Verdict, HistoryError> {
    let transactions = Transactions::new(history)?;
    if transactions.committed().next().is_none() {
        return Ok(Verdict::Unknown(Unknown::Nothing));
    }
    let mut dependencies = Dependencies::default();
    let mut found = match steps {
        Steps::ListAppend => list_append::look(history, &transactions, &mut dependencies)?,
        Steps::Registers => register::look(history, &transactions, &mut dependencies)?,
    };
    found.extend(dependencies.circles(history));
    let worst = found.into_iter().filter(|found| level.forbids(found.anomaly)).min_by_key(|found| found.anomaly);
    Ok(worst.map_or(Verdict::Holds, |found| Verdict::Violated(Box::new(found.witness))))
}

impl Found {
    fn new(anomaly: Anomaly, sentence: String, mut witness: Witness) -> Self {
        witness.sentence = format!("{}: {sentence}", anomaly.name());
        let ends = witness.edges.iter().flat_map(|edge: &Edge| [edge.from, edge.to]);
        witness.operations.extend(ends);
        witness.operations.sort_unstable();
        witness.operations.dedup();
        witness.last = witness.operations.last().copied();
        Self { anomaly, witness }
    }
}
