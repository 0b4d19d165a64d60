//! The live backend: real nodes, each with its own listener on loopback, real connections and a data folder.
//!
//! One thread runs the cluster, as the simulator does; what waits is the system's business. So a live node costs what
//! its sockets cost, and nothing is locked.

mod alarm;
mod backend;
mod cluster;
mod conn;
mod disk_thread;
mod door;
mod door_conn;
mod driver;
mod file_disk;
pub(crate) mod frame;
pub(crate) mod hello;
mod self_test;
mod tasks;
mod wire;

pub(crate) use cluster::{LiveCluster, first_taken, ports};
pub use door::DoorPorts;
pub(crate) use driver::Ask;
pub(crate) use self_test::self_test;
