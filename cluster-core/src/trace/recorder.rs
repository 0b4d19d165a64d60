//! Numbers every event where it happens, and hands batches of them on.

use crate::{
    event::{EventKind, Finding, TraceEvent},
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
    observer: Option<Box<dyn Observer>>,
    /// What it found last; empty, its memory is used again.
    found: Vec<Finding>,
    /// Whether events are only numbered.
    forgets: bool,
    tap: Option<Tap>,
}

/// Hears of every event as it is recorded.
pub type Tap = Box<dyn FnMut(&TraceEvent) + Send>;

/// Looks at every event as it is recorded, in order, and says what it concludes. Its findings are recorded, too, right
/// behind the event that showed them; it does not see them.
pub trait Observer: Send {
    /// Takes the next event. Must be quick: it is called where the cluster runs.
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>);
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
        Self { batch: Vec::with_capacity(BATCH), sink: Some(Box::new(sink)), ..Self::kept() }
    }

    /// Makes a recorder that keeps its events until they are taken.
    pub fn kept() -> Self {
        Self {
            next: Seq(0),
            last_at: Timestamp::ZERO,
            batch: Vec::new(),
            sink: None,
            observer: None,
            found: Vec::new(),
            forgets: false,
            tap: None,
        }
    }

    /// Makes a recorder that numbers events and forgets them. Nodes do not show themselves to it: their views have no events.
    pub fn forgetful() -> Self {
        Self { forgets: true, ..Self::kept() }
    }

    /// Returns whether nobody will ever see an event.
    pub fn forgets(&self) -> bool {
        self.forgets
    }

    /// Shows every event to an observer from here on.
    pub fn observed_by(mut self, observer: Box<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Tells somebody of every event from here on, findings and all, before it is handed on.
    pub fn heard_by(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Records that something happened, and returns its number. Time never runs backwards in a trace.
    pub fn record(&mut self, at: Timestamp, cause: Option<Seq>, kind: EventKind) -> Seq {
        self.record_with(at, cause, || kind)
    }

    /// Does so with what is only made if somebody looks at it.
    pub fn record_with(&mut self, at: Timestamp, cause: Option<Seq>, kind: impl FnOnce() -> EventKind) -> Seq {
        if self.forgets {
            let seq = self.next;
            self.next = seq.next();
            return seq;
        }
        self.tell(at, cause, kind())
    }

    fn tell(&mut self, at: Timestamp, cause: Option<Seq>, kind: EventKind) -> Seq {
        self.last_at = self.last_at.max(at);
        let event = TraceEvent { seq: self.next, at: self.last_at, cause, kind };
        let seq = event.seq;
        let Some(observer) = &mut self.observer else {
            self.push(event);
            return seq;
        };
        let mut found = std::mem::take(&mut self.found);
        observer.observe(&event, &mut found);
        self.push(event);
        for finding in found.drain(..) {
            let kind = EventKind::Found { finding: Box::new(finding) };
            self.push(TraceEvent { seq: self.next, at: self.last_at, cause: Some(seq), kind });
        }
        self.found = found;
        seq
    }

    fn push(&mut self, event: TraceEvent) {
        self.next = event.seq.next();
        if let Some(tap) = &mut self.tap {
            tap(&event);
        }
        self.batch.push(event);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands on what was recorded since the last time.
    pub fn flush(&mut self) {
        if let Some(sink) = self.sink.as_mut().filter(|_| !self.batch.is_empty()) {
            sink.take(std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH)));
        }
    }

    /// Appends the events that were kept to `events`.
    pub fn take(&mut self, events: &mut Vec<TraceEvent>) {
        if events.is_empty() {
            std::mem::swap(events, &mut self.batch);
        } else {
            events.append(&mut self.batch);
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
