//! The whole run at a glance: bands, marks, spans and lines, at a bounded number of points whatever its length.

use std::collections::BTreeMap;

use super::{Broken, ClusterState, LagTracker, Latencies, thin};
use crate::{
    event::{Conclusion, EventKind, Milestone, Outcome, RoleKind, TraceEvent, ViewChange},
    fault::LinkId,
    ids::{Epoch, NodeId, OpId, Seq},
    time::Timestamp,
};

/// How many buckets the series have, at most. Much more than a screen has pixels.
const BUCKETS_MAX: u64 = 4096;
/// The width of a bucket at the beginning.
const BUCKET_NANOS: u64 = 50_000_000;

/// What the tape and the charts are drawn from.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Who led in which epoch, from when; in order of time. A band ends where the next begins.
    pub bands: Vec<Band>,
    /// Moments worth a mark, in order of time.
    pub marks: Vec<Mark>,
    /// What was broken, in the order in which it broke.
    pub spans: Vec<Span>,
    /// The width of a bucket of the series, in nanoseconds of cluster time; doubles when there would be too many.
    pub bucket_nanos: u64,
    /// Per follower: how far behind the leader; bucket `i` covers `i * bucket_nanos ..`.
    pub lag: BTreeMap<NodeId, Vec<Lag>>,
    /// What clients saw, per bucket.
    pub service: Vec<Service>,
    /// What was left out of `bands`, `marks` and `spans` because there were too many.
    pub hidden: Hidden,
    /// What is needed to go on.
    pub fold: TimelineFold,
}

/// How many moments were too many to keep, by what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Short reigns, folded into the one before.
    pub bands: u64,
    /// Marks beside one of the same kind at the same node.
    pub marks: u64,
    /// Short faults.
    pub spans: u64,
}

/// What a timeline needs to go on, and nobody else.
#[derive(Clone, Debug, Default)]
pub struct TimelineFold {
    lags: LagTracker,
    /// Per bucket, beside `service`.
    latencies: Vec<Latencies>,
    open_spans: BTreeMap<Broken, usize>,
    open_ops: BTreeMap<OpId, Timestamp>,
    /// Where the current bucket ends.
    bucket_end: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            bands: Vec::new(),
            marks: Vec::new(),
            spans: Vec::new(),
            bucket_nanos: BUCKET_NANOS,
            lag: BTreeMap::new(),
            service: Vec::new(),
            hidden: Hidden::default(),
            fold: TimelineFold::default(),
        }
    }
}

/// A stretch of time in which a node led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// From when.
    pub from: Timestamp,
    /// The epoch.
    pub epoch: Epoch,
    /// Who led; `None` while nobody did.
    pub leader: Option<NodeId>,
}

/// A moment worth a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// The event.
    pub seq: Seq,
    /// What kind of moment.
    pub kind: MarkKind,
    /// Where, if at one node.
    pub node: Option<NodeId>,
}

/// Kinds of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// Somebody asked for votes.
    Election,
    /// Somebody was elected.
    Leader,
    /// A node went down or froze.
    Down,
    /// A node came up or goes on.
    Up,
    /// Entries were erased.
    Erased,
    /// The user broke or mended something.
    Command,
    /// A promise was found to be broken.
    Broken,
}

/// A stretch of time in which something was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What.
    pub what: Broken,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub until: Option<Timestamp>,
    /// The event by which it began.
    pub seq: Seq,
}

/// How far a follower is behind the leader: the greatest values in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Entries that the leader has and it has not.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The age of the oldest of them, in nanoseconds.
    pub nanos: u64,
}

/// What clients saw in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Operations that began.
    pub invoked: u32,
    /// That succeeded.
    pub ok: u32,
    /// That were refused.
    pub failed: u32,
    /// That got no answer.
    pub unanswered: u32,
    /// The median latency of those that succeeded, in nanoseconds.
    pub p50_nanos: u64,
    /// Their 99th percentile.
    pub p99_nanos: u64,
    /// Frames handed to links.
    pub frames: u32,
    /// Frames dropped.
    pub dropped: u32,
}

