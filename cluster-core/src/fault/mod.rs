//! Everything that can be broken: link rules, node faults, and the table that menus, scripts and tests read.
//!
//! Faults act only in the link, process, clock and disk layers, never inside a protocol.

mod clock;
mod inject;
mod link;
mod links;
mod node;

pub use clock::{ClockShift, ClockSkew, ClockTurn, Drift};
pub use inject::{DELAY_SLIDER_MAX, FAULTS, Fault, FaultKind, FaultRow, FaultTarget, Heal};
pub use link::{Delay, DropReason, LinkCounters, LinkRules, Loss, RuleError, Verdict};
pub use links::{LinkId, Links};
pub use node::{
    Ailment, DiskFaults, NodeFault, NodeFaultCounters, NodeFaultError, NodeFaults, ReadErrors, SLOW_MAX, Slowness,
};
