//! Hunts for broken promises: many simulated runs, each from a seed of its own, struck at random and watched; what is found
//! is made as small as it can be.
//!
//! A [`Trial`] is one run: a cluster, and what is asked of it when. A [`Watch`] looks at its events. [`hunt`] draws a trial
//! from each seed, runs them on all cores, and hands everything [`Caught`] to [`shrink`].

mod finding;
mod nemesis;
mod pool;
mod quarry;
mod record;
mod shrink;
mod table;
#[cfg(test)]
mod tests;
mod trial;
mod usurper;
mod watch;

pub use finding::{Caught, Check};
pub use nemesis::nemeses;
pub use pool::{Found, HuntOptions, HuntReport, Progress, hunt};
pub use quarry::{Quarry, Striker, StrikerOf};
pub use record::{RecordError, record};
pub use shrink::{Shrunk, shrink};
pub use table::{TABLE_HEAD, table_row};
pub use trial::{Ran, TimedCommand, Trial};
pub use watch::Watch;
