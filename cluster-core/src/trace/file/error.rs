//! What can be wrong with a recording: what, where, and the remedy.

use std::{io, path::PathBuf};

use crate::ids::Seq;

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be made.
    #[error("cannot create the recording: {why}; choose a folder that exists and may be written to: {path}")]
    Create {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        why: io::Error,
    },
    /// The file cannot be written any more.
    #[error(
        "the recording ends before event {at}: {why}; free some space and start the next run, what was written before \
         stays readable: {path}"
    )]
    Write {
        /// Where.
        path: PathBuf,
        /// The first event that is not in it.
        at: Seq,
        /// What the operating system says.
        why: io::Error,
    },
    /// The file cannot be opened or read.
    #[error("cannot read the recording: {why}; check that it exists and may be read: {path}")]
    Read {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        why: io::Error,
    },
    /// The file is empty.
    #[error("the file is empty, no recording was ever begun in it; choose another file: {path}")]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("this is no recording of Faultline (its first bytes are others); choose another file: {path}")]
    NotARecording {
        /// Where.
        path: PathBuf,
    },
    /// The file comes from a later version of the program.
    #[error(
        "this recording has format {major}.{minor}, and this program reads up to {known}.x; open it with a later \
         version of Faultline: {path}"
    )]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
        /// The latest major version that is understood.
        known: u16,
    },
    /// It was written by an earlier version of the program, whose events had another form.
    #[error(
        "this recording has format {major}.{minor}, and this program reads {known}.x; open it with the version of \
         Faultline that wrote it, or record the run again: {path}"
    )]
    Older {
        /// Where.
        path: PathBuf,
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
        /// The major version that is understood.
        known: u16,
    },
    /// The header is damaged: what ran is not known.
    #[error("the header is damaged ({what}), so it is not known what ran; restore the file from a copy: {path}")]
    Header {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A block is damaged.
    #[error(
        "block {block} at byte {offset} is damaged ({what}); the {events} events before it can be read, for the rest \
         restore the file from a copy: {path}"
    )]
    Block {
        /// Where.
        path: PathBuf,
        /// The number of the block, from 0.
        block: usize,
        /// Where it begins.
        offset: u64,
        /// How many events precede it.
        events: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}
