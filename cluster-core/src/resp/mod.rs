//! The Redis protocol, without sockets: bytes to commands, commands to operations, answers to bytes.
//!
//! The crate `redis-protocol` reads frames of any shape into trees, without limits and from their beginning each time. A
//! server reads only lists of strings, must bound them, and reads each byte once: that is shorter than using it.

mod cluster;
mod command;
mod decode;
mod encode;
mod local;
mod slot;
mod table;
mod talk;
#[cfg(test)]
mod tests;

pub use cluster::Belief;
pub use decode::Malformed;
pub use talk::{Did, Talk};
