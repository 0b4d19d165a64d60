//! Who wrote what was read: the relation that the weaker promises are about.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    datum::DatumId,
    history::{Ending, Function, History, Operation, OperationIndex, ProcessId},
};

/// A history of reads and writes by key, with who wrote each value.
pub(crate) struct Registers<'a> {
    pub(crate) history: &'a History,
    writers: BTreeMap<(Option<DatumId>, DatumId), Vec<OperationIndex>>,
    sessions: BTreeMap<ProcessId, Vec<OperationIndex>>,
}

/// Where a value that was read comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the beginning: nobody had written it.
    Initial,
    /// From this write.
    Write(OperationIndex),
    /// From nowhere: nobody wrote it, or it was refused.
    ThinAir,
    /// From one of several writes of the same value.
    Ambiguous,
}

impl<'a> Registers<'a> {
    /// Looks through a history.
    pub(crate) fn new(history: &'a History) -> Self {
        let mut writers: BTreeMap<(Option<DatumId>, DatumId), Vec<OperationIndex>> = BTreeMap::new();
        let mut sessions: BTreeMap<ProcessId, Vec<OperationIndex>> = BTreeMap::new();
        // Whose writes depend on what was there leaves values of which nobody can tell where they come from.
        let edited: BTreeSet<Option<DatumId>> =
            history.operations.iter().filter(|operation| operation.edit > 0).map(|operation| operation.key).collect();
        for (index, operation) in history.iter() {
            if operation.ending == Ending::Fail || edited.contains(&operation.key) {
                continue;
            }
            if let Some(value) = written(operation) {
                writers.entry((operation.key, value)).or_default().push(index);
            }
            // A read without an answer says nothing.
            if operation.is_ok() || operation.function != Function::Read {
                sessions.entry(operation.process).or_default().push(index);
            }
        }
        Self { history, writers, sessions }
    }

    /// Returns where the value of a read comes from.
    pub(crate) fn source(&self, read: &Operation) -> Source {
        match self.writers.get(&(read.key, read.result)).map(Vec::as_slice) {
            None | Some([]) if read.result == DatumId::NIL => Source::Initial,
            None | Some([]) => Source::ThinAir,
            // Nothing may come from the beginning as well as from a removal.
            Some(_) if read.result == DatumId::NIL => Source::Ambiguous,
            Some([writer]) => Source::Write(*writer),
            Some(_) => Source::Ambiguous,
        }
    }

    /// Returns what each process asked, in order. What it asked while something else of it was open is in it too.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &[OperationIndex]> {
        self.sessions.values().map(Vec::as_slice)
    }

    /// Returns whether what `newer` wrote had replaced what `older` left before anything that begins later: `older` is
    /// the beginning, or had ended before `newer` began.
    pub(crate) fn replaced(&self, older: Source, newer: Source) -> bool {
        match (older, newer) {
            (Source::Initial, Source::Write(_)) => true,
            (Source::Write(older), Source::Write(newer)) => self.history.get(older).precedes(self.history.get(newer)),
            (Source::Initial | Source::Write(_) | Source::ThinAir | Source::Ambiguous, _) => false,
        }
    }

    /// Returns, for each key, its writes that may have taken effect, in the order of their beginnings.
    pub(crate) fn writes_by_key(&self) -> BTreeMap<Option<DatumId>, Vec<OperationIndex>> {
        let mut keys: BTreeMap<Option<DatumId>, Vec<OperationIndex>> = BTreeMap::new();
        for ((key, _), writers) in &self.writers {
            keys.entry(*key).or_default().extend(writers);
        }
        keys.values_mut().for_each(|writes| writes.sort_unstable());
        keys
    }
}

/// Returns what a plain write leaves behind.
pub(crate) fn written(operation: &Operation) -> Option<DatumId> {
    match operation.function {
        Function::Write => Some(operation.argument),
        Function::Delete => Some(DatumId::NIL),
        Function::Read
        | Function::Cas
        | Function::Append
        | Function::Add
        | Function::Remove
        | Function::Enqueue
        | Function::Dequeue
        | Function::Acquire
        | Function::Release
        | Function::PutIf
        | Function::Exists
        | Function::Generate
        | Function::Txn => None,
    }
}

/// Returns whether an operation is a read that was answered.
pub(crate) fn is_read(operation: &Operation) -> bool {
    operation.function == Function::Read && operation.is_ok()
}
