//! The history of a recording: what its clients asked and heard.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    builder::{HistoryBuilder, Said},
    datum::Datum,
    deed::{Certainty, Deed, Edit, Then, When, deed, keys},
    facts::Facts,
    history::{Ending, Function, History, HistoryError, OperationIndex},
    verdict::{FaultSpan, Witness},
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{OpId, Seq},
    request::{Answer, Key, Request},
    time::Timestamp,
    trace::{Broken, Span, Timeline, TraceStore},
};

/// Collects the history from the events of a run, one after the other.
#[derive(Debug, Default)]
pub struct HistoryFold {
    builder: HistoryBuilder,
    /// What is open: what was asked, and, for each key that it is about, the operation there.
    open: BTreeMap<OpId, (Request, Vec<(Key, OperationIndex)>)>,
    /// Which operation of the run each operation of the history is.
    ops: Vec<OpId>,
    /// The only key that is of interest, if one is.
    only: Option<Key>,
}

impl HistoryFold {
    /// Collects what concerns one key.
    pub(crate) fn of_key(key: &Key) -> Self {
        Self { only: Some(key.clone()), ..Self::default() }
    }

    /// Takes an event over.
    pub fn apply(&mut self, event: &TraceEvent) -> Result<(), HistoryError> {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                let process = self.builder.process(&client.to_string());
                let mut parts = Vec::new();
                let only = self.only.clone();
                for key in keys(request).into_iter().filter(|key| only.as_ref().is_none_or(|only| only == *key)) {
                    let (function, value) = asked(request, key);
                    let datum = Some(Datum::Text(text(&key.0)));
                    let said = Said { line: event.seq.0, at: Some(event.at), process, function, key: datum, value };
                    // A client may have several operations open, so what it has open is not looked at.
                    let index = self.builder.push(&said)?;
                    self.ops.push(*op);
                    if let Some((deed, _)) = deed(request, key, &Outcome::NoAnswer) {
                        self.edit(index, function, deed);
                    }
                    parts.push((key.clone(), index));
                }
                if !parts.is_empty() {
                    self.open.insert(*op, (request.clone(), parts));
                }
            }
            EventKind::OpReturned { op, outcome, node } => {
                let Some((request, parts)) = self.open.remove(op) else { return Ok(()) };
                for (key, index) in parts {
                    self.end(event.at, index, (&request, &key), outcome);
                    self.builder.answered_by(index, *node);
                }
            }
            // Nothing else is seen by a client.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, at: Timestamp, index: OperationIndex, asked_of: (&Request, &Key), outcome: &Outcome) {
        let (request, key) = asked_of;
        let (function, _) = asked(request, key);
        let (result, ending) = match deed(request, key, outcome) {
            Some((deed, certainty)) => {
                let result = found(&deed, outcome);
                self.edit(index, function, deed);
                (result, if certainty == Certainty::Done { Ending::Ok } else { Ending::Unknown })
            }
            None if *outcome == Outcome::NoAnswer => (Datum::Nil, Ending::Unknown),
            // It did nothing, or tells nothing of this key.
            None => (Datum::Nil, Ending::Fail),
        };
        self.builder.close(index, Some(at), result, ending);
    }

    /// Notes what the functions of the history do not say by themselves.
    fn edit(&mut self, index: OperationIndex, function: Function, deed: Deed) {
        let plain = matches!(function, Function::Read | Function::Write | Function::Delete);
        // What is no text is written otherwise where people read it.
        let told = |value: &Option<Bytes>| value.as_ref().is_none_or(|value| std::str::from_utf8(value).is_ok());
        match deed {
            Deed::Edit(edit) => self.builder.edited(index, edit),
            Deed::Read(value) | Deed::Write(value) if plain && told(&value) => {}
            Deed::Read(value) => self.builder.edited(index, Edit { when: When::Is(value), then: Then::Keep }),
            Deed::Write(value) => self.builder.edited(index, Edit { when: When::Any, then: Then::Set(value) }),
        }
    }

    /// Returns the history. Operations that are still open have an unknown outcome.
    pub fn finish(self) -> History {
        self.finish_with_ops().0
    }

    /// Returns the history, and for each of its operations the one of the run.
    pub fn finish_with_ops(mut self) -> (History, Vec<OpId>) {
        self.builder.recorded();
        (self.builder.finish(), self.ops)
    }
}

