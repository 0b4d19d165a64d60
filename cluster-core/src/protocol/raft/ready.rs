//! The ready loop: what the engine wants written, sent and applied, and in which order.
//!
//! A follower's answer and a candidate's question leave only after the disk has what they promise. A leader's entries may
//! leave at once, but the leader counts itself only when its own disk has them (dissertation §10.2.1).

use std::collections::VecDeque;

use raft::{
    StateRole, Storage as _,
    eraftpb::{Entry, EntryType, Message, MessageType, Snapshot},
};

use super::{Raft, disk, messages::RaftMessage, node_from_id};
use crate::{
    disk::SyncId,
    event::Milestone,
    ids::{Epoch, LogIndex},
    protocol::{Ctx, KvMap},
};

/// One ready that was handed to the disk, or that waits for an earlier one.
pub(super) struct Outstanding {
    number: u64,
    wait: Wait,
    /// What may be said once the disk has it.
    messages: Vec<Message>,
    /// The term and vote it made durable, if they changed.
    vote: Option<(u64, u64)>,
    /// The snapshot it installed.
    snapshot: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Only for those before it.
    Turn,
    /// For the sync at the end of this burst.
    NextSync,
    Sync(SyncId),
}

impl Raft {
    /// Lets the engine's wishes come true until it has none. Returns whether it had any, or clients have.
    pub(super) fn pump(&mut self, ctx: &mut Ctx<'_, Self>) -> bool {
        let mut busy = self.clients.has_any();
        self.stirred |= self.clients.has_reads();
        self.propose_gathered(ctx);
        self.promote_learners();
        self.confirm_reads();
        let mut must_sync = false;
        while self.raw.has_ready() {
            (self.stirred, busy) = (true, true);
            must_sync |= self.handle_ready(ctx);
            self.clock.reseed(&mut self.raw.raft);
            self.confirm_reads();
        }
        if must_sync {
            let sync = ctx.sync();
            for ready in self.outstanding.iter_mut().filter(|ready| ready.wait == Wait::NextSync) {
                ready.wait = Wait::Sync(sync);
            }
        }
        self.compact_if_due(ctx);
        busy
    }

    /// Returns whether a snapshot of another node is on its way to the disk.
    pub(super) fn installing(&self) -> bool {
        self.outstanding.iter().any(|ready| ready.snapshot.is_some())
    }

    /// Carries out one ready. Returns whether it needs a sync.
    fn handle_ready(&mut self, ctx: &mut Ctx<'_, Self>) -> bool {
        let mut ready = self.raw.ready();
        let mut messages = ready.take_persisted_messages();
        let at_once = ready.take_messages();
        let committed = ready.take_committed_entries();
        let reads = ready.take_read_states();
        let entries = ready.take_entries();
        let must_sync = ready.must_sync();
        let number = ready.number();
        let vote = ready.hs().map(|state| (state.term, state.vote)).filter(|vote| *vote != self.written);
        let snapshot = (!ready.snapshot().is_empty()).then(|| ready.snapshot().clone());
        let installed = snapshot.as_ref().map(|snapshot| snapshot.get_metadata().index);

        // A leader of one voter leads before its term is on its disk. Then even its messages have to wait, and those
        // behind them, so that none overtakes another.
        if vote.is_none() && self.outstanding.iter().all(|ready| ready.messages.is_empty()) {
            self.send_all(at_once, ctx);
        } else {
            messages.extend(at_once);
        }
        if let Some(state) = ready.hs() {
            self.written = (state.term, state.vote);
            self.raw.mut_store().set_hard_state(state.clone());
        }
        self.write(snapshot, entries, vote.is_some(), ctx);
        self.raw.advance_append_async(ready);

        let wait = if must_sync { Wait::NextSync } else { Wait::Turn };
        self.outstanding.push_back(Outstanding { number, wait, messages, vote, snapshot: installed });
        self.release(None, ctx);
        self.apply(committed, ctx);
        self.on_reads_confirmed(reads);
        self.answer_confirmed(ctx);
        must_sync
    }

    /// Writes what one ready brought. A commit index alone is not written: it can be learned again.
    fn write(&mut self, snapshot: Option<Snapshot>, entries: Vec<Entry>, voted: bool, ctx: &mut Ctx<'_, Self>) {
        if let Some(snapshot) = snapshot {
            self.install(snapshot, ctx);
            self.show_entries(&entries, ctx);
            self.raw.mut_store().append(entries);
            disk::write_all(self.raw.store(), ctx);
        } else if voted || !entries.is_empty() {
            disk::write_step(self.raw.store().hard_state(), &entries, ctx);
            self.show_entries(&entries, ctx);
            self.raw.mut_store().append(entries);
        }
    }

    fn show_entries(&self, entries: &[Entry], ctx: &mut Ctx<'_, Self>) {
        let Some(first) = entries.first() else { return };
        let last = self.raw.store().last();
        if first.index <= last {
            ctx.note(Milestone::EntriesErased { from: LogIndex(first.index), to: LogIndex(last) });
        }
        ctx.log_spliced(LogIndex(first.index), entries.iter().map(disk::brief).collect());
    }

