//! Ticks: how the engine counts time, when a node campaigns, and the timer that a learner sees.

use std::time::Duration;

use raft::{Raft as Engine, StateRole};

use super::{KNOBS, Raft, RaftTimer, storage::LogStore};
use crate::{event::TimerView, name::Name, protocol::Ctx, protocol::NodeConfig, time::Timestamp};

/// A heartbeat every that many ticks.
pub(super) const HEARTBEAT_TICKS: usize = 2;
/// So many delays of a link apart, one candidate has its votes before the next one asks (dissertation §9.3 recommends ten).
pub(super) const SPREAD_DELAYS: u32 = 15;
/// The widest that the knob `jitter` allows.
const JITTER_MAX_PERCENT: usize = 200;

/// Returns how many ticks the shortest election timeout has.
pub(super) fn election_ticks(config: &NodeConfig) -> usize {
    let tick = tick_of(config).as_nanos().max(1);
    let ticks = config.profile.election_min().as_nanos() / tick;
    usize::try_from(ticks).unwrap_or(usize::MAX).max(HEARTBEAT_TICKS + 1)
}

/// Returns the earliest tick at which a node campaigns.
///
/// On links without delay a question reaches a node before that node's own ticks have ended the lease of the leader it last
/// heard, and goes unheard: there, nobody asks in the very first tick.
pub(super) fn election_earliest_ticks(config: &NodeConfig) -> usize {
    election_ticks(config) + usize::from(config.profile.link_delay().0.is_zero())
}

/// Returns by how many ticks election timeouts spread.
///
/// Up to ten voters: [`SPREAD_DELAYS`], but not under a quarter of the shortest timeout, for disks and processors are late
/// as well, nor over that timeout (§3.4). More voters spread wider: else a dozen of a hundred nodes ask within one round
/// trip, and split the votes for ever.
pub(super) fn election_spread_ticks(config: &NodeConfig) -> usize {
    let (shortest, voters) = (election_ticks(config), config.members.len());
    if let Some(percent) = jitter_percent(config) {
        return shortest * percent / 100;
    }
    if voters > 10 {
        return shortest * (voters / 10);
    }
    let exchange = config.profile.link_delay().0 * SPREAD_DELAYS;
    let ticks = exchange.as_nanos() / tick_of(config).as_nanos().max(1);
    usize::try_from(ticks).unwrap_or(usize::MAX).clamp((shortest / 4).max(1), shortest)
}

/// Returns the latest tick at which a node campaigns, whatever its jitter is turned to.
pub(super) fn election_latest_ticks(config: &NodeConfig) -> usize {
    let widest = election_ticks(config) * JITTER_MAX_PERCENT / 100;
    election_earliest_ticks(config) + election_spread_ticks(config).max(widest)
}

/// Returns by how many percent of the shortest election timeout they spread, if somebody says so.
fn jitter_percent(config: &NodeConfig) -> Option<usize> {
    config.knob(KNOBS, "jitter").strip_suffix('%')?.parse().ok()
}

pub(super) fn tick_of(config: &NodeConfig) -> Duration {
    config.profile.heartbeat() / HEARTBEAT_TICKS as u32
}

/// The ticks of one node.
pub(super) struct Clock {
    tick: Duration,
    /// When the next tick is due.
    next: Timestamp,
    seed: u64,
    earliest: u64,
    spread: u64,
    /// The election timeout of a term, computed once: (term, ticks).
    drawn: Option<(u64, usize)>,
    shown: Option<Running>,
    timer: Option<TimerView>,
}

/// A timer of the engine, in ticks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Running {
    name: Name,
    total: usize,
    elapsed: usize,
}

impl Clock {
    pub(super) fn new(config: &NodeConfig) -> Self {
        Self {
            tick: tick_of(config),
            next: Timestamp::ZERO,
            seed: config.seed,
            earliest: election_earliest_ticks(config) as u64,
            spread: election_spread_ticks(config) as u64,
            drawn: None,
            shown: None,
            timer: None,
        }
    }

    pub(super) fn tick(&self) -> Duration {
        self.tick
    }

