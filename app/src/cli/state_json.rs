//! The cluster at one moment as JSON: names that stay, whatever the types behind them are called.

use std::collections::BTreeMap;

use cluster_core::{
    command::Author,
    event::{EntryKind, RoleKind},
    fault::{LinkCounters, LinkRules},
    spec::{ClusterSpec, Load},
    time::Timestamp,
    trace::{Broken, ClusterState, NodeState},
};
use serde::Serialize;

use crate::widgets::machine::ailments;

/// The cluster at one moment.
#[derive(Debug, Serialize)]
pub(super) struct StateJson {
    protocol: String,
    /// How the protocol is broken on purpose, if it is.
    variant: Option<&'static str>,
    /// The moment that was asked for, or the end of the recording if that is earlier.
    at_ms: f64,
    /// How many events had happened.
    events: u64,
    /// Cluster seconds per real second.
    rate: f64,
    leader: Option<String>,
    nodes: BTreeMap<String, NodeJson>,
    links: Vec<LinkJson>,
    clients: BTreeMap<String, ClientJson>,
    open_operations: Vec<OpJson>,
    frames_in_flight: Vec<FrameJson>,
    broken: Vec<BrokenJson>,
}

#[derive(Debug, Serialize)]
struct NodeJson {
    status: &'static str,
    since_ms: f64,
    failure: Option<String>,
    incarnation: u32,
    port: u16,
    redis_port: u16,
    role: &'static str,
    role_name: &'static str,
    epoch: u64,
    voted_for: Option<String>,
    leader: Option<String>,
    first_index: u64,
    last_index: u64,
    commit_index: u64,
    applied_index: u64,
    persisted_index: u64,
    keys: u64,
    state_hash: String,
    snapshot_index: Option<u64>,
    voters: Vec<String>,
    learners: Vec<String>,
    peers: BTreeMap<String, PeerJson>,
    waiting_for: String,
    machine: MachineJson,
    extra: BTreeMap<&'static str, String>,
    /// The end of the log, oldest first.
    log_tail: Vec<EntryJson>,
}

/// What ails a machine, part by part, and what that did so far.
#[derive(Debug, Serialize)]
struct MachineJson {
    ails: Vec<String>,
    inputs_waiting: u32,
    inputs_slowed: u64,
    slowed_ms: f64,
    steps_skewed: u64,
    timers_moved: u64,
    syncs_slowed: u64,
    syncs_lied: u64,
    writes_refused: u64,
    reads_refused: u64,
    records_torn: u64,
    records_cut: u64,
    bits_flipped: u64,
}