    /// Replaces map and log by another node's snapshot.
    fn install(&mut self, snapshot: Snapshot, ctx: &mut Ctx<'_, Self>) {
        let index = snapshot.get_metadata().index;
        self.map = KvMap::from_bytes(&snapshot.data).expect("a snapshot holds a map");
        self.applied = index;
        self.snapshot = Some(disk::snapshot_view(&snapshot));
        self.raw.mut_store().install(snapshot);
        self.take_members();
        ctx.note(Milestone::SnapshotInstalled { index: LogIndex(index) });
        ctx.log_spliced(LogIndex(index + 1), Vec::new());
        let (voters, learners) = (self.voters.clone(), self.learners.clone());
        ctx.note(Milestone::MembersChanged { voters, learners });
    }

    /// Lets go the readies that `sync` made durable, and those that only waited for them. Never one before its turn:
    /// to the engine, a number stands for all before it.
    pub(super) fn release(&mut self, sync: Option<SyncId>, ctx: &mut Ctx<'_, Self>) {
        let mut released = None;
        let mut snapshot = None;
        while let Some(ready) = pop_free(&mut self.outstanding, sync) {
            released = Some(ready.number);
            snapshot = ready.snapshot.or(snapshot);
            if let Some((term, vote)) = ready.vote {
                self.durable = (term, vote);
                if let Some(to) = node_from_id(vote) {
                    ctx.note(Milestone::VoteGranted { epoch: Epoch(term), to });
                }
            }
            self.send_all(ready.messages, ctx);
        }
        if let Some(number) = released {
            self.raw.on_persist_ready(number);
        }
        if let Some(index) = snapshot {
            self.raw.advance_apply_to(index);
        }
    }

    fn send_all(&mut self, messages: Vec<Message>, ctx: &mut Ctx<'_, Self>) {
        for message in messages {
            let Some(to) = node_from_id(message.to) else { continue };
            if message.msg_type == MessageType::MsgSnapshot {
                let index = message.get_snapshot().get_metadata().index;
                ctx.note(Milestone::SnapshotSent { to, index: LogIndex(index) });
                let patience = self.clock.tick() * self.raw.raft.election_timeout() as u32 * 2;
                self.snapshots_sent.insert(message.to, ctx.now() + patience);
            }
            ctx.send(to, RaftMessage(message));
        }
    }

    /// Applies committed entries to the map and to the members.
    fn apply(&mut self, entries: Vec<Entry>, ctx: &mut Ctx<'_, Self>) {
        let Some(last) = entries.last().map(|entry| entry.index) else { return };
        for entry in &entries {
            match entry.entry_type {
                // The first entry of a new leader.
                EntryType::EntryNormal if entry.data.is_empty() => {}
                EntryType::EntryNormal => self.apply_write(entry, ctx),
                EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => self.apply_members(entry, ctx),
            }
        }
        self.applied = last;
        self.raw.advance_apply_to(last);
        let engine = &mut self.raw.raft;
        if engine.state == StateRole::Leader && !engine.promotable() {
            // Dissertation §4.2.2: a leader that removed itself steps down once that is committed.
            let term = engine.term;
            engine.become_follower(term, raft::INVALID_ID);
        }
    }

    /// Takes a snapshot when enough was applied, or when a follower needs one that does not exist yet.
    fn compact_if_due(&mut self, ctx: &mut Ctx<'_, Self>) {
        let wanted = self.raw.store().take_wanted();
        let last = self.snapshot.map_or(0, |snapshot| snapshot.index.0);
        let due = self.applied >= last + self.snapshot_every;
        if !(due || wanted) || self.applied <= last || self.installing() {
            return;
        }
        self.stirred = true;
        let index = self.applied;
        let term = self.raw.store().term(index).expect("what was applied is in the log");
        let mut snapshot = Snapshot { data: self.map.to_bytes(), ..Snapshot::default() };
        let meta = snapshot.mut_metadata();
        (meta.index, meta.term) = (index, term);
        let mut members = self.raw.raft.prs().conf().to_conf_state();
        members.voters.sort_unstable();
        members.learners.sort_unstable();
        meta.set_conf_state(members);
        self.snapshot = Some(disk::snapshot_view(&snapshot));
        let state = self.raw.raft.hard_state();
        let store = self.raw.mut_store();
        store.set_snapshot(snapshot);
        store.set_hard_state(state);
        // A tail stays, so that a follower that is only a little behind needs no snapshot.
        store.compact(index.saturating_sub((self.snapshot_every / 2).min(TAIL_MAX)));
        disk::write_all(self.raw.store(), ctx);
        ctx.note(Milestone::SnapshotTaken { index: LogIndex(index) });
    }
}

/// The tail of the log that stays behind a snapshot is written anew with it; a longer one would cost more than it saves.
const TAIL_MAX: u64 = 1000;

fn pop_free(outstanding: &mut VecDeque<Outstanding>, sync: Option<SyncId>) -> Option<Outstanding> {
    let free = match outstanding.front()?.wait {
        Wait::Turn => true,
        Wait::NextSync => false,
        Wait::Sync(own) => sync.is_some_and(|sync| own <= sync),
    };
    if free { outstanding.pop_front() } else { None }
}
