//! Faults of one machine beside its process coming and going: its speed, its clock, its disk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClockShift, ClockSkew, ClockTurn, Drift, FaultKind, FaultTarget};
use crate::ids::NodeId;

/// One thing that the user breaks about a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum NodeFault {
    /// The machine loses power in the middle of a write: what was not synced is gone, and the first record of it is
    /// left half-written.
    TornPowerLoss,
    /// Every step takes this much longer, and what comes meanwhile waits.
    Slow(Slowness),
    /// Its clock is wrong by this much from here on.
    ClockOffset(ClockShift),
    /// Its clock is set by hand, forward or back.
    ClockJump(ClockShift),
    /// Its clock runs too fast, or too slow.
    ClockDrift(Drift),
    /// Every sync of its disk takes this much longer.
    DiskSlow(Duration),
    /// Its disk has no room: every write fails.
    DiskFull,
    /// What its disk holds cannot be read when the node boots.
    ReadErrors(ReadErrors),
    /// One bit of a record that was synced flips.
    BitRot,
    /// Its disk says that a sync is done when nothing was done.
    LyingSync,
}

/// By which factor a node is slower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slowness {
    /// 2 takes twice the time.
    pub factor: f64,
}

/// Which reads of a booting node fail.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ReadErrors {
    /// The next one, once.
    Next,
    /// This share of the files, each time, 0 to 1.
    Share(f64),
}

/// What ails a machine. The default is a healthy one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeFaults {
    /// How much slower it is.
    pub slow: Option<Slowness>,
    /// How its clock is wrong.
    pub clock: ClockSkew,
    /// What is wrong with its disk.
    pub disk: DiskFaults,
}

/// What is wrong with a disk. The default is a healthy one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DiskFaults {
    /// How much longer each sync takes.
    pub slow: Option<Duration>,
    /// Writes fail.
    pub full: bool,
    /// Reads fail.
    pub read_errors: Option<ReadErrors>,
    /// Syncs are acknowledged and not done.
    pub lies: bool,
    /// How many bits rotted since it was last found to be sound. No heal brings them back.
    pub rotten: u32,
}

/// The parts of a machine that can ail on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ailment {
    /// It is slow.
    Cpu,
    /// Its clock is wrong.
    Clock,
    /// Its disk is sick.
    Disk,
}

/// What the faults of a machine did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFaultCounters {
    /// Inputs that wait for a slow node at this moment.
    pub waiting: u32,
    /// Inputs that it took up late.
    pub inputs_slowed: u64,
    /// The time that its steps took in addition.
    pub slowed: Duration,
    /// Steps that it took with a wrong clock.
    pub steps_skewed: u64,
    /// Timers that a clock made to run out at another time.
    pub timers_moved: u64,
    /// Syncs that took longer.
    pub syncs_slowed: u64,
    /// Syncs that were acknowledged and not done.
    pub syncs_lied: u64,
    /// Writes that failed.
    pub writes_refused: u64,
    /// Reads that failed.
    pub reads_refused: u64,
    /// Records that were left half-written.
    pub records_torn: u64,
    /// Records that a boot cut off.
    pub records_cut: u64,
    /// Bits that flipped.
    pub bits_flipped: u64,
}

/// Why a fault of a node cannot be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NodeFaultError {
    /// A factor that makes nothing slower.
    #[error("{0}x is not slower; give a factor above 1, up to {SLOW_MAX} (to stop a node, freeze it)")]
    Factor(f64),
    /// A clock that stands still or runs backwards.
    #[error("no clock runs {0} off; give a drift between -90% and 90% (to stop a node, freeze it)")]
    Drift(Drift),
    /// A clock that is further off than anybody would believe.
    #[error("a clock that is {0} off is none; give at most a day")]
    Shift(ClockShift),
    /// A clock that jumps to where it is.
    #[error("a jump of 0 s moves no clock; give for example +5s or -2s")]
    NoShift,
    /// A latency of nothing or for ever.
    #[error("a sync that takes {0:?} longer makes no slow disk; give more than nothing, up to a minute")]
    Latency(Duration),
    /// A share outside 0..=1.
    #[error("{0} is no share of reads; give more than 0, up to 1 (or 100%)")]
    Share(f64),
}

/// The greatest factor by which a node can be slower.
pub const SLOW_MAX: f64 = 1000.0;
const DRIFT_MAX_PPM: i32 = 900_000;
const SHIFT_MAX: Duration = Duration::from_secs(86_400);
const LATENCY_MAX: Duration = Duration::from_secs(60);

