//! Where events come from: a cluster that runs, or a recording. The one place that knows the difference.

use std::path::{Path, PathBuf};

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    origin::{BackendKind, Branch},
    spec::ClusterSpec,
    trace::{Recipe, TraceStore},
    until::Until,
};

/// What a window can start.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// A cluster from its beginning.
    Cluster(BackendKind, Box<ClusterSpec>),
    /// A cluster from its beginning, recorded to this file.
    Kept(BackendKind, Box<ClusterSpec>, PathBuf),
    /// A simulated run up to a moment, to go on differently from there.
    Fork(Box<Recipe>, Branch),
    /// Real nodes of which the same is asked at the same cluster times as in an earlier run.
    Again(Box<Recipe>),
}

/// Where the events of the window come from.
pub trait Source {
    /// Returns the run as far as it is known at the start; asked for once.
    fn store(&mut self) -> TraceStore;
    /// Returns the next events, if some are there. Never waits.
    fn poll(&mut self) -> Option<Vec<TraceEvent>>;
    /// Asks something of the cluster. Returns whether it was heard: not if the cluster has ended.
    fn send(&mut self, by: Author, command: Command) -> bool;
    /// Lets a simulated cluster go until something happens. Returns whether it was heard.
    fn run_until(&mut self, _by: Author, _until: Until) -> bool {
        false
    }
    /// Returns whether the cluster is let go until something happens.
    fn is_waiting(&self) -> bool {
        false
    }
    /// Returns whether there is a cluster that takes commands.
    fn commandable(&self) -> bool;
    /// Returns how many events wait that the window has not taken over yet.
    fn behind(&self) -> u64;
    /// Returns the folder of the nodes' data, if there is one.
    fn data_dir(&self) -> Option<&str>;
    /// Returns what the user should know, once.
    fn trouble(&mut self) -> Option<String>;
    /// Returns the file to which the run is recorded, or was read from.
    fn recording(&self) -> Option<&Path> {
        None
    }
    /// Ends the cluster in good order, or says what was not in order.
    fn finish(&mut self) -> Result<(), String>;
}

/// A recording: events that happened before, and nothing that takes commands.
pub struct Recording {
    store: Option<TraceStore>,
    file: Option<PathBuf>,
}

impl Recording {
    /// Makes a source of a run that is over and is in no file.
    pub fn new(store: TraceStore) -> Self {
        Self { store: Some(store), file: None }
    }

    /// Reads a recording.
    pub fn open(file: &Path) -> Result<Self, String> {
        let store = TraceStore::open(file).map_err(|error| error.to_string())?;
        Ok(Self::of(store, file.to_owned()))
    }

    /// Returns what is missing of a recording that was cut off or damaged.
    pub fn damage(&self) -> Option<String> {
        self.store.as_ref().and_then(TraceStore::damage)
    }

    /// Makes a source of a run that is over, as `TraceStore::open` returns it for that file.
    pub fn of(store: TraceStore, file: PathBuf) -> Self {
        Self { store: Some(store), file: Some(file) }
    }
}

impl Source for Recording {
    fn store(&mut self) -> TraceStore {
        self.store.take().unwrap_or_else(|| TraceStore::new(ClusterSpec::default()))
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        None
    }

    fn send(&mut self, _: Author, _: Command) -> bool {
        false
    }

    fn commandable(&self) -> bool {
        false
    }

    fn behind(&self) -> u64 {
        0
    }

    fn data_dir(&self) -> Option<&str> {
        None
    }

    fn trouble(&mut self) -> Option<String> {
        None
    }

    fn recording(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}
