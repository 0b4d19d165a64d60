//! What a learner sees of a node.

use std::borrow::Cow;

use raft::{Progress, ProgressState, StateRole};

use super::{Raft, node_from_id};
use crate::{
    event::{NodeView, PeerView, RoleKind},
    ids::{Epoch, LogIndex, NodeId},
    name::Name,
};

/// More entries than that under way are not named one by one: the words would change with every step.
const NAMED_MAX: u64 = 8;

/// What a node waits for; its words are made only when it changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Waiting {
    #[default]
    Nothing,
    Snapshot,
    Disk,
    Leader(NodeId),
    AnyLeader,
    Entries(Option<NodeId>),
    Admission,
    PreVotes(usize, usize),
    Votes(usize, usize),
    Handover(NodeId),
    Majority(u64),
    MajorityForMany,
    Confirmation,
    Requests,
}

impl Waiting {
    fn words(self) -> Cow<'static, str> {
        match self {
            Self::Nothing => "".into(),
            Self::Snapshot => "a snapshot from the leader".into(),
            Self::Disk => "its disk".into(),
            Self::Leader(leader) => format!("a heartbeat from {leader}, or its election timer").into(),
            Self::AnyLeader => "a leader, or its election timer".into(),
            Self::Entries(Some(leader)) => format!("entries from {leader}").into(),
            Self::Entries(None) => "entries from a leader".into(),
            Self::Admission => "being added as a member".into(),
            Self::PreVotes(granted, needed) => format!("pre-votes: {granted} of {needed}").into(),
            Self::Votes(granted, needed) => format!("votes: {granted} of {needed}").into(),
            Self::Handover(to) => format!("{to} to take over").into(),
            Self::Majority(index) => format!("acknowledgements for entry {index} from a majority").into(),
            Self::MajorityForMany => "acknowledgements for the latest entries from a majority".into(),
            Self::Confirmation => "a majority to confirm that it still leads".into(),
            Self::Requests => "requests".into(),
        }
    }
}

impl Raft {
    /// Finds the words for what the node waits for, if that changed.
    pub(super) fn settle_waiting(&mut self) {
        let waiting = self.waiting();
        if waiting != self.waiting {
            self.waiting = waiting;
            self.waiting_for = waiting.words();
        }
    }

    fn waiting(&self) -> Waiting {
        let engine = &self.raw.raft;
        match engine.state {
            StateRole::Leader => self.leader_waits(),
            StateRole::Candidate | StateRole::PreCandidate => {
                let needed = raft::majority(self.voters.len());
                let granted = engine.prs().tally_votes().0;
                if engine.state == StateRole::Candidate {
                    Waiting::Votes(granted, needed)
                } else {
                    Waiting::PreVotes(granted, needed)
                }
            }
            StateRole::Follower if self.installing() => Waiting::Disk,
            StateRole::Follower if engine.promotable() => self.leader().map_or(Waiting::AnyLeader, Waiting::Leader),
            StateRole::Follower if self.learners.contains(&self.me) => Waiting::Entries(self.leader()),
            StateRole::Follower if engine.leader_id != raft::INVALID_ID && self.voters.is_empty() => Waiting::Snapshot,
            StateRole::Follower => Waiting::Admission,
        }
    }

    fn leader_waits(&self) -> Waiting {
        let engine = &self.raw.raft;
        let (last, committed) = (engine.raft_log.last_index(), engine.raft_log.committed);
        if let Some(to) = engine.lead_transferee.and_then(node_from_id) {
            Waiting::Handover(to)
        } else if last > committed + NAMED_MAX {
            Waiting::MajorityForMany
        } else if last > committed {
            Waiting::Majority(committed + 1)
        } else if self.clients.has_reads() {
            Waiting::Confirmation
        } else {
            Waiting::Requests
        }
    }

