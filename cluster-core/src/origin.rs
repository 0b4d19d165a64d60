//! Where a run comes from: what ran it, and which run it left, if it is a branch.

use serde::{Deserialize, Serialize};

use crate::{ids::Seq, time::Timestamp};

/// What runs a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendKind {
    /// Real nodes: sockets, files, and the machine's own time.
    #[default]
    Live,
    /// The simulator: one thread, virtual time, one seed.
    Sim,
}

impl BackendKind {
    /// Both, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::Live, Self::Sim];

    /// Returns the word used in flags and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sim => "sim",
        }
    }

    /// Returns the backend of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Where a run comes from. A recording says so in its header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What ran it.
    pub backend: BackendKind,
    /// The run that it left, if it is a branch.
    pub branch: Option<Branch>,
}

impl Origin {
    /// Returns the origin of a run that left no other.
    pub fn of(backend: BackendKind) -> Self {
        Self { backend, branch: None }
    }

    /// Returns whether the run was simulated.
    pub fn is_simulated(&self) -> bool {
        self.backend == BackendKind::Sim
    }
}

/// Where a branch left another run: up to there both are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The file name of the recording that was left.
    pub run: String,
    /// The number of the first event that is not common to both.
    pub next: Seq,
    /// When that was.
    pub at: Timestamp,
}
