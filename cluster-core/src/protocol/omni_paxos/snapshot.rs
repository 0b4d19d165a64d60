//! Shortens the log, and helps those who are behind what is left of it.
//!
//! The engine's own snapshots need maps that can be merged, and ours is a function of every write before it. So a node
//! writes a snapshot of its map and forgets the entries before it, without the engine; and a node that asks for such
//! entries, as a follower or as a leader that has to catch up, is sent the snapshot in place of an answer. Everything in a
//! snapshot is decided, so it contradicts nothing that a sound node knows.

use omnipaxos::messages::sequence_paxos::PaxosMsg;

use super::{
    Context, Office, OmniPaxos,
    messages::{Said, Snapshot},
};
use crate::{
    event::{Milestone, SnapshotView},
    ids::{LogIndex, NodeId},
    protocol::KvMap,
};

/// The log is shortened when it is that long, however few its entries are: what one node lacks travels in one frame.
const LOG_BYTES_MAX: u64 = 4 << 20;

impl OmniPaxos {
    /// Takes a snapshot and forgets the log before it, if it is long enough.
    pub(super) fn compact_if_due(&mut self, ctx: &mut Context<'_>) {
        let log = self.log.log();
        let (base, bytes) = (log.base, log.bytes());
        drop(log);
        let long = self.applied - base >= self.snapshot_every || bytes > LOG_BYTES_MAX && self.applied > base;
        // While promises are gathered, the log is compared with those of others: it stays as it is.
        if !long || !self.accepts() {
            return;
        }
        self.log.log().compact(self.applied);
        let snapshot = self.snapshot_now();
        ctx.note(Milestone::SnapshotTaken { index: LogIndex(snapshot.index) });
        self.snapshot = Some(view_of(&snapshot));
        self.write_all(&snapshot, ctx);
    }

    fn snapshot_now(&self) -> Snapshot {
        let epoch = self.log.log().epoch_at(self.applied).expect("what was applied last is known");
        Snapshot { index: self.applied, epoch, map: self.map.to_bytes() }
    }

    /// Sends the map to a node that asks for entries from before the log, in place of what it asked for. Returns whether
    /// it is such a node.
    pub(super) fn helps_with_a_snapshot(&mut self, to: NodeId, said: &Said, ctx: &mut Context<'_>) -> bool {
        let decided = match said {
            Said::Paxos(PaxosMsg::Prepare(prepare)) => prepare.decided_idx,
            Said::Paxos(PaxosMsg::Promise(promise)) => promise.decided_idx,
            Said::Paxos(_) | Said::Heartbeat(_) | Said::Snapshot(_) => return false, // they ask for no entries
        };
        if decided as u64 >= self.log.log().base {
            return false;
        }
        let snapshot = self.snapshot_now();
        ctx.note(Milestone::SnapshotSent { to, index: LogIndex(snapshot.index) });
        self.say_when_durable(to, Said::Snapshot(snapshot), ctx);
        true
    }

    /// Takes over a snapshot of another node, if it tells of more than is known to be decided.
    ///
    /// An entry that is kept stays accepted in its round. One that is let go differs from what is decided before it, so
    /// that no majority accepted it.
    pub(super) fn install(&mut self, from: NodeId, snapshot: Snapshot, ctx: &mut Context<'_>) {
        let index = snapshot.index;
        if index <= self.log.log().decided {
            return;
        }
        // What the engine wants to be said rests on what it wrote so far.
        self.settle(ctx);
        self.flush(ctx);
        let stands_here = self.log.log().epoch_at(index) == Some(snapshot.epoch);
        if stands_here {
            self.log.log().decided = index;
        } else {
            let Some(map) = KvMap::from_bytes(&snapshot.map) else { return };
            self.log.log().replace(index, snapshot.epoch);
            self.log.log().take_changes();
            (self.map, self.applied) = (map, index);
            self.durable.cut(0);
            self.snapshot = Some(view_of(&snapshot));
            self.synced_from = Some((from, 0));
            ctx.note(Milestone::SnapshotInstalled { index: LogIndex(index) });
            ctx.log_spliced(LogIndex(index + 1), Vec::new());
            self.write_all(&snapshot, ctx);
        }
        // The engine read its storage when it was built: it is built anew, and asks its leader to be prepared anew.
        self.start_engine();
    }

    /// Returns whether this node's log is in step with its leader's.
    fn accepts(&self) -> bool {
        let in_step = self.engine.as_ref().and_then(|engine| engine.get_current_leader());
        in_step.is_some_and(|(_, accepts)| accepts) && self.office != Office::Preparing
    }
}

pub(super) fn view_of(snapshot: &Snapshot) -> SnapshotView {
    SnapshotView { index: LogIndex(snapshot.index), epoch: snapshot.epoch, bytes: snapshot.map.len() as u64 }
}
