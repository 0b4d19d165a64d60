//! What a run is let go until: the next event somewhere, another leader, a finding, or a condition over the state.

mod condition;
#[cfg(test)]
mod tests;

pub use condition::{Condition, ConditionError, NAMES, compile};

use crate::{
    event::{EventKind, TraceEvent},
    fault::LinkId,
    ids::NodeId,
    trace::{
        ClusterState, Recipe,
        causality::{Lane, Places},
    },
};

/// What a run is let go until.
#[derive(Clone, Debug, PartialEq)]
pub enum Until {
    /// The next event.
    Event,
    /// The next event at this node.
    At(NodeId),
    /// The next arrival on this direction of a link.
    Delivery(LinkId),
    /// Another leader, or none.
    LeaderChanges,
    /// Something that an observer concludes.
    Finding,
    /// A condition over the state becomes true, see [`Condition`].
    Holds(String),
}

impl Until {
    /// Returns it in words, as they follow "until".
    pub fn words(&self) -> String {
        match self {
            Self::Event => "the next event".to_owned(),
            Self::At(node) => format!("the next event at {node}"),
            Self::Delivery((from, to)) => format!("the next arrival from {from} at {to}"),
            Self::LeaderChanges => "the leader changes".to_owned(),
            Self::Finding => "the next finding".to_owned(),
            Self::Holds(text) => text.clone(),
        }
    }
}

/// Waits in a run for what it is let go until. Hears every event in order, with the state behind it.
#[derive(Debug)]
pub struct Wait {
    until: Until,
    condition: Option<Condition>,
    /// Who led, and whether the condition held, before.
    leader: Option<NodeId>,
    held: bool,
}

impl Wait {
    /// Begins to wait in a state. A condition that cannot be used is refused.
    pub fn new(until: Until, state: &ClusterState) -> Result<Self, ConditionError> {
        let condition = match &until {
            Until::Holds(text) => Some(Condition::new(text, state)?),
            Until::Event | Until::At(_) | Until::Delivery(_) | Until::LeaderChanges | Until::Finding => None,
        };
        let held = condition.as_ref().is_some_and(|condition| condition.holds(state) == Ok(true));
        Ok(Self { until, condition, leader: state.leader(), held })
    }

    /// Returns what it waits for.
    pub fn until(&self) -> &Until {
        &self.until
    }

    /// Takes an event over, and adds it to the state. Returns whether the wait is over.
    pub fn hears(&mut self, event: &TraceEvent, state: &mut ClusterState) -> bool {
        let met = match &self.until {
            Until::Event => !is_of_the_clock(&event.kind),
            Until::At(node) => lane_of(event, state) == Some(Lane::At((*node).into())),
            Until::Delivery(link) => match &event.kind {
                EventKind::FrameDelivered { msg } => {
                    state.flights.get(msg).is_some_and(|flight| (flight.from, flight.to) == *link)
                }
                // Only arrivals arrive.
                _ => false,
            },
            Until::Finding => matches!(event.kind, EventKind::Found { .. }),
            Until::LeaderChanges | Until::Holds(_) => false,
        };
        state.apply(event);
        met || self.sees(event, state)
    }

    /// Looks at the state behind an event.
    fn sees(&mut self, event: &TraceEvent, state: &ClusterState) -> bool {
        if let Some(condition) = &self.condition {
            // What makes no sense for a moment, such as a node that is not there, does not hold.
            let holds = match condition.may_change_by(&event.kind) {
                true => condition.holds(state) == Ok(true),
                false => self.held,
            };
            let held = std::mem::replace(&mut self.held, holds);
            return holds && !held;
        }
        if self.until != Until::LeaderChanges || !may_change_the_leader(&event.kind) {
            return false;
        }
        state.leader() != std::mem::replace(&mut self.leader, state.leader())
    }
}

/// Returns where an event happens. `state` is the one before it.
fn lane_of(event: &TraceEvent, state: &ClusterState) -> Option<Lane> {
    match &event.kind {
        EventKind::FrameDelivered { msg } => state.flights.get(msg).map(|flight| Lane::At(flight.to)),
        EventKind::OpReturned { op, .. } => state.ops.get(op).map(|op| Lane::At(op.client.into())),
        // The others say it themselves.
        _ => Places::default().next(event),
    }
}

fn is_of_the_clock(kind: &EventKind) -> bool {
    match kind {
        EventKind::ClockChanged { .. } => true,
        EventKind::CommandIssued { command, .. } => Recipe::is_of_the_clock(command),
        // Everything else is of the cluster.
        _ => false,
    }
}

fn may_change_the_leader(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::ViewChanged { .. }
            | EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFailed { .. }
            | EventKind::NodeFroze { .. }
            | EventKind::NodeUnfroze { .. }
    )
}
