//! What a hint points at in the picture.

use std::collections::BTreeSet;

use cluster_core::{
    fault::LinkId,
    ids::{ClientId, Endpoint, NodeId},
    trace::ClusterState,
};

/// What is pointed at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Nodes.
    pub nodes: BTreeSet<NodeId>,
    /// Clients.
    pub clients: BTreeSet<ClientId>,
    /// Directions of links.
    pub links: BTreeSet<LinkId>,
}

impl Marks {
    /// Finds what selectors such as `role:leader`, `node:n3`, `client:c1` or `link:n1-n2` mean in a cluster. What is not there
    /// is not pointed at.
    pub fn find<'s>(selectors: impl IntoIterator<Item = &'s str>, state: &ClusterState) -> Self {
        let mut marks = Self::default();
        for selector in selectors {
            let (kind, word) = selector.split_once(':').unwrap_or(("", selector));
            match (kind, word.trim_start_matches('@')) {
                ("link", word) => marks.link(word),
                (_, "leader" | "primary") => marks.nodes.extend(state.leaders().map(|(node, _)| node)),
                (_, "follower" | "followers" | "backup") => {
                    let leads: BTreeSet<NodeId> = state.leaders().map(|(node, _)| node).collect();
                    let running = state.nodes.iter().filter(|(_, node)| node.status.is_running());
                    marks.nodes.extend(running.map(|(id, _)| *id).filter(|id| !leads.contains(id)));
                }
                (_, "all") => marks.nodes.extend(state.nodes.keys()),
                (_, word) => match end(word) {
                    Some(Endpoint::Node(node)) => drop(marks.nodes.insert(node)),
                    Some(Endpoint::Client(client)) => drop(marks.clients.insert(client)),
                    None => {}
                },
            }
        }
        marks
    }

    fn link(&mut self, word: &str) {
        let (from, to, back) = match (word.split_once("->"), word.split_once('-')) {
            (Some((from, to)), _) => (from, to, false),
            (None, Some((from, to))) => (from, to, true),
            (None, None) => return,
        };
        let (Some(from), Some(to)) = (end(from), end(to)) else { return };
        self.links.insert((from, to));
        if back {
            self.links.insert((to, from));
        }
    }
}

/// Reads `n3` or `c1`.
fn end(word: &str) -> Option<Endpoint> {
    let word = word.trim();
    let number = |prefix: char| word.strip_prefix(prefix)?.parse().ok();
    number('n').map(|node| NodeId(node).into()).or_else(|| number('c').map(|client| ClientId(client).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plausible_run;

    #[test]
    fn selectors_find_who_is_there_and_nothing_else() {
        let (spec, events) = plausible_run();
        let mut state = ClusterState::before(&spec);
        events.iter().take(200).for_each(|event| state.apply(event));
        let leader = state.leader().unwrap();
        assert_eq!(Marks::find(["role:leader"], &state).nodes, BTreeSet::from([leader]));
        assert!(!Marks::find(["role:follower"], &state).nodes.contains(&leader));
        let marks = Marks::find(["node:n3", "client:c1", "link:n1->n2", "nonsense"], &state);
        assert_eq!(marks.nodes, BTreeSet::from([NodeId(3)]));
        assert_eq!(marks.clients, BTreeSet::from([ClientId(1)]));
        assert_eq!(marks.links, BTreeSet::from([(NodeId(1).into(), NodeId(2).into())]));
        assert_eq!(Marks::find(["link:n1-n2"], &state).links.len(), 2);
    }
}
