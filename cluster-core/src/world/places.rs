//! The nodes of a cluster by number. Everything that happens asks for one several times, so each stands at its own index.

use super::nodes::Slot;
use crate::ids::NodeId;

/// A place for each node.
#[derive(Default)]
pub(super) struct Places {
    slots: Vec<Option<Box<Slot>>>,
    count: usize,
}

impl Places {
    pub(super) fn insert(&mut self, node: NodeId, slot: Slot) {
        let index = usize::from(node.0);
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let before = self.slots[index].replace(Box::new(slot));
        self.count += usize::from(before.is_none());
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Slot> {
        self.slots.get(usize::from(node.0))?.as_deref()
    }

    pub(super) fn get_mut(&mut self, node: NodeId) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(node.0))?.as_deref_mut()
    }

    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.get(node).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns the nodes with their places, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((NodeId(index as u16), slot.as_deref()?)))
    }

    /// Returns the nodes, in order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.iter().map(|(node, _)| node)
    }
}

/// Nodes to be seen to, each once and in order. There are few at a time, mostly one.
#[derive(Debug, Default)]
pub(super) struct Touched(Vec<NodeId>);

impl Touched {
    pub(super) fn insert(&mut self, node: NodeId) {
        // The first stands at the end, where it is taken.
        if let Err(place) = self.0.binary_search_by(|other| node.cmp(other)) {
            self.0.insert(place, node);
        }
    }

    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }

    pub(super) fn remove(&mut self, node: NodeId) {
        self.0.retain(|other| *other != node);
    }

    pub(super) fn pop_first(&mut self) -> Option<NodeId> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_nodes_are_seen_to_once_and_in_order() {
        let mut touched = Touched::default();
        [3, 1, 2, 3, 1, 4].into_iter().for_each(|node| touched.insert(NodeId(node)));
        touched.remove(NodeId(4));
        assert_eq!(touched.pop_first(), Some(NodeId(1)));
        touched.insert(NodeId(1));
        let order: Vec<_> = std::iter::from_fn(|| touched.pop_first()).collect();
        assert_eq!(order, [1, 2, 3].map(NodeId));
    }

    #[test]
    fn places_are_told_in_order_of_their_nodes() {
        let mut places = Places::default();
        [7, 2, 7].into_iter().for_each(|node| places.insert(NodeId(node), Slot::member()));
        assert_eq!(places.nodes().collect::<Vec<_>>(), [2, 7].map(NodeId));
        assert_eq!((places.len(), places.contains(NodeId(2)), places.contains(NodeId(3))), (2, true, false));
    }
}
