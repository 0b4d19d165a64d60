//! How bad a drawn fault is: long and short, much and little, in round numbers that people can read.

use std::time::Duration;

use rand::Rng;

use crate::fault::{
    Bandwidth, Burst, Checksum, Corrupt, Delay, DelayShape, Drift, Duplicate, FaultKind, Flap, LinkFault, Loss, Reorder,
};

/// Draws a rule for links of that kind. Kinds that are no rules give a cut.
pub(super) fn rule(kind: FaultKind, rng: &mut impl Rng) -> LinkFault {
    match kind {
        FaultKind::Flap => {
            LinkFault::Flap(Flap { up: log_millis(rng, 100.0, 3000.0), down: log_millis(rng, 50.0, 1500.0) })
        }
        FaultKind::Delay => LinkFault::Delay(delay(rng)),
        FaultKind::Loss => LinkFault::Loss(Loss { probability: percents(rng, 0.05, 0.6) }),
        FaultKind::Burst => LinkFault::Burst(Burst {
            turn_bad: percents(rng, 0.01, 0.1),
            turn_good: percents(rng, 0.1, 0.5),
            loss_bad: percents(rng, 0.5, 1.0),
            loss_good: 0.0,
        }),
        FaultKind::Duplicate => LinkFault::Duplicate(Duplicate { share: percents(rng, 0.05, 0.5) }),
        FaultKind::Reorder => {
            LinkFault::Reorder(Reorder { share: percents(rng, 0.05, 0.5), by: log_millis(rng, 5.0, 200.0) })
        }
        // The checksum stays on: a protocol that is given damaged bytes as sound ones promises nothing.
        FaultKind::Corrupt => LinkFault::Corrupt(Corrupt { share: percents(rng, 0.01, 0.3), checksum: Checksum::On }),
        FaultKind::Bandwidth => LinkFault::Bandwidth(Bandwidth {
            bytes_per_sec: log_uniform(rng, 2.0, 200.0).round() as u64 * 1000,
            queue_bytes: log_uniform(rng, 2.0, 64.0).round() as u64 * 1000,
        }),
        FaultKind::SlowClose => LinkFault::SlowClose(log_millis(rng, 200.0, 4000.0)),
        FaultKind::Cut
        | FaultKind::Reset
        | FaultKind::HalfOpen
        | FaultKind::Partition
        | FaultKind::Crash
        | FaultKind::PowerLoss
        | FaultKind::Stop
        | FaultKind::Freeze
        | FaultKind::Wipe
        | FaultKind::TornPowerLoss
        | FaultKind::Slow
        | FaultKind::ClockOffset
        | FaultKind::ClockJump
        | FaultKind::ClockDrift
        | FaultKind::DiskSlow
        | FaultKind::DiskFull
        | FaultKind::ReadErrors
        | FaultKind::BitRot
        | FaultKind::LyingSync => LinkFault::Cut,
    }
}

/// Draws how wrong a clock runs, either way.
pub(super) fn drift(rng: &mut impl Rng) -> Drift {
    let ppm = log_uniform(rng, 1.0, 2000.0).round() as i32 * 100;
    Drift { ppm: if rng.random() { ppm } else { -ppm } }
}

fn delay(rng: &mut impl Rng) -> Delay {
    let mean = log_millis(rng, 10.0, 1000.0);
    let (shape, jitter) = (rng.random_range(0..4), mean.mul_f64(rng.random_range(0.0..=0.5)));
    let jitter = Duration::from_millis(jitter.as_millis() as u64);
    match shape {
        0 => Delay::constant(mean),
        1 => Delay { shape: DelayShape::Normal, ..Delay::uniform(mean, jitter) },
        2 => Delay { shape: DelayShape::Exponential, ..Delay::constant(mean) },
        _ => Delay::uniform(mean, jitter), // all that are left of four
    }
}

/// Draws so that each order of magnitude is as likely as the others: short and long, little and much do different things.
pub(super) fn log_uniform(rng: &mut impl Rng, least: f64, most: f64) -> f64 {
    rng.random_range(least.ln()..=most.ln()).exp()
}

/// As [`log_uniform`], in whole milliseconds.
pub(super) fn log_millis(rng: &mut impl Rng, least: f64, most: f64) -> Duration {
    Duration::from_millis(log_uniform(rng, least, most).round() as u64)
}

/// Draws a share in whole percents.
pub(super) fn percents(rng: &mut impl Rng, least: f64, most: f64) -> f64 {
    (rng.random_range(least..=most) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::fault::FAULTS;

    #[test]
    fn whatever_is_drawn_can_be() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for row in FAULTS {
                let rule = rule(row.kind, &mut rng);
                assert_eq!(rule.check(), Ok(()), "seed {seed}: {rule}");
            }
            assert_ne!(drift(&mut rng), Drift::default(), "seed {seed}");
        }
    }
}
