//! Random faults: named profiles whose strikes follow from a seed and from what happened so far, as ordinary commands.
//!
//! A [`Nemesis`] knows no clock and no cluster: whoever drives it (a run without a window, the window, a test) tells it the
//! time and the state, and carries out the commands that it returns. The same seed, times and states give the same
//! commands.

mod conduct;
mod draw;
mod field;
mod profile;
mod sizes;
#[cfg(test)]
mod tests;

pub use conduct::Nemesis;
pub use profile::{GAP_MIN, NemesisError, NemesisSpec, PROFILES, Profile, ProfileRow};