#[derive(Debug, Serialize)]
struct PeerJson {
    next_index: u64,
    match_index: u64,
    mode: &'static str,
    last_heard_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
struct EntryJson {
    index: u64,
    epoch: u64,
    kind: &'static str,
    op: Option<u64>,
    bytes: u32,
    committed: bool,
}

#[derive(Debug, Serialize)]
struct LinkJson {
    from: String,
    to: String,
    #[serde(flatten)]
    rules: RulesJson,
    sent: u64,
    sent_bytes: u64,
    delivered: u64,
    /// What each rule did.
    did: LinkCounters,
    half_open_until_ms: Option<f64>,
    cut_frames: u64,
    lost_frames: u64,
    dropped_frames: u64,
}

#[derive(Debug, Serialize)]
struct RulesJson {
    cut: bool,
    delay_ms: f64,
    jitter_ms: f64,
    loss: f64,
}

#[derive(Debug, Serialize)]
struct ClientJson {
    load: &'static str,
    ok: u64,
    failed: u64,
    unanswered: u64,
}

#[derive(Debug, Serialize)]
struct OpJson {
    op: u64,
    client: String,
    request: String,
    since_ms: f64,
}

#[derive(Debug, Serialize)]
struct FrameJson {
    from: String,
    to: String,
    name: &'static str,
    bytes: u32,
    sent_ms: f64,
    due_ms: f64,
}

#[derive(Debug, Serialize)]
struct BrokenJson {
    what: String,
    since_ms: f64,
    by: Option<&'static str>,
}

/// How many entries of each log are told.
const TAIL: usize = 16;

impl StateJson {
    /// Tells the state at `at`.
    pub(super) fn new(spec: &ClusterSpec, state: &ClusterState, at: Timestamp) -> Self {
        Self {
            protocol: spec.protocol.clone(),
            variant: cluster_core::registry::variant(spec).map(|variant| variant.name),
            at_ms: ms(at),
            events: state.next.0,
            rate: state.rate,
            leader: state.leader().map(|leader| leader.to_string()),
            nodes: state.nodes.iter().map(|(node, state)| (node.to_string(), NodeJson::new(state))).collect(),
            links: links(state),
            clients: clients(state),
            open_operations: state
                .ops
                .iter()
                .map(|(op, state)| OpJson {
                    op: op.0,
                    client: state.client.to_string(),
                    request: state.request.to_string(),
                    since_ms: ms(state.invoked),
                })
                .collect(),
            frames_in_flight: state
                .flights
                .values()
                .map(|flight| FrameJson {
                    from: flight.from.to_string(),
                    to: flight.to.to_string(),
                    name: flight.info.name.as_str(),
                    bytes: flight.bytes,
                    sent_ms: ms(flight.sent),
                    due_ms: ms(flight.due),
                })
                .collect(),
            broken: state
                .faults
                .iter()
                .map(|fault| BrokenJson {
                    what: match fault.what {
                        Broken::Node(node) => node.to_string(),
                        Broken::Machine(node, part) => format!("{node} {}", part.word()),
                        Broken::Link((from, to)) => format!("{from}->{to}"),
                    },
                    since_ms: ms(fault.since),
                    by: fault.by.map(author),
                })
                .collect(),
        }
    }
}

impl MachineJson {
    fn new(state: &NodeState) -> Self {
        let counters = state.counters;
        Self {
            ails: ailments(state),
            inputs_waiting: counters.waiting,
            inputs_slowed: counters.inputs_slowed,
            slowed_ms: counters.slowed.as_secs_f64() * 1e3,
            steps_skewed: counters.steps_skewed,
            timers_moved: counters.timers_moved,
            syncs_slowed: counters.syncs_slowed,
            syncs_lied: counters.syncs_lied,
            writes_refused: counters.writes_refused,
            reads_refused: counters.reads_refused,
            records_torn: counters.records_torn,
            records_cut: counters.records_cut,
            bits_flipped: counters.bits_flipped,
        }
    }
}

impl NodeJson {
    fn new(state: &NodeState) -> Self {
        let view = &state.view;
        let failure = match &state.status {
            cluster_core::trace::NodeStatus::Failed(failure) => Some(failure.to_string()),
            _ => None,
        };
        let ids = |nodes: &[cluster_core::ids::NodeId]| nodes.iter().map(ToString::to_string).collect();
        let peers = view.peers.iter().map(|(node, peer)| {
            let (next_index, match_index) = (peer.next_index.0, peer.match_index.0);
            let last_heard_ms = peer.last_heard.map(ms);
            (node.to_string(), PeerJson { next_index, match_index, mode: peer.mode.as_str(), last_heard_ms })
        });
        Self {
            status: state.status.word(),
            since_ms: ms(state.since),
            failure,
            incarnation: state.incarnation,
            port: state.port,
            redis_port: state.door,
            role: role(view.role),
            role_name: view.role_name.as_str(),
            epoch: view.epoch.0,
            voted_for: view.voted_for.map(|node| node.to_string()),
            leader: view.leader.map(|node| node.to_string()),
            first_index: view.first_index.0,
            last_index: state.log.last().0,
            commit_index: view.commit_index.0,
            applied_index: view.applied_index.0,
            persisted_index: view.persisted_index.0,
            keys: view.keys,
            // As text: JSON readers round numbers of 64 bits.
            state_hash: format!("{:016x}", view.state_hash),
            snapshot_index: view.snapshot.map(|snapshot| snapshot.index.0),
            voters: ids(&view.voters),
            learners: ids(&view.learners),
            peers: peers.collect(),
            waiting_for: view.waiting_for.to_string(),
            machine: MachineJson::new(state),
            extra: view.extra.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(),
            log_tail: tail(state),
        }
    }
}

fn tail(state: &NodeState) -> Vec<EntryJson> {
    let entries = state.log.iter().rev().take(TAIL).map(|(index, entry)| EntryJson {
        index: index.0,
        epoch: entry.epoch.0,
        kind: kind(entry.kind),
        op: entry.op.map(|op| op.0),
        bytes: entry.bytes,
        committed: index <= state.view.commit_index,
    });
    let mut entries: Vec<_> = entries.collect();
    entries.reverse();
    entries
}

fn links(state: &ClusterState) -> Vec<LinkJson> {
    let links = state.links.iter().map(|((from, to), link)| LinkJson {
        from: from.to_string(),
        to: to.to_string(),
        rules: rules(&link.rules),
        sent: link.sent,
        sent_bytes: link.sent_bytes,
        delivered: link.delivered,
        cut_frames: link.did.cut,
        lost_frames: link.did.lost,
        did: link.did,
        half_open_until_ms: link.half_open.map(ms),
        dropped_frames: link.dropped,
    });
    links.collect()
}

fn clients(state: &ClusterState) -> BTreeMap<String, ClientJson> {
    let clients = state.clients.iter().map(|(client, state)| {
        let load = match state.spec.as_ref().map(|spec| spec.load) {
            None if state.visitor.is_some() => "from outside",
            None => "by hand",
            Some(Load::Closed { .. }) => "closed",
            Some(Load::Open { .. }) => "open",
            Some(Load::Idle) => "idle",
        };
        let (ok, failed, unanswered) = (state.ok, state.failed, state.unanswered);
        (client.to_string(), ClientJson { load, ok, failed, unanswered })
    });
    clients.collect()
}

fn rules(rules: &LinkRules) -> RulesJson {
    let millis = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    RulesJson {
        cut: rules.cut,
        delay_ms: rules.delay.map_or(0.0, |delay| millis(delay.mean)),
        jitter_ms: rules.delay.map_or(0.0, |delay| millis(delay.jitter)),
        loss: rules.loss.map_or(0.0, |loss| loss.probability),
    }
}

fn author(by: Author) -> &'static str {
    match by {
        Author::User => "user",
        Author::Script => "script",
        Author::Lab => "lab",
        Author::Nemesis => "nemesis",
    }
}

fn role(role: RoleKind) -> &'static str {
    match role {
        RoleKind::Follower => "follower",
        RoleKind::Candidate => "candidate",
        RoleKind::Leader => "leader",
        RoleKind::Learner => "learner",
    }
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Put => "put",
        EntryKind::Delete => "delete",
        EntryKind::NoOp => "no-op",
        EntryKind::Members => "members",
    }
}

/// Returns milliseconds with three decimals.
pub(super) fn ms(at: Timestamp) -> f64 {
    (at.0 / 1000) as f64 / 1e3
}
