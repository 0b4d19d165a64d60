//! A cluster on either backend, and what is measured on it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, Milestone, Outcome, TraceEvent},
    fault::{Fault, Heal},
    ids::{NodeId, OpId},
    session::{Next, Session, SessionError, SessionOptions},
    sim::Sim,
    spec::ClusterSpec,
    time::Timestamp,
    trace::ClusterState,
};

use crate::recipe::Links;

/// How often it is looked whether what is waited for is there.
const LOOK: Duration = Duration::from_millis(2);
/// A healthy cluster that has no leader by then is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one run showed from the strike to the heal.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// How long after the strike the first write was acknowledged that began after it.
    pub(crate) first_write: Option<Duration>,
    /// How often a leader was elected.
    pub(crate) elected: usize,
    /// How long two nodes believed at once to lead.
    pub(crate) two_leaders: Duration,
    /// The longest time without an acknowledged write.
    pub(crate) longest_gap: Duration,
    /// Whether writes were acknowledged after the heal, too.
    pub(crate) healed: bool,
}

enum Backend {
    Live(Session),
    Simulated(Box<Sim>),
}

/// A cluster under observation.
pub(crate) struct Cluster {
    backend: Backend,
    state: ClusterState,
    facts: Facts,
    /// The command after which counting begins anew was given, and is awaited in the trace.
    marked: bool,
    struck: Option<Timestamp>,
    /// When the operations under way began.
    invoked: BTreeMap<OpId, Timestamp>,
    /// When a write was last acknowledged, or counting began.
    written: Timestamp,
    began: Instant,
}

impl Cluster {
    pub(crate) fn live(spec: &ClusterSpec) -> Result<Self, SessionError> {
        Ok(Self::on(Backend::Live(Session::live(spec.clone(), SessionOptions::default())?), spec))
    }

    pub(crate) fn simulated(spec: &ClusterSpec) -> Result<Self, SessionError> {
        Ok(Self::on(Backend::Simulated(Box::new(Sim::start(spec)?)), spec))
    }

    fn on(backend: Backend, spec: &ClusterSpec) -> Self {
        let (state, facts) = (ClusterState::before(spec), Facts::default());
        Self {
            backend,
            state,
            facts,
            marked: false,
            struck: None,
            invoked: BTreeMap::new(),
            written: Timestamp::ZERO,
            began: Instant::now(),
        }
    }

    /// Waits until all nodes follow one leader that has acknowledged a write.
    pub(crate) fn wait_for_leader(&mut self) -> NodeId {
        let led = self.run_until(PATIENCE, |cluster| {
            let leader = cluster.state.leader();
            let follows = cluster.state.nodes.values().all(|node| leader.is_some() && node.view.leader == leader);
            follows && cluster.written > Timestamp::ZERO
        });
        assert!(led, "no leader within {PATIENCE:?}");
        self.state.leader().expect("just seen")
    }

    /// Cuts these directions at one instant, and counts from there.
    pub(crate) fn strike(&mut self, links: &Links) {
        self.marked = true;
        self.cut(links);
        let struck = self.run_until(PATIENCE, |cluster| !cluster.marked);
        assert!(struck, "the cluster did not take the command within {PATIENCE:?}");
    }

    /// Cuts these directions at one instant.
    pub(crate) fn cut(&mut self, links: &Links) {
        let faults = links.iter().map(|(from, to)| Fault::cut(((*from).into(), (*to).into()))).collect();
        self.command(Command::Inject(faults));
    }

    /// Asks something of the cluster.
    pub(crate) fn command(&mut self, command: Command) {
        match &mut self.backend {
            Backend::Live(session) => drop(session.send(Author::Script, command)),
            Backend::Simulated(sim) => sim.command(command),
        }
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    /// Runs until a write was acknowledged that began after the strike.
    pub(crate) fn run_until_written(&mut self, limit: Duration) {
        self.run_until(limit, |cluster| cluster.facts.first_write.is_some());
    }

    /// Heals everything and waits for writes. What was counted up to here stays.
    pub(crate) fn heal(&mut self, limit: Duration) {
        self.mind_gap(self.state.at);
        let mut facts = self.facts.clone();
        self.marked = true;
        self.command(Command::Heal(Heal::All));
        facts.healed = self.run_until(limit, |cluster| !cluster.marked && cluster.facts.first_write.is_some());
        self.facts = facts;
    }

    /// Ends the cluster and tells what was counted.
    pub(crate) fn finish(self) -> Result<Facts, SessionError> {
        if let Backend::Live(session) = self.backend {
            session.finish()?;
        }
        Ok(self.facts)
    }

    /// Runs until something holds. Returns whether it did within the limit.
    fn run_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let mut now = self.now();
        let end = now + limit;
        while !holds(self) {
            if now >= end {
                return false;
            }
            for event in self.advance(LOOK.min(end - now)) {
                self.look(&event);
            }
            now = self.now();
        }
        true
    }

    fn now(&self) -> Duration {
        match &self.backend {
            Backend::Live(_) => self.began.elapsed(),
            Backend::Simulated(sim) => sim.now().since_start(),
        }
    }

    fn advance(&mut self, span: Duration) -> Vec<TraceEvent> {
        match &mut self.backend {
            Backend::Live(session) => match session.recv_batch(span) {
                Next::Batch(batch) => batch,
                Next::Nothing | Next::Ended => Vec::new(),
            },
            Backend::Simulated(sim) => {
                sim.run_for(span);
                sim.trace().events(self.state.next..sim.trace().len())
            }
        }
    }

    fn look(&mut self, event: &TraceEvent) {
        if self.state.leaders().count() > 1 {
            self.facts.two_leaders += event.at.since(self.state.at);
        }
        self.state.apply(event);
        match &event.kind {
            EventKind::CommandIssued { .. } if self.marked => {
                (self.marked, self.facts, self.written) = (false, Facts::default(), event.at);
                self.struck = Some(event.at);
            }
            EventKind::Milestone { milestone: Milestone::LeaderElected { .. }, .. } => self.facts.elected += 1,
            EventKind::OpInvoked { op, .. } => drop(self.invoked.insert(*op, event.at)),
            EventKind::OpReturned { op, outcome, .. } => self.on_returned(*op, outcome, event.at),
            // Everything else is the fold's business.
            _ => {}
        }
    }

    fn on_returned(&mut self, op: OpId, outcome: &Outcome, at: Timestamp) {
        let Some(began) = self.invoked.remove(&op) else { return };
        if !outcome.is_ok() {
            return;
        }
        self.mind_gap(at);
        self.written = at;
        if let Some(struck) = self.struck.filter(|struck| began >= *struck) {
            self.facts.first_write.get_or_insert(at.since(struck));
        }
    }

    fn mind_gap(&mut self, until: Timestamp) {
        self.facts.longest_gap = self.facts.longest_gap.max(until.since(self.written));
    }
}
