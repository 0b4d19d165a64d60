//! All links of a cluster: their rules, their counters, and the order that TCP promises.

use std::{collections::BTreeMap, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    Delay, LinkCounters, LinkRules, Verdict,
    gate::{self, Comes, Gate, Judgment},
};
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
    numbers: BTreeMap<LinkId, LinkNumber>,
    /// The numbers of directions between nodes once more, by sender and receiver: most frames travel there.
    between_nodes: Vec<Vec<Option<LinkNumber>>>,
    links: Vec<Link>,
}

/// The how manieth direction it is that something was asked of: who has it needs no search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkNumber(pub u32);

#[derive(Debug)]
struct Link {
    rules: LinkRules,
    /// What its rules remember; a healthy direction has none, so it costs one look.
    gate: Option<Box<Gate>>,
    counters: LinkCounters,
    rng: ChaCha8Rng,
    /// A frame never overtakes the one before it, unless that is held back: TCP keeps order.
    last_arrival: Timestamp,
}

impl Links {
    /// Makes healthy links whose own delay is `base` between nodes, and whose chances follow from `seed`.
    pub fn new(base: Delay, seed: u64) -> Self {
        Self { seed, base, numbers: BTreeMap::new(), between_nodes: Vec::new(), links: Vec::new() }
    }

    /// Decides about a frame of `bytes` bytes on the wire, `payload` of which it carries, and counts it. `Pass` says how
    /// long after `now` it arrives.
    pub fn decide(&mut self, id: LinkId, bytes: usize, payload: usize, now: Timestamp) -> Judgment {
        let number = self.number(id);
        self.decide_at(number, bytes, payload, now)
    }

    /// Returns the number of a direction.
    pub fn number(&mut self, id: LinkId) -> LinkNumber {
        let (Endpoint::Node(from), Endpoint::Node(to)) = id else { return self.number_of(id) };
        let (from, to) = (usize::from(from.0), usize::from(to.0));
        if let Some(Some(number)) = self.between_nodes.get(from).and_then(|row| row.get(to)) {
            return *number;
        }
        let number = self.number_of(id);
        if self.between_nodes.len() <= from {
            self.between_nodes.resize_with(from + 1, Vec::new);
        }
        let row = &mut self.between_nodes[from];
        if row.len() <= to {
            row.resize(to + 1, None);
        }
        row[to] = Some(number);
        number
    }

    fn number_of(&mut self, id: LinkId) -> LinkNumber {
        let Self { seed, numbers, links, .. } = self;
        *numbers.entry(id).or_insert_with(|| {
            links.push(Link {
                rules: LinkRules::default(),
                gate: None,
                counters: LinkCounters::default(),
                rng: ChaCha8Rng::seed_from_u64(*seed ^ stream_of(id)),
                last_arrival: Timestamp::ZERO,
            });
            LinkNumber((links.len() - 1) as u32)
        })
    }

    /// As [`Links::decide`], for a direction whose number is known.
    pub fn decide_at(&mut self, number: LinkNumber, bytes: usize, payload: usize, now: Timestamp) -> Judgment {
        let base = self.base;
        let link = &mut self.links[number.0 as usize];
        let base = base.draw(&mut link.rng);
        let judgment = match &mut link.gate {
            None => {
                link.last_arrival = (now + base).max(link.last_arrival);
                let verdict = Verdict::Pass(link.last_arrival.since(now));
                Judgment { verdict, copy: None, damage: None, acts: Vec::new() }
            }
            Some(gate) => gate.judge(&link.rules, Comes { now, bytes, payload, base }, &mut link.last_arrival),
        };
        match judgment.verdict {
            Verdict::Pass(_) => {
                link.counters.passed += 1;
                link.counters.passed_bytes += bytes as u64;
            }
            Verdict::Drop(reason) => link.counters.count_drop(reason),
        }
        judgment.acts.iter().for_each(|act| link.counters.count(*act));
        judgment
    }

    /// Returns the rules of a direction.
    pub fn rules(&self, id: LinkId) -> LinkRules {
        self.known(id).map_or_else(LinkRules::default, |link| link.rules)
    }

    /// Returns what a direction did so far.
    pub fn counters(&self, id: LinkId) -> LinkCounters {
        self.known(id).map_or_else(LinkCounters::default, |link| link.counters)
    }

    /// Changes the rules of a direction. Returns the new rules if they differ from the old ones.
    pub fn change(&mut self, id: LinkId, change: impl FnOnce(&mut LinkRules)) -> Option<LinkRules> {
        let seed = self.seed ^ stream_of(id);
        let number = self.number(id);
        let link = &mut self.links[number.0 as usize];
        let before = link.rules;
        change(&mut link.rules);
        if link.rules.is_healthy() {
            link.gate = None;
        } else {
            link.gate.get_or_insert_with(|| Box::new(Gate::new(seed)));
        }
        (link.rules != before).then_some(link.rules)
    }

