//! The gossip: five nodes, each of which sends so many short messages to each other node in every millisecond. And how it is
//! measured, on whatever simulator.

use std::time::Duration;

use super::cpu;

/// How many nodes gossip.
pub(crate) const NODES: u16 = 5;
/// How long a message is.
pub(crate) const BYTES: usize = 64;
/// How often every node sends to each other node.
pub(crate) const PERIOD: Duration = Duration::from_millis(1);
/// How long messages travel, at least and at most.
pub(crate) const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));
/// How many messages each node sends to each other node in a period, in the three measurements.
pub(crate) const COUNTS: [u64; 3] = [1, 16, 64];

/// How many messages are sent in one measurement, about.
const MESSAGES: u64 = 1_000_000;

/// What can go wrong is told, not handled.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Lets five nodes gossip for a while. Returns how many messages arrived in a second of CPU time.
pub(crate) fn rate(count: u64, run: impl FnOnce(u64, Duration) -> Result<u64, Failure>) -> Result<f64, Failure> {
    let nodes = u64::from(NODES);
    let periods = MESSAGES / (nodes * (nodes - 1) * count);
    let began = cpu::now();
    let arrived = run(count, PERIOD * periods as u32)?;
    let took = cpu::now() - began;
    // What was sent last is still under way, and where a send takes time of its own, fewer are sent; but some must be.
    if arrived < MESSAGES / 10 {
        return Err(format!("only {arrived} messages arrived").into());
    }
    Ok(arrived as f64 / took.as_secs_f64())
}

/// Returns the middle one.
pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}
