//! Everything that can be broken: link rules, node faults, and the table that menus, scripts and tests read.
//!
//! Faults act only in the link, process, clock and disk layers, never inside a protocol.

mod by_hand;
mod inject;
mod link;
mod links;

pub use by_hand::{ByHand, HELD_MAX, TRAPS_MAX, Times, Trap};
pub use inject::{DELAY_SLIDER_MAX, FAULTS, Fault, FaultKind, FaultRow, FaultTarget, Heal};
pub use link::{Delay, DropReason, LinkCounters, LinkRules, Loss, RuleError, Verdict};
pub use links::{LinkId, Links};
