//! Recordings in the formats of other tools, written event by event in bounded memory.
//!
//! | format | for whom |
//! | --- | --- |
//! | `jsonl` | scripts: an event a line, by the schema `cluster-core/schema/events.schema.json` |
//! | `shiviz` | ShiViz, with its default parser expression |
//! | `chrome` | Perfetto and `chrome://tracing` |
//! | `csv` | spreadsheets: what clients saw and how far followers lag, over time |
//! | `etcd-ndjson` | the TLA+ trace validation of etcd's Raft |
//!
//! A history for Jepsen is made of what clients saw, so `check` makes it.

mod chrome;
mod csv;
mod etcd;
mod file;
mod jsonl;
mod shiviz;

use std::io::{self, Write};

pub use chrome::Chrome;
pub use csv::Csv;
pub use etcd::{EtcdNdjson, FieldsOf};
pub use file::{ExportError, OutFile};
pub use jsonl::Jsonl;
pub use shiviz::{SHIVIZ_EXPRESSION, Shiviz};

use crate::{event::TraceEvent, spec::ClusterSpec};

/// Writes a run in one format.
pub trait Exporter {
    /// Writes what comes before all events.
    fn begin(&mut self, spec: &ClusterSpec, out: &mut dyn Write) -> io::Result<()>;
    /// Writes what an event says; they come in order.
    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()>;
    /// Writes what comes after all events.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}
