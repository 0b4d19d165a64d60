//! The thread between a cluster and who watches it: the file first, then the window, which may take its time.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Select, Sender};

use super::metrics::SharedMetrics;
use crate::{
    event::TraceEvent,
    trace::{RecordingError, RecordingSink},
};

/// How many events are kept for a window that does not take them. Only beyond that does the cluster wait for it, so that
/// neither an event nor the machine's memory is lost.
const BACKLOG_MAX: u64 = 4_000_000;
/// Small batches that wait are joined up to this length.
const JOINED_MAX: usize = 4096;
/// How often the file is looked after when nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// Called when there is something to take.
pub(super) type Wake = Box<dyn Fn() + Send>;

/// Takes events from the cluster, writes them, and hands them on.
pub(super) struct Recording {
    /// From the cluster; ends with it.
    pub(super) input: Receiver<Vec<TraceEvent>>,
    /// To the window; ends when nobody wants to see more.
    pub(super) output: Sender<Vec<TraceEvent>>,
    /// The file, if there is to be one.
    pub(super) file: Option<RecordingSink>,
    /// The numbers for dashboards, if somebody may ask for them.
    pub(super) metrics: Option<SharedMetrics>,
    /// Wakes the window.
    pub(super) wake: Option<Wake>,
    /// What is shared with the session.
    pub(super) shared: Arc<Shared>,
    /// What the window has no room for yet.
    pub(super) backlog: VecDeque<Vec<TraceEvent>>,
}

/// What the session can ask of its recording at any time.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Events that were recorded and not taken yet.
    pub(super) behind: AtomicU64,
    /// Whether the cluster is let go until something happens.
    pub(super) waiting: AtomicBool,
    /// How often events were taken.
    pub(super) taken: AtomicU64,
    /// After how many events a simulated cluster that is not paced stands still.
    pub(super) rest_every: u64,
    /// Why the recording ended early, if it did.
    trouble: Mutex<Option<RecordingError>>,
    /// Why the cluster stands still, if nobody paused it.
    rest: Mutex<Option<String>>,
}

impl Shared {
    /// Makes what is shared with a cluster that stands still after so many events each time, if nothing paces it.
    pub(super) fn resting_every(rest_every: u64) -> Self {
        Self { rest_every, ..Self::default() }
    }

    /// Returns why the recording ended early, or why the cluster stands still, in words.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string);
        trouble.or_else(|| self.rest.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Says why the cluster stands still.
    pub(super) fn set_rest(&self, why: String) {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Takes why the recording ended early.
    pub(super) fn take_trouble(&self) -> Option<RecordingError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_trouble(&self, trouble: RecordingError) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
    }
}

impl Recording {
    /// Runs until the cluster has ended and everything was handed on.
    pub(super) fn run(mut self) {
        let began = Instant::now();
        let mut wanted = true;
        while let Some(turn) = self.next(wanted) {
            match turn {
                Turn::Came(batch) => self.take(batch, wanted),
                Turn::Gone => {}
                Turn::Unwanted => {
                    wanted = false;
                    self.backlog.clear();
                }
                Turn::Quiet => {}
            }
            let looked_after = self.file.as_mut().map(|file| file.tick(began.elapsed()));
            self.check(looked_after.unwrap_or(Ok(())));
        }
        if let Some(file) = self.file.take() {
            let finished = file.finish();
            self.check(finished);
        }
        // The file is complete: from here on the window sets the pace.
        for batch in self.backlog.drain(..) {
            if self.output.send(batch).is_err() {
                return;
            }
            self.wake.iter().for_each(|wake| wake());
        }
        drop(self.output);
        self.wake.iter().for_each(|wake| wake());
    }

    /// Waits for what can be done next; `None` when the cluster has ended.
    fn next(&mut self, wanted: bool) -> Option<Turn> {
        let mut select = Select::new();
        let full = wanted && self.shared.behind.load(Ordering::Relaxed) > BACKLOG_MAX;
        let came = (!full).then(|| select.recv(&self.input));
        let room = (!self.backlog.is_empty()).then(|| select.send(&self.output));
        let Ok(ready) = select.select_timeout(TICK) else { return Some(Turn::Quiet) };
        if Some(ready.index()) == came {
            return ready.recv(&self.input).ok().map(Turn::Came);
        }
        debug_assert_eq!(Some(ready.index()), room);
        let batch = self.backlog.pop_front().unwrap_or_default();
        Some(if ready.send(&self.output, batch).is_ok() { Turn::Gone } else { Turn::Unwanted }).inspect(|_| {
            self.wake.iter().for_each(|wake| wake());
        })
    }

    fn take(&mut self, batch: Vec<TraceEvent>, wanted: bool) {
        if let Some(metrics) = &self.metrics {
            let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
            batch.iter().for_each(|event| metrics.apply(event));
        }
        let written = self.file.as_mut().map(|file| file.push(&batch));
        self.check(written.unwrap_or(Ok(())));
        if !wanted {
            return;
        }
        self.shared.behind.fetch_add(batch.len() as u64, Ordering::Relaxed);
        match self.backlog.back_mut() {
            Some(last) if last.len() + batch.len() <= JOINED_MAX => last.extend(batch),
            Some(_) | None => self.backlog.push_back(batch),
        }
    }

    /// A recording that cannot go on ends where it is sound; the cluster goes on without it.
    fn check(&mut self, outcome: Result<(), RecordingError>) {
        if let Err(error) = outcome {
            self.file = None;
            self.shared.set_trouble(error);
        }
    }
}

enum Turn {
    /// Events came from the cluster.
    Came(Vec<TraceEvent>),
    /// The window took some.
    Gone,
    /// The window is gone.
    Unwanted,
    /// Nothing happened.
    Quiet,
}