    /// The jitter was turned: timeouts are drawn anew, and without any, nodes tick together.
    pub(super) fn turn(&mut self, config: &NodeConfig) {
        (self.spread, self.drawn) = (election_spread_ticks(config) as u64, None);
    }

    /// Returns the timer that matters most; stands still from tick to tick.
    pub(super) fn timer(&self) -> Option<TimerView> {
        self.timer
    }

    /// Sets the first tick, somewhere within one: nodes that boot together would otherwise all tick at one instant.
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let phase = match self.spread {
            0 => self.next_full_tick(ctx.now()).since(ctx.now()),
            _ => ctx.random_duration(Duration::ZERO, self.tick),
        };
        self.next = ctx.now() + phase;
        ctx.set_timer(RaftTimer::Tick, phase);
    }

    /// Sets the next tick. The beat is kept even if this tick came late; ticks missed by a frozen node are not made up.
    pub(super) fn rearm(&mut self, ctx: &mut Ctx<'_, Raft>) {
        let now = ctx.now();
        self.next = self.next + self.tick;
        // A beat that is far off is that of a clock that was set back since.
        if self.next <= now || self.next.since(now) > self.tick {
            self.next = now + self.tick;
            self.shown = None;
        }
        if self.spread == 0 && self.next != self.next_full_tick(now) {
            self.next = self.next_full_tick(now);
            self.shown = None;
        }
        ctx.set_timer(RaftTimer::Tick, self.next.since(now));
    }

    /// Returns the next tick that all nodes have whose clocks agree.
    fn next_full_tick(&self, now: Timestamp) -> Timestamp {
        let tick = self.tick.as_nanos().max(1) as u64;
        Timestamp((now.0 / tick + 1) * tick)
    }

    /// Replaces the engine's luck: the timeout of a term is a function of the seed, the node and the term.
    ///
    /// The engine draws at every reset; to ask whether it drew would miss a draw of the same number.
    pub(super) fn reseed(&mut self, engine: &mut Engine<LogStore>) {
        let ticks = match self.drawn {
            Some((term, ticks)) if term == engine.term => ticks,
            _ => {
                let luck = mix(self.seed ^ mix(engine.id << 20 ^ engine.term << 32));
                let ticks = (self.earliest + luck % self.spread.max(1)) as usize;
                self.drawn = Some((engine.term, ticks));
                ticks
            }
        };
        if engine.randomized_election_timeout() != ticks {
            engine.set_randomized_election_timeout(ticks);
        }
    }

    /// Looks at the engine's counters, and shows a timer anew if it was set anew.
    pub(super) fn watch(&mut self, engine: &Engine<LogStore>, now: Timestamp) {
        let Some(running) = running(engine) else {
            (self.shown, self.timer) = (None, None);
            return;
        };
        let goes_on = self.shown.is_some_and(|shown| {
            shown.name == running.name && shown.total == running.total && running.elapsed >= shown.elapsed
        });
        self.shown = Some(running);
        if goes_on {
            return;
        }
        let ticks = |count: usize| self.tick * u32::try_from(count).unwrap_or(u32::MAX);
        let left = running.total.saturating_sub(running.elapsed + 1);
        let from = now - ticks(running.elapsed);
        self.timer = Some(TimerView { name: running.name, from, until: self.next + ticks(left) });
    }
}

fn running(engine: &Engine<LogStore>) -> Option<Running> {
    let (name, total, elapsed) = match engine.state {
        StateRole::Leader if engine.check_quorum => {
            ("quorum check", engine.election_timeout(), engine.election_elapsed)
        }
        StateRole::Leader => ("heartbeat", engine.heartbeat_timeout(), engine.heartbeat_elapsed()),
        StateRole::Follower | StateRole::PreCandidate | StateRole::Candidate if engine.promotable() => {
            ("election timeout", engine.randomized_election_timeout(), engine.election_elapsed)
        }
        StateRole::Follower | StateRole::PreCandidate | StateRole::Candidate => return None,
    };
    Some(Running { name: Name::new(name), total, elapsed })
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
