//! The operations of a phase as goals see them: who was asked, whether with a majority, and whether a read was of the past.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::expr::{Cell, OPS_MAX, Row, vocabulary::OP};
use crate::{
    event::Outcome,
    ids::{ClientId, LogIndex, NodeId, OpId},
    request::{Key, Refusal, Request, Value},
};

/// One operation.
#[derive(Debug)]
struct Seen {
    client: ClientId,
    request: Request,
    /// Who was asked.
    asked: BTreeSet<NodeId>,
    node: Option<NodeId>,
    result: &'static str,
    read: Option<Value>,
    quorum: bool,
    stale: bool,
    error: &'static str,
    own: bool,
    attempts: u32,
    effects: u32,
    invoked: f64,
    returned: f64,
    /// The newest write of the key that was acknowledged when it began.
    newest: LogIndex,
    row: Row,
}

/// A write of a key, acknowledged or not.
#[derive(Debug)]
struct Written {
    op: OpId,
    client: ClientId,
    value: Option<Value>,
    /// Where it stands; unknown while it is open, or if nobody answered.
    at: Option<LogIndex>,
    refused: bool,
}

/// All operations of a phase: the latest, at least.
#[derive(Debug, Default)]
pub(super) struct Ops {
    seen: BTreeMap<OpId, Seen>,
    order: VecDeque<OpId>,
    open: BTreeSet<OpId>,
    writes: BTreeMap<Key, Vec<Written>>,
}

