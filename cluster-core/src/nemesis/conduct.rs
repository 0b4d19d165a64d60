//! Strikes now and then, mends after a while, and keeps account of what it broke.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{NemesisSpec, draw::draw, field::Field};
use crate::{
    command::Command,
    fault::{Fault, FaultKind, LinkId, LinkRules, Sketch},
    ids::{Endpoint, NodeId},
    time::Timestamp,
    trace::{ClusterState, NodeStatus},
};

/// How long a fault lasts, in gaps between two strikes: about two are there at a time.
const LASTS_GAPS: f64 = 2.0;
/// A fault lasts at least this long.
const LASTS_MIN: Duration = Duration::from_millis(100);
/// How long it waits to see what it broke before it forgets it: a live cluster answers late under load.
const SIGHT: Duration = Duration::from_secs(5);
/// How soon it looks again for what it has not seen yet.
const GLANCE: Duration = Duration::from_millis(100);

/// Breaks things at random, and mends them.
#[derive(Clone, Debug)]
pub struct Nemesis {
    spec: NemesisSpec,
    kinds: Vec<FaultKind>,
    rng: ChaCha8Rng,
    strikes_at: Option<Timestamp>,
    ailments: Vec<Ailment>,
    wiped: BTreeSet<NodeId>,
}

/// What one strike broke. A later strike at the same place takes it over.
#[derive(Clone, Debug)]
struct Ailment {
    nodes: BTreeSet<NodeId>,
    links: BTreeSet<LinkId>,
    until: Timestamp,
    forget: Timestamp,
}

impl Nemesis {
    /// Makes a nemesis; everything random follows from `seed`.
    pub fn new(spec: NemesisSpec, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x004E_454D_4553_4953);
        let kinds = spec.drawn_kinds(&mut rng);
        Self { spec, kinds, rng, strikes_at: None, ailments: Vec::new(), wiped: BTreeSet::new() }
    }

    /// Returns what it was asked to do.
    pub fn spec(&self) -> &NemesisSpec {
        &self.spec
    }

    /// Returns the kinds of faults that it uses: those of its profile, or the part that the seed drew.
    pub fn kinds(&self) -> &[FaultKind] {
        &self.kinds
    }

    /// Returns when it wants to be asked next; `None` before it was asked first.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.ailments.iter().map(|ailment| ailment.until).chain(self.strikes_at).min()
    }

    /// Returns what is to be asked of the cluster at that time. The first call only begins the wait.
    pub fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        let Some(strikes_at) = self.strikes_at else {
            self.strikes_at = Some(now + self.draw_time(1.0));
            return Vec::new();
        };
        let mut commands = self.mend(now, state);
        if now >= strikes_at {
            self.strikes_at = Some(now + self.draw_time(1.0));
            let faults = self.strike(state);
            if !faults.is_empty() {
                self.remember(&faults, now, state);
                commands.push(Command::Inject(faults));
            }
        }
        commands
    }

    /// Gives up: returns what mends everything that it broke and that is still broken.
    pub fn end(&mut self, state: &ClusterState) -> Vec<Command> {
        let all = std::mem::take(&mut self.ailments);
        restore(all.iter(), state).into_iter().collect()
    }

    /// Draws faults of one of its kinds; if that one cannot strike now, of the next.
    fn strike(&mut self, state: &ClusterState) -> Vec<Fault> {
        let struck = self.ailments.iter().flat_map(|ailment| &ailment.nodes).copied().collect();
        let field = Field::of(state, &struck, &self.wiped, self.spec.keep_majority);
        let first = self.rng.random_range(0..self.kinds.len().max(1));
        for kind in self.kinds.iter().cycle().skip(first).take(self.kinds.len()) {
            let mut faults = draw(*kind, &field, &mut self.rng);
            // What is so already would be refused.
            faults.retain(|fault| sketch([fault], state).changes_something());
            if !faults.is_empty() {
                return faults;
            }
        }
        Vec::new()
    }

    fn remember(&mut self, faults: &[Fault], now: Timestamp, state: &ClusterState) {
        self.wiped.extend(faults.iter().filter_map(|fault| match fault {
            Fault::Wipe(node) => Some(*node),
            // Only an erased disk is remembered for the rest of the run.
            _ => None,
        }));
        let sketch = sketch(faults, state);
        for ailment in &mut self.ailments {
            ailment.nodes.retain(|node| !sketch.nodes.contains(node));
            ailment.links.retain(|link| !sketch.links.contains_key(link));
        }
        let until = now + self.draw_time(LASTS_GAPS).max(LASTS_MIN);
        let (nodes, links) = (sketch.nodes, sketch.links.into_keys().collect());
        self.ailments.push(Ailment { nodes, links, until, forget: until + SIGHT });
    }

    /// Mends what lasted long enough, all of it at one instant.
    fn mend(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        let (due, mut kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.ailments).into_iter().partition(|ailment| ailment.until <= now);
        let (seen, unseen): (Vec<_>, Vec<_>) = due.into_iter().partition(|ailment| ailment.is_seen(state));
        kept.extend(
            unseen
                .into_iter()
                .filter(|ailment| !ailment.is_empty() && now < ailment.forget)
                .map(|ailment| Ailment { until: now + GLANCE, ..ailment }),
        );
        self.ailments = kept;
        restore(seen.iter(), state).into_iter().collect()
    }

    /// Draws a time whose mean is so many gaps: exponential, as of events that know nothing of each other.
    fn draw_time(&mut self, gaps: f64) -> Duration {
        let drawn: f64 = self.rng.random();
        let secs = -(1.0 - drawn).ln() * self.spec.gap.as_secs_f64() * gaps;
        Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX).min(self.spec.gap * 8)
    }
}

impl Ailment {
    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.links.is_empty()
    }

    fn is_seen(&self, state: &ClusterState) -> bool {
        self.nodes.iter().any(|node| is_struck(state, *node)) || self.links.iter().any(|link| is_broken(state, *link))
    }
}

fn sketch<'a>(faults: impl IntoIterator<Item = &'a Fault>, state: &ClusterState) -> Sketch {
    let endpoints = state.nodes.keys().map(|node| Endpoint::from(*node));
    Sketch::on(faults, endpoints, state.links.iter().map(|(link, state)| (*link, state.rules)))
}

fn is_struck(state: &ClusterState, node: NodeId) -> bool {
    state.nodes.get(&node).is_some_and(|it| !matches!(it.status, NodeStatus::Up | NodeStatus::Starting))
}

fn is_broken(state: &ClusterState, link: LinkId) -> bool {
    state.links.get(&link).is_some_and(|it| !it.rules.is_healthy())
}

/// Returns the command that mends what is still broken of these.
fn restore<'a>(ailments: impl Iterator<Item = &'a Ailment> + Clone, state: &ClusterState) -> Option<Command> {
    let links: BTreeMap<LinkId, LinkRules> = ailments
        .clone()
        .flat_map(|ailment| &ailment.links)
        .filter(|link| is_broken(state, **link))
        .map(|link| (*link, LinkRules::default()))
        .collect();
    let nodes: BTreeSet<NodeId> =
        ailments.flat_map(|ailment| &ailment.nodes).copied().filter(|node| is_struck(state, *node)).collect();
    let nothing = links.is_empty() && nodes.is_empty();
    (!nothing).then(|| Command::Restore { links: links.into_iter().collect(), nodes: nodes.into_iter().collect() })
}
