//! Clients' reads and writes: gathered during a burst, appended together, answered when they are applied.
//!
//! A read stands in the log like a write: what it sees is what was decided before it, whoever leads by then.

use std::collections::BTreeMap;

use super::{Context, Office, OmniPaxos, log::Command, variant::Flaw};
use crate::{
    ids::{LogIndex, OpId},
    name::Name,
    request::{Refusal, Request, Response},
};

/// How many bytes may wait for a majority. A leader that is cut off would otherwise gather writes without end, and what it
/// gathered must fit into one AcceptSync.
const UNDECIDED_BYTES_MAX: u64 = 6 << 20;

/// What clients wait for.
#[derive(Default)]
pub(super) struct Clients {
    /// The operations of this burst, and those that wait until the leader has synced its log.
    gathered: Vec<(OpId, Request)>,
    /// The operations in the log, not applied yet, and whether each writes.
    pending: BTreeMap<OpId, bool>,
}

impl OmniPaxos {
    pub(super) fn on_operation(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        if self.reads_locally && !request.is_write() {
            ctx.reply(op, self.map.read(&request, LogIndex(self.applied)));
        } else if self.office == Office::Follower {
            ctx.reply(op, Response::Refused(self.not_leader()));
        } else if let Some(earlier) = self.answered(op) {
            ctx.reply(op, earlier);
        } else if self.undecided_bytes() > UNDECIDED_BYTES_MAX {
            ctx.reply(op, unavailable("too much waits for a majority already"));
        } else if !self.clients.pending.contains_key(&op) || self.has(Flaw::NoDedup) {
            self.clients.pending.insert(op, request.is_write());
            self.clients.gathered.push((op, request));
        }
    }

    fn answered(&self, op: OpId) -> Option<Response> {
        if self.has(Flaw::NoDedup) { None } else { self.map.answered(op) }
    }

    /// Returns how much is in the log, at most, that is not known to be decided.
    fn undecided_bytes(&self) -> u64 {
        let log = self.log.log();
        if log.decided < log.last() { log.bytes() } else { 0 }
    }

    /// Appends the operations of this burst, if the leader's log is synced.
    pub(super) fn append_gathered(&mut self) {
        let Some(engine) = self.engine.as_mut().filter(|_| self.office == Office::Leader) else { return };
        let epoch = self.epoch;
        for (op, request) in self.clients.gathered.drain(..) {
            // It refuses only while the members change, which they do not here.
            let _ = engine.append(Command::new(epoch, op, request));
        }
    }

    /// Applies what is decided and on this node's own disk, in order; answers who waits for it.
    ///
    /// A leader counts itself among a majority before its own disk has the entry: until then it tells nobody.
    pub(super) fn apply_decided(&mut self, ctx: &mut Context<'_>) {
        let decided = self.log.log().decided;
        assert!(decided <= self.log.log().last(), "entry {decided} is decided, and this node has lost it");
        while self.applied < decided.min(self.durable.last) {
            let index = LogIndex(self.applied + 1);
            let command = self.log.log().get(index).cloned().expect("what was not applied is in the log");
            self.applied = index.0;
            let Command { op, request, .. } = command;
            if self.has(Flaw::NoDedup) {
                self.map.forget(op);
            }
            let response =
                if request.is_write() { self.map.apply(op, &request, index) } else { self.map.read(&request, index) };
            if self.clients.pending.remove(&op).is_some() {
                ctx.reply(op, response);
            }
        }
    }

    /// Tells those who wait that this node leads no more.
    pub(super) fn abandon_clients(&mut self, ctx: &mut Context<'_>) {
        let not_leader = Response::Refused(self.not_leader());
        for (op, _) in std::mem::take(&mut self.clients.gathered) {
            self.clients.pending.remove(&op);
            ctx.reply(op, not_leader.clone());
        }
        for (op, writes) in std::mem::take(&mut self.clients.pending) {
            // A read changes nothing: to refuse it is the whole truth. A write may be decided by the next leader.
            let lost = || Response::Unknown { why: Name::new("leadership was lost") };
            ctx.reply(op, if writes { lost() } else { not_leader.clone() });
        }
    }

    fn not_leader(&self) -> Refusal {
        Refusal::NotLeader { leader: self.leader().filter(|leader| *leader != self.me) }
    }
}

pub(super) fn unavailable(why: &'static str) -> Response {
    Response::Refused(Refusal::Unavailable { why: Name::new(why) })
}
