//! What could have influenced what: the happened-before order of a run (Lamport 1978), and how its nodes fared over time.
//!
//! A node's events are ordered by its own course, a message's arrival comes after its sending, and an effect comes after
//! the event that is recorded as its cause; all else follows. What two events have no such chain between them is concurrent.

mod cone;
mod density;
mod index;
mod lives;
mod path;
mod place;
#[cfg(test)]
mod tests;

pub use cone::{Cone, Order};
pub use density::{Density, LaneCounts};
pub use index::Causality;
pub use lives::{Life, LifeSpan, Lives};
pub use path::{Chain, ChainError};
pub use place::Lane;
pub(crate) use place::Places;
