//! The cluster as both backends run it: nodes, clients, links, timers and commands, fed with time and arrivals.

mod backend;

pub use backend::{Backend, Booted, Down, Frame, Handed, Syncing};
