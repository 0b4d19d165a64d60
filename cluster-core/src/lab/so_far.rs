//! How far a goal is that is not decided yet: for those who work at it.

use std::time::Duration;

use crate::time::Timestamp;

/// How far a goal is on its way. What decides a goal is its verdict alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoFar {
    /// It came about so many times of so many.
    Times {
        /// How often it did.
        done: u32,
        /// How often it must.
        of: u32,
    },
    /// So many moments of so many happened in their order.
    Steps {
        /// How many did.
        done: u32,
        /// How many must.
        of: u32,
    },
    /// What had to follow did, so many times of so many.
    Followed {
        /// How often it did.
        done: u32,
        /// How often it must.
        of: u32,
        /// Until when the next one must, if one is awaited.
        due: Option<Timestamp>,
    },
    /// It has been so for some time, and must be for longer.
    Held {
        /// Since when; nothing if it is not so.
        since: Option<Timestamp>,
        /// How long it must be so.
        span: Duration,
    },
    /// It is judged when the phase ends.
    AtTheEnd {
        /// Whether it would be met if that were now.
        so: bool,
        /// Whether there is enough to judge by.
        enough: bool,
    },
}
