//! The steps of the transactions of a history, as they were asked or answered.

use super::super::{
    datum::Datum,
    history::{Ending, Function, History, HistoryError, Operation, OperationIndex},
};

/// A step of a transaction.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    /// Appended the value to the list of the key.
    Append(&'a Datum, &'a Datum),
    /// Wrote the value to the key.
    Write(&'a Datum, &'a Datum),
    /// Read this from the key.
    Read(&'a Datum, &'a Datum),
}

/// A transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction<'a> {
    pub(super) index: OperationIndex,
    pub(super) ending: Ending,
    pub(super) steps: Vec<Step<'a>>,
}

/// All transactions of a history.
pub(super) struct Transactions<'a> {
    pub(super) all: Vec<Transaction<'a>>,
}

impl<'a> Transactions<'a> {
    pub(super) fn new(history: &'a History) -> Result<Self, HistoryError> {
        let mut all = Vec::new();
        for (index, operation) in history.iter() {
            all.push(Transaction { index, ending: operation.ending, steps: steps(history, operation)? });
        }
        Ok(Self { all })
    }

    /// Returns the transactions that certainly took effect: their reads count.
    pub(super) fn committed(&self) -> impl Iterator<Item = &Transaction<'a>> {
        self.all.iter().filter(|transaction| transaction.ending == Ending::Ok)
    }
}

fn steps<'a>(history: &'a History, operation: &Operation) -> Result<Vec<Step<'a>>, HistoryError> {
    let wrong = |reason: String| HistoryError { line: operation.line, reason };
    if operation.function != Function::Txn {
        let reason = format!("`{}` is no transaction; choose another model with --model", operation.function);
        return Err(wrong(reason));
    }
    // Of one that was not answered only the question is known: its reads are empty.
    let (told, answered) = match operation.ending {
        Ending::Ok => (operation.result, true),
        Ending::Fail | Ending::Unknown => (operation.argument, false),
    };
    let told = history.data.get(told);
    let Some(parts) = told.list() else {
        return Err(wrong(format!("a transaction is a list of steps such as [:append 1 2], and this is {told:.40}")));
    };
    let mut steps = Vec::with_capacity(parts.len());
    for part in parts {
        let Some([name, key, value]) = part.list() else {
            return Err(wrong(format!("a step has three parts such as [:r 1 nil], and this is {part:.40}")));
        };
        match name.words() {
            Some("append") => steps.push(Step::Append(key, value)),
            Some("w" | "write") => steps.push(Step::Write(key, value)),
            Some("r" | "read") if answered => steps.push(Step::Read(key, value)),
            Some("r" | "read") => {}
            _ => return Err(wrong(format!("unknown step `{name}`; known are append, w, r"))),
        }
    }
    Ok(steps)
}
