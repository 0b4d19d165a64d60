//! What a learner sees of a server.

use super::{RaftStudy, Role, variant::FLAWS};
use crate::{
    event::{NodeView, PeerView, SnapshotView},
    name::Name,
};

impl RaftStudy {
    /// Fills the whole view in, touching only what changed.
    pub(super) fn fill(&self, view: &mut NodeView) {
        (view.role, view.role_name) = (self.kind(), self.role_name());
        view.epoch = self.current_term;
        // Only what the disk has is a vote: a power loss takes the rest, and the node may then vote otherwise.
        view.voted_for = if self.durable.vote.0 == self.current_term { self.durable.vote.1 } else { None };
        view.votes.clear();
        view.votes.extend(&self.votes);
        view.leader = self.leader;
        view.first_index = self.log.base().next();
        view.commit_index = self.commit_index;
        view.applied_index = self.last_applied;
        view.persisted_index = self.own_match_index();
        view.timer = self.election_timer;
        view.state_hash = self.state_machine.hash();
        view.keys = self.state_machine.len() as u64;
        view.snapshot = self.log.snapshot.as_ref().map(|snapshot| SnapshotView {
            index: snapshot.last_included_index,
            epoch: snapshot.last_included_term,
            bytes: snapshot.data.len() as u64,
        });
        if view.voters != self.members {
            view.voters.clone_from(&self.members);
        }
        view.waiting_for = self.waiting_for().into();
        if let Some(flaw) = self.flaw
            && view.extra.is_empty()
        {
            view.extra.push((Name::new("variant"), FLAWS.name(flaw).to_owned()));
        }
        self.fill_peers(view);
    }

    fn role_name(&self) -> Name {
        Name::new(match self.role {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
            Role::Spectator => "no member",
        })
    }

    fn waiting_for(&self) -> &'static str {
        match self.role {
            Role::Follower if self.leader.is_some() => "a heartbeat from the leader, or its election timer",
            Role::Follower => "a leader, or its election timer",
            Role::Candidate => "votes from a majority",
            Role::Leader if self.commit_index < self.log.last_index() => "a majority for its latest entries",
            Role::Leader if self.clients.has_reads() => "a majority to confirm that it still leads",
            Role::Leader => "requests",
            Role::Spectator => "nothing: it is no member",
        }
    }

    fn fill_peers(&self, view: &mut NodeView) {
        for peer in self.members.iter().filter(|peer| **peer != self.me) {
            let last_heard = self.heard.get(peer).copied();
            let seen = match self.followers.get(peer) {
                Some(follower) => PeerView {
                    next_index: follower.next_index,
                    match_index: follower.match_index,
                    mode: Name::new(if follower.snapshot_sent.is_some() { "snapshot" } else { "replicate" }),
                    in_flight: 0,
                    last_heard,
                },
                None => PeerView { last_heard, ..PeerView::default() },
            };
            view.peers.insert(*peer, seen);
        }
    }
}
