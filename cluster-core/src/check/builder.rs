//! Puts a history together from beginnings and ends as they come, and refuses what cannot be one.

use std::collections::BTreeMap;

use super::{
    datum::{Datum, DatumId},
    deed::Edit,
    history::{Ending, Function, History, HistoryError, Operation, OperationIndex, Position, ProcessId},
};
use crate::{ids::NodeId, time::Timestamp};

/// Puts a history together from beginnings and ends as they come.
#[derive(Debug, Default)]
pub struct HistoryBuilder {
    history: History,
    open: BTreeMap<ProcessId, OperationIndex>,
    names: BTreeMap<Box<str>, ProcessId>,
    position: Position,
}

/// More than this cannot be checked in the memory that a checker may take.
const OPERATIONS_MAX: usize = 3_000_000;
const VALUE_BYTES_MAX: usize = 128 << 20;

/// What an event of a history says, in any format.
#[derive(Clone, Debug)]
pub struct Said {
    /// The line of the file, or the number of the event.
    pub line: u64,
    /// When, if the history has times.
    pub at: Option<Timestamp>,
    /// Who asked.
    pub process: ProcessId,
    /// What.
    pub function: Function,
    /// Of which object.
    pub key: Option<Datum>,
    /// With what, or what came back.
    pub value: Datum,
}

impl HistoryBuilder {
    /// Returns the process of that name.
    pub fn process(&mut self, name: &str) -> ProcessId {
        if let Some(process) = self.names.get(name) {
            return *process;
        }
        let process = ProcessId(self.names.len() as u32);
        self.names.insert(name.into(), process);
        self.history.processes.insert(process, name.into());
        process
    }

    /// Takes the beginning of an operation over.
    pub fn begin(&mut self, said: Said) -> Result<OperationIndex, HistoryError> {
        let line = said.line;
        if let Some(open) = self.open.get(&said.process) {
            let (name, earlier) = (self.history.process_name(said.process), self.history.get(*open));
            let reason = format!(
                "process {name} begins a {} while its {} of line {} is still open; give each client that works \
                 at the same time a process of its own",
                said.function.name(),
                earlier.function.name(),
                earlier.line,
            );
            return Err(HistoryError { line, reason });
        }
        let index = self.push(&said)?;
        self.open.insert(said.process, index);
        Ok(index)
    }

    /// Takes the end of the operation over that the process has open.
    pub fn end(&mut self, said: Said, ending: Ending) -> Result<(), HistoryError> {
        let Some(index) = self.open.remove(&said.process) else {
            let name = self.history.process_name(said.process);
            let reason = format!(
                "process {name} ends a {} that it never began; the line that begins it is missing",
                said.function.name()
            );
            return Err(HistoryError { line: said.line, reason });
        };
        let (function, line) = (self.history.get(index).function, self.history.get(index).line);
        if function != said.function {
            let reason = format!(
                "process {} ends a {}, but what it has open since line {line} is a {}",
                self.history.process_name(said.process),
                said.function.name(),
                function.name(),
            );
            return Err(HistoryError { line: said.line, reason });
        }
        self.close(index, said.at, said.value, ending);
        Ok(())
    }

    /// Adds an operation that may overlap others of its process: its client has several open.
    pub(crate) fn push(&mut self, said: &Said) -> Result<OperationIndex, HistoryError> {
        let history = &mut self.history;
        if history.operations.len() >= OPERATIONS_MAX || history.data.bytes() > VALUE_BYTES_MAX {
            let reason = format!(
                "the history is longer than can be checked ({OPERATIONS_MAX} operations, {} MiB of values); split it \
                 by time or by key",
                VALUE_BYTES_MAX >> 20
            );
            return Err(HistoryError { line: said.line, reason });
        }
        self.position += 1;
        let index = OperationIndex(history.operations.len() as u32);
        let key = said.key.clone().map(|key| history.data.id(key));
        // The two values of a compare-and-set are values of their own, too.
        if let (Function::Cas, Some(parts)) = (said.function, said.value.list()) {
            for part in parts {
                history.data.id(part.clone());
            }
        }
        let argument = history.data.id(said.value.clone());
        history.timed |= said.at.is_some();
        history.operations.push(Operation {
            process: said.process,
            function: said.function,
            ending: Ending::Unknown,
            key,
            argument,
            result: DatumId::NIL,
            invoked: self.position,
            returned: Position::MAX,
            invoked_at: said.at.unwrap_or_default(),
            returned_at: Timestamp(u64::MAX),
            line: said.line,
            node: None,
            edit: 0,
        });
        Ok(index)
    }

    /// Ends an operation.
    pub(crate) fn close(&mut self, index: OperationIndex, at: Option<Timestamp>, value: Datum, ending: Ending) {
        self.position += 1;
        let result = self.history.data.id(value);
        let operation = &mut self.history.operations[index.0 as usize];
        operation.ending = ending;
        operation.result = result;
        if ending != Ending::Unknown {
            operation.returned = self.position;
            operation.returned_at = at.unwrap_or_default();
        }
    }

    /// Notes who answered.
    pub(crate) fn answered_by(&mut self, index: OperationIndex, node: Option<NodeId>) {
        self.history.operations[index.0 as usize].node = node;
    }

    /// Notes that a refused compare-and-set tells something about the value.
    pub fn refusals_observe(&mut self) {
        self.history.refusals_observe = true;
    }

    /// Marks the history as one of a recording.
    pub(crate) fn recorded(&mut self) {
        self.history.recorded = true;
    }

    /// Notes that what an operation did depends on what was there.
    pub(crate) fn edited(&mut self, index: OperationIndex, edit: Edit) {
        let history = &mut self.history;
        let operation = &mut history.operations[index.0 as usize];
        match history.edits.get_mut((operation.edit as usize).wrapping_sub(1)) {
            Some(known) => *known = edit,
            None => {
                history.edits.push(edit);
                operation.edit = history.edits.len() as u32;
            }
        }
    }

    /// Returns the history. Operations that are still open have an unknown outcome.
    pub fn finish(self) -> History {
        self.history
    }

    /// Returns how many operations there are so far.
    pub fn len(&self) -> usize {
        self.history.operations.len()
    }

    /// Returns whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.history.operations.is_empty()
    }
}
