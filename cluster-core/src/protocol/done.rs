//! Which operations took effect where: the memory that makes retries harmless.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ids::{LogIndex, OpId};

/// Operations and where they took effect, in order of their numbers.
///
/// Operations are applied nearly in that order, and forgotten nearly in it: so both happen at the ends of a queue, where
/// a tree would be searched, split and joined for each of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Done(VecDeque<(OpId, LogIndex)>);

impl Done {
    /// Returns where the operation took effect, if it is known.
    pub(super) fn get(&self, op: &OpId) -> Option<&LogIndex> {
        // Most that are asked for are later than all that are known.
        self.0.back().filter(|(last, _)| last >= op)?;
        let place = self.0.binary_search_by_key(op, |(op, _)| *op).ok()?;
        self.0.get(place).map(|(_, at)| at)
    }

    /// Remembers where an operation took effect.
    pub(super) fn insert(&mut self, op: OpId, at: LogIndex) {
        if self.0.back().is_none_or(|(last, _)| *last < op) {
            return self.0.push_back((op, at));
        }
        match self.0.binary_search_by_key(&op, |(op, _)| *op) {
            Ok(place) => self.0[place].1 = at,
            Err(place) => self.0.insert(place, (op, at)),
        }
    }

    /// Forgets an operation.
    pub(super) fn remove(&mut self, op: &OpId) {
        if let Ok(place) = self.0.binary_search_by_key(op, |(op, _)| *op) {
            self.0.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found_in_whatever_order_they_came() {
        let mut done = Done::default();
        for op in [5, 9, 7, 1] {
            done.insert(OpId(op), LogIndex(op * 10));
        }
        assert_eq!(done.get(&OpId(7)), Some(&LogIndex(70)));
        assert_eq!((done.get(&OpId(2)), done.get(&OpId(10))), (None, None));
        done.remove(&OpId(7));
        assert_eq!((done.get(&OpId(7)), done.get(&OpId(1))), (None, Some(&LogIndex(10))));
    }
}
