//! What clients got, over the whole run and while each fault lasted: offered, acknowledged, refused, unanswered, and the
//! longest time without a write.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Serialize;

use super::{Broken, ClusterState, line};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{OpId, Seq},
    time::Timestamp,
};

/// How long after a refusal a client still counts as trying.
const TRYING: Duration = Duration::from_secs(2);
/// How many faults are listed; all are counted.
const FAULTS_LISTED: usize = 1000;

/// What clients got while one fault lasted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FaultService {
    /// The command that brought it, in words; or what broke by itself.
    pub what: String,
    /// The number of that event.
    pub seq: u64,
    /// Since when.
    pub from_ms: u64,
    /// Until when nothing of it was broken any more; `None` if it lasted.
    pub until_ms: Option<u64>,
    /// What clients got meanwhile.
    #[serde(rename = "service")]
    pub served: Served,
}

/// What clients got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Served {
    /// Operations that began.
    pub offered: u64,
    /// That succeeded.
    pub acknowledged: u64,
    /// That were certainly not done.
    pub refused: u64,
    /// That got no answer.
    pub unanswered: u64,
    /// The longest time without a successful write while somebody tried to write.
    pub longest_unavailable_ms: u64,
}

/// Follows what clients get.
#[derive(Clone, Debug, Default)]
pub(super) struct Availability {
    gap: Gap,
    open: BTreeMap<Seq, Open>,
    /// Which fault broke what.
    broken: BTreeMap<Broken, Seq>,
    ended: Vec<FaultService>,
    /// How many faults there were.
    count: u64,
    command: Option<(Seq, String)>,
}

#[derive(Clone, Debug)]
struct Open {
    row: FaultService,
    from: Timestamp,
    longest: Duration,
    parts: usize,
}

impl Availability {
    /// Takes an event over; `state` is the state after it.
    pub(super) fn apply(&mut self, event: &TraceEvent, state: &ClusterState) {
        match &event.kind {
            EventKind::OpInvoked { op, request, .. } => {
                if request.is_write() {
                    self.pass(event.at);
                    self.gap.under_way.insert(*op);
                }
                self.open.values_mut().for_each(|fault| fault.row.served.offered += 1);
            }
            EventKind::OpReturned { op, outcome, .. } => {
                self.pass(event.at);
                self.gap.on_returned(*op, outcome, event.at);
                self.open.values_mut().for_each(|fault| fault.row.served.count(outcome));
            }
            EventKind::CommandIssued { .. } => self.command = Some((event.seq, line(&event.kind))),
            EventKind::NodeStarted { .. }
            | EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFroze { .. }
            | EventKind::NodeUnfroze { .. }
            | EventKind::NodeFailed { .. }
            | EventKind::LinkChanged { .. }
            | EventKind::ConnectionHalfOpened { .. }
            | EventKind::ConnectionLost { .. }
            | EventKind::NodeFaultsChanged { .. } => self.on_faults(event, state),
            // Nothing else is seen by a client, or breaks anything.
            _ => {}
        }
    }

    /// Returns the longest time without a successful write, up to a moment.
    pub(super) fn longest(&mut self, at: Timestamp) -> Duration {
        self.pass(at);
        self.gap.longest
    }

    /// Returns what clients got while each fault lasted, in the order in which they began, and how many faults there were.
    pub(super) fn faults(&mut self, at: Timestamp) -> (Vec<FaultService>, u64) {
        self.pass(at);
        let mut rows = std::mem::take(&mut self.ended);
        rows.extend(std::mem::take(&mut self.open).into_values().map(Open::row));
        rows.sort_by_key(|row| row.seq);
        rows.truncate(FAULTS_LISTED);
        (rows, self.count)
    }

    fn pass(&mut self, at: Timestamp) {
        self.gap.pass(at);
        let without = self.gap.without;
        for fault in self.open.values_mut() {
            fault.longest = fault.longest.max(without.min(at.since(fault.from)));
        }
    }

    /// Finds what broke or was mended.
    fn on_faults(&mut self, event: &TraceEvent, state: &ClusterState) {
        self.pass(event.at);
        let mended: Vec<Broken> = match state.faults.len() < self.broken.len() {
            true => {
                let still: BTreeSet<Broken> = state.faults.iter().map(|fault| fault.what).collect();
                self.broken.keys().filter(|what| !still.contains(what)).copied().collect()
            }
            false => Vec::new(),
        };
        for what in mended {
            self.mend(what, event.at);
        }
        // What broke last stands at the end.
        let news: Vec<_> = state.faults.iter().rev().take_while(|fault| fault.seq == event.seq).cloned().collect();
        for fault in news {
            let by_command = self.command.clone().filter(|(seq, _)| event.cause == Some(*seq));
            let (seq, what) = by_command.unwrap_or_else(|| (event.seq, line(&event.kind)));
            let (from, count) = (event.at, &mut self.count);
            let open = self.open.entry(seq).or_insert_with(|| {
                *count += 1;
                let row = FaultService { what, seq: seq.0, from_ms: ms(from), ..FaultService::default() };
                Open { row, from, longest: Duration::ZERO, parts: 0 }
            });
            open.parts += 1;
            self.broken.insert(fault.what, seq);
        }
    }

    fn mend(&mut self, what: Broken, at: Timestamp) {
        let Some(seq) = self.broken.remove(&what) else { return };
        let Some(open) = self.open.get_mut(&seq) else { return };
        open.parts -= 1;
        if open.parts == 0
            && let Some(mut open) = self.open.remove(&seq)
        {
            open.row.until_ms = Some(ms(at));
            if self.ended.len() < FAULTS_LISTED {
                self.ended.push(open.row());
            }
        }
    }
}

impl Open {
    fn row(mut self) -> FaultService {
        self.row.served.longest_unavailable_ms = self.longest.as_millis() as u64;
        self.row
    }
}

impl Served {
    /// Counts how an operation ended.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => {
                self.acknowledged += 1;
            }
            Outcome::Failed(_) => self.refused += 1,
            Outcome::NoAnswer => self.unanswered += 1,
        }
    }
}

/// The time since the last successful write, counted only while somebody tries: a write is under way, or one was
/// refused a moment ago (nodes that refuse at once would else hide a dead cluster).
#[derive(Clone, Debug, Default)]
struct Gap {
    under_way: BTreeSet<OpId>,
    refused: Option<Timestamp>,
    last: Timestamp,
    without: Duration,
    longest: Duration,
}

impl Gap {
    fn on_returned(&mut self, op: OpId, outcome: &Outcome, at: Timestamp) {
        if !self.under_way.remove(&op) {
            return;
        }
        match outcome {
            // Only writes are under way here.
            Outcome::Written { .. } | Outcome::Answered { .. } => {
                (self.without, self.refused) = (Duration::ZERO, None);
            }
            Outcome::Failed(_) => self.refused = Some(at),
            Outcome::NoAnswer | Outcome::Value { .. } | Outcome::Done => {}
        }
    }

    fn pass(&mut self, at: Timestamp) {
        let until = match self.refused {
            _ if !self.under_way.is_empty() => at,
            Some(refused) => at.min(refused + TRYING),
            None => self.last,
        };
        self.without += until.since(self.last);
        self.longest = self.longest.max(self.without);
        self.last = self.last.max(at);
    }
}

fn ms(at: Timestamp) -> u64 {
    at.0 / 1_000_000
}
