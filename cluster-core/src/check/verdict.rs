//! What a checker says: holds, violated with a witness, or unknown with the reason.

use std::fmt;

use super::history::OperationIndex;
use crate::{ids::Seq, time::Timestamp};

/// What a checker may spend before it says that it does not know.
pub struct Budget<'a> {
    /// How many steps it may try.
    pub steps: u64,
    /// How much memory all its searches together may take, in bytes.
    pub bytes: usize,
    /// Asked now and then: whether to give up, because time is over or somebody wants it so.
    pub stop: &'a dyn Fn() -> bool,
}

impl Default for Budget<'_> {
    fn default() -> Self {
        Self { steps: 4_000_000_000, bytes: 700 << 20, stop: &|| false }
    }
}

/// Why it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It was told to stop, or time was over.
    Stopped,
    /// It tried as many steps as it may.
    Steps {
        /// How many.
        steps: u64,
    },
    /// It would have taken more memory than it may.
    Memory {
        /// How much, in bytes.
        bytes: usize,
    },
    /// More operations are open at once than can be searched.
    TooManyOpen {
        /// How many can.
        most: usize,
    },
    /// A value was written more than once, so nobody can tell what was read from where.
    Ambiguous,
    /// The history has no times.
    Untimed,
    /// There is nothing that could be checked.
    Nothing,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("not decided when it was stopped, or its time was over"),
            Self::Steps { steps } => write!(f, "not decided within {steps} steps; give more with --steps"),
            Self::Memory { bytes } => write!(f, "not decided within {} MiB; give more with --memory", bytes >> 20),
            Self::TooManyOpen { most } => write!(f, "more than {most} operations of one object are open at once"),
            Self::Ambiguous => {
                f.write_str("a value was written more than once for one key, so reads cannot be told apart")
            }
            Self::Untimed => f.write_str("the history has no times"),
            Self::Nothing => f.write_str("there is nothing in it that this checker looks at"),
        }
    }
}

/// What a checker says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The promise was kept.
    Holds,
    /// It was broken, and this shows it.
    Violated(Box<Witness>),
    /// It could not be decided.
    Unknown(Unknown),
}

impl Verdict {
    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated(_) => "violated",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Returns the witness, if it was violated.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Self::Violated(witness) => Some(witness),
            Self::Holds | Self::Unknown(_) => None,
        }
    }
}

/// What shows that a promise was broken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witness {
    /// One plain sentence.
    pub sentence: String,
    /// The smallest set of operations found that cannot be, in the order in which they began.
    pub operations: Vec<OperationIndex>,
    /// The longest order that could be built, of the operations up to the one that fits nowhere.
    pub longest: Vec<OperationIndex>,
    /// The operation at which it became certain.
    pub last: Option<OperationIndex>,
    /// How the operations depend on each other, where they go round in a circle.
    pub edges: Vec<Edge>,
    /// What was broken while they were under way.
    pub faults: Vec<FaultSpan>,
}

/// Why one operation or transaction must come before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The earlier.
    pub from: OperationIndex,
    /// The later.
    pub to: OperationIndex,
    /// Why, in a few words.
    pub why: String,
}

/// Something that was broken for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultSpan {
    /// What, in words.
    pub what: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` if it never ended.
    pub until: Option<Timestamp>,
    /// The event by which it began.
    pub seq: Seq,
}
