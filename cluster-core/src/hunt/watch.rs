//! Watches a run, event by event, until a promise is broken.

use super::{Check, Finding, FindingKind};
use crate::{
    check::{OnlineCheck, OnlineNews},
    event::{EventKind, NodeFailure, TraceEvent},
    spec::ClusterSpec,
    trace::{ClusterState, Ledger},
};

/// Looks at the events of one run. Its memory grows with the operations, not with the events.
pub struct Watch {
    state: ClusterState,
    ledger: Option<Ledger>,
    history: Option<OnlineCheck>,
    stopped: bool,
}

impl Watch {
    /// Makes a watch for these checks.
    pub fn new(spec: &ClusterSpec, checks: &[Check]) -> Self {
        Self {
            state: ClusterState::before(spec),
            ledger: checks.contains(&Check::Lost).then(Ledger::default),
            history: checks.contains(&Check::Linearizable).then(OnlineCheck::default),
            stopped: checks.contains(&Check::Stopped),
        }
    }

    /// Returns the cluster after all events so far.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Takes an event over, and returns the promise that it shows to be broken.
    pub fn apply(&mut self, event: &TraceEvent) -> Option<Finding> {
        self.state.apply(event);
        let found = |kind, sentence| Some(Finding { kind, at: event.at, seq: event.seq, sentence });
        if let EventKind::NodeFailed { node, failure: NodeFailure::Protocol(why) } = &event.kind
            && self.stopped
        {
            return found(FindingKind::NodeStopped, format!("{node} met a state that cannot be: {why}"));
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.apply(event, &self.state);
            if ledger.lost_so_far() > 0 {
                return found(FindingKind::LostWrite, lost_sentence(ledger, &self.state));
            }
        }
        match self.history.as_mut()?.apply(event)? {
            OnlineNews::Violated { key, op, .. } => found(
                FindingKind::NotLinearizable,
                format!("the operations of key {key} fit no order: {op} ended in a way that nothing before it explains"),
            ),
            OnlineNews::Lost { .. } => None,
        }
    }
}

fn lost_sentence(ledger: &mut Ledger, state: &ClusterState) -> String {
    let count = ledger.lost_so_far();
    let Some(first) = ledger.lost().next() else { return String::new() };
    let what = match &first.value {
        Some(value) => format!("{} ({}={value:.24})", first.op, first.key),
        None => format!("{} (a change of {})", first.op, first.key),
    };
    let whose = state.leader().map_or_else(|| "no log".to_owned(), |leader| format!("not in the log of {leader}"));
    let others = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
    format!("{what} was acknowledged to {} at {} and is {whose}{others}", first.client, first.at)
}
