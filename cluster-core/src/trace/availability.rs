//! What clients got, over the whole run and while each fault lasted: offered, acknowledged, refused, unanswered, and the
//! longest time without a write.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Serialize;

use super::{Broken, broken_by, line};
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
pub struct Availability {
    all: Served,
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
    /// Takes an event over.
    pub fn apply(&mut self, event: &TraceEvent) {
        match &event.kind {
            EventKind::OpInvoked { op, request, .. } => {
                if request.is_write() {
                    self.pass(event.at);
                    self.gap.under_way.insert(*op);
                }
                self.all.offered += 1;
                self.open.values_mut().for_each(|fault| fault.row.served.offered += 1);
            }
            EventKind::OpReturned { op, outcome, .. } => {
                self.pass(event.at);
                self.gap.on_returned(*op, outcome, event.at);
                self.all.count(outcome);
                self.open.values_mut().for_each(|fault| fault.row.served.count(outcome));
            }
            EventKind::CommandIssued { .. } => self.command = Some((event.seq, line(&event.kind))),
            _ => {
                if let Some((what, broken)) = broken_by(&event.kind) {
                    self.on_broken(event, what, broken);
                }
            }
        }
    }

    /// Returns what clients got in the whole run, up to a moment.
    pub fn served(&self, at: Timestamp) -> Served {
        let longest = self.gap.clone().longest(at);
        Served { longest_unavailable_ms: longest.as_millis() as u64, ..self.all }
    }

    /// Returns whether the write that clients began last, of those that ended, took effect; `None` if nobody wrote.
    pub fn last_write(&self) -> Option<bool> {
        self.gap.latest.map(|(_, acknowledged)| acknowledged)
    }

    /// Returns what clients got while each fault lasted, in the order in which they began.
    pub fn faults(&self, at: Timestamp) -> Vec<FaultService> {
        let mut now = self.clone();
        now.pass(at);
        let mut rows = now.ended;
        rows.extend(now.open.into_values().map(Open::row));
        rows.sort_by_key(|row| row.seq);
        rows.truncate(FAULTS_LISTED);
        rows
    }

    /// Returns how many faults there were.
    pub fn fault_count(&self) -> u64 {
        self.count
    }

    fn pass(&mut self, at: Timestamp) {
        self.gap.pass(at);
        let without = self.gap.without;
        for fault in self.open.values_mut() {
            fault.longest = fault.longest.max(without.min(at.since(fault.from)));
        }
    }

    fn on_broken(&mut self, event: &TraceEvent, what: Broken, broken: bool) {
        match (self.broken.contains_key(&what), broken) {
            (true, false) => {
                self.pass(event.at);
                self.mend(what, event.at);
            }
            (false, true) => {
                self.pass(event.at);
                let by_command = self.command.clone().filter(|(seq, _)| event.cause == Some(*seq));
                let (seq, words) = by_command.unwrap_or_else(|| (event.seq, line(&event.kind)));
                let (from, count) = (event.at, &mut self.count);
                let open = self.open.entry(seq).or_insert_with(|| {
                    *count += 1;
                    let row = FaultService { what: words, seq: seq.0, from_ms: ms(from), ..FaultService::default() };
                    Open { row, from, longest: Duration::ZERO, parts: 0 }
                });
                open.parts += 1;
                self.broken.insert(what, seq);
            }
            (true, true) | (false, false) => {}
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
    /// The write that began last of those that ended (operations are numbered as they begin), and whether it took effect.
    latest: Option<(OpId, bool)>,
}

impl Gap {
    fn on_returned(&mut self, op: OpId, outcome: &Outcome, at: Timestamp) {
        if !self.under_way.remove(&op) {
            return;
        }
        if self.latest.is_none_or(|(latest, _)| latest < op) {
            self.latest = Some((op, matches!(outcome, Outcome::Written { .. } | Outcome::Answered { .. })));
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

    fn longest(&mut self, at: Timestamp) -> Duration {
        self.pass(at);
        self.longest
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
