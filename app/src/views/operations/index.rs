//! The operations of a run by client, as far as a picture of them needs it, read a bounded number of events at a time.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::{
    event::{EventKind, Milestone, Outcome, TraceEvent},
    ids::{ClientId, NodeId, OpId, Seq},
    registry,
    request::Request,
    trace::{Effects, TraceStore},
};

use crate::widgets::run_mark::RunMark;

/// How many rows the operations of one client take that are open at once; more share the last one.
pub(super) const ROWS_MAX: usize = 8;
/// How many operations are kept; of a longer run the latest ones are.
const BARS_MAX: usize = 2_000_000;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    /// Which.
    pub(super) op: OpId,
    /// The event by which it began.
    pub(super) seq: Seq,
    /// When it began, in seconds.
    pub(super) from: f64,
    /// When it ended; none while it is open.
    pub(super) until: Option<f64>,
    /// Whether it changes the map.
    pub(super) writes: bool,
    /// How it ended.
    pub(super) end: End,
    /// Who answered.
    pub(super) node: Option<NodeId>,
    /// When the first node applied it: the instant at which it took effect, if that is known.
    pub(super) point: Option<f64>,
    /// Its row within the lane of its client.
    pub(super) row: u8,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// It succeeded.
    Ok,
    /// Not yet.
    Open,
    /// It was certainly not done.
    Refused,
    /// Nobody answered.
    NoAnswer,
}

impl End {
    /// Every end, as the legend shows them.
    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Refused, Self::NoAnswer, Self::Open];

    /// Returns its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "acknowledged",
            Self::Open => "open",
            Self::Refused => "refused",
            Self::NoAnswer => "no answer",
        }
    }
}

/// The operations of one client.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// In the order in which they began.
    pub(super) bars: Vec<Bar>,
    /// Those that did not go well, in the order in which they ended: when, and how.
    pub(super) bad: Vec<(f64, End)>,
    /// How many rows were ever used.
    pub(super) rows: usize,
    /// When each row is free again.
    free: Vec<f64>,
    /// The longest that one of them took, in seconds.
    longest: f64,
}

/// The operations of a run.
#[derive(Default)]
pub(super) struct Operations {
    lanes: BTreeMap<ClientId, Lane>,
    /// Where each open operation is: its lane, and its place there.
    open: BTreeMap<OpId, (ClientId, usize)>,
    /// Operations that a finding names as impossible.
    accused: BTreeSet<OpId>,
    /// How often each was sent, and took effect.
    effects: Effects,
    count: usize,
    hidden: u64,
    next: Seq,
    run: RunMark,
}

impl Operations {
    /// Takes up to `budget` more events over, of a run that may have grown or may be another one. Returns whether more
    /// wait.
    pub(super) fn advance(&mut self, store: &TraceStore, budget: u64) -> bool {
        if !self.run.is_of(store) {
            let replicates = registry::protocol(&store.spec().protocol).is_none_or(|row| row.replicates);
            *self = Self { effects: Effects::new(replicates), ..Self::default() };
        }
        let until = Seq(store.len().0.min(self.next.0 + budget));
        let from = self.next;
        store.each(from..until, &mut |event| {
            self.apply(event);
            self.next = event.seq.next();
        });
        self.run.mark(store, self.next);
        self.next < store.len() && self.next > from
    }

    /// Returns the lanes, in the order of the clients.
    pub(super) fn lanes(&self) -> &BTreeMap<ClientId, Lane> {
        &self.lanes
    }

    /// Returns how many operations are kept.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Returns how many operations of the beginning are not kept any more.
    pub(super) fn hidden(&self) -> u64 {
        self.hidden
    }

    /// Returns whether a finding names an operation as impossible.
    pub(super) fn is_accused(&self, op: OpId) -> bool {
        self.accused.contains(&op)
    }

    /// Returns how often an operation was sent, and how often it took effect.
    pub(super) fn attempts_and_effects(&self, op: OpId) -> (u32, u32) {
        (self.effects.attempts(op), self.effects.of(op))
    }

    fn apply(&mut self, event: &TraceEvent) {
        self.effects.apply(event);
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => self.begin(*op, *client, request, event),
            EventKind::OpReturned { op, outcome, node } => {
                let Some((client, at)) = self.open.remove(op) else { return };
                let Some(lane) = self.lanes.get_mut(&client) else { return };
                lane.end(at, event.at.as_secs_f64(), outcome, *node);
            }
            EventKind::Milestone { milestone: Milestone::Applied { op, .. }, .. } => {
                let Some((client, at)) = self.open.get(op) else { return };
                if let Some(bar) = self.lanes.get_mut(client).and_then(|lane| lane.bars.get_mut(*at)) {
                    bar.point.get_or_insert(event.at.as_secs_f64());
                }
            }
            EventKind::Found { finding } => self.accused.extend(&finding.ops),
            // Nothing else is about an operation.
            _ => {}
        }
    }

    fn begin(&mut self, op: OpId, client: ClientId, request: &Request, event: &TraceEvent) {
        if self.count >= BARS_MAX {
            self.forget();
        }
        let lane = self.lanes.entry(client).or_default();
        let from = event.at.as_secs_f64();
        let row = lane.row(from);
        self.open.insert(op, (client, lane.bars.len()));
        lane.bars.push(Bar {
            op,
            seq: event.seq,
            from,
            until: None,
            writes: request.is_write(),
            end: End::Open,
            node: None,
            point: None,
            row,
        });
        self.count += 1;
    }

    /// Forgets the earlier half of each lane.
    fn forget(&mut self) {
        let mut gone = BTreeMap::new();
        for (client, lane) in &mut self.lanes {
            let half = lane.bars.len() / 2;
            lane.bars.drain(..half);
            let first = lane.bars.first().map_or(f64::INFINITY, |bar| bar.from);
            lane.bad.retain(|(at, _)| *at >= first);
            gone.insert(*client, half);
            self.count -= half;
            self.hidden += half as u64;
        }
        self.open.retain(|_, (client, at)| {
            let gone = gone.get(client).copied().unwrap_or(0);
            let kept = *at >= gone;
            *at = at.saturating_sub(gone);
            kept
        });
    }
}