impl Timeline {
    /// Takes an event over; `state` is the state after it.
    pub fn apply(&mut self, event: &TraceEvent, state: &ClusterState) {
        if event.at.0 >= self.fold.bucket_end {
            self.advance(event.at);
        }
        self.on_service(event);
        match &event.kind {
            EventKind::FrameSent { .. } | EventKind::FrameDelivered { .. } | EventKind::FrameDropped { .. } => return,
            EventKind::ViewChanged { node, changes } => {
                if !changes.iter().any(ViewChange::is_reign) {
                    return;
                }
                self.on_role(*node, event.at, state);
            }
            // What is not most of a trace may take longer.
            _ => {
                self.on_leader(event);
                self.on_mark(event);
                self.on_broken(event, state);
            }
        }
        let (bucket, lag) = (self.service.len() - 1, &mut self.lag);
        self.fold.lags.apply(event, state, &mut |node, sample| raise(lag, node, bucket, sample));
    }

    /// Brings the lag of the current bucket up to this moment. To be called when events stop coming for a while.
    pub fn settle(&mut self, at: Timestamp) {
        let Some(bucket) = self.service.len().checked_sub(1) else { return };
        let lag = &mut self.lag;
        self.fold.lags.each(at, &mut |node, sample| raise(lag, node, bucket, sample));
    }

    /// Returns the lag of a node at the end of what was taken over.
    pub fn lag_at_end(&mut self, node: NodeId, at: Timestamp) -> Lag {
        self.fold.lags.lag(node, at)
    }

    /// Returns the bucket that covers a moment.
    pub fn bucket(&self, at: Timestamp) -> usize {
        (at.0 / self.bucket_nanos.max(1)) as usize
    }

    /// Makes room for a moment behind the current bucket.
    fn advance(&mut self, at: Timestamp) {
        while at.0 / self.bucket_nanos >= BUCKETS_MAX {
            self.halve();
        }
        let last = at.0 / self.bucket_nanos;
        while self.service.len() as u64 <= last {
            // What nobody caught up with is oldest where its bucket ends.
            self.settle(Timestamp(self.service.len() as u64 * self.bucket_nanos));
            self.service.push(Service::default());
            self.fold.latencies.push(Latencies::default());
        }
        self.fold.bucket_end = (last + 1).saturating_mul(self.bucket_nanos);
    }

    /// Doubles the width of the buckets.
    fn halve(&mut self) {
        self.bucket_nanos *= 2;
        for series in self.lag.values_mut() {
            *series = series.chunks(2).map(|pair| pair.iter().fold(Lag::default(), |a, b| a.max(*b))).collect();
        }
        let mut latencies = Vec::with_capacity(self.service.len().div_ceil(2));
        for pair in self.fold.latencies.chunks(2) {
            let mut both = pair[0].clone();
            pair[1..].iter().for_each(|other| both.merge(other));
            latencies.push(both);
        }
        let sum = |pair: &[Service]| pair.iter().fold(Service::default(), |a, b| a.plus(b));
        self.service = self.service.chunks(2).map(sum).collect();
        for (service, latencies) in self.service.iter_mut().zip(&latencies) {
            service.take_percentiles(latencies);
        }
        self.fold.latencies = latencies;
    }

    fn on_service(&mut self, event: &TraceEvent) {
        let (Some(service), Some(latencies)) = (self.service.last_mut(), self.fold.latencies.last_mut()) else {
            return;
        };
        match &event.kind {
            EventKind::FrameSent { .. } => service.frames += 1,
            EventKind::FrameDropped { .. } => service.dropped += 1,
            EventKind::OpInvoked { op, .. } => {
                service.invoked += 1;
                self.fold.open_ops.insert(*op, event.at);
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let invoked = self.fold.open_ops.remove(op);
                match outcome {
                    Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => {
                        service.ok += 1;
                        latencies.add(event.at.0.saturating_sub(invoked.unwrap_or(event.at).0));
                        service.take_percentiles(latencies);
                    }
                    Outcome::Failed(_) => service.failed += 1,
                    Outcome::NoAnswer => service.unanswered += 1,
                }
            }
            // Clients see nothing else.
            _ => {}
        }
    }

