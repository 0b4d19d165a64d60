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
    fault::{Ailment, Fault, FaultKind, LinkId, LinkRules, Network, NodeFault, Sketch},
    ids::{Endpoint, NodeId},
    time::Timestamp,
    trace::{ClusterState, NodeState, NodeStatus},
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
    strikes: Vec<Strike>,
    /// The nodes that forgot something that was fsynced, or may have.
    forgetful: BTreeSet<NodeId>,
    /// Those of them on whose disks a bit rotted, and that were not erased since.
    rotten: BTreeSet<NodeId>,
    gave_up: bool,
}

/// What one strike broke. A later strike at the same place takes it over.
#[derive(Clone, Debug, Default)]
struct Strike {
    nodes: BTreeSet<NodeId>,
    machines: BTreeSet<(NodeId, Ailment)>,
    links: BTreeSet<LinkId>,
    until: Timestamp,
    forget: Timestamp,
}

impl Nemesis {
    /// Makes a nemesis; everything random follows from `seed`.
    pub fn new(spec: NemesisSpec, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x004E_454D_4553_4953);
        let kinds = spec.drawn_kinds(&mut rng);
        Self {
            spec,
            kinds,
            rng,
            strikes_at: None,
            strikes: Vec::new(),
            forgetful: BTreeSet::new(),
            rotten: BTreeSet::new(),
            gave_up: false,
        }
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
        self.strikes.iter().map(|strike| strike.until).chain(self.strikes_at).min()
    }

    /// Returns what is to be asked of the cluster at that time. The first call only begins the wait.
    pub fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        if self.gave_up {
            return self.erase_rotten(state);
        }
        let Some(strikes_at) = self.strikes_at else {
            self.strikes_at = Some(now + self.draw_time(1.0));
            return Vec::new();
        };
        let mut commands = self.mend(now, state);
        if now >= strikes_at {
            self.strikes_at = Some(now + self.draw_time(1.0));
            let faults = self.strike(now, state);
            if !faults.is_empty() {
                self.remember(&faults, now, state);
                commands.push(Command::Inject(faults));
            }
        }
        commands
    }

    /// Strikes no more, because everything is healed by somebody else. What no heal can mend it still erases when asked.
    pub fn give_up(&mut self) {
        self.gave_up = true;
        self.strikes.clear();
    }

    /// Returns whether it strikes no more.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Gives up: returns what mends everything that it broke and that is still broken.
    pub fn end(&mut self, state: &ClusterState) -> Vec<Command> {
        let all = std::mem::take(&mut self.strikes);
        let mut commands: Vec<Command> = restore(all.iter(), state).into_iter().collect();
        commands.extend(self.erase_rotten(state));
        commands
    }

    /// Draws faults of one of its kinds; if that one cannot strike now, of the next.
    fn strike(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Fault> {
        let struck = self.strikes.iter().flat_map(|strike| &strike.nodes).copied().collect();
        let field = Field::of(now, state, &struck, &self.forgetful, self.spec.keep_majority);
        let first = self.rng.random_range(0..self.kinds.len().max(1));
        for kind in self.kinds.iter().cycle().skip(first).take(self.kinds.len()) {
            let mut faults = draw(*kind, &field, &mut self.rng);
            // What is so already would be refused, and so would be rules that cannot be together.
            faults.retain(|fault| {
                let sketch = sketch([fault], state);
                sketch.changes_something() && sketch.is_sound()
            });
            if !faults.is_empty() {
                return faults;
            }
        }
        Vec::new()
    }

    fn remember(&mut self, faults: &[Fault], now: Timestamp, state: &ClusterState) {
        faults.iter().for_each(|fault| self.remember_loss(fault));
        let Sketch { mut nodes, machines, links, connections, .. } = sketch(faults, state);
        let full = |fault: &Fault| if let Fault::Node(node, NodeFault::DiskFull) = fault { Some(*node) } else { None };
        nodes.extend(faults.iter().filter_map(full));
        let links: BTreeSet<LinkId> = links.into_keys().chain(connections).collect();
        for strike in &mut self.strikes {
            strike.nodes.retain(|node| !nodes.contains(node));
            strike.machines.retain(|machine| !machines.contains(machine));
            strike.links.retain(|link| !links.contains(link));
        }
        let until = now + self.draw_time(LASTS_GAPS).max(LASTS_MIN);
        self.strikes.push(Strike { nodes, machines, links, until, forget: until + SIGHT });
    }

    /// Remembers for the rest of the run who lost something that was fsynced, or may have.
    fn remember_loss(&mut self, fault: &Fault) {
        match fault {
            Fault::Wipe(node) => {
                self.rotten.remove(node);
                self.forgetful.insert(*node);
            }
            Fault::Node(node, NodeFault::BitRot) => {
                self.rotten.insert(*node);
                self.forgetful.insert(*node);
            }
            Fault::Node(node, NodeFault::LyingSync) => drop(self.forgetful.insert(*node)),
            // All others leave alone what was fsynced.
            _ => {}
        }
    }

    /// Mends what lasted long enough, all of it at one instant.
    fn mend(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        let (due, mut kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.strikes).into_iter().partition(|strike| strike.until <= now);
        let (seen, unseen): (Vec<_>, Vec<_>) = due.into_iter().partition(|strike| strike.is_seen(state));
        kept.extend(
            unseen
                .into_iter()
                .filter(|strike| !strike.is_empty() && now < strike.forget)
                .map(|strike| Strike { until: now + GLANCE, ..strike }),
        );
        self.strikes = kept;
        let mut commands: Vec<Command> = restore(seen.iter(), state).into_iter().collect();
        commands.extend(self.erase_rotten(state));
        commands
    }

    /// Erases the disks of nodes that cannot start because of what rotted: no heal brings that back.
    fn erase_rotten(&mut self, state: &ClusterState) -> Vec<Command> {
        let failed = |node: &NodeId| {
            has_failed(state, *node) && state.nodes.get(node).is_some_and(|it| it.faults.disk.rotten > 0)
        };
        let failed: Vec<NodeId> = self.rotten.iter().copied().filter(failed).collect();
        self.rotten.retain(|node| !failed.contains(node));
        failed.into_iter().map(Command::RestartWiped).collect()
    }

    /// Draws a time whose mean is so many gaps: exponential, as of events that know nothing of each other.
    fn draw_time(&mut self, gaps: f64) -> Duration {
        let drawn: f64 = self.rng.random();
        let secs = -(1.0 - drawn).ln() * self.spec.gap.as_secs_f64() * gaps;
        Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX).min(self.spec.gap * 8)
    }
}

