//! The run in the OpenMetrics text format, for those who have dashboards of their own.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
};

use super::{ClusterState, Lag, LagTracker, NodeStatus};
use crate::{
    event::{EventKind, Milestone, Outcome, RoleKind, TraceEvent},
    ids::NodeId,
    request::Request,
    spec::ClusterSpec,
    time::Timestamp,
};

/// What a page of this format is called when it is sent.
pub const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper ends of the buckets of latencies, in microseconds, with their spelling in seconds.
const BUCKETS: &[(u64, &str)] = &[
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1.0"),
    (2_500_000, "2.5"),
    (10_000_000, "10.0"),
];

/// Folds events to what a dashboard shows.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    state: ClusterState,
    lags: LagTracker,
    /// Operations that ended, by kind and outcome.
    ended: BTreeMap<(&'static str, &'static str), u64>,
    /// The latencies of those that were answered, by kind.
    latencies: BTreeMap<&'static str, Histogram>,
    elections: BTreeMap<NodeId, u64>,
    rejected: BTreeMap<NodeId, u64>,
    events: u64,
}

/// A number that each node, or link, has: its name, what it is, and where it stands.
type Column<T> = (&'static str, &'static str, fn(&T) -> u64);

#[derive(Clone, Debug, Default)]
struct Histogram {
    /// How many fell into each bucket; the last one has no upper end.
    counts: [u64; BUCKETS.len() + 1],
    nanos: u64,
}

impl Metrics {
    /// Returns the fold before the first event.
    pub fn new(spec: &ClusterSpec) -> Self {
        Self { state: ClusterState::before(spec), ..Self::default() }
    }

    /// Takes an event over. Events must come in order.
    pub fn apply(&mut self, event: &TraceEvent) {
        self.events += 1;
        match &event.kind {
            EventKind::OpReturned { op, outcome, .. } => {
                if let Some(op) = self.state.ops.get(op) {
                    let kind = kind_of(&op.request);
                    *self.ended.entry((kind, outcome_word(outcome))).or_default() += 1;
                    if outcome.is_ok() {
                        self.latencies.entry(kind).or_default().add(event.at.since(op.invoked).as_nanos() as u64);
                    }
                }
            }
            EventKind::Milestone { node, milestone: Milestone::LeaderElected { .. } } => {
                *self.elections.entry(*node).or_default() += 1;
            }
            EventKind::FrameRejected { node, .. } => *self.rejected.entry(*node).or_default() += 1,
            // The rest is in the state, or in no number.
            _ => {}
        }
        self.state.apply(event);
        self.lags.apply(event, &self.state, &mut |_, _| {});
    }

    /// Returns the page.
    pub fn page(&mut self) -> String {
        let mut page = Page::default();
        self.write_operations(&mut page);
        self.write_nodes(&mut page);
        self.write_lags(&mut page);
        self.write_links(&mut page);
        page.family("faultline_clients", "gauge", "Clients that are there, those from outside included.");
        page.sample("faultline_clients", &[], self.state.clients.len());
        page.family("faultline_events", "counter", "Events that were recorded.");
        page.sample("faultline_events_total", &[], self.events);
        page.family("faultline_cluster_time_seconds", "gauge", "Cluster time since the run began.");
        page.unit("faultline_cluster_time_seconds", "seconds");
        page.sample("faultline_cluster_time_seconds", &[], seconds(self.state.at.0));
        page.text.push_str("# EOF\n");
        page.text
    }

    fn write_operations(&self, page: &mut Page) {
        page.family("faultline_operations", "counter", "Operations that ended, by kind and outcome.");
        for ((kind, outcome), count) in &self.ended {
            page.sample("faultline_operations_total", &[("kind", kind), ("outcome", outcome)], count);
        }
        page.family("faultline_operations_open", "gauge", "Operations under way.");
        page.sample("faultline_operations_open", &[], self.state.ops.len());
        page.family("faultline_operation_seconds", "histogram", "How long clients waited for their answers.");
        page.unit("faultline_operation_seconds", "seconds");
        for (kind, latencies) in &self.latencies {
            let mut below = 0;
            let ends = BUCKETS.iter().map(|(_, end)| *end).chain(["+Inf"]);
            for (count, end) in latencies.counts.iter().zip(ends) {
                below += count;
                page.sample("faultline_operation_seconds_bucket", &[("kind", kind), ("le", end)], below);
            }
            page.sample("faultline_operation_seconds_count", &[("kind", kind)], below);
            page.sample("faultline_operation_seconds_sum", &[("kind", kind)], seconds(latencies.nanos));
        }
    }

