//! Messages held by hand, and the traps that catch them; the same on both backends.
//!
//! A held frame travels on, and is kept where it would be handed to its receiver. That is this side of the socket, so
//! nothing that is under way is out of reach.

use std::collections::BTreeMap;

use super::{Backend, Frame, World, frames::InFlight, queue::Due};
use crate::{
    event::{EventKind, Family, MessageInfo},
    fault::{ByHand, DropReason, HELD_MAX, TRAPS_MAX, Times, Trap},
    ids::{Endpoint, MsgId, NodeId, Seq, TrapId},
    registry,
    time::Timestamp,
    workload::wire,
};

/// What is held, and what will be.
#[derive(Debug, Default)]
pub(super) struct HeldFrames {
    held: BTreeMap<MsgId, Holding>,
    traps: BTreeMap<TrapId, SetTrap>,
    /// How many traps were set so far.
    trap_count: u32,
    /// How many frames were held so far.
    hold_count: u64,
}

#[derive(Debug)]
struct Holding {
    /// Frames are let go in the order in which they were held.
    order: u64,
    by: Option<TrapId>,
    /// The frame, once it has come to where it is kept.
    frame: Option<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct SetTrap {
    trap: Trap,
    /// The event by which it was set.
    set: Seq,
}

impl HeldFrames {
    /// Returns whether a frame is held.
    pub(super) fn holds(&self, msg: MsgId) -> bool {
        !self.held.is_empty() && self.held.contains_key(&msg)
    }

    /// Keeps a held frame that has arrived.
    pub(super) fn park(&mut self, frame: Frame) {
        if let Some(holding) = self.held.get_mut(&frame.msg) {
            holding.frame = Some(frame);
        }
    }

    /// Forgets that a frame is held. Returns it if it has arrived.
    pub(super) fn take(&mut self, msg: MsgId) -> Option<Frame> {
        self.held.remove(&msg)?.frame
    }

    /// Returns the held frames that wait in front of a node: they die with its process.
    pub(super) fn parked_at(&self, node: NodeId) -> Vec<MsgId> {
        let waits = |holding: &Holding| holding.frame.as_ref().is_some_and(|frame| frame.to == node.into());
        self.held.iter().filter(|(_, holding)| waits(holding)).map(|(msg, _)| *msg).collect()
    }

    fn add(&mut self, msg: MsgId, by: Option<TrapId>) {
        self.hold_count += 1;
        self.held.insert(msg, Holding { order: self.hold_count, by, frame: None });
    }

    /// Returns the held frames of which `wanted` is true, in the order in which they were held.
    fn in_order(&self, wanted: impl Fn(&Holding) -> bool) -> Vec<MsgId> {
        let mut found: Vec<_> = self.held.iter().filter(|(_, holding)| wanted(holding)).collect();
        found.sort_by_key(|(_, holding)| holding.order);
        found.into_iter().map(|(msg, _)| *msg).collect()
    }
}

impl<B: Backend> World<B> {
    /// Does what was asked with messages; an error says why nothing was done.
    pub(super) fn by_hand(&mut self, now: Timestamp, seq: Seq, what: ByHand) -> Result<(), String> {
        match what {
            ByHand::Hold(msg) => self.hold_by_hand(now, seq, msg),
            ByHand::Release(msg) if self.held.holds(msg) => {
                self.release(now, seq, msg);
                Ok(())
            }
            ByHand::Release(msg) => Err(format!("{msg} is not held")),
            ByHand::ReleaseAll => {
                let all = self.held.in_order(|_| true);
                self.release_each(now, seq, &all).then_some(()).ok_or_else(|| "no message is held".to_owned())
            }
            ByHand::ReleaseTrap(trap) => {
                let removed = self.remove_trap(now, seq, trap);
                let caught = self.held.in_order(|holding| holding.by == Some(trap));
                let released = self.release_each(now, seq, &caught);
                if removed || released { Ok(()) } else { Err(no_trap(trap)) }
            }
            ByHand::Drop(msg) => {
                self.known_frame(msg)?;
                self.queue.take_frame(msg);
                self.drop_frame(now, msg, DropReason::ByHand);
                Ok(())
            }
            ByHand::Duplicate(msg) => self.duplicate(now, seq, msg),
            ByHand::DeliverNow(msg) => self.deliver_now(now, seq, msg),
            ByHand::SetTrap(trap) => self.set_trap(now, seq, trap),
            ByHand::RemoveTrap(trap) if self.remove_trap(now, seq, trap) => Ok(()),
            ByHand::RemoveTrap(trap) => Err(no_trap(trap)),
        }
    }

    /// Lets all messages go and removes all traps.
    pub(super) fn heal_messages(&mut self, now: Timestamp, seq: Seq) {
        // The traps first: what is let go makes nodes send, and that is not to be caught.
        for trap in self.held.traps.keys().copied().collect::<Vec<_>>() {
            self.remove_trap(now, seq, trap);
        }
        let all = self.held.in_order(|_| true);
        self.release_each(now, seq, &all);
    }

