//! Writes the run of a finding to a recording that ends where the promise is broken.

use std::path::Path;

use super::{Check, Trial, Watch};
use crate::{
    origin::{BackendKind, Origin},
    spec::SpecError,
    trace::{RecordingError, RecordingWriter},
};

/// Why a run could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The cluster cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] RecordingError),
}

/// Runs a trial once more, into a recording. `created_unix_ms` is what the file says about when it was made.
pub fn record(trial: &Trial, checks: &[Check], path: &Path, created_unix_ms: u64) -> Result<(), RecordError> {
    let mut writer = RecordingWriter::create_of(path, &trial.spec, &Origin::of(BackendKind::Sim), created_unix_ms)?;
    let mut trouble = None;
    trial.run(&mut Watch::new(&trial.spec, checks), &mut |event| {
        if trouble.is_none() {
            trouble = writer.write(std::slice::from_ref(event)).err();
        }
    })?;
    match trouble {
        Some(error) => Err(error.into()),
        None => Ok(writer.finish()?),
    }
}
