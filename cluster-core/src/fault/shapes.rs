//! Shapes of partitions: which links are cut, computed from who is there and who leads. Scripts and the window share them.

use super::{Fault, LinkId};
use crate::ids::{Endpoint, NodeId};

/// A shape into which links can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// The leader in the largest group that is no majority.
    Minority,
    /// Two halves.
    Even,
    /// Two groups that hear each other only by way of one node.
    Bridge,
    /// Each node hears its two neighbors.
    Ring,
    /// The leader hears nobody, and is heard.
    Deaf,
    /// The leader hears everybody, and is not heard.
    Mute,
    /// A majority with the leader is whole; each other node hangs by one link.
    Switch,
    /// One node hears all; no two others hear each other.
    Hub,
}

/// One row of the table of shapes.
#[derive(Debug)]
pub struct ShapeRow {
    /// Which shape.
    pub shape: Shape,
    /// The word in fault scripts.
    pub word: &'static str,
    /// The entry in menus.
    pub title: &'static str,
    /// What is cut, in one sentence.
    pub about: &'static str,
    /// What the node is that can be chosen.
    pub chosen: Chosen,
}

/// What the node is to a shape that the user can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It stands in for the leader.
    Leader,
    /// It is the one in the middle; a follower if nobody is chosen.
    Middle,
    /// Nothing: the shape has no special node.
    Nobody,
}

/// Every shape, once, in the order of the menus.
pub const SHAPES: &[ShapeRow] = &[
    ShapeRow {
        shape: Shape::Minority,
        word: "minority",
        title: "Leader in the minority",
        about: "The leader and too few others on one side, a majority on the other.",
        chosen: Chosen::Leader,
    },
    ShapeRow {
        shape: Shape::Even,
        word: "even",
        title: "Even split",
        about: "Two halves, the leader's the larger; an even number of nodes leaves no majority.",
        chosen: Chosen::Leader,
    },
    ShapeRow {
        shape: Shape::Bridge,
        word: "bridge",
        title: "Bridge",
        about: "Two groups that do not hear each other, and one node that hears both.",
        chosen: Chosen::Middle,
    },
    ShapeRow {
        shape: Shape::Ring,
        word: "ring",
        title: "Ring",
        about: "Each node hears only the two beside it.",
        chosen: Chosen::Nobody,
    },
    ShapeRow {
        shape: Shape::Deaf,
        word: "deaf",
        title: "Deaf leader",
        about: "Nothing reaches the leader; what it says still arrives.",
        chosen: Chosen::Leader,
    },
    ShapeRow {
        shape: Shape::Mute,
        word: "mute",
        title: "Mute leader",
        about: "Nothing that the leader says arrives; it still hears everybody.",
        chosen: Chosen::Leader,
    },
    ShapeRow {
        shape: Shape::Switch,
        word: "switch",
        title: "Half-broken switch",
        about: "A majority with the leader is whole; each other node hangs by one link to a follower.",
        chosen: Chosen::Leader,
    },
    ShapeRow {
        shape: Shape::Hub,
        word: "hub",
        title: "One hub left",
        about: "One node hears all others, and those hear only it.",
        chosen: Chosen::Middle,
    },
];

/// Why a shape cannot be cut into this cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Too few nodes.
    #[error("this shape needs at least {needs} nodes, and there are {nodes}")]
    TooFew {
        /// How many it needs.
        needs: usize,
        /// How many there are.
        nodes: usize,
    },
    /// Nobody leads.
    #[error("nobody leads at this moment")]
    NoLeader,
    /// The chosen node is none of these.
    #[error("{0} is no node of this cluster")]
    Stranger(NodeId),
}

impl Shape {
    /// Returns the row of the table.
    pub fn row(self) -> &'static ShapeRow {
        // The order of the table is the order of the variants; a test holds them together.
        &SHAPES[self as usize]
    }

    /// Returns what is to be cut among these nodes; `chosen` takes the place that the row says.
    pub fn faults(
        self,
        nodes: &[NodeId],
        leader: Option<NodeId>,
        chosen: Option<NodeId>,
    ) -> Result<Vec<Fault>, ShapeError> {
        if let Some(stranger) = chosen.filter(|node| !nodes.contains(node)) {
            return Err(ShapeError::Stranger(stranger));
        }
        let needs = self.needs();
        if nodes.len() < needs {
            return Err(ShapeError::TooFew { needs, nodes: nodes.len() });
        }
        let leader = leader.filter(|node| nodes.contains(node));
        let head = chosen.or(leader).ok_or(ShapeError::NoLeader);
        // Without a choice, a follower: that the best-connected node does not lead is what makes it interesting.
        let middle = chosen.or_else(|| nodes.iter().copied().find(|node| Some(*node) != leader));
        Ok(match self {
            Self::Minority => split(nodes, head?, (nodes.len() - 1) / 2),
            Self::Even => split(nodes, head?, nodes.len().div_ceil(2)),
            Self::Bridge => bridge(nodes, middle, leader),
            Self::Ring => ring(nodes),
            Self::Deaf => others(nodes, head?).map(|(head, other)| cut(other, head)).collect(),
            Self::Mute => others(nodes, head?).map(|(head, other)| cut(head, other)).collect(),
            Self::Switch => switch(nodes, head?),
            Self::Hub => unlinked(nodes, |a, b| Some(a) == middle || Some(b) == middle),
        })
    }

    fn needs(self) -> usize {
        match self {
            Self::Even | Self::Deaf | Self::Mute => 2,
            Self::Minority | Self::Bridge | Self::Switch | Self::Hub => 3,
            // Three nodes in a ring all hear each other.
            Self::Ring => 4,
        }
    }
}

