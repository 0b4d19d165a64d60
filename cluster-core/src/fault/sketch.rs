//! What faults would do, without doing it: for what is planned but not asked for yet, and for tests of shapes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, FaultKind, FaultTarget, LinkId, LinkRules};
use crate::ids::{Endpoint, NodeId};

/// The nodes and links that faults would strike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// The nodes.
    pub nodes: BTreeSet<NodeId>,
    /// The directions of links, each with the rules that it would get.
    pub links: BTreeMap<LinkId, LinkRules>,
    endpoints: Vec<Endpoint>,
    /// The rules as they are, of those that are not healthy.
    actual: BTreeMap<LinkId, LinkRules>,
}

impl Sketch {
    /// Sketches faults on a healthy network of these endpoints.
    pub fn of<'a>(faults: impl IntoIterator<Item = &'a Fault>, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self::on(faults, endpoints, [])
    }

    /// Sketches faults on a network of these endpoints, in which some directions have rules already.
    pub fn on<'a>(
        faults: impl IntoIterator<Item = &'a Fault>,
        endpoints: impl IntoIterator<Item = Endpoint>,
        actual: impl IntoIterator<Item = (LinkId, LinkRules)>,
    ) -> Self {
        let (endpoints, actual) = (endpoints.into_iter().collect(), actual.into_iter().collect());
        let mut sketch = Self { endpoints, actual, ..Self::default() };
        faults.into_iter().for_each(|fault| fault.apply(&mut sketch));
        sketch
    }

    /// Returns whether anything would be different.
    pub fn changes_something(&self) -> bool {
        let differs =
            |(link, rules): (&LinkId, &LinkRules)| self.actual.get(link).copied().unwrap_or_default() != *rules;
        !self.nodes.is_empty() || self.links.iter().any(differs)
    }
}

impl FaultTarget for Sketch {
    fn strike(&mut self, node: NodeId, _: FaultKind) {
        self.nodes.insert(node);
    }

    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
        let actual = self.actual.get(&link).copied().unwrap_or_default();
        change(self.links.entry(link).or_insert(actual));
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.clone()
    }
}

impl LinkRules {
    /// Returns the faults that give a healthy direction these rules.
    pub fn as_faults(&self, link: LinkId) -> Vec<Fault> {
        // Taken apart by name: a rule that is added to links must be added here.
        let Self { cut, delay, loss } = *self;
        let cut = cut.then_some(Fault::Cut(link));
        let delay = delay.map(|delay| Fault::Delay(link, delay));
        let loss = loss.map(|loss| Fault::Loss(link, loss));
        [cut, delay, loss].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fault::{Delay, Loss};

    #[test]
    fn rules_written_as_faults_are_the_same_rules() {
        let link: LinkId = (NodeId(1).into(), NodeId(2).into());
        let delay = Delay { mean: Duration::from_millis(40), jitter: Duration::from_millis(8) };
        let rules = LinkRules { cut: true, delay: Some(delay), loss: Some(Loss { probability: 0.3 }) };
        assert_eq!(Sketch::of(&rules.as_faults(link), []).links, BTreeMap::from([(link, rules)]));
        assert_eq!(LinkRules::default().as_faults(link), []);
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let link: LinkId = (NodeId(1).into(), NodeId(2).into());
        let cut = LinkRules { cut: true, ..LinkRules::default() };
        assert!(!Sketch::on(&[Fault::Cut(link)], [], [(link, cut)]).changes_something());
        assert!(Sketch::of(&[Fault::Cut(link)], []).changes_something());
        let lossy = Fault::Loss(link, Loss { probability: 0.1 });
        let sketch = Sketch::on(&[lossy], [], [(link, cut)]);
        assert!(sketch.changes_something() && sketch.links[&link].cut);
    }

    #[test]
    fn a_partition_is_sketched_on_the_links_that_it_would_cut() {
        let ends = [1, 2, 3].map(|node| Endpoint::from(NodeId(node)));
        let faults = [Fault::Partition(vec![vec![ends[0]]]), Fault::Crash(NodeId(2))];
        let sketch = Sketch::of(&faults, ends);
        assert_eq!(sketch.links.len(), 4);
        assert_eq!(sketch.nodes, BTreeSet::from([NodeId(2)]));
    }
}
