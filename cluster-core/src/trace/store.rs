//! The trace as the front end holds it: append-only, any moment of it at hand, in bounded memory.

use std::{
    collections::VecDeque,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    ClusterState, Recording, RecordingError, Timeline,
    archive::{Archive, Chunk},
    checkpoints::Checkpoints,
};
use crate::{event::TraceEvent, ids::Seq, origin::Origin, spec::ClusterSpec, time::Timestamp};

/// How many of the latest events are kept as they are; older ones are read from where they were archived.
const RECENT_MAX: usize = 262_144;
/// About how many events are archived at once: the window waits for it.
const ARCHIVED_MAX: usize = 4096;
/// A cursor that moves forward by up to this many events goes on from the state it showed last.
const STEP_MAX: u64 = 4096;

/// All events of a run, with checkpoints.
///
/// The latest events are in memory as they are. Older ones are read again from the run's recording file (with
/// [`TraceStore::open`] and [`TraceStore::with_file`]), or unpacked from memory where there is no file, and not yet
/// where the file's writer has not come as far. Frame payloads longer than [`super::file::PAYLOAD_KEPT`] are cut once
/// their event is archived.
pub struct TraceStore {
    spec: ClusterSpec,
    origin: Origin,
    recent: VecDeque<TraceEvent>,
    recent_max: usize,
    checkpoints: Checkpoints,
    latest: ClusterState,
    timeline: Timeline,
    archive: Mutex<Archive>,
    /// The state that was asked for last.
    shown: Mutex<Option<ClusterState>>,
}

impl TraceStore {
    /// Makes an empty store for a run of that cluster, without a file.
    pub fn new(spec: ClusterSpec) -> Self {
        Self::with_archive(spec, Origin::default(), Archive::in_memory())
    }

    /// Makes an empty store for a run of that origin, without a file.
    pub fn of(spec: ClusterSpec, origin: Origin) -> Self {
        Self::with_archive(spec, origin, Archive::in_memory())
    }

    /// Makes an empty store for a run whose events are also written to the recording at `path`, by another. The store
    /// gets every event by [`TraceStore::append`], and finds old ones in the file once they are there.
    pub fn with_file(spec: ClusterSpec, path: &Path) -> Result<Self, RecordingError> {
        let recording = Recording::open(path)?;
        let origin = recording.origin().clone();
        Ok(Self::with_archive(spec, origin, Archive::in_file(recording)))
    }

