//! Watches a run, event by event, until a promise is broken.

use super::{
    Caught, Check,
    finding::{LINEARIZABLE, LOST, STOPPED},
};
use crate::{
    check::{Observers, OnlineCheck, OnlineNews},
    event::{Conclusion, EventKind, Finding, NodeFailure, TraceEvent},
    ids::{NodeId, Seq},
    spec::ClusterSpec,
    trace::{ClusterState, Ledger, Observer},
};

/// Looks at the events of one run. Its memory grows with operations and entries, not with the events.
pub struct Watch {
    state: ClusterState,
    ledger: Option<Ledger>,
    history: Option<OnlineCheck>,
    observers: Option<Observers>,
    stopped: bool,
    found: Vec<Finding>,
}

impl Watch {
    /// Makes a watch for these checks.
    pub fn new(spec: &ClusterSpec, checks: &[Check]) -> Self {
        Self {
            state: ClusterState::before(spec),
            ledger: checks.contains(&Check::Lost).then(Ledger::default),
            history: checks.contains(&Check::Linearizable).then(OnlineCheck::default),
            observers: checks.contains(&Check::Invariants).then(|| Observers::invariants(spec)),
            stopped: checks.contains(&Check::Stopped),
            found: Vec::new(),
        }
    }

    /// Returns the cluster after all events so far.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Takes an event over, and returns the promise that it shows to be broken.
    pub fn apply(&mut self, event: &TraceEvent) -> Option<Caught> {
        self.state.apply(event);
        let finding = self
            .stop_of(event)
            .or_else(|| self.broken_invariant(event))
            .or_else(|| self.lost_write(event))
            .or_else(|| self.disorder(event))?;
        Some(Caught { at: event.at, seq: event.seq, finding })
    }

    fn stop_of(&self, event: &TraceEvent) -> Option<Finding> {
        let EventKind::NodeFailed { node, failure: NodeFailure::Protocol(why) } = &event.kind else { return None };
        let sentence = format!("{node} met a state that cannot be: {why}");
        let finding = Finding { promise: STOPPED, sentence, nodes: vec![*node], ..shown_by(event.seq) };
        self.stopped.then_some(finding)
    }

    fn broken_invariant(&mut self, event: &TraceEvent) -> Option<Finding> {
        self.observers.as_mut()?.observe(event, &mut self.found);
        // What nobody can tell is not broken.
        self.found.drain(..).find(|finding| finding.conclusion == Conclusion::Violated)
    }

    fn lost_write(&mut self, event: &TraceEvent) -> Option<Finding> {
        let ledger = self.ledger.as_mut()?;
        ledger.apply(event, &self.state);
        let count = ledger.lost_so_far();
        let first = ledger.lost().next()?;
        let what = match &first.value {
            Some(value) => format!("{} ({}={value:.24})", first.op, first.key),
            None => format!("{} (a change of {})", first.op, first.key),
        };
        let leader: Option<NodeId> = self.state.leader();
        let whose = leader.map_or_else(|| "in no log".to_owned(), |leader| format!("not in the log of {leader}"));
        let others = if count > 1 { format!(", nor are {} more", count - 1) } else { String::new() };
        let sentence = format!("{what} was acknowledged to {} at {} and is {whose}{others}", first.client, first.at);
        let nodes = leader.into_iter().collect();
        let (key, ops, indexes) = (Some(first.key.clone()), vec![first.op], vec![first.index]);
        Some(Finding { promise: LOST, sentence, nodes, key, ops, indexes, ..shown_by(event.seq) })
    }

    fn disorder(&mut self, event: &TraceEvent) -> Option<Finding> {
        self.history.as_mut()?.apply(event).into_iter().find_map(|news| match news {
            OnlineNews::Violated { key, op, why, .. } => {
                let plain = || format!("the operations of key {key} fit no order from {op} on");
                let (sentence, ops) = why.map_or_else(|| (plain(), vec![op]), |why| (why.sentence, why.ops));
                Some(Finding { promise: LINEARIZABLE, sentence, key: Some(key), ops, ..shown_by(event.seq) })
            }
            OnlineNews::Lost { .. } => None,
        })
    }
}

fn shown_by(seq: Seq) -> Finding {
    Finding { evidence: vec![seq], ..Finding::default() }
}
