//! Whole clusters in the simulator: what a user would see, without sleeping.

mod common;
mod messages;
mod primary_backup;
mod raft;
mod world;
