//! Fault scripts: a small text file of timed verbs, the same verbs as everywhere in the program.
//!
//! ```text
//! # Crash the leader, then cut the next one off with one follower.
//! at 5s  crash @leader
//! at 8s  partition @leader,@follower[0] | rest
//! at 12s heal
//! at 14s restart all
//! ```
//!
//! Times are cluster time since the start of the run; lines may stand in any order. Nodes are named by number (`n3`),
//! clients too (`c1`), or by what they are when the moment comes (`@leader`, `@primary`, `@follower[0]`, `@random`).

mod cursor;
mod error;
mod machine;
mod message;
mod parse;
mod parse_link;
mod resolve;
#[cfg(test)]
mod tests;
mod verb;

pub use error::{ScriptError, Unresolved, did_you_mean};
pub use message::{MessageVerb, Wanted, Which};
pub use parse::parse_duration;
pub use parse_link::parse_bytes;
pub use verb::{HealWhat, Links, Selector, Timed, VERBS, Verb, VerbRow, shape_words, verbs};

use std::time::Duration;

/// A script that was read without a mistake, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Where it came from, for messages.
    pub file: String,
    /// Its lines.
    pub timed: Vec<Timed>,
}

impl Script {
    /// Reads a script; `file` is what messages call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScriptError> {
        let mut timed = Vec::new();
        for (at, line) in text.lines().enumerate() {
            timed.extend(parse::line(file, at + 1, line)?);
        }
        // Stable: lines of the same moment keep their order.
        timed.sort_by_key(|timed: &Timed| timed.at);
        parse::check_pauses(file, text, &timed)?;
        Ok(Self { file: file.to_owned(), timed })
    }

    /// Returns when its last line is due.
    pub fn end(&self) -> Duration {
        self.timed.last().map_or(Duration::ZERO, |timed| timed.at)
    }
}
