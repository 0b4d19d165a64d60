//! The loop of a run without a window: takes what happened, asks what the director wants.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{Director, Phase, Plan};
use crate::{
    command::{Author, Command},
    event::TraceEvent,
    script::{Timed, Unresolved},
    spec::ClusterSpec,
    time::Timestamp,
    trace::ClusterState,
};

/// How long the loop waits for events before it looks at the script again.
const TICK: Duration = Duration::from_millis(20);

/// A cluster that runs somewhere else.
pub trait Cluster {
    /// Asks something of it.
    fn ask(&mut self, by: Author, command: Command);
    /// Waits for what happened next; an empty batch if nothing did for that long, `None` if the cluster has ended.
    fn take(&mut self, timeout: Duration) -> Option<Vec<TraceEvent>>;
}

/// Hears of everything in a run, as it happens.
pub trait Watch {
    /// These events happened; `state` is the cluster after them.
    fn on_events(&mut self, events: &[TraceEvent], state: &ClusterState, phase: Phase);
    /// A line of the script was carried out.
    fn on_line(&mut self, line: &Timed, at: Timestamp);
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The cluster at the end.
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

/// Runs a cluster according to a plan, or until `stop` becomes true.
pub fn run(
    cluster: &mut impl Cluster,
    spec: &ClusterSpec,
    plan: Plan,
    watch: &mut impl Watch,
    stop: &AtomicBool,
) -> Result<Finished, HeadlessError> {
    let mut director = Director::new(spec, plan);
    let began = Instant::now();
    let mut last_event = Duration::ZERO;
    let mut cut_short = false;
    while director.phase() != Phase::Over {
        let batch = cluster.take(TICK).ok_or_else(|| HeadlessError::Ended(director.state().at))?;
        let real = began.elapsed();
        if !batch.is_empty() {
            batch.iter().for_each(|event| director.apply(event));
            last_event = real;
            watch.on_events(&batch, director.state(), director.phase());
        }
        if stop.load(Ordering::Relaxed) {
            cut_short = true;
            director.cut_short();
        }
        let now = director.state().at + real.saturating_sub(last_event).mul_f64(director.state().rate);
        while let Some((line, commands)) = director.next(now, real)? {
            if let Some(line) = line {
                watch.on_line(&line, now);
            }
            commands.into_iter().for_each(|command| cluster.ask(Author::Script, command));
        }
    }
    let left = director.left().cloned().collect();
    Ok(Finished { state: director.state().clone(), cut_short, left })
}
