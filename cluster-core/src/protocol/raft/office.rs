//! Who leads: what changed in role and term since the last step, told as milestones, and what losing the office means.

use raft::{Raft as Engine, StateRole};

use super::{Raft, node_from_id, storage::LogStore};
use crate::{event::Milestone, ids::Epoch, name::Name, protocol::Ctx, request::Refusal};

/// Role and term as they were at the end of the last step.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    state: StateRole,
    term: u64,
    /// Whether the election timer ran out in this step.
    pub(super) fired: bool,
}

impl Seen {
    pub(super) fn of(engine: &Engine<LogStore>) -> Self {
        Self { state: engine.state, term: engine.term, fired: false }
    }
}

impl Raft {
    /// Ends a step: the engine's luck is replaced, and what changed is told.
    pub(super) fn settle(&mut self, ctx: &mut Ctx<'_, Self>) {
        self.clock.reseed(&mut self.raw.raft);
        let (before, after) = (self.seen, Seen::of(&self.raw.raft));
        self.seen = after;
        let (changed, fired) = ((before.state, before.term) != (after.state, after.term), before.fired);
        if changed || fired {
            self.tell_office(before, after, ctx);
        }
        self.settle_transfer(ctx);
        self.clock.watch(&self.raw.raft, ctx.now());
        self.settle_waiting();
    }

    fn tell_office(&mut self, before: Seen, after: Seen, ctx: &mut Ctx<'_, Self>) {
        let later_term = after.term > before.term;
        let campaigned = later_term && self.raw.raft.vote == self.raw.raft.id;
        let was_leader = before.state == StateRole::Leader;
        if was_leader && (later_term || after.state != StateRole::Leader) {
            let why = if later_term {
                "a later term exists"
            } else if self.raw.raft.promotable() {
                "no answer from a majority"
            } else {
                "no member any more"
            };
            ctx.note(Milestone::SteppedDown { epoch: Epoch(before.term), why: Name::new(why) });
            self.lose_office(ctx);
        }
        if before.state == StateRole::Candidate && after.state == StateRole::Follower {
            let why = match (later_term, self.leader()) {
                (true, _) => "a later term exists",
                (false, Some(_)) => "another node won",
                (false, None) => "a majority refused",
            };
            ctx.note(Milestone::SteppedDown { epoch: Epoch(before.term), why: Name::new(why) });
        }
        let asks_first = after.state == StateRole::PreCandidate;
        if asks_first && (before.fired || before.state != StateRole::PreCandidate) {
            ctx.note(Milestone::PreVoteStarted { epoch: Epoch(after.term + 1) });
        }
        if campaigned {
            ctx.note(Milestone::ElectionStarted { epoch: Epoch(after.term) });
        }
        if after.state == StateRole::Leader && (later_term || !was_leader) {
            ctx.note(Milestone::LeaderElected { epoch: Epoch(after.term) });
        }
    }

    /// What clients wait for will not come from this node: its entries may be erased, or committed by another leader.
    fn lose_office(&mut self, ctx: &mut Ctx<'_, Self>) {
        self.snapshots_sent.clear();
        let leader = self.leader();
        self.clients.abandon(leader, ctx);
        self.admins.abandon(ctx);
    }

    /// Tells how a handover ended.
    fn settle_transfer(&mut self, ctx: &mut Ctx<'_, Self>) {
        let Some((op, to)) = self.admins.transfer else { return };
        let refused = |why| crate::request::Response::Refused(Refusal::Unavailable { why: Name::new(why) });
        let response = if self.leads() {
            if self.raw.raft.lead_transferee.is_some() {
                return;
            }
            refused("the member did not take over in time")
        } else {
            match node_from_id(self.raw.raft.leader_id) {
                None => return,
                Some(leader) if leader == to => crate::request::Response::Done,
                Some(_) => refused("another member took over"),
            }
        };
        self.admins.transfer = None;
        ctx.reply(op, response);
    }
}
