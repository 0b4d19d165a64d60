//! The trace: what was recorded, and everything that can be folded from it.

mod archive;
mod checkpoints;
pub mod file;
mod lag;
mod latency;
mod line;
mod log;
mod recorder;
mod state;
mod store;
#[cfg(test)]
mod synthetic;
mod thin;
mod timeline;

pub use file::{Recording, RecordingError, RecordingSink, RecordingWriter};
pub use lag::LagTracker;
pub use latency::Latencies;
pub use line::{line, rules_words};
pub use log::LogTail;
pub use recorder::{Recorder, Sink};
pub use state::{
    AFTERGLOW, Broken, ClientState, ClusterState, Dropped, Flight, LinkState, NodeState, NodeStatus, OpState,
    TrackedFault, is_fault_command,
};
pub use store::TraceStore;
pub use timeline::{Band, Hidden, Lag, Mark, MarkKind, Service, Span, Timeline, TimelineFold};
