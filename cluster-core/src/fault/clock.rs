//! The clock of one node: how it is wrong, and what time it shows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

const MILLION: i128 = 1_000_000;

/// How a node's clock differs from cluster time. The default is a true clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSkew {
    /// How far it was ahead (or, negative, behind) at `since`.
    offset_nanos: i64,
    drift: Drift,
    since: Timestamp,
}

/// How much faster (or, negative, slower) a clock runs than cluster time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Drift {
    /// In parts per million: 10,000 are one percent.
    pub ppm: i32,
}

/// By how much a clock is moved: ahead, or back if negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ClockShift {
    /// In nanoseconds.
    pub nanos: i64,
}

/// What is done to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockTurn {
    /// It is this far ahead of cluster time from here on. Timers that run count a span, and do not notice.
    Offset(ClockShift),
    /// It is set by hand: timers that run wait for a time of day, and run out early or late.
    Jump(ClockShift),
    /// It runs at another speed, and so do its timers.
    Drift(Drift),
    /// It is true again. Timers that run keep the span that they have left.
    True,
}

impl ClockSkew {
    /// Returns whether the clock is true.
    pub fn is_true(&self) -> bool {
        self.offset_nanos == 0 && self.drift.ppm == 0
    }

    /// Returns how much faster it runs.
    pub fn drift(&self) -> Drift {
        self.drift
    }

    /// Returns when it was turned last.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Returns how far it is ahead at that moment of cluster time.
    pub fn offset_at(&self, now: Timestamp) -> ClockShift {
        let drifted = (i128::from(now.0) - i128::from(self.since.0)) * i128::from(self.drift.ppm);
        ClockShift { nanos: narrow(i128::from(self.offset_nanos) + drifted.div_euclid(MILLION)) }
    }

    /// Returns what the clock shows at that moment of cluster time; never less than zero.
    pub fn node_time(&self, now: Timestamp) -> Timestamp {
        if self.is_true() {
            return now;
        }
        Timestamp(u64::try_from(i128::from(now.0) + i128::from(self.offset_at(now).nanos)).unwrap_or(0))
    }

    /// Returns the first moment of cluster time at which the clock shows `shown`.
    pub fn cluster_time(&self, shown: Timestamp) -> Timestamp {
        if self.is_true() {
            return shown;
        }
        let since = i128::from(self.since.0);
        let by_its_own = i128::from(shown.0) - since - i128::from(self.offset_nanos);
        let speed = MILLION + i128::from(self.drift.ppm);
        let elapsed = -(-by_its_own * MILLION).div_euclid(speed);
        Timestamp(u64::try_from((since + elapsed).max(0)).unwrap_or(u64::MAX))
    }

    /// Returns the clock as it is after something was done to it at that moment of cluster time.
    pub fn turned(&self, now: Timestamp, turn: ClockTurn) -> Self {
        let offset = self.offset_at(now);
        let (shift, drift) = match turn {
            ClockTurn::Offset(shift) => (shift, self.drift),
            ClockTurn::Jump(by) => (ClockShift { nanos: offset.nanos.saturating_add(by.nanos) }, self.drift),
            ClockTurn::Drift(drift) => (offset, drift),
            ClockTurn::True => (ClockShift::default(), Drift::default()),
        };
        let turned = Self { offset_nanos: shift.nanos, drift, since: now };
        if turned.is_true() { Self::default() } else { turned }
    }
}

impl ClockShift {
    /// Returns the shift that moves a clock ahead by this much.
    pub fn ahead(by: Duration) -> Self {
        Self { nanos: narrow(by.as_nanos() as i128) }
    }

    /// Returns the shift that sets a clock back by this much.
    pub fn back(by: Duration) -> Self {
        Self { nanos: narrow(-(by.as_nanos() as i128)) }
    }

    /// Returns the shift without its sign.
    pub fn size(self) -> Duration {
        Duration::from_nanos(self.nanos.unsigned_abs())
    }
}

impl std::fmt::Display for ClockShift {
    /// In seconds with as many digits as say something: `+5.0 s`, `-0.012 s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secs = self.nanos as f64 / 1e9;
        if secs.abs() < 1.0 { write!(f, "{secs:+.3} s") } else { write!(f, "{secs:+.1} s") }
    }
}

impl std::fmt::Display for Drift {
    /// In percent, or in parts per million if it is little: `+10 %`, `-200 ppm`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.ppm.abs() < 10_000 {
            return write!(f, "{:+} ppm", self.ppm);
        }
        write!(f, "{:+} %", f64::from(self.ppm) / 10_000.0)
    }
}

fn narrow(nanos: i128) -> i64 {
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(secs: u64) -> Timestamp {
        Timestamp(secs * SECOND)
    }

    fn secs(secs: i64) -> ClockShift {
        ClockShift { nanos: secs * SECOND as i64 }
    }

    #[test]
    fn a_clock_that_is_ahead_stays_as_far_ahead() {
        let clock = ClockSkew::default().turned(at(10), ClockTurn::Offset(secs(5)));
        assert_eq!((clock.node_time(at(10)), clock.node_time(at(20))), (at(15), at(25)));
        assert_eq!(clock.cluster_time(at(25)), at(20));
    }

    #[test]
    fn a_drifting_clock_starts_true_and_gets_away() {
        let clock = ClockSkew::default().turned(at(10), ClockTurn::Drift(Drift { ppm: -500_000 }));
        assert_eq!((clock.node_time(at(10)), clock.node_time(at(20))), (at(10), at(15)));
        assert_eq!((clock.offset_at(at(20)), clock.cluster_time(at(15))), (secs(-5), at(20)));
    }

    #[test]
    fn jumps_add_up_and_keep_the_drift() {
        let clock = ClockSkew::default().turned(at(0), ClockTurn::Drift(Drift { ppm: 100_000 }));
        let clock = clock.turned(at(10), ClockTurn::Jump(secs(2))).turned(at(10), ClockTurn::Jump(secs(-5)));
        assert_eq!((clock.offset_at(at(10)), clock.offset_at(at(20))), (secs(-2), secs(-1)));
    }

    #[test]
    fn a_clock_set_true_is_as_if_nothing_had_been() {
        let clock = ClockSkew::default().turned(at(3), ClockTurn::Jump(secs(2)));
        assert_eq!(clock.turned(at(9), ClockTurn::True), ClockSkew::default());
    }

    /// A timer that is armed by this conversion must never find, when it rings, that it is too early.
    #[test]
    fn a_time_that_is_waited_for_is_shown_when_it_comes() {
        for ppm in [-900_000, -333_333, -1, 1, 7, 333_333, 900_000] {
            let clock = ClockSkew::default().turned(at(3), ClockTurn::Drift(Drift { ppm }));
            for shown in (0..1000).map(|n| Timestamp(3 * SECOND + n * 1_234_567 + n % 7)) {
                let rings = clock.cluster_time(shown);
                assert!(clock.node_time(rings) >= shown, "at {ppm} ppm, {shown:?}");
                assert!(clock.node_time(Timestamp(rings.0 - 1)) < shown, "at {ppm} ppm, {shown:?}");
            }
        }
    }

    #[test]
    fn skews_are_written_as_people_read_them() {
        let words = [secs(5).to_string(), ClockShift { nanos: -12_000_000 }.to_string()];
        assert_eq!(words, ["+5.0 s", "-0.012 s"]);
        assert_eq!([Drift { ppm: 100_000 }, Drift { ppm: -200 }].map(|drift| drift.to_string()), ["+10 %", "-200 ppm"]);
    }
}
