//! A run in numbers: what its clients got, who was elected when, how far behind followers were, what was lost.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Acknowledged, ClusterState, Fates, FaultService, Lag, LagTracker, Ledger, TraceStore, availability::Availability,
};
use crate::{
    command::{Author, Command},
    event::{EventKind, Milestone, Outcome, TraceEvent},
    ids::{NodeId, Seq},
    time::Timestamp,
};

/// How many lost writes are listed; all are counted.
const LOST_LISTED: usize = 100;
/// How many elections are listed; all are counted.
const ELECTIONS_LISTED: usize = 10_000;
/// How many broken promises are listed; all are counted.
const BROKEN_LISTED: usize = 100;

/// A run in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How long the run took, in milliseconds of cluster time.
    pub duration_ms: u64,
    /// How many events were recorded.
    pub events: u64,
    /// Operations that began.
    pub operations: u64,
    /// That succeeded.
    pub acknowledged: u64,
    /// That were certainly not done.
    pub failed: u64,
    /// That got no answer.
    pub unanswered: u64,
    /// That were still under way at the end.
    pub pending: u64,
    /// Writes that were acknowledged and stand in no log that counts; see [`Ledger`].
    pub lost_acknowledged: u64,
    /// The first hundred of them.
    pub lost: Vec<LostWrite>,
    /// Who was elected when.
    pub elections: Vec<Election>,
    /// How many elections there were, if more than are listed.
    pub elections_total: u64,
    /// The longest time without a successful write while somebody tried to write; from the first attempt on.
    pub longest_unavailable_ms: u64,
    /// The greatest lag of each node while it did not lead.
    pub max_lag: BTreeMap<String, MaxLag>,
    /// Frames between nodes per acknowledged operation.
    pub messages_per_operation: f64,
    /// Frames that were dropped, by reason.
    pub frames_dropped: BTreeMap<&'static str, u64>,
    /// Faults that were injected.
    pub faults_injected: u64,
    /// Commands that random faults issued, mending included.
    pub nemesis_commands: u64,
    /// Whether the write that clients began last was acknowledged; `None` if nobody wrote.
    pub available_at_end: Option<bool>,
    /// Acknowledged writes by what became of them.
    pub writes: Fates,
    /// What clients got while each fault lasted, in the order in which they began.
    pub faults: Vec<FaultService>,
    /// How many faults there were, if more than are listed.
    pub faults_total: u64,
    /// Promises that were found to be broken, or unknown, in the order in which that was found.
    pub findings: Vec<Found>,
    /// How many findings there were, if more than are listed.
    pub findings_total: u64,
}

/// What an observer found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The promise.
    pub promise: String,
    /// `violated` or `unknown`.
    pub conclusion: &'static str,
    /// When.
    pub time_ms: u64,
    /// The number of the event.
    pub seq: u64,
    /// What happened.
    pub sentence: String,
}

/// A node was elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Election {
    /// When.
    pub time_ms: u64,
    /// Who.
    pub node: u16,
    /// In which term, ballot or view.
    pub term: u64,
}

/// The greatest lag of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MaxLag {
    /// In entries.
    pub entries: u64,
    /// In bytes.
    pub bytes: u64,
    /// In milliseconds: the age of the oldest entry that it lacked.
    pub ms: u64,
}

/// A write that was acknowledged and lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostWrite {
    /// The operation.
    pub op: u64,
    /// Whose.
    pub client: u16,
    /// The key.
    pub key: String,
    /// The value; `None` if it removed the key.
    pub value: Option<String>,
    /// When it was acknowledged.
    pub acknowledged_ms: u64,
}

/// Folds events to a [`Summary`].
#[derive(Clone, Debug, Default)]
pub struct Summarizer {
    summary: Summary,
    ledger: Ledger,
    lags: LagTracker,
    max_lag: BTreeMap<NodeId, Lag>,
    /// Frames between nodes.
    messages: u64,
    availability: Availability,
}

