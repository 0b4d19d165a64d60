//! What the scenarios share.

use std::{collections::BTreeMap, time::Duration};

use cluster_core::{
    check::Observers,
    command::Command,
    event::{EventKind, Finding, Milestone, Outcome, TraceEvent},
    fault::Fault,
    ids::{ClientId, Endpoint, NodeId, Seq},
    request::Request,
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
    trace::{Observer, Summary, TraceStore},
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Returns a cluster of that protocol without clients, at the fast profile.
pub(crate) fn cluster(protocol: &str, nodes: u16, seed: u64) -> ClusterSpec {
    ClusterSpec {
        protocol: protocol.to_owned(),
        nodes: (1..=nodes).map(NodeId).collect(),
        seed,
        profile: TimingProfile::Fast,
        clients: Vec::new(),
        ..ClusterSpec::default()
    }
}

/// Returns a client that writes and reads at a rate.
pub(crate) fn client(id: u16, rate_hz: f64) -> ClientSpec {
    ClientSpec { id: ClientId(id), load: Load::Open { rate_hz }, ..ClientSpec::default() }
}

/// Sets a knob.
pub(crate) fn with_knob(mut spec: ClusterSpec, knob: &str, value: &str) -> ClusterSpec {
    spec.knobs.insert(knob.to_owned(), value.to_owned());
    spec
}

/// The invariants, and none may be broken.
struct Silent(Observers);

impl Observer for Silent {
    fn observe(&mut self, event: &TraceEvent, found: &mut Vec<Finding>) {
        self.0.observe(event, found);
        let sentences: Vec<&str> = found.iter().map(|finding| finding.sentence.as_str()).collect();
        assert!(sentences.is_empty(), "at {}: {sentences:?}", event.at);
    }
}

/// Starts a cluster whose protocol must keep what it promises, whatever happens.
pub(crate) fn watched(spec: &ClusterSpec) -> Sim {
    Sim::observed(spec, Box::new(Silent(Observers::invariants(spec)))).expect("the spec is sound")
}

/// Starts a cluster and waits for its first leader.
pub(crate) fn led(spec: &ClusterSpec) -> (Sim, NodeId) {
    led_in(spec, watched(spec))
}

/// Starts a cluster that may break what it promises: its trace has the findings.
pub(crate) fn unchecked(spec: &ClusterSpec) -> Sim {
    Sim::observed(spec, Box::new(Observers::invariants(spec))).expect("the spec is sound")
}

/// Starts a cluster that may break what it promises, and waits for its first leader.
pub(crate) fn led_unchecked(spec: &ClusterSpec) -> (Sim, NodeId) {
    led_in(spec, unchecked(spec))
}

/// Returns which promises were found to be broken, by their ids.
pub(crate) fn broken_promises(sim: &Sim) -> Vec<&'static str> {
    sim.trace().latest().promises.keys().map(|promise| promise.as_str()).collect()
}

fn led_in(spec: &ClusterSpec, mut sim: Sim) -> (Sim, NodeId) {
    let found = sim.run_until(30 * SECOND, |trace| trace.latest().leader().is_some());
    assert!(found, "no leader within 30 s at seed {}", spec.seed);
    let leader = sim.trace().latest().leader().expect("just seen");
    (sim, leader)
}

/// Breaks one thing.
pub(crate) fn inject(sim: &mut Sim, fault: Fault) {
    sim.command(Command::Inject(vec![fault]));
}

/// Writes by hand at a node.
pub(crate) fn put(sim: &mut Sim, node: NodeId, key: &str, value: &str) {
    let request = Request::Put { key: key.into(), value: value.into() };
    sim.command(Command::Submit { node, request });
}

/// Reads by hand at a node.
pub(crate) fn get(sim: &mut Sim, node: NodeId, key: &str) {
    sim.command(Command::Submit { node, request: Request::Get { key: key.into() } });
}

/// Returns every event of a trace.
pub(crate) fn events(trace: &TraceStore) -> Vec<TraceEvent> {
    trace.events(Seq(0)..trace.len())
}

/// Returns the outcomes of the operations by hand, in the order in which they were asked; `None` while open.
pub(crate) fn outcomes(trace: &TraceStore) -> Vec<Option<Outcome>> {
    let mut asked = BTreeMap::new();
    for event in events(trace) {
        match event.kind {
            EventKind::OpInvoked { op, client: ClientId(0), .. } => drop(asked.insert(op, None)),
            EventKind::OpReturned { op, outcome, .. } => {
                asked.entry(op).and_modify(|known| *known = Some(outcome));
            }
            _ => {} // only operations are of interest here
        }
    }
    asked.into_values().collect()
}

/// Returns the milestones of a trace with their nodes.
pub(crate) fn milestones(trace: &TraceStore) -> Vec<(NodeId, Milestone)> {
    let milestone = |event: TraceEvent| match event.kind {
        EventKind::Milestone { node, milestone } => Some((node, milestone)),
        _ => None, // nothing else is a milestone
    };
    events(trace).into_iter().filter_map(milestone).collect()
}

/// Returns nodes as ends of links.
pub(crate) fn ends(nodes: &[NodeId]) -> Vec<Endpoint> {
    nodes.iter().copied().map(Endpoint::from).collect()
}

/// Returns the run in numbers.
pub(crate) fn summary(sim: &Sim) -> Summary {
    Summary::of(sim.trace())
}

/// Returns why commands were refused, in order.
pub(crate) fn refusals(trace: &TraceStore) -> Vec<String> {
    let reason = |kind| match kind {
        EventKind::CommandRefused { reason } => Some(reason),
        _ => None, // nothing else refuses a command
    };
    events(trace).into_iter().filter_map(|event| reason(event.kind)).collect()
}
