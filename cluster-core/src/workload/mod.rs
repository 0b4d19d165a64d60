//! Clients: what they ask, of whom, how long they wait and when they ask again. The world carries it out.

mod client;
mod generator;
mod port;
#[cfg(test)]
mod tests;
pub mod wire;

pub use client::{Client, HAND_TIMEOUT, IN_FLIGHT_MAX};
pub use port::{ClientInput, ClientOutput, ClientToken, OpCounter};