    /// Fills the whole view in, touching only what changed.
    pub(super) fn fill(&self, view: &mut NodeView) {
        let engine = &self.raw.raft;
        (view.role, view.role_name) = self.role();
        view.epoch = Epoch(engine.term);
        // Only what the disk has is a vote: a power loss takes the rest, and the node may then vote otherwise.
        view.voted_for = if self.durable.0 == engine.term { node_from_id(self.durable.1) } else { None };
        view.leader = self.leader();
        view.first_index = LogIndex(self.raw.store().base().index + 1);
        view.commit_index = LogIndex(engine.raft_log.committed);
        view.applied_index = LogIndex(self.applied);
        view.persisted_index = LogIndex(engine.raft_log.persisted);
        view.timer = self.clock.timer();
        view.state_hash = self.map.hash();
        view.keys = self.map.len() as u64;
        view.snapshot = self.snapshot;
        take_over(&mut view.voters, &self.voters);
        take_over(&mut view.learners, &self.learners);
        if view.waiting_for != self.waiting_for {
            view.waiting_for.clone_from(&self.waiting_for);
        }
        self.fill_votes(view);
        self.fill_peers(view);
    }

    fn role(&self) -> (RoleKind, Name) {
        match self.raw.raft.state {
            StateRole::Leader => (RoleKind::Leader, Name::new("leader")),
            StateRole::Candidate => (RoleKind::Candidate, Name::new("candidate")),
            StateRole::PreCandidate => (RoleKind::Candidate, Name::new("pre-candidate")),
            StateRole::Follower if self.raw.raft.promotable() => (RoleKind::Follower, Name::new("follower")),
            StateRole::Follower if self.learners.contains(&self.me) => (RoleKind::Learner, Name::new("learner")),
            StateRole::Follower => (RoleKind::Learner, Name::new("no member")),
        }
    }

    fn fill_votes(&self, view: &mut NodeView) {
        view.votes.clear();
        let engine = &self.raw.raft;
        if matches!(engine.state, StateRole::Candidate | StateRole::PreCandidate) {
            let granted = engine.prs().votes().iter().filter(|(_, granted)| **granted);
            view.votes.extend(granted.filter_map(|(id, _)| node_from_id(*id)));
            view.votes.sort_unstable();
        }
    }

    fn fill_peers(&self, view: &mut NodeView) {
        let progress_of = self.raw.raft.prs();
        let mut gone = false;
        for (peer, seen) in &mut view.peers {
            match progress_of.get(peer.0.into()) {
                Some(progress) => *seen = self.peer(*peer, progress),
                None => gone = true,
            }
        }
        if gone {
            view.peers.retain(|peer, _| progress_of.get(peer.0.into()).is_some());
        }
        // Itself is one of them, if it is a member.
        let others = progress_of.iter().len() - usize::from(progress_of.get(self.me.0.into()).is_some());
        if view.peers.len() < others {
            let all = progress_of.iter().filter_map(|(id, progress)| Some((node_from_id(*id)?, progress)));
            let others = all.filter(|(peer, _)| *peer != self.me);
            view.peers.extend(others.map(|(peer, progress)| (peer, self.peer(peer, progress))));
        }
    }

    fn peer(&self, peer: NodeId, progress: &Progress) -> PeerView {
        let last_heard = self.heard.get(&peer).copied();
        if !self.leads() {
            // Only a leader knows how far others are; what a follower has is left from earlier.
            return PeerView { last_heard, ..PeerView::default() };
        }
        PeerView {
            next_index: LogIndex(progress.next_idx),
            match_index: LogIndex(progress.matched),
            mode: Name::new(match progress.state {
                ProgressState::Probe => "probe",
                ProgressState::Replicate => "replicate",
                ProgressState::Snapshot => "snapshot",
            }),
            in_flight: progress.ins.count() as u32,
            last_heard,
        }
    }
}

fn take_over(view: &mut Vec<NodeId>, members: &[NodeId]) {
    if view != members {
        members.clone_into(view);
    }
}