    fn write_nodes(&self, page: &mut Page) {
        let nodes = || self.state.nodes.iter().map(|(node, state)| (node.to_string(), state));
        let gauges: [Column<super::NodeState>; 6] = [
            ("faultline_node_up", "Whether the node's process is there; it may be frozen.", |state| {
                state.status.is_running().into()
            }),
            ("faultline_node_frozen", "Whether the node stands still.", |state| {
                (state.status == NodeStatus::Frozen).into()
            }),
            ("faultline_node_term", "The term, epoch or view that the node takes part in.", |state| state.view.epoch.0),
            ("faultline_node_commit_index", "The last entry that the node knows to be committed.", |state| {
                state.view.commit_index.0
            }),
            ("faultline_node_applied_index", "The last entry that the node applied.", |state| {
                state.view.applied_index.0
            }),
            ("faultline_node_keys", "The keys in the node's map.", |state| state.view.keys),
        ];
        for (name, help, value) in gauges {
            page.family(name, "gauge", help);
            nodes().for_each(|(node, state)| page.sample(name, &[("node", &node)], value(state)));
        }
        page.family("faultline_node_role", "stateset", "What the node believes to be.");
        for (node, state) in nodes() {
            let roles = [
                (RoleKind::Follower, "follower"),
                (RoleKind::Candidate, "candidate"),
                (RoleKind::Leader, "leader"),
                (RoleKind::Learner, "learner"),
            ];
            for (role, word) in roles {
                let is = state.status.is_running() && state.view.role == role;
                page.sample("faultline_node_role", &[("node", &node), ("faultline_node_role", word)], u8::from(is));
            }
        }
        for (name, help, counts) in [
            ("faultline_elections", "How often the node was elected.", &self.elections),
            ("faultline_rejected", "How often the node turned away bytes or strangers.", &self.rejected),
        ] {
            page.family(name, "counter", help);
            for (node, count) in counts {
                page.sample(&format!("{name}_total"), &[("node", &node.to_string())], count);
            }
        }
    }

    fn write_lags(&mut self, page: &mut Page) {
        let mut lags: Vec<(NodeId, Lag)> = Vec::new();
        self.lags.each(self.state.at.max(Timestamp::ZERO), &mut |node, lag| lags.push((node, lag)));
        page.family("faultline_node_lag_entries", "gauge", "How many of the leader's entries the node lacks.");
        for (node, lag) in &lags {
            page.sample("faultline_node_lag_entries", &[("node", &node.to_string())], lag.entries);
        }
        page.family("faultline_node_lag_bytes", "gauge", "How many bytes these have.");
        page.unit("faultline_node_lag_bytes", "bytes");
        for (node, lag) in &lags {
            page.sample("faultline_node_lag_bytes", &[("node", &node.to_string())], lag.bytes);
        }
        page.family("faultline_node_lag_seconds", "gauge", "The age of the oldest entry that the node lacks.");
        page.unit("faultline_node_lag_seconds", "seconds");
        for (node, lag) in &lags {
            page.sample("faultline_node_lag_seconds", &[("node", &node.to_string())], seconds(lag.nanos));
        }
    }

    fn write_links(&self, page: &mut Page) {
        let links = || self.state.links.iter().map(|((from, to), link)| (from.to_string(), to.to_string(), link));
        let counters: [Column<super::LinkState>; 3] = [
            ("faultline_link_frames_sent", "Frames that were handed to the link.", |link| link.sent),
            ("faultline_link_frames_delivered", "Frames that arrived.", |link| link.delivered),
            ("faultline_link_sent_bytes", "The bytes of the frames that were handed to the link.", |link| {
                link.sent_bytes
            }),
        ];
        for (name, help, value) in counters {
            page.family(name, "counter", help);
            if name.ends_with("_bytes") {
                page.unit(name, "bytes");
            }
            let sample = format!("{name}_total");
            links().for_each(|(from, to, link)| page.sample(&sample, &[("from", &from), ("to", &to)], value(link)));
        }
        page.family("faultline_link_frames_dropped", "counter", "Frames that will never arrive, by reason.");
        for (from, to, link) in links() {
            for (reason, count) in [("rules", link.did.stopped()), ("other", link.dropped)] {
                let labels = [("from", from.as_str()), ("to", &to), ("reason", reason)];
                page.sample("faultline_link_frames_dropped_total", &labels, count);
            }
        }
        page.family("faultline_link_cut", "gauge", "Whether the link is cut.");
        for (from, to, link) in links() {
            page.sample("faultline_link_cut", &[("from", &from), ("to", &to)], u8::from(link.rules.cut));
        }
    }
}

