//! What a hunt can find.

use std::fmt;

use crate::{ids::Seq, registry::ProtocolRow, spec::ClusterSpec, time::Timestamp};

/// What a hunt looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// No acknowledged write is lost.
    Lost,
    /// What clients saw is linearizable.
    Linearizable,
    /// No node meets a state that its protocol holds to be impossible.
    Stopped,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 3] = [Self::Lost, Self::Linearizable, Self::Stopped];

    /// Returns its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Linearizable => "linearizable",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the check of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.word() == word)
    }

    /// Returns what a cluster promises at all: to miss what was never promised is no finding.
    ///
    /// Primary-backup has no quorum, so its reads may be of the past whatever is set; what it acknowledges is safe only in
    /// the mode `sync`.
    pub fn promised(row: &ProtocolRow, spec: &ClusterSpec) -> Vec<Self> {
        let knob = |name: &str| spec.knobs.get(name).map(String::as_str);
        match row.id {
            "primary-backup" if knob("mode") == Some("sync") => vec![Self::Lost, Self::Stopped],
            "primary-backup" => vec![Self::Stopped],
            _ if knob("reads") == Some("local") => vec![Self::Lost, Self::Stopped],
            _ => Self::ALL.to_vec(), // a protocol promises everything until it is said what it does not
        }
    }
}

/// The kind of a finding: what shrinking must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// An acknowledged write stands in no log that counts.
    LostWrite,
    /// The operations of a key fit no order.
    NotLinearizable,
    /// A node ended itself.
    NodeStopped,
}

impl FindingKind {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::LostWrite => "lost-write",
            Self::NotLinearizable => "not-linearizable",
            Self::NodeStopped => "node-stopped",
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// When it became certain.
    pub at: Timestamp,
    /// By which event.
    pub seq: Seq,
    /// What happened, in a sentence.
    pub sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.kind.word(), self.at, self.sentence)
    }
}
