//! Everything of Faultline that is true without a window. See `cluster-core/README.md` for the map.

#[cfg(test)]
extern crate self as cluster_core;

pub mod check;
pub mod command;
pub mod disk;
pub mod event;
pub mod fault;
#[cfg(any(all(test, feature = "live"), feature = "fuzzing"))]
pub mod fuzzing;
pub mod headless;
pub mod host;
pub mod hunt;
pub mod ids;
pub mod lab;
#[cfg(feature = "live")]
pub mod live;
pub mod name;
pub mod nemesis;
pub mod origin;
pub mod parity;
pub mod protocol;
pub mod registry;
pub mod request;
pub mod resp;
pub mod script;
#[cfg(feature = "live")]
pub mod session;
pub mod sim;
pub mod spec;
pub mod time;
pub mod trace;
pub mod until;
pub mod workload;
pub mod world;
