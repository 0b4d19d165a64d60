//! Client interaction (§8): linearizable writes and reads, each command executed once.

use std::collections::{BTreeSet, VecDeque};

use super::{Context, RaftStudy, Role, log::Entry, variant::Flaw};
use crate::{
    ids::{LogIndex, OpId},
    name::Name,
    request::{Refusal, Request, Response},
};

/// What clients wait for.
#[derive(Default)]
pub(super) struct Clients {
    /// The writes of this burst: one AppendEntries carries them all.
    gathered: Vec<(OpId, Request)>,
    /// The writes in the log, not applied yet.
    pending: BTreeSet<OpId>,
    /// The reads that wait for a round of heartbeats to begin.
    reads: Vec<(OpId, Request)>,
    /// The reads that wait for the answers of a majority.
    asked: VecDeque<Reads>,
    /// The latest round of heartbeats. Never used twice: a late answer to an earlier one proves nothing.
    pub(super) round: u64,
}

/// The reads of one round.
struct Reads {
    round: u64,
    /// What was committed when the round began.
    read_index: LogIndex,
    reads: Vec<(OpId, Request)>,
}

impl Clients {
    pub(super) fn has_reads(&self) -> bool {
        !self.reads.is_empty() || !self.asked.is_empty()
    }
}

impl RaftStudy {
    pub(super) fn on_write(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        if self.role != Role::Leader {
            return ctx.reply(op, Response::Refused(self.not_leader()));
        }
        // The state machine knows the latest commands and their answers: one that was executed is answered at once.
        if !self.has(Flaw::NoDedup)
            && let Some(earlier) = self.state_machine.answered(op)
        {
            return ctx.reply(op, earlier);
        }
        if self.clients.pending.insert(op) || self.has(Flaw::NoDedup) {
            self.clients.gathered.push((op, request));
        }
    }

    /// Appends the writes of this burst to the log.
    pub(super) fn write_gathered(&mut self, ctx: &mut Context<'_>) {
        if self.clients.gathered.is_empty() {
            return;
        }
        let term = self.current_term;
        let gathered = std::mem::take(&mut self.clients.gathered).into_iter();
        let entries = gathered.map(|command| Entry { term, command: Some(command) }).collect();
        self.append(entries, ctx);
    }

    /// Figure 2, rules for all servers: applies what is committed, in order; answers who waits for it.
    pub(super) fn apply_committed(&mut self, ctx: &mut Context<'_>) {
        while self.last_applied < self.commit_index {
            let index = self.last_applied.next();
            let entry = self.log.get(index).expect("what is committed is in the log");
            self.last_applied = index;
            let Some((op, request)) = &entry.command else { continue };
            if self.flaw == Some(Flaw::NoDedup) {
                self.state_machine.forget(*op);
            }
            let response = self.state_machine.apply(*op, request, index);
            if self.clients.pending.remove(op) {
                ctx.reply(*op, response);
            }
        }
    }

    pub(super) fn on_read(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        if self.role != Role::Leader {
            ctx.reply(op, Response::Refused(self.not_leader()));
        } else if self.has(Flaw::StaleRead) {
            ctx.reply(op, self.state_machine.read(&request, self.last_applied));
        } else {
            self.clients.reads.push((op, request));
        }
    }

    /// Begins a round of heartbeats for the reads of this burst.
    pub(super) fn begin_round(&mut self) {
        // §8: before an entry of its own term is committed, a leader does not know what is.
        let knows = self.log.term_at(self.commit_index) == Some(self.current_term) || self.has(Flaw::ReadBeforeNoOp);
        if self.clients.reads.is_empty() || !knows {
            return;
        }
        self.clients.round += 1;
        let (round, read_index) = (self.clients.round, self.commit_index);
        let reads = std::mem::take(&mut self.clients.reads);
        self.clients.asked.push_back(Reads { round, read_index, reads });
    }

    /// Answers the reads whose round a majority answered: until then, no later leader was elected.
    pub(super) fn answer_confirmed(&mut self, ctx: &mut Context<'_>) {
        while let Some(first) = self.clients.asked.front() {
            let answered = self.followers.values().filter(|follower| follower.round >= first.round).count();
            if answered + 1 < self.majority() || self.last_applied < first.read_index {
                return;
            }
            for (op, request) in self.clients.asked.pop_front().into_iter().flat_map(|round| round.reads) {
                ctx.reply(op, self.state_machine.read(&request, self.last_applied));
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
        // Their entries may be erased, or committed by a later leader.
        for op in std::mem::take(&mut self.clients.pending) {
            ctx.reply(op, Response::Unknown { why: Name::new("leadership was lost") });
        }
        let asked = std::mem::take(&mut self.clients.asked).into_iter().flat_map(|round| round.reads);
        for (op, _) in std::mem::take(&mut self.clients.reads).into_iter().chain(asked) {
            ctx.reply(op, not_leader.clone());
        }
    }

    fn not_leader(&self) -> Refusal {
        Refusal::NotLeader { leader: self.leader.filter(|leader| *leader != self.me) }
    }
}

pub(super) fn unavailable(why: &'static str) -> Response {
    Response::Refused(Refusal::Unavailable { why: Name::new(why) })
}
