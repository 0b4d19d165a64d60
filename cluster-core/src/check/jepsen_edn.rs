//! A recording as a history for Jepsen and Knossos: what each client asked and heard, in EDN.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use super::{
    datum::Datum,
    history::{Ending, Function},
    trace::{Told, begun, ended, keys_beyond, text},
};
use crate::{
    event::{EventKind, TraceEvent},
    ids::{ClientId, OpId},
    request::Key,
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
                let Some(Told::Begun(function, key, value)) = begun(request) else { return Ok(()) };
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
                let Told::Ended(result, ending) = ended(outcome) else { return Ok(()) };
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
