//! The other rules for frames: copies, overtaking, damage, a narrow pipe, and a link that comes and goes.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::loss::percent;
use crate::time::Timestamp;

/// Frames that are sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The share of frames that get a copy, 0 to 1.
    pub share: f64,
}

/// Frames that are held back, so that later ones overtake them.
///
/// A TCP stream keeps its order, so this happens before a frame is put on it: frames change places, bytes never do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reorder {
    /// The share of frames that are held back, 0 to 1.
    pub share: f64,
    /// For how long.
    pub by: Duration,
}

/// Frames in which one bit is flipped on the way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corrupt {
    /// The share of frames that are damaged, 0 to 1.
    pub share: f64,
    /// Whether the damage is noticed.
    pub checksum: Checksum,
}

/// Whether a frame's checksum is any good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Checksum {
    /// The receiver finds the damage and drops the frame.
    #[default]
    On,
    /// The checksum is computed over the damaged bytes, as by a broken network card: the receiver finds nothing, and the
    /// protocol gets what is there.
    Off,
}

/// A pipe that carries so much a second and no more: a token bucket that holds one frame, in cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// How many bytes it carries in a second of cluster time.
    pub bytes_per_sec: u64,
    /// How many bytes may wait for their turn, apart from the frame that is being sent.
    pub queue_bytes: u64,
}

/// A link that is up and down in turns. Where in its period it begins follows from the seed of the run and the direction
/// ([`super::flap_phase`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// How long it is up.
    pub up: Duration,
    /// How long it is down.
    pub down: Duration,
}

impl Bandwidth {
    /// Returns how long the pipe is busy with so many bytes.
    pub fn time_of(&self, bytes: usize) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.bytes_per_sec.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Lets a frame into the pipe, which is busy until `busy`. Returns how long the frame takes, its turn included; `None`
    /// if the queue is full.
    pub(super) fn admit(&self, busy: &mut Timestamp, bytes: usize, now: Timestamp) -> Option<Duration> {
        let turn = busy.since(now);
        let queued = turn.as_nanos() * u128::from(self.bytes_per_sec) / 1_000_000_000;
        // What is ahead of this frame, less what is being sent, is what waits once this one is in.
        if queued > u128::from(self.queue_bytes) {
            return None;
        }
        let takes = turn + self.time_of(bytes);
        *busy = now + takes;
        Some(takes)
    }
}

impl Flap {
    /// Returns whether the link is up at a moment, if its period began `phase` before the run did.
    pub fn is_up(&self, phase: Duration, at: Timestamp) -> bool {
        let period = (self.up + self.down).as_nanos().max(1);
        let within = (at.since_start().as_nanos() + phase.as_nanos()) % period;
        within < self.up.as_nanos()
    }
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&percent(self.share))
    }
}

impl fmt::Display for Reorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", percent(self.share), humantime::format_duration(self.by))
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&percent(self.share))?;
        if self.checksum == Checksum::Off { f.write_str(" unchecked") } else { Ok(()) }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s queue {}", bytes_words(self.bytes_per_sec), bytes_words(self.queue_bytes))
    }
}

impl fmt::Display for Flap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up {} down {}", humantime::format_duration(self.up), humantime::format_duration(self.down))
    }
}

/// Writes a size with its unit, such as `64 kB`.
fn bytes_words(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", (bytes as f64 / 10.0).round() / 100.0),
        1_000_000.. => format!("{} MB", (bytes as f64 / 1e4).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Bandwidth = Bandwidth { bytes_per_sec: 1000, queue_bytes: 250 };

    #[test]
    fn a_pipe_carries_its_rate_and_turns_away_what_its_queue_cannot_hold() {
        let (mut busy, now) = (Timestamp::ZERO, Timestamp(5));
        let admitted: Vec<_> = (0..6).map(|_| PIPE.admit(&mut busy, 100, now)).collect();
        let millis = |ms| Some(Duration::from_millis(ms));
        // The first is being sent, so 100 to 250 bytes wait behind it.
        assert_eq!(admitted, [millis(100), millis(200), millis(300), None, None, None]);
        assert_eq!(PIPE.admit(&mut busy, 100, now + Duration::from_millis(100)), millis(300));
    }

    #[test]
    fn a_pipe_that_was_idle_saves_nothing_up() {
        let mut busy = Timestamp::ZERO;
        let later = Timestamp::ZERO + Duration::from_secs(60);
        assert_eq!(PIPE.admit(&mut busy, 100, later), Some(Duration::from_millis(100)));
        assert_eq!(PIPE.admit(&mut busy, 100, later), Some(Duration::from_millis(200)));
    }

    #[test]
    fn a_flapping_link_is_up_and_down_for_as_long_as_it_says() {
        let flap = Flap { up: Duration::from_millis(300), down: Duration::from_millis(100) };
        let phase = Duration::from_millis(50);
        let up = (0..800).filter(|ms| flap.is_up(phase, Timestamp(ms * 1_000_000))).count();
        assert_eq!(up, 600);
        assert!(flap.is_up(phase, Timestamp(249_000_000)) && !flap.is_up(phase, Timestamp(250_000_000)));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(PIPE.to_string(), "1 kB/s queue 250 B");
        assert_eq!(bytes_words(1_500_000), "1.5 MB");
    }
}
