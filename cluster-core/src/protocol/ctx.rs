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

/// What one step asks for, in order.
#[derive(Debug)]
pub enum Effect<P: Protocol> {
    /// Send a message, which is encoded by now.
    Send {
        /// To whom.
        to: NodeId,
        /// What it is.
        info: MessageInfo,
        /// The encoded message.
        payload: Bytes,
    },
    /// Answer a client.
    Reply(OpId, Response),
    /// Let a timer run out at that time; replaces the timer of that name.
    SetTimer(P::Timer, Timestamp),
    /// Forget a timer.
    CancelTimer(P::Timer),
    /// Write.
    Write(DiskOp),
    /// Make everything written so far durable, then say so.
    Sync(SyncId),
    /// Tell those who watch.
    Note(EventKind),
}

/// The world as a protocol sees it during one step.
pub struct Ctx<'a, P: Protocol> {
    pub(crate) me: NodeId,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut ChaCha8Rng,
    pub(crate) next_sync: &'a mut SyncId,
    pub(crate) encoder: &'a mut Encoder,
    pub(crate) effects: &'a mut Vec<Effect<P>>,
}

impl<P: Protocol> Ctx<'_, P> {
    /// Returns who this node is.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// Returns the time by this node's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Draws a duration from `min` up to, not including, `max`.
    pub fn random_duration(&mut self, min: Duration, max: Duration) -> Duration {
        let (min, max) = (min.as_nanos() as u64, max.as_nanos() as u64);
        Duration::from_nanos(if min < max { self.rng.random_range(min..max) } else { min })
    }

    /// Sends a message. It may be lost, delayed or never arrive; it never arrives twice, and never before an earlier one.
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        let (info, payload) = (P::describe(&message), self.encoder.encode(&message));
        self.effects.push(Effect::Send { to, info, payload });
    }

    /// Answers a client's request, at most once.
    pub fn reply(&mut self, op: OpId, response: Response) {
        self.effects.push(Effect::Reply(op, response));
    }

    /// Sets (or sets anew) a timer.
    pub fn set_timer(&mut self, timer: P::Timer, after: Duration) {
        self.effects.push(Effect::SetTimer(timer, self.now + after));
    }

    /// Stops a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.effects.push(Effect::CancelTimer(timer));
    }

    /// Appends a record to one of the node's files. Not durable before a [`Ctx::sync`] completed.
    pub fn append(&mut self, file: Name, record: Bytes) {
        self.effects.push(Effect::Write(DiskOp::Append { file, record }));
    }

    /// Replaces a file by these records in one atomic step (write, fsync, rename).
    pub fn replace(&mut self, file: Name, records: Vec<Bytes>) {
        self.effects.push(Effect::Write(DiskOp::Replace { file, records }));
    }

    /// Asks for everything written so far to be made durable; [`Protocol::on_synced`] brings the answer.
    pub fn sync(&mut self) -> SyncId {
        let sync = *self.next_sync;
        self.next_sync.0 += 1;
        self.effects.push(Effect::Sync(sync));
        sync
    }

    /// Marks what the literature has a name for.
    pub fn note(&mut self, milestone: Milestone) {
        let node = self.me;
        self.effects.push(Effect::Note(EventKind::Milestone { node, milestone }));
    }

    /// Shows that the node's log is, from `from` on, exactly `entries`. Call it for every change of the log, and once
    /// at start with all that was recovered.
    pub fn log_spliced(&mut self, from: LogIndex, entries: Vec<EntryBrief>) {
        let node = self.me;
        self.effects.push(Effect::Note(EventKind::LogSpliced { node, from, entries }));
    }
}
