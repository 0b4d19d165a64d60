//! What an observer concluded from the trace: a promise that does not hold, or that nobody can tell.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Epoch, LogIndex, NodeId, OpId, Seq},
    name::Name,
    request::Key,
};

/// A conclusion of an observer, with its evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The promise that it is about, by its id, such as `election-safety` or `linearizable`.
    pub promise: Name,
    /// What became of it.
    pub conclusion: Conclusion,
    /// One plain sentence.
    pub sentence: String,
    /// The nodes that it concerns.
    pub nodes: Vec<NodeId>,
    /// The epochs that it concerns.
    pub epochs: Vec<Epoch>,
    /// The log positions that it concerns.
    pub indexes: Vec<LogIndex>,
    /// The key of the map that it concerns.
    pub key: Option<Key>,
    /// The smallest set of operations found that cannot be, in the order in which they began.
    pub ops: Vec<OpId>,
    /// The longest order that could be built, of the operations up to the one that fits nowhere.
    pub order: Vec<OpId>,
    /// The events that show it, in order; the last is the one at which it became certain.
    pub evidence: Vec<Seq>,
    /// The events by which faults began that lasted meanwhile.
    pub faults: Vec<Seq>,
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Conclusion {
    /// It was broken, for certain.
    #[default]
    Violated,
    /// Nobody can tell any more, from here on.
    Unknown,
}

impl Conclusion {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::Unknown => "unknown",
        }
    }
}
