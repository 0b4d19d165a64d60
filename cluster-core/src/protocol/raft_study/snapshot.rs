//! Log compaction (§7): a snapshot stands for the beginning of the log, and travels to who is too far behind.

use bytes::Bytes;

use super::{Context, RaftStudy, log::Snapshot, messages::Message};
use crate::{
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
    protocol::KvMap,
};

/// Returns the state machine of a snapshot.
pub(super) fn state_machine(data: &[u8]) -> KvMap {
    KvMap::from_bytes(data).expect("a snapshot holds a map")
}

impl RaftStudy {
    fn last_included_index(&self) -> LogIndex {
        self.log.snapshot.as_ref().map_or(LogIndex(0), |snapshot| snapshot.last_included_index)
    }

    /// Takes a snapshot of the state machine when enough was applied.
    pub(super) fn compact_if_due(&mut self, ctx: &mut Context<'_>) {
        if self.last_applied.0 < self.last_included_index().0 + self.snapshot_every {
            return;
        }
        let index = self.last_applied;
        let last_included_term = self.log.term_at(index).expect("what was applied is in the log");
        let data = self.state_machine.to_bytes();
        self.log.snapshot = Some(Snapshot { last_included_index: index, last_included_term, data });
        // A tail stays, so that a follower that is only a little behind needs no snapshot.
        self.log.compact(LogIndex(index.0 - self.snapshot_every / 2).max(self.log.base()));
        self.rewrite(ctx);
        ctx.note(Milestone::SnapshotTaken { index });
    }

    /// Sends the snapshot, unless it is under way: lost ones are sent again after two election timeouts.
    pub(super) fn send_snapshot(&mut self, to: NodeId, ctx: &mut Context<'_>) {
        let Some(snapshot) = self.log.snapshot.clone() else { return };
        let Some(follower) = self.followers.get_mut(&to) else { return };
        let patience = self.election_timeout.1 * 2;
        if follower.snapshot_sent.is_some_and(|sent| ctx.now().since(sent) < patience) {
            return;
        }
        follower.snapshot_sent = Some(ctx.now());
        let index = snapshot.last_included_index;
        ctx.note(Milestone::SnapshotSent { to, index });
        let install = Message::InstallSnapshot {
            term: self.current_term,
            leader_id: self.me,
            last_included_index: index,
            last_included_term: snapshot.last_included_term,
            data: snapshot.data,
        };
        ctx.send(to, install);
    }

    /// Figure 13, receiver implementation, steps 5 to 8.
    pub(super) fn on_install_snapshot(&mut self, index: LogIndex, term: Epoch, data: Bytes, ctx: &mut Context<'_>) {
        if index <= self.commit_index {
            return;
        }
        self.state_machine = state_machine(&data);
        let snapshot = Snapshot { last_included_index: index, last_included_term: term, data };
        let retained = self.log.term_at(index) == Some(term);
        if retained {
            self.log.snapshot = Some(snapshot);
            self.log.compact(index);
        } else {
            self.log.reset(snapshot);
            self.durable.cut(LogIndex(0));
        }
        (self.commit_index, self.last_applied) = (index, index);
        self.rewrite(ctx);
        ctx.note(Milestone::SnapshotInstalled { index });
        ctx.log_spliced(index.next(), self.log.briefs(index.next()));
    }

    pub(super) fn on_snapshot_installed(&mut self, from: NodeId, index: LogIndex, ctx: &mut Context<'_>) {
        let Some(follower) = self.followers.get_mut(&from) else { return };
        follower.snapshot_sent = None;
        follower.matches(index);
        self.advance_commit_index(ctx);
    }
}
