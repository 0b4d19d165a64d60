//! What nodes are called: by the names that a lab gives them beside their numbers, or by their numbers alone.

use std::{borrow::Cow, collections::BTreeMap};

use cluster_core::ids::{Endpoint, NodeId};

/// The names of nodes. Commands and scripts know numbers only; names are for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<NodeId, String>);

impl Names {
    /// Names nodes.
    pub fn of(names: BTreeMap<NodeId, String>) -> Self {
        Self(names)
    }

    /// Returns the name of a node, if it has one beside its number.
    pub fn own(&self, node: NodeId) -> Option<&str> {
        self.0.get(&node).map(String::as_str)
    }

    /// Returns what a node is called where there is little room: `Ada`, or `n1`.
    pub fn short(&self, node: NodeId) -> String {
        self.own(node).map_or_else(|| node.to_string(), str::to_owned)
    }

    /// Returns what a node is called where there is room: `Ada (n1)`, or `n1`.
    pub fn full(&self, node: NodeId) -> String {
        self.own(node).map_or_else(|| node.to_string(), |name| format!("{name} ({node})"))
    }

    /// Returns what an end of a link is called where there is little room.
    pub fn end(&self, end: Endpoint) -> String {
        end.node().map_or_else(|| end.to_string(), |node| self.short(node))
    }

    /// Returns a finished sentence with names in the places of numbers: "Ada votes for Bo" for "n3 votes for n1".
    pub fn told<'t>(&self, sentence: &'t str) -> Cow<'t, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(sentence);
        }
        let mut told = String::with_capacity(sentence.len());
        let mut rest = sentence;
        while let Some(start) = rest.find(char::is_alphanumeric) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            told.push_str(before);
            match word.strip_prefix('n').and_then(|number| number.parse().ok()).and_then(|node| self.own(NodeId(node)))
            {
                Some(name) => told.push_str(name),
                None => told.push_str(word),
            }
            rest = after;
        }
        told.push_str(rest);
        Cow::Owned(told)
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::ids::ClientId;

    use super::*;

    fn names() -> Names {
        Names::of([(NodeId(1), "Ada".to_owned()), (NodeId(12), "Bo".to_owned())].into())
    }

    #[test]
    fn a_node_with_a_name_is_called_by_it_and_one_without_by_its_number() {
        assert_eq!((names().short(NodeId(1)), names().full(NodeId(1))), ("Ada".to_owned(), "Ada (n1)".to_owned()));
        assert_eq!((names().short(NodeId(2)), names().full(NodeId(2))), ("n2".to_owned(), "n2".to_owned()));
        assert_eq!(names().end(NodeId(12).into()), "Bo");
        assert_eq!(names().end(ClientId(1).into()), "c1");
    }

    #[test]
    fn a_sentence_speaks_of_names_and_leaves_other_words_alone() {
        let told = names().told("n1 votes for n12, n2 and n123 do not; not1 n1x n, c1→n1");
        assert_eq!(told, "Ada votes for Bo, n2 and n123 do not; not1 n1x n, c1→Ada");
        assert_eq!(Names::default().told("n1 leads"), "n1 leads");
    }
}
