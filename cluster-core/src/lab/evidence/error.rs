//! Why evidence cannot be written or read: which file, what, and what to do.

use std::{io, path::PathBuf};

use crate::trace::RecordingError;

/// Why evidence cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// It cannot be written.
    #[error("evidence cannot be written: {why}; free space, or choose another folder: {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// It cannot be read.
    #[error("evidence cannot be read: {why}; check that the file is there and may be read: {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// It is something else.
    #[error("this is no evidence of an attempt; give files that end in .evidence: {path}")]
    NotEvidence {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a later program.
    #[error(
        "this evidence has format {major}, and this program reads up to {known}; take a later version of it: {path}"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        major: u16,
        /// What is read.
        known: u16,
    },
    /// It is too large to be read.
    #[error("{what} is larger than any attempt makes it, so this file is not read; ask for the file anew: {path}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What.
        what: &'static str,
    },
    /// Its beginning is missing or makes no sense: nothing can be said about it.
    #[error("its first record does not say what it is an attempt at ({why}); ask for the file anew: {path}")]
    Head {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A recording of a phase cannot be put into it, or taken out.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}
