//! Everything that can be broken: link rules, node faults, and the table that menus, scripts and tests read.
//!
//! Faults act only in the link, process, clock and disk layers, never inside a protocol.

mod by_hand;
mod clock;
mod counters;
mod delay;
mod gate;
mod inject;
mod link;
mod link_fault;
mod links;
mod node;
mod shapes;
mod sketch;

pub use by_hand::{ByHand, HELD_MAX, TRAPS_MAX, Times, Trap};
pub use clock::{ClockShift, ClockSkew, ClockTurn, Drift};
mod loss;
mod self_test;
mod shape;

pub use counters::{Act, DropReason, LinkCounters, Verdict};
pub use delay::{Delay, DelayShape};
pub use gate::{Damage, Judgment};
pub use inject::{DELAY_SLIDER_MAX, FAULTS, Fault, FaultKind, FaultRow, FaultTarget, Heal};
pub use link::{LinkRules, RuleError};
pub use link_fault::{Layer, LinkFault, layer_of};
pub use links::{LinkId, LinkNumber, Links, flap_phase};
pub use loss::{Burst, Loss};
pub use node::{
    Ailment, DiskFaults, NodeFault, NodeFaultCounters, NodeFaultError, NodeFaults, ReadErrors, SLOW_MAX, Slowness,
};
pub use self_test::{Proof, self_test};
pub use shape::{Bandwidth, Checksum, Corrupt, Duplicate, Flap, Reorder};
pub use shapes::{Chosen, SHAPES, Shape, ShapeError, ShapeRow};
pub use sketch::{Network, Sketch};
