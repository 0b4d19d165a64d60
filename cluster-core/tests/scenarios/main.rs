//! Whole clusters in the simulator: what a user would see, without sleeping.

mod clock;
mod common;
mod disk;
mod knobs;
mod links;
mod machine;
mod messages;
mod omni_paxos;
mod primary_backup;
mod promises;
mod raft;
mod raft_study;
mod rpc;
mod world;
