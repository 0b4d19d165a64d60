//! All links of a cluster: their rules, their counters, and the order that TCP promises.

use std::{collections::BTreeMap, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Delay, DropReason, LinkCounters, LinkRules, Verdict};
use crate::{
    ids::{Endpoint, NodeId},
    time::Timestamp,
};

/// One direction of a link: from, to.
pub type LinkId = (Endpoint, Endpoint);

/// The link layer: decides about each frame and counts what it did. Both backends use the same.
#[derive(Debug)]
pub struct Links {
    seed: u64,
    base: Delay,
    links: BTreeMap<LinkId, Link>,
}

#[derive(Debug)]
struct Link {
    rules: LinkRules,
    counters: LinkCounters,
    rng: ChaCha8Rng,
    /// A frame never overtakes the one before it: TCP keeps order.
    last_arrival: Timestamp,
}

impl Links {
    /// Makes healthy links whose own delay is `base` between nodes, and whose chances follow from `seed`.
    pub fn new(base: Delay, seed: u64) -> Self {
        Self { seed, base, links: BTreeMap::new() }
    }

    /// Decides about a frame of `bytes` bytes and counts it. `Pass` says how long after `now` it arrives.
    pub fn decide(&mut self, id: LinkId, bytes: usize, now: Timestamp) -> Verdict {
        let base = self.base;
        let link = self.link(id);
        let verdict = link.rules.decide(&mut link.rng);
        match verdict {
            Verdict::Pass(extra) => {
                link.counters.passed += 1;
                link.counters.passed_bytes += bytes as u64;
                link.counters.delayed += u64::from(!extra.is_zero());
                let arrival = (now + base.draw(&mut link.rng) + extra).max(link.last_arrival);
                link.last_arrival = arrival;
                Verdict::Pass(arrival.since(now))
            }
            Verdict::Drop(DropReason::Loss) => {
                link.counters.lost += 1;
                verdict
            }
            Verdict::Drop(_) => {
                link.counters.cut += 1;
                verdict
            }
        }
    }

    /// Returns the rules of a direction.
    pub fn rules(&self, id: LinkId) -> LinkRules {
        self.links.get(&id).map_or_else(LinkRules::default, |link| link.rules)
    }

    /// Returns what a direction did so far.
    pub fn counters(&self, id: LinkId) -> LinkCounters {
        self.links.get(&id).map_or_else(LinkCounters::default, |link| link.counters)
    }

    /// Changes the rules of a direction. Returns the new rules if they differ from the old ones.
    pub fn change(&mut self, id: LinkId, change: impl FnOnce(&mut LinkRules)) -> Option<LinkRules> {
        let link = self.link(id);
        let before = link.rules;
        change(&mut link.rules);
        (link.rules != before).then_some(link.rules)
    }

    /// Returns the directions that are not healthy, in order.
    pub fn broken(&self) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| !link.rules.is_healthy()).map(|(id, _)| *id).collect()
    }

    /// Forgets the arrival order of the connections of a node that went down: its next ones are new streams.
    pub fn reset(&mut self, node: NodeId) {
        for (id, link) in &mut self.links {
            if id.0 == node.into() || id.1 == node.into() {
                link.last_arrival = Timestamp::ZERO;
            }
        }
    }

    /// Returns the delay that a healthy link has of its own.
    pub fn base_delay(&self) -> Duration {
        self.base.mean
    }

    fn link(&mut self, id: LinkId) -> &mut Link {
        let seed = self.seed;
        self.links.entry(id).or_insert_with(|| Link {
            rules: LinkRules::default(),
            counters: LinkCounters::default(),
            rng: ChaCha8Rng::seed_from_u64(seed ^ stream_of(id)),
            last_arrival: Timestamp::ZERO,
        })
    }
}

/// Returns a number of its own for each direction, so that one link's draws never shift another's.
fn stream_of((from, to): LinkId) -> u64 {
    let code = |end: Endpoint| match end {
        Endpoint::Node(node) => u64::from(node.0),
        Endpoint::Client(client) => 0x1_0000 | u64::from(client.0),
    };
    (code(from) << 32 | code(to)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: u16, to: u16) -> LinkId {
        (NodeId(from).into(), NodeId(to).into())
    }

    #[test]
    fn jitter_never_reorders_the_frames_of_one_direction() {
        let base = Delay { mean: Duration::from_millis(40), jitter: Duration::from_millis(40) };
        let mut links = Links::new(base, 7);
        let mut last = Timestamp::ZERO;
        for sent in (0..1000).map(|n| Timestamp(n * 1_000_000)) {
            let Verdict::Pass(after) = links.decide(link(1, 2), 10, sent) else { panic!("healthy links drop nothing") };
            assert!(sent + after >= last);
            last = sent + after;
        }
    }

    #[test]
    fn a_one_way_cut_leaves_the_other_direction_open_and_counts_what_it_stopped() {
        let mut links = Links::new(Delay::default(), 7);
        assert!(links.change(link(1, 2), |rules| rules.cut = true).is_some());
        assert_eq!(links.decide(link(1, 2), 10, Timestamp::ZERO), Verdict::Drop(DropReason::Cut));
        assert_eq!(links.decide(link(2, 1), 10, Timestamp::ZERO), Verdict::Pass(Duration::ZERO));
        assert_eq!((links.counters(link(1, 2)).cut, links.counters(link(2, 1)).passed), (1, 1));
    }

    #[test]
    fn a_change_that_changes_nothing_says_so() {
        let mut links = Links::new(Delay::default(), 7);
        assert_eq!(links.change(link(1, 2), |rules| rules.cut = false), None);
    }
}