    /// A frame was handed to its link: springs the trap that it meets, if any. Returns whether it goes on its way.
    pub(super) fn passes_traps(
        &mut self,
        now: Timestamp,
        msg: MsgId,
        ends: (Endpoint, Endpoint),
        info: MessageInfo,
    ) -> bool {
        if self.held.traps.is_empty() {
            return true;
        }
        let meets = |set: &SetTrap| set.trap.catches(info.name.as_str(), info.family.word(), ends);
        let Some((id, set)) = self.held.traps.iter().find(|(_, set)| meets(set)).map(|(id, set)| (*id, *set)) else {
            return true;
        };
        let sprung = self.record(now, Some(set.set), EventKind::TrapSprung { trap: id, msg });
        if set.trap.times == Times::Once {
            self.held.traps.remove(&id);
        }
        if self.held.held.len() >= HELD_MAX {
            self.drop_frame(now, msg, DropReason::BufferFull);
            return false;
        }
        self.held.add(msg, Some(id));
        self.record(now, Some(sprung), EventKind::FrameHeld { msg, by: Some(id) });
        true
    }

    fn hold_by_hand(&mut self, now: Timestamp, seq: Seq, msg: MsgId) -> Result<(), String> {
        self.known_frame(msg)?;
        if self.held.holds(msg) {
            return Err(format!("{msg} is held already"));
        }
        if self.held.held.len() >= HELD_MAX {
            return Err(format!("{HELD_MAX} messages are held already; release some first"));
        }
        self.held.add(msg, None);
        self.record(now, Some(seq), EventKind::FrameHeld { msg, by: None });
        Ok(())
    }

    fn release_each(&mut self, now: Timestamp, seq: Seq, all: &[MsgId]) -> bool {
        // One of them may end another: a message that makes its receiver fail takes with it what waits there.
        let still_held: Vec<bool> = all.iter().map(|msg| self.release(now, seq, *msg)).collect();
        still_held.contains(&true)
    }

    /// Lets a held frame go on. Returns whether it was held.
    fn release(&mut self, now: Timestamp, seq: Seq, msg: MsgId) -> bool {
        if !self.held.holds(msg) {
            return false;
        }
        self.record(now, Some(seq), EventKind::FrameReleased { msg });
        if let Some(frame) = self.held.take(msg) {
            self.deliver(now, frame);
        }
        true
    }

    fn deliver_now(&mut self, now: Timestamp, seq: Seq, msg: MsgId) -> Result<(), String> {
        self.known_frame(msg)?;
        let released = self.release(now, seq, msg);
        match self.queue.take_frame(msg) {
            Some((frame, ends)) => self.transmit(now, frame, ends),
            None if released => {}
            None => return Err(format!("{msg} has left its link: nothing delays it but its receiver")),
        }
        Ok(())
    }

    fn duplicate(&mut self, now: Timestamp, seq: Seq, msg: MsgId) -> Result<(), String> {
        let info = self.known_frame(msg)?.info;
        let parked = self.held.held.get(&msg).and_then(|holding| holding.frame.clone());
        let queued = self.queue.frame(msg);
        let (due, mut frame, ends) = match (parked, queued) {
            (Some(frame), _) => (now, frame, None),
            (None, Some((due, frame, ends))) => (due, frame, Some(ends)),
            (None, None) => {
                return Err(format!("{msg} is inside its connection; hold it first, and it can be doubled"));
            }
        };
        frame.msg = self.copy_in_flight(now, seq, &frame, info, due);
        match ends {
            Some(ends) => self.queue.push(due, Due::Transmit { frame, ends }),
            None => self.deliver(now, frame),
        }
        Ok(())
    }

    fn set_trap(&mut self, now: Timestamp, seq: Seq, trap: Trap) -> Result<(), String> {
        for end in [trap.from, trap.to].into_iter().flatten() {
            self.known_end(end)?;
        }
        if trap.from.is_some() && trap.from == trap.to {
            return Err("nobody sends messages to itself; name two ends, or one".to_owned());
        }
        if let Some(what) = trap.what {
            self.check_message_name(what.as_str())?;
        }
        if let Some((known, _)) = self.held.traps.iter().find(|(_, set)| set.trap == trap) {
            return Err(format!("{known} waits for it already: {trap}"));
        }
        if self.held.traps.len() >= TRAPS_MAX {
            return Err(format!("{TRAPS_MAX} traps are set already; remove one first"));
        }
        self.held.trap_count += 1;
        let id = TrapId(self.held.trap_count);
        let set = self.record(now, Some(seq), EventKind::TrapSet { trap: id, what: trap });
        self.held.traps.insert(id, SetTrap { trap, set });
        Ok(())
    }

    fn check_message_name(&self, what: &str) -> Result<(), String> {
        let names = registry::message_names(self.row.id);
        let families = || Family::ALL.iter().map(|family| family.word());
        let known = || families().chain(names.iter().copied()).chain(wire::MESSAGES.iter().copied());
        if names.is_empty() || known().any(|name| name.eq_ignore_ascii_case(what)) {
            return Ok(());
        }
        let listed = known().collect::<Vec<_>>().join(", ");
        Err(format!("`{what}` is no message of {}; there are {listed}", self.row.title))
    }

    fn remove_trap(&mut self, now: Timestamp, seq: Seq, trap: TrapId) -> bool {
        let known = self.held.traps.remove(&trap).is_some();
        if known {
            self.record(now, Some(seq), EventKind::TrapRemoved { trap });
        }
        known
    }

    fn known_frame(&self, msg: MsgId) -> Result<&InFlight, String> {
        self.in_flight.get(&msg).ok_or_else(|| format!("{msg} is not under way"))
    }
}

fn no_trap(trap: TrapId) -> String {
    format!("there is no trap {trap}")
}