    /// A node that leads without a milestone (it was primary from the start), or does not lead any more.
    fn on_role(&mut self, node: NodeId, at: Timestamp, state: &ClusterState) {
        let Some(view) = state.nodes.get(&node).map(|node| &node.view) else { return };
        if view.role == RoleKind::Leader {
            self.begin_band(at, view.epoch, Some(node));
        } else {
            self.end_reign(node, at);
        }
    }

    fn on_leader(&mut self, event: &TraceEvent) {
        match &event.kind {
            EventKind::Milestone { node, milestone: Milestone::LeaderElected { epoch } } => {
                self.begin_band(event.at, *epoch, Some(*node));
            }
            EventKind::Milestone { node, milestone: Milestone::SteppedDown { epoch, .. } }
                if self.bands.last().is_some_and(|band| band.epoch <= *epoch) =>
            {
                self.end_reign(*node, event.at);
            }
            EventKind::NodeCrashed { node }
            | EventKind::NodeLostPower { node, .. }
            | EventKind::NodeStopped { node }
            | EventKind::NodeFailed { node, .. } => self.end_reign(*node, event.at),
            // A frozen leader still leads as far as anybody knows.
            _ => {}
        }
    }

    fn begin_band(&mut self, from: Timestamp, epoch: Epoch, leader: Option<NodeId>) {
        let last = self.bands.last();
        let stale = last.is_some_and(|band| band.epoch > epoch || (band.epoch, band.leader) == (epoch, leader));
        if !stale {
            self.bands.push(Band { from, epoch, leader });
            self.hidden.bands += thin::bands(&mut self.bands, self.bucket_nanos);
        }
    }

    fn end_reign(&mut self, node: NodeId, at: Timestamp) {
        if let Some(band) = self.bands.last().copied()
            && band.leader == Some(node)
        {
            self.begin_band(at, band.epoch, None);
        }
    }

    fn on_mark(&mut self, event: &TraceEvent) {
        let Some((kind, node)) = mark_of(event) else { return };
        self.marks.push(Mark { at: event.at, seq: event.seq, kind, node });
        self.hidden.marks += thin::marks(&mut self.marks, self.bucket_nanos);
    }

    fn on_broken(&mut self, event: &TraceEvent, state: &ClusterState) {
        match &event.kind {
            EventKind::LinkChanged { from, to, .. } | EventKind::ConnectionHalfOpened { from, to, .. } => {
                self.on_link(event, (*from, *to), state);
            }
            EventKind::ConnectionLost { from, to } => {
                // A client's connection carries both directions.
                self.on_link(event, (*from, *to), state);
                self.on_link(event, (*to, *from), state);
            }
            kind => {
                if let Some((what, broken)) = broken_by(kind) {
                    self.begin_or_end(event, what, broken);
                }
            }
        }
    }

    fn on_link(&mut self, event: &TraceEvent, link: LinkId, state: &ClusterState) {
        let broken = state.links.get(&link).is_some_and(|it| !it.rules.is_healthy() || it.half_open.is_some());
        self.begin_or_end(event, Broken::Link(link), broken);
    }

