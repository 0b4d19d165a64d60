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
    sink: Box<dyn Sink>,
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
        Self { next: Seq(0), last_at: Timestamp::ZERO, batch: Vec::with_capacity(BATCH), sink: Box::new(sink) }
    }

    /// Records that something happened, and returns its number. Time never runs backwards in a trace.
    pub fn record(&mut self, at: Timestamp, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = self.next;
        self.next = seq.next();
        self.last_at = self.last_at.max(at);
        self.batch.push(TraceEvent { seq, at: self.last_at, cause, kind });
        if self.batch.len() == BATCH {
            self.flush();
        }
        seq
    }

    /// Hands on what was recorded since the last time.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
            self.sink.take(batch);
        }
    }

    /// Returns the number of the next event.
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Returns how many events wait to be handed on.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }
}
