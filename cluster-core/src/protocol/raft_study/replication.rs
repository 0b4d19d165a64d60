//! Log replication (§5.3), and when an entry is committed (§5.3, §5.4.2).

use super::{Context, RaftStudy, Role, Timer, log::Entry, messages::Message, variant::Flaw};
use crate::{
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
    time::Timestamp,
};

/// What a leader knows of a follower.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    /// The next entry to send to it; beyond what it has answered for, while answers are under way.
    pub(super) next_index: LogIndex,
    /// The last entry that it is known to have.
    pub(super) match_index: LogIndex,
    /// The latest round of heartbeats that it answered (§8), and the latest that it was asked in.
    pub(super) round: u64,
    asked: u64,
    /// Since when a snapshot is under way to it (§7).
    pub(super) snapshot_sent: Option<Timestamp>,
}

impl Follower {
    pub(super) fn new(next_index: LogIndex) -> Self {
        Self { next_index, match_index: LogIndex(0), round: 0, asked: 0, snapshot_sent: None }
    }

    /// Begins to send anew behind `index`.
    pub(super) fn rewind(&mut self, index: LogIndex) {
        self.next_index = index.next();
        self.snapshot_sent = None;
    }

    /// It has everything up to `index`.
    pub(super) fn matches(&mut self, index: LogIndex) {
        self.match_index = self.match_index.max(index);
        self.next_index = self.next_index.max(index.next());
    }
}

impl RaftStudy {
    /// The leader's word to all, and again after a heartbeat interval.
    pub(super) fn send_heartbeats(&mut self, ctx: &mut Context<'_>) {
        if self.role != Role::Leader {
            return;
        }
        for to in self.others() {
            self.send_append(to, ctx);
        }
        ctx.set_timer(Timer::Heartbeat, self.heartbeat);
    }

    /// Sends each follower what it does not have, and the round of heartbeats that reads wait for.
    pub(super) fn replicate(&mut self, ctx: &mut Context<'_>) {
        let (last_index, round) = (self.log.last_index(), self.clients.round);
        let wants = |follower: &Follower| follower.next_index <= last_index || follower.asked < round;
        let to: Vec<NodeId> = self.followers.iter().filter(|(_, it)| wants(it)).map(|(to, _)| *to).collect();
        for to in to {
            self.send_append(to, ctx);
        }
    }

    /// Sends one AppendEntries, or the snapshot that stands for what it would have to contain.
    ///
    /// The leader's own disk need not have the entries yet: until it has, the leader does not count itself.
    fn send_append(&mut self, to: NodeId, ctx: &mut Context<'_>) {
        let round = self.clients.round;
        let Some(follower) = self.followers.get_mut(&to) else { return };
        let prev_log_index = LogIndex(follower.next_index.0 - 1);
        let Some(prev_log_term) = self.log.term_at(prev_log_index) else {
            return self.send_snapshot(to, ctx);
        };
        let entries = self.log.batch(follower.next_index);
        follower.next_index.0 += entries.len() as u64;
        follower.asked = round;
        let append = Message::AppendEntries {
            term: self.current_term,
            leader_id: self.me,
            prev_log_index,
            prev_log_term,
            entries,
            leader_commit: self.commit_index,
            round,
        };
        ctx.send(to, append);
    }

    /// Figure 2, AppendEntries, steps 2 to 5. Returns whether it succeeded, and up to where the logs are, or may be, equal.
    pub(super) fn on_append_entries(
        &mut self,
        prev: (LogIndex, Epoch),
        mut entries: Vec<Entry>,
        leader_commit: LogIndex,
        ctx: &mut Context<'_>,
    ) -> (bool, LogIndex) {
        let (prev_log_index, prev_log_term) = prev;
        let last_new = LogIndex(prev_log_index.0 + entries.len() as u64);
        let mut first = prev_log_index.next();
        if prev_log_index < self.log.base() {
            // What a snapshot includes is committed, and so the same everywhere.
            let known = (self.log.base().0 - prev_log_index.0).min(entries.len() as u64);
            entries.drain(..known as usize);
            first.0 += known;
        } else if self.log.term_at(prev_log_index) != Some(prev_log_term) {
            return (false, self.last_possible_match(prev_log_index));
        }
        self.take_entries(first, entries, ctx);
        if self.has(Flaw::TruncatesOnOldAppend) && last_new >= self.log.base() {
            self.erase_after(last_new, ctx);
        }
        let most = if self.has(Flaw::CommitBeyondMatch) { self.log.last_index() } else { last_new };
        if leader_commit.min(most) > self.commit_index {
            self.commit_index = leader_commit.min(most).min(self.log.last_index());
            self.apply_committed(ctx);
        }
        (true, last_new)
    }

