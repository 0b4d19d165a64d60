//! A recording as a history for Jepsen and Knossos: what each client asked and heard, in EDN.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use super::{
    datum::Datum,
    history::{Ending, Function},
    trace::text,
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, OpId},
    request::{Key, Request},
    spec::ClusterSpec,
    trace::{export::Exporter, is_fault_command, line},
};

/// Writes EDN, an event a line. Keys that were written in ways that no model knows are left out, as they are when the
/// recording itself is checked: so [`JepsenEdn::survey`] must have seen every event before the first is written.
///
/// A process of Jepsen has one operation open, and none after one whose outcome nobody knows: a client that works on is a
/// process more.
#[derive(Debug, Default)]
pub struct JepsenEdn {
    beyond: BTreeSet<Key>,
    open: BTreeMap<OpId, Open>,
    /// Per client, its processes that may begin another operation.
    free: BTreeMap<ClientId, Vec<u32>>,
    processes: u32,
    index: u64,
}

#[derive(Debug)]
struct Open {
    process: u32,
    client: ClientId,
    function: Function,
    key: Key,
    value: Datum,
}

impl JepsenEdn {
    /// Looks at an event before anything is written.
    pub fn survey(&mut self, event: &TraceEvent) {
        if let EventKind::OpInvoked { request, .. } = &event.kind {
            self.beyond.extend(keys_beyond(request).into_iter().cloned());
        }
    }

    fn put(
        &mut self,
        out: &mut dyn Write,
        event: &TraceEvent,
        kind: &str,
        open: &Open,
        value: &Datum,
    ) -> io::Result<()> {
        let (process, f, index, time) = (open.process, open.function, self.index, event.at.0);
        self.index += 1;
        let (key, value) = (Edn(&Datum::Text(text(&open.key.0))).to_string(), Edn(value));
        writeln!(
            out,
            "{{:index {index}, :time {time}, :process {process}, :type :{kind}, :f :{f}, :key {key}, :value {value}}}"
        )
    }
}

impl Exporter for JepsenEdn {
    fn begin(&mut self, _: &ClusterSpec, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()> {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                let Some((function, key, value)) = begun(request) else { return Ok(()) };
                if self.beyond.contains(&key) {
                    return Ok(());
                }
                let free = self.free.entry(*client).or_default().pop();
                let process = free.unwrap_or_else(|| {
                    self.processes += 1;
                    self.processes - 1
                });
                let open = Open { process, client: *client, function, key, value };
                self.put(out, event, "invoke", &open, &open.value)?;
                self.open.insert(*op, open);
                Ok(())
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let Some(open) = self.open.remove(op) else { return Ok(()) };
                let (result, ending) = ended(outcome);
                let (kind, value) = match ending {
                    Ending::Ok if open.function == Function::Read => ("ok", &result),
                    Ending::Ok => ("ok", &open.value),
                    Ending::Fail => ("fail", &open.value),
                    Ending::Unknown => ("info", &open.value),
                };
                self.put(out, event, kind, &open, value)?;
                if ending != Ending::Unknown {
                    self.free.entry(open.client).or_default().push(open.process);
                }
                Ok(())
            }
            EventKind::CommandIssued { command, .. } if is_fault_command(command) => {
                let (index, time) = (self.index, event.at.0);
                self.index += 1;
                let words = Datum::Text(line(&event.kind).into());
                let words = Edn(&words);
                writeln!(
                    out,
                    "{{:index {index}, :time {time}, :process :nemesis, :type :info, :f :strike, :value {words}}}"
                )
            }
            // Clients see nothing else.
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Returns what a request asks of the map, if it is about the map.
fn begun(request: &Request) -> Option<(Function, Key, Datum)> {
    Some(match request {
        Request::Get { key } => (Function::Read, key.clone(), Datum::Nil),
        Request::Put { key, value } => (Function::Write, key.clone(), Datum::Text(text(&value.0))),
        Request::Delete { key } => (Function::Delete, key.clone(), Datum::Nil),
        Request::Admin(_)
        | Request::GetMany { .. }
        | Request::Exists { .. }
        | Request::PutMany { .. }
        | Request::DeleteMany { .. }
        | Request::Increment { .. }
        | Request::Append { .. }
        | Request::PutIf { .. } => return None,
    })
}

/// Returns the keys that a request writes in a way that a register of Jepsen does not know. To export the other operations
/// on them would be to accuse them of what this one did.
fn keys_beyond(request: &Request) -> Vec<&Key> {
    match request {
        Request::PutMany { pairs } => pairs.iter().map(|(key, _)| key).collect(),
        Request::DeleteMany { keys } => keys.iter().collect(),
        Request::Increment { key, .. } | Request::Append { key, .. } | Request::PutIf { key, .. } => vec![key],
        // What reads several keys may be left out: fewer reads accuse nobody.
        Request::Get { .. }
        | Request::Put { .. }
        | Request::Delete { .. }
        | Request::Admin(_)
        | Request::GetMany { .. }
        | Request::Exists { .. } => Vec::new(),
    }
}

/// Returns what an outcome says.
fn ended(outcome: &Outcome) -> (Datum, Ending) {
    match outcome {
        Outcome::Value { value, .. } => {
            (value.as_ref().map_or(Datum::Nil, |value| Datum::Text(text(&value.0))), Ending::Ok)
        }
        Outcome::Written { .. } | Outcome::Answered { .. } | Outcome::Done => (Datum::Nil, Ending::Ok),
        Outcome::Failed(_) => (Datum::Nil, Ending::Fail),
        Outcome::NoAnswer => (Datum::Nil, Ending::Unknown),
    }
}

/// A value as EDN writes it.
struct Edn<'a>(&'a Datum);

impl std::fmt::Display for Edn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Datum::Text(text) => {
                f.write_str("\"")?;
                for letter in text.chars() {
                    match letter {
                        '"' => f.write_str("\\\"")?,
                        '\\' => f.write_str("\\\\")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        letter => std::fmt::Write::write_char(f, letter)?,
                    }
                }
                f.write_str("\"")
            }
            Datum::Word(word) => write!(f, ":{word}"),
            // Numbers, lists and nothing are written alike.
            other => other.fmt(f),
        }
    }
}
