//! What a learner sees of a node.

use super::{Office, OmniPaxos, messages::ballot_words, variant::FLAWS};
use crate::{
    event::{NodeView, PeerView, RoleKind},
    ids::LogIndex,
    name::Name,
};

impl OmniPaxos {
    /// Fills the whole view in, touching only what changed.
    pub(super) fn fill(&self, view: &mut NodeView) {
        (view.role, view.role_name) = self.role();
        view.leader = self.leader();
        let log = self.log.log();
        view.epoch = self.epoch;
        // Only what the disk has is a promise: a power loss takes the rest.
        view.voted_for = if self.durable.promise == log.promise { self.node_of(log.promise.pid) } else { None };
        view.votes.clear();
        if self.office == Office::Preparing {
            view.votes.extend(self.promises.from());
            view.votes.sort_unstable();
        }
        view.first_index = LogIndex(log.base + 1);
        view.commit_index = LogIndex(log.decided.min(self.durable.last).max(self.applied));
        view.applied_index = LogIndex(self.applied);
        view.persisted_index = LogIndex(self.durable.last);
        view.timer = self.round;
        view.state_hash = self.map.hash();
        view.keys = self.map.len() as u64;
        view.snapshot = self.snapshot;
        if view.voters != self.members {
            view.voters.clone_from(&self.members);
        }
        let undecided = log.last() > log.decided;
        drop(log);
        view.waiting_for = self.waiting_for(undecided).into();
        self.fill_peers(view);
        self.fill_extra(view);
    }

    fn role(&self) -> (RoleKind, Name) {
        match self.office {
            _ if self.engine.is_none() => (RoleKind::Learner, Name::new("no member")),
            Office::Follower => (RoleKind::Follower, Name::new("follower")),
            Office::Preparing => (RoleKind::Candidate, Name::new("leader, preparing")),
            Office::Leader => (RoleKind::Leader, Name::new("leader")),
        }
    }

    fn waiting_for(&self, undecided: bool) -> &'static str {
        match self.office {
            _ if self.engine.is_none() => "nothing: it is no member",
            _ if self.durable.is_waited_for() => "its disk",
            Office::Preparing => "promises from a majority",
            Office::Leader if undecided => "a majority for its latest entries",
            Office::Leader => "requests",
            Office::Follower if !self.is_connected() => "heartbeats from a majority",
            Office::Follower if !self.happy => "a leader that a majority reaches",
            Office::Follower => "entries from the leader, or the end of its heartbeat round",
        }
    }

    fn fill_peers(&self, view: &mut NodeView) {
        let states =
            self.engine.as_ref().filter(|_| self.office == Office::Leader).map(|engine| engine.get_ui_states());
        let accepted = |pid: usize| states.as_ref().map(|states| states.cluster_state.accepted_indexes[pid] as u64);
        for (at, peer) in self.members.iter().enumerate().filter(|(_, peer)| **peer != self.me) {
            let last_heard = self.heard.get(peer).copied();
            let seen = match accepted(at + 1) {
                Some(index) => PeerView {
                    next_index: LogIndex(index + 1),
                    match_index: LogIndex(index),
                    mode: Name::new("accept"),
                    in_flight: 0,
                    last_heard,
                },
                None => PeerView { last_heard, ..PeerView::default() },
            };
            view.peers.insert(*peer, seen);
        }
    }

    fn fill_extra(&self, view: &mut NodeView) {
        let promise = self.log.log().promise;
        let mut extra = vec![
            (Name::new("ballot"), ballot_words(promise)),
            (Name::new("quorum-connected"), yes_no(self.is_connected())),
            (Name::new("happy"), yes_no(self.happy)),
        ];
        if let Some((from, entries)) = self.synced_from {
            let what = if entries == 0 { "a snapshot".to_owned() } else { format!("{entries} entries") };
            extra.push((Name::new("synced from"), format!("{from}: {what}")));
        }
        extra.extend(self.flaw.map(|flaw| (Name::new("variant"), FLAWS.name(flaw).to_owned())));
        view.extra = extra;
    }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
