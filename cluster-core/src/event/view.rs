//! What a learner may see of a node, typed, and how it changes.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::membership::{DetectorView, Opinion};
use crate::{
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    time::Timestamp,
};

/// What a node shows of itself. Its log is told apart, by [`super::EventKind::LogSpliced`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its role.
    pub role: RoleKind,
    /// The protocol's own word for the role, such as `pre-candidate`.
    pub role_name: Name,
    /// Its term, ballot or view.
    pub epoch: Epoch,
    /// Whom it voted for in this epoch.
    pub voted_for: Option<NodeId>,
    /// Who granted it a vote in this epoch, while it is a candidate.
    pub votes: Vec<NodeId>,
    /// Whom it believes to lead.
    pub leader: Option<NodeId>,
    /// The first entry still in its log (later than 1 after a compaction).
    pub first_index: LogIndex,
    /// The last entry it knows to be committed.
    pub commit_index: LogIndex,
    /// The last entry applied to its state.
    pub applied_index: LogIndex,
    /// The last entry it knows to be on its own disk.
    pub persisted_index: LogIndex,
    /// What it knows of the others; a leader knows most.
    pub peers: BTreeMap<NodeId, PeerView>,
    /// The timer that matters most: election, lease, suspicion.
    pub timer: Option<TimerView>,
    /// A hash of its state: equal hashes mean equal maps.
    pub state_hash: u64,
    /// How many keys its map has.
    pub keys: u64,
    /// Its latest snapshot.
    pub snapshot: Option<SnapshotView>,
    /// The members with a vote, as it knows them.
    pub voters: Vec<NodeId>,
    /// The members without a vote.
    pub learners: Vec<NodeId>,
    /// What it is waiting for, in a few words.
    pub waiting_for: Cow<'static, str>,
    /// What else the protocol shows: name, value.
    pub extra: Vec<(Name, String)>,
    /// What it thinks of every other node, if its protocol is about who is alive.
    pub opinions: BTreeMap<NodeId, Opinion>,
    /// What it tells of itself as one who watches others, if its protocol is about who is alive.
    pub detector: Option<DetectorView>,
}

/// What a role means in the picture, whatever the protocol calls it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoleKind {
    /// Follows (follower, backup).
    #[default]
    Follower,
    /// Wants to lead.
    Candidate,
    /// Leads (leader, primary).
    Leader,
    /// Listens without a vote.
    Learner,
}

/// What a node knows of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The next entry to be sent to it.
    pub next_index: LogIndex,
    /// The last entry it is known to have.
    pub match_index: LogIndex,
    /// How entries are sent to it: `probe`, `replicate`, `snapshot`.
    pub mode: Name,
    /// How many messages to it are unanswered.
    pub in_flight: u32,
    /// When it was last heard from.
    pub last_heard: Option<Timestamp>,
}

/// A timer that runs down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerView {
    /// Its name.
    pub name: Name,
    /// When it was set.
    pub from: Timestamp,
    /// When it runs out.
    pub until: Timestamp,
}

/// A snapshot on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotView {
    /// The last log position it includes.
    pub index: LogIndex,
    /// The epoch of that entry.
    pub epoch: Epoch,
    /// Its size.
    pub bytes: u64,
}

/// One entry of a log, in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryBrief {
    /// The epoch it was made in.
    pub epoch: Epoch,
    /// The client operation it carries.
    pub op: Option<OpId>,
    /// What it does.
    pub kind: EntryKind,
    /// Its size in bytes.
    pub bytes: u32,
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Writes a key.
    Put,
    /// Removes a key.
    Delete,
    /// Nothing (a new leader's first entry).
    NoOp,
    /// Changes the members.
    Members,
}

