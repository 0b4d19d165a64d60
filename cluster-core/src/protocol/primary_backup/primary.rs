//! The primary: orders writes, streams its log to the backups, and decides when a write may be acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Context, Message, PrimaryBackup, Role, Timer,
    log::{Entry, Log},
    messages::Body,
    settings::{Mode, Settings},
    variant::Flaw,
};
use crate::{
    event::{Milestone, TimerView},
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
    request::{Refusal, Request, Response},
    time::Timestamp,
};

/// How many entries one message carries at most.
const BATCH_MAX: usize = 64;
/// How many messages with entries may be unanswered per backup.
const WINDOW: usize = 8;

/// What a primary knows.
#[derive(Debug, Default)]
pub(super) struct Primary {
    pub(super) peers: BTreeMap<NodeId, Peer>,
    /// The first entry of its epoch. Nothing is sent before that is on disk, and with it the epoch.
    pub(super) first: LogIndex,
    /// Whether the first entry is on disk.
    pub(super) durable: bool,
    /// Whether semi-sync fell back to async.
    pub(super) degraded: bool,
    /// When the wait for semi-sync backups began and ends.
    pub(super) semi_wait: Option<TimerView>,
    /// Until when the backups' answers prove that none of them lost patience; `None` before the first answer.
    pub(super) confirmed_until: Option<Timestamp>,
    /// What that came to at the last heartbeat.
    pub(super) seemed_confirmed: bool,
    /// Those who asked for the promotion.
    pub(super) promoted_by: Vec<OpId>,
}

/// What a primary knows of a backup.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) next: LogIndex,
    pub(super) matched: LogIndex,
    pub(super) mode: PeerMode,
    /// The last positions of the batches under way.
    pub(super) batches: VecDeque<LogIndex>,
    /// The commit index that it was told last.
    told: LogIndex,
    pub(super) heard: Option<Timestamp>,
    /// When sending began anew because something had been lost.
    rewound: Timestamp,
}

/// How entries are sent to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerMode {
    /// The primary does not know yet where their logs part; asked at that time, if at all.
    Probe(Option<Timestamp>),
    /// Entries flow, several messages at a time.
    Stream,
    /// A snapshot through that position is under way.
    Snapshot(LogIndex),
}

impl Primary {
    /// Returns whether the primary may hold itself for the only one.
    ///
    /// A backup promotes itself no sooner than one patience after the last heartbeat it heard. So an answer to a
    /// heartbeat vouches for one patience from when that was sent. A primary that no backup ever answered has nobody
    /// who could vouch, and relies on its own epoch.
    pub(super) fn confirmed(&self, settings: &Settings, now: Timestamp) -> bool {
        !settings.fencing || self.confirmed_until.is_none_or(|until| now < until)
    }

    /// Returns the mode that counts at this time.
    pub(super) fn mode(&self, settings: &Settings) -> Mode {
        if self.degraded { Mode::Async } else { settings.mode }
    }

    /// Returns the last position that at least `count` backups have on disk.
    pub(super) fn matched_by(&self, count: usize) -> LogIndex {
        let mut matched: Vec<_> = self.peers.values().map(|peer| peer.matched).collect();
        matched.sort_unstable_by(|a, b| b.cmp(a));
        let count = count.min(matched.len());
        if count == 0 { LogIndex(u64::MAX) } else { matched[count - 1] }
    }

    /// Returns the last position that all backups have on disk that were heard after `since`.
    fn matched_by_heard(&self, since: Timestamp) -> LogIndex {
        let heard = self.peers.values().filter(|peer| peer.heard.is_some_and(|heard| heard > since));
        heard.map(|peer| peer.matched).min().unwrap_or(LogIndex(u64::MAX))
    }
}

impl Peer {
    fn new(next: LogIndex) -> Self {
        Self {
            next,
            matched: LogIndex(0),
            mode: PeerMode::Probe(None),
            batches: VecDeque::new(),
            told: LogIndex(0),
            heard: None,
            rewound: Timestamp::ZERO,
        }
    }

    fn prev(&self) -> LogIndex {
        LogIndex(self.next.0 - 1)
    }

    /// Returns what to send next, if anything. Only what is on the primary's own disk travels.
    fn next_body(&mut self, log: &Log, commit: LogIndex, persisted: LogIndex, now: Timestamp) -> Option<Body> {
        let waits = match self.mode {
            PeerMode::Probe(asked) => asked.is_some(),
            PeerMode::Stream => self.batches.len() >= WINDOW,
            PeerMode::Snapshot(_) => true,
        };
        if waits {
            return None;
        }
        let prev_index = self.prev();
        if prev_index < log.base() {
            let snapshot = log.snapshot().cloned()?;
            self.mode = PeerMode::Snapshot(snapshot.index);
            self.next = snapshot.index.next();
            return Some(Body::InstallSnapshot { snapshot });
        }
        let prev_epoch = log.epoch_at(prev_index).expect("a primary sends what it has");
        if matches!(self.mode, PeerMode::Probe(_)) {
            self.mode = PeerMode::Probe(Some(now));
            return Some(Body::Replicate { prev_index, prev_epoch, entries: Vec::new(), commit });
        }
        let entries = log.batch(self.next, persisted, BATCH_MAX);
        // A backup that has everything still wants to hear what is committed.
        if entries.is_empty() && (self.told >= commit || self.matched < commit) {
            return None;
        }
        self.told = commit;
        if !entries.is_empty() {
            self.next.0 += entries.len() as u64;
            self.batches.push_back(self.prev());
        }
        Some(Body::Replicate { prev_index, prev_epoch, entries, commit })
    }

