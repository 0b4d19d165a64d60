//! Runs a cluster without a window: a script strikes it on time, a nemesis at random, and at the end the clients come to rest.

mod director;
#[cfg(feature = "live")]
mod run;

pub use director::{Chaos, Director, Due, GRACE, LEADER_PATIENCE, Phase, Plan};
#[cfg(feature = "live")]
pub use run::{Finished, HeadlessError, Watch, run};
