//! Frames that disappear: each by itself, or in bursts.

use std::fmt;

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Independent loss of whole frames.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The share of frames lost, 0 to 1.
    pub probability: f64,
}

/// Loss in bursts: the link is now in a good state, now in a bad one, and loses frames at another rate in each
/// (Gilbert 1960, Elliott 1963). Each frame may change the state before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// The chance that the good state turns bad, a frame: p.
    pub turn_bad: f64,
    /// The chance that the bad state turns good, a frame: r. A burst lasts 1/r frames on average.
    pub turn_good: f64,
    /// The share of frames lost in the bad state.
    pub loss_bad: f64,
    /// The share of frames lost in the good state.
    pub loss_good: f64,
}

impl Burst {
    /// Returns the share of frames that is lost in the long run.
    pub fn share(&self) -> f64 {
        let bad = self.turn_bad / (self.turn_bad + self.turn_good);
        bad * self.loss_bad + (1.0 - bad) * self.loss_good
    }

    /// Draws one frame's fate; `bad` is the state, which may change.
    pub(super) fn loses(&self, bad: &mut bool, rng: &mut impl Rng) -> bool {
        let (turns, lost) = (rng.random::<f64>(), rng.random::<f64>());
        *bad = if *bad { turns >= self.turn_good } else { turns < self.turn_bad };
        lost < if *bad { self.loss_bad } else { self.loss_good }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&percent(self.probability))
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { turn_bad, turn_good, loss_bad, loss_good } = self;
        write!(f, "p {} r {} bad {}", percent(*turn_bad), percent(*turn_good), percent(*loss_bad))?;
        if *loss_good > 0.0 { write!(f, " good {}", percent(*loss_good)) } else { Ok(()) }
    }
}

/// Writes a share as people do: `20 %`, `0.1 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn bursts_lose_their_share_and_last_as_long_as_they_should() {
        let burst = Burst { turn_bad: 0.02, turn_good: 0.2, loss_bad: 1.0, loss_good: 0.0 };
        let (mut rng, mut bad) = (ChaCha8Rng::seed_from_u64(4), false);
        let lost: Vec<bool> = (0..100_000).map(|_| burst.loses(&mut bad, &mut rng)).collect();
        let share = lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64;
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let length = share * lost.len() as f64 / runs as f64;
        assert!((share - burst.share()).abs() < 0.01, "{share} lost at seed 4");
        assert!((length - 5.0).abs() < 0.5, "bursts of {length} frames at seed 4");
    }

    #[test]
    fn shares_are_written_as_people_do() {
        assert_eq!(percent(0.2), "20 %");
        assert_eq!(percent(0.001), "0.1 %");
        let burst = Burst { turn_bad: 0.02, turn_good: 0.25, loss_bad: 0.9, loss_good: 0.0 };
        assert_eq!(burst.to_string(), "p 2 % r 25 % bad 90 %");
    }
}
