//! What a learner may see of a node.

use std::{borrow::Cow, time::Duration};

use super::{
    PrimaryBackup, Role,
    monitor::Opinion,
    primary::{Peer, PeerMode},
    settings::Mode,
    variant::FLAWS,
};
use crate::{
    event::{NodeView, PeerView, RoleKind, SnapshotView},
    name::Name,
    time::Timestamp,
};

/// How exactly the time of the last word of another node is told; finer would change the view with every heartbeat.
const HEARD_GRAIN: Duration = Duration::from_millis(500);

impl PrimaryBackup {
    pub(super) fn fill_view(&self, view: &mut NodeView) {
        let (role, word) = match self.role {
            Role::Primary => (RoleKind::Leader, "primary"),
            Role::Backup => (RoleKind::Follower, "backup"),
            Role::Deposed => (RoleKind::Follower, "deposed"),
            Role::Spectator => (RoleKind::Learner, "no member"),
        };
        (view.role, view.role_name) = (role, Name::new(word));
        (view.epoch, view.leader) = (self.epoch, self.primary);
        view.first_index = self.log.base().next();
        (view.commit_index, view.applied_index) = (self.commit, self.applied);
        view.persisted_index = self.persisted;
        (view.state_hash, view.keys) = (self.state.hash(), self.state.len() as u64);
        view.snapshot = self.log.snapshot().map(|snapshot| SnapshotView {
            index: snapshot.index,
            epoch: snapshot.epoch,
            bytes: snapshot.state.len() as u64,
        });
        view.voters.clone_from(&self.members);
        view.timer = if self.role == Role::Primary { self.lead.semi_wait } else { self.monitor.timer };
        self.fill_peers(view);
        view.waiting_for = self.waiting_for();
        self.fill_extra(view);
    }

    fn fill_peers(&self, view: &mut NodeView) {
        view.peers.clear();
        if self.role == Role::Primary {
            view.peers.extend(self.lead.peers.iter().map(|(node, peer)| (*node, peer_view(peer))));
        } else if let Some(primary) = self.primary.filter(|primary| *primary != self.me) {
            let last_heard = self.monitor.heard().map(coarse);
            view.peers.insert(primary, PeerView { last_heard, ..PeerView::default() });
        }
    }

    fn waiting_for(&self) -> Cow<'static, str> {
        match self.role {
            Role::Primary => self.primary_waits_for(),
            Role::Deposed => "the later primary's log".into(),
            Role::Spectator => "nothing: it is no member".into(),
            Role::Backup => match self.monitor.opinion {
                Opinion::Alive if self.primary.is_none() => "a primary".into(),
                Opinion::Alive if !self.waiting.is_empty() => self.waiting_reads().into(),
                Opinion::Alive => "".into(),
                Opinion::Suspected => "an operator to promote a node".into(),
                Opinion::Asking => "what the others have and hear".into(),
            },
        }
    }

    fn waiting_reads(&self) -> String {
        let first = self.waiting.first_key_value().map_or(0, |((after, _), _)| after.0);
        match self.waiting.len() {
            1 => format!("entry {first}, which a reader has seen"),
            count => format!("entry {first}, which the first of {count} readers has seen"),
        }
    }

    fn primary_waits_for(&self) -> Cow<'static, str> {
        if !self.lead.durable {
            return "its epoch to be on disk".into();
        }
        if self.commit >= self.log.last() {
            return if self.handover.is_some() { "its successor to catch up".into() } else { "".into() };
        }
        if self.commit == self.persisted {
            return "its own disk".into();
        }
        match self.lead.mode(&self.settings) {
            Mode::Async => "a backup to confirm its epoch".into(),
            Mode::SemiSync if self.settings.semi_count == 1 => "a backup to have it".into(),
            Mode::SemiSync => format!("{} backups to have it", self.settings.semi_count).into(),
            Mode::Sync => "every backup to have it".into(),
        }
    }

    fn fill_extra(&self, view: &mut NodeView) {
        view.extra.clear();
        let mut extra = |name, value: String| view.extra.push((Name::new(name), value));
        if self.role == Role::Primary {
            extra("mode", self.lead.mode(&self.settings).word().to_owned());
            if self.lead.degraded {
                extra("configured mode", self.settings.mode.word().to_owned());
            }
            let matched = self.lead.matched_by(usize::MAX).min(self.log.last());
            extra("lag", entries_text(self.log.last().0 - matched.0));
        }
        if let Some(flaw) = self.settings.flaw {
            extra("variant", FLAWS.name(flaw).to_owned());
        }
        extra("monitor", self.opinion());
        extra("fencing", if self.settings.fencing { "on" } else { "off" }.to_owned());
    }

    fn opinion(&self) -> String {
        let known = self.primary.filter(|primary| *primary != self.me);
        match (self.role, self.monitor.opinion, known) {
            (Role::Primary, ..) if !self.settings.fencing => "I am primary".to_owned(),
            (Role::Primary, ..) if self.lead.seemed_confirmed => "I am primary, and a backup says so".to_owned(),
            (Role::Primary, ..) => "I may have been deposed".to_owned(),
            (Role::Spectator, ..) => "none".to_owned(),
            (Role::Backup | Role::Deposed, Opinion::Alive, Some(primary)) => format!("{primary} is alive"),
            (Role::Backup | Role::Deposed, Opinion::Alive, None) => "no primary known".to_owned(),
            (Role::Backup | Role::Deposed, _, Some(primary)) => format!("{primary} is dead, or cut off"),
            (Role::Backup | Role::Deposed, _, None) => "there is no primary".to_owned(),
        }
    }
}

fn peer_view(peer: &Peer) -> PeerView {
    let (mode, in_flight) = match peer.mode {
        PeerMode::Probe(asked) => ("probe", u32::from(asked.is_some())),
        PeerMode::Stream => ("replicate", peer.batches.len() as u32),
        PeerMode::Snapshot(_) => ("snapshot", 1),
    };
    PeerView {
        next_index: peer.next,
        match_index: peer.matched,
        mode: Name::new(mode),
        in_flight,
        last_heard: peer.heard.map(coarse),
    }
}

fn coarse(at: Timestamp) -> Timestamp {
    let grain = HEARD_GRAIN.as_nanos() as u64;
    Timestamp(at.0 - at.0 % grain)
}

fn entries_text(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_last_word_is_told_coarsely() {
        assert_eq!(coarse(Timestamp(1_499_999_999)), Timestamp(1_000_000_000));
    }
}
