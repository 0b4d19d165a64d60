//! The trace: what was recorded, and everything that can be folded from it.

pub mod file;
mod line;
mod log;
mod recorder;
mod state;
mod store;
mod timeline;

pub use file::{Recording, RecordingError, RecordingSink, RecordingWriter};
pub use line::{line, rules_words};
pub use log::LogTail;
pub use recorder::{Recorder, Sink};
pub use state::{
    AFTERGLOW, Broken, ClientState, ClusterState, Dropped, Flight, LinkState, NodeState, NodeStatus, OpState,
    TrackedFault, is_fault_command,
};
pub use store::TraceStore;
pub use timeline::{Band, Lag, Mark, MarkKind, Service, Span, Timeline};