/// The head and the first others up to that size on one side, the rest on the other.
fn split(nodes: &[NodeId], head: NodeId, size: usize) -> Vec<Fault> {
    let friends = nodes.iter().copied().filter(|node| *node != head).take(size - 1);
    let group: Vec<NodeId> = std::iter::once(head).chain(friends).collect();
    let rest = nodes.iter().copied().filter(|node| !group.contains(node));
    vec![Fault::Partition(vec![ends(group.iter().copied()), ends(rest)])]
}

fn bridge(nodes: &[NodeId], middle: Option<NodeId>, leader: Option<NodeId>) -> Vec<Fault> {
    let mut sides: Vec<NodeId> = nodes.iter().copied().filter(|node| Some(*node) != middle).collect();
    // The leader comes first, into the larger side.
    sides.sort_by_key(|node| Some(*node) != leader);
    let (one, _) = sides.split_at(sides.len().div_ceil(2));
    unlinked(nodes, |a, b| Some(a) == middle || Some(b) == middle || one.contains(&a) == one.contains(&b))
}

fn ring(nodes: &[NodeId]) -> Vec<Fault> {
    let place = |node: NodeId| nodes.iter().position(|other| *other == node).unwrap_or_default();
    unlinked(nodes, |a, b| matches!(place(a).abs_diff(place(b)), apart if apart == 1 || apart == nodes.len() - 1))
}

/// Howard and Abraham's case: the nodes outside the majority campaign, and the leader never hears why.
fn switch(nodes: &[NodeId], leader: NodeId) -> Vec<Fault> {
    let followers: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != leader).collect();
    let (whole, hanging) = followers.split_at(nodes.len() / 2);
    let wire = |a: NodeId, b: NodeId| whole.iter().zip(hanging).any(|(hook, node)| (*hook, *node) == (a, b));
    let inside = |node: NodeId| node == leader || whole.contains(&node);
    unlinked(nodes, |a, b| inside(a) && inside(b) || wire(a, b) || wire(b, a))
}

/// Cuts both directions between every two nodes that are not linked.
fn unlinked(nodes: &[NodeId], linked: impl Fn(NodeId, NodeId) -> bool) -> Vec<Fault> {
    let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (*a, *b)));
    pairs.filter(|(a, b)| a != b && !linked(*a, *b)).map(|(a, b)| cut(a, b)).collect()
}

