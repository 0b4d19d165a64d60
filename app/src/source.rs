//! Where events come from: a cluster that runs, or a recording. The one place that knows the difference.

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    spec::ClusterSpec,
};

/// Where the events of the window come from.
pub trait Source {
    /// Returns the cluster that runs, or ran.
    fn spec(&self) -> &ClusterSpec;
    /// Returns the next events, if some are there. Never waits.
    fn poll(&mut self) -> Option<Vec<TraceEvent>>;
    /// Asks something of the cluster.
    fn send(&mut self, by: Author, command: Command);
    /// Returns whether there is a cluster that takes commands.
    fn commandable(&self) -> bool;
    /// Returns how many events wait that the window has not taken over yet.
    fn behind(&self) -> u64;
    /// Returns the folder of the nodes' data, if there is one.
    fn data_dir(&self) -> Option<&str>;
    /// Ends the cluster in good order.
    fn finish(&mut self);
}

/// A recording: events that happened before, and nothing that takes commands.
pub struct Recording {
    spec: ClusterSpec,
    events: Option<Vec<TraceEvent>>,
}

impl Recording {
    /// Makes a source of events that happened before.
    pub fn new(spec: ClusterSpec, events: Vec<TraceEvent>) -> Self {
        Self { spec, events: Some(events) }
    }
}

impl Source for Recording {
    fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    fn poll(&mut self) -> Option<Vec<TraceEvent>> {
        self.events.take()
    }

    fn send(&mut self, _: Author, _: Command) {}

    fn commandable(&self) -> bool {
        false
    }

    fn behind(&self) -> u64 {
        0
    }

    fn data_dir(&self) -> Option<&str> {
        None
    }

    fn finish(&mut self) {}
}
