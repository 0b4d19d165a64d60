//! The live backend: real nodes, each with its own listener on loopback, real connections and a data folder.

mod disk_thread;
mod file_disk;
mod frame;
mod hello;
mod records;
