//! Clients from outside: they come in by a node's door, and what they ask is an operation like any other.

use std::collections::BTreeMap;

use super::{Backend, World, nodes::Cause};
use crate::{
    event::{EventKind, Outcome},
    host::Input,
    ids::{ClientId, LogIndex, NodeId, OpId, Seq},
    name::Name,
    request::{Request, Response},
    time::Timestamp,
};

/// What all doors speak.
const SPEAKS: Name = Name::new("redis");

/// Clients from outside, and what they wait for.
#[derive(Default)]
pub(super) struct Visitors {
    here: BTreeMap<ClientId, NodeId>,
    /// The events by which their open operations began.
    open: BTreeMap<(ClientId, OpId), Seq>,
    answered: Vec<Answered>,
    /// How many came.
    count: u16,
}

/// An answer for a client from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// For whom.
    pub client: ClientId,
    /// To which operation.
    pub op: OpId,
    /// What.
    pub response: Response,
}

impl<B: Backend> World<B> {
    pub(super) fn door_opened(&mut self, now: Timestamp, cause: Seq, node: NodeId, port: u16) {
        self.record(now, Some(cause), EventKind::DoorOpened { node, speaks: SPEAKS, port });
    }

    /// A client came in by a node's door. Returns its number, unless the node is not there or there is none left.
    pub fn visitor_came(&mut self, now: Timestamp, node: NodeId, name: &str) -> Option<ClientId> {
        if !self.is_running(node) {
            return None;
        }
        let client = self.visitors.free_number()?;
        self.visitors.here.insert(client, node);
        let name = name.to_owned();
        self.record(now, None, EventKind::VisitorCame { client, node, speaks: SPEAKS, name });
        Some(client)
    }

    /// A client from outside has another name.
    pub fn visitor_named(&mut self, now: Timestamp, client: ClientId, name: &str) {
        if let Some(node) = self.visitors.here.get(&client).copied() {
            let name = name.to_owned();
            self.record(now, None, EventKind::VisitorCame { client, node, speaks: SPEAKS, name });
        }
    }

    /// A client from outside is gone: what it waits for, it will not hear.
    pub fn visitor_left(&mut self, now: Timestamp, client: ClientId) {
        if self.visitors.here.remove(&client).is_none() {
            return;
        }
        for ((_, op), began) in self.visitors.take_open(client) {
            self.record(now, Some(began), EventKind::OpReturned { op, outcome: Outcome::NoAnswer, node: None });
        }
        self.record(now, None, EventKind::VisitorLeft { client });
    }

    /// A client from outside asks its node. Returns the operation's number, unless the node is not there.
    pub fn visitor_asks(&mut self, now: Timestamp, client: ClientId, request: Request) -> Option<OpId> {
        let node = self.visitors.here.get(&client).copied()?;
        let incarnation = self.incarnation(node)?;
        let op = self.ops.next();
        let began = self.record(now, None, EventKind::OpInvoked { op, client, request: request.clone() });
        self.visitors.open.insert((client, op), began);
        self.remember_asker(node, op, client);
        self.input(
            now,
            node,
            incarnation,
            Cause::Event(Some(began)),
            Input::Request { op, request: Box::new(request), after: LogIndex(0) },
        );
        Some(op)
    }

    /// Takes the answers for clients from outside; `empty` takes their place.
    pub fn take_answered(&mut self, empty: Vec<Answered>) -> Vec<Answered> {
        std::mem::replace(&mut self.visitors.answered, empty)
    }

    /// Returns the id of the protocol.
    pub fn protocol(&self) -> &'static str {
        self.row.id
    }

    pub(super) fn answer_visitor(
        &mut self,
        now: Timestamp,
        cause: Option<Seq>,
        node: NodeId,
        client: ClientId,
        op: OpId,
        response: Response,
    ) {
        // It may have left in the meantime.
        let Some(began) = self.visitors.open.remove(&(client, op)) else { return };
        let outcome = match &response {
            Response::Value { value, at } => Outcome::Value { value: value.clone(), at: *at },
            Response::Written { at } => Outcome::Written { at: *at },
            Response::Done => Outcome::Done,
            Response::Refused(refusal) => Outcome::Failed(*refusal),
            Response::Unknown { .. } => Outcome::NoAnswer,
            Response::Answer { answer, at } => Outcome::Answered { answer: answer.clone(), at: *at },
        };
        self.record(now, cause.or(Some(began)), EventKind::OpReturned { op, outcome, node: Some(node) });
        self.visitors.answered.push(Answered { client, op, response });
    }

    /// A node's process died, and with it its connections.
    pub(super) fn visitors_lost(&mut self, now: Timestamp, node: NodeId) {
        let lost: Vec<ClientId> =
            self.visitors.here.iter().filter(|(_, at)| **at == node).map(|(client, _)| *client).collect();
        lost.into_iter().for_each(|client| self.visitor_left(now, client));
    }
}

impl Visitors {
    /// Returns the next number that nobody has, so that one who left is not taken for one who comes.
    fn free_number(&mut self) -> Option<ClientId> {
        let (first, all) = (ClientId::FIRST_VISITOR.0, u16::MAX - ClientId::FIRST_VISITOR.0);
        for _ in 0..all {
            let client = ClientId(first + self.count);
            self.count = (self.count + 1) % all;
            if !self.here.contains_key(&client) {
                return Some(client);
            }
        }
        None
    }

    fn take_open(&mut self, client: ClientId) -> BTreeMap<(ClientId, OpId), Seq> {
        let mut theirs = self.open.split_off(&(client, OpId(0)));
        let mut others = theirs.split_off(&(ClientId(client.0.saturating_add(1)), OpId(0)));
        self.open.append(&mut others);
        theirs
    }
}
