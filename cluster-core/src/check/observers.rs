//! All checks that go along with a run, as one observer.

use super::{histories::Histories, invariants::Invariants, membership::Membership};
use crate::{
    event::{Finding, TraceEvent},
    spec::ClusterSpec,
    trace::Observer,
};

/// Everything that can be checked while a run of a protocol goes on. A simulator, a session and a reader of recordings
/// attach the same object, so they find the same.
#[derive(Default)]
pub struct Observers {
    invariants: Option<Invariants>,
    membership: Option<Membership>,
    histories: Option<Histories>,
}

impl Observers {
    /// Returns all checks for a cluster: the invariants of its protocol, and what its clients see.
    pub fn of(spec: &ClusterSpec) -> Self {
        Self { histories: Some(Histories::default()), ..Self::invariants(spec) }
    }

    /// Returns the invariants only: what the protocol itself promises, whatever its clients ask of it.
    pub fn invariants(spec: &ClusterSpec) -> Self {
        let membership = Membership::of(&spec.protocol);
        Self { invariants: Invariants::promised(spec), membership, histories: None }
    }
}

impl Observer for Observers {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        if let Some(invariants) = &mut self.invariants {
            invariants.observe(event, found);
        }
        if let Some(membership) = &mut self.membership {
            membership.observe(event, found);
        }
        if let Some(histories) = &mut self.histories {
            histories.observe(event, found);
        }
    }
}