    /// Opens a recording: folds its events once and drops them again.
    ///
    /// If it is damaged in its middle, what precedes the damage is there, and [`TraceStore::damage`] says what is wrong.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let recording = Recording::open(path)?;
        let (spec, origin) = (recording.spec().clone(), recording.origin().clone());
        let mut store = Self::with_archive(spec, origin, Archive::in_file(recording));
        let mut archive = std::mem::replace(&mut store.archive, Mutex::new(Archive::in_memory()));
        let opened = archive.get_mut().unwrap_or_else(PoisonError::into_inner);
        opened.fold(&mut |event| store.fold(event));
        store.timeline.settle(store.latest.at);
        store.archive = archive;
        Ok(store)
    }

    fn with_archive(spec: ClusterSpec, origin: Origin, archive: Archive) -> Self {
        let latest = ClusterState::before(&spec);
        Self {
            recent: VecDeque::new(),
            recent_max: RECENT_MAX,
            checkpoints: Checkpoints::new(latest.clone()),
            latest,
            timeline: Timeline::default(),
            archive: Mutex::new(archive),
            shown: Mutex::new(None),
            spec,
            origin,
        }
    }

    /// Appends the next events of the run.
    pub fn append(&mut self, batch: Vec<TraceEvent>) {
        for event in batch {
            assert_eq!(event.seq, self.len(), "events come in order and without gaps");
            self.fold(&event);
            self.recent.push_back(event);
        }
        self.timeline.settle(self.latest.at);
        // A margin, so that this happens once in a while and not with every event, and never takes long.
        if self.recent.len() > self.recent_max + (self.recent_max / 8).min(ARCHIVED_MAX) {
            let archive = self.archive.get_mut().unwrap_or_else(PoisonError::into_inner);
            archive.take_over(&mut self.recent, self.recent_max);
        }
    }

    /// Returns the cluster that runs, or ran.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// Returns where the run comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns how many events there are: the number of the next one.
    pub fn len(&self) -> Seq {
        self.latest.next
    }

    /// Returns whether nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == Seq(0)
    }

    /// Returns the state after all events.
    pub fn latest(&self) -> &ClusterState {
        &self.latest
    }

    /// Returns the time of the last event.
    pub fn end(&self) -> Timestamp {
        self.latest.at
    }

    /// Returns the state as the fold of all events before `next`. Cheap for a cursor that moves forward by small steps.
    pub fn state_at(&self, next: Seq) -> ClusterState {
        if next >= self.len() {
            return self.latest.clone();
        }
        let mut shown = lock(&self.shown);
        let checkpoint = self.checkpoints.before(next);
        let mut state = match shown.take() {
            Some(state)
                if state.next <= next && (state.next >= checkpoint.next || next.0 - state.next.0 < STEP_MAX) =>
            {
                state
            }
            _ => checkpoint.clone(),
        };
        let from = state.next;
        self.each(from..next, &mut |event| state.apply(event));
        *shown = Some(state.clone());
        state
    }

    /// Returns the number of events that happened up to and at `at`: the state there is `state_at` of it.
    pub fn seq_at(&self, at: Timestamp) -> Seq {
        let first = self.first_recent();
        if self.recent.front().is_some_and(|event| event.at <= at) {
            return Seq(first.0 + self.recent.partition_point(|event| event.at <= at) as u64);
        }
        lock(&self.archive).seq_at(at).min(first)
    }

    /// Returns one event.
    pub fn event(&self, seq: Seq) -> Option<TraceEvent> {
        self.events(seq..seq.next()).pop()
    }

    /// Returns events by number, as far as they exist.
    pub fn events(&self, range: Range<Seq>) -> Vec<TraceEvent> {
        let mut events = Vec::new();
        self.each(range, &mut |event| events.push(event.clone()));
        events
    }

    /// Shows events by number to `see`, as far as they exist and can be read, without copying them.
    pub fn each(&self, range: Range<Seq>, see: &mut dyn FnMut(&TraceEvent)) {
        let first = self.first_recent();
        let end = range.end.min(self.len());
        let mut next = range.start;
        while next < end.min(first) {
            // The lock is not held while `see` runs: it may ask the store again.
            // A fold with a gap would be wrong: better the state before an event that cannot be read (its file is gone).
            let Some(chunk) = lock(&self.archive).chunk(next) else { return };
            let until = chunk.end.min(end).min(first);
            chunk.events(next..until).iter().for_each(&mut *see);
            next = until;
        }
        if next.max(first) < end {
            let start = next.max(first).0 - first.0;
            self.recent.range(start as usize..(end.0 - first.0) as usize).for_each(see);
        }
    }

    /// Returns the whole run at a glance.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Returns what is wrong with the recording behind the events that are here, if anything is.
    pub fn damage(&self) -> Option<String> {
        lock(&self.archive).damage()
    }

    /// Returns how many bytes at the end of the recording belong to no whole block, and were ignored.
    pub fn torn_bytes(&self) -> u64 {
        lock(&self.archive).torn_bytes()
    }

    fn fold(&mut self, event: &TraceEvent) {
        self.latest.apply(event);
        self.timeline.apply(event, &self.latest);
        self.checkpoints.offer(&self.latest);
    }

    fn first_recent(&self) -> Seq {
        self.recent.front().map_or(self.len(), |event| event.seq)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chunk {
    fn events(&self, range: Range<Seq>) -> &[TraceEvent] {
        let within = |seq: Seq| (seq.0.saturating_sub(self.first.0) as usize).min(self.all.len());
        &self.all[within(range.start)..within(range.end)]
    }
}

/// The decoded events of a block, shared with whoever looks at them.
pub(super) type Events = Arc<Vec<TraceEvent>>;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
