//! Why something is as it is: the chain of causes, back to the fault, the command or the timer at its root.
//!
//! Events carry the event that led to them, and the chain follows those. Where the cause is an absence (a timer ran out
//! because nothing was heard), the chain names what was heard last, and the fault that kept the rest away.

mod absence;
mod ops;
mod subject;
#[cfg(test)]
mod tests;
mod walk;

use serde::Serialize;

pub use subject::{Subject, SubjectError};

use self::walk::Walk;
use super::TraceStore;
use crate::{ids::Seq, time::Timestamp};

/// What is asked about, and why it is so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// What is asked about, in words.
    pub subject: String,
    /// The causes, each before what led to it; the last one is a root.
    pub chain: Vec<Because>,
}

/// One link of a chain of causes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Because {
    /// The event.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
    /// What kind of cause it is.
    pub kind: BecauseKind,
    /// What happened, in one plain sentence without a period.
    pub sentence: String,
}

/// What kind of cause something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BecauseKind {
    /// What the protocol did.
    Protocol,
    /// A message that came.
    Message,
    /// A timer that ran out.
    Timer,
    /// Something that was not heard.
    Silence,
    /// Something is broken.
    Fault,
    /// Somebody asked for it.
    Command,
    /// What a client did or saw.
    Client,
}

/// A chain is cut after this many links.
const LINKS_MAX: usize = 64;

/// Returns why something is so, as seen at a cursor: events from `next` on are not known. `epoch_word` is the protocol's
/// word for its epochs, such as `term`.
pub fn why(store: &TraceStore, next: Seq, subject: Subject, epoch_word: &str) -> Result<Why, SubjectError> {
    let mut walk = Walk::new(store, next.min(store.len()), epoch_word);
    let words = walk.start(subject)?;
    Ok(Why { subject: words, chain: walk.finish() })
}
