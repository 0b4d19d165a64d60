//! Evidence: one file for each attempt, from which anybody can tell what it is worth.
//!
//! ```text
//! file    magic 8 · major u16 · minor u16 · records
//! record  kind u8 · length u32 · body · sha-256 of (the digest before it, kind, length, body)
//! ```
//!
//! The first record is the [`Head`], the last the [`Closing`]; between them stand the deeds of the learner and the recordings of
//! all phases, block by block. What speaks of people and labs is JSON, so that it can be looked at; recordings are what
//! [`crate::trace::Recording`] reads. Nothing in it is ever executed.
//!
//! The format is our own frames and not an archive, because an attempt is appended to while it goes on: the same records make the
//! file that survives a kill ([`AttemptLog`]) and the one that is handed in, and the chain of digests says which record was
//! changed. An archive has its directory at the end, and no order of its entries that could be proved.

mod error;
mod frame;
mod log;
mod read;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use error::EvidenceError;
pub use log::AttemptLog;
pub use read::{Break, Evidence, Kept};
pub use seal::seal;

use super::{GoalState, Lab, Score, drawn};
use crate::{origin::BackendKind, time::TimingProfile};

/// How the name of a file with evidence ends.
pub const EXTENSION: &str = "evidence";

/// What an attempt is an attempt at, and what it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The lab.
    pub lab: String,
    /// The version of its content.
    pub version: String,
    /// The pack that it came from, as `id@version`.
    pub pack: Option<String>,
    /// The digest of its `lab.toml`.
    pub definition: String,
    /// The version of the program.
    pub program: String,
    /// The seed of the attempt.
    pub seed: u64,
    /// What was drawn from it.
    pub params: BTreeMap<String, String>,
    /// The timing profile.
    pub profile: TimingProfile,
    /// What ran its clusters.
    pub backend: BackendKind,
    /// When it began, in milliseconds of Unix time.
    pub began_ms: u64,
    /// The script that made it, if no learner did.
    pub script: Option<String>,
    /// Who made it, as a class calls them.
    pub participant: Option<String>,
}

/// How an attempt ended, as the program saw it that made it. A grade does not hang on it: it is compared with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// When it ended, in milliseconds of Unix time.
    pub ended_ms: u64,
    /// How long the learner was at it, in milliseconds.
    pub active_ms: u64,
    /// How far each goal came.
    pub goals: Vec<GoalState>,
    /// The points for goals, for observations and for reflection.
    pub points: [u32; 3],
}

impl Head {
    /// Describes an attempt that begins.
    pub fn of(lab: &Lab, seed: u64, profile: TimingProfile, backend: BackendKind, began_ms: u64) -> Self {
        Self {
            lab: lab.id.clone(),
            version: lab.version.clone(),
            pack: lab.pack.clone(),
            definition: lab.definition.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            params: drawn(lab, seed),
            profile,
            backend,
            began_ms,
            script: None,
            participant: None,
        }
    }
}

impl Closing {
    /// Describes the end of an attempt.
    pub fn of(ended_ms: u64, active_ms: u64, goals: Vec<GoalState>, score: Score) -> Self {
        Self { ended_ms, active_ms, goals, points: [score.goals, score.observe, score.reflect] }
    }
}

/// Returns the digest of bytes, SHA-256 in hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
