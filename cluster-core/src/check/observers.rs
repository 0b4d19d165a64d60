//! All checks that go along with a run, as one observer.

use super::invariants::Invariants;
use crate::{
    event::{Finding, TraceEvent},
    trace::Observer,
};

/// Everything that can be checked while a run of a protocol goes on. A simulator, a session and a reader of recordings
/// attach the same object, so they find the same.
#[derive(Debug, Default)]
pub struct Observers {
    invariants: Option<Invariants>,
}

impl Observers {
    /// Returns all checks for a protocol.
    pub fn of(protocol: &str) -> Self {
        Self { invariants: Invariants::of(protocol) }
    }
}

impl Observer for Observers {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        if let Some(invariants) = &mut self.invariants {
            invariants.observe(event, found);
        }
    }
}
