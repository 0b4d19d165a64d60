//! The loop of a run without a window: takes what happened, asks what the director wants.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Director, Due, Phase, Plan};
use crate::{
    event::TraceEvent,
    fault::FaultKind,
    script::{Timed, Unresolved},
    session::{Next, Session},
    spec::ClusterSpec,
    time::Timestamp,
    trace::ClusterState,
};

/// How long the loop waits for events before it looks at the script again.
const TICK: Duration = Duration::from_millis(10);

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
    /// The cluster ended by itself.
    #[error("the cluster ended at {0}, before the run was over")]
    Ended(Timestamp),
}

/// Runs a cluster according to a plan, or until `stop` becomes true. The session is finished by its owner.
pub fn run(
    session: &Session,
    spec: &ClusterSpec,
    plan: Plan,
    watch: &mut impl Watch,
    stop: &AtomicBool,
) -> Result<Finished, HeadlessError> {
    let mut director = Director::new(spec, plan);
    if let Some(nemesis) = director.nemesis() {
        watch.on_nemesis(nemesis.kinds());
    }
    let began = Instant::now();
    let mut last_event = Duration::ZERO;
    let mut cut_short = false;
    while director.phase() != Phase::Over {
        let batch = match session.recv_batch(TICK) {
            Next::Batch(batch) => batch,
            Next::Nothing => Vec::new(),
            Next::Ended => return Err(HeadlessError::Ended(director.state().at)),
        };
        let real = began.elapsed();
        if !batch.is_empty() {
            last_event = real;
        }
        take(batch, &mut director, watch);
        watch.on_tick(director.state(), director.phase());
        if stop.load(Ordering::Relaxed) {
            cut_short = true;
            director.cut_short();
        }
        // Between two events time goes on, too.
        let now = director.state().at + real.saturating_sub(last_event).mul_f64(director.state().rate);
        while let Some(Due { by, line, commands }) = director.next(now, real)? {
            if let Some(line) = line {
                watch.on_line(&line, now);
            }
            for command in commands {
                session.send(by, command);
            }
        }
    }
    let left = director.left().cloned().collect();
    Ok(Finished { state: director.state().clone(), cut_short, left })
}

fn take(batch: Vec<TraceEvent>, director: &mut Director, watch: &mut impl Watch) {
    for event in batch {
        director.apply(&event);
        watch.on_event(&event, director.state());
    }
}