/// One part of a [`NodeView`] that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the field of `NodeView` of that name")]
pub enum ViewChange {
    Role(RoleKind, Name),
    Epoch(Epoch),
    VotedFor(Option<NodeId>),
    Votes(Vec<NodeId>),
    Leader(Option<NodeId>),
    FirstIndex(LogIndex),
    CommitIndex(LogIndex),
    AppliedIndex(LogIndex),
    PersistedIndex(LogIndex),
    /// `None`: the peer is no peer any more.
    Peer(NodeId, Option<PeerView>),
    Timer(Option<TimerView>),
    State {
        hash: u64,
        keys: u64,
    },
    Snapshot(Option<SnapshotView>),
    Members {
        voters: Vec<NodeId>,
        learners: Vec<NodeId>,
    },
    WaitingFor(Cow<'static, str>),
    Extra(Vec<(Name, String)>),
    /// `None`: the other is not known any more.
    Opinion(NodeId, Option<Opinion>),
    Detector(Option<DetectorView>),
}

impl ViewChange {
    /// Returns whether it may change who leads in which epoch.
    pub fn is_reign(&self) -> bool {
        matches!(self, Self::Role(..) | Self::Epoch(_))
    }
}

impl NodeView {
    /// Returns what must change for `self` to become `next`; empty if they are equal.
    pub fn changes_to(&self, next: &Self) -> Vec<ViewChange> {
        let mut changes = Vec::new();
        let mut part = |differs: bool, change: &dyn Fn() -> ViewChange| {
            if differs {
                if changes.is_empty() {
                    // Few things change alone.
                    changes.reserve(8);
                }
                changes.push(change());
            }
        };
        part(self.role != next.role || self.role_name != next.role_name, &|| {
            ViewChange::Role(next.role, next.role_name)
        });
        part(self.epoch != next.epoch, &|| ViewChange::Epoch(next.epoch));
        part(self.voted_for != next.voted_for, &|| ViewChange::VotedFor(next.voted_for));
        part(self.votes != next.votes, &|| ViewChange::Votes(next.votes.clone()));
        part(self.leader != next.leader, &|| ViewChange::Leader(next.leader));
        part(self.first_index != next.first_index, &|| ViewChange::FirstIndex(next.first_index));
        part(self.commit_index != next.commit_index, &|| ViewChange::CommitIndex(next.commit_index));
        part(self.applied_index != next.applied_index, &|| ViewChange::AppliedIndex(next.applied_index));
        part(self.persisted_index != next.persisted_index, &|| ViewChange::PersistedIndex(next.persisted_index));
        part(self.timer != next.timer, &|| ViewChange::Timer(next.timer));
        part(self.state_hash != next.state_hash || self.keys != next.keys, &|| ViewChange::State {
            hash: next.state_hash,
            keys: next.keys,
        });
        part(self.snapshot != next.snapshot, &|| ViewChange::Snapshot(next.snapshot));
        part(self.voters != next.voters || self.learners != next.learners, &|| ViewChange::Members {
            voters: next.voters.clone(),
            learners: next.learners.clone(),
        });
        part(self.waiting_for != next.waiting_for, &|| ViewChange::WaitingFor(next.waiting_for.clone()));
        part(self.extra != next.extra, &|| ViewChange::Extra(next.extra.clone()));
        each_change(&self.peers, &next.peers, |peer, view| changes.push(ViewChange::Peer(peer, view)));
        if self.detector != next.detector {
            changes.push(ViewChange::Detector(next.detector));
        }
        each_change(&self.opinions, &next.opinions, |node, opinion| changes.push(ViewChange::Opinion(node, opinion)));
        changes
    }

    /// Takes a change over.
    pub fn apply(&mut self, change: &ViewChange) {
        match change {
            ViewChange::Role(role, name) => (self.role, self.role_name) = (*role, *name),
            ViewChange::Epoch(epoch) => self.epoch = *epoch,
            ViewChange::VotedFor(to) => self.voted_for = *to,
            ViewChange::Votes(votes) => self.votes.clone_from(votes),
            ViewChange::Leader(leader) => self.leader = *leader,
            ViewChange::FirstIndex(index) => self.first_index = *index,
            ViewChange::CommitIndex(index) => self.commit_index = *index,
            ViewChange::AppliedIndex(index) => self.applied_index = *index,
            ViewChange::PersistedIndex(index) => self.persisted_index = *index,
            ViewChange::Peer(peer, Some(view)) => drop(self.peers.insert(*peer, *view)),
            ViewChange::Peer(peer, None) => drop(self.peers.remove(peer)),
            ViewChange::Timer(timer) => self.timer = *timer,
            ViewChange::State { hash, keys } => (self.state_hash, self.keys) = (*hash, *keys),
            ViewChange::Snapshot(snapshot) => self.snapshot = *snapshot,
            ViewChange::Members { voters, learners } => {
                self.voters.clone_from(voters);
                self.learners.clone_from(learners);
            }
            ViewChange::WaitingFor(what) => self.waiting_for.clone_from(what),
            ViewChange::Extra(extra) => self.extra.clone_from(extra),
            ViewChange::Opinion(node, Some(opinion)) => drop(self.opinions.insert(*node, *opinion)),
            ViewChange::Opinion(node, None) => drop(self.opinions.remove(node)),
            ViewChange::Detector(detector) => self.detector = *detector,
        }
    }
}

/// Tells what must change for `before` to become `after`: first who is gone, then who is other than before.
fn each_change<T: Copy + PartialEq>(
    before: &BTreeMap<NodeId, T>,
    after: &BTreeMap<NodeId, T>,
    mut tell: impl FnMut(NodeId, Option<T>),
) {
    // Mostly they are the same nodes: then two that stand at the same place are of the same node.
    let same_nodes = before.len() == after.len() && before.keys().eq(after.keys());
    if !same_nodes {
        before.keys().filter(|node| !after.contains_key(node)).for_each(|node| tell(*node, None));
        let other = after.iter().filter(|(node, its)| before.get(node) != Some(its));
        return other.for_each(|(node, its)| tell(*node, Some(*its)));
    }
    let other = before.values().zip(after).filter(|(was, (_, its))| was != its);
    other.for_each(|(_, (node, its))| tell(*node, Some(*its)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applying_the_changes_leads_to_the_next_view() {
        let mut view = NodeView { peers: BTreeMap::from([(NodeId(2), PeerView::default())]), ..NodeView::default() };
        let next = NodeView {
            role: RoleKind::Leader,
            role_name: Name::new("leader"),
            epoch: Epoch(3),
            peers: BTreeMap::from([(NodeId(3), PeerView { match_index: LogIndex(9), ..PeerView::default() })]),
            waiting_for: "a majority".into(),
            ..NodeView::default()
        };
        for change in view.changes_to(&next) {
            view.apply(&change);
        }
        assert_eq!(view, next);
    }

    #[test]
    fn an_unchanged_view_has_no_changes() {
        assert!(NodeView::default().changes_to(&NodeView::default()).is_empty());
    }
}