impl NodeFault {
    /// Does it.
    pub(super) fn apply(self, node: NodeId, target: &mut dyn FaultTarget) {
        let mut change = |change: &mut dyn FnMut(&mut NodeFaults)| target.change_node(node, change);
        match self {
            Self::TornPowerLoss => target.strike(node, FaultKind::TornPowerLoss),
            Self::Slow(slow) => change(&mut |faults| faults.slow = Some(slow)),
            Self::ClockOffset(shift) => target.turn_clock(node, ClockTurn::Offset(shift)),
            Self::ClockJump(shift) => target.turn_clock(node, ClockTurn::Jump(shift)),
            Self::ClockDrift(drift) => target.turn_clock(node, ClockTurn::Drift(drift)),
            Self::DiskSlow(latency) => change(&mut |faults| faults.disk.slow = Some(latency)),
            Self::DiskFull => change(&mut |faults| faults.disk.full = true),
            Self::ReadErrors(errors) => change(&mut |faults| faults.disk.read_errors = Some(errors)),
            Self::BitRot => target.strike(node, FaultKind::BitRot),
            Self::LyingSync => change(&mut |faults| faults.disk.lies = true),
        }
    }

    /// Returns what kind of fault it is.
    pub fn kind(self) -> FaultKind {
        match self {
            Self::TornPowerLoss => FaultKind::TornPowerLoss,
            Self::Slow(_) => FaultKind::Slow,
            Self::ClockOffset(_) => FaultKind::ClockOffset,
            Self::ClockJump(_) => FaultKind::ClockJump,
            Self::ClockDrift(_) => FaultKind::ClockDrift,
            Self::DiskSlow(_) => FaultKind::DiskSlow,
            Self::DiskFull => FaultKind::DiskFull,
            Self::ReadErrors(_) => FaultKind::ReadErrors,
            Self::BitRot => FaultKind::BitRot,
            Self::LyingSync => FaultKind::LyingSync,
        }
    }

    /// Returns the faults of a kind that menus offer, each with the words that tell it from the others (none if there
    /// is only one).
    pub fn choices(kind: FaultKind) -> Vec<(String, Self)> {
        let shifts = || [ClockShift::ahead(SHIFT_OFFERED), ClockShift::back(SHIFT_OFFERED)];
        let one = |fault| vec![(String::new(), fault)];
        match kind {
            FaultKind::TornPowerLoss => one(Self::TornPowerLoss),
            FaultKind::Slow => {
                [2.0, 10.0, 20.0, 50.0].map(|x| (format!("{x}×"), Self::Slow(Slowness { factor: x }))).into()
            }
            FaultKind::ClockOffset => shifts().map(|shift| (shift.to_string(), Self::ClockOffset(shift))).into(),
            FaultKind::ClockJump => shifts().map(|shift| (shift.to_string(), Self::ClockJump(shift))).into(),
            FaultKind::ClockDrift => [200, 100_000, -100_000, -500_000]
                .map(|ppm| (Drift { ppm }.to_string(), Self::ClockDrift(Drift { ppm })))
                .into(),
            FaultKind::DiskSlow => [20, 200, 1000]
                .map(|millis| (format!("+{millis} ms"), Self::DiskSlow(Duration::from_millis(millis))))
                .into(),
            FaultKind::DiskFull => one(Self::DiskFull),
            FaultKind::ReadErrors => vec![
                ("Next read".to_owned(), Self::ReadErrors(ReadErrors::Next)),
                ("30 % of the files".to_owned(), Self::ReadErrors(ReadErrors::Share(0.3))),
                ("Every file".to_owned(), Self::ReadErrors(ReadErrors::Share(1.0))),
            ],
            FaultKind::BitRot => one(Self::BitRot),
            FaultKind::LyingSync => one(Self::LyingSync),
            // The other kinds strike a process, a link or groups; they have nothing to choose.
            _ => Vec::new(),
        }
    }

    /// Checks that it makes sense.
    pub fn check(self) -> Result<(), NodeFaultError> {
        match self {
            Self::Slow(Slowness { factor }) if !(factor > 1.0 && factor <= SLOW_MAX) => {
                Err(NodeFaultError::Factor(factor))
            }
            Self::ClockJump(ClockShift { nanos: 0 }) => Err(NodeFaultError::NoShift),
            Self::ClockOffset(shift) | Self::ClockJump(shift) if shift.size() > SHIFT_MAX => {
                Err(NodeFaultError::Shift(shift))
            }
            Self::ClockDrift(drift) if drift.ppm.abs() > DRIFT_MAX_PPM => Err(NodeFaultError::Drift(drift)),
            Self::DiskSlow(latency) if latency.is_zero() || latency > LATENCY_MAX => {
                Err(NodeFaultError::Latency(latency))
            }
            Self::ReadErrors(ReadErrors::Share(share)) if !(share > 0.0 && share <= 1.0) => {
                Err(NodeFaultError::Share(share))
            }
            Self::TornPowerLoss
            | Self::Slow(_)
            | Self::ClockOffset(_)
            | Self::ClockJump(_)
            | Self::ClockDrift(_)
            | Self::DiskSlow(_)
            | Self::DiskFull
            | Self::ReadErrors(_)
            | Self::BitRot
            | Self::LyingSync => Ok(()),
        }
    }
}

