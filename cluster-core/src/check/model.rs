//! The objects that histories can be checked against: what each operation does to the state, and which answers fit.

use super::{
    datum::{Datum, DatumId},
    history::{Ending, Function, History, HistoryError, Operation},
    states::States,
};

/// A sequential object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// A register with read, write and compare-and-set, nil at first.
    Register,
    /// A register a key: get, put, compare-and-set, delete.
    Kv,
    /// A text a key: get, put, append, delete; empty at first.
    KvAppend,
    /// A counter: add, remove, read; zero at first.
    Counter,
    /// A first-in first-out queue: enqueue, dequeue; empty at first.
    Queue,
    /// A lock: acquire, release; free at first.
    Lock,
    /// A set: add, remove, read; empty at first.
    Set,
    /// Transactions that append to lists and read them.
    ListAppend,
    /// Transactions that read and write registers.
    RwRegister,
    /// A source of ids that nobody has twice.
    UniqueIds,
}

/// A row of the table of models.
#[derive(Clone, Copy, Debug)]
pub struct ModelRow {
    /// The model.
    pub model: Model,
    /// Its name on the command line.
    pub id: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
}

/// All models.
pub const MODELS: &[ModelRow] = &[
    ModelRow {
        model: Model::Register,
        id: "register",
        about: "a register with read, write and compare-and-set, nil at first",
    },
    ModelRow { model: Model::Kv, id: "kv", about: "keys with get, put, delete and compare-and-set, nil at first" },
    ModelRow {
        model: Model::KvAppend,
        id: "kv-append",
        about: "texts by key with get, put and append, empty at first",
    },
    ModelRow { model: Model::Counter, id: "counter", about: "a counter with add, remove and read, zero at first" },
    ModelRow { model: Model::Queue, id: "queue", about: "a first-in first-out queue with enqueue and dequeue" },
    ModelRow { model: Model::Lock, id: "lock", about: "a lock with acquire and release, free at first" },
    ModelRow { model: Model::Set, id: "set", about: "a set with add, remove and read, empty at first" },
    ModelRow { model: Model::ListAppend, id: "list-append", about: "transactions of appends to lists and reads" },
    ModelRow { model: Model::RwRegister, id: "rw-register", about: "transactions of reads and writes of registers" },
    ModelRow { model: Model::UniqueIds, id: "unique-ids", about: "a source of ids: generate" },
];

/// A state of an object, by number. Numbers mean nothing across objects.
pub(crate) type State = u32;

/// What an operation does to the state, with the answer that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The state was this.
    Read(State),
    /// The state was not this: a compare-and-set was refused.
    Unlike(State),
    /// The state becomes this.
    Write(State),
    /// The state was the first and becomes the second.
    Cas(State, State),
    /// Something is added at the end: a text, or an element of a queue.
    Append(DatumId),
    /// The counter changes.
    Count(i64),
    /// An element comes into the set, or leaves it.
    Insert(DatumId),
    /// An element leaves the set.
    Erase(DatumId),
    /// The front of the queue was this, and goes.
    Take(DatumId),
    /// The front of the queue goes, whatever it is: the answer got lost.
    TakeAny,
    /// The value changes in a way that depends on it: the number of the edit among the states.
    Edit(State),
    /// The value was of a kind: the number of the edit, which changes nothing.
    Look(State),
}

/// How an operation relates to the state. What the search may leave out depends only on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It only looks.
    Pure,
    /// It is always possible and its answer tells nothing.
    Blind,
    /// It is blind, and what it leaves behind does not depend on what was there.
    Overwrite,
    /// It is possible in some states only, and changes them.
    Guarded,
}

impl Step {
    /// Returns the step with other numbers for the states it names.
    pub(crate) fn with(self, number: impl Fn(State) -> State) -> Self {
        match self {
            Self::Read(state) => Self::Read(number(state)),
            Self::Unlike(state) => Self::Unlike(number(state)),
            Self::Write(state) => Self::Write(number(state)),
            Self::Cas(from, to) => Self::Cas(number(from), number(to)),
            Self::Edit(edit) => Self::Edit(number(edit)),
            Self::Look(edit) => Self::Look(number(edit)),
            Self::Append(_) | Self::Count(_) | Self::Insert(_) | Self::Erase(_) | Self::Take(_) | Self::TakeAny => self,
        }
    }