impl Summarizer {
    /// Takes an event over; `state` is the state after it.
    pub fn apply(&mut self, event: &TraceEvent, state: &ClusterState) {
        self.summary.events += 1;
        self.ledger.apply(event, state);
        self.availability.apply(event);
        let max_lag = &mut self.max_lag;
        self.lags.apply(event, state, &mut |node, lag| raise(max_lag, node, lag));
        match &event.kind {
            EventKind::FrameSent { from, to, .. } => {
                self.messages += u64::from(from.node().is_some() && to.node().is_some());
            }
            EventKind::FrameDropped { reason, .. } => {
                *self.summary.frames_dropped.entry(reason.words()).or_default() += 1
            }
            EventKind::CommandIssued { by, command } => {
                self.summary.nemesis_commands += u64::from(*by == Author::Nemesis);
                if let Command::Inject(faults) = command {
                    self.summary.faults_injected += faults.len() as u64;
                }
            }
            EventKind::Milestone { node, milestone: Milestone::LeaderElected { epoch } } => {
                self.summary.elections_total += 1;
                if self.summary.elections.len() < ELECTIONS_LISTED {
                    self.summary.elections.push(Election { time_ms: ms(event.at), node: node.0, term: epoch.0 });
                }
            }
            EventKind::OpInvoked { .. } => self.summary.operations += 1,
            EventKind::OpReturned { outcome, .. } => match outcome {
                Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => {
                    self.summary.acknowledged += 1;
                }
                Outcome::Failed(_) => self.summary.failed += 1,
                Outcome::NoAnswer => self.summary.unanswered += 1,
            },
            EventKind::Found { finding } => {
                self.summary.findings_total += 1;
                if self.summary.findings.len() < BROKEN_LISTED {
                    self.summary.findings.push(Found {
                        promise: finding.promise.to_string(),
                        conclusion: finding.conclusion.word(),
                        time_ms: ms(event.at),
                        seq: event.seq.0,
                        sentence: finding.sentence.clone(),
                    });
                }
            }
            // The rest is in the lag, or in no number.
            _ => {}
        }
    }

    /// Returns the ledger of acknowledged writes.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Ends the fold; `state` is the state after the last event.
    pub fn finish(mut self, state: &ClusterState) -> Summary {
        let max_lag = &mut self.max_lag;
        self.lags.each(state.at, &mut |node, lag| raise(max_lag, node, lag));
        let mut summary = self.summary;
        summary.duration_ms = ms(state.at);
        summary.available_at_end = self.availability.last_write();
        summary.pending = summary.operations - summary.acknowledged - summary.failed - summary.unanswered;
        summary.lost_acknowledged = self.ledger.lost_so_far() as u64;
        summary.lost = self.ledger.lost().take(LOST_LISTED).map(lost_write).collect();
        summary.longest_unavailable_ms = self.availability.served(state.at).longest_unavailable_ms;
        (summary.faults, summary.faults_total) = (self.availability.faults(state.at), self.availability.fault_count());
        summary.writes = self.ledger.fates();
        summary.max_lag = self.max_lag.iter().map(|(node, lag)| (node.to_string(), max_lag_of(*lag))).collect();
        summary.messages_per_operation = match summary.acknowledged {
            0 => 0.0,
            operations => self.messages as f64 / operations as f64,
        };
        summary
    }
}

impl Summary {
    /// Folds all events of a store, without holding them in memory at once.
    pub fn of(store: &TraceStore) -> Self {
        let (mut state, mut fold) = (ClusterState::before(store.spec()), Summarizer::default());
        store.each(Seq(0)..store.len(), &mut |event| {
            state.apply(event);
            fold.apply(event, &state);
        });
        fold.finish(&state)
    }

    /// Folds the events of a whole run.
    pub fn of_events<'a>(spec: &crate::spec::ClusterSpec, events: impl IntoIterator<Item = &'a TraceEvent>) -> Self {
        let (mut state, mut fold) = (ClusterState::before(spec), Summarizer::default());
        for event in events {
            state.apply(event);
            fold.apply(event, &state);
        }
        fold.finish(&state)
    }
}

fn raise(all: &mut BTreeMap<NodeId, Lag>, node: NodeId, lag: Lag) {
    let max = all.entry(node).or_default();
    *max = max.max(lag);
}

fn ms(at: Timestamp) -> u64 {
    at.0 / 1_000_000
}

fn max_lag_of(lag: Lag) -> MaxLag {
    MaxLag { entries: lag.entries, bytes: lag.bytes, ms: lag.nanos / 1_000_000 }
}

fn lost_write(write: &Acknowledged) -> LostWrite {
    LostWrite {
        op: write.op.0,
        client: write.client.0,
        key: write.key.to_string(),
        value: write.value.as_ref().map(ToString::to_string),
        acknowledged_ms: ms(write.at),
    }
}