    /// Returns the directions that are not healthy, in order.
    pub fn broken(&self) -> Vec<LinkId> {
        let is_broken = |number: &LinkNumber| !self.links[number.0 as usize].rules.is_healthy();
        self.numbers.iter().filter(|(_, number)| is_broken(number)).map(|(id, _)| *id).collect()
    }

    /// Forgets the arrival order of the connections of a node that went down: its next ones are new streams.
    pub fn reset(&mut self, node: NodeId) {
        for (id, number) in &self.numbers {
            if id.0 == node.into() || id.1 == node.into() {
                self.links[number.0 as usize].last_arrival = Timestamp::ZERO;
            }
        }
    }

    /// Forgets the arrival order of one direction, whose connection was reset.
    pub fn reset_link(&mut self, id: LinkId) {
        if let Some(number) = self.numbers.get(&id) {
            self.links[number.0 as usize].last_arrival = Timestamp::ZERO;
        }
    }

    /// Returns the delay that a healthy link has of its own.
    pub fn base_delay(&self) -> Duration {
        self.base.mean
    }

    fn known(&self, id: LinkId) -> Option<&Link> {
        self.numbers.get(&id).map(|number| &self.links[number.0 as usize])
    }
}

/// Returns where in its period a direction is when a run of that seed begins, if it flaps.
pub fn flap_phase(seed: u64, id: LinkId) -> Duration {
    gate::phase(seed ^ stream_of(id))
}