    /// Steps 3 and 4: what conflicts is deleted with all that follows it; what is not there is appended.
    fn take_entries(&mut self, first: LogIndex, entries: Vec<Entry>, ctx: &mut Context<'_>) {
        let keeps = |index: u64, entry: &Entry| match self.log.term_at(LogIndex(index)) {
            Some(term) => term == entry.term || self.has(Flaw::NoTruncation),
            None => false,
        };
        let known = (first.0..).zip(&entries).take_while(|(index, entry)| keeps(*index, entry)).count();
        let missing = entries[known..].to_vec();
        if !missing.is_empty() {
            self.erase_after(LogIndex(first.0 + known as u64 - 1), ctx);
            self.append(missing, ctx);
        }
    }

    /// Deletes the entries behind `kept`. On the disk, the next ones that are appended do that.
    fn erase_after(&mut self, kept: LogIndex, ctx: &mut Context<'_>) {
        let last = self.log.last_index();
        if last <= kept {
            return;
        }
        assert!(kept >= self.commit_index, "entry {} is committed, and the leader has another one there", kept.next());
        ctx.note(Milestone::EntriesErased { from: kept.next(), to: last });
        self.log.truncate(kept.next());
        self.durable.cut(kept);
        ctx.log_spliced(kept.next(), Vec::new());
    }

    /// §5.3: instead of one entry, the leader skips all of the conflicting term.
    fn last_possible_match(&self, prev_log_index: LogIndex) -> LogIndex {
        let Some(term) = self.log.term_at(prev_log_index) else { return self.log.last_index() };
        let mut index = LogIndex(prev_log_index.0 - 1);
        while index > self.commit_index && self.log.term_at(index) == Some(term) {
            index.0 -= 1;
        }
        index
    }

    pub(super) fn reply_to_append(
        &mut self,
        to: NodeId,
        (success, match_index, prev_log_index, round): (bool, LogIndex, LogIndex, u64),
        ctx: &mut Context<'_>,
    ) {
        let term = self.current_term;
        let reply = Message::AppendEntriesReply { term, success, prev_log_index, match_index, round };
        self.say_when_durable(to, reply, ctx);
    }

    pub(super) fn on_append_reply(
        &mut self,
        from: NodeId,
        success: bool,
        prev_log_index: LogIndex,
        match_index: LogIndex,
        round: u64,
        ctx: &mut Context<'_>,
    ) {
        let Some(follower) = self.followers.get_mut(&from) else { return };
        follower.round = follower.round.max(round);
        if success {
            follower.matches(match_index);
            self.advance_commit_index(ctx);
        } else if prev_log_index < follower.next_index && follower.snapshot_sent.is_none() {
            // Of several calls under way, the first refusal says where the logs part.
            let last_possible = match_index.min(LogIndex(prev_log_index.0.saturating_sub(1)));
            // It has less than it once had: its disk was erased.
            follower.match_index = follower.match_index.min(last_possible);
            follower.rewind(last_possible);
        }
    }

    /// Figure 2, rules for leaders: commits what a majority has, if it is of the current term (§5.4.2).
    pub(super) fn advance_commit_index(&mut self, ctx: &mut Context<'_>) {
        let mut matched: Vec<LogIndex> = self.followers.values().map(|follower| follower.match_index).collect();
        matched.push(self.own_match_index());
        matched.sort_unstable_by(|a, b| b.cmp(a));
        let short = usize::from(self.has(Flaw::CommitWithoutMajority) && self.majority() > 1);
        let on_majority = matched[self.majority() - 1 - short].min(self.log.last_index());
        let own_term = self.log.term_at(on_majority) == Some(self.current_term) || self.has(Flaw::CommitOlderTerm);
        if on_majority > self.commit_index && own_term {
            self.commit_index = on_majority;
            self.apply_committed(ctx);
        }
    }
}
