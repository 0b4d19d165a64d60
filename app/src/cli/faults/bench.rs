//! A real cluster to measure faults on: three nodes, a load, and what happened between two moments.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::{DiskHarm, EventKind, TraceEvent},
    fault::{Delay, Fault, Heal, LinkCounters, LinkFault, LinkId, NodeFault, NodeFaultCounters},
    ids::{ClientId, MsgId, NodeId, Seq},
    session::{Next, Session, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load},
    time::{Timestamp, TimingProfile},
    trace::{ClusterState, NodeStatus, TraceStore},
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
    /// Starts a cluster and waits until it works. Only with fsync is there anything on its disks that can be lied about.
    pub(super) fn start(fsync: bool) -> Result<Self, Failure> {
        let load = Load::Open { rate_hz: RATE_HZ };
        let spec = ClusterSpec {
            nodes: (1..=3).map(NodeId).collect(),
            profile: TimingProfile::Fast,
            link_delay: Some(Delay::default()),
            fsync,
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

    /// Returns the node whose machine is broken: a follower.
    pub(super) fn victim(&self) -> Result<NodeId, Failure> {
        self.link.1.node().ok_or_else(|| Failure::Run("there is no node at the far end of the link".to_owned()))
    }

    /// Makes a machine ail, and waits until it does.
    pub(super) fn make_ail(&mut self, node: NodeId, fault: NodeFault) -> Result<(), Failure> {
        let before = self.state().faults.len();
        self.command(Command::Inject(vec![Fault::Node(node, fault)]));
        self.until("the fault", move |state| state.faults.len() > before)
    }

    /// Returns what the faults of a machine did so far.
    pub(super) fn did_of(&self, node: NodeId) -> NodeFaultCounters {
        self.state().nodes.get(&node).map(|node| node.counters).unwrap_or_default()
    }

    /// Returns how often a node was started before its latest start.
    pub(super) fn boots_of(&self, node: NodeId) -> u32 {
        self.state().nodes.get(&node).map_or(0, |node| node.incarnation)
    }

    /// Returns why a node is down, in the words of the program.
    pub(super) fn failure_of(&self, node: NodeId) -> String {
        match self.state().nodes.get(&node).map(|node| &node.status) {
            Some(NodeStatus::Failed(failure)) => match failure.to_string().split_once(" (") {
                Some((why, _)) => format!("the node ended: {why}"),
                None => format!("the node ended: {failure}"),
            },
            Some(status) => format!("the node is {}", status.word()),
            None => "there is no such node".to_owned(),
        }
    }

    /// Returns how many entries the log of a node had at most.
    pub(super) fn longest_log_of(&self, node: NodeId) -> u64 {
        let mut longest = 0;
        self.store.each(Seq(0)..self.store.len(), &mut |event| match &event.kind {
            EventKind::LogSpliced { node: of, from, entries } if *of == node => {
                longest = longest.max(from.0 + entries.len() as u64 - 1);
            }
            _ => {} // only the log is looked at
        });
        longest
    }

    /// Returns how many records the power losses of a node took, and how many of them it left half-written.
    pub(super) fn records_lost(&self, node: NodeId) -> (u32, u32) {
        let (mut lost, mut torn) = (0, 0);
        self.store.each(Seq(0)..self.store.len(), &mut |event| match &event.kind {
            EventKind::NodeLostPower { node: of, records_lost } if *of == node => lost += records_lost,
            EventKind::DiskHarmed { node: of, harm: DiskHarm::Torn { .. }, .. } if *of == node => torn += 1,
            _ => {} // only its disk is looked at
        });
        (lost, torn)
    }

    /// Starts a node that is down. Returns the end of the log that it found on its disk.
    pub(super) fn restarted(&mut self, node: NodeId) -> Result<u64, Failure> {
        let from = self.store.len();
        let boots = self.boots_of(node);
        self.command(Command::Restart(node));
        // It may end soon after.
        self.until("the boot", move |state| state.nodes.get(&node).is_some_and(|node| node.incarnation > boots))?;
        let (mut started, mut end) = (None, 0);
        self.store.each(from..self.store.len(), &mut |event| match &event.kind {
            EventKind::NodeStarted { node: of, .. } if *of == node => started = Some(event.at),
            // What a boot finds is told in the same step.
            EventKind::LogSpliced { node: of, from, entries } if *of == node && started == Some(event.at) => {
                end = from.0 + entries.len() as u64 - 1;
            }
            _ => {} // only the boot is looked at
        });
        Ok(end)
    }

    /// Heals everything, waits until the node runs and has what was committed, and tells whether its machine is sound.
    pub(super) fn mended(&mut self, node: NodeId) -> Result<String, Failure> {
        self.command(Command::Heal(Heal::All));
        self.until("the heal", move |state| {
            state.faults.is_empty() && state.nodes.get(&node).is_some_and(|node| node.status.is_running())
        })?;
        self.watch(SPAN)?;
        let committed = self.state().nodes.values().map(|node| node.view.commit_index).max().unwrap_or_default();
        self.until("the node to catch up", move |state| {
            state.nodes.get(&node).is_some_and(|node| node.view.applied_index >= committed)
        })?;
        let before = NodeFaultCounters { waiting: 0, ..self.did_of(node) };
        self.watch(SPAN)?;
        let after = NodeFaultCounters { waiting: 0, ..self.did_of(node) };
        Ok(if before == after { "no trace, caught up".to_owned() } else { "still felt".to_owned() })
    }

    fn did(&self) -> LinkCounters {
        self.state().links.get(&self.link).map(|link| link.did).unwrap_or_default()
    }

    fn drain(&mut self, wait: Duration) -> Result<(), Failure> {
        let mut next = self.session.recv_batch(wait);
        loop {
            match next {
                Next::Batch(batch) => {
                    let refused = |event: &TraceEvent| match &event.kind {
                        EventKind::CommandRefused { reason } => Some(reason.clone()),
                        _ => None, // everything else is looked at by those who measure
                    };
                    if let Some(reason) = batch.iter().find_map(refused) {
                        return Err(Failure::Run(format!("the cluster refused: {reason}")));
                    }
                    self.store.append(batch);
                }
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
