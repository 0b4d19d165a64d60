//! The rules of one direction of a link: what is wrong with it, and which rules can be at all.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Bandwidth, Burst, Corrupt, Delay, DelayShape, Duplicate, FaultKind, Flap, LinkFault, Loss, Reorder};

/// What is wrong with one direction of a link. The default is a healthy link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkRules {
    /// Nothing passes.
    pub cut: bool,
    /// Frames wait this long in addition to the link's own delay.
    pub delay: Option<Delay>,
    /// Frames disappear.
    pub loss: Option<Loss>,
    /// Frames disappear in bursts.
    pub burst: Option<Burst>,
    /// Frames are sent twice.
    pub duplicate: Option<Duplicate>,
    /// Frames are held back, so that others overtake them.
    pub reorder: Option<Reorder>,
    /// Frames are damaged.
    pub corrupt: Option<Corrupt>,
    /// Frames wait for their turn in a narrow pipe.
    pub bandwidth: Option<Bandwidth>,
    /// Nothing passes, now and then.
    pub flap: Option<Flap>,
    /// When the sender's end of the connection ends, the receiver learns it so much later.
    pub slow_close: Option<Duration>,
}

/// Why a rule cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Loss outside 0..=1.
    #[error("a loss of {0} is no share of frames; give 0 to 1 (or 0% to 100%)")]
    Loss(f64),
    /// Another share outside 0..=1.
    #[error("{what}: {share} is no share of frames; give 0 to 1 (or 0% to 100%)")]
    Share {
        /// Which rule.
        what: &'static str,
        /// What was asked for.
        share: f64,
    },
    /// Jitter above the mean.
    #[error("a jitter of {jitter:?} around {mean:?} would need frames from the future; give at most the mean")]
    Jitter {
        /// The mean that was asked for.
        mean: Duration,
        /// The jitter that was asked for.
        jitter: Duration,
    },
    /// An exponential delay with a jitter.
    #[error("an exponential delay has no jitter of its own: its mean says everything; leave {0:?} out")]
    ExponentialJitter(Duration),
    /// A delay that nobody would wait for.
    #[error("a delay of {0:?} is longer than the hour that a link may hold a frame")]
    TooLong(Duration),
    /// Bursts that never end, or never begin and lose nothing.
    #[error("bursts that never {0}; give both p and r a share above 0")]
    Burst(&'static str),
    /// A hold of no length lets nobody overtake.
    #[error("frames that are held back for no time are not overtaken; give the span, such as `by 50ms`")]
    NoSpan,
    /// A pipe that carries nothing.
    #[error("a bandwidth of 0 carries nothing; cut the link instead")]
    NoBandwidth,
    /// A link that is never up, or never down.
    #[error("a link that is never {0} does not flap; give both spans, such as `up 2s down 500ms`")]
    NoFlap(&'static str),
    /// A close or a half-open connection of no length.
    #[error("{0} for no time does nothing; give how long, such as `5s`")]
    NoTime(&'static str),
    /// A link that is cut for good and comes and goes.
    #[error("a link cannot be cut and flap at once; heal the one before you ask for the other")]
    CutAndFlap,
}

/// The longest that a rule may hold anything.
const SPAN_MAX: Duration = Duration::from_secs(3600);

impl LinkRules {
    /// Returns whether the direction is healthy.
    pub fn is_healthy(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the rules one by one, as the faults that make them.
    pub fn parts(&self) -> Vec<LinkFault> {
        let parts = [
            self.cut.then_some(LinkFault::Cut),
            self.flap.map(LinkFault::Flap),
            self.delay.map(LinkFault::Delay),
            self.loss.map(LinkFault::Loss),
            self.burst.map(LinkFault::Burst),
            self.duplicate.map(LinkFault::Duplicate),
            self.reorder.map(LinkFault::Reorder),
            self.corrupt.map(LinkFault::Corrupt),
            self.bandwidth.map(LinkFault::Bandwidth),
            self.slow_close.map(LinkFault::SlowClose),
        ];
        parts.into_iter().flatten().collect()
    }

    /// Takes one rule away.
    pub fn remove(&mut self, kind: FaultKind) {
        match kind {
            FaultKind::Cut => self.cut = false,
            FaultKind::Flap => self.flap = None,
            FaultKind::Delay => self.delay = None,
            FaultKind::Loss => self.loss = None,
            FaultKind::Burst => self.burst = None,
            FaultKind::Duplicate => self.duplicate = None,
            FaultKind::Reorder => self.reorder = None,
            FaultKind::Corrupt => self.corrupt = None,
            FaultKind::Bandwidth => self.bandwidth = None,
            FaultKind::SlowClose => self.slow_close = None,
            _ => {} // the others are no rules
        }
    }

    /// Checks that the rules make sense, each by itself and all together.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.cut && self.flap.is_some() {
            return Err(RuleError::CutAndFlap);
        }
        if let Some(Loss { probability }) = self.loss
            && !is_share(probability)
        {
            return Err(RuleError::Loss(probability));
        }
        self.delay.map_or(Ok(()), check_delay)?;
        self.burst.map_or(Ok(()), check_burst)?;
        check_share("duplicate", self.duplicate.map(|rule| rule.share))?;
        check_share("reorder", self.reorder.map(|rule| rule.share))?;
        check_share("corrupt", self.corrupt.map(|rule| rule.share))?;
        if let Some(Reorder { by, .. }) = self.reorder {
            check_span(by, RuleError::NoSpan)?;
        }
        if self.bandwidth.is_some_and(|pipe| pipe.bytes_per_sec == 0) {
            return Err(RuleError::NoBandwidth);
        }
        if let Some(Flap { up, down }) = self.flap {
            check_span(up, RuleError::NoFlap("up"))?;
            check_span(down, RuleError::NoFlap("down"))?;
        }
        self.slow_close.map_or(Ok(()), |by| check_span(by, RuleError::NoTime("a slow close")))
    }
}

/// Checks a span that something takes.
pub(super) fn check_span(span: Duration, if_none: RuleError) -> Result<(), RuleError> {
    match span {
        Duration::ZERO => Err(if_none),
        span if span > SPAN_MAX => Err(RuleError::TooLong(span)),
        _ => Ok(()),
    }
}

fn check_delay(delay: Delay) -> Result<(), RuleError> {
    let Delay { mean, jitter, shape } = delay;
    if shape == DelayShape::Exponential && !jitter.is_zero() {
        return Err(RuleError::ExponentialJitter(jitter));
    }
    if jitter > mean {
        return Err(RuleError::Jitter { mean, jitter });
    }
    if mean > SPAN_MAX { Err(RuleError::TooLong(mean)) } else { Ok(()) }
}

fn check_burst(burst: Burst) -> Result<(), RuleError> {
    for share in [burst.turn_bad, burst.turn_good, burst.loss_bad, burst.loss_good] {
        check_share("burst", Some(share))?;
    }
    match (burst.turn_bad > 0.0, burst.turn_good > 0.0) {
        (true, true) => Ok(()),
        (false, _) => Err(RuleError::Burst("begin")),
        (true, false) => Err(RuleError::Burst("end")),
    }
}

fn check_share(what: &'static str, share: Option<f64>) -> Result<(), RuleError> {
    match share {
        Some(share) if !is_share(share) => Err(RuleError::Share { what, share }),
        Some(_) | None => Ok(()),
    }
}

fn is_share(share: f64) -> bool {
    (0.0..=1.0).contains(&share)
}

impl fmt::Display for LinkRules {
    /// Writes the rules in words: `cut`, `delay 200ms, loss 30 %`, `healthy`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.parts().iter().map(ToString::to_string).collect();
        f.write_str(if parts.is_empty() { "healthy" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn refused(change: impl FnOnce(&mut LinkRules)) -> Option<RuleError> {
        let mut rules = LinkRules::default();
        change(&mut rules);
        rules.check().err()
    }

    #[test]
    fn impossible_rules_are_refused_with_the_reason() {
        let jittery = Delay::uniform(MS, 2 * MS);
        assert_eq!(refused(|rules| rules.loss = Some(Loss { probability: 1.5 })), Some(RuleError::Loss(1.5)));
        assert_eq!(refused(|rules| rules.delay = Some(jittery)), Some(RuleError::Jitter { mean: MS, jitter: 2 * MS }));
        let exponential = Delay { mean: 2 * MS, jitter: MS, shape: DelayShape::Exponential };
        assert_eq!(refused(|rules| rules.delay = Some(exponential)), Some(RuleError::ExponentialJitter(MS)));
        let share = RuleError::Share { what: "duplicate", share: -0.1 };
        assert_eq!(refused(|rules| rules.duplicate = Some(Duplicate { share: -0.1 })), Some(share));
        assert!(refused(|rules| rules.loss = Some(Loss { probability: f64::NAN })).is_some());
    }

    #[test]
    fn rules_that_could_do_nothing_or_everything_are_refused() {
        let reorder = Reorder { share: 0.1, by: Duration::ZERO };
        assert_eq!(refused(|rules| rules.reorder = Some(reorder)), Some(RuleError::NoSpan));
        let pipe = Bandwidth { bytes_per_sec: 0, queue_bytes: 10 };
        assert_eq!(refused(|rules| rules.bandwidth = Some(pipe)), Some(RuleError::NoBandwidth));
        let flap = Flap { up: MS, down: Duration::ZERO };
        assert_eq!(refused(|rules| rules.flap = Some(flap)), Some(RuleError::NoFlap("down")));
        let burst = Burst { turn_bad: 0.1, turn_good: 0.0, loss_bad: 1.0, loss_good: 0.0 };
        assert_eq!(refused(|rules| rules.burst = Some(burst)), Some(RuleError::Burst("end")));
        assert!(refused(|rules| rules.slow_close = Some(Duration::ZERO)).is_some());
        assert!(refused(|rules| rules.slow_close = Some(Duration::from_secs(7200))).is_some());
    }

    #[test]
    fn rules_that_contradict_each_other_are_refused() {
        let flap = Flap { up: MS, down: MS };
        assert_eq!(refused(|rules| (rules.cut, rules.flap) = (true, Some(flap))), Some(RuleError::CutAndFlap));
        assert_eq!(refused(|rules| rules.flap = Some(flap)), None);
    }

    #[test]
    fn a_rule_that_is_taken_away_is_gone_and_the_others_stay() {
        let loss = LinkFault::Loss(Loss { probability: 0.3 });
        let mut rules = LinkRules::default();
        loss.add_to(&mut rules);
        LinkFault::SlowClose(MS).add_to(&mut rules);
        rules.remove(FaultKind::SlowClose);
        assert_eq!(rules.parts(), [loss]);
    }

    #[test]
    fn rules_have_words() {
        let rules = LinkRules {
            delay: Some(Delay::constant(200 * MS)),
            loss: Some(Loss { probability: 0.3 }),
            ..LinkRules::default()
        };
        assert_eq!(rules.to_string(), "delay 200ms, loss 30 %");
        assert_eq!(LinkRules::default().to_string(), "healthy");
    }
}