impl Strike {
    fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.machines.is_empty() && self.links.is_empty()
    }

    fn is_seen(&self, state: &ClusterState) -> bool {
        self.nodes.iter().any(|node| is_struck(state, *node))
            || self.machines.iter().any(|(node, part)| is_sick(state, *node, *part))
            || self.links.iter().any(|link| is_broken(state, *link))
    }
}

fn sketch<'a>(faults: impl IntoIterator<Item = &'a Fault>, state: &ClusterState) -> Sketch {
    let network = Network {
        endpoints: state.nodes.keys().map(|node| Endpoint::from(*node)).collect(),
        rules: state.links.iter().map(|(link, state)| (*link, state.rules)).collect(),
        machines: state.nodes.iter().map(|(node, state)| (*node, state.faults)).collect(),
    };
    Sketch::on(faults, network)
}

fn is_struck(state: &ClusterState, node: NodeId) -> bool {
    state.nodes.get(&node).is_some_and(|it| !matches!(it.status, NodeStatus::Up | NodeStatus::Starting))
}

/// Returns whether a heal would change something: bits that rotted stay as they are.
fn is_sick(state: &ClusterState, node: NodeId, part: Ailment) -> bool {
    state.nodes.get(&node).is_some_and(|NodeState { faults, .. }| match part {
        Ailment::Cpu | Ailment::Clock => !faults.is_healthy(part),
        Ailment::Disk => faults.disk != faults.disk.healed(),
    })
}

fn is_broken(state: &ClusterState, link: LinkId) -> bool {
    state.links.get(&link).is_some_and(|it| !it.rules.is_healthy() || it.half_open.is_some())
}

/// Returns the command that mends what is still broken of these.
fn restore<'a>(strikes: impl Iterator<Item = &'a Strike> + Clone, state: &ClusterState) -> Option<Command> {
    let links: BTreeMap<LinkId, LinkRules> = strikes
        .clone()
        .flat_map(|strike| &strike.links)
        .filter(|link| is_broken(state, **link))
        .map(|link| (*link, LinkRules::default()))
        .collect();
    let sick = |(node, part): &(NodeId, Ailment)| is_sick(state, *node, *part);
    let machines: BTreeSet<(NodeId, Ailment)> =
        strikes.clone().flat_map(|strike| &strike.machines).copied().filter(sick).collect();
    // A node that its disk ended, or is about to end, has nobody else to start it.
    let ended = |node: NodeId| has_failed(state, node) || state.nodes.get(&node).is_some_and(|it| it.faults.disk.full);
    let failed = machines.iter().filter(|(node, part)| *part == Ailment::Disk && ended(*node));
    let failed: Vec<NodeId> = failed.map(|(node, _)| *node).collect();
    let struck = strikes.flat_map(|strike| &strike.nodes).copied().filter(|node| is_struck(state, *node));
    let nodes: BTreeSet<NodeId> = struck.chain(failed).collect();
    if links.is_empty() && machines.is_empty() && nodes.is_empty() {
        return None;
    }
    let (links, machines) = (links.into_iter().collect(), machines.into_iter().collect());
    Some(Command::Restore { links, machines, nodes: nodes.into_iter().collect() })
}

fn has_failed(state: &ClusterState, node: NodeId) -> bool {
    state.nodes.get(&node).is_some_and(|it| matches!(it.status, NodeStatus::Failed(_)))
}
