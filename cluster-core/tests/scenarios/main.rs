//! Whole clusters in the simulator: what a user would see, without sleeping.

mod clock;
mod common;
mod disk;
mod machine;
mod links;
mod primary_backup;
mod raft;
mod world;
