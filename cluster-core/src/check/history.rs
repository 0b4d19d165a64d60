//! What clients asked and heard: operations with a beginning, an end and an outcome, from whatever source.

use std::{collections::BTreeMap, fmt};

use super::{
    datum::{Datum, DatumId, DatumTable},
    deed::Edit,
};
use crate::{ids::NodeId, time::Timestamp};

/// Where an operation stands in its history: an index into [`History::operations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationIndex(pub u32);

/// Who asked. A process has at most one operation open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

/// What can be asked. Which of them a checker understands is up to its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Reads a register, a key, a counter, a set or a list.
    Read,
    /// Writes a register or a key.
    Write,
    /// Writes if the value is what was expected; the argument is the pair.
    Cas,
    /// Adds to the end of a key's text.
    Append,
    /// Removes a key.
    Delete,
    /// Adds to a counter, or an element to a set.
    Add,
    /// Takes from a counter, or an element out of a set.
    Remove,
    /// Puts an element at the end of a queue.
    Enqueue,
    /// Takes the element at the front of a queue.
    Dequeue,
    /// Takes a lock.
    Acquire,
    /// Gives a lock back.
    Release,
    /// Writes a key if it has a value, or if it has none.
    PutIf,
    /// Asks whether a key has a value.
    Exists,
    /// Makes an id that nobody has.
    Generate,
    /// A transaction of several steps.
    Txn,
}

impl Function {
    /// Returns the function of that name in any of the known formats.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "read" | "get" | "r" => Self::Read,
            "write" | "put" | "w" | "set" => Self::Write,
            "cas" | "compare-and-set" => Self::Cas,
            "append" => Self::Append,
            "delete" | "del" => Self::Delete,
            "add" | "inc" | "increment" => Self::Add,
            "remove" | "dec" | "decrement" => Self::Remove,
            "enqueue" | "enq" => Self::Enqueue,
            "dequeue" | "deq" => Self::Dequeue,
            "acquire" | "lock" => Self::Acquire,
            "release" | "unlock" => Self::Release,
            "generate" => Self::Generate,
            "txn" => Self::Txn,
            // Names are open-ended: whatever else a file says is unknown.
            _ => return None,
        })
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Append => "append",
            Self::Delete => "delete",
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Enqueue => "enqueue",
            Self::Dequeue => "dequeue",
            Self::Acquire => "acquire",
            Self::Release => "release",
            Self::PutIf => "put-if",
            Self::Exists => "exists",
            Self::Generate => "generate",
            Self::Txn => "txn",
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It took effect; what was read is the result.
    Ok,
    /// It certainly took no effect.
    Fail,
    /// Nobody knows: it may have taken effect at any time since it began, or may yet.
    Unknown,
}

/// A point in the order in which a history was seen; no two beginnings or ends share one.
pub type Position = u64;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Who asked.
    pub process: ProcessId,
    /// What.
    pub function: Function,
    /// How it ended.
    pub ending: Ending,
    /// Of which object; none if the history has only one.
    pub key: Option<DatumId>,
    /// What was asked with: the value to write.
    pub argument: DatumId,
    /// What came back: the value read.
    pub result: DatumId,
    /// When it began, in the order of the history.
    pub invoked: Position,
    /// When it ended; [`Position::MAX`] if nobody knows.
    pub returned: Position,
    /// When it began, in time (all zero unless [`History::timed`]).
    pub invoked_at: Timestamp,
    /// When it ended, in time.
    pub returned_at: Timestamp,
    /// The line of the file, or the number of the event, by which it began.
    pub line: u64,
    /// Who answered, if known.
    pub node: Option<NodeId>,
    /// Where its edit stands among those of the history, counted from one; 0 if it is none.
    pub(crate) edit: u32,
}

impl Operation {
    /// Returns whether it ended, and well.
    pub fn is_ok(&self) -> bool {
        self.ending == Ending::Ok
    }

    /// Returns whether it ended before another began.
    pub fn precedes(&self, other: &Self) -> bool {
        self.returned < other.invoked
    }
}