    /// Returns the states it names.
    pub(crate) fn named(self) -> [Option<State>; 2] {
        match self {
            Self::Read(state) | Self::Unlike(state) | Self::Write(state) | Self::Edit(state) | Self::Look(state) => {
                [Some(state), None]
            }
            Self::Cas(from, to) => [Some(from), Some(to)],
            Self::Append(_) | Self::Count(_) | Self::Insert(_) | Self::Erase(_) | Self::Take(_) | Self::TakeAny => {
                [None, None]
            }
        }
    }

    /// Returns its nature.
    pub(crate) fn nature(self) -> Nature {
        match self {
            Self::Read(_) | Self::Unlike(_) | Self::Look(_) => Nature::Pure,
            Self::Write(_) => Nature::Overwrite,
            Self::Append(_) | Self::Count(_) | Self::Insert(_) | Self::Erase(_) => Nature::Blind,
            Self::Cas(..) | Self::Take(_) | Self::TakeAny | Self::Edit(_) => Nature::Guarded,
        }
    }
}

impl Model {
    /// Returns the model of that name.
    pub fn named(name: &str) -> Option<Self> {
        // The compare-and-set register is the same object.
        let name = if name == "cas-register" { "register" } else { name };
        MODELS.iter().find(|row| row.id == name).map(|row| row.model)
    }

    /// Returns its row in the table.
    pub fn row(self) -> &'static ModelRow {
        MODELS.iter().find(|row| row.model == self).expect("every model has a row")
    }

    /// Returns what an operation does; `None` if nothing that could matter.
    pub(crate) fn step(
        self,
        history: &History,
        operation: &Operation,
        states: &mut States,
    ) -> Result<Option<Step>, HistoryError> {
        let refused = || HistoryError {
            line: operation.line,
            reason: format!(
                "the model `{}` ({}) has no `{}`; choose another with --model",
                self.row().id,
                self.row().about,
                operation.function
            ),
        };
        if operation.ending == Ending::Fail {
            let seen = operation.function == Function::Cas && history.refusals_observe;
            return if seen && matches!(self, Self::Register | Self::Kv) {
                let (from, _) = pair(history, operation)?;
                Ok(Some(Step::Unlike(states.value(from))))
            } else {
                Ok(None)
            };
        }
        let (known, argument) = (operation.is_ok(), operation.argument);
        if self == Self::Kv && history.has_edits() {
            return Ok(text_step(history, operation, states));
        }
        let step = match (self, operation.function) {
            (_, Function::Read) if !known => return Ok(None),
            (Self::Register | Self::Kv, Function::Read) => Step::Read(states.value(operation.result)),
            (Self::Register | Self::Kv, Function::Write) => Step::Write(states.value(argument)),
            (Self::Register | Self::Kv, Function::Delete) => Step::Write(states.value(DatumId::NIL)),
            (Self::Register | Self::Kv, Function::Cas) => {
                let (from, to) = pair(history, operation)?;
                Step::Cas(states.value(from), states.value(to))
            }
            (Self::KvAppend, Function::Read) => Step::Read(states.text(history, operation.result)),
            (Self::KvAppend, Function::Write) => Step::Write(states.text(history, argument)),
            (Self::KvAppend, Function::Delete) => Step::Write(states.text(history, DatumId::NIL)),
            (Self::KvAppend, Function::Append) => Step::Append(argument),
            (Self::Counter, Function::Read) => Step::Read(states.count(number(history, operation, operation.result)?)),
            (Self::Counter, Function::Write) => Step::Write(states.count(number(history, operation, argument)?)),
            (Self::Counter, Function::Add) => Step::Count(amount(history, operation)?),
            (Self::Counter, Function::Remove) => Step::Count(-amount(history, operation)?),
            (Self::Queue, Function::Enqueue) => Step::Append(argument),
            (Self::Queue, Function::Dequeue) if !known => Step::TakeAny,
            (Self::Queue, Function::Dequeue) if is_nothing(history.data.get(operation.result)) => {
                Step::Read(states.list(&[]))
            }
            (Self::Queue, Function::Dequeue) => Step::Take(operation.result),
            (Self::Lock, Function::Acquire) => Step::Cas(states.holder(None), states.holder(Some(operation.process))),
            (Self::Lock, Function::Release) => Step::Cas(states.holder(Some(operation.process)), states.holder(None)),
            (Self::Set, Function::Add) => Step::Insert(argument),
            (Self::Set, Function::Remove) => Step::Erase(argument),
            (Self::Set, Function::Read) => {
                let elements = history.data.get(operation.result).list().unwrap_or_default();
                let mut ids: Vec<u32> = Vec::with_capacity(elements.len());
                for element in elements {
                    // An element that nobody ever added has no number, and no state has it.
                    ids.push(history.data.find(element).map_or(u32::MAX, |id| id.0));
                }
                ids.sort_unstable();
                ids.dedup();
                Step::Read(states.list(&ids))
            }
            // Whatever an object has no use for is a mistake in the file or on the command line.
            _ => return Err(refused()),
        };
        Ok(Some(step))
    }
}

