//! A running cluster from the outside: commands in, batches of events out, an orderly end.

mod metrics;
mod recording;
mod simulated;

pub use crate::live::DoorPorts;

use std::{
    collections::VecDeque,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tempfile::TempDir;

use self::{
    metrics::{MetricsServer, SharedMetrics},
    recording::{Recording, Shared},
    simulated::{SimAsk, SimCluster},
};
use crate::{
    check::Observers,
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::Proof,
    live::{self, Ask, LiveCluster},
    origin::{BackendKind, Branch, Origin},
    registry,
    spec::{ClusterSpec, SpecError},
    trace::{Asked, Metrics, Recipe, Recorder, RecordingError, RecordingSink, RecordingWriter},
    until::Until,
};

/// A cluster that runs on threads of its own. It stops when this is finished or dropped.
pub struct Session {
    cluster: Option<Engine>,
    recording: Option<JoinHandle<()>>,
    batches: Option<Receiver<Vec<TraceEvent>>>,
    shared: Arc<Shared>,
    metrics: Option<MetricsServer>,
    /// Removed with everything in it at the end.
    scratch: Option<TempDir>,
}

/// What runs the cluster.
enum Engine {
    Live(LiveCluster),
    Sim(SimCluster),
}

impl Engine {
    /// Asks something; never waits. Returns whether it was heard.
    fn command(&self, by: Author, command: Command) -> bool {
        match self {
            Self::Live(cluster) => cluster.ask(Ask::Command(by, command)),
            Self::Sim(cluster) => cluster.ask(SimAsk::Command(by, command)),
        }
    }

    fn finish(&self) {
        let _has_ended = match self {
            Self::Live(cluster) => cluster.ask(Ask::Finish),
            Self::Sim(cluster) => cluster.ask(SimAsk::Finish),
        };
    }

    fn join(self) -> bool {
        match self {
            Self::Live(cluster) => cluster.join(),
            Self::Sim(cluster) => cluster.join(),
        }
    }
}

/// How a session runs.
#[derive(Default)]
pub struct SessionOptions {
    /// Where to write the recording; none is written if absent.
    pub record: Option<PathBuf>,
    /// Where the nodes keep their data; a temporary folder, removed at the end, if absent.
    pub data_dir: Option<PathBuf>,
    /// The port of the first node; those of the others follow. Any free ports if absent.
    pub base_port: Option<u16>,
    /// Where nodes take clients of the Redis protocol.
    pub doors: DoorPorts,
    /// The port on which numbers for dashboards can be asked for, 0 for a free one; none if absent.
    pub metrics_port: Option<u16>,
    /// About how many events may wait for the window before the recording thread keeps them.
    pub channel_events: Option<usize>,
    /// Called, on another thread, when there are events to take, and at the end.
    pub wake: Option<Box<dyn Fn() + Send>>,
    /// Throws all events away where they happen, but for the beginnings and ends of operations: to measure what recording
    /// costs.
    pub recording_off: bool,
}

/// Why a session could not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The cluster cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A port cannot be used.
    #[error("port {port} of {node}: {why}; free it, or choose another first port")]
    Port {
        /// The port.
        port: u16,
        /// Whose it would be.
        node: crate::ids::NodeId,
        /// What the system says.
        why: io::Error,
    },
    /// The port for dashboards cannot be used.
    #[error("port {port} for metrics: {why}; free it, or choose another")]
    MetricsPort {
        /// The port.
        port: u16,
        /// What the system says.
        why: io::Error,
    },
    /// Two ranges of ports overlap.
    #[error("the ports from {base} on for nodes and those from {doors} on for Redis clients overlap; choose others")]
    PortsOverlap {
        /// The first port of the nodes.
        base: u16,
        /// The first port for Redis clients.
        doors: u16,
    },
    /// The ports run out.
    #[error("{nodes} nodes do not fit above port {base}; choose a lower first port")]
    PortsEnd {
        /// How many ports are needed.
        nodes: usize,
        /// The first.
        base: u16,
    },
    /// The data folder cannot be used.
    #[error("data folder: {why}; choose one that can be written: {}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The system gives no more threads.
    #[error("cannot start the cluster: {0}; end other programs, or give it fewer nodes")]
    Thread(#[source] io::Error),
    /// A programming mistake ended the cluster; its threads said which.
    #[error("the cluster ended by a mistake in this program; the recording is sound up to there")]
    Broken,
}

/// What waiting for events came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Events, in order.
    Batch(Vec<TraceEvent>),
    /// None so far.
    Nothing,
    /// There will be no more.
    Ended,
}

/// How many batches the cluster may be ahead of the recording thread before it waits.
const AHEAD_MAX: usize = 4096;
/// How many batches may wait for the window, unless told otherwise.
const WAITING_EVENTS: usize = 64 * BATCH_EVENTS;
/// About how many events a full batch has.
const BATCH_EVENTS: usize = 1024;

