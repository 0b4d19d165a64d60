//! Cluster time: the clock that the program owns, and the timing profiles that scale with it.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Nanoseconds of cluster time since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The beginning of the run.
    pub const ZERO: Self = Self(0);

    /// Returns the time as a duration since the run began.
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the time from `earlier` to this, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Returns the time in seconds, for axes.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Returns the moment `secs` seconds after the start; negative values become zero.
    pub fn from_secs_f64(secs: f64) -> Self {
        Self((secs.max(0.0) * 1e9) as u64)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(before.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1000)
    }
}

impl From<Duration> for Timestamp {
    fn from(since_start: Duration) -> Self {
        Self::ZERO + since_start
    }
}

/// How fast cluster time runs: a rate, and whether it stands still. Fed with real time, read as cluster time.
///
/// At rate 1 and never paused, cluster time is real time to the nanosecond.
#[derive(Clone, Debug)]
pub struct ClusterClock {
    rate: f64,
    rate_max: f64,
    paused: bool,
    /// The pair of readings at the latest change: from there time runs on at `rate`.
    anchor_real: Duration,
    anchor_cluster: Timestamp,
}

/// The slowest rate that slow motion offers.
pub const RATE_MIN: f64 = 0.01;
/// The fastest rate of a live cluster: real time, because its sockets and disks are real.
pub const RATE_MAX: f64 = 1.0;
/// The rate of a simulated cluster that goes as fast as the machine does.
pub const RATE_UNLIMITED: f64 = 1e6;

/// Returns a rate in words, such as `0.5×`, or `full speed`.
pub fn rate_words(rate: f64) -> String {
    if rate >= RATE_UNLIMITED { "full speed".to_owned() } else { format!("{rate}×") }
}

impl Default for ClusterClock {
    fn default() -> Self {
        Self {
            rate: 1.0,
            rate_max: RATE_MAX,
            paused: false,
            anchor_real: Duration::ZERO,
            anchor_cluster: Timestamp::ZERO,
        }
    }
}

impl ClusterClock {
    /// Makes the clock of a simulated cluster: nothing real holds its time back.
    pub fn unbound() -> Self {
        Self { rate_max: RATE_UNLIMITED, ..Self::default() }
    }

    /// Returns the cluster time at `real` (real time since the run began).
    pub fn now(&self, real: Duration) -> Timestamp {
        if self.paused {
            return self.anchor_cluster;
        }
        let elapsed = real.saturating_sub(self.anchor_real);
        let elapsed = if self.rate == 1.0 { elapsed } else { elapsed.mul_f64(self.rate) };
        self.anchor_cluster + elapsed
    }

    /// Returns how much real time passes from `real` until cluster time reaches `at`; `None` while paused.
    pub fn real_until(&self, at: Timestamp, real: Duration) -> Option<Duration> {
        if self.paused {
            return None;
        }
        let left = at.since(self.now(real));
        Some(if self.rate == 1.0 { left } else { left.div_f64(self.rate) })
    }

    /// Lets cluster time run at `rate` from `real` on; clamped to [`RATE_MIN`]..=[`RATE_MAX`], or
    /// [`RATE_UNLIMITED`].
    pub fn set_rate(&mut self, rate: f64, real: Duration) {
        self.anchor(real);
        self.rate = rate.clamp(RATE_MIN, self.rate_max);
    }

    /// Stops cluster time at `real`.
    pub fn pause(&mut self, real: Duration) {
        self.anchor(real);
        self.paused = true;
    }

    /// Lets cluster time run on from `real`.
    pub fn resume(&mut self, real: Duration) {
        self.anchor(real);
        self.paused = false;
    }

    /// While paused: moves the standing clock forward to `at` (one step). Never moves it back.
    pub fn step_to(&mut self, at: Timestamp) {
        if self.paused {
            self.anchor_cluster = self.anchor_cluster.max(at);
        }
    }

