//! A cluster that runs, live or simulated, as the source of a window.

use std::path::{Path, PathBuf};

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    origin::{BackendKind, Origin},
    session::{Session, SessionError, SessionOptions},
    spec::ClusterSpec,
    trace::TraceStore,
    until::Until,
};

use crate::source::{Source, Start};

/// A running cluster.
pub struct Live {
    spec: ClusterSpec,
    origin: Origin,
    session: Option<Session>,
    record: Option<PathBuf>,
    data_dir: Option<String>,
    told: Option<String>,
}

impl Live {
    /// Starts a run.
    pub fn start(start: Start, options: SessionOptions) -> Result<Self, SessionError> {
        let record = options.record.clone();
        let data_dir = options.data_dir.as_ref().map(|path| path.display().to_string());
        let (spec, origin, session) = match start {
            Start::Cluster(BackendKind::Live, spec) => {
                let session = Session::live((*spec).clone(), options)?;
                (*spec, Origin::default(), session)
            }
            Start::Cluster(BackendKind::Sim, spec) => {
                let session = Session::simulated((*spec).clone(), options)?;
                (*spec, Origin::of(BackendKind::Sim), session)
            }
            Start::Kept(kind, spec, record) => {
                let options = SessionOptions { record: Some(record), ..options };
                return Self::start(Start::Cluster(kind, spec), options);
            }
            Start::Fork(recipe, left) => {
                let spec = recipe.spec.clone();
                let session = Session::fork(*recipe, left.clone(), options)?;
                (spec, Origin { backend: BackendKind::Sim, branch: Some(left) }, session)
            }
            Start::Again(recipe) => {
                let spec = recipe.spec.clone();
                (spec, Origin::default(), Session::live_again(*recipe, options)?)
            }
        };
        Ok(Self { spec, origin, session: Some(session), record, data_dir, told: None })
    }
}

impl Source for Live {
    fn store(&mut self) -> TraceStore {
        let recorded = self.record.as_ref().and_then(|path| match TraceStore::with_file(self.spec.clone(), path) {
            Ok(store) => Some(store),
            Err(error) => {
                log::warn!("the window keeps the run in memory: {error}");
                None
            }
        });
        recorded.unwrap_or_else(|| TraceStore::of(self.spec.clone(), self.origin.clone()))
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        self.session.as_ref()?.try_batch()
    }

    fn send(&mut self, by: Author, command: Command) -> bool {
        self.session.as_ref().is_some_and(|session| session.send(by, command))
    }

    fn run_until(&mut self, by: Author, until: Until) -> bool {
        self.session.as_ref().is_some_and(|session| session.run_until(by, until))
    }

    fn is_waiting(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_waiting)
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

    fn recording(&self) -> Option<&Path> {
        self.record.as_deref()
    }

    fn trouble(&mut self) -> Option<String> {
        let trouble = self.session.as_ref()?.recording_trouble()?;
        let fresh = self.told.as_ref() != Some(&trouble);
        self.told = Some(trouble.clone());
        fresh.then_some(trouble)
    }

    fn finish(&mut self) -> Result<(), String> {
        let finished = self.session.take().map_or(Ok(()), Session::finish);
        finished.map_err(|error| error.to_string())
    }
}
