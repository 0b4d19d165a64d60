//! The memory that makes a repeated call harmless: which requests were executed, and what was answered.

use std::collections::{BTreeMap, VecDeque};

use crate::{ids::OpId, request::Response};

/// Requests and their answers, the latest so many.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// How many are remembered; none if nothing is.
    window: Option<usize>,
    answers: BTreeMap<OpId, Response>,
    order: VecDeque<OpId>,
}

impl Table {
    /// Makes a table of that size, or one that remembers nothing.
    pub(super) fn new(window: Option<usize>) -> Self {
        Self { window, ..Self::default() }
    }

    /// Returns what was answered, if the request is remembered.
    pub(super) fn get(&self, op: OpId) -> Option<&Response> {
        self.answers.get(&op)
    }

    /// Remembers a request.
    pub(super) fn insert(&mut self, op: OpId, response: Response) {
        let Some(window) = self.window else { return };
        if self.answers.insert(op, response).is_none() {
            self.order.push_back(op);
        }
        while self.order.len() > window {
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }

    /// Returns how many requests are remembered.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns how many can be; none if nothing is remembered.
    pub(super) fn window(&self) -> Option<usize> {
        self.window
    }

    /// Returns all of them, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OpId, &Response)> {
        self.order.iter().filter_map(|op| Some((*op, self.answers.get(op)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LogIndex;

    fn written(at: u64) -> Response {
        Response::Written { at: LogIndex(at) }
    }

    #[test]
    fn the_oldest_request_is_forgotten_first() {
        let mut table = Table::new(Some(2));
        for op in 1..=3 {
            table.insert(OpId(op), written(op));
        }
        assert_eq!((table.get(OpId(1)), table.get(OpId(3))), (None, Some(&written(3))));
        assert_eq!(table.iter().map(|(op, _)| op.0).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_table_that_is_off_remembers_nothing() {
        let mut table = Table::new(None);
        table.insert(OpId(1), written(1));
        assert_eq!((table.get(OpId(1)), table.len()), (None, 0));
    }
}
