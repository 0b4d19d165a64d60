//! What a follower does when the connection to its leader is reset: it believes in no leader, and soon asks for votes.

use std::time::Duration;

use raft::{INVALID_ID, StateRole};

use super::{KNOBS, Raft, RaftTimer, clock};
use crate::{event::Milestone, ids::NodeId, protocol::Ctx, protocol::NodeConfig, time::TimingProfile};

/// Whether and when a node asks for votes because its leader's process died.
pub(super) struct Failover {
    on: bool,
    /// The earliest: until then, the others have learned of the same death.
    earliest: Duration,
    /// From there on, how far the nodes spread.
    spread: Duration,
    /// The term in which the leader was lost.
    lost: Option<u64>,
}

impl Failover {
    pub(super) fn new(config: &NodeConfig) -> Self {
        let (mean, jitter) = config.profile.link_delay();
        Self {
            on: is_on(config),
            earliest: mean + jitter + clock::tick_of(config) / 10,
            spread: config.profile.heartbeat().max(mean * clock::SPREAD_DELAYS),
            lost: None,
        }
    }

    /// A knob was turned that it depends on.
    pub(super) fn turn(&mut self, config: &NodeConfig) {
        self.on = is_on(config);
    }
}

/// A reset connection proves nothing about its other end. Pre-vote with check-quorum makes a mistake harmless: nodes that
/// still hear the leader refuse to vote. A leader that serves reads by its lease relies on every node that ever heard it.
fn is_on(config: &NodeConfig) -> bool {
    let wanted = match config.knob(KNOBS, "fast_failover") {
        "auto" => config.profile == TimingProfile::Real,
        chosen => chosen == "on",
    };
    let safe = config.flag(KNOBS, "pre_vote") && config.flag(KNOBS, "check_quorum");
    wanted && safe && config.knob(KNOBS, "reads") != "lease"
}

impl Raft {
    /// The connection to a peer was reset. If that peer leads, this node votes for others again, and asks for votes itself
    /// unless it hears of a leader before its turn comes.
    pub(super) fn lose_leader(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Self>) {
        let engine = &mut self.raw.raft;
        let follows = engine.state == StateRole::Follower && engine.leader_id == u64::from(peer.0);
        if !self.failover.on || !follows || !engine.promotable() {
            return;
        }
        engine.leader_id = INVALID_ID;
        self.failover.lost = Some(engine.term);
        let Failover { earliest, spread, .. } = self.failover;
        let turn = ctx.random_duration(earliest, earliest + spread);
        ctx.set_timer(RaftTimer::Failover, turn);
        ctx.note(Milestone::Suspected { peer });
    }

    /// This node's turn to ask for votes came.
    pub(super) fn fail_over(&mut self, ctx: &mut Ctx<'_, Self>) {
        let engine = &self.raw.raft;
        let still_lost = self.failover.lost.take() == Some(engine.term) && engine.leader_id == INVALID_ID;
        if still_lost && engine.state == StateRole::Follower && engine.promotable() && !self.installing() {
            // An error says that changes of the members have to be applied first; the election timeout asks again.
            let _ = self.raw.campaign();
        }
        self.settle(ctx);
    }
}
