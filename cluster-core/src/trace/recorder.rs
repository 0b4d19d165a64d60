//! Numbers every event where it happens, and hands batches of them on.

use crate::{
    event::{EventKind, TraceEvent},
    ids::Seq,
    time::Timestamp,
};

/// How many events are handed on at once, at most.
const BATCH: usize = 1024;

/// Numbers events. What becomes of them is the sink's business: a file, a channel, a list in a test.
pub struct Recorder {
    next: Seq,
    last_at: Timestamp,
    batch: Vec<TraceEvent>,
    /// Without one, events wait until they are taken.
    sink: Option<Box<dyn Sink>>,
}

/// Takes recorded events over, in order.
pub trait Sink: Send {
    /// Takes the next events. Must not block for long: it is called where the cluster runs.
    fn take(&mut self, batch: Vec<TraceEvent>);
}

impl<F: FnMut(Vec<TraceEvent>) + Send> Sink for F {
    fn take(&mut self, batch: Vec<TraceEvent>) {
        self(batch);
    }
}

impl Recorder {
    /// Makes a recorder that hands its events to `sink`.
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self { next: Seq(0), last_at: Timestamp::ZERO, batch: Vec::with_capacity(BATCH), sink: Some(Box::new(sink)) }
    }

    /// Makes a recorder that keeps its events until they are taken.
    pub fn kept() -> Self {
        Self { next: Seq(0), last_at: Timestamp::ZERO, batch: Vec::new(), sink: None }
    }

    /// Records that something happened, and returns its number. Time never runs backwards in a trace.
    pub fn record(&mut self, at: Timestamp, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = self.next;
        self.next = seq.next();
        self.last_at = self.last_at.max(at);
        self.batch.push(TraceEvent { seq, at: self.last_at, cause, kind });
        if self.batch.len() >= BATCH {
            self.flush();
        }
        seq
    }

    /// Hands on what was recorded since the last time.
    pub fn flush(&mut self) {
        if let Some(sink) = self.sink.as_mut().filter(|_| !self.batch.is_empty()) {
            sink.take(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH)));
        }
    }

    /// Appends the events that were kept to `events`.
    pub fn take(&mut self, events: &mut Vec<TraceEvent>) {
        events.append(&mut self.batch);
    }

    /// Returns how many events wait to be handed on.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }
}
