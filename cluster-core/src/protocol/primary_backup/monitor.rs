//! The monitor in every backup: when the primary is silent for too long, the longest log within reach takes over.
//!
//! It asks no quorum. Backups that do not reach each other may all promote themselves, each in an epoch of its own.

use std::{collections::BTreeMap, time::Duration};

use super::{Context, PrimaryBackup, Role, Timer, messages::Body, variant::Flaw};
use crate::{
    event::{Milestone, TimerView},
    ids::{Epoch, LogIndex, NodeId},
    time::Timestamp,
};

/// How long a log is: the epoch of its last entry counts before its position.
type Length = (Epoch, LogIndex);

/// What a backup thinks of its primary.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    pub(super) opinion: Opinion,
    heard: Option<Timestamp>,
    /// The timer under way.
    pub(super) timer: Option<TimerView>,
    /// What the others said since they were asked.
    answers: BTreeMap<NodeId, (Length, bool)>,
}

/// What a backup thinks of its primary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Opinion {
    /// It lives, or nothing is known to the contrary.
    #[default]
    Alive,
    /// It was silent for longer than one patience.
    Suspected,
    /// The same, and the others are being asked.
    Asking,
}

impl Monitor {
    /// Returns when the primary was last heard.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.heard
    }
}

impl PrimaryBackup {
    /// The primary was heard: patience begins anew.
    pub(super) fn hear_primary(&mut self, ctx: &mut Context<'_>) {
        self.monitor.heard = Some(ctx.now());
        self.expect_primary(ctx);
    }

    /// Waits one patience for a primary.
    pub(super) fn expect_primary(&mut self, ctx: &mut Context<'_>) {
        if self.monitor.opinion == Opinion::Asking {
            ctx.cancel_timer(Timer::Claim);
        }
        self.monitor.opinion = Opinion::Alive;
        self.watch(Timer::Suspicion, self.settings.patience, ctx);
    }

    /// Ends watching: this node is the primary.
    pub(super) fn stop_watching(&mut self, ctx: &mut Context<'_>) {
        self.monitor = Monitor::default();
        ctx.cancel_timer(Timer::Suspicion);
        ctx.cancel_timer(Timer::Claim);
    }

    fn watch(&mut self, timer: Timer, after: Duration, ctx: &mut Context<'_>) {
        let name = <Self as crate::protocol::Protocol>::timer_name(timer);
        self.monitor.timer = Some(TimerView { name, from: ctx.now(), until: ctx.now() + after });
        ctx.set_timer(timer, after);
    }

    pub(super) fn on_suspicion(&mut self, ctx: &mut Context<'_>) {
        if self.role == Role::Primary {
            return;
        }
        self.monitor.timer = None;
        self.monitor.opinion = Opinion::Suspected;
        if let Some(peer) = self.primary.filter(|primary| *primary != self.me) {
            ctx.note(Milestone::Suspected { peer });
        }
        if self.settings.monitored {
            // Each later in rank waits one heartbeat longer: backups with equal logs take over one after the other.
            let wait = self.settings.heartbeat * (2 + self.rank());
            self.ask_others(wait, ctx);
        }
    }

    /// Asks everybody what they have and hear, and takes over after `wait` if nothing speaks against it.
    pub(super) fn ask_others(&mut self, wait: Duration, ctx: &mut Context<'_>) {
        self.monitor.opinion = Opinion::Asking;
        self.monitor.answers.clear();
        let (last_epoch, last_index) = self.length();
        for other in self.others().collect::<Vec<_>>() {
            self.send(other, Body::Status { last_epoch, last_index }, ctx);
        }
        self.watch(Timer::Claim, wait, ctx);
    }

    pub(super) fn on_status(&mut self, from: NodeId, asks: Length, ctx: &mut Context<'_>) {
        if self.monitor.opinion == Opinion::Asking {
            // Who asks is in reach, and hears no primary either.
            self.monitor.answers.insert(from, (asks, false));
        }
        let (last_epoch, last_index) = self.length();
        let hears = self.hears_primary(ctx.now());
        self.send(from, Body::StatusReply { last_epoch, last_index, hears }, ctx);
    }

    pub(super) fn on_status_reply(&mut self, from: NodeId, epoch: Epoch, length: Length, hears: bool) {
        // Who lives under a primary of a lower epoch will not take over, and must follow this node's epoch or a later one:
        // waiting for it would be waiting forever.
        let bygone = hears && epoch < self.epoch;
        if self.monitor.opinion == Opinion::Asking && !bygone {
            self.monitor.answers.insert(from, (length, hears));
        }
    }

    /// Returns whether the primary spoke just now, not merely within patience: backups lose patience a little apart.
    fn hears_primary(&self, now: Timestamp) -> bool {
        let lately = self.monitor.heard.is_some_and(|heard| now.since(heard) < self.settings.heartbeat * 3);
        self.role == Role::Primary || lately
    }

    pub(super) fn on_claim(&mut self, ctx: &mut Context<'_>) {
        if self.role == Role::Primary {
            return;
        }
        let mine = (self.length(), std::cmp::Reverse(self.rank()));
        let better = |(other, (length, hears)): (&NodeId, &(Length, bool))| {
            *hears || (*length, std::cmp::Reverse(self.rank_of(*other))) > mine
        };
        if self.monitor.answers.iter().any(better) {
            return self.expect_primary(ctx);
        }
        self.lead_in(self.next_epoch(), ctx);
    }

    /// Returns the next epoch that is this node's to lead in.
    ///
    /// Epochs are dealt round like cards: of three members the first leads in 1, 4, 7, the second in 2, 5, 8. Two
    /// primaries can exist at the same time, but never two in one epoch, so an entry is known by index and epoch.
    pub(super) fn next_epoch(&self) -> Epoch {
        let count = self.members.len() as u64;
        let place = self.place_of(self.me) as u64;
        let last = self.seen.0;
        if self.has(Flaw::SharesEpochs) {
            return Epoch(last + 1);
        }
        let ahead = (place + count - last % count) % count;
        Epoch(last + 1 + ahead)
    }

    fn length(&self) -> Length {
        (self.log.last_epoch(), self.log.last())
    }

    fn rank(&self) -> u32 {
        self.rank_of(self.me)
    }

    /// Returns how many members come between the silent primary and a node.
    fn rank_of(&self, node: NodeId) -> u32 {
        let count = self.members.len();
        let start = self.primary.map_or(0, |primary| self.place_of(primary) + 1);
        ((self.place_of(node) + count - start % count) % count) as u32
    }

    fn place_of(&self, node: NodeId) -> usize {
        self.members.iter().position(|member| *member == node).unwrap_or(0)
    }
}
