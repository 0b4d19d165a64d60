//! Who leads: what changed since the last step, told as milestones, and what losing the office means.

use omnipaxos::{
    ballot_leader_election::Ballot,
    messages::sequence_paxos::{PaxosMsg, Promise},
};

use super::{Context, OmniPaxos, epoch_of, log::Command, messages::Said, variant::Flaw};
use crate::{
    event::Milestone,
    ids::{LogIndex, NodeId},
    name::Name,
};

/// What a node is in its ballot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Office {
    #[default]
    Follower,
    /// It won the election, and gathers the promises and logs of a majority.
    Preparing,
    /// Its log is that of the most updated of a majority: it appends.
    Leader,
}

/// What was promised to this node, while it prepares.
#[derive(Debug, Default)]
pub(super) struct Promises {
    from: Vec<NodeId>,
    /// Who has the most updated log of all: it is adopted, if it is not this node's own.
    best: Option<(Ballot, u64, NodeId)>,
}

impl Promises {
    pub(super) fn from(&self) -> &[NodeId] {
        &self.from
    }
}

impl OmniPaxos {
    /// Ends a step: finds out what the engine did in it.
    pub(super) fn settle(&mut self, ctx: &mut Context<'_>) {
        let changes = self.log.log().take_changes();
        self.settle_office(ctx);
        if let Some(first) = changes.first {
            self.durable.cut(first.0 - 1);
        }
        if let Some((from, to)) = changes.erased {
            ctx.note(Milestone::EntriesErased { from, to });
        }
        if let Some(first) = changes.first {
            let briefs = self.log.log().briefs(first);
            ctx.log_spliced(first, briefs);
        }
        if let Some(entries) = changes.synced {
            self.tell_sync(entries, ctx);
        }
        self.tell_election(ctx);
        if changes.dirty {
            self.unwritten = self.unwritten.into_iter().chain(changes.first).min();
            self.dirty = true;
        }
    }

    /// Takes over the ballot and the phase. The engine shows neither its role nor its phase, but a promise to oneself that
    /// was made in this life is a leader's, and a leader accepts once a majority promised.
    fn settle_office(&mut self, ctx: &mut Context<'_>) {
        let promise = self.log.log().promise;
        let accepts = self.engine.as_ref().and_then(|engine| engine.get_current_leader()).is_some_and(|(_, yes)| yes);
        let mine = promise.pid == self.pid && promise != self.promise_at_start;
        let office = match (mine, accepts) {
            (false, _) => Office::Follower,
            (true, false) => Office::Preparing,
            (true, true) => Office::Leader,
        };
        let (was, epoch) = (self.office, self.epoch);
        (self.office, self.epoch) = (office, epoch_of(promise));
        if was != Office::Follower && (office == Office::Follower || self.epoch != epoch) {
            ctx.note(Milestone::SteppedDown { epoch, why: Name::new("a higher ballot was promised") });
            self.abandon_clients(ctx);
        }
        if office != Office::Follower && (was == Office::Follower || self.epoch != epoch) {
            self.promises = Promises { from: vec![self.me], best: None };
            ctx.note(Milestone::ElectionStarted { epoch: self.epoch });
        }
    }

    fn tell_election(&mut self, ctx: &mut Context<'_>) {
        if self.office == Office::Leader && self.elected_in != Some(self.epoch) {
            self.elected_in = Some(self.epoch);
            ctx.note(Milestone::LeaderElected { epoch: self.epoch });
        }
    }

    /// The log was synced with another: with that of the leader, or, by a leader, with the most updated one.
    fn tell_sync(&mut self, entries: u64, ctx: &mut Context<'_>) {
        let source = match self.office {
            Office::Follower => self.leader(),
            Office::Preparing | Office::Leader => self.promises.best.map(|(.., from)| from),
        };
        let Some(from) = source.filter(|_| entries > 0) else { return };
        self.synced_from = Some((from, entries));
        let index = LogIndex(self.log.log().last());
        ctx.note(Milestone::LogSynced { from, entries, index });
    }

    /// A promise came in: it is remembered whose log is the most updated one.
    pub(super) fn weigh_promise(&mut self, from: NodeId, said: &mut Said) {
        let Said::Paxos(PaxosMsg::Promise(promise)) = said else { return };
        if promise.n != self.log.log().promise {
            return;
        }
        match self.office {
            Office::Follower => {}
            Office::Preparing => {
                if self.has(Flaw::AdoptsShorterLog) {
                    self.shorten(promise);
                }
                if !self.promises.from.contains(&from) {
                    self.promises.from.push(from);
                }
                let this = (promise.n_accepted, promise.accepted_idx as u64, from);
                let better = self.promises.best.is_none_or(|best| (best.0, best.1) < (this.0, this.1));
                if promise.log_sync.is_some() && better {
                    self.promises.best = Some(this);
                }
            }
            // It comes late, and what it has beyond the leader's log was not decided. The engine would compare the rounds of
            // the two logs to find where they part; a log that began with a snapshot has none, and would be sent everything
            // from the first entry on, which nobody has any more. What is decided is the same in both.
            Office::Leader => {
                (promise.log_sync, promise.n_accepted) = (None, promise.n);
                promise.accepted_idx = promise.decided_idx;
            }
        }
    }

    /// What the flaw makes of a promise: one without a log that would be worth adopting.
    fn shorten(&self, promise: &mut Promise<Command>) {
        let log = self.log.log();
        let last = log.last() as usize;
        promise.log_sync = None;
        promise.n_accepted = log.accepted_round;
        promise.accepted_idx = promise.accepted_idx.min(last);
        promise.decided_idx = promise.decided_idx.min(last);
    }
}