/// How far menus move a clock.
const SHIFT_OFFERED: Duration = Duration::from_secs(5);

impl Ailment {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Clock, Self::Disk];

    /// Returns the word used in scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Clock => "clock",
            Self::Disk => "disk",
        }
    }

    /// Returns what it is called in a sentence about a node.
    pub fn part(self) -> &'static str {
        match self {
            Self::Cpu => "speed",
            Self::Clock => "clock",
            Self::Disk => "disk",
        }
    }
}

impl FaultKind {
    /// Returns which part of a machine a fault of this kind strikes, if it strikes one.
    pub fn part(self) -> Option<Ailment> {
        match self {
            Self::Slow => Some(Ailment::Cpu),
            Self::ClockOffset | Self::ClockJump | Self::ClockDrift => Some(Ailment::Clock),
            Self::DiskSlow | Self::DiskFull | Self::ReadErrors | Self::BitRot | Self::LyingSync => Some(Ailment::Disk),
            // Whatever strikes a process, a link or groups; and power is no part.
            _ => None,
        }
    }
}

impl NodeFaultCounters {
    /// Returns what was done since `earlier` to one part of the machine.
    pub fn since(&self, earlier: &Self, part: Ailment) -> Self {
        let none = Self::default();
        match part {
            Ailment::Cpu => Self {
                waiting: self.waiting,
                inputs_slowed: self.inputs_slowed.saturating_sub(earlier.inputs_slowed),
                slowed: self.slowed.saturating_sub(earlier.slowed),
                ..none
            },
            Ailment::Clock => Self {
                steps_skewed: self.steps_skewed.saturating_sub(earlier.steps_skewed),
                timers_moved: self.timers_moved.saturating_sub(earlier.timers_moved),
                ..none
            },
            Ailment::Disk => Self {
                syncs_slowed: self.syncs_slowed.saturating_sub(earlier.syncs_slowed),
                syncs_lied: self.syncs_lied.saturating_sub(earlier.syncs_lied),
                writes_refused: self.writes_refused.saturating_sub(earlier.writes_refused),
                reads_refused: self.reads_refused.saturating_sub(earlier.reads_refused),
                records_torn: self.records_torn.saturating_sub(earlier.records_torn),
                records_cut: self.records_cut.saturating_sub(earlier.records_cut),
                bits_flipped: self.bits_flipped.saturating_sub(earlier.bits_flipped),
                ..none
            },
        }
    }
}

impl NodeFaults {
    /// Returns whether that part of the machine is as it should be.
    pub fn is_healthy(&self, part: Ailment) -> bool {
        match part {
            Ailment::Cpu => self.slow.is_none(),
            Ailment::Clock => self.clock.is_true(),
            Ailment::Disk => self.disk == DiskFaults::default(),
        }
    }
}

impl DiskFaults {
    /// Returns the disk after a heal: as it should be, but for the bits that rotted.
    pub fn healed(self) -> Self {
        Self { rotten: self.rotten, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FAULTS;

    #[test]
    fn faults_that_cannot_be_are_refused_with_the_reason() {
        let reason = |fault: NodeFault| fault.check().expect_err("it cannot be").to_string();
        for factor in [0.0, 1.0, -3.0, f64::NAN, 1e9] {
            assert!(reason(NodeFault::Slow(Slowness { factor })).contains("give a factor above 1"), "{factor}");
        }
        assert_eq!(
            reason(NodeFault::ClockDrift(Drift { ppm: -1_000_000 })),
            "no clock runs -100 % off; give a drift between -90% and 90% (to stop a node, freeze it)"
        );
        assert!(reason(NodeFault::ClockJump(ClockShift::default())).contains("moves no clock"));
        assert!(reason(NodeFault::DiskSlow(Duration::ZERO)).contains("more than nothing"));
        assert!(reason(NodeFault::ReadErrors(ReadErrors::Share(1.5))).contains("no share of reads"));
        assert!(reason(NodeFault::ClockOffset(ClockShift { nanos: i64::MIN })).contains("at most a day"));
    }

    #[test]
    fn whatever_a_menu_offers_can_be_and_is_of_its_kind() {
        for row in FAULTS {
            for (words, fault) in NodeFault::choices(row.kind) {
                assert_eq!((fault.check(), fault.kind()), (Ok(()), row.kind), "{} {words}", row.title);
            }
        }
    }

    #[test]
    fn a_healed_disk_is_as_good_as_its_bits() {
        let sick = DiskFaults { full: true, lies: true, rotten: 2, ..DiskFaults::default() };
        assert_eq!(sick.healed(), DiskFaults { rotten: 2, ..DiskFaults::default() });
    }
}
