//! The history of a recording: what its clients asked and heard.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    builder::{HistoryBuilder, Said},
    datum::Datum,
    explain::milliseconds,
    history::{Ending, Function, History, HistoryError, OperationIndex},
    verdict::{FaultSpan, Witness},
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::OpId,
    request::{Key, Request, Value},
    time::Timestamp,
    trace::{Broken, Span, Timeline},
};

/// Collects the history from the events of a run, one after the other.
#[derive(Debug, Default)]
pub struct HistoryFold {
    builder: HistoryBuilder,
    open: BTreeMap<OpId, OperationIndex>,
    /// Keys that were written in ways that the models do not know: nothing can be said about them.
    beyond: BTreeSet<Key>,
}

/// What an event says about an operation.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// It began.
    Begun(Function, Key, Datum),
    /// It ended.
    Ended(Datum, Ending),
}

impl HistoryFold {
    /// Takes an event over.
    pub fn apply(&mut self, event: &TraceEvent) -> Result<(), HistoryError> {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                self.beyond.extend(keys_beyond(request).into_iter().cloned());
                let Some(Told::Begun(function, key, value)) = begun(request) else { return Ok(()) };
                let process = self.builder.process(&client.to_string());
                let key = Some(Datum::Text(text(&key.0)));
                let said = Said { line: event.seq.0, at: Some(event.at), process, function, key, value };
                // A client may have several operations open, so what it has open is not looked at.
                let index = self.builder.push(&said)?;
                self.open.insert(*op, index);
            }
            EventKind::OpReturned { op, outcome, node } => {
                let Some(index) = self.open.remove(op) else { return Ok(()) };
                if let Told::Ended(value, ending) = ended(outcome) {
                    self.builder.close(index, Some(event.at), value, ending);
                    self.builder.answered_by(index, *node);
                }
            }
            // Nothing else is seen by a client.
            _ => {}
        }
        Ok(())
    }

    /// Returns the history. Operations that are still open have an unknown outcome.
    pub fn finish(mut self) -> History {
        self.builder.recorded();
        self.builder.leave_out(self.beyond.iter().map(|key| Datum::Text(text(&key.0))));
        self.builder.finish()
    }
}

/// Adds what was broken while the operations of a witness were under way, and says so if it touches who answered.
pub fn add_faults(history: &History, witness: &mut Witness, timeline: &Timeline) {
    let operations: Vec<_> = witness.operations.iter().map(|index| history.get(*index)).collect();
    let from = operations.iter().map(|operation| operation.invoked_at).min().unwrap_or_default();
    let ends = operations.iter().map(|operation| operation.returned_at).filter(|end| *end < Timestamp(u64::MAX));
    let until = ends.max().unwrap_or(timeline.spans.last().map_or(from, |span| span.from));
    let spans = timeline.spans.iter().filter(|span| span.from <= until && span.until.is_none_or(|end| end >= from));
    witness.faults = spans.clone().map(fault_span).collect();

    let Some(last) = witness.last.map(|last| history.get(last)) else { return };
    let Some(node) = last.node else { return };
    let touching = spans
        .filter(|span| span.from <= last.returned_at && span.until.is_none_or(|end| end >= last.invoked_at))
        .find(|span| match span.what {
            Broken::Node(broken) | Broken::Machine(broken, _) => broken == node,
            Broken::Link((_, to)) => to == node.into(),
        });
    if let Some(span) = touching {
        let since = milliseconds(last.invoked_at.since(span.from));
        witness.sentence += &match span.what {
            Broken::Node(_) => format!("; {node} had been broken for {since}"),
            Broken::Machine(_, part) => format!("; the {} of {node} had been sick for {since}", part.part()),
            Broken::Link((from, to)) => format!("; {from}→{to} had been broken for {since}"),
        };
    }
}

fn fault_span(span: &Span) -> FaultSpan {
    let what = match span.what {
        Broken::Node(node) => format!("{node} down or frozen"),
        Broken::Machine(node, part) => format!("the {} of {node} sick", part.part()),
        Broken::Link((from, to)) => format!("{from}→{to} broken"),
    };
    FaultSpan { what, from: span.from, until: span.until, seq: span.seq }
}

/// Returns what a request asks of the map, if it is about the map.
pub(crate) fn begun(request: &Request) -> Option<Told> {
    Some(match request {
        Request::Get { key } => Told::Begun(Function::Read, key.clone(), Datum::Nil),
        Request::Put { key, value } => Told::Begun(Function::Write, key.clone(), Datum::Text(text(&value.0))),
        Request::Delete { key } => Told::Begun(Function::Delete, key.clone(), Datum::Nil),
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

/// Returns the keys that a request writes in a way that no model knows. To judge the other operations on them would be to
/// accuse them of what this one did.
pub(crate) fn keys_beyond(request: &Request) -> Vec<&Key> {
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
pub(crate) fn ended(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Value { value, .. } => Told::Ended(datum(value.as_ref()), Ending::Ok),
        Outcome::Written { .. } | Outcome::Answered { .. } | Outcome::Done => Told::Ended(Datum::Nil, Ending::Ok),
        Outcome::Failed(_) => Told::Ended(Datum::Nil, Ending::Fail),
        Outcome::NoAnswer => Told::Ended(Datum::Nil, Ending::Unknown),
    }
}

fn datum(value: Option<&Value>) -> Datum {
    value.map_or(Datum::Nil, |value| Datum::Text(text(&value.0)))
}

/// Returns bytes as text. What is no UTF-8 is written byte by byte, so that different values stay different.
pub(super) fn text(bytes: &[u8]) -> Box<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect(),
    }
}