impl Ops {
    pub(super) fn invoked(
        &mut self,
        op: OpId,
        client: ClientId,
        request: &Request,
        asked: Option<NodeId>,
        at: f64,
    ) -> Row {
        let key = request.key().cloned().unwrap_or_default();
        let writes = self.writes.entry(key).or_default();
        let newest = writes.iter().filter_map(|write| write.at).max().unwrap_or_default();
        let own = !request.is_write() && writes.iter().any(|write| write.client == client && write.at.is_some());
        if request.is_write() {
            writes.push(Written { op, client, value: value(request).cloned(), at: None, refused: false });
        }
        let row = Row::new(&OP, &vec![Cell::Int(0); OP.fields.len()]);
        let seen = Seen {
            client,
            request: request.clone(),
            asked: asked.into_iter().collect(),
            node: asked,
            result: "open",
            read: None,
            quorum: false,
            stale: false,
            error: "",
            own,
            attempts: 0,
            effects: 0,
            invoked: at,
            returned: 0.0,
            newest,
            row,
        };
        self.seen.insert(op, seen);
        self.open.insert(op);
        self.order.push_back(op);
        if self.order.len() > OPS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
            self.open.remove(&oldest);
        }
        self.anew(op)
    }

    /// A client sent an operation to a node, for the so-manieth time.
    pub(super) fn asked(&mut self, op: OpId, node: NodeId, attempts: u32) {
        let Some(seen) = self.seen.get_mut(&op) else { return };
        seen.attempts = attempts;
        seen.asked.insert(node);
        seen.node = if seen.result == "open" { Some(node) } else { seen.node };
        self.anew(op);
    }

    /// An operation took effect so often. Returns whether it is known.
    pub(super) fn took_effect(&mut self, op: OpId, times: u32) -> bool {
        let Some(seen) = self.seen.get_mut(&op) else { return false };
        seen.effects = times;
        self.anew(op);
        true
    }

    /// These nodes have a majority. Returns whether an operation is seen otherwise for it.
    pub(super) fn with_quorum(&mut self, quorum: &BTreeSet<NodeId>) -> bool {
        let gained: Vec<OpId> = self
            .open
            .iter()
            .filter(|op| self.seen.get(op).is_some_and(|seen| !seen.quorum && !seen.asked.is_disjoint(quorum)))
            .copied()
            .collect();
        for op in &gained {
            if let Some(seen) = self.seen.get_mut(op) {
                seen.quorum = true;
            }
            self.anew(*op);
        }
        !gained.is_empty()
    }

    /// An operation ended. Returns what became of it, with its row.
    pub(super) fn returned(
        &mut self,
        op: OpId,
        outcome: &Outcome,
        node: Option<NodeId>,
        at: f64,
    ) -> Option<(&'static str, Row)> {
        self.open.remove(&op);
        let (result, index) = match outcome {
            Outcome::Written { at } | Outcome::Answered { at, .. } => ("ok", Some(*at)),
            Outcome::Value { .. } | Outcome::Done => ("ok", None),
            Outcome::Failed(_) => ("fail", None),
            Outcome::NoAnswer => ("timeout", None),
        };
        let seen = self.seen.get_mut(&op)?;
        if let Outcome::Failed(refusal) = outcome {
            seen.error = error_word(*refusal);
        }
        (seen.result, seen.returned, seen.node) = (result, at, node.or(seen.node));
        let key = seen.request.key().cloned().unwrap_or_default();
        let writes = self.writes.entry(key).or_default();
        if let Some(write) = writes.iter_mut().find(|write| write.op == op) {
            (write.at, write.refused) = (index, result == "fail");
        }
        let read = match outcome {
            Outcome::Value { value, .. } => Some(value),
            _ => None, // Nothing else tells what a key holds.
        };
        if let Some(read) = read {
            seen.stale = is_stale(writes, read.as_ref(), seen.newest);
            seen.read.clone_from(read);
        }
        let row = self.anew(op);
        Some((result, row))
    }

    /// Returns the rows, oldest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.order.iter().filter_map(|op| Some(&self.seen.get(op)?.row))
    }

    /// Returns whether a write is under way.
    pub(super) fn writes_open(&self) -> bool {
        self.open.iter().any(|op| self.seen.get(op).is_some_and(|seen| seen.request.is_write()))
    }

    /// Returns whether an operation writes.
    pub(super) fn is_write(&self, op: OpId) -> bool {
        self.seen.get(&op).is_some_and(|seen| seen.request.is_write())
    }

    fn anew(&mut self, op: OpId) -> Row {
        let Some(seen) = self.seen.get_mut(&op) else { return Row::new(&OP, &vec![Cell::Int(0); OP.fields.len()]) };
        let shown = seen.read.as_ref().or_else(|| value(&seen.request));
        seen.row = Row::new(
            &OP,
            &[
                Cell::count(op.0),
                seen.client.to_string().into(),
                seen.request.verb().into(),
                seen.request.key().map_or_else(String::new, Key::to_string).into(),
                shown.map_or_else(String::new, Value::to_string).into(),
                seen.node.map_or_else(String::new, |node| node.to_string()).into(),
                seen.result.into(),
                seen.quorum.into(),
                seen.stale.into(),
                Cell::count(seen.attempts.into()),
                Cell::count(seen.effects.into()),
                seen.invoked.into(),
                seen.returned.into(),
                seen.error.into(),
                seen.own.into(),
            ],
        );
        seen.row.clone()
    }
}

fn error_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotLeader { .. } => "not-leader",
        Refusal::StaleEpoch => "stale-epoch",
        Refusal::Unsupported => "unsupported",
        Refusal::Unavailable { .. } => "unavailable",
    }
}

fn value(request: &Request) -> Option<&Value> {
    match request {
        Request::Put { value, .. } | Request::Append { value, .. } | Request::PutIf { value, .. } => Some(value),
        // What others leave behind is not told by what was asked.
        _ => None,
    }
}

/// A read is of the past if what it returned was written before `newest`, and by nobody who may stand behind that.
fn is_stale(writes: &[Written], read: Option<&Value>, newest: LogIndex) -> bool {
    if newest == LogIndex(0) {
        return false;
    }
    let may_be = |write: &&Written| write.value.as_ref() == read && !write.refused;
    !writes.iter().filter(may_be).any(|write| write.at.is_none_or(|at| at >= newest))
}