    fn begin_or_end(&mut self, event: &TraceEvent, what: Broken, broken: bool) {
        let open = self.fold.open_spans.get(&what).copied();
        match (open, broken) {
            (Some(at), false) => {
                self.fold.open_spans.remove(&what);
                self.spans[at].until = Some(event.at);
            }
            (None, true) if self.fold.open_spans.len() >= thin::KEPT_MAX / 2 => self.hidden.spans += 1,
            (None, true) => {
                self.spans.push(Span { what, from: event.at, until: None, seq: event.seq });
                self.fold.open_spans.insert(what, self.spans.len() - 1);
                let hidden = thin::spans(&mut self.spans, self.bucket_nanos);
                if hidden > 0 {
                    self.hidden.spans += hidden;
                    let open = self.spans.iter().enumerate().filter(|(_, span)| span.until.is_none());
                    self.fold.open_spans = open.map(|(at, span)| (span.what, at)).collect();
                }
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}

impl Lag {
    /// Returns the greater values of two.
    pub fn max(self, other: Self) -> Self {
        Self {
            entries: self.entries.max(other.entries),
            bytes: self.bytes.max(other.bytes),
            nanos: self.nanos.max(other.nanos),
        }
    }
}

impl Service {
    fn plus(mut self, other: &Self) -> Self {
        self.invoked += other.invoked;
        self.ok += other.ok;
        self.failed += other.failed;
        self.unanswered += other.unanswered;
        self.frames += other.frames;
        self.dropped += other.dropped;
        self
    }

    fn take_percentiles(&mut self, latencies: &Latencies) {
        (self.p50_nanos, self.p99_nanos) = (latencies.percentile(0.5), latencies.percentile(0.99));
    }
}

fn raise(lag: &mut BTreeMap<NodeId, Vec<Lag>>, node: NodeId, bucket: usize, sample: Lag) {
    let series = lag.entry(node).or_default();
    if series.len() <= bucket {
        series.resize(bucket + 1, Lag::default());
    }
    series[bucket] = series[bucket].max(sample);
}

fn mark_of(event: &TraceEvent) -> Option<(MarkKind, Option<NodeId>)> {
    let (kind, node) = match &event.kind {
        EventKind::Milestone { node, milestone } => match milestone {
            Milestone::ElectionStarted { .. } => (MarkKind::Election, node),
            Milestone::LeaderElected { .. } => (MarkKind::Leader, node),
            Milestone::EntriesErased { .. } => (MarkKind::Erased, node),
            // The other news are read in the list of events.
            _ => return None,
        },
        EventKind::NodeCrashed { node }
        | EventKind::NodeLostPower { node, .. }
        | EventKind::NodeStopped { node }
        | EventKind::NodeFailed { node, .. }
        | EventKind::NodeFroze { node } => (MarkKind::Down, node),
        EventKind::NodeUnfroze { node } => (MarkKind::Up, node),
        // The first start of a member is no news.
        EventKind::NodeStarted { node, incarnation, .. } if *incarnation > 0 => (MarkKind::Up, node),
        EventKind::CommandIssued { command, .. } if super::is_fault_command(command) => {
            return Some((MarkKind::Command, None));
        }
        EventKind::Found { finding } if finding.conclusion == Conclusion::Violated => {
            return Some((MarkKind::Broken, None));
        }
        // The tape is for what changes the course of the run.
        _ => return None,
    };
    Some((kind, Some(*node)))
}

/// Returns what an event breaks (`true`) or mends (`false`), apart from the half-open ends of links.
pub(crate) fn broken_by(kind: &EventKind) -> Option<(Broken, bool)> {
    match kind {
        EventKind::LinkChanged { from, to, rules } => Some((Broken::Link((*from, *to)), !rules.is_healthy())),
        EventKind::NodeCrashed { node }
        | EventKind::NodeLostPower { node, .. }
        | EventKind::NodeStopped { node }
        | EventKind::NodeFroze { node }
        | EventKind::NodeFailed { node, .. } => Some((Broken::Node(*node), true)),
        EventKind::NodeStarted { node, .. } | EventKind::NodeUnfroze { node } => Some((Broken::Node(*node), false)),
        EventKind::NodeFaultsChanged { node, part, faults } => {
            Some((Broken::Machine(*node, *part), !faults.is_healthy(*part)))
        }
        // Nothing else breaks or mends anything.
        _ => None,
    }
}