/// A history: operations in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations. Those that certainly took no effect are among them.
    pub operations: Vec<Operation>,
    /// Their values.
    pub data: DatumTable,
    /// Whether the operations have times, and not only an order.
    pub timed: bool,
    /// Whether each operation is one of a recording, and its line an event's number.
    pub recorded: bool,
    /// Whether a refused compare-and-set tells that the value was another one. In most formats a refusal only says that
    /// nothing was done.
    pub refusals_observe: bool,
    /// What each process is called.
    pub processes: BTreeMap<ProcessId, Box<str>>,
    /// What those operations did whose effect depends on the value.
    pub(crate) edits: Vec<Edit>,
}

impl History {
    /// Returns an operation.
    pub fn get(&self, index: OperationIndex) -> &Operation {
        &self.operations[index.0 as usize]
    }

    /// Returns all operations with where they stand.
    pub fn iter(&self) -> impl Iterator<Item = (OperationIndex, &Operation)> {
        self.operations.iter().enumerate().map(|(at, operation)| (OperationIndex(at as u32), operation))
    }

    /// Returns the keys that occur, each with its operations; operations without a key come under `None`.
    pub fn by_key(&self) -> BTreeMap<Option<DatumId>, Vec<OperationIndex>> {
        let mut keys: BTreeMap<Option<DatumId>, Vec<OperationIndex>> = BTreeMap::new();
        for (index, operation) in self.iter() {
            keys.entry(operation.key).or_default().push(index);
        }
        keys
    }

    /// Returns the operations of each process, in order.
    pub fn by_process(&self) -> BTreeMap<ProcessId, Vec<OperationIndex>> {
        let mut processes: BTreeMap<ProcessId, Vec<OperationIndex>> = BTreeMap::new();
        for (index, operation) in self.iter() {
            processes.entry(operation.process).or_default().push(index);
        }
        processes
    }

    /// Returns whether there are operations whose effect depends on the value.
    pub(crate) fn has_edits(&self) -> bool {
        !self.edits.is_empty()
    }

    /// Returns what an operation did, if its effect depends on the value.
    pub(crate) fn edit(&self, operation: &Operation) -> Option<&Edit> {
        self.edits.get((operation.edit as usize).checked_sub(1)?)
    }

    /// Returns the name of a process.
    pub fn process_name(&self, process: ProcessId) -> String {
        self.processes.get(&process).map_or_else(|| process.0.to_string(), |name| name.to_string())
    }

    /// Returns an operation in a few words: `c1 put k0 = 5`.
    pub fn words(&self, index: OperationIndex) -> String {
        let operation = self.get(index);
        let value = |id| short(self.data.get(id));
        let key = operation.key.map_or_else(String::new, |key| format!(" {}", value(key)));
        let (argument, result) = (value(operation.argument), value(operation.result));
        let what = match (operation.function, operation.ending) {
            (Function::Read | Function::Dequeue | Function::Generate | Function::Exists, Ending::Ok) => {
                format!("{key} → {result}")
            }
            (Function::Read | Function::Dequeue | Function::Generate | Function::Exists, _) => key,
            (Function::Acquire | Function::Release | Function::Delete, _) => key,
            (Function::Txn, Ending::Ok) => format!(" {result}"),
            (_, Ending::Ok) if operation.edit > 0 => format!("{key} {argument} → {result}"),
            (_, _) => format!("{key} {argument}"),
        };
        let ending = match operation.ending {
            Ending::Ok => "",
            Ending::Fail => " (refused)",
            Ending::Unknown => " (no answer)",
        };
        format!("{} {}{what}{ending}", self.process_name(operation.process), operation.function.name())
    }
}

/// Returns a value in at most 48 characters.
pub(crate) fn short(datum: &Datum) -> String {
    const LONGEST: usize = 48;
    let text = datum.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST / 2).collect();
    let tail: String = text.chars().skip(text.chars().count() - LONGEST / 3).collect();
    format!("{head}…{tail}")
}

/// What is wrong with a history: which line, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct HistoryError {
    /// The line of the file, from 1.
    pub line: u64,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
