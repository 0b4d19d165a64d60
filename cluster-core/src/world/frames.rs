//! Frames: handed to a link, judged by its rules, put on the wire, delivered or dropped.

use std::time::Duration;

use bytes::Bytes;

use super::{Backend, Frame, Handed, World, nodes::Cause};
use crate::{
    event::{EventKind, MessageInfo},
    fault::{Checksum, Damage, DropReason, Judgment, LinkNumber, Verdict},
    host::Input,
    ids::{Endpoint, MsgId, OpId, Seq},
    time::Timestamp,
    workload::wire,
};

/// What a frame costs on the wire beside its payload: length, checksum, number.
const FRAME_OVERHEAD: usize = 16;

/// A frame that was sent and has not ended yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    /// The event that tells of its sending.
    pub(super) sent: Seq,
    /// What it is.
    pub(super) info: MessageInfo,
    /// The client operation that it asks for, if it does.
    pub(super) ask: Option<(Endpoint, Endpoint, OpId)>,
}

impl<B: Backend> World<B> {
    /// Hands a frame to a link.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        cause: Option<Seq>,
        (from, to): (Endpoint, Endpoint),
        info: MessageInfo,
        payload: Bytes,
        ask: Option<OpId>,
    ) {
        let msg = self.next_msg;
        self.next_msg.0 += 1;
        let bytes = payload.len() + FRAME_OVERHEAD;
        let link = self.links.number((from, to));
        let Judgment { verdict, copy, damage, acts } = self.links.decide_at(link, bytes, payload.len(), now);
        let after = match verdict {
            Verdict::Pass(after) => after,
            Verdict::Drop(_) => self.links.base_delay(),
        };
        let (bytes, due) = (bytes as u32, now + after);
        let event = || EventKind::FrameSent { msg, from, to, info, due, bytes, payload: payload.clone() };
        let sent = self.recorder.record_with(now, cause, event);
        self.in_flight.insert(msg, InFlight { sent, info, ask: ask.map(|op| (from, to, op)) });
        if !acts.is_empty() {
            self.record(now, Some(sent), EventKind::LinkActed { msg, acts });
        }
        if let Verdict::Drop(reason) = verdict {
            return self.drop_frame(now, msg, reason);
        }
        let frame = Frame { msg, from, to, payload, damage: None };
        let copy = copy.map(|after| (after, frame.clone()));
        if self.passes_traps(now, msg, (from, to), info) {
            self.dispatch(now, after, link, damaged(frame, damage));
        }
        if let Some((after, frame)) = copy {
            self.send_copy(now, (after, link), sent, info, frame);
        }
    }

    /// A copy is a frame of its own; the sending of its original is its cause.
    fn send_copy(
        &mut self,
        now: Timestamp,
        (after, link): (Duration, LinkNumber),
        original: Seq,
        info: MessageInfo,
        frame: Frame,
    ) {
        let msg = self.next_msg;
        self.next_msg.0 += 1;
        let (from, to, payload) = (frame.from, frame.to, frame.payload.clone());
        let (bytes, due) = ((payload.len() + FRAME_OVERHEAD) as u32, now + after);
        let sent = self.record(now, Some(original), EventKind::FrameSent { msg, from, to, info, due, bytes, payload });
        self.in_flight.insert(msg, InFlight { sent, info, ask: None });
        if self.passes_traps(now, msg, (from, to), info) {
            self.dispatch(now, after, link, Frame { msg, ..frame });
        }
    }

    #[inline(always)]
    fn dispatch(&mut self, now: Timestamp, after: Duration, link: LinkNumber, frame: Frame) {
        let ends = (self.incarnation_of(frame.from), self.incarnation_of(frame.to));
        if after.is_zero() {
            self.transmit(now, frame, ends);
        } else {
            self.queue.push_frame(now + after, link, frame, ends);
        }
    }

    /// Puts a copy of a frame under way, as far as the trace goes. Returns its number.
    pub(super) fn copy_in_flight(
        &mut self,
        now: Timestamp,
        cause: Seq,
        frame: &Frame,
        info: MessageInfo,
        due: Timestamp,
    ) -> MsgId {
        let msg = self.next_msg;
        self.next_msg.0 += 1;
        let (from, to, payload) = (frame.from, frame.to, frame.payload.clone());
        let bytes = (payload.len() + FRAME_OVERHEAD) as u32;
        let sent = self.record(now, Some(cause), EventKind::FrameSent { msg, from, to, info, due, bytes, payload });
        self.in_flight.insert(msg, InFlight { sent, info, ask: None });
        msg
    }

    /// A frame has passed its link: puts it on the wire.
    pub(super) fn transmit(&mut self, now: Timestamp, frame: Frame, ends: (u32, u32)) {
        if let Some(frame) = self.put_on_wire(now, frame, ends) {
            self.arrived.push_back(frame);
        }
    }

    /// The same between two bursts: what a timeless wire delivers at once has nothing to wait for.
    #[inline(always)]
    pub(super) fn transmit_first(&mut self, now: Timestamp, frame: Frame, ends: (u32, u32)) {
        match self.put_on_wire(now, frame, ends) {
            Some(frame) if self.arrived.is_empty() => self.deliver(now, frame),
            Some(frame) => self.arrived.push_back(frame),
            None => {}
        }
    }

    /// Puts a frame on the wire. Returns it if it has arrived.
    // From here to the step of its receiver is one piece of code: a call would move the frame once more each time.
    #[inline(always)]
    fn put_on_wire(&mut self, now: Timestamp, frame: Frame, ends: (u32, u32)) -> Option<Frame> {
        let msg = frame.msg;
        let why = if self.up_as(frame.from) != Some(ends.0) {
            DropReason::SenderDown
        } else if !self.half_open.is_empty() && self.half_open.contains_key(&(frame.from, frame.to)) {
            self.vanish(now, frame);
            return None;
        } else {
            match self.up_as(frame.to) {
                None => DropReason::ReceiverDown,
                Some(incarnation) if incarnation != ends.1 => DropReason::Reset,
                Some(_) => match self.backend.transmit(frame) {
                    Handed::UnderWay => return None,
                    Handed::Arrived(frame) => return Some(frame),
                    Handed::Refused => DropReason::ReceiverDown,
                },
            }
        };
        self.drop_frame(now, msg, why);
        None
    }

    /// A frame came in at its receiver.
    #[inline(always)]
    pub(super) fn deliver(&mut self, now: Timestamp, frame: Frame) {
        if self.held.holds(frame.msg) && self.is_reachable(frame.to) {
            return self.held.park(frame);
        }
        if frame.damage.is_some() {
            return self.drop_frame(now, frame.msg, DropReason::Corrupt);
        }
        match frame.to.node().map(|node| (node, self.nodes.get(node))) {
            Some((node, Some(slot))) if slot.holds() => self.hold(now, node, frame),
            Some((_, slot)) if slot.is_none_or(|slot| slot.process.is_none()) => {
                self.drop_frame(now, frame.msg, DropReason::ReceiverDown);
            }
            _ => self.handle(now, frame),
        }
    }

    /// The receiver takes a frame up.
    #[inline(always)]
    pub(super) fn handle(&mut self, now: Timestamp, frame: Frame) {
        let answer = if frame.to.node().is_none() { wire::decode_response(&frame.payload) } else { None };
        if frame.to.node().is_none() && answer.is_none() {
            return self.drop_frame(now, frame.msg, DropReason::Corrupt);
        }
        let Some(flight) = self.in_flight.remove(&frame.msg) else { return };
        let seq = self.recorder.record_with(now, Some(flight.sent), || EventKind::FrameDelivered { msg: frame.msg });
        match (frame.to, frame.from) {
            (Endpoint::Node(node), Endpoint::Node(from)) => {
                let input = Input::Message { from, payload: frame.payload };
                self.take_in(now, node, Cause::Event(Some(seq)), input);
            }
            (Endpoint::Node(node), Endpoint::Client(client)) => {
                let Some((op, request, after)) = wire::decode_request(&frame.payload) else {
                    let reason = format!("{client} sent bytes that are no request");
                    self.record(now, Some(seq), EventKind::FrameRejected { node, reason });
                    return;
                };
                self.remember_asker(node, op, client);
                self.take_in(
                    now,
                    node,
                    Cause::Event(Some(seq)),
                    Input::Request { op, request: Box::new(request), after },
                );
            }
            (Endpoint::Client(client), Endpoint::Node(node)) => {
                if let Some((op, response)) = answer {
                    self.client_reply(now, seq, client, node, op, response);
                }
            }
            (Endpoint::Client(_), Endpoint::Client(_)) => {}
        }
    }

    /// A frame will never arrive.
    pub(super) fn drop_frame(&mut self, now: Timestamp, msg: MsgId, reason: DropReason) {
        let Some(flight) = self.in_flight.remove(&msg) else { return };
        self.held.take(msg);
        let seq = self.record(now, Some(flight.sent), EventKind::FrameDropped { msg, reason });
        if let Some((Endpoint::Client(client), Endpoint::Node(node), op)) = flight.ask
            && reason == DropReason::ReceiverDown
        {
            self.client_refused(now, seq, client, node, op);
        }
    }

    fn incarnation_of(&self, end: Endpoint) -> u32 {
        match end {
            Endpoint::Node(node) => self.incarnation(node).unwrap_or(u32::MAX),
            Endpoint::Client(_) => 0,
        }
    }

    /// Returns the incarnation of whom a frame can reach.
    fn up_as(&self, end: Endpoint) -> Option<u32> {
        match end {
            Endpoint::Node(node) => {
                self.nodes.get(node).filter(|slot| slot.process.is_some()).map(|slot| slot.incarnation)
            }
            Endpoint::Client(client) => self.clients.contains_key(&client).then_some(0),
        }
    }

    fn is_reachable(&self, end: Endpoint) -> bool {
        self.up_as(end).is_some()
    }
}

/// Damages a frame. Where the checksum is off, nobody will notice: the damage is done before anything else sees it.
fn damaged(mut frame: Frame, damage: Option<Damage>) -> Frame {
    match damage {
        None => {}
        Some(Damage { bit, checksum: Checksum::On }) => frame.damage = Some(bit),
        Some(Damage { bit, checksum: Checksum::Off }) => {
            let mut bytes = frame.payload.to_vec();
            if let Some(byte) = bytes.get_mut(bit as usize / 8) {
                *byte ^= 1 << (bit % 8);
            }
            frame.payload = bytes.into();
        }
    }
    frame
}
