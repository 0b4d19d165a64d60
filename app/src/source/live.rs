//! A cluster that runs in this program, as a source of events.

use std::path::PathBuf;

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    session::{Session, SessionError, SessionOptions},
    spec::ClusterSpec,
    trace::TraceStore,
};

use super::Source;

/// A cluster that runs in this program. It stops when this is finished or dropped.
pub struct Live {
    session: Option<Session>,
    store: Option<TraceStore>,
    data_dir: Option<String>,
    told: bool,
}

impl Live {
    /// Starts a cluster.
    pub fn start(spec: ClusterSpec, options: SessionOptions) -> Result<Self, SessionError> {
        let record: Option<PathBuf> = options.record.clone();
        let data_dir = options.data_dir.as_ref().map(|dir| dir.display().to_string());
        let session = Session::live(spec.clone(), options)?;
        let store = match record {
            Some(path) => TraceStore::with_file(spec, &path)?,
            None => TraceStore::new(spec),
        };
        Ok(Self { session: Some(session), store: Some(store), data_dir, told: false })
    }
}

impl Source for Live {
    fn store(&mut self) -> TraceStore {
        self.store.take().unwrap_or_else(|| TraceStore::new(ClusterSpec::default()))
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        self.session.as_ref()?.try_batch()
    }

    fn send(&mut self, by: Author, command: Command) -> bool {
        self.session.as_ref().is_some_and(|session| session.send(by, command))
    }

    fn commandable(&self) -> bool {
        self.session.is_some()
    }

    fn behind(&self) -> u64 {
        self.session.as_ref().map_or(0, Session::behind)
    }

    fn data_dir(&self) -> Option<&str> {
        self.data_dir.as_deref()
    }

    fn trouble(&mut self) -> Option<String> {
        if self.told {
            return None;
        }
        let trouble = self.session.as_ref()?.recording_trouble();
        self.told = trouble.is_some();
        trouble
    }

    fn finish(&mut self) -> Result<(), String> {
        self.session.take().map_or(Ok(()), |session| session.finish().map_err(|error| error.to_string()))
    }
}
