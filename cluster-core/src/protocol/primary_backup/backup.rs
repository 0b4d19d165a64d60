//! The backup: makes its log equal to the primary's, and says so once it is on disk.

use super::{
    Context, PrimaryBackup, Role,
    log::{Entry, LOG, Snapshot},
    messages::Body,
    variant::Flaw,
};
use crate::{
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
    request::{Refusal, Response},
    time::Timestamp,
};

/// What a backup knows.
#[derive(Debug, Default)]
pub(super) struct Backup {
    /// Its log is known to equal the primary's through here.
    matched: LogIndex,
    /// What the primary said is committed.
    announced: LogIndex,
    /// Whether the primary waits for an answer.
    owes: bool,
}

impl PrimaryBackup {
    /// Returns whether to listen to a primary of that epoch; follows it if its epoch is a later one.
    pub(super) fn accept_primary(&mut self, from: NodeId, epoch: Epoch, ctx: &mut Context<'_>) -> bool {
        if epoch < self.epoch {
            // Without fencing, a deposed primary is not told: it learns of the later one when that one speaks to it.
            if self.settings.fencing {
                ctx.note(Milestone::Fenced { from, epoch });
                self.send(from, Body::StaleEpoch { primary: self.primary }, ctx);
            }
            return false;
        }
        if epoch == self.epoch && self.role == Role::Primary {
            return false;
        }
        if epoch > self.epoch || self.primary != Some(from) {
            self.follow(from, epoch, ctx);
        }
        self.hear_primary(ctx);
        true
    }

    fn follow(&mut self, primary: NodeId, epoch: Epoch, ctx: &mut Context<'_>) {
        if self.role == Role::Primary {
            self.step_down(Role::Deposed, "a later epoch", ctx);
        }
        let known = (self.epoch, self.primary);
        (self.epoch, self.primary) = (epoch, Some(primary));
        if known != (self.epoch, self.primary) {
            self.follow = Backup::default();
            self.save_epoch(ctx);
        }
        self.end_handover(primary, ctx);
    }

    pub(super) fn on_stale_epoch(&mut self, epoch: Epoch, primary: Option<NodeId>, ctx: &mut Context<'_>) {
        if self.role != Role::Primary || epoch <= self.epoch {
            return;
        }
        self.step_down(Role::Deposed, "fenced by a later epoch", ctx);
        (self.epoch, self.primary) = (epoch, primary.filter(|primary| *primary != self.me));
        self.follow = Backup::default();
        self.save_epoch(ctx);
        self.expect_primary(ctx);
    }

    pub(super) fn on_replicate(
        &mut self,
        from: NodeId,
        prev: (LogIndex, Epoch),
        entries: Vec<Entry>,
        commit: LogIndex,
        ctx: &mut Context<'_>,
    ) {
        let (prev_index, prev_epoch) = prev;
        if prev_index == LogIndex(0) && self.log.base() > LogIndex(0) {
            // The primary's whole log is here to come: the snapshot is of another history.
            self.reset_log(None, ctx);
        }
        let known = self.log.epoch_at(prev_index);
        if known != Some(prev_epoch) && !(self.has(Flaw::NoConsistencyCheck) && known.is_some()) {
            let match_index = self.hint(prev_index, prev_epoch);
            return self.send(from, Body::ReplicateReply { ok: false, match_index }, ctx);
        }
        let through = LogIndex(prev_index.0 + entries.len() as u64);
        self.extend_log(prev_index, entries, ctx);
        self.follow.matched = self.follow.matched.max(through);
        self.follow.announced = self.follow.announced.max(commit);
        self.follow.owes = true;
        self.end_deposition();
        self.follow_commit(ctx);
    }

    /// Returns a position up to which the logs may be equal, given that they differ at `prev_index`.
    fn hint(&self, prev_index: LogIndex, prev_epoch: Epoch) -> LogIndex {
        let mut index = self.log.last().min(LogIndex(prev_index.0.saturating_sub(1)));
        while index > self.log.base() && self.log.epoch_at(index).is_some_and(|epoch| epoch > prev_epoch) {
            index.0 -= 1;
        }
        // Within the snapshot nothing can be compared: the primary has to begin at its own beginning.
        if index < self.log.base() { LogIndex(0) } else { index }
    }

