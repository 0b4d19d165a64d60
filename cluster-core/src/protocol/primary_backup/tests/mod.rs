//! Tests of primary-backup replication, on a small cluster of their own.

mod chaos;
mod cluster;
mod failover;
mod replication;
