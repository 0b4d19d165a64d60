//! Who is alive, as one node sees it: an opinion of each other node, and how the node itself is as a watcher.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// What a node thinks of another: alive, suspect or dead, and since which of the other's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Opinion {
    /// What it holds it for.
    pub status: MemberStatus,
    /// The incarnation of the other that this is about.
    pub incarnation: Incarnation,
}

/// What a member is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MemberStatus {
    /// It answers.
    Alive,
    /// It did not answer, and may still object.
    Suspect,
    /// It is gone.
    Dead,
}

impl MemberStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Alive, Self::Suspect, Self::Dead];

    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
        }
    }
}

/// How often a member contradicted what was said of it. Only the member itself raises it; what is said of a higher one
/// counts more than what is said of a lower one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// Which of its lives: a new one begins with a restart, and after it was declared dead.
    pub life: u32,
    /// How often it contradicted a suspicion in that life.
    pub refutations: u16,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.life, self.refutations)
    }
}

/// What a node tells of itself as one who watches others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectorView {
    /// Its own incarnation.
    pub incarnation: Incarnation,
    /// Its doubt about its own health: 0 is none (Lifeguard).
    pub self_doubt: u8,
    /// How many rumors it still passes on.
    pub rumors: u32,
    /// How long a dead member can go unnoticed by it, at most: a round of probes and a suspicion.
    pub patience: Duration,
}
