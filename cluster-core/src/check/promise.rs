//! The promises that can be checked, by name, and the one way to ask for any of them.

use super::{
    history::{Function, History, HistoryError},
    linearizable,
    model::Model,
    verdict::{Budget, Verdict},
};

/// What a history is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// One order that real time allows.
    Linearizable,
}

/// A row of the table of promises.
#[derive(Clone, Copy, Debug)]
pub struct PromiseRow {
    /// The promise.
    pub promise: Promise,
    /// Its name on the command line.
    pub id: &'static str,
    /// What it says, in a line.
    pub about: &'static str,
}

/// All promises.
pub const PROMISES: &[PromiseRow] = &[PromiseRow {
    promise: Promise::Linearizable,
    id: "linearizable",
    about: "there is one order of all operations that real time allows and the object explains",
}];

impl Promise {
    /// Returns the promise of that name.
    pub fn named(name: &str) -> Option<Self> {
        PROMISES.iter().find(|row| row.id == name).map(|row| row.promise)
    }

    /// Returns its row in the table.
    pub fn row(self) -> &'static PromiseRow {
        PROMISES.iter().find(|row| row.promise == self).expect("every promise has a row")
    }
}

/// Checks whether a history keeps a promise about an object.
pub fn check(history: &History, model: Model, promise: Promise, budget: &Budget<'_>) -> Result<Verdict, HistoryError> {
    match promise {
        Promise::Linearizable => linearizable(history, model, budget),
    }
}

/// Guesses the object from what was asked of it.
pub fn guess_model(history: &History) -> Model {
    let asked = |function: Function| history.operations.iter().any(|operation| operation.function == function);
    let keyed = history.operations.iter().any(|operation| operation.key.is_some());
    if asked(Function::Append) {
        Model::KvAppend
    } else if asked(Function::Enqueue) || asked(Function::Dequeue) {
        Model::Queue
    } else if asked(Function::Acquire) || asked(Function::Release) {
        Model::Lock
    } else if asked(Function::Add) {
        let lists = history.operations.iter().any(|operation| {
            operation.function == Function::Read && history.data.get(operation.result).list().is_some()
        });
        if lists { Model::Set } else { Model::Counter }
    } else if keyed {
        Model::Kv
    } else {
        Model::Register
    }
}
