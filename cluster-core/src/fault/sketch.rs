//! What faults would do, without doing it: for what is planned but not asked for yet, and for tests of shapes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Ailment, ClockTurn, Fault, FaultKind, FaultTarget, LinkId, LinkRules, NodeFaults};
use crate::ids::{Endpoint, NodeId};

/// The nodes, machines and links that faults would strike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// The nodes whose processes would end, or stand still, or whose disks would lose something.
    pub nodes: BTreeSet<NodeId>,
    /// The parts of machines that would be sick.
    pub machines: BTreeSet<(NodeId, Ailment)>,
    /// The directions of links, each with the rules that it would get.
    pub links: BTreeMap<LinkId, LinkRules>,
    /// The directions whose connections would be reset, or lose an end.
    pub connections: BTreeSet<LinkId>,
    network: Network,
}

/// The network on which faults are sketched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Every endpoint.
    pub endpoints: Vec<Endpoint>,
    /// The rules as they are, of those directions that are not healthy.
    pub rules: BTreeMap<LinkId, LinkRules>,
    /// What ails the machines.
    pub machines: BTreeMap<NodeId, NodeFaults>,
}

impl Sketch {
    /// Sketches faults on a healthy network of these endpoints.
    pub fn of<'a>(faults: impl IntoIterator<Item = &'a Fault>, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self::on(faults, Network { endpoints: endpoints.into_iter().collect(), ..Network::default() })
    }

    /// Sketches faults on a network in which something may be broken already.
    pub fn on<'a>(faults: impl IntoIterator<Item = &'a Fault>, network: Network) -> Self {
        let mut sketch = Self { network, ..Self::default() };
        faults.into_iter().for_each(|fault| fault.apply(&mut sketch));
        sketch
    }

    /// Returns whether anything would be different.
    pub fn changes_something(&self) -> bool {
        let differs = |(link, rules): (&LinkId, &LinkRules)| self.rules_now(link) != *rules;
        let strikes = !self.nodes.is_empty() || !self.machines.is_empty() || !self.connections.is_empty();
        strikes || self.links.iter().any(differs)
    }

    /// Returns whether the rules that come of it can be together.
    pub fn is_sound(&self) -> bool {
        self.links.values().all(|rules| rules.check().is_ok())
    }

    fn rules_now(&self, link: &LinkId) -> LinkRules {
        self.network.rules.get(link).copied().unwrap_or_default()
    }
}

impl FaultTarget for Sketch {
    fn strike(&mut self, node: NodeId, _: FaultKind) {
        self.nodes.insert(node);
    }

    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        let actual = self.rules_now(&link);
        change(self.links.entry(link).or_insert(actual));
    }

    fn change_node(&mut self, node: NodeId, change: &mut dyn FnMut(&mut NodeFaults)) {
        let actual = self.network.machines.get(&node).copied().unwrap_or_default();
        let mut changed = actual;
        change(&mut changed);
        let slower = (changed.slow != actual.slow).then_some((node, Ailment::Cpu));
        let sicker = (changed.disk != actual.disk).then_some((node, Ailment::Disk));
        self.machines.extend(slower.into_iter().chain(sicker));
    }

    fn turn_clock(&mut self, node: NodeId, _: ClockTurn) {
        self.machines.insert((node, Ailment::Clock));
    }

    fn break_connection(&mut self, link: LinkId, _: Option<Duration>) {
        self.connections.insert(link);
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.network.endpoints.clone()
    }
}

impl LinkRules {
    /// Returns the faults that give a healthy direction these rules.
    pub fn as_faults(&self, link: LinkId) -> Vec<Fault> {
        self.parts().into_iter().map(|part| Fault::Link(link, part)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Delay, Flap, LinkFault, Loss, NodeFault, Slowness};

    const MS: Duration = Duration::from_millis(1);
    const LINK: LinkId = (Endpoint::Node(NodeId(1)), Endpoint::Node(NodeId(2)));
    fn cut() -> LinkRules {
        LinkRules { cut: true, ..LinkRules::default() }
    }

    fn on_a_cut_link(fault: Fault) -> Sketch {
        Sketch::on(&[fault], Network { rules: BTreeMap::from([(LINK, cut())]), ..Network::default() })
    }

    #[test]
    fn rules_written_as_faults_are_the_same_rules() {
        let delay = Some(Delay::uniform(40 * MS, 8 * MS));
        let rules = LinkRules { delay, loss: Some(Loss { probability: 0.3 }), slow_close: Some(MS), ..cut() };
        assert_eq!(Sketch::of(&rules.as_faults(LINK), []).links, BTreeMap::from([(LINK, rules)]));
        assert_eq!(LinkRules::default().as_faults(LINK), []);
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        assert!(!on_a_cut_link(Fault::cut(LINK)).changes_something());
        assert!(Sketch::of(&[Fault::cut(LINK)], []).changes_something());
        let sketch = on_a_cut_link(Fault::Link(LINK, LinkFault::Loss(Loss { probability: 0.1 })));
        assert!(sketch.changes_something() && sketch.links[&LINK].cut);
        let full = [Fault::Node(NodeId(1), NodeFault::DiskFull)];
        let mut network = Network::default();
        assert!(Sketch::on(&full, network.clone()).changes_something());
        network.machines.entry(NodeId(1)).or_default().disk.full = true;
        assert!(!Sketch::on(&full, network).changes_something());
    }

    #[test]
    fn a_link_that_is_cut_cannot_flap() {
        let flap = Fault::Link(LINK, LinkFault::Flap(Flap { up: MS, down: MS }));
        assert!(!on_a_cut_link(flap.clone()).is_sound());
        assert!(Sketch::of(&[flap], []).is_sound());
    }

    #[test]
    fn a_partition_is_sketched_on_the_links_that_it_would_cut() {
        let ends = [1, 2, 3].map(|node| Endpoint::from(NodeId(node)));
        let faults = [Fault::Partition(vec![vec![ends[0]]]), Fault::Crash(NodeId(2))];
        let sketch = Sketch::of(&faults, ends);
        assert_eq!(sketch.links.len(), 4);
        assert_eq!(sketch.nodes, BTreeSet::from([NodeId(2)]));
    }

    #[test]
    fn faults_of_machines_and_connections_are_sketched_where_they_strike() {
        let slow = Fault::Node(NodeId(3), NodeFault::Slow(Slowness { factor: 10.0 }));
        let sketch = Sketch::of(&[slow, Fault::Link(LINK, LinkFault::Reset)], []);
        assert_eq!(sketch.machines, BTreeSet::from([(NodeId(3), Ailment::Cpu)]));
        assert_eq!(sketch.connections, BTreeSet::from([LINK]));
        assert!(sketch.links.is_empty() && sketch.changes_something());
    }
}
