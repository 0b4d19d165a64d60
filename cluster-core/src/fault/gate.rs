//! What a direction with rules remembers from frame to frame, and how its rules judge one.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Act, Checksum, DropReason, LinkRules, Verdict};
use crate::time::Timestamp;

/// What became of a frame at a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgment {
    /// Whether it goes on, and when it arrives.
    pub verdict: Verdict,
    /// When its copy arrives, if it gets one.
    pub copy: Option<Duration>,
    /// Whether it is damaged, and whether that will be noticed.
    pub damage: Option<Damage>,
    /// What the rules did to it, for the trace.
    pub acts: Vec<Act>,
}

/// A bit that is flipped on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The bit of the payload, counted from the first.
    pub bit: u32,
    /// Whether the frame's checksum is made before the damage, so that it tells.
    pub checksum: Checksum,
}

/// A frame that comes to a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comes {
    /// When.
    pub(super) now: Timestamp,
    /// Its length on the wire.
    pub(super) bytes: usize,
    /// The length of what it carries.
    pub(super) payload: usize,
    /// How long a healthy link takes.
    pub(super) base: Duration,
}

/// The memory of a direction that has rules. It is made with the first rule and gone with the last, so a healed link
/// remembers nothing.
///
/// Each rule draws from a stream of its own, once a frame: so what one rule does to the n-th frame never depends on which
/// other rules there are, and runs of one seed stay comparable.
#[derive(Debug)]
pub(super) struct Gate {
    delay: ChaCha8Rng,
    loss: ChaCha8Rng,
    burst: ChaCha8Rng,
    duplicate: ChaCha8Rng,
    reorder: ChaCha8Rng,
    corrupt: ChaCha8Rng,
    /// Where in its period a flapping link began.
    phase: Duration,
    /// Whether a link with bursts is in its bad state.
    bad: bool,
    /// Until when a narrow pipe is busy.
    busy: Timestamp,
    /// When frames that are held back and were not overtaken yet arrive.
    held: Vec<Timestamp>,
}

/// Returns where in its period a flapping link is when the run begins.
pub(super) fn phase(seed: u64) -> Duration {
    Duration::from_nanos(stream(seed, 7).random::<u64>() >> 20)
}

fn stream(seed: u64, rule: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed ^ rule.wrapping_mul(0xD1B5_4A32_D192_ED03))
}

/// What the rules drew for one frame.
struct Draws {
    lost: bool,
    in_burst: bool,
    extra: Duration,
    copied: bool,
    held: Option<Duration>,
    damage: Option<Damage>,
}

impl Gate {
    /// Makes the memory of a direction whose chances follow from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let stream = |rule| stream(seed, rule);
        Self {
            delay: stream(1),
            loss: stream(2),
            burst: stream(3),
            duplicate: stream(4),
            reorder: stream(5),
            corrupt: stream(6),
            phase: phase(seed),
            bad: false,
            busy: Timestamp::ZERO,
            held: Vec::new(),
        }
    }

    /// Judges a frame. `last_arrival` is when the frame before it arrives: only those that are held back are overtaken.
    pub(super) fn judge(&mut self, rules: &LinkRules, frame: Comes, last_arrival: &mut Timestamp) -> Judgment {
        let draws = self.draw(rules, frame.payload);
        let mut acts = Vec::new();
        let drop = |reason| Judgment { verdict: Verdict::Drop(reason), copy: None, damage: None, acts: Vec::new() };
        if rules.cut {
            return drop(DropReason::Cut);
        }
        if rules.flap.is_some_and(|flap| !flap.is_up(self.phase, frame.now)) {
            return drop(DropReason::Flap);
        }
        if draws.lost {
            return drop(DropReason::Loss);
        }
        if draws.in_burst {
            return drop(DropReason::Burst);
        }
        let Some(turn) = self.squeeze(rules, frame) else { return drop(DropReason::QueueFull) };
        if !turn.is_zero() {
            acts.push(Act::Throttled(turn));
        }
        if !draws.extra.is_zero() {
            acts.push(Act::Delayed(draws.extra));
        }
        let in_order = (frame.now + turn + frame.base + draws.extra).max(*last_arrival);
        let arrival = match draws.held {
            Some(by) => {
                acts.push(Act::HeldBack(by));
                self.held.push(in_order + by);
                in_order + by
            }
            None => {
                *last_arrival = in_order;
                let overtook = self.overtake(frame.now, in_order);
                if overtook > 0 {
                    acts.push(Act::Overtook(overtook));
                }
                in_order
            }
        };
        let copy = if draws.copied { self.copy(rules, frame, last_arrival, draws.extra) } else { None };
        acts.extend(copy.map(|_| Act::Duplicated));
        acts.extend(draws.damage.map(|damage| Act::Corrupted(damage.bit)));
        let verdict = Verdict::Pass(arrival.since(frame.now));
        Judgment { verdict, copy: copy.map(|at| at.since(frame.now)), damage: draws.damage, acts }
    }

    fn draw(&mut self, rules: &LinkRules, payload: usize) -> Draws {
        let share = |rng: &mut ChaCha8Rng, share: f64| rng.random::<f64>() < share;
        Draws {
            lost: rules.loss.is_some_and(|loss| share(&mut self.loss, loss.probability)),
            in_burst: rules.burst.is_some_and(|burst| burst.loses(&mut self.bad, &mut self.burst)),
            extra: rules.delay.map_or(Duration::ZERO, |delay| delay.draw(&mut self.delay)),
            copied: rules.duplicate.is_some_and(|rule| share(&mut self.duplicate, rule.share)),
            held: rules.reorder.filter(|rule| share(&mut self.reorder, rule.share)).map(|rule| rule.by),
            damage: rules.corrupt.and_then(|rule| {
                let (hit, place) = (share(&mut self.corrupt, rule.share), self.corrupt.random::<f64>());
                // A frame that carries nothing has nothing to damage.
                let bit = (place * payload as f64 * 8.0) as u32;
                (hit && payload > 0).then_some(Damage { bit, checksum: rule.checksum })
            }),
        }
    }

    /// Returns how long the frame takes in a narrow pipe, its turn included; `None` if there is no room to wait in.
    fn squeeze(&mut self, rules: &LinkRules, frame: Comes) -> Option<Duration> {
        rules.bandwidth.map_or(Some(Duration::ZERO), |pipe| pipe.admit(&mut self.busy, frame.bytes, frame.now))
    }

    /// A copy follows its frame through the same pipe, as slow as it, and is never held back.
    fn copy(
        &mut self,
        rules: &LinkRules,
        frame: Comes,
        last_arrival: &mut Timestamp,
        extra: Duration,
    ) -> Option<Timestamp> {
        let turn = self.squeeze(rules, frame)?;
        *last_arrival = (frame.now + turn + frame.base + extra).max(*last_arrival);
        Some(*last_arrival)
    }

    /// Returns how many frames that are held back are overtaken by one that arrives at `arrival`, for the first time.
    fn overtake(&mut self, now: Timestamp, arrival: Timestamp) -> u32 {
        self.held.retain(|held| *held > now);
        let before = self.held.len();
        self.held.retain(|held| *held <= arrival);
        (before - self.held.len()) as u32
    }
}
