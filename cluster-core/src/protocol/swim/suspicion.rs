//! Suspicions that come of a member's own probes, and how long each lasts (LHA-Suspicion).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::packet::{Accusation, Id};
use crate::{ids::NodeId, time::Timestamp};

/// How many others must share a suspicion for it to last no longer than without Lifeguard.
const SHARED_ENOUGH: usize = 3;
/// How many suspicions a message tells of, at most.
const TOLD_MAX: usize = 8;

/// The suspicions of one member, by whom they are of.
#[derive(Debug, Default)]
pub(super) struct Suspicions(BTreeMap<NodeId, Suspicion>);

/// A suspicion.
#[derive(Debug)]
pub(super) struct Suspicion {
    of: Id,
    refutations: u16,
    pub(super) began: Timestamp,
    pub(super) until: Timestamp,
    shared_by: BTreeSet<NodeId>,
}

impl Suspicions {
    /// Begins a suspicion that lasts until then; one that goes on already stays as it is, and `false` is returned.
    pub(super) fn begin(&mut self, of: Id, refutations: u16, began: Timestamp, until: Timestamp) -> bool {
        let goes_on = self.0.get(&of.node).is_some_and(|known| (known.of, known.refutations) == (of, refutations));
        if !goes_on {
            self.0.insert(of.node, Suspicion { of, refutations, began, until, shared_by: BTreeSet::new() });
        }
        !goes_on
    }

    /// Another suspects the same member by its own probes. Returns the suspicion, if that changes when it ends.
    pub(super) fn share(
        &mut self,
        by: NodeId,
        accusation: Accusation,
        lasts: (Duration, Duration),
        members: usize,
    ) -> Option<&Suspicion> {
        let known = self.0.get_mut(&accusation.of.node)?;
        if (known.of, known.refutations) != (accusation.of, accusation.refutations) || !known.shared_by.insert(by) {
            return None;
        }
        // The one who is suspected and the one who suspects share nothing.
        let enough = SHARED_ENOUGH.min(members.saturating_sub(2));
        let until = known.began + lasting(lasts, known.shared_by.len(), enough);
        let earlier = until < known.until;
        known.until = known.until.min(until);
        earlier.then_some(known)
    }

    /// Forgets those that are over: `goes_on` says whether a member is still suspected in that incarnation.
    pub(super) fn retain(&mut self, goes_on: impl Fn(Id, u16) -> bool) {
        self.0.retain(|_, known| goes_on(known.of, known.refutations));
    }

    /// Returns the one that ends first.
    pub(super) fn next(&self) -> Option<&Suspicion> {
        self.0.values().min_by_key(|known| known.until)
    }

    /// Returns what a message tells of them.
    pub(super) fn accusations(&self) -> Vec<Accusation> {
        let told = |known: &Suspicion| Accusation { of: known.of, refutations: known.refutations };
        self.0.values().map(told).take(TOLD_MAX).collect()
    }

    /// Returns who is suspected.
    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.0.contains_key(&node)
    }
}

/// Returns how long a suspicion lasts that so many others share: the longest while nobody does, and the shortest when
/// enough do; the first weigh most (Lifeguard §IV-B).
pub(super) fn lasting((shortest, longest): (Duration, Duration), shared: usize, enough: usize) -> Duration {
    if enough == 0 || shared >= enough {
        return shortest;
    }
    let share = ((shared + 1) as f64).ln() / ((enough + 1) as f64).ln();
    longest - (longest - shortest).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_more_share_a_suspicion_the_shorter_it_is() {
        let lasts = |shared| lasting((2 * SECOND, 12 * SECOND), shared, 3);
        assert_eq!((lasts(0), lasts(1), lasts(3), lasts(9)), (12 * SECOND, 7 * SECOND, 2 * SECOND, 2 * SECOND));
        assert!(lasts(2) > 2 * SECOND && lasts(2) < lasts(1));
        assert_eq!(lasting((2 * SECOND, 12 * SECOND), 0, 0), 2 * SECOND, "of two, nobody else can share it");
    }

    #[test]
    fn who_says_it_twice_counts_once() {
        let (of, at) = (Id { node: NodeId(4), life: 1 }, |seconds: u32| Timestamp::ZERO + SECOND * seconds);
        let mut suspicions = Suspicions::default();
        assert!(suspicions.begin(of, 0, at(1), at(13)));
        assert!(!suspicions.begin(of, 0, at(5), at(17)), "a probe that fails again does not begin it anew");
        let accusation = Accusation { of, refutations: 0 };
        let lasts = (2 * SECOND, 12 * SECOND);
        let until = |found: Option<&Suspicion>| found.map(|known| known.until);
        assert_eq!(until(suspicions.share(NodeId(2), accusation, lasts, 8)), Some(at(8)));
        assert_eq!(until(suspicions.share(NodeId(2), accusation, lasts, 8)), None);
        let older = Accusation { refutations: 7, ..accusation };
        assert_eq!(until(suspicions.share(NodeId(3), older, lasts, 8)), None, "it is of another incarnation");
    }
}