impl Session {
    /// Starts real nodes on this machine.
    pub fn live(spec: ClusterSpec, options: SessionOptions) -> Result<Self, SessionError> {
        Self::live_asking(spec, Vec::new(), options)
    }

    /// Starts real nodes and asks of them what a recipe says, at the same cluster times. What comes of it may differ:
    /// real time is never twice the same. Commands to the clock are left out.
    pub fn live_again(recipe: Recipe, options: SessionOptions) -> Result<Self, SessionError> {
        let mut again = recipe.asked;
        again.retain(|asked| !Recipe::is_of_the_clock(&asked.command));
        Self::live_asking(recipe.spec, again, options)
    }

    fn live_asking(spec: ClusterSpec, again: Vec<Asked>, options: SessionOptions) -> Result<Self, SessionError> {
        registry::check(&spec)?;
        check_ports(&spec, options.base_port)?;
        check_ports(&spec, options.doors.base())?;
        if let (Some(base), Some(doors)) = (options.base_port, options.doors.base())
            && usize::from(base.abs_diff(doors)) < spec.nodes.len()
        {
            return Err(SessionError::PortsOverlap { base, doors });
        }
        let (folder, scratch) = data_folder(options.data_dir.clone())?;
        let (base_port, doors) = (options.base_port, options.doors);
        let mut session = Self::record(&spec, &Origin::default(), options, |recorder, _| {
            LiveCluster::start(spec.clone(), folder, base_port, doors, again, recorder).map(Engine::Live)
        })?;
        session.scratch = scratch;
        Ok(session)
    }

    /// Starts a simulated cluster. Its time goes as the wall clock does, at the rate it is asked for.
    ///
    /// Ports and folders of the options mean nothing to it.
    pub fn simulated(spec: ClusterSpec, options: SessionOptions) -> Result<Self, SessionError> {
        registry::check(&spec)?;
        let origin = Origin::of(BackendKind::Sim);
        Self::record(&spec, &origin, options, |recorder, shared| {
            SimCluster::start(spec.clone(), None, recorder, shared).map(Engine::Sim)
        })
    }

    /// Executes a simulated run again up to where its recipe ends, as fast as the machine goes, and stands still there:
    /// from then on it is a cluster like any other. `left` says which run it leaves.
    pub fn fork(recipe: Recipe, left: Branch, options: SessionOptions) -> Result<Self, SessionError> {
        registry::check(&recipe.spec)?;
        let origin = Origin { backend: BackendKind::Sim, branch: Some(left) };
        let spec = recipe.spec.clone();
        Self::record(&spec, &origin, options, |recorder, shared| {
            SimCluster::start(spec.clone(), Some(recipe), recorder, shared).map(Engine::Sim)
        })
    }

    /// Starts the thread that records, then the cluster.
    fn record(
        spec: &ClusterSpec,
        origin: &Origin,
        options: SessionOptions,
        start: impl FnOnce(Recorder, Arc<Shared>) -> io::Result<Engine>,
    ) -> Result<Self, SessionError> {
        let create = |path: PathBuf| RecordingWriter::create_of(&path, spec, origin, unix_millis());
        let file = options.record.map(create).transpose()?;
        let metrics = options.metrics_port.map(|port| start_metrics(port, spec)).transpose()?;
        let (metrics_server, metrics) = metrics.unzip();

        let shared = Arc::new(Shared::default());
        let (ahead, input) = bounded(AHEAD_MAX);
        let (output, batches) = bounded((options.channel_events.unwrap_or(WAITING_EVENTS) / BATCH_EVENTS).max(1));
        let recording = Recording {
            input,
            output,
            file: file.map(RecordingSink::new),
            metrics,
            wake: options.wake,
            shared: Arc::clone(&shared),
            backlog: VecDeque::new(),
        };
        let recording = thread::Builder::new()
            .name("faultline-recorder".to_owned())
            .spawn(|| recording.run())
            .map_err(SessionError::Thread)?;
        let recorder = Recorder::new(move |mut batch: Vec<TraceEvent>| {
            if options.recording_off {
                batch.retain(|event| is_of_an_operation(&event.kind));
            }
            // The recording thread outlives the cluster, unless it broke; that is found out at the end.
            if !batch.is_empty() {
                drop(ahead.send(batch));
            }
        });
        let recorder =
            if options.recording_off { recorder } else { recorder.observed_by(Box::new(Observers::of(spec))) };
        let cluster = start(recorder, Arc::clone(&shared)).map_err(SessionError::Thread)?;
        Ok(Self {
            cluster: Some(cluster),
            recording: Some(recording),
            batches: Some(batches),
            shared,
            metrics: metrics_server,
            scratch: None,
        })
    }

