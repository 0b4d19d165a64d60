//! What is done to single messages: held, let go, doubled, dropped, and the traps that catch those to come.
//!
//! A message is held in front of its receiver: it crosses its link and its connection, and then waits there until it is let
//! go. So it outlives its sender and a cut of the link, as bytes in a receive buffer do, and dies with its receiver. A
//! trap decides when a frame is handed to its link; what the link itself drops springs no trap.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Endpoint, MsgId, TrapId},
    name::Name,
};

/// How many messages can be held at once; what a trap catches beyond that is dropped.
pub const HELD_MAX: usize = 4096;
/// How many traps can be set at once.
pub const TRAPS_MAX: usize = 64;

/// Something done to one message, or to those to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ByHand {
    /// A message under way is not given to its receiver until it is let go.
    Hold(MsgId),
    /// A held message goes on: it is received at once, or as soon as its link lets it out.
    Release(MsgId),
    /// Every held message goes on, in the order in which they were held.
    ReleaseAll,
    /// A trap is removed, and what it caught goes on.
    ReleaseTrap(TrapId),
    /// A message under way never arrives.
    Drop(MsgId),
    /// A message on its link, or held, travels a second time.
    Duplicate(MsgId),
    /// A message under way skips what is left of its delay, and overtakes those before it.
    DeliverNow(MsgId),
    /// Messages to come are held.
    SetTrap(Trap),
    /// A trap is removed; what it caught stays held.
    RemoveTrap(TrapId),
}

/// Which messages are held when they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// The name of a message or the word of a family; any message if absent.
    pub what: Option<Name>,
    /// From whom; from anybody if absent.
    pub from: Option<Endpoint>,
    /// To whom; to anybody if absent.
    pub to: Option<Endpoint>,
    /// How often.
    pub times: Times,
}

/// How often a trap springs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Times {
    /// For the next message; then it is gone.
    Once,
    /// For every message, until it is removed.
    Always,
}

impl Trap {
    /// Returns whether a message springs the trap; `family` is the word of its family.
    pub fn catches(&self, name: &str, family: &str, (from, to): (Endpoint, Endpoint)) -> bool {
        let meant = |what: Name| what.as_str().eq_ignore_ascii_case(name) || what.as_str().eq_ignore_ascii_case(family);
        self.what.is_none_or(meant) && self.from.is_none_or(|end| end == from) && self.to.is_none_or(|end| end == to)
    }
}

impl Trap {
    /// Returns what it catches, as the object of a sentence: `the next vote`, `every message to n2`.
    pub fn words(&self) -> String {
        match self.times {
            Times::Once => format!("the {self}"),
            Times::Always => self.to_string(),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = match self.times {
            Times::Once => "next",
            Times::Always => "every",
        };
        write!(f, "{times} {}", self.what.map_or("message", Name::as_str))?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    const ENDS: (Endpoint, Endpoint) = (Endpoint::Node(NodeId(1)), Endpoint::Node(NodeId(3)));

    fn trap(what: Option<&'static str>, from: Option<u16>, to: Option<u16>) -> Trap {
        let end = |node: u16| NodeId(node).into();
        Trap { what: what.map(Name::new), from: from.map(end), to: to.map(end), times: Times::Once }
    }

    #[test]
    fn a_trap_catches_by_name_or_family_and_by_both_ends() {
        for (trap, catches) in [
            (trap(None, None, None), true),
            (trap(Some("AppendEntries"), None, Some(3)), true),
            (trap(Some("appendentries"), None, None), true),
            (trap(Some("append"), Some(1), Some(3)), true),
            (trap(Some("vote"), None, None), false),
            (trap(None, Some(3), None), false),
            (trap(Some("append"), None, Some(1)), false),
        ] {
            assert_eq!(trap.catches("AppendEntries", "append", ENDS), catches, "{trap}");
        }
    }

    #[test]
    fn a_trap_says_what_it_waits_for() {
        assert_eq!(trap(Some("vote"), None, None).words(), "the next vote");
        let every = Trap { times: Times::Always, ..trap(None, Some(1), Some(2)) };
        assert_eq!(every.words(), "every message from n1 to n2");
    }
}
