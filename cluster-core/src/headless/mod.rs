//! Runs a cluster without a window: a script strikes it on time, a nemesis at random, and at the end the clients come to rest.

mod director;
mod grade;
mod lab;
mod plausible;
mod rerun;
#[cfg(feature = "live")]
mod run;
mod scribe;
mod simulate;

use crate::{
    event::TraceEvent,
    fault::FaultKind,
    script::{Timed, Unresolved},
    spec::SpecError,
    time::Timestamp,
    trace::{ClusterState, RecordingError},
};

pub use director::{Chaos, Director, Due, GRACE, LEADER_PATIENCE, Phase, Plan};
pub use grade::{Grade, Light, Reason, compare_grades, grade};
#[cfg(feature = "live")]
pub use lab::{LiveStage, live_lab, live_lab_kept};
pub use lab::{SimStage, simulate_lab, simulate_lab_kept};
pub use rerun::{Again, rerun_simulated};
#[cfg(feature = "live")]
pub use run::run;
pub use scribe::Scribe;
pub use simulate::simulate;

/// Hears of everything in a run, as it happens.
pub trait Watch {
    /// This happened; `state` is the cluster after it.
    fn on_event(&mut self, event: &TraceEvent, state: &ClusterState);
    /// A moment passed.
    fn on_tick(&mut self, state: &ClusterState, phase: Phase);
    /// A line of the script was carried out.
    fn on_line(&mut self, line: &Timed, at: Timestamp);
    /// The run begins, and these kinds of faults may strike at random in it.
    fn on_nemesis(&mut self, _kinds: &[FaultKind]) {}
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The cluster when the run was over, its nodes not yet told to end.
    pub state: ClusterState,
    /// Whether it ended before its time, because that was asked for.
    pub cut_short: bool,
    /// The lines of the script that were never due.
    pub left: Vec<Timed>,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// A line of the script makes no sense in this cluster.
    #[error(transparent)]
    Script(#[from] Unresolved),
    /// The cluster cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The cluster ended by itself.
    #[error("the cluster ended at {0}, before the run was over")]
    Ended(Timestamp),
}
