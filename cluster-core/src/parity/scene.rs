//! A cluster on either backend, led by what is seen of it: a script that waits for states means the same on both.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

#[cfg(feature = "live")]
use crate::session::{Next, Session, SessionOptions};
use crate::{
    check::Observers,
    command::{Author, Command},
    event::{Conclusion, EventKind, TraceEvent},
    hunt::{Check, Watch},
    ids::{ClientId, NodeId, OpId},
    name::Name,
    origin::BackendKind,
    registry,
    request::Request,
    sim::Runner,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, Recorder},
};

/// How long anything is waited for, in cluster time, before a script is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster that a script asks things of, on either backend.
pub struct Scene {
    engine: Engine,
    watch: Watch,
    checks: Vec<Check>,
    /// What happened and was not looked at yet.
    waiting: VecDeque<TraceEvent>,
    /// How many commands were seen to be asked.
    heard: u64,
    /// The operation by hand that was asked for last, and those that succeeded.
    asked: Option<OpId>,
    succeeded: BTreeSet<OpId>,
    refused: Vec<String>,
    broken: BTreeMap<Name, String>,
}

enum Engine {
    Sim(Box<Runner>),
    #[cfg(feature = "live")]
    Live(Box<Session>, std::time::Instant),
}

/// What a script that could not go on says.
pub type Stuck = String;

impl Scene {
    /// Starts a cluster, and watches for everything that its protocol promises.
    pub fn start(spec: &ClusterSpec, backend: BackendKind) -> Result<Self, Stuck> {
        let row = registry::check(spec).map_err(|error| error.to_string())?;
        let checks = Check::promised(row, spec);
        let engine = match backend {
            BackendKind::Sim => {
                let recorder = Recorder::kept().observed_by(Box::new(Observers::of(spec)));
                Engine::Sim(Box::new(Runner::start(spec, recorder).map_err(|error| error.to_string())?))
            }
            BackendKind::Live => live(spec)?,
        };
        // The trace of both backends has the findings of the observers; the watch adds what they do not look for.
        let others = checks.iter().copied().filter(|check| matches!(check, Check::Lost | Check::Stopped));
        let watch = Watch::new(spec, &others.collect::<Vec<_>>());
        Ok(Self {
            engine,
            watch,
            checks,
            waiting: VecDeque::new(),
            heard: 0,
            asked: None,
            succeeded: BTreeSet::new(),
            refused: Vec::new(),
            broken: BTreeMap::new(),
        })
    }

    /// Returns the cluster as far as it was looked at.
    pub fn state(&self) -> &ClusterState {
        self.watch.state()
    }

    /// Returns the promises that were seen to be broken, each with the first sentence that says so.
    pub fn broken(&self) -> &BTreeMap<Name, String> {
        &self.broken
    }

    /// Returns what was refused, and why.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Asks something of the cluster, and waits until it was heard.
    pub fn ask(&mut self, command: Command) -> Result<(), Stuck> {
        let heard = self.heard;
        let words = format!("{command:.60?} to be heard");
        match &mut self.engine {
            Engine::Sim(runner) => runner.command(Author::Script, command),
            #[cfg(feature = "live")]
            Engine::Live(session, _) => drop(session.send(Author::Script, command)),
        }
        self.wait(PATIENCE, &mut |scene| scene.heard > heard).then_some(()).ok_or_else(|| in_vain(&words))
    }

    /// Asks a node for an operation by hand. Returns whether it succeeds within `span`.
    pub fn submit(&mut self, node: NodeId, request: Request, span: Duration) -> Result<bool, Stuck> {
        let before = self.asked;
        self.ask(Command::Submit { node, request })?;
        if !self.wait(PATIENCE, &mut |scene| scene.asked != before) {
            return Err(in_vain("the operation to begin"));
        }
        let asked = self.asked;
        Ok(self.wait(span, &mut |scene| asked.is_some_and(|op| scene.succeeded.contains(&op))))
    }