/// Adds what was broken while the operations of a witness were under way.
pub fn add_faults(history: &History, witness: &mut Witness, timeline: &Timeline) {
    let operations: Vec<_> = witness.operations.iter().map(|index| history.get(*index)).collect();
    let from = operations.iter().map(|operation| operation.invoked_at).min().unwrap_or_default();
    let ends = operations.iter().map(|operation| operation.returned_at).filter(|end| *end < Timestamp(u64::MAX));
    let until = ends.max().unwrap_or(timeline.spans.last().map_or(from, |span| span.from));
    let spans = timeline.spans.iter().filter(|span| span.from <= until && span.until.is_none_or(|end| end >= from));
    witness.faults = spans.clone().map(fault_span).collect();
}

/// Says in the sentence of a witness what the run tells of the node that answered: whom it had not heard since which
/// fault.
pub fn add_facts(history: &History, witness: &mut Witness, store: &TraceStore) {
    let Some(last) = witness.last.map(|last| history.get(last)) else { return };
    let (Some(node), at) = (last.node, last.returned_at) else { return };
    let mut facts = Facts::default();
    store.each(Seq(0)..store.seq_at(at), &mut |event| facts.apply(event));
    witness.sentence += &facts.about(node, at).unwrap_or_default();
}

fn fault_span(span: &Span) -> FaultSpan {
    let what = match span.what {
        Broken::Node(node) => format!("{node} down or frozen"),
        Broken::Machine(node, part) => format!("the {} of {node} sick", part.part()),
        Broken::Link((from, to)) => format!("{from}→{to} broken"),
    };
    FaultSpan { what, from: span.from, until: span.until, seq: span.seq }
}

/// Returns what a request asks of a key, as the history tells it.
fn asked(request: &Request, key: &Key) -> (Function, Datum) {
    match request {
        Request::Get { .. } | Request::GetMany { .. } | Request::Admin(_) => (Function::Read, Datum::Nil),
        Request::Put { value, .. } => (Function::Write, datum(Some(&value.0))),
        Request::PutMany { pairs } => {
            let last = pairs.iter().rev().find(|(other, _)| other == key);
            (Function::Write, datum(last.map(|(_, value)| &value.0)))
        }
        Request::Delete { .. } | Request::DeleteMany { .. } => (Function::Delete, Datum::Nil),
        Request::Exists { .. } => (Function::Exists, Datum::Nil),
        Request::Increment { by, .. } => (Function::Add, Datum::Int(*by)),
        Request::Append { value, .. } => (Function::Append, datum(Some(&value.0))),
        Request::PutIf { value, .. } => (Function::PutIf, datum(Some(&value.0))),
    }
}

/// Returns what an operation found, for people to read.
fn found(deed: &Deed, outcome: &Outcome) -> Datum {
    match (deed, outcome) {
        (Deed::Read(value), _) => datum(value.as_ref()),
        (Deed::Edit(_), Outcome::Answered { answer: Answer::Number(number), .. }) => Datum::Int(*number),
        (Deed::Edit(_), Outcome::Answered { answer: Answer::Put { written, .. }, .. }) => Datum::Bool(*written),
        (Deed::Edit(_) | Deed::Write(_), _) => Datum::Nil,
    }
}

fn datum(value: Option<&Bytes>) -> Datum {
    value.map_or(Datum::Nil, |value| Datum::Text(text(value)))
}

/// Returns bytes as text. What is no UTF-8 is written byte by byte, so that different values stay different.
pub(super) fn text(bytes: &[u8]) -> Box<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect(),
    }
}