/// Returns a number of its own for each direction, so that one link's draws never shift another's.
fn stream_of((from, to): LinkId) -> u64 {
    (u64::from(from.number()) << 32 | u64::from(to.number())).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{
        Act, Bandwidth, Checksum, Corrupt, DropReason, Duplicate, Flap, LinkFault, Loss, Reorder, gate::Damage,
    };

    const MS: Duration = Duration::from_millis(1);

    fn link(from: u16, to: u16) -> LinkId {
        (NodeId(from).into(), NodeId(to).into())
    }

    fn broken(faults: &[LinkFault]) -> Links {
        let mut links = Links::new(Delay::default(), 7);
        for fault in faults {
            links.change(link(1, 2), |rules| fault.add_to(rules));
        }
        links
    }

    /// Sends a frame of 100 bytes every millisecond.
    fn send(links: &mut Links, frames: u64) -> Vec<Judgment> {
        (0..frames).map(|ms| links.decide(link(1, 2), 100, 84, Timestamp(ms * 1_000_000))).collect()
    }

    fn arrivals(judged: &[Judgment]) -> Vec<Timestamp> {
        let at = |(ms, judged): (usize, &Judgment)| match judged.verdict {
            Verdict::Pass(after) => Some(Timestamp(ms as u64 * 1_000_000) + after),
            Verdict::Drop(_) => None,
        };
        judged.iter().enumerate().filter_map(at).collect()
    }

    fn dropped(judged: &[Judgment], reason: DropReason) -> Vec<bool> {
        judged.iter().map(|judged| judged.verdict == Verdict::Drop(reason)).collect()
    }

    #[test]
    fn whoever_knows_the_seed_knows_when_a_flapping_link_is_up() {
        let flap = Flap { up: 30 * MS, down: 10 * MS };
        let mut links = Links::new(Delay::default(), 7);
        links.change(link(1, 2), |rules| rules.flap = Some(flap));
        let phase = flap_phase(7, link(1, 2));
        for ms in 0..200 {
            let now = Timestamp::ZERO + MS * ms;
            let passes = matches!(links.decide(link(1, 2), 100, 80, now).verdict, Verdict::Pass(_));
            assert_eq!(passes, flap.is_up(phase, now), "at {now}");
        }
    }

    #[test]
    fn jitter_never_reorders_the_frames_of_one_direction() {
        let mut links = Links::new(Delay::uniform(40 * MS, 40 * MS), 7);
        assert!(arrivals(&send(&mut links, 1000)).is_sorted());
        let jittery = LinkFault::Delay(Delay::uniform(40 * MS, 40 * MS));
        assert!(arrivals(&send(&mut broken(&[jittery]), 1000)).is_sorted());
    }

    #[test]
    fn a_one_way_cut_leaves_the_other_direction_open_and_counts_what_it_stopped() {
        let mut links = broken(&[LinkFault::Cut]);
        let there = links.decide(link(1, 2), 10, 0, Timestamp::ZERO);
        let back = links.decide(link(2, 1), 10, 0, Timestamp::ZERO);
        assert_eq!(there.verdict, Verdict::Drop(DropReason::Cut));
        assert_eq!(back.verdict, Verdict::Pass(Duration::ZERO));
        assert_eq!((links.counters(link(1, 2)).cut, links.counters(link(2, 1)).passed), (1, 1));
    }

    #[test]
    fn a_change_that_changes_nothing_says_so() {
        let mut links = Links::new(Delay::default(), 7);
        assert_eq!(links.change(link(1, 2), |rules| rules.cut = false), None);
    }

    #[test]
    fn a_frame_that_is_held_back_is_overtaken_by_those_behind_it_and_by_no_others() {
        let reorder = LinkFault::Reorder(Reorder { share: 0.1, by: 5 * MS });
        let mut links = broken(&[reorder]);
        let judged = send(&mut links, 1000);
        let held: Vec<bool> = judged.iter().map(|judged| judged.acts.contains(&Act::HeldBack(5 * MS))).collect();
        let arrivals = arrivals(&judged);
        let in_order: Vec<_> = arrivals.iter().zip(&held).filter(|(_, held)| !**held).map(|(at, _)| *at).collect();
        assert!(!arrivals.is_sorted() && in_order.is_sorted());
        let counters = links.counters(link(1, 2));
        assert!((70..130).contains(&counters.held_back), "{counters:?} at seed 7");
        // All but the last few have somebody behind them.
        assert!(counters.reordered >= counters.held_back - 1, "{counters:?} at seed 7");
    }

    #[test]
    fn a_copy_follows_its_frame() {
        let mut links = broken(&[LinkFault::Duplicate(Duplicate { share: 0.25 })]);
        let judged = send(&mut links, 1000);
        let copies = judged.iter().filter(|judged| judged.copy.is_some()).count();
        assert!((200..300).contains(&copies), "{copies} copies at seed 7");
        assert!(judged.iter().filter(|judged| judged.copy.is_some()).all(|judged| judged.acts == [Act::Duplicated]));
        assert_eq!(links.counters(link(1, 2)).duplicated, copies as u64);
    }

    #[test]
    fn damage_hits_one_bit_of_what_a_frame_carries_and_nothing_of_an_empty_frame() {
        let corrupt = Corrupt { share: 1.0, checksum: Checksum::Off };
        let mut links = broken(&[LinkFault::Corrupt(corrupt)]);
        let bit = |damage: Option<Damage>| damage.map(|damage| damage.bit);
        assert!(send(&mut links, 1000).iter().all(|judged| bit(judged.damage).is_some_and(|bit| bit < 84 * 8)));
        assert_eq!(links.decide(link(1, 2), 16, 0, Timestamp::ZERO).damage, None);
    }

    #[test]
    fn a_narrow_pipe_delays_what_fits_and_drops_what_does_not() {
        // 100 bytes a millisecond come, 50 go.
        let pipe = Bandwidth { bytes_per_sec: 50_000, queue_bytes: 1000 };
        let mut links = broken(&[LinkFault::Bandwidth(pipe)]);
        let judged = send(&mut links, 1000);
        let passed = arrivals(&judged);
        assert!(passed.is_sorted() && passed.windows(2).all(|pair| pair[1].since(pair[0]) >= 2 * MS));
        let counters = links.counters(link(1, 2));
        assert!((505..=515).contains(&counters.throttled), "{counters:?}");
        assert_eq!(counters.queue_dropped + counters.throttled, 1000);
    }

    #[test]
    fn a_flapping_link_drops_for_as_long_as_it_is_down() {
        let flap = Flap { up: 30 * MS, down: 10 * MS };
        let down = dropped(&send(&mut broken(&[LinkFault::Flap(flap)]), 4000), DropReason::Flap);
        let changes = down.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(down.iter().filter(|down| **down).count(), 1000);
        assert!((199..=201).contains(&changes), "{changes}");
    }

    #[test]
    fn what_one_rule_does_to_a_frame_does_not_depend_on_the_other_rules() {
        let loss = LinkFault::Loss(Loss { probability: 0.3 });
        let others = [
            LinkFault::Delay(Delay::uniform(5 * MS, MS)),
            LinkFault::Duplicate(Duplicate { share: 0.5 }),
            LinkFault::Reorder(Reorder { share: 0.5, by: MS }),
            loss,
        ];
        let alone = dropped(&send(&mut broken(&[loss]), 500), DropReason::Loss);
        assert_eq!(alone, dropped(&send(&mut broken(&others), 500), DropReason::Loss));
    }

    #[test]
    fn a_healed_link_judges_as_one_that_was_never_broken() {
        let base = Delay::uniform(10 * MS, 5 * MS);
        let (mut healed, mut healthy) = (Links::new(base, 7), Links::new(base, 7));
        healed.change(link(1, 2), |rules| LinkFault::Loss(Loss { probability: 0.5 }).add_to(rules));
        healed.change(link(1, 2), |rules| LinkFault::Duplicate(Duplicate { share: 0.5 }).add_to(rules));
        send(&mut healed, 100);
        send(&mut healthy, 100);
        healed.change(link(1, 2), |rules| *rules = LinkRules::default());
        let later = Timestamp::ZERO + 1000 * MS;
        for _ in 0..100 {
            assert_eq!(healed.decide(link(1, 2), 10, 0, later), healthy.decide(link(1, 2), 10, 0, later));
        }
    }
}
