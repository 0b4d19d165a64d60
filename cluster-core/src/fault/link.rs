//! The rules of one direction of a link, and what they decide about one frame.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

/// A delay on top of nothing: each frame waits `mean` give or take up to `jitter`, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// The mean wait.
    pub mean: Duration,
    /// The greatest deviation from the mean, uniformly drawn; at most `mean`.
    pub jitter: Duration,
}

/// Independent loss of whole frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The share of frames lost, 0 to 1.
    pub probability: f64,
}

/// What is wrong with one direction of a link. The default is a healthy link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LinkRules {
    /// Nothing passes.
    pub cut: bool,
    /// Frames wait this long in addition to the link's own delay.
    pub delay: Option<Delay>,
    /// Frames disappear.
    pub loss: Option<Loss>,
}

/// Why a rule cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Loss outside 0..=1.
    #[error("a loss of {0} is no share of frames; give 0 to 1 (or 0% to 100%)")]
    Loss(f64),
    /// Jitter above the mean.
    #[error("a jitter of {jitter:?} around {mean:?} would need frames from the future; give at most the mean")]
    Jitter {
        /// The mean that was asked for.
        mean: Duration,
        /// The jitter that was asked for.
        jitter: Duration,
    },
    /// A delay that nobody would wait for.
    #[error("a delay of {0:?} is longer than the hour that a link may hold a frame")]
    TooLong(Duration),
}

impl LinkRules {
    /// Returns whether the direction is healthy.
    pub fn is_healthy(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that the rules make sense.
    pub fn check(&self) -> Result<(), RuleError> {
        if let Some(Loss { probability }) = self.loss
            && !(0.0..=1.0).contains(&probability)
        {
            return Err(RuleError::Loss(probability));
        }
        if let Some(Delay { mean, jitter }) = self.delay {
            if jitter > mean {
                return Err(RuleError::Jitter { mean, jitter });
            }
            if mean > Duration::from_secs(3600) {
                return Err(RuleError::TooLong(mean));
            }
        }
        Ok(())
    }

    /// Decides about one frame. The same draw order for every rule set keeps runs of one seed comparable.
    pub fn decide(&self, rng: &mut impl Rng) -> Verdict {
        if self.cut {
            return Verdict::Drop(DropReason::Cut);
        }
        if let Some(loss) = self.loss
            && rng.random::<f64>() < loss.probability
        {
            return Verdict::Drop(DropReason::Loss);
        }
        Verdict::Pass(self.delay.map_or(Duration::ZERO, |delay| delay.draw(rng)))
    }
}

impl Delay {
    /// Draws the wait of one frame.
    pub fn draw(&self, rng: &mut impl Rng) -> Duration {
        if self.jitter.is_zero() {
            return self.mean;
        }
        let spread = self.jitter.as_nanos() as u64;
        let drawn = rng.random_range(0..=2 * spread);
        self.mean.saturating_sub(self.jitter) + Duration::from_nanos(drawn)
    }
}

/// What a link decided about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on, after this wait.
    Pass(Duration),
    /// Is gone.
    Drop(DropReason),
}

/// Why a frame never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DropReason {
    /// The direction is cut.
    Cut,
    /// The direction loses frames.
    Loss,
    /// The receiver is down: nothing listens, or its connection was reset.
    ReceiverDown,
    /// The sender went down before the frame left it.
    SenderDown,
    /// The receiver is frozen and its receive buffer is full.
    BufferFull,
    /// The connection broke with the frame in it.
    Reset,
    /// Somebody took it off its way by hand.
    ByHand,
}

impl DropReason {
    /// Returns the reason in words that complete "dropped: …".
    pub fn words(self) -> &'static str {
        match self {
            Self::Cut => "link cut",
            Self::Loss => "lost by the link",
            Self::ReceiverDown => "receiver down",
            Self::SenderDown => "sender went down",
            Self::BufferFull => "receive buffer full",
            Self::Reset => "connection reset",
            Self::ByHand => "taken out by hand",
        }
    }
}

/// What one direction did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounters {
    /// Frames that passed.
    pub passed: u64,
    /// Their bytes.
    pub passed_bytes: u64,
    /// Frames stopped by a cut.
    pub cut: u64,
    /// Frames lost.
    pub lost: u64,
    /// Frames that a delay rule held up.
    pub delayed: u64,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_cut_drops_every_frame_and_a_healthy_link_none() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let cut = LinkRules { cut: true, ..LinkRules::default() };
        assert_eq!(cut.decide(&mut rng), Verdict::Drop(DropReason::Cut));
        assert_eq!(LinkRules::default().decide(&mut rng), Verdict::Pass(Duration::ZERO));
    }

    #[test]
    fn loss_drops_about_its_share() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let rules = LinkRules { loss: Some(Loss { probability: 0.25 }), ..LinkRules::default() };
        let lost = (0..10_000).filter(|_| rules.decide(&mut rng) == Verdict::Drop(DropReason::Loss)).count();
        assert!((2300..2700).contains(&lost), "{lost} of 10,000 lost at seed 2");
    }

    #[test]
    fn a_delay_stays_within_its_jitter() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mean, jitter) = (Duration::from_millis(40), Duration::from_millis(8));
        let delay = Delay { mean, jitter };
        assert!((0..1000).map(|_| delay.draw(&mut rng)).all(|d| d >= mean - jitter && d <= mean + jitter));
    }

    #[test]
    fn impossible_rules_are_refused_with_the_reason() {
        let rules = LinkRules { loss: Some(Loss { probability: 1.5 }), ..LinkRules::default() };
        assert_eq!(rules.check(), Err(RuleError::Loss(1.5)));
        let (mean, jitter) = (Duration::from_millis(1), Duration::from_millis(2));
        let rules = LinkRules { delay: Some(Delay { mean, jitter }), ..LinkRules::default() };
        assert_eq!(rules.check(), Err(RuleError::Jitter { mean, jitter }));
    }
}