fn others(nodes: &[NodeId], head: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> {
    nodes.iter().copied().filter(move |node| *node != head).map(move |node| (head, node))
}

fn cut(from: NodeId, to: NodeId) -> Fault {
    let link: LinkId = (from.into(), to.into());
    Fault::cut(link)
}

fn ends(nodes: impl Iterator<Item = NodeId>) -> Vec<Endpoint> {
    nodes.map(Endpoint::from).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fault::Sketch;

    const LEADER: NodeId = NodeId(2);

    fn ids(count: u16) -> Vec<NodeId> {
        (1..=count).map(NodeId).collect()
    }

    /// Returns the directions between these nodes that a shape leaves open.
    fn open(shape: Shape, count: u16, chosen: Option<u16>) -> BTreeSet<(u16, u16)> {
        let nodes = ids(count);
        let faults = shape.faults(&nodes, Some(LEADER), chosen.map(NodeId)).expect("large enough");
        let sketch = Sketch::of(&faults, nodes.iter().map(|node| (*node).into()));
        let all = (1..=count).flat_map(|a| (1..=count).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let cut = |(a, b): &(u16, u16)| sketch.links.contains_key(&(NodeId(*a).into(), NodeId(*b).into()));
        all.filter(|link| !cut(link)).collect()
    }

    fn heard_by(open: &BTreeSet<(u16, u16)>, node: u16) -> Vec<u16> {
        open.iter().filter(|(_, to)| *to == node).map(|(from, _)| *from).collect()
    }

    fn both_ways(open: &BTreeSet<(u16, u16)>) -> bool {
        open.iter().all(|(a, b)| open.contains(&(*b, *a)))
    }

    #[test]
    fn every_shape_has_its_row_and_its_word() {
        for (at, row) in SHAPES.iter().enumerate() {
            assert_eq!(row.shape as usize, at);
            assert!(row.about.ends_with('.') && !row.word.contains(' '));
        }
        assert_eq!(SHAPES.last().map(|row| row.shape), Some(Shape::Hub));
    }

    #[test]
    fn the_leader_is_in_the_largest_group_that_is_no_majority() {
        for n in 3..=9 {
            let open = open(Shape::Minority, n, None);
            let with_leader = heard_by(&open, 2).len() + 1;
            assert!(both_ways(&open) && 2 * with_leader <= usize::from(n) && 2 * (with_leader + 1) >= usize::from(n));
            let other = heard_by(&open, n).len() + 1;
            assert_eq!(with_leader + other, usize::from(n), "two groups of {n}");
            assert!(2 * other > usize::from(n), "the rest of {n} is a majority");
        }
    }

    #[test]
    fn an_even_split_leaves_no_majority_of_an_even_number() {
        for n in 2..=9 {
            let open = open(Shape::Even, n, None);
            let with_leader = heard_by(&open, 2).len() + 1;
            assert_eq!(with_leader, usize::from(n).div_ceil(2), "the leader's half of {n}");
            assert!(both_ways(&open));
        }
    }

    #[test]
    fn a_bridge_is_heard_by_all_and_joins_two_groups_that_do_not_hear_each_other() {
        for n in 3..=9 {
            let open = open(Shape::Bridge, n, Some(n));
            assert_eq!(heard_by(&open, n).len(), usize::from(n) - 1);
            let leaders = heard_by(&open, 2).len();
            assert_eq!(leaders, (usize::from(n) - 1).div_ceil(2), "its side of {n} without itself, and the bridge");
            assert!(both_ways(&open) && (1..n).any(|node| node != 2 && !open.contains(&(2, node))));
        }
        assert_eq!(heard_by(&open(Shape::Bridge, 5, None), 1).len(), 4, "without a choice, a follower is the bridge");
    }

    #[test]
    fn in_a_ring_each_node_hears_two() {
        for n in 4..=9 {
            let open = open(Shape::Ring, n, None);
            assert!(both_ways(&open) && (1..=n).all(|node| heard_by(&open, node).len() == 2), "{n}: {open:?}");
            assert!(open.contains(&(1, n)) && open.contains(&(1, 2)));
        }
    }

    #[test]
    fn a_deaf_leader_hears_nobody_and_a_mute_one_is_heard_by_nobody() {
        for n in 2..=9 {
            let (deaf, mute) = (open(Shape::Deaf, n, None), open(Shape::Mute, n, None));
            let healthy = usize::from(n) * (usize::from(n) - 1);
            assert_eq!((deaf.len(), mute.len()), (healthy - usize::from(n) + 1, healthy - usize::from(n) + 1));
            assert!(heard_by(&deaf, 2).is_empty());
            assert!(mute.iter().all(|(from, _)| *from != 2) && heard_by(&mute, 2).len() == usize::from(n) - 1);
        }
    }

    #[test]
    fn behind_a_half_broken_switch_each_node_outside_the_majority_hangs_by_one_link_to_a_follower() {
        for n in 3..=9 {
            let open = open(Shape::Switch, n, None);
            let majority = usize::from(n) / 2 + 1;
            assert_eq!(heard_by(&open, 2).len(), majority - 1, "the leader hears its majority of {n}");
            let hanging: Vec<u16> = (1..=n).filter(|node| heard_by(&open, *node).len() == 1 && n > 3).collect();
            if n > 3 {
                assert_eq!(hanging.len(), usize::from(n) - majority, "{n}: {open:?}");
                assert!(hanging.iter().all(|node| heard_by(&open, *node) != [2]));
            }
            assert!(both_ways(&open));
        }
        let five = open(Shape::Switch, 5, None);
        let undirected: Vec<_> = five.into_iter().filter(|(a, b)| a < b).collect();
        assert_eq!(undirected, [(1, 2), (1, 3), (1, 4), (2, 3), (3, 5)]);
    }

    #[test]
    fn a_hub_hears_all_and_the_others_hear_only_it() {
        for n in 3..=9 {
            let open = open(Shape::Hub, n, Some(3));
            assert_eq!(open.len(), 2 * (usize::from(n) - 1));
            assert!(open.iter().all(|(a, b)| *a == 3 || *b == 3));
        }
    }

    #[test]
    fn a_shape_that_cannot_be_says_why() {
        let two = ids(2);
        let needs = |needs, nodes| Err(ShapeError::TooFew { needs, nodes });
        assert_eq!(Shape::Minority.faults(&two, Some(LEADER), None), needs(3, 2));
        assert_eq!(Shape::Ring.faults(&ids(3), None, None), needs(4, 3));
        assert_eq!(Shape::Deaf.faults(&two, None, None), Err(ShapeError::NoLeader));
        assert_eq!(Shape::Hub.faults(&ids(3), None, Some(NodeId(9))), Err(ShapeError::Stranger(NodeId(9))));
        assert!(Shape::Hub.faults(&ids(3), None, None).is_ok(), "a hub needs no leader");
    }
}
