//! A real cluster to measure faults on: three nodes, a load, and what happened between two moments.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::{Delay, Fault, Heal, LinkCounters, LinkFault, LinkId},
    ids::{ClientId, MsgId, NodeId},
    session::{Next, Session, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load},
    time::{Timestamp, TimingProfile},
    trace::{ClusterState, TraceStore},
};

use super::Failure;

/// How long anything may take before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a fault is looked at.
pub(super) const SPAN: Duration = Duration::from_secs(1);
const RATE_HZ: f64 = 300.0;

/// A cluster under load.
pub(super) struct Bench {
    session: Session,
    store: TraceStore,
    /// The direction that is broken: from the leader to another node.
    pub(super) link: LinkId,
}

/// What happened on one direction between two moments.
#[derive(Default)]
pub(super) struct Seen {
    /// Frames that were sent.
    pub(super) sent: u64,
    /// The bytes of those that arrived.
    pub(super) carried: u64,
    /// How long those took that arrived, in the order of their sending.
    pub(super) took: Vec<Duration>,
    /// What each rule did.
    pub(super) did: LinkCounters,
    /// How long was looked.
    pub(super) span: Duration,
}

impl Bench {
    /// Starts a cluster and waits until it works.
    pub(super) fn start() -> Result<Self, Failure> {
        let load = Load::Open { rate_hz: RATE_HZ };
        let spec = ClusterSpec {
            nodes: (1..=3).map(NodeId).collect(),
            profile: TimingProfile::Fast,
            link_delay: Some(Delay::default()),
            fsync: false,
            clients: vec![ClientSpec { id: ClientId(1), load, read_share: 0.0, ..ClientSpec::default() }],
            ..ClusterSpec::default()
        };
        let session = Session::live(spec.clone(), SessionOptions::default()).map_err(Failure::run)?;
        let link = (NodeId(1).into(), NodeId(2).into());
        let mut bench = Self { session, store: TraceStore::new(spec), link };
        bench.until("an acknowledged write", |state| {
            state.leader().is_some() && state.clients.values().any(|client| client.ok > 20)
        })?;
        let leader = bench.state().leader().unwrap_or(NodeId(1));
        let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
        bench.link = (leader.into(), other.into());
        Ok(bench)
    }

    /// Returns the cluster as it is.
    pub(super) fn state(&self) -> &ClusterState {
        self.store.latest()
    }

    /// Breaks the link.
    pub(super) fn break_link(&mut self, fault: LinkFault) {
        self.command(Command::Inject(vec![Fault::Link(self.link, fault)]));
    }

    /// Asks something of the cluster.
    pub(super) fn command(&mut self, command: Command) {
        self.session.send(Author::Script, command);
    }

    /// Heals everything, waits until nothing is broken, and tells what the link still does afterwards.
    pub(super) fn healed(&mut self) -> Result<String, Failure> {
        self.command(Command::Heal(Heal::All));
        self.until("the heal", |state| state.faults.is_empty())?;
        // What was under way at that moment still feels the fault.
        self.watch(SPAN)?;
        let seen = self.watch(SPAN)?;
        Ok(match seen.did.stopped() + seen.did.slowed() + seen.did.bent() {
            0 => "no trace".to_owned(),
            touched => format!("{touched} of {} frames still touched", seen.sent),
        })
    }

    /// Looks at the link for so long.
    pub(super) fn watch(&mut self, span: Duration) -> Result<Seen, Failure> {
        self.drain(Duration::ZERO)?;
        let (from, before) = (self.store.len(), self.did());
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.drain(until.saturating_duration_since(Instant::now()))?;
        }
        let mut seen = Seen { did: less(self.did(), before), span, ..Seen::default() };
        let mut sent = BTreeMap::new();
        self.store.each(from..self.store.len(), &mut |event| seen.take(event, self.link, &mut sent));
        Ok(seen)
    }

    /// Waits until something holds.
    pub(super) fn until(&mut self, what: &str, done: impl Fn(&ClusterState) -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !done(self.store.latest()) {
            if Instant::now() > deadline {
                return Err(Failure::Run(format!("waited in vain for {what}; is this machine very busy?")));
            }
            self.drain(Duration::from_millis(20))?;
        }
        Ok(())
    }

    fn did(&self) -> LinkCounters {
        self.state().links.get(&self.link).map(|link| link.did).unwrap_or_default()
    }

    fn drain(&mut self, wait: Duration) -> Result<(), Failure> {
        let mut next = self.session.recv_batch(wait);
        loop {
            match next {
                Next::Batch(batch) => self.store.append(batch),
                Next::Nothing => return Ok(()),
                Next::Ended => return Err(Failure::Run("the cluster ended".to_owned())),
            }
            next = self.session.recv_batch(Duration::ZERO);
        }
    }
}

impl Seen {
    fn take(&mut self, event: &TraceEvent, link: LinkId, sent: &mut BTreeMap<MsgId, (Timestamp, u32)>) {
        match &event.kind {
            EventKind::FrameSent { msg, from, to, bytes, .. } if (*from, *to) == link => {
                self.sent += 1;
                sent.insert(*msg, (event.at, *bytes));
            }
            EventKind::FrameDelivered { msg } => {
                if let Some((at, bytes)) = sent.remove(msg) {
                    self.carried += u64::from(bytes);
                    self.took.push(event.at.since(at));
                }
            }
            _ => {} // only frames are measured
        }
    }

    /// Returns the median time that a frame took.
    pub(super) fn median(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or_default()
    }

    /// Returns a share of the frames sent, in words.
    pub(super) fn share(&self, frames: u64) -> String {
        format!("{:.1} % ({frames} of {} frames)", frames as f64 * 100.0 / self.sent.max(1) as f64, self.sent)
    }
}

/// Returns what was counted since.
fn less(now: LinkCounters, before: LinkCounters) -> LinkCounters {
    LinkCounters {
        passed: now.passed - before.passed,
        passed_bytes: now.passed_bytes - before.passed_bytes,
        cut: now.cut - before.cut,
        flapped: now.flapped - before.flapped,
        lost: now.lost - before.lost,
        burst: now.burst - before.burst,
        delayed: now.delayed - before.delayed,
        duplicated: now.duplicated - before.duplicated,
        held_back: now.held_back - before.held_back,
        reordered: now.reordered - before.reordered,
        corrupted: now.corrupted - before.corrupted,
        caught: now.caught - before.caught,
        throttled: now.throttled - before.throttled,
        queue_dropped: now.queue_dropped - before.queue_dropped,
        resets: now.resets - before.resets,
        half_opened: now.half_opened - before.half_opened,
        slow_closed: now.slow_closed - before.slow_closed,
        vanished: now.vanished - before.vanished,
    }
}
