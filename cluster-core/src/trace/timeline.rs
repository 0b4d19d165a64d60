//! The whole run at a glance: bands, marks, spans and lines, at a bounded number of points whatever its length.

use crate::{
    event::TraceEvent,
    ids::{Epoch, NodeId, Seq},
    time::Timestamp,
    trace::{Broken, ClusterState},
};

/// What the tape and the charts are drawn from.
#[derive(Clone, Debug, Default)]
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
    pub lag: std::collections::BTreeMap<NodeId, Vec<Lag>>,
    /// What clients saw, per bucket.
    pub service: Vec<Service>,
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
    pub fn apply(&mut self, _event: &TraceEvent, _state: &ClusterState) {}
}
