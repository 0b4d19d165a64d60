//! Figure 2's first rule of persistence: stable storage is updated before a server responds.
//!
//! Everything that happens in one burst of inputs is written together and synced once. What promises something about it
//! is held back until the sync is done.

use std::collections::VecDeque;

use super::{
    Context, RaftStudy, Role,
    log::{self, Entry, Found},
    messages::Message,
    variant::Flaw,
};
use crate::{
    disk::SyncId,
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
};

/// What the disk has, and what waits for it.
#[derive(Default)]
pub(super) struct Durable {
    /// Term and vote.
    pub(super) vote: (Epoch, Option<NodeId>),
    pub(super) last_index: LogIndex,
    /// Whether something was written since the last sync was asked for.
    dirty: bool,
    /// The syncs under way, with what each makes durable.
    syncs: VecDeque<(SyncId, (Epoch, Option<NodeId>), LogIndex)>,
    /// What is said once a sync is done; without a number, once the next one is.
    held: VecDeque<(Option<SyncId>, NodeId, Message)>,
}

impl Durable {
    /// Returns what a booting node has.
    pub(super) fn of(found: &Found) -> Self {
        let vote = (found.current_term, found.voted_for);
        Self { vote, last_index: found.log.last_index(), ..Self::default() }
    }

    /// The log was cut behind `kept`.
    pub(super) fn cut(&mut self, kept: LogIndex) {
        self.last_index = self.last_index.min(kept);
        for (_, _, last_index) in &mut self.syncs {
            *last_index = (*last_index).min(kept);
        }
    }
}

impl RaftStudy {
    /// Writes `currentTerm` and `votedFor`.
    pub(super) fn persist_vote(&mut self, ctx: &mut Context<'_>) {
        self.durable.dirty = true;
        let (term, voted_for) = self.stored_vote();
        ctx.append(log::FILE, log::vote_record(term, voted_for));
    }

    /// Returns the term and the vote as they are written.
    fn stored_vote(&self) -> (Epoch, Option<NodeId>) {
        match self.flaw {
            Some(Flaw::TermNotPersisted) => (Epoch(0), None),
            Some(Flaw::VoteNotPersisted) => (self.current_term, None),
            _ => (self.current_term, self.voted_for), // nothing else is wrong with what is written
        }
    }

    /// Appends entries to the log, in memory and on the disk.
    pub(super) fn append(&mut self, entries: Vec<Entry>, ctx: &mut Context<'_>) {
        let (first, record) = self.log.append(entries);
        ctx.append(log::FILE, record);
        ctx.log_spliced(first, self.log.briefs(first));
        self.durable.dirty |= !self.has(Flaw::AckBeforeFsync);
    }

    /// Writes everything anew, without what a snapshot made superfluous.
    pub(super) fn rewrite(&mut self, ctx: &mut Context<'_>) {
        let (term, voted_for) = self.stored_vote();
        ctx.replace(log::FILE, self.log.records(term, voted_for));
        self.durable.dirty = true;
    }

    /// Sends a message that promises something, once the disk has what it promises.
    pub(super) fn say_when_durable(&mut self, to: NodeId, message: Message, ctx: &mut Context<'_>) {
        let waits = self.durable.dirty || !self.durable.syncs.is_empty();
        if !waits || self.has(Flaw::AckBeforeFsync) {
            return ctx.send(to, message);
        }
        let sync = self.durable.syncs.back().map(|(sync, ..)| *sync).filter(|_| !self.durable.dirty);
        self.durable.held.push_back((sync, to, message));
    }

    /// Asks for one sync of all that this burst wrote.
    pub(super) fn sync_if_dirty(&mut self, ctx: &mut Context<'_>) {
        if !std::mem::take(&mut self.durable.dirty) {
            return;
        }
        let sync = ctx.sync();
        self.durable.syncs.push_back((sync, (self.current_term, self.voted_for), self.log.last_index()));
        for (waits_for, ..) in &mut self.durable.held {
            waits_for.get_or_insert(sync);
        }
    }

    /// A sync is done: what waited for it is said.
    pub(super) fn on_durable(&mut self, sync: SyncId, ctx: &mut Context<'_>) {
        while let Some((_, vote, last_index)) = self.durable.syncs.pop_front_if(|(id, ..)| *id <= sync) {
            self.durable.last_index = self.durable.last_index.max(last_index);
            if let (term, Some(to)) = vote
                && vote != self.durable.vote
            {
                ctx.note(Milestone::VoteGranted { epoch: term, to });
            }
            self.durable.vote = vote;
        }
        while let Some((_, to, message)) =
            self.durable.held.pop_front_if(|(waits_for, ..)| waits_for.is_some_and(|waits_for| waits_for <= sync))
        {
            ctx.send(to, message);
        }
        match self.role {
            Role::Candidate => self.count_own_vote(ctx),
            Role::Leader => self.advance_commit_index(ctx),
            Role::Follower | Role::Spectator => {}
        }
    }

    /// Returns the last entry that this node may count itself for.
    pub(super) fn own_match_index(&self) -> LogIndex {
        if self.has(Flaw::AckBeforeFsync) { self.log.last_index() } else { self.durable.last_index }
    }
}
