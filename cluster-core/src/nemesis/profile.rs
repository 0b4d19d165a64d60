//! The profiles: which kinds of faults a nemesis may use, and how often it strikes.

use std::time::Duration;

use rand::Rng;

use crate::fault::{FAULTS, FaultKind};

/// The shortest mean time between two strikes.
pub const GAP_MIN: Duration = Duration::from_millis(20);

/// A named choice of kinds of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// A part of all kinds, drawn from the seed.
    #[default]
    Swarm,
    /// Processes die, machines lose power.
    Crashes,
    /// Processes stand still.
    Pauses,
    /// The cluster falls into parts.
    Partitions,
    /// Links lose, delay and damage frames, flap, and are cut; connections are reset and left half-open.
    Links,
    /// Clocks are wrong.
    Clocks,
    /// Machines and disks are slow, disks are full and cannot be read.
    Machines,
    /// All kinds that leave intact what was fsynced.
    Everything,
    /// Disks are erased, rot and lie about their syncs. A correct protocol may lose acknowledged writes by it.
    Erasure,
}

/// One row of the table of profiles.
#[derive(Debug)]
pub struct ProfileRow {
    /// Which profile.
    pub profile: Profile,
    /// The word on the command line.
    pub word: &'static str,
    /// The entry in menus.
    pub title: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Whether a majority of the nodes always stays up, unless told otherwise.
    pub keeps_majority: bool,
}

/// Every profile, once, in the order of the menus.
pub const PROFILES: &[ProfileRow] = &[
    ProfileRow {
        profile: Profile::Swarm,
        word: "swarm",
        title: "Swarm",
        about: "Some of all kinds of faults, another part for each seed; a majority stays up.",
        keeps_majority: true,
    },
    ProfileRow {
        profile: Profile::Crashes,
        word: "crashes",
        title: "Crashes",
        about: "Processes die, machines lose power, nodes are stopped; all come back.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Pauses,
        word: "pauses",
        title: "Pauses",
        about: "Processes stand still for a while.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Partitions,
        word: "partitions",
        title: "Partitions",
        about: "The cluster falls into parts of every shape.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Links,
        word: "links",
        title: "Flaky links",
        about: "Links are cut, flap, are slow and narrow, lose and damage frames; connections break.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Clocks,
        word: "clocks",
        title: "Wrong clocks",
        about: "Clocks jump, drift, and are ahead or behind.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Machines,
        word: "machines",
        title: "Sick machines",
        about: "Nodes and disks are slow, disks are full or cannot be read; processes die.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Everything,
        word: "everything",
        title: "Everything",
        about: "All kinds of faults that leave intact what was fsynced.",
        keeps_majority: false,
    },
    ProfileRow {
        profile: Profile::Erasure,
        word: "erasure",
        title: "Forgetting disks",
        about: "Disks are erased, rot, and lie about fsync; power goes. Acknowledged writes may be lost.",
        keeps_majority: false,
    },
];

/// What a nemesis is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct NemesisSpec {
    /// The profile.
    pub profile: Profile,
    /// The kinds of faults that it may use; none means those of the profile. Swarm draws its part from these.
    pub kinds: Vec<FaultKind>,
    /// The mean time between two strikes, in cluster time.
    pub gap: Duration,
    /// Whether more than half of the nodes always stay up.
    pub keep_majority: bool,
}

/// Why a nemesis cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NemesisError {
    /// It would strike all the time.
    #[error("a fault every {0:?} is more than a cluster can show; give at most one in {GAP_MIN:?}")]
    TooOften(Duration),
}

impl Default for NemesisSpec {
    fn default() -> Self {
        Self::of(Profile::default())
    }
}

impl NemesisSpec {
    /// Returns what a profile does by itself: a strike every two seconds.
    pub fn of(profile: Profile) -> Self {
        let keep_majority = profile.row().keeps_majority;
        Self { profile, kinds: Vec::new(), gap: Duration::from_secs(2), keep_majority }
    }

    /// Checks what the types do not say.
    pub fn check(&self) -> Result<(), NemesisError> {
        if self.gap < GAP_MIN { Err(NemesisError::TooOften(self.gap)) } else { Ok(()) }
    }

    /// Returns the kinds that are used in a run.
    ///
    /// A swarm leaves about half of them out: a kind that is always there can keep others from ever showing what they
    /// do (Groce et al., Swarm Testing, ISSTA 2012).
    pub(super) fn drawn_kinds(&self, rng: &mut impl Rng) -> Vec<FaultKind> {
        let of_profile = || FAULTS.iter().map(|row| row.kind).filter(|kind| self.profile.has(*kind)).collect();
        let all: Vec<FaultKind> = if self.kinds.is_empty() { of_profile() } else { self.kinds.clone() };
        if self.profile != Profile::Swarm {
            return all;
        }
        let some: Vec<FaultKind> = all.iter().copied().filter(|_| rng.random::<bool>()).collect();
        match some[..] {
            [] => all.get(rng.random_range(0..all.len().max(1))).copied().into_iter().collect(),
            [..] => some,
        }
    }
}

impl Profile {
    /// Returns the row of the table.
    pub fn row(self) -> &'static ProfileRow {
        // The order of the table is the order of the variants; a test holds them together.
        &PROFILES[self as usize]
    }

    /// Returns the profile of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        PROFILES.iter().find(|row| row.word == word).map(|row| row.profile)
    }

    /// Returns whether a profile uses a kind by itself.
    pub(super) fn has(self, kind: FaultKind) -> bool {
        let class = Class::of(kind);
        match self {
            Self::Swarm | Self::Everything => class != Class::Erasure,
            Self::Crashes => class == Class::Crash,
            Self::Pauses => class == Class::Pause,
            Self::Partitions => class == Class::Partition,
            Self::Links => class == Class::Link,
            Self::Clocks => class == Class::Clock,
            // Errors of reading are seen only when something boots.
            Self::Machines => matches!(class, Class::Cpu | Class::Disk) || kind == FaultKind::Crash,
            // A rotten record is seen only by a boot, and a lie about fsync only after a power loss.
            Self::Erasure => class == Class::Erasure || kind == FaultKind::PowerLoss,
        }
    }
}

/// What kinds of faults have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Crash,
    Pause,
    Cpu,
    Clock,
    /// Of the disk, without touching what was fsynced.
    Disk,
    Link,
    Partition,
    /// Takes away what was fsynced. A correct protocol may lose acknowledged writes by it: a node that forgot its vote
    /// and its log can help to elect a leader without them.
    Erasure,
}

impl Class {
    fn of(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Crash | FaultKind::PowerLoss | FaultKind::TornPowerLoss | FaultKind::Stop => Self::Crash,
            FaultKind::Freeze => Self::Pause,
            FaultKind::Slow => Self::Cpu,
            FaultKind::ClockOffset | FaultKind::ClockJump | FaultKind::ClockDrift => Self::Clock,
            FaultKind::DiskSlow | FaultKind::DiskFull | FaultKind::ReadErrors => Self::Disk,
            FaultKind::Wipe | FaultKind::BitRot | FaultKind::LyingSync => Self::Erasure,
            FaultKind::Cut
            | FaultKind::Flap
            | FaultKind::Delay
            | FaultKind::Loss
            | FaultKind::Burst
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Corrupt
            | FaultKind::Bandwidth
            | FaultKind::Reset
            | FaultKind::HalfOpen
            | FaultKind::SlowClose => Self::Link,
            FaultKind::Partition => Self::Partition,
        }
    }
}