    fn extend_log(&mut self, prev: LogIndex, entries: Vec<Entry>, ctx: &mut Context<'_>) {
        let indices = (prev.0 + 1..).map(LogIndex);
        let keeps = self.has(Flaw::NoTruncation);
        let is_there = |index: LogIndex, entry: &Entry| match self.log.get(index) {
            Some(known) => known == entry || keeps,
            None => false,
        };
        let mut unknown = indices.zip(entries).skip_while(|(index, entry)| is_there(*index, entry)).peekable();
        let Some(first) = unknown.peek().map(|(index, _)| *index) else { return };
        let missing: Vec<_> = unknown.map(|(_, entry)| entry).collect();
        if first <= self.log.last() {
            self.erase_from(first, ctx);
        }
        for entry in missing {
            let (_, record) = self.log.push(entry);
            ctx.append(LOG, record);
        }
        self.dirty |= !self.has(Flaw::AckBeforeFsync);
        ctx.log_spliced(first, self.log.briefs(first));
    }

    /// Erases entries that the primary does not have. On the disk, the entry that takes the place of the first does it.
    fn erase_from(&mut self, from: LogIndex, ctx: &mut Context<'_>) {
        ctx.note(Milestone::EntriesErased { from, to: self.log.last() });
        let kept = LogIndex(from.0 - 1);
        self.log.truncate(from);
        self.persisted = self.persisted.min(kept);
        for (_, last) in &mut self.syncs {
            *last = (*last).min(kept);
        }
        self.commit = self.commit.min(kept);
        if self.applied > kept {
            self.applied = kept;
            self.state = self.log.replay(kept);
        }
        self.refuse_pending_from(from, ctx);
    }

    fn refuse_pending_from(&mut self, from: LogIndex, ctx: &mut Context<'_>) {
        let refusal = if self.settings.fencing { Refusal::StaleEpoch } else { self.not_leader() };
        for op in self.pending.split_off(&from).into_values() {
            ctx.reply(op, Response::Refused(refusal));
        }
    }

    pub(super) fn on_install_snapshot(&mut self, snapshot: Snapshot, ctx: &mut Context<'_>) {
        let index = snapshot.index;
        let known = self.log.epoch_at(index) == Some(snapshot.epoch);
        if index > self.follow.matched && !known {
            self.reset_log(Some(snapshot), ctx);
        }
        self.follow.matched = self.follow.matched.max(index);
        self.follow.announced = self.follow.announced.max(index);
        self.follow.owes = true;
        self.end_deposition();
        self.follow_commit(ctx);
    }

    /// Puts a snapshot, or nothing, in the place of the log and the state.
    fn reset_log(&mut self, snapshot: Option<Snapshot>, ctx: &mut Context<'_>) {
        let last = self.log.last();
        let index = snapshot.as_ref().map_or(LogIndex(0), |snapshot| snapshot.index);
        self.log.reset(snapshot);
        ctx.replace(LOG, self.log.records());
        self.dirty = true;
        self.syncs.iter_mut().for_each(|(_, synced)| *synced = LogIndex(0));
        self.state = self.log.replay(index);
        (self.commit, self.applied, self.persisted) = (index, index, LogIndex(0));
        if last > index {
            ctx.note(Milestone::EntriesErased { from: index.next(), to: last });
        }
        if index > LogIndex(0) {
            ctx.note(Milestone::SnapshotInstalled { index });
        }
        ctx.log_spliced(index.next(), Vec::new());
        for (at, op) in std::mem::take(&mut self.pending) {
            match self.state.answered(op) {
                Some(response) => ctx.reply(op, response),
                None => drop(self.pending.insert(at, op)),
            }
        }
        self.refuse_pending_from(LogIndex(0), ctx);
    }

    pub(super) fn on_heartbeat(
        &mut self,
        from: NodeId,
        commit: LogIndex,
        through: LogIndex,
        sent: Timestamp,
        ctx: &mut Context<'_>,
    ) {
        self.follow.announced = self.follow.announced.max(commit);
        self.follow_commit(ctx);
        let have = self.follow.matched;
        self.send(from, Body::HeartbeatReply { sent, have, complete: have >= through }, ctx);
    }

    /// Applies what the primary committed, as far as it is known to be the same here and on disk.
    pub(super) fn follow_commit(&mut self, ctx: &mut Context<'_>) {
        let commit = self.follow.announced.min(self.follow.matched).min(self.answerable());
        if commit > self.commit {
            self.commit = commit;
            self.apply_committed(ctx);
        }
    }

    /// Tells the primary what is equal and on disk.
    pub(super) fn answer_primary(&mut self, ctx: &mut Context<'_>) {
        let Some(primary) = self.primary.filter(|_| self.follow.owes) else { return };
        let match_index = self.follow.matched.min(self.answerable());
        self.send(primary, Body::ReplicateReply { ok: true, match_index }, ctx);
        self.follow.owes = match_index < self.follow.matched;
    }

    /// A deposed primary is a backup like others once the first entry of the later epoch is in its log.
    fn end_deposition(&mut self) {
        if self.role == Role::Deposed && self.log.last_epoch() == self.epoch {
            self.role = Role::Backup;
        }
    }
}
