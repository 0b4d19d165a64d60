//! Where in the run the window looks: at its end, or at a cursor that stands or moves.

use cluster_core::{ids::Seq, time::Timestamp};

/// The moment that all views show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor {
    /// Whether the cursor is pinned to the end of the run.
    pub live: bool,
    /// The state shown is the fold of all events before this one.
    pub next: Seq,
    /// The moment shown: not before the last event shown, not after the next one.
    pub at: Timestamp,
    /// Whether recorded events are being played.
    pub playing: bool,
    /// Cluster seconds a second while playing.
    pub speed: f64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { live: true, next: Seq(0), at: Timestamp::ZERO, playing: false, speed: 1.0 }
    }
}
