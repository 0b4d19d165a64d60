//! What can be set about primary-backup replication.

use std::time::Duration;

use super::variant::{self, FLAWS, Flaw};
use crate::protocol::{Knob, KnobValues, NodeConfig};

/// The knobs.
pub(super) const KNOBS: &[Knob] = &[
    Knob {
        name: "mode",
        about: "Who must have a write on disk before it is acknowledged: the primary, some backups too, or everybody.",
        default: "async",
        values: KnobValues::OneOf(&["async", "semi-sync", "sync"]),
    },
    Knob {
        name: "semi_count",
        about: "How many backups must have a write in semi-sync mode.",
        default: "1",
        values: KnobValues::Number(1, 1000),
    },
    Knob {
        name: "semi_timeout",
        about: "How long semi-sync waits for its backups before it falls back to async.",
        default: "2s",
        values: KnobValues::Duration,
    },
    Knob {
        name: "failover",
        about: "Whether backups promote themselves when the primary falls silent, or wait for an operator.",
        default: "monitored",
        values: KnobValues::OneOf(&["monitored", "manual"]),
    },
    Knob {
        name: "patience",
        about: "How long a silence makes the primary suspect; 0s takes 1.5 election timeouts of the timing profile.",
        default: "0s",
        values: KnobValues::Duration,
    },
    Knob {
        name: "fencing",
        about: "Whether epochs fence a deposed primary: backups refuse it, and cut off from all of them it acknowledges nothing.",
        default: "off",
        values: KnobValues::Flag,
    },
    Knob {
        name: "replica_reads",
        about: "Whether backups answer reads from their own copy, which may be of the past.",
        default: "on",
        values: KnobValues::Flag,
    },
    Knob {
        name: "session",
        about: "What a backup does with a read of a client that has seen more than the backup has: answer from the past, wait until it has caught up (read your own writes), or refuse and name the primary.",
        default: "off",
        values: KnobValues::OneOf(&["off", "wait", "refuse"]),
    },
    Knob {
        name: "snapshot_every",
        about: "How many applied entries the log holds before the older half is compacted into a snapshot.",
        default: "1000",
        values: KnobValues::Number(2, 1_000_000),
    },
    variant::KNOB,
];

/// What can be turned while a cluster runs: all of it, but not what is broken.
pub(super) const LIVE_KNOBS: &[&str] = &[
    "mode",
    "semi_count",
    "semi_timeout",
    "failover",
    "patience",
    "fencing",
    "replica_reads",
    "session",
    "snapshot_every",
];

/// What a backup does with a read of a client that has seen more than it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// Answers it from the past.
    Off,
    /// Waits until it has caught up.
    Wait,
    /// Refuses.
    Refuse,
}

/// Who must have a write before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The primary.
    Async,
    /// The primary and some backups.
    SemiSync,
    /// Everybody.
    Sync,
}

impl Mode {
    /// Returns the word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::SemiSync => "semi-sync",
            Self::Sync => "sync",
        }
    }
}

/// The knobs and the profile, read.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) semi_count: usize,
    pub(super) semi_timeout: Duration,
    pub(super) monitored: bool,
    pub(super) patience: Duration,
    pub(super) heartbeat: Duration,
    pub(super) fencing: bool,
    pub(super) replica_reads: bool,
    pub(super) session: Session,
    pub(super) snapshot_every: u64,
    pub(super) flaw: Option<Flaw>,
}

impl Settings {
    /// Reads them.
    pub(super) fn of(config: &NodeConfig) -> Self {
        let patience = config.duration(KNOBS, "patience");
        let derived = config.profile.election_min() * 3 / 2;
        Self {
            mode: match config.knob(KNOBS, "mode") {
                "semi-sync" => Mode::SemiSync,
                "sync" => Mode::Sync,
                _ => Mode::Async, // The registry let no other word pass.
            },
            semi_count: config.number(KNOBS, "semi_count") as usize,
            semi_timeout: config.duration(KNOBS, "semi_timeout"),
            monitored: config.knob(KNOBS, "failover") == "monitored",
            patience: if patience.is_zero() { derived } else { patience },
            heartbeat: config.profile.heartbeat(),
            fencing: config.flag(KNOBS, "fencing"),
            replica_reads: config.flag(KNOBS, "replica_reads"),
            session: match config.knob(KNOBS, "session") {
                "wait" => Session::Wait,
                "refuse" => Session::Refuse,
                _ => Session::Off, // The registry let no other word pass.
            },
            snapshot_every: config.number(KNOBS, "snapshot_every"),
            flaw: FLAWS.of(config),
        }
    }
}
