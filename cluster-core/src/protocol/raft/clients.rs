//! Clients' reads and writes: gathered during a burst, proposed together, answered when applied.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use raft::{
    ReadState,
    eraftpb::{Entry, Message, MessageType},
};

use super::{Raft, Reads};
use crate::{
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    protocol::Ctx,
    request::{Refusal, Request, Response},
};

/// A read and who asked for it.
type Read = (OpId, Request);

/// What clients wait for.
#[derive(Default)]
pub(super) struct Clients {
    /// The writes of this burst: one AppendEntries carries them all.
    gathered: Vec<(OpId, Entry)>,
    /// The writes in the log, not applied yet.
    pending: BTreeSet<OpId>,
    /// The reads of this burst, and those that wait for the leader's first entry to commit.
    reads: Vec<Read>,
    /// The reads that wait for a majority to confirm that the leader still leads, by attempt.
    asked: BTreeMap<u64, Vec<Read>>,
    /// The reads that wait until the log is applied up to an index.
    confirmed: VecDeque<(u64, Vec<Read>)>,
    attempts: u64,
}

impl Clients {
    pub(super) fn has_reads(&self) -> bool {
        !self.asked.is_empty() || !self.reads.is_empty()
    }

    /// Returns whether somebody asked for something that was not handed to the engine, or waits for it to confirm a read.
    pub(super) fn has_any(&self) -> bool {
        self.has_reads() || !self.gathered.is_empty()
    }

    /// Answers everybody, because the node leads no more.
    pub(super) fn abandon(&mut self, leader: Option<NodeId>, ctx: &mut Ctx<'_, Raft>) {
        let not_leader = Response::Refused(Refusal::NotLeader { leader });
        for (op, _) in self.gathered.drain(..) {
            self.pending.remove(&op);
            ctx.reply(op, not_leader.clone());
        }
        for op in std::mem::take(&mut self.pending) {
            ctx.reply(op, Response::Unknown { why: Name::new("leadership was lost") });
        }
        // A read changes nothing: to refuse it is the whole truth.
        let asked = std::mem::take(&mut self.asked).into_values().flatten();
        let confirmed = std::mem::take(&mut self.confirmed).into_iter().flat_map(|(_, reads)| reads);
        for (op, _) in std::mem::take(&mut self.reads).into_iter().chain(asked).chain(confirmed) {
            ctx.reply(op, not_leader.clone());
        }
    }
}

impl Raft {
    pub(super) fn on_write(&mut self, op: OpId, request: &Request, ctx: &mut Ctx<'_, Self>) {
        if !self.leads() {
            // The engine would forward it, and nobody could tell whether it got lost on the way.
            ctx.reply(op, Response::Refused(Refusal::NotLeader { leader: self.leader() }));
        } else if let Some(earlier) = self.map.answered(op) {
            ctx.reply(op, earlier);
        } else if self.raw.raft.lead_transferee.is_some() {
            ctx.reply(op, unavailable("leadership is being handed over"));
        } else if self.clients.pending.insert(op) {
            let room = Vec::with_capacity(bytes_about(request));
            let data = postcard::to_extend(&(op, request), room).expect("a request in memory always encodes").into();
            self.clients.gathered.push((op, Entry { data, ..Entry::default() }));
        }
    }

    /// Proposes the writes of this burst.
    pub(super) fn propose_gathered(&mut self, ctx: &mut Ctx<'_, Self>) {
        if self.clients.gathered.is_empty() {
            return;
        }
        let (ops, entries): (Vec<_>, Vec<_>) = std::mem::take(&mut self.clients.gathered).into_iter().unzip();
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.raw.raft.id;
        message.set_entries(entries.into());
        // The engine drops proposals while it hands over its office, and when it is no member any more.
        if !self.leads() || self.raw.step(message).is_err() {
            for op in ops {
                self.clients.pending.remove(&op);
                ctx.reply(op, unavailable("the leader takes no proposals at this time"));
            }
        }
    }

    /// Applies one client's write.
    pub(super) fn apply_write(&mut self, entry: &Entry, ctx: &mut Ctx<'_, Self>) {
        let (op, request): (OpId, Request) =
            postcard::from_bytes(&entry.data).expect("the log holds what this program proposed");
        let response = self.map.apply(op, &request, LogIndex(entry.index));
        if self.clients.pending.remove(&op) {
            ctx.reply(op, response);
        }
    }

    pub(super) fn on_read(&mut self, op: OpId, request: Request, ctx: &mut Ctx<'_, Self>) {
        match self.reads {
            Reads::Local => self.answer_read(op, &request, ctx),
            Reads::Confirmed if self.leads() => self.clients.reads.push((op, request)),
            Reads::Confirmed => ctx.reply(op, Response::Refused(Refusal::NotLeader { leader: self.leader() })),
        }
    }

    /// Asks, once for all reads of this burst, whether this node still leads.
    pub(super) fn confirm_reads(&mut self) {
        // Raft §8: a leader knows what is committed only after an entry of its own term is.
        if self.clients.reads.is_empty() || !self.leads() || !self.raw.raft.commit_to_current_term() {
            return;
        }
        // An attempt's number is never used again: a late confirmation of an earlier one proves nothing.
        self.clients.attempts += 1;
        let attempt = self.clients.attempts;
        self.clients.asked.insert(attempt, std::mem::take(&mut self.clients.reads));
        let mut context = self.raw.raft.term.to_be_bytes().to_vec();
        context.extend(attempt.to_be_bytes());
        self.raw.read_index(context);
    }

    pub(super) fn on_reads_confirmed(&mut self, states: Vec<ReadState>) {
        for state in states {
            let attempt = state.request_ctx.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
            if let Some(reads) = attempt.and_then(|attempt| self.clients.asked.remove(&attempt)) {
                self.clients.confirmed.push_back((state.index, reads));
            }
        }
    }

    /// Answers the confirmed reads that the map is ready for.
    pub(super) fn answer_confirmed(&mut self, ctx: &mut Ctx<'_, Self>) {
        while let Some((index, _)) = self.clients.confirmed.front()
            && *index <= self.applied
            && let Some((_, reads)) = self.clients.confirmed.pop_front()
        {
            for (op, request) in reads {
                self.answer_read(op, &request, ctx);
            }
        }
    }

    fn answer_read(&self, op: OpId, request: &Request, ctx: &mut Ctx<'_, Self>) {
        ctx.reply(op, self.map.read(request, LogIndex(self.applied)));
    }
}

pub(super) fn unavailable(why: &'static str) -> Response {
    Response::Refused(Refusal::Unavailable { why: Name::new(why) })
}

/// Returns about how long a request is when encoded: a buffer that has to grow is copied each time.
fn bytes_about(request: &Request) -> usize {
    match request {
        Request::Put { key, value } => key.0.len() + value.0.len() + 24,
        // The others are short or rare; their buffers may grow.
        _ => 64,
    }
}
