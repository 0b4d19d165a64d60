//! The trace: what was recorded, and everything that can be folded from it.

mod archive;
mod availability;
mod by_hand;
pub mod causality;
mod checkpoints;
mod compare;
mod conflicts;
mod effects;
pub mod export;
pub mod file;
#[cfg(test)]
mod fold_tests;
pub mod import;
mod lag;
mod latency;
mod ledger;
mod line;
mod log;
mod machine;
mod metrics;
mod narrate;
mod op_log;
mod parts;
mod recent;
mod recipe;
mod recorder;
mod state;
mod store;
mod summary;
#[cfg(test)]
mod synthetic;
mod thin;
mod timeline;
mod undo;
mod why;

pub use availability::{Availability, FaultService, Served};
pub use by_hand::{HeldFrame, TrapState};
pub use compare::{Differ, Difference, Sameness, StateDifference, are_same, state_differences};
pub use conflicts::Conflicts;
pub use effects::Effects;
pub use file::{Recording, RecordingError, RecordingSink, RecordingWriter};
pub use lag::LagTracker;
pub use latency::Latencies;
pub use ledger::{Acknowledged, Fate, Fates, Ledger};
pub use line::{fault_words, line, rules_words};
pub use log::LogTail;
pub use machine::{ailment_words, count_lines, counter_words, disk_words};
pub use metrics::{Metrics, OPENMETRICS_TYPE};
pub use narrate::sentence;
pub use recent::{Numbered, Recent};
pub use recipe::{Asked, Recipe};
pub use recorder::{Observer, Recorder, Sink, Tap};
pub use state::{
    AFTERGLOW, Broken, ClientState, ClusterState, Dropped, Flight, LinkState, NodeState, NodeStatus, OpState,
    PromiseState, TrackedFault, Visitor, is_fault_command,
};
pub use store::TraceStore;
pub use summary::{Election, Found, LostWrite, MaxLag, Summarizer, Summary};
pub(crate) use timeline::broken_by;
pub use timeline::{Band, Hidden, Lag, Mark, MarkKind, Service, Span, Timeline, TimelineFold};
pub use undo::{CannotUndo, undo};
pub use why::{Because, BecauseKind, Subject, SubjectError, Why, why};
