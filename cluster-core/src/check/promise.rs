//! The promises that can be checked, by name, and the one way to ask for any of them.

use std::time::Duration;

use super::{
    bounds, causal,
    history::{Function, History, HistoryError},
    linearizable,
    model::Model,
    registers::Registers,
    sequential, session,
    txn::{self, Level, Steps},
    verdict::{Budget, Verdict},
};

/// What a history is checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// One order that real time allows.
    Linearizable,
    /// One order that each client's own allows.
    Sequential,
    /// What depends on something is seen after it.
    Causal,
    /// A session guarantee: a client sees its own writes.
    ReadYourWrites,
    /// A session guarantee: a client does not go back in time.
    MonotonicReads,
    /// A session guarantee: a client's writes are seen in their order.
    MonotonicWrites,
    /// A session guarantee: who sees a write sees what its writer had read.
    WritesFollowReads,
    /// No read is older than this.
    Staleness(Duration),
    /// Once nothing is written, all answer the same.
    Convergence,
    /// What was added to a set is in it.
    SetKept,
    /// A counter is between what was certainly added and what may have been.
    CounterBounds,
    /// No id is given out twice.
    UniqueIds,
    /// Adya's PL-1.
    ReadUncommitted,
    /// Adya's PL-2.
    ReadCommitted,
    /// Adya's PL-SI.
    SnapshotIsolation,
    /// Adya's PL-3.
    Serializable,
}

/// A row of the table of promises.
#[derive(Clone, Copy, Debug)]
pub struct PromiseRow {
    /// The promise; of one with a bound, the bound that holds if none is given.
    pub promise: Promise,
    /// Its name on the command line.
    pub id: &'static str,
    /// What it says, in a line.
    pub about: &'static str,
}

const fn row(promise: Promise, id: &'static str, about: &'static str) -> PromiseRow {
    PromiseRow { promise, id, about }
}

/// All promises.
pub const PROMISES: &[PromiseRow] = &[
    row(
        Promise::Linearizable,
        "linearizable",
        "one order of all operations that real time allows and the object explains",
    ),
    row(Promise::Sequential, "sequential", "one order of all operations that keeps each client's own"),
    row(Promise::Causal, "causal", "nobody sees something before what it depends on"),
    row(Promise::ReadYourWrites, "read-your-writes", "a client sees its own earlier writes"),
    row(Promise::MonotonicReads, "monotonic-reads", "a client does not see something older than before"),
    row(Promise::MonotonicWrites, "monotonic-writes", "the writes of a client are seen in their order"),
    row(Promise::WritesFollowReads, "writes-follow-reads", "who sees a write also sees what its writer had read"),
    row(Promise::Staleness(Duration::from_secs(1)), "staleness", "no read is older than a bound: staleness=500ms"),
    row(Promise::Convergence, "convergence", "once nothing is written any more, all answer the same"),
    row(Promise::SetKept, "set-kept", "what was added to a set is in its last read, and nothing else"),
    row(Promise::CounterBounds, "counter-bounds", "a counter is between what was certainly and what was perhaps added"),
    row(Promise::UniqueIds, "unique-ids", "no id is given out twice"),
    row(Promise::ReadUncommitted, "read-uncommitted", "transactions show no G0"),
    row(Promise::ReadCommitted, "read-committed", "transactions show no G0, G1a, G1b, G1c"),
    row(Promise::SnapshotIsolation, "snapshot-isolation", "transactions show no G1, lost update or G-single"),
    row(Promise::Serializable, "serializable", "transactions show no G1 and no G2"),
];

impl Promise {
    /// Returns the promise of that name; a bound follows an equals sign: `staleness=500ms`.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(bound) = name.strip_prefix("staleness=") {
            return humantime::parse_duration(bound).ok().map(Self::Staleness);
        }
        PROMISES.iter().find(|row| row.id == name).map(|row| row.promise)
    }

    /// Returns what is asked of an object if nothing else is said.
    pub fn usual(model: Model) -> Self {
        match model {
            Model::ListAppend | Model::RwRegister => Self::Serializable,
            Model::UniqueIds => Self::UniqueIds,
            Model::Register
            | Model::Kv
            | Model::KvAppend
            | Model::Counter
            | Model::Queue
            | Model::Lock
            | Model::Set => Self::Linearizable,
        }
    }

    /// Returns its row in the table.
    pub fn row(self) -> &'static PromiseRow {
        let is = |row: &&PromiseRow| std::mem::discriminant(&row.promise) == std::mem::discriminant(&self);
        PROMISES.iter().find(is).expect("every promise has a row")
    }
}

/// Checks whether a history keeps a promise about an object.
pub fn check(history: &History, model: Model, promise: Promise, budget: &Budget<'_>) -> Result<Verdict, HistoryError> {
    let registers = || Registers::new(history);
    let level = |level: Level| txn::check(history, steps(history, model), level);
    match promise {
        Promise::Linearizable => linearizable(history, model, budget),
        Promise::Sequential => sequential::check(history, model, budget),
        Promise::Causal => Ok(causal::check(&registers())),
        Promise::ReadYourWrites | Promise::MonotonicReads | Promise::MonotonicWrites | Promise::WritesFollowReads => {
            Ok(session::check(&registers(), promise))
        }
        Promise::Staleness(bound) => Ok(bounds::staleness(&registers(), bound)),
        Promise::Convergence => Ok(bounds::convergence(history)),
        Promise::SetKept => bounds::set(history),
        Promise::CounterBounds => bounds::counter(history),
        Promise::UniqueIds => Ok(bounds::unique_ids(history)),
        Promise::ReadUncommitted => level(Level::ReadUncommitted),
        Promise::ReadCommitted => level(Level::ReadCommitted),
        Promise::SnapshotIsolation => level(Level::SnapshotIsolation),
        Promise::Serializable => level(Level::Serializable),
    }
}

fn steps(history: &History, model: Model) -> Steps {
    match model {
        Model::RwRegister => Steps::Registers,
        Model::ListAppend => Steps::ListAppend,
        // Asked about transactions without a word on what they do.
        _ if guess_model(history) == Model::RwRegister => Steps::Registers,
        _ => Steps::ListAppend,
    }
}

/// Guesses the object from what was asked of it.
pub fn guess_model(history: &History) -> Model {
    let asked = |function: Function| history.operations.iter().any(|operation| operation.function == function);
    let keyed = history.operations.iter().any(|operation| operation.key.is_some());
    if history.recorded {
        Model::Kv
    } else if asked(Function::Txn) {
        let appends = history.operations.iter().any(|operation| {
            let steps = history.data.get(operation.argument).list().unwrap_or_default();
            let name = |step: &super::datum::Datum| step.list()?.first()?.words().map(|name| name == "append");
            steps.iter().any(|step| name(step) == Some(true))
        });
        if appends { Model::ListAppend } else { Model::RwRegister }
    } else if asked(Function::Generate) {
        Model::UniqueIds
    } else if asked(Function::Append) {
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