    /// Begins to send anew after the entry at `have`.
    fn rewind(&mut self, have: LogIndex, mode: PeerMode, now: Timestamp) {
        self.next = have.next();
        self.mode = mode;
        self.batches.clear();
        self.rewound = now;
    }
}

impl PrimaryBackup {
    /// Becomes primary of an epoch that no other node can lead in.
    pub(super) fn lead_in(&mut self, epoch: Epoch, ctx: &mut Context<'_>) {
        (self.epoch, self.seen) = (epoch, self.seen.max(epoch));
        (self.role, self.primary) = (Role::Primary, Some(self.me));
        self.save_epoch(ctx);
        self.stop_watching(ctx);
        let next = self.log.last().next();
        let peers = self.others().map(|other| (other, Peer::new(next))).collect();
        self.lead = Primary { peers, first: next, seemed_confirmed: true, ..Primary::default() };
        ctx.note(Milestone::LeaderElected { epoch });
        // The first entry of an epoch makes every log differ that has more than this one: what differs is erased.
        self.append(Entry { epoch, write: None }, ctx);
    }

    /// Begins to speak as primary once its first entry, and so its epoch, would survive a crash.
    pub(super) fn lead_if_durable(&mut self, ctx: &mut Context<'_>) {
        if self.lead.durable || self.persisted < self.lead.first {
            return;
        }
        self.lead.durable = true;
        for op in std::mem::take(&mut self.lead.promoted_by) {
            ctx.reply(op, Response::Done);
        }
        self.on_heartbeat_timer(ctx);
    }

    pub(super) fn on_write(&mut self, op: OpId, request: Request, ctx: &mut Context<'_>) {
        let refusal = match self.role {
            Role::Primary if self.handover.is_some() => {
                Some(Refusal::Unavailable { why: Name::new("hands its office over") })
            }
            Role::Primary => None,
            Role::Deposed if self.settings.fencing => Some(Refusal::StaleEpoch),
            Role::Backup | Role::Deposed | Role::Spectator => Some(self.not_leader()),
        };
        if let Some(refusal) = refusal {
            return ctx.reply(op, Response::Refused(refusal));
        }
        if let Some(earlier) = self.state.answered(op) {
            return ctx.reply(op, earlier);
        }
        let index = match self.log.find(op, self.applied) {
            Some(index) => index,
            None => self.append(Entry { epoch: self.epoch, write: Some((op, request)) }, ctx),
        };
        self.pending.insert(index, op);
    }

    pub(super) fn on_heartbeat_timer(&mut self, ctx: &mut Context<'_>) {
        if self.role != Role::Primary || !self.lead.durable {
            return;
        }
        self.lead.seemed_confirmed = self.lead.confirmed(&self.settings, ctx.now());
        for (to, peer) in &mut self.lead.peers {
            let body = Body::Heartbeat { commit: self.commit, through: peer.prev(), sent: ctx.now() };
            peer.told = peer.told.max(self.commit.min(peer.matched));
            ctx.send(*to, Message { epoch: self.epoch, body });
        }
        ctx.set_timer(Timer::Heartbeat, self.settings.heartbeat);
    }

    /// Sends what each backup can take.
    pub(super) fn replicate(&mut self, ctx: &mut Context<'_>) {
        if !self.lead.durable {
            return;
        }
        let answerable = self.answerable();
        for (to, peer) in &mut self.lead.peers {
            while let Some(body) = peer.next_body(&self.log, self.commit, answerable, ctx.now()) {
                if let Body::InstallSnapshot { snapshot } = &body {
                    ctx.note(Milestone::SnapshotSent { to: *to, index: snapshot.index });
                }
                ctx.send(*to, Message { epoch: self.epoch, body });
            }
        }
    }

