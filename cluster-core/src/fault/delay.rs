//! How long frames wait: the delay of a link and the distribution it is drawn from.

use std::{fmt, time::Duration};

use rand::Rng;
use serde::{Deserialize, Serialize};

/// A delay on top of nothing: each frame waits about `mean`, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delay {
    /// The mean wait.
    pub mean: Duration,
    /// How far waits deviate from the mean; what that says depends on the shape. Zero means: not at all.
    pub jitter: Duration,
    /// How waits are distributed.
    pub shape: DelayShape,
}

/// How the waits of a delay are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DelayShape {
    /// Every wait between `mean - jitter` and `mean + jitter` is as likely as any other; without jitter, constant.
    #[default]
    Uniform,
    /// The bell curve with `jitter` as its standard deviation, cut off at zero and four deviations above the mean.
    Normal,
    /// Most frames wait little and a few wait long, as behind a queue; cut off at ten times the mean. Takes no jitter.
    Exponential,
}

/// An exponential wait is at most this many means: one frame in 22,000 would wait longer.
const MEANS_MAX: f64 = 10.0;
/// A normal wait is at most this many deviations above the mean.
const DEVIATIONS_MAX: f64 = 4.0;

impl Delay {
    /// Makes a delay that is the same for every frame.
    pub const fn constant(mean: Duration) -> Self {
        Self { mean, jitter: Duration::ZERO, shape: DelayShape::Uniform }
    }

    /// Makes a delay of `mean` give or take up to `jitter`.
    pub const fn uniform(mean: Duration, jitter: Duration) -> Self {
        Self { mean, jitter, shape: DelayShape::Uniform }
    }

    /// Draws the wait of one frame.
    pub fn draw(&self, rng: &mut impl Rng) -> Duration {
        match self.shape {
            DelayShape::Uniform | DelayShape::Normal if self.jitter.is_zero() => self.mean,
            DelayShape::Uniform => {
                let spread = self.jitter.as_nanos() as u64;
                let drawn = rng.random_range(0..=2 * spread);
                self.mean.saturating_sub(self.jitter) + Duration::from_nanos(drawn)
            }
            DelayShape::Normal => {
                let deviation = self.jitter.as_secs_f64();
                let most = self.mean.as_secs_f64() + DEVIATIONS_MAX * deviation;
                let drawn = self.mean.as_secs_f64() + deviation * standard_normal(rng);
                Duration::from_secs_f64(drawn.clamp(0.0, most))
            }
            DelayShape::Exponential => {
                // The draw lies in 0..1, so its complement has a logarithm.
                let means = -(1.0 - rng.random::<f64>()).ln();
                self.mean.mul_f64(means.min(MEANS_MAX))
            }
        }
    }
}

/// Draws from the bell curve around zero with deviation one (Box and Muller, 1958).
fn standard_normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.mean))?;
        match self.shape {
            DelayShape::Uniform | DelayShape::Normal if self.jitter.is_zero() => Ok(()),
            DelayShape::Uniform => write!(f, " ± {}", humantime::format_duration(self.jitter)),
            DelayShape::Normal => write!(f, " ± {} normal", humantime::format_duration(self.jitter)),
            DelayShape::Exponential => f.write_str(" exponential"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const MEAN: Duration = Duration::from_millis(40);
    const JITTER: Duration = Duration::from_millis(8);
    const SHAPES: [DelayShape; 3] = [DelayShape::Uniform, DelayShape::Normal, DelayShape::Exponential];

    fn drawn(shape: DelayShape, jitter: Duration) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let delay = Delay { mean: MEAN, jitter, shape };
        (0..20_000).map(|_| delay.draw(&mut rng).as_secs_f64() * 1e3).collect()
    }

    fn mean_and_deviation(waits: &[f64]) -> (f64, f64) {
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        let variance = waits.iter().map(|wait| (wait - mean).powi(2)).sum::<f64>() / waits.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn every_shape_keeps_its_mean_and_its_spread() {
        // The deviation of a uniform draw is its half width over the square root of three.
        for (shape, jitter, deviation) in [
            (DelayShape::Uniform, JITTER, 8.0 / 3f64.sqrt()),
            (DelayShape::Normal, JITTER, 8.0),
            (DelayShape::Exponential, Duration::ZERO, 40.0),
        ] {
            let (mean, spread) = mean_and_deviation(&drawn(shape, jitter));
            assert!((mean - 40.0).abs() < 1.0, "{shape:?}: mean {mean} ms at seed 3");
            assert!((spread - deviation).abs() < 1.0, "{shape:?}: deviation {spread} ms at seed 3");
        }
    }

    #[test]
    fn every_shape_has_an_end() {
        for (shape, least, most) in
            [(DelayShape::Uniform, 32.0, 48.0), (DelayShape::Normal, 0.0, 72.0), (DelayShape::Exponential, 0.0, 400.0)]
        {
            let jitter = if shape == DelayShape::Exponential { Duration::ZERO } else { JITTER };
            assert!(drawn(shape, jitter).iter().all(|wait| (least..=most).contains(wait)), "{shape:?} at seed 3");
        }
    }

    #[test]
    fn without_jitter_a_delay_is_constant_unless_it_is_exponential() {
        for shape in SHAPES {
            let constant = drawn(shape, Duration::ZERO).iter().all(|wait| *wait == 40.0);
            assert_eq!(constant, shape != DelayShape::Exponential, "{shape:?}");
        }
    }
}