/// Returns what an operation of a history with edits does: there, values are texts.
fn text_step(history: &History, operation: &Operation, states: &mut States) -> Option<Step> {
    let value = |states: &mut States, id| match history.data.get(id) {
        Datum::Nil => states.bytes_value(None),
        other => states.bytes_value(Some(states_text(other).as_bytes())),
    };
    if let Some(edit) = history.edit(operation) {
        let number = states.edit(edit);
        if let Some(value) = edit.overwrites() {
            return Some(Step::Write(states.bytes_value(value)));
        }
        return match edit.only_looks() {
            // Who did not hear what was there learned nothing.
            true if !operation.is_ok() => None,
            true => Some(Step::Look(number)),
            false => Some(Step::Edit(number)),
        };
    }
    match operation.function {
        Function::Read => operation.is_ok().then(|| Step::Read(value(states, operation.result))),
        Function::Delete => Some(Step::Write(states.bytes_value(None))),
        // Recordings have no other functions without an edit.
        _ => Some(Step::Write(value(states, operation.argument))),
    }
}

fn states_text(datum: &Datum) -> String {
    match datum {
        Datum::Text(text) => text.to_string(),
        other => other.to_string(), // Recordings have only texts.
    }
}

fn is_nothing(datum: &Datum) -> bool {
    matches!(datum, Datum::Nil) || matches!(datum.words(), Some("empty"))
}

/// Returns the two values of a compare-and-set.
fn pair(history: &History, operation: &Operation) -> Result<(DatumId, DatumId), HistoryError> {
    let argument = history.data.get(operation.argument);
    let parts = argument.list().unwrap_or_default();
    if let [from, to] = parts
        && let (Some(from), Some(to)) = (history.data.find(from), history.data.find(to))
    {
        return Ok((from, to));
    }
    let reason = format!("a compare-and-set needs two values such as [1 2], and this one has {argument}");
    Err(HistoryError { line: operation.line, reason })
}

fn number(history: &History, operation: &Operation, id: DatumId) -> Result<i64, HistoryError> {
    match history.data.get(id) {
        Datum::Nil => Ok(0),
        other => other.int().ok_or_else(|| HistoryError {
            line: operation.line,
            reason: format!("a counter has whole numbers, and this is {other}"),
        }),
    }
}

/// Returns by how much a counter changes: one, if nothing is said.
fn amount(history: &History, operation: &Operation) -> Result<i64, HistoryError> {
    match history.data.get(operation.argument) {
        Datum::Nil => Ok(1),
        _ => number(history, operation, operation.argument),
    }
}