    /// Waits until something is so.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&ClusterState) -> bool) -> Result<(), Stuck> {
        self.wait(PATIENCE, &mut |scene| done(scene.state())).then_some(()).ok_or_else(|| in_vain(what))
    }

    /// Waits until something is so, but not long. Returns whether it is.
    pub fn within(&mut self, span: Duration, mut done: impl FnMut(&ClusterState) -> bool) -> bool {
        self.wait(span, &mut |scene| done(scene.state()))
    }

    /// Waits until a promise is broken, but not long. Returns whether one is.
    pub fn breaks_within(&mut self, span: Duration) -> bool {
        self.wait(span, &mut |scene| !scene.broken.is_empty())
    }

    /// Lets so much cluster time pass.
    pub fn pass(&mut self, span: Duration) {
        self.wait(span, &mut |_| false);
    }

    /// Ends the cluster in good order.
    pub fn finish(self) -> Result<(), Stuck> {
        match self.engine {
            Engine::Sim(mut runner) => {
                runner.shutdown();
                Ok(())
            }
            #[cfg(feature = "live")]
            Engine::Live(session, _) => session.finish().map_err(|error| error.to_string()),
        }
    }

    /// Goes from event to event until something is so, or `span` is over.
    fn wait(&mut self, span: Duration, done: &mut dyn FnMut(&Self) -> bool) -> bool {
        let end = self.now() + span;
        loop {
            if done(self) {
                return true;
            }
            if !self.see_next() && !self.go_on(end) {
                return false;
            }
        }
    }

    /// Looks at the next event that happened, if there is one.
    fn see_next(&mut self) -> bool {
        let Some(event) = self.waiting.pop_front() else { return false };
        if let Some(caught) = self.watch.apply(&event) {
            self.broken.entry(caught.finding.promise).or_insert(caught.finding.sentence);
        }
        match event.kind {
            EventKind::CommandIssued { .. } => self.heard += 1,
            EventKind::CommandRefused { reason } => self.refused.push(reason),
            EventKind::Found { finding } if finding.conclusion == Conclusion::Violated => {
                if self.promises(finding.promise) {
                    self.broken.entry(finding.promise).or_insert_with(|| finding.sentence.clone());
                }
            }
            EventKind::OpInvoked { op, client: ClientId(0), .. } => self.asked = Some(op),
            EventKind::OpReturned { op, outcome, .. } if outcome.is_ok() => drop(self.succeeded.insert(op)),
            _ => {} // the rest is in the state
        }
        true
    }

    /// Returns whether what the observers found was promised at all.
    fn promises(&self, promise: Name) -> bool {
        let wanted = if promise.as_str() == "linearizable" { Check::Linearizable } else { Check::Invariants };
        self.checks.contains(&wanted)
    }

    /// Lets something happen, up to a moment. Returns whether that moment is still to come.
    fn go_on(&mut self, end: Timestamp) -> bool {
        let mut events = Vec::new();
        let more = match &mut self.engine {
            Engine::Sim(runner) => {
                // What was asked is looked at before time goes on.
                runner.take_events(&mut events);
                let more = !events.is_empty() || !runner.advance(end, 1);
                runner.take_events(&mut events);
                more || !events.is_empty()
            }
            #[cfg(feature = "live")]
            Engine::Live(session, last) => {
                let now = self.watch.state().at + last.elapsed();
                match session.recv_batch(end.since(now).min(TICK)) {
                    Next::Batch(batch) => {
                        (events, *last) = (batch, std::time::Instant::now());
                        true
                    }
                    Next::Nothing => now < end,
                    Next::Ended => false,
                }
            }
        };
        self.waiting.extend(events);
        more
    }

    /// Returns the cluster's time.
    fn now(&self) -> Timestamp {
        match &self.engine {
            Engine::Sim(runner) => runner.now(),
            // Between two events time goes on, too.
            #[cfg(feature = "live")]
            Engine::Live(_, last) => self.watch.state().at + last.elapsed(),
        }
    }
}

/// How long real events are waited for at once.
#[cfg(feature = "live")]
const TICK: Duration = Duration::from_millis(20);

#[cfg(feature = "live")]
fn live(spec: &ClusterSpec) -> Result<Engine, Stuck> {
    let session = Session::live(spec.clone(), SessionOptions::default()).map_err(|error| error.to_string())?;
    Ok(Engine::Live(Box::new(session), std::time::Instant::now()))
}

#[cfg(not(feature = "live"))]
fn live(_: &ClusterSpec) -> Result<Engine, Stuck> {
    Err("this program was built without real nodes; build it with the feature `live`".to_owned())
}

fn in_vain(what: &str) -> Stuck {
    format!("waited in vain for {what}")
}
