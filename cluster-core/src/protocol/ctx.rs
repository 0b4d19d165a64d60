//! Everything that a protocol can do to the world outside: it asks, the host does.

use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Encoder, Protocol};
use crate::{
    disk::{DiskOp, SyncId},
    event::{EntryBrief, EventKind, MessageInfo, Milestone},
    ids::{LogIndex, NodeId, OpId},
    name::Name,
    request::Response,
    time::Timestamp,
};

/// What one node asks for, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send these bytes to another node.
    Send {
        /// To whom.
        to: NodeId,
        /// What it is.
        info: MessageInfo,
        /// The encoded message.
        payload: Bytes,
    },
    /// Answer a client.
    Reply {
        /// The operation.
        op: OpId,
        /// The answer.
        response: Response,
    },
    /// Bring the timer of this token at that time. Tokens of timers that were set anew are ignored when they come.
    Arm {
        /// The token.
        token: TimerToken,
        /// When.
        at: Timestamp,
    },
    /// Write.
    Write(DiskOp),
    /// Make all writes so far durable, then bring [`Protocol::on_synced`].
    Sync(SyncId),
    /// Record an event.
    Note(EventKind),
}

/// One arming of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerToken(pub u64);

/// The world as a protocol sees it during one step.
pub struct Ctx<'a, P: Protocol> {
    pub(crate) now: Timestamp,
    pub(crate) hands: &'a mut Hands<P::Timer>,
    /// What the step asks for, in order.
    pub(crate) out: &'a mut Vec<Output>,
}

/// What a node has from one step to the next beside its protocol.
#[derive(Debug)]
pub(crate) struct Hands<T> {
    pub(crate) me: NodeId,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) next_sync: SyncId,
    pub(crate) encoder: Encoder,
    pub(crate) timers: Timers<T>,
}

/// The timers of a node that run, in order. They are few, and set anew all the time.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    next: TimerToken,
    armed: Vec<(T, TimerToken)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { next: TimerToken(1), armed: Vec::new() }
    }
}

impl<T: Copy + Ord> Timers<T> {
    /// Takes the timer that was armed by that token, unless it was set anew or stopped since.
    pub(crate) fn take(&mut self, token: TimerToken) -> Option<T> {
        let at = self.armed.iter().position(|(_, armed)| *armed == token)?;
        Some(self.armed.remove(at).0)
    }

    fn set(&mut self, timer: T) -> TimerToken {
        let token = self.next;
        self.next.0 += 1;
        match self.place(timer) {
            Ok(place) => self.armed[place].1 = token,
            Err(place) => self.armed.insert(place, (timer, token)),
        }
        token
    }

    fn cancel(&mut self, timer: T) {
        if let Ok(place) = self.place(timer) {
            self.armed.remove(place);
        }
    }

    /// Returns where a timer stands, or would.
    fn place(&self, timer: T) -> Result<usize, usize> {
        self.armed.binary_search_by(|(armed, _)| armed.cmp(&timer))
    }
}

impl<P: Protocol> Ctx<'_, P> {
    /// Returns who this node is.
    pub fn me(&self) -> NodeId {
        self.hands.me
    }

    /// Returns the time by this node's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Draws a duration from `min` up to, not including, `max`.
    pub fn random_duration(&mut self, min: Duration, max: Duration) -> Duration {
        let (min, max) = (min.as_nanos() as u64, max.as_nanos() as u64);
        Duration::from_nanos(if min < max { self.hands.rng.random_range(min..max) } else { min })
    }

    /// Sends a message. It may be lost, delayed or never arrive; it never arrives twice, and never before an earlier one.
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        let (info, payload) = (P::describe(&message), self.hands.encoder.encode(&message));
        self.out.push(Output::Send { to, info, payload });
    }

    /// Answers a client's request, at most once.
    pub fn reply(&mut self, op: OpId, response: Response) {
        self.out.push(Output::Reply { op, response });
    }

    /// Sets (or sets anew) a timer.
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        let (token, at) = (self.hands.timers.set(timer), self.now + after);
        self.out.push(Output::Arm { token, at });
    }

    /// Stops a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.hands.timers.cancel(timer);
    }

    /// Appends a record to one of the node's files. Not durable before a [`Ctx::sync`] completed.
    pub fn append(&mut self, file: Name, record: Bytes) {
        self.out.push(Output::Write(DiskOp::Append { file, record }));
    }

    /// Replaces a file by these records in one atomic step (write, fsync, rename).
    pub fn replace(&mut self, file: Name, records: Vec<Bytes>) {
        self.out.push(Output::Write(DiskOp::Replace { file, records }));
    }

    /// Asks for everything written so far to be made durable; [`Protocol::on_synced`] brings the answer.
    pub fn sync(&mut self) -> SyncId {
        let sync = self.hands.next_sync;
        self.hands.next_sync.0 += 1;
        self.out.push(Output::Sync(sync));
        sync
    }

    /// Marks what the literature has a name for.
    pub fn note(&mut self, milestone: Milestone) {
        let node = self.hands.me;
        self.out.push(Output::Note(EventKind::Milestone { node, milestone }));
    }

    /// Shows that the node's log is, from `from` on, exactly `entries`. Call it for every change of the log, and once
    /// at start with all that was recovered.
    pub fn log_spliced(&mut self, from: LogIndex, entries: Vec<EntryBrief>) {
        let node = self.hands.me;
        self.out.push(Output::Note(EventKind::LogSpliced { node, from, entries }));
    }
}
