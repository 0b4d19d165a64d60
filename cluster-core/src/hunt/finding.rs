//! What a hunt can find.

use std::fmt;

use crate::{event::Finding, ids::Seq, name::Name, registry::ProtocolRow, spec::ClusterSpec, time::Timestamp};

/// What a hunt looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// No acknowledged write is lost.
    Lost,
    /// What clients saw is linearizable.
    Linearizable,
    /// No node meets a state that its protocol holds to be impossible.
    Stopped,
    /// What the protocol's paper says is always true.
    Invariants,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 4] = [Self::Lost, Self::Linearizable, Self::Stopped, Self::Invariants];

    /// Returns its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Linearizable => "linearizable",
            Self::Stopped => "stopped",
            Self::Invariants => "invariants",
        }
    }

    /// Returns the check of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.word() == word)
    }

    /// Returns what a cluster promises at all: to miss what was never promised is no finding.
    ///
    /// Servers that are called remotely hold a map each: what one tells, another does not know.
    /// Primary-backup has no quorum, so its reads may be of the past whatever is set; what it acknowledges is safe only in
    /// the mode `sync`.
    pub fn promised(row: &ProtocolRow, spec: &ClusterSpec) -> Vec<Self> {
        let knob = |name: &str| spec.knobs.get(name).map(String::as_str);
        match row.id {
            "primary-backup" if knob("mode") == Some("sync") => vec![Self::Lost, Self::Stopped, Self::Invariants],
            "rpc" => vec![Self::Lost, Self::Stopped, Self::Invariants],
            "primary-backup" => vec![Self::Stopped, Self::Invariants],
            // It keeps no map: nothing can be lost, and nothing is ordered.
            _ if !row.serves_clients => vec![Self::Stopped, Self::Invariants],
            _ if knob("reads") == Some("local") => vec![Self::Lost, Self::Stopped, Self::Invariants],
            _ => Self::ALL.to_vec(), // a protocol promises everything until it is said what it does not
        }
    }
}

/// A promise that was broken, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// When it became certain.
    pub at: Timestamp,
    /// By which event.
    pub seq: Seq,
    /// What. Shrinking keeps its promise.
    pub finding: Finding,
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.finding.promise, self.at, self.finding.sentence)
    }
}

/// The promise that every acknowledged write is kept.
pub(super) const LOST: Name = Name::new("lost-write");
/// The promise that what clients see is linearizable.
pub(super) const LINEARIZABLE: Name = Name::new("linearizable");
/// The promise that no node meets a state that cannot be.
pub(super) const STOPPED: Name = Name::new("node-stopped");
