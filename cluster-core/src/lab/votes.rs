//! Elections as goals see them: which nobody won, and for how long one node has led alone.

use std::collections::VecDeque;

use super::expr::{ACTS_MAX, Cell, Row, vocabulary::FAILED};
use crate::{event::Milestone, ids::NodeId, trace::ClusterState};

/// Follows who asks for votes, and who leads.
#[derive(Debug, Default)]
pub(super) struct Votes {
    /// The epoch in which votes were asked for last, while nobody has won it.
    asked: Option<u64>,
    failed: VecDeque<Row>,
    /// Who leads alone, and since when.
    alone: Option<(NodeId, f64)>,
}

impl Votes {
    /// Takes a milestone over. Returns the election that it shows to have failed, if it does.
    pub(super) fn next(&mut self, milestone: &Milestone, now: f64) -> Option<Row> {
        match milestone {
            Milestone::ElectionStarted { epoch } => {
                let before = self.asked.filter(|asked| *asked < epoch.0);
                if self.asked.is_none_or(|asked| asked < epoch.0) {
                    self.asked = Some(epoch.0);
                }
                let row = Row::new(&FAILED, &[Cell::count(before?), now.into()]);
                if self.failed.len() == ACTS_MAX {
                    self.failed.pop_front();
                }
                self.failed.push_back(row.clone());
                Some(row)
            }
            Milestone::LeaderElected { epoch } => {
                self.asked.take_if(|asked| *asked <= epoch.0);
                None
            }
            _ => None, // Nothing else is about votes.
        }
    }

    /// Looks at who leads.
    pub(super) fn look(&mut self, state: &ClusterState, now: f64) {
        let mut leaders = state.leaders().map(|(node, _)| node);
        self.alone = match (leaders.next(), leaders.next()) {
            (Some(leader), None) => Some(self.alone.filter(|(known, _)| *known == leader).unwrap_or((leader, now))),
            _ => None,
        };
    }

    /// Returns for how long the same node has led, alone.
    pub(super) fn steady(&self, now: f64) -> f64 {
        self.alone.map_or(0.0, |(_, since)| now - since)
    }

    /// Returns the elections that nobody won, oldest first.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Row> {
        self.failed.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;

    #[test]
    fn an_election_failed_if_votes_are_asked_for_again_before_anybody_won() {
        let mut votes = Votes::default();
        let mut tell = |milestone| votes.next(&milestone, 1.0).is_some();
        let asks = |epoch| Milestone::ElectionStarted { epoch: Epoch(epoch) };
        assert!(!tell(asks(3)));
        assert!(!tell(asks(3)), "two candidates of one epoch are one election");
        assert!(tell(asks(4)));
        assert!(!tell(Milestone::LeaderElected { epoch: Epoch(4) }));
        assert!(!tell(asks(5)), "the one before was won");
        assert_eq!(votes.failed().count(), 1);
    }
}
