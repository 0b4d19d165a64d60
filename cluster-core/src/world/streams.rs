//! Faults of the TCP stream itself: connections that are reset, half-open, or slow to close.

use std::time::Duration;

use super::{Backend, Down, Frame, World, nodes::Cause, queue::Due};
use crate::{
    event::EventKind,
    fault::{DropReason, FaultKind, LinkId},
    host::Input,
    ids::{Endpoint, MsgId, NodeId, Seq},
    time::Timestamp,
};

/// How many frames may vanish in one half-open connection before the sender's buffer is full.
const VANISHED_MAX: usize = 65_536;

/// A connection in whose other end its sender wrongly believes.
#[derive(Debug)]
pub(super) struct HalfOpen {
    /// Until when, at the latest.
    until: Timestamp,
    /// Tells it from an earlier one on the same direction.
    number: u64,
    /// The event by which it began.
    began: Seq,
    /// What was sent on it.
    frames: Vec<MsgId>,
}

impl<B: Backend> World<B> {
    /// Resets the connection that carries a direction. Returns whether there was one.
    pub(super) fn reset_connection(&mut self, now: Timestamp, cause: Seq, link: LinkId) -> bool {
        if self.end_half_open(now, Some(cause), link) {
            return true;
        }
        if !self.backend.reset(link.0, link.1) {
            return false;
        }
        let (from, to) = link;
        let seq = self.record(now, Some(cause), EventKind::ConnectionReset { from, to });
        for direction in carried_with(link) {
            self.links.reset_link(direction);
            for msg in self.queue.take_frames(direction) {
                self.drop_frame(now, msg, DropReason::Reset);
            }
        }
        self.connection_lost(now, Some(seq), connection(link));
        true
    }

    /// Takes the far end of a direction's connection away for so long. Returns whether there was one, and whole.
    pub(super) fn half_open(
        &mut self,
        now: Timestamp,
        cause: Option<Seq>,
        link: LinkId,
        timeout: Duration,
        by: FaultKind,
    ) -> bool {
        let (from, to) = link;
        if self.half_open.contains_key(&link) || !self.backend.half_open(from, to) {
            return false;
        }
        let until = now + timeout;
        let began = self.record(now, cause, EventKind::ConnectionHalfOpened { from, to, until, by });
        let number = began.0;
        self.half_open.insert(link, HalfOpen { until, number, began, frames: Vec::new() });
        self.queue.push(until, Due::HalfOpenEnds { link, number });
        true
    }

    /// What is sent on a half-open connection is written, and read by nobody.
    pub(super) fn vanish(&mut self, now: Timestamp, frame: Frame) {
        if let Some(half_open) = self.half_open.get_mut(&(frame.from, frame.to))
            && half_open.frames.len() < VANISHED_MAX
        {
            half_open.frames.push(frame.msg);
            // Whether the wire took it makes no difference any more.
            drop(self.backend.transmit(frame));
        } else {
            self.drop_frame(now, frame.msg, DropReason::BufferFull);
        }
    }

    /// The time is over in which the sender believed.
    pub(super) fn half_open_ends(&mut self, now: Timestamp, link: LinkId, number: u64) {
        let known = self.half_open.get(&link).filter(|half_open| half_open.number == number);
        if let Some(began) = known.map(|half_open| half_open.began) {
            self.end_half_open(now, Some(began), link);
        }
    }

    /// The sender finds out: what it sent is lost, and its next frame opens another connection. Returns whether the
    /// direction was half-open.
    pub(super) fn end_half_open(&mut self, now: Timestamp, cause: Option<Seq>, link: LinkId) -> bool {
        let Some(half_open) = self.half_open.remove(&link) else { return false };
        for msg in half_open.frames {
            self.drop_frame(now, msg, DropReason::HalfOpen);
        }
        // What the wire still has of it was just told.
        self.backend.reset(link.0, link.1);
        self.links.reset_link(link);
        self.connection_lost(now, cause, connection(link));
        true
    }

    /// Returns the directions that are half-open, in order.
    pub(super) fn half_open_links(&self) -> Vec<LinkId> {
        self.half_open.keys().copied().collect()
    }

    /// Before a process ends: those whose link from it closes slowly do not notice yet, and what it believed in itself
    /// ends with it.
    pub(super) fn before_death(&mut self, now: Timestamp, node: NodeId, how: Down) {
        for link in self.half_open_links() {
            if link.0 == node.into() {
                self.end_half_open(now, None, link);
            }
        }
        // A machine without power closes nothing, neither fast nor slowly.
        if how == Down::PowerLoss {
            return;
        }
        let others = self.nodes.nodes().filter(|other| *other != node).map(Endpoint::from);
        let others: Vec<Endpoint> = others.chain(self.clients.keys().map(|client| Endpoint::from(*client))).collect();
        for other in others {
            if let Some(by) = self.links.rules((node.into(), other)).slow_close {
                self.half_open(now, None, (other, node.into()), by, FaultKind::SlowClose);
            }
        }
    }

    /// Returns how much later than usual a node learns of the end of another.
    pub(super) fn closes_late_by(&self, now: Timestamp, node: NodeId, dead: NodeId) -> Duration {
        self.half_open.get(&(node.into(), dead.into())).map_or(Duration::ZERO, |half_open| half_open.until.since(now))
    }

    /// A connection is gone; its dialer hears of it, unless the other end died: that is told in another way.
    pub(super) fn connection_lost(&mut self, now: Timestamp, cause: Option<Seq>, (from, to): (Endpoint, Endpoint)) {
        let seq = self.record(now, cause, EventKind::ConnectionLost { from, to });
        if let (Endpoint::Node(node), Endpoint::Node(peer)) = (from, to)
            && self.is_running(peer)
            && let Some(incarnation) = self.incarnation(node)
        {
            self.input(now, node, incarnation, Cause::Event(Some(seq)), Input::PeerLost(peer));
        }
    }
}

/// Returns who dialed and who accepted the connection that carries a direction: clients are never dialed.
fn connection((from, to): LinkId) -> (Endpoint, Endpoint) {
    if to.node().is_none() { (to, from) } else { (from, to) }
}

/// Returns the directions that travel on the same connection: between nodes, each has its own.
fn carried_with((from, to): LinkId) -> Vec<LinkId> {
    let both = from.node().is_none() || to.node().is_none();
    if both { vec![(from, to), (to, from)] } else { vec![(from, to)] }
}
