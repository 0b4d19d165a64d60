//! Logs of others as runs: the same views show them, as far as they tell what a view is about.
//!
//! A log is read line by line; what is kept of it is bounded, and a longer one is refused with the line where it is too
//! long. Histories of clients are made into runs by `check`, which knows their formats.

mod etcd;
mod lines;
mod shiviz;
#[cfg(test)]
mod tests;

pub use etcd::read_etcd;
pub use shiviz::read_shiviz;

use crate::{event::TraceEvent, name::Name, spec::ClusterSpec};

/// A run that others logged.
#[derive(Debug)]
pub struct Foreign {
    /// Its nodes. The knobs say what the log calls them.
    pub spec: ClusterSpec,
    /// Its events.
    pub events: Vec<TraceEvent>,
}

/// What is wrong with a log: which line, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ImportError {
    /// The line of the file, from 1.
    pub line: u64,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// The name under which a node shows what its log says.
pub const LOGGED: Name = Name::new("logged");

/// More events than this are not taken from a log.
const EVENTS_MAX: usize = 2_000_000;
/// What a log says of one event is kept up to this length.
const TEXT_KEPT: usize = 160;

/// Returns a text as far as it is kept.
fn kept(text: &str) -> String {
    if text.len() <= TEXT_KEPT {
        return text.to_owned();
    }
    let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= TEXT_KEPT).last().unwrap_or(0);
    format!("{}…", &text[..cut])
}
