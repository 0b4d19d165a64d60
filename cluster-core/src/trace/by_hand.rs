//! Messages held by hand and the traps for more: their fold, and their words.

use super::{ClusterState, Flight};
use crate::{
    command::Author,
    event::{EventKind, TraceEvent},
    fault::{ByHand, Times, Trap},
    ids::{MsgId, Seq, TrapId},
    time::Timestamp,
};

/// A message that is not given to its receiver until somebody lets it go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldFrame {
    /// Its number.
    pub msg: MsgId,
    /// What it is.
    pub flight: Flight,
    /// Since when it is held.
    pub since: Timestamp,
    /// The trap that caught it; none if it was held by hand.
    pub by: Option<TrapId>,
}

/// A trap that waits for messages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrapState {
    /// Its number.
    pub id: TrapId,
    /// Which messages it waits for.
    pub trap: Trap,
    /// Since when.
    pub since: Timestamp,
    /// The event by which it was set.
    pub seq: Seq,
    /// Who set it, if that is known.
    pub by: Option<Author>,
    /// How many messages it caught.
    pub caught: u64,
}

impl ClusterState {
    /// Returns whether a frame under way is held.
    pub fn is_held(&self, msg: MsgId) -> bool {
        self.held.iter().any(|held| held.msg == msg)
    }

    /// Takes an event about messages held by hand over; `by` is who gave the command that led to it.
    pub(super) fn apply_by_hand(&mut self, event: &TraceEvent, by: Option<Author>) {
        match event.kind {
            EventKind::FrameHeld { msg, by } => {
                if let Some(flight) = self.flights.get(&msg) {
                    self.held.push(HeldFrame { msg, flight: *flight, since: event.at, by });
                }
            }
            EventKind::FrameReleased { msg }
            | EventKind::FrameDelivered { msg }
            | EventKind::FrameDropped { msg, .. } => {
                self.held.retain(|held| held.msg != msg);
            }
            EventKind::TrapSet { trap: id, what: trap } => {
                self.traps.push(TrapState { id, trap, since: event.at, seq: event.seq, by, caught: 0 });
            }
            EventKind::TrapSprung { trap, .. } => {
                self.traps.retain(|known| known.id != trap || known.trap.times == Times::Always);
                self.traps.iter_mut().filter(|known| known.id == trap).for_each(|known| known.caught += 1);
            }
            EventKind::TrapRemoved { trap } => self.traps.retain(|known| known.id != trap),
            // Nothing else is done by hand to messages.
            _ => {}
        }
    }
}

/// Returns what is asked, for a list of events.
pub(super) fn command_line(what: &ByHand) -> String {
    match what {
        ByHand::Hold(msg) => format!("hold {msg}"),
        ByHand::Release(msg) => format!("release {msg}"),
        ByHand::ReleaseAll => "release every held message".to_owned(),
        ByHand::ReleaseTrap(trap) => format!("remove {trap} and release what it caught"),
        ByHand::Drop(msg) => format!("drop {msg}"),
        ByHand::Duplicate(msg) => format!("send {msg} twice"),
        ByHand::DeliverNow(msg) => format!("deliver {msg} now"),
        ByHand::SetTrap(trap) => format!("hold {}", trap.words()),
        ByHand::RemoveTrap(trap) => format!("remove {trap}"),
    }
}

/// Returns what somebody did, to follow who it was.
pub(super) fn command_phrase(what: &ByHand, before: &ClusterState) -> String {
    let named = |msg: &MsgId| message_words(*msg, before);
    match what {
        ByHand::Hold(msg) => format!("held {}", named(msg)),
        ByHand::Release(msg) => format!("let {} go on", named(msg)),
        ByHand::ReleaseAll => "let every held message go on".to_owned(),
        ByHand::ReleaseTrap(trap) => format!("removed trap {trap} and let go on what it had caught"),
        ByHand::Drop(msg) => format!("took {} out of the network", named(msg)),
        ByHand::Duplicate(msg) => format!("sent {} a second time", named(msg)),
        ByHand::DeliverNow(msg) => format!("delivered {} at once", named(msg)),
        ByHand::SetTrap(trap) => format!("set a trap that holds {}", trap.words()),
        ByHand::RemoveTrap(trap) => format!("removed trap {trap}"),
    }
}

/// Returns what an event about held messages says, as a sentence; none where the command says it, or it is of no weight.
pub(super) fn sentence(event: &TraceEvent, before: &ClusterState) -> Option<String> {
    match event.kind {
        // Of a trap that springs again and again the first time is told.
        EventKind::FrameHeld { msg, by: Some(trap) }
            if before.traps.iter().all(|known| known.id != trap || known.caught <= 1) =>
        {
            Some(caught_sentence(msg, trap, before))
        }
        // A hold by hand is told by its command, and so is the rest.
        _ => None,
    }
}

/// Returns that a trap caught a message.
pub(super) fn caught_sentence(msg: MsgId, trap: TrapId, before: &ClusterState) -> String {
    format!("Trap {trap} caught {}; it is held in front of its receiver", message_words(msg, before))
}

/// Returns a message in words: `AppendEntries m12 from n1 to n3`.
fn message_words(msg: MsgId, before: &ClusterState) -> String {
    before.flights.get(&msg).map_or_else(
        || format!("message {msg}"),
        |flight| format!("{} {msg} from {} to {}", flight.info.name, flight.from, flight.to),
    )
}