    /// Asks something of the cluster; never waits. Returns whether it was heard: not if the cluster has ended, or is
    /// thousands of commands behind.
    pub fn send(&self, by: Author, command: Command) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.command(by, command))
    }

    /// Lets a simulated cluster go as fast as the machine does until something happens; then it stands still. A pause
    /// ends the wait. Returns whether it was heard: a live cluster is let go step by step, by who watches it.
    pub fn run_until(&self, by: Author, until: Until) -> bool {
        match &self.cluster {
            Some(Engine::Sim(cluster)) => cluster.ask(SimAsk::RunUntil(by, until)),
            Some(Engine::Live(_)) | None => false,
        }
    }

    /// Returns whether the cluster is let go until something happens.
    pub fn is_waiting(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Asks the cluster to stop in good order; its last events can still be taken.
    pub fn stop(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.finish();
        }
    }

    /// Takes the next events, if there are any.
    pub fn try_batch(&self) -> Option<Vec<TraceEvent>> {
        match self.recv_batch(Duration::ZERO) {
            Next::Batch(batch) => Some(batch),
            Next::Nothing | Next::Ended => None,
        }
    }

    /// Waits for the next events, at most so long.
    pub fn recv_batch(&self, timeout: Duration) -> Next {
        let Some(batches) = &self.batches else { return Next::Ended };
        match batches.recv_timeout(timeout) {
            Ok(batch) => {
                self.shared.behind.fetch_sub(batch.len() as u64, Ordering::Relaxed);
                self.shared.taken.fetch_add(1, Ordering::Relaxed);
                Next::Batch(batch)
            }
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::Ended,
        }
    }

    /// Returns how many events were recorded and not taken yet.
    pub fn behind(&self) -> u64 {
        self.shared.behind.load(Ordering::Relaxed)
    }

    /// Returns why the recording file ended before the session did, if so. The cluster goes on without it.
    pub fn recording_trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    /// Returns the port on which numbers for dashboards can be asked for, if they can.
    pub fn metrics_port(&self) -> Option<u16> {
        self.metrics.as_ref().map(MetricsServer::port)
    }

    /// Stops the cluster: its nodes end in good order, the recording is completed, and nothing is left behind.
    pub fn finish(mut self) -> Result<(), SessionError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), SessionError> {
        self.stop();
        // Nobody takes events any more: the recording thread must not wait for it.
        self.batches = None;
        self.metrics = None;
        let mut sound = self.cluster.take().is_none_or(Engine::join);
        sound &= self.recording.take().is_none_or(|recording| recording.join().is_ok());
        if let Some(scratch) = self.scratch.take() {
            let path = scratch.path().to_owned();
            scratch.close().map_err(|why| SessionError::DataDir { path, why })?;
        }
        match self.shared.take_trouble() {
            Some(trouble) => Err(trouble.into()),
            None if sound => Ok(()),
            None => Err(SessionError::Broken),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Who wants to know how it ended calls `finish`.
        drop(self.end());
    }
}

fn start_metrics(port: u16, spec: &ClusterSpec) -> Result<(MetricsServer, SharedMetrics), SessionError> {
    let metrics = Arc::new(Mutex::new(Metrics::new(spec)));
    let server = MetricsServer::start(port, Arc::clone(&metrics));
    server.map(|server| (server, metrics)).map_err(|why| SessionError::MetricsPort { port, why })
}

/// Tries every kind of link fault on scratch links, as each session does when it starts. Takes some milliseconds.
pub fn self_test() -> Result<Vec<Proof>, SessionError> {
    live::self_test().map_err(SessionError::Thread)
}

fn is_of_an_operation(kind: &EventKind) -> bool {
    matches!(kind, EventKind::OpInvoked { .. } | EventKind::OpReturned { .. })
}

fn check_ports(spec: &ClusterSpec, base: Option<u16>) -> Result<(), SessionError> {
    let Some(base) = base else { return Ok(()) };
    let ports = live::ports(spec, base);
    if ports.len() < spec.nodes.len() {
        return Err(SessionError::PortsEnd { nodes: spec.nodes.len(), base });
    }
    match live::first_taken(ports) {
        Some((node, port, why)) => Err(SessionError::Port { port, node, why }),
        None => Ok(()),
    }
}

fn data_folder(wished: Option<PathBuf>) -> Result<(PathBuf, Option<TempDir>), SessionError> {
    let Some(path) = wished else {
        let made = tempfile::Builder::new().prefix("faultline-").tempdir();
        let scratch = made.map_err(|why| SessionError::DataDir { path: std::env::temp_dir(), why })?;
        return Ok((scratch.path().to_owned(), Some(scratch)));
    };
    // A probe finds out before anything starts whether the folder can be written.
    let probed = fs::create_dir_all(&path).and_then(|()| tempfile::tempfile_in(&path));
    match probed {
        Ok(_) => Ok((path, None)),
        Err(why) => Err(SessionError::DataDir { path, why }),
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the head of a request to the metrics endpoint, for the fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read_request_head(bytes: &[u8]) {
    let _ = metrics::wanted(bytes);
}

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod sim_tests;
#[cfg(test)]
mod tests;