    pub(super) fn on_replicate_reply(&mut self, from: NodeId, ok: bool, index: LogIndex, ctx: &mut Context<'_>) {
        let Some(peer) = self.lead.peers.get_mut(&from) else { return };
        peer.heard = Some(ctx.now());
        if !ok {
            peer.rewind(index.min(self.log.last()), PeerMode::Probe(None), ctx.now());
            return;
        }
        peer.matched = peer.matched.max(index);
        peer.next = peer.next.max(index.next());
        while peer.batches.pop_front_if(|last| *last <= index).is_some() {}
        match peer.mode {
            PeerMode::Snapshot(through) if index < through => {}
            PeerMode::Probe(_) | PeerMode::Snapshot(_) | PeerMode::Stream => peer.mode = PeerMode::Stream,
        }
        self.advance_commit(ctx);
    }

    pub(super) fn on_heartbeat_reply(
        &mut self,
        from: NodeId,
        sent: Timestamp,
        have: LogIndex,
        complete: bool,
        ctx: &mut Context<'_>,
    ) {
        let Some(peer) = self.lead.peers.get_mut(&from) else { return };
        peer.heard = Some(ctx.now());
        let until = sent + self.settings.patience;
        self.lead.confirmed_until = Some(self.lead.confirmed_until.map_or(until, |known| known.max(until)));
        // Messages never overtake each other: what was sent before that heartbeat and is missing was lost.
        match peer.mode {
            PeerMode::Probe(Some(asked)) if asked <= sent => peer.mode = PeerMode::Probe(None),
            PeerMode::Stream | PeerMode::Snapshot(_) if !complete && sent > peer.rewound => {
                // A backup that has less than it once had was restarted: it no longer knows what of its log is equal.
                if have > LogIndex(0) && have >= peer.matched {
                    peer.rewind(have, PeerMode::Stream, ctx.now());
                } else {
                    peer.rewind(peer.prev(), PeerMode::Probe(None), ctx.now());
                }
            }
            PeerMode::Probe(_) | PeerMode::Stream | PeerMode::Snapshot(_) => {}
        }
        self.advance_commit(ctx);
    }

    /// Acknowledges what the mode allows.
    pub(super) fn advance_commit(&mut self, ctx: &mut Context<'_>) {
        self.return_to_semi_sync(ctx);
        let ackable = match self.lead.mode(&self.settings) {
            Mode::Async if self.lead.confirmed(&self.settings, ctx.now()) => self.persisted,
            Mode::Async => self.commit,
            Mode::SemiSync | Mode::Sync if self.has(Flaw::AckBeforeReplication) => self.persisted,
            Mode::SemiSync => self.answerable().min(self.lead.matched_by(self.settings.semi_count)),
            Mode::Sync if self.has(Flaw::GivesUpOnBackups) => {
                self.answerable().min(self.lead.matched_by_heard(ctx.now() - self.settings.patience))
            }
            Mode::Sync => self.answerable().min(self.lead.matched_by(usize::MAX)),
        };
        let advanced = ackable > self.commit;
        if advanced {
            self.commit = ackable;
            self.apply_committed(ctx);
        }
        self.watch_semi_sync(advanced, ctx);
        self.hand_over_if_ready(ctx);
    }

    fn watch_semi_sync(&mut self, advanced: bool, ctx: &mut Context<'_>) {
        let waits = self.lead.mode(&self.settings) == Mode::SemiSync && self.commit < self.persisted;
        if waits && (advanced || self.lead.semi_wait.is_none()) {
            let until = ctx.now() + self.settings.semi_timeout;
            self.lead.semi_wait = Some(TimerView { name: Name::new("semi-timeout"), from: ctx.now(), until });
            ctx.set_timer(Timer::SemiTimeout, self.settings.semi_timeout);
        } else if !waits && self.lead.semi_wait.take().is_some() {
            ctx.cancel_timer(Timer::SemiTimeout);
        }
    }

    pub(super) fn on_semi_timeout(&mut self, ctx: &mut Context<'_>) {
        if self.role != Role::Primary {
            return;
        }
        self.lead.semi_wait = None;
        self.lead.degraded = true;
        ctx.note(Milestone::ModeChanged { mode: Name::new("async"), why: Name::new("timeout") });
        self.advance_commit(ctx);
    }

    fn return_to_semi_sync(&mut self, ctx: &mut Context<'_>) {
        if self.lead.degraded && self.lead.matched_by(self.settings.semi_count) >= self.persisted {
            self.lead.degraded = false;
            ctx.note(Milestone::ModeChanged { mode: Name::new("semi-sync"), why: Name::new("caught up") });
        }
    }

    /// Gives up the office. Who waits for an entry waits on: its fate is known when the logs are equal again.
    pub(super) fn step_down(&mut self, role: Role, why: &'static str, ctx: &mut Context<'_>) {
        ctx.note(Milestone::SteppedDown { epoch: self.epoch, why: Name::new(why) });
        for op in std::mem::take(&mut self.lead.promoted_by) {
            ctx.reply(op, Response::Refused(Refusal::StaleEpoch));
        }
        self.lead = Primary::default();
        self.role = role;
        ctx.cancel_timer(Timer::Heartbeat);
        ctx.cancel_timer(Timer::SemiTimeout);
    }
}