impl Lane {
    /// Returns the bars that may be seen between two moments.
    pub(super) fn between(&self, from: f64, to: f64) -> &[Bar] {
        let first = self.bars.partition_point(|bar| bar.from < from - self.longest);
        // One that is open began at any time.
        let first = self.bars[..first].iter().rposition(|bar| bar.until.is_none()).map_or(first, |open| {
            // A lost one far back is no reason to look at everything since.
            if first - open > LOOK_BACK { first } else { open }
        });
        let last = self.bars.partition_point(|bar| bar.from <= to);
        &self.bars[first..last.max(first)]
    }

    /// Returns those that did not go well and ended between two moments.
    pub(super) fn bad_between(&self, from: f64, to: f64) -> &[(f64, End)] {
        let first = self.bad.partition_point(|(at, _)| *at < from);
        let last = self.bad.partition_point(|(at, _)| *at < to);
        &self.bad[first..last.max(first)]
    }

    fn row(&mut self, from: f64) -> u8 {
        let free = self.free.iter().position(|free| *free <= from);
        let row = free.unwrap_or_else(|| self.free.len().min(ROWS_MAX - 1));
        if row == self.free.len() {
            self.free.push(f64::INFINITY);
        }
        self.free[row] = f64::INFINITY;
        self.rows = self.rows.max(row + 1);
        row as u8
    }

    fn end(&mut self, at: usize, until: f64, outcome: &Outcome, node: Option<NodeId>) {
        let Some(bar) = self.bars.get_mut(at) else { return };
        bar.end = match outcome {
            Outcome::Failed(_) => End::Refused,
            Outcome::NoAnswer => End::NoAnswer,
            Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => End::Ok,
        };
        (bar.until, bar.node) = (Some(until), node);
        self.longest = self.longest.max(until - bar.from);
        self.free[usize::from(bar.row)] = until;
        if bar.end != End::Ok {
            self.bad.push((until, bar.end));
        }
    }
}

/// How many bars before the first are searched for one that is open.
const LOOK_BACK: usize = 256;

#[cfg(test)]
mod tests {
    use cluster_core::{ids::LogIndex, spec::ClusterSpec, time::Timestamp};

    use super::*;

    fn store(kinds: Vec<(u64, EventKind)>) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        let event = |(seq, (at, kind))| TraceEvent { seq: Seq(seq), at: Timestamp(at * 1_000_000), cause: None, kind };
        store.append((0..).zip(kinds).map(event).collect());
        store
    }

    fn asked(op: u64, client: u16) -> EventKind {
        let request = Request::Put { key: "k".into(), value: "v".into() };
        EventKind::OpInvoked { op: OpId(op), client: ClientId(client), request }
    }

    fn heard(op: u64, outcome: Outcome) -> EventKind {
        EventKind::OpReturned { op: OpId(op), outcome, node: Some(NodeId(1)) }
    }

    #[test]
    fn operations_that_overlap_stand_in_rows_of_their_own() {
        let applied = Milestone::Applied { op: OpId(1), index: LogIndex(1) };
        let store = store(vec![
            (1, asked(1, 1)),
            (2, asked(2, 1)),
            (3, EventKind::Milestone { node: NodeId(1), milestone: applied }),
            (4, heard(1, Outcome::Written { at: LogIndex(1) })),
            (5, asked(3, 1)),
            (9, heard(2, Outcome::NoAnswer)),
        ]);
        let mut operations = Operations::default();
        assert!(operations.advance(&store, 2) && !operations.advance(&store, 100));
        let lane = &operations.lanes()[&ClientId(1)];
        let rows: Vec<_> = lane.bars.iter().map(|bar| (bar.op.0, bar.row, bar.end)).collect();
        assert_eq!(rows, [(1, 0, End::Ok), (2, 1, End::NoAnswer), (3, 0, End::Open)]);
        assert_eq!((lane.bars[0].point, lane.bars[1].point), (Some(0.003), None));
        assert_eq!(lane.bad, [(0.009, End::NoAnswer)]);
    }

    #[test]
    fn a_part_of_a_run_has_what_began_before_it_and_lasts() {
        let store = store(vec![
            (0, asked(1, 1)),
            (10, heard(1, Outcome::Written { at: LogIndex(1) })),
            (100, asked(2, 1)),
            (900, heard(2, Outcome::Written { at: LogIndex(2) })),
            (950, asked(3, 1)),
        ]);
        let mut operations = Operations::default();
        operations.advance(&store, 100);
        let lane = &operations.lanes()[&ClientId(1)];
        let seen = |from, to| lane.between(from, to).iter().map(|bar| bar.op.0).collect::<Vec<_>>();
        assert!(seen(0.5, 0.6).contains(&2) && !seen(0.5, 0.6).contains(&3));
        assert!(seen(2.0, 3.0).contains(&3), "it is still open");
    }
}
