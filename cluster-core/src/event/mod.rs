//! What happened: the vocabulary of the trace, the only thing that views, checkers, goals and files see.

mod finding;
mod kind;
mod membership;
mod milestone;
mod view;

use serde::{Deserialize, Serialize};

pub use finding::{Conclusion, Finding};
pub use kind::{DiskHarm, EventKind, Family, MessageInfo, NodeFailure, Outcome};
pub use membership::{DetectorView, Incarnation, MemberStatus, Opinion};
pub use milestone::Milestone;
pub use view::{EntryBrief, EntryKind, NodeView, PeerView, RoleKind, SnapshotView, TimerView, ViewChange};

use crate::{ids::Seq, time::Timestamp};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Its number: events are counted without gaps in the order in which they happened.
    pub seq: Seq,
    /// When, in cluster time. Never decreases.
    pub at: Timestamp,
    /// The earlier event that led to it.
    pub cause: Option<Seq>,
    /// What.
    pub kind: EventKind,
}