    /// Sets the clock to `at` at `real`: a cluster that cannot keep up with its clock is not chased by it.
    pub fn set(&mut self, at: Timestamp, real: Duration) {
        (self.anchor_cluster, self.anchor_real) = (at, real);
    }

    /// Returns whether cluster time stands still.
    pub fn paused(&self) -> bool {
        self.paused
    }

    /// Returns cluster seconds per real second while running.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    fn anchor(&mut self, real: Duration) {
        self.anchor_cluster = self.now(real);
        self.anchor_real = real;
    }
}

/// How patient the nodes are, and how far apart; every timeout of a protocol is derived from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimingProfile {
    /// For watching: heartbeat 100 ms, election 600–1200 ms, links of 40 ms.
    #[default]
    Human,
    /// Four times `Human`.
    Slow,
    /// Eight times `Human`.
    Slower,
    /// Half of `Human`: for runs that nobody watches.
    Fast,
    /// Production-like: heartbeat 100 ms, election from 1000 ms on, links as fast as loopback.
    Real,
}

impl TimingProfile {
    /// Every profile, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Human, Self::Slow, Self::Slower, Self::Fast, Self::Real];

    /// Returns the word used in files, flags and the window.
    pub fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Slow => "slow",
            Self::Slower => "slower",
            Self::Fast => "fast",
            Self::Real => "real",
        }
    }

    /// Returns the profile of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.word() == word)
    }

    /// Returns the time between two heartbeats of a leader or primary.
    pub fn heartbeat(self) -> Duration {
        match self {
            Self::Real => Duration::from_millis(100),
            Self::Human | Self::Slow | Self::Slower | Self::Fast => self.scaled(100),
        }
    }

    /// Returns the shortest election timeout; the longest is at most twice that.
    pub fn election_min(self) -> Duration {
        match self {
            Self::Real => Duration::from_millis(1000),
            Self::Human | Self::Slow | Self::Slower | Self::Fast => self.scaled(600),
        }
    }

    /// Returns the delay of a healthy link, mean and greatest deviation from it.
    pub fn link_delay(self) -> (Duration, Duration) {
        match self {
            Self::Real => (Duration::ZERO, Duration::ZERO),
            Self::Human | Self::Slow | Self::Slower | Self::Fast => (self.scaled(40), self.scaled(8)),
        }
    }

    fn scaled(self, human_millis: u64) -> Duration {
        let (times, per) = match self {
            Self::Human | Self::Real => (1, 1),
            Self::Slow => (4, 1),
            Self::Slower => (8, 1),
            Self::Fast => (1, 2),
        };
        Duration::from_micros(human_millis * 1000 * times / per)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn at_full_speed_cluster_time_is_real_time() {
        let clock = ClusterClock::default();
        assert_eq!(clock.now(Duration::from_nanos(1_234_567_891)), Timestamp(1_234_567_891));
    }

    #[test]
    fn slow_motion_stretches_real_time_and_never_jumps() {
        let mut clock = ClusterClock::default();
        clock.set_rate(0.1, SECOND);
        assert_eq!(clock.now(SECOND), Timestamp::from(SECOND));
        assert_eq!(clock.now(11 * SECOND), Timestamp::from(2 * SECOND));
        assert_eq!(clock.real_until(Timestamp::from(3 * SECOND), 11 * SECOND), Some(10 * SECOND));
    }

    #[test]
    fn a_paused_clock_moves_only_by_steps_and_resumes_where_it_stood() {
        let mut clock = ClusterClock::default();
        clock.pause(SECOND);
        assert_eq!(clock.now(5 * SECOND), Timestamp::from(SECOND));
        assert_eq!(clock.real_until(Timestamp::from(2 * SECOND), 5 * SECOND), None);
        clock.step_to(Timestamp::from(2 * SECOND));
        clock.resume(7 * SECOND);
        assert_eq!(clock.now(8 * SECOND), Timestamp::from(3 * SECOND));
    }
}
