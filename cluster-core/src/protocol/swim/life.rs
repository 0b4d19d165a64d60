//! The lives of a member: when one begins, what is on disk of it, and how a member that nobody knows is heard again.

use std::time::Duration;

use bytes::Bytes;
use foca::OwnedNotification;

use super::{Context, Swim, Timer, packet::Id, suspicion::Suspicions};
use crate::{
    disk::SyncId,
    event::MemberStatus,
    ids::NodeId,
    name::Name,
    request::{Refusal, Response},
};

/// The file with the lives that a member had.
pub(super) const LIVES: Name = Name::new("lives");
/// How many members a returning one asks at once who there is.
const ASKED_MAX: usize = 5;

impl Swim {
    /// Takes over what the engine tells of itself. Returns whether nobody speaks to it from then on.
    pub(super) fn follow_life(&mut self, ctx: &mut Context<'_>) -> bool {
        let mut alone = false;
        while let Some(news) = self.runtime.to_notify() {
            match news {
                OwnedNotification::Active => (self.heard, alone) = (true, false),
                OwnedNotification::Rejoin(identity) => {
                    self.unsaved = Some(self.save_life(identity.life, ctx));
                    (self.heard, alone) = (false, true);
                }
                // It buried the last of the others: the engine waits until one comes back.
                OwnedNotification::Idle => (self.heard, alone) = (false, true),
                OwnedNotification::MemberUp(_)
                | OwnedNotification::MemberDown(_)
                | OwnedNotification::Rename(..)
                | OwnedNotification::Defunct => {}
            }
            if !self.heard {
                self.forget_suspicions(ctx);
            }
        }
        alone
    }

    /// The engine's timers count until it is alone only: whoever is suspected must be probed once more.
    fn forget_suspicions(&mut self, ctx: &mut Context<'_>) {
        self.suspicions = Suspicions::default();
        self.end_timers(ctx);
    }

    /// Asks some members who there is, until one has answered.
    ///
    /// Whoever begins a life is known to nobody, and what others begin meanwhile is not known to it. When two halves of a
    /// group find together, all begin one at once: they would wait for each other for ever.
    pub(super) fn ask_who_there_is(&mut self, ctx: &mut Context<'_>) {
        if self.heard {
            return;
        }
        let mut others: Vec<_> = self.others().collect();
        while others.len() > ASKED_MAX {
            let at = ctx.random_duration(Duration::ZERO, Duration::from_nanos(others.len() as u64)).as_nanos();
            others.swap_remove(at as usize);
        }
        for node in others {
            // Whichever life it is in: this message reaches it in all of them.
            let done = self.engine.announce(Id { node, life: 1 }, &mut self.runtime);
            self.after(false, done, ctx);
        }
        ctx.set_timer(Timer::Join, self.settings.period);
    }

    /// Takes a node in that was started as no member.
    pub(super) fn invite(&mut self, node: NodeId, ctx: &mut Context<'_>) -> Response {
        let known = self.opinions.get(&node).is_some_and(|opinion| opinion.status != MemberStatus::Dead);
        if node == self.me || known {
            return Response::Refused(Refusal::Unavailable { why: Name::new("it is a member already") });
        }
        let done = self.engine.announce(Id { node, life: 1 }, &mut self.runtime);
        self.after(false, done, ctx);
        Response::Done
    }

    /// Writes down that a life began. No message tells of it before that is on disk, or two lives could be one.
    pub(super) fn save_life(&mut self, life: u32, ctx: &mut Context<'_>) -> SyncId {
        let record = postcard::to_allocvec(&life).expect("a number in memory always encodes");
        ctx.replace(LIVES, vec![Bytes::from(record)]);
        ctx.sync()
    }

    pub(super) fn others(&self) -> impl Iterator<Item = NodeId> {
        self.members.iter().copied().filter(|member| *member != self.me)
    }
}