impl Histogram {
    fn add(&mut self, nanos: u64) {
        let bucket = BUCKETS.partition_point(|(end, _)| nanos > end * 1000);
        self.counts[bucket] += 1;
        self.nanos += nanos;
    }
}

/// A page that is being written. Labels are ids and words of this program: nothing in them needs escaping.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn unit(&mut self, name: &str, unit: &str) {
        let _ = writeln!(self.text, "# UNIT {name} {unit}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (nth, (label, of)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"{of}\"", if nth == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

fn kind_of(request: &Request) -> &'static str {
    match request {
        Request::Admin(_) => "admin",
        request if request.is_write() => "write",
        _ => "read", // What is neither reads.
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => "ok",
        Outcome::Failed(_) => "failed",
        Outcome::NoAnswer => "no_answer",
    }
}

fn seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        event::ViewChange,
        ids::{ClientId, Epoch, LogIndex, OpId, Seq},
    };

    const N1: NodeId = NodeId(1);

    fn page_of(kinds: Vec<EventKind>) -> String {
        let mut metrics = Metrics::new(&ClusterSpec::default());
        for (nth, kind) in kinds.into_iter().enumerate() {
            let (seq, at) = (Seq(nth as u64), Timestamp(nth as u64 * 1_000_000));
            metrics.apply(&TraceEvent { seq, at, cause: None, kind });
        }
        metrics.page()
    }

    fn story() -> Vec<EventKind> {
        let request = Request::Put { key: "x".into(), value: "1".into() };
        let op = OpId(1);
        vec![
            EventKind::NodeStarted { node: N1, incarnation: 0, port: 1 },
            EventKind::Milestone { node: N1, milestone: Milestone::LeaderElected { epoch: Epoch(3) } },
            EventKind::ViewChanged { node: N1, changes: vec![ViewChange::Role(RoleKind::Leader, Default::default())] },
            EventKind::OpInvoked { op, client: ClientId(1), request },
            EventKind::OpReturned { op, outcome: Outcome::Written { at: LogIndex(1) }, node: Some(N1) },
            EventKind::NodeFroze { node: N1 },
        ]
    }

    #[test]
    fn a_page_tells_operations_roles_and_what_is_frozen() {
        let page = page_of(story());
        for line in [
            "faultline_operations_total{kind=\"write\",outcome=\"ok\"} 1",
            "faultline_operation_seconds_bucket{kind=\"write\",le=\"0.0005\"} 0",
            "faultline_operation_seconds_bucket{kind=\"write\",le=\"0.001\"} 1",
            "faultline_operation_seconds_sum{kind=\"write\"} 0.001000000",
            "faultline_elections_total{node=\"n1\"} 1",
            "faultline_node_role{node=\"n1\",faultline_node_role=\"leader\"} 1",
            "faultline_node_up{node=\"n1\"} 1",
            "faultline_node_frozen{node=\"n1\"} 1",
            "faultline_node_up{node=\"n2\"} 0",
        ] {
            assert!(page.lines().any(|known| known == line), "no line {line} in\n{page}");
        }
    }

    /// The rules of the format that a strict reader checks.
    #[test]
    fn a_page_follows_the_rules_of_the_format() {
        let page = page_of(story());
        assert!(page.ends_with("# EOF\n"));
        let (mut families, mut family) = (BTreeSet::new(), String::new());
        for line in page.lines().filter(|line| *line != "# EOF") {
            if let Some(head) = line.strip_prefix("# TYPE ") {
                family = head.split(' ').next().unwrap_or_default().to_owned();
                assert!(families.insert(family.clone()), "{family} comes twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap_or_default();
                let ending = name.strip_prefix(family.as_str()).expect("a sample belongs to its family");
                assert!(["", "_total", "_bucket", "_count", "_sum"].contains(&ending), "{line}");
                assert!(line.rsplit(' ').next().is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
            }
        }
    }
}
