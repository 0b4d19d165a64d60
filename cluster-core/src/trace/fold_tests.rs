//! What is folded from a trace: timeline, lag, ledger, summary.

use std::time::Duration;

use super::*;
use crate::{
    command::{Author, Command},
    event::{EntryBrief, EntryKind, EventKind, Milestone, Outcome, RoleKind, TraceEvent, ViewChange},
    fault::{Fault, FaultKind, LinkRules},
    ids::{ClientId, Epoch, LogIndex, NodeId, OpId, Seq},
    name::Name,
    request::{Refusal, Request},
    spec::ClusterSpec,
    time::Timestamp,
};

/// A trace written by hand; time in milliseconds.
#[derive(Default)]
struct Story {
    events: Vec<TraceEvent>,
    now_ms: u64,
}

impl Story {
    /// Three nodes up, n1 leads in epoch 1.
    fn begin() -> Self {
        let mut story = Self::default();
        (1..=3).for_each(|node| story.tell(EventKind::NodeStarted { node: NodeId(node), incarnation: 0, port: 0 }));
        story.elect(1, 1);
        story
    }

    fn tell(&mut self, kind: EventKind) {
        let at = Timestamp::from(Duration::from_millis(self.now_ms));
        self.events.push(TraceEvent { seq: Seq(self.events.len() as u64), at, cause: None, kind });
    }

    fn wait_ms(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn elect(&mut self, node: u16, epoch: u64) {
        let (node, epoch) = (NodeId(node), Epoch(epoch));
        self.tell(EventKind::Milestone { node, milestone: Milestone::LeaderElected { epoch } });
        let changes = vec![ViewChange::Role(RoleKind::Leader, Name::new("leader")), ViewChange::Epoch(epoch)];
        self.tell(EventKind::ViewChanged { node, changes });
    }

    fn crash(&mut self, node: u16) {
        self.tell(EventKind::NodeCrashed { node: NodeId(node) });
    }

    /// The node's log is, from `from` on, these operations, of that epoch.
    fn log(&mut self, node: u16, from: u64, epoch: u64, ops: &[u64]) {
        let entry = |op: &u64| EntryBrief { epoch: Epoch(epoch), op: Some(OpId(*op)), kind: EntryKind::Put, bytes: 10 };
        let entries = ops.iter().map(entry).collect();
        self.tell(EventKind::LogSpliced { node: NodeId(node), from: LogIndex(from), entries });
    }

    fn ask(&mut self, op: u64) {
        let request = Request::Put { key: "k".into(), value: format!("v{op}").into() };
        self.tell(EventKind::OpInvoked { op: OpId(op), client: ClientId(1), request });
    }

    fn answer(&mut self, op: u64, outcome: Outcome) {
        self.tell(EventKind::OpReturned { op: OpId(op), outcome, node: Some(NodeId(1)) });
    }

    fn written(&mut self, op: u64, at: u64) {
        self.answer(op, Outcome::Written { at: LogIndex(at) });
    }

    fn store(&self) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        store.append(self.events.clone());
        store
    }

    fn timeline(&self) -> Timeline {
        self.store().timeline().clone()
    }

    fn summary(&self) -> Summary {
        let summary = Summary::of_events(&ClusterSpec::default(), &self.events);
        assert_eq!(Summary::of(&self.store()), summary);
        summary
    }

    /// The lag of a node after all events.
    fn lag(&self, node: u16) -> Lag {
        let (mut lags, mut state) = (LagTracker::default(), ClusterState::before(&ClusterSpec::default()));
        for event in &self.events {
            state.apply(event);
            lags.apply(event, &state, &mut |_, _| {});
        }
        lags.lag(NodeId(node), Timestamp::from(Duration::from_millis(self.now_ms)))
    }
}

#[test]
fn lag_grows_while_a_follower_lacks_entries_and_returns_to_nothing() {
    let mut story = Story::begin();
    story.log(1, 1, 1, &[1]);
    story.log(2, 1, 1, &[1]);
    story.wait_ms(100).log(1, 2, 1, &[2]);
    story.wait_ms(100).log(1, 3, 1, &[3]);
    story.wait_ms(50);
    assert_eq!(story.lag(2), Lag { entries: 2, bytes: 20, nanos: 150_000_000 });
    assert_eq!(story.lag(3), Lag { entries: 3, bytes: 30, nanos: 250_000_000 });
    assert_eq!(story.lag(1), Lag::default(), "a leader is not behind itself");
    story.log(2, 2, 1, &[2]);
    assert_eq!(story.lag(2), Lag { entries: 1, bytes: 10, nanos: 50_000_000 });
    story.log(2, 3, 1, &[3]);
    assert_eq!(story.lag(2), Lag::default());
    let max_lag = story.summary().max_lag["n2"];
    assert_eq!(max_lag, MaxLag { entries: 2, bytes: 20, ms: 150 });
    let series = &story.timeline().lag[&NodeId(2)];
    assert_eq!(series[2], Lag { entries: 1, bytes: 10, nanos: 50_000_000 }, "at the end of its bucket");
    assert_eq!(series[5].nanos, 150_000_000);
}

/// Entries that a deposed leader has alone will be erased: they are no progress.
#[test]
fn a_deposed_leader_lags_by_what_it_will_have_to_replace() {
    let mut story = Story::begin();
    story.log(1, 1, 1, &[1, 2, 3]);
    story.log(2, 1, 1, &[1]);
    story.crash(1);
    story.wait_ms(1000).elect(2, 2);
    story.log(2, 2, 2, &[4, 5]);
    assert_eq!(story.lag(1).entries, 2);
    story.tell(EventKind::NodeStarted { node: NodeId(1), incarnation: 1, port: 0 });
    story.log(1, 1, 1, &[1, 2, 3]);
    assert_eq!(story.lag(1).entries, 2);
    story.log(1, 2, 2, &[4, 5]);
    assert_eq!(story.lag(1), Lag::default());
}

#[test]
fn bands_tell_who_led_and_when_nobody_did() {
    let mut story = Story::begin();
    story.wait_ms(500).crash(2);
    story.wait_ms(500).crash(1);
    story.wait_ms(500).elect(3, 2);
    let bands: Vec<_> = story.timeline().bands.iter().map(|b| (b.from.0 / 1_000_000, b.epoch.0, b.leader)).collect();
    assert_eq!(bands, [(0, 1, Some(NodeId(1))), (1000, 1, None), (1500, 2, Some(NodeId(3)))]);
}

#[test]
fn spans_last_from_the_fault_to_its_end() {
    let mut story = Story::begin();
    let (from, to) = (NodeId(1).into(), NodeId(2).into());
    let link = |cut| EventKind::LinkChanged { from, to, rules: Box::new(LinkRules { cut, ..LinkRules::default() }) };
    story.tell(EventKind::CommandIssued { by: Author::User, command: Command::Inject(vec![Fault::cut((from, to))]) });
    story.wait_ms(100).tell(link(true));
    story.wait_ms(100).crash(3);
    story.wait_ms(100).tell(link(false));
    let timeline = story.timeline();
    let spans: Vec<_> =
        timeline.spans.iter().map(|s| (s.what, s.from.0 / 1_000_000, s.until.map(|t| t.0 / 1_000_000))).collect();
    assert_eq!(spans, [(Broken::Link((from, to)), 100, Some(300)), (Broken::Node(NodeId(3)), 200, None)]);
    let kinds: Vec<_> = timeline.marks.iter().map(|mark| mark.kind).collect();
    assert_eq!(kinds, [MarkKind::Leader, MarkKind::Command, MarkKind::Down]);
}

#[test]
fn a_half_open_connection_is_a_span_until_its_sender_finds_out() {
    let mut story = Story::begin();
    let (from, to) = (NodeId(1).into(), NodeId(2).into());
    let cut = |cut| EventKind::LinkChanged { from, to, rules: Box::new(LinkRules { cut, ..LinkRules::default() }) };
    story.tell(cut(true));
    let until = Timestamp::from_secs_f64(5.0);
    story.wait_ms(100).tell(EventKind::ConnectionHalfOpened { from, to, until, by: FaultKind::HalfOpen });
    story.wait_ms(100).tell(cut(false));
    story.wait_ms(100).tell(EventKind::ConnectionLost { from, to });
    let spans = story.timeline().spans;
    let span = |span: &Span| (span.what, span.until.map(|until| until.0 - span.from.0));
    assert_eq!(spans.iter().map(span).collect::<Vec<_>>(), [(Broken::Link((from, to)), Some(300_000_000))]);
}

#[test]
fn what_is_drawn_stays_bounded_however_long_the_run_and_nothing_is_left_uncounted() {
    let mut story = Story::begin();
    for epoch in 2..30_002 {
        story.wait_ms(1000).elect((epoch % 3) as u16 + 1, epoch);
        story.crash((epoch % 3) as u16 + 1);
        story.tell(EventKind::NodeStarted { node: NodeId((epoch % 3) as u16 + 1), incarnation: 1, port: 0 });
        story.ask(epoch);
        story.written(epoch, epoch);
    }
    let timeline = story.timeline();
    assert!(timeline.bands.len() <= 20_000 && timeline.marks.len() <= 20_000 && timeline.spans.len() <= 20_000);
    assert_eq!(timeline.bands.len() as u64 + timeline.hidden.bands, 1 + 60_000);
    assert_eq!(timeline.marks.len() as u64 + timeline.hidden.marks, 1 + 90_000);
    assert_eq!(timeline.spans.len() as u64 + timeline.hidden.spans, 30_000);
    assert!(timeline.service.len() <= 4096 && timeline.lag.values().all(|series| series.len() <= 4096));
    assert_eq!(timeline.service.iter().map(|service| u64::from(service.ok)).sum::<u64>(), 30_000);
    assert_eq!(timeline.bucket(Timestamp(30_000_000_000_000)), timeline.service.len() - 1);
}

#[test]
fn an_acknowledged_write_that_the_next_leader_lacks_is_lost() {
    let mut story = Story::begin();
    story.ask(1);
    story.log(1, 1, 1, &[1]);
    story.log(2, 1, 1, &[1]);
    story.written(1, 1);
    story.ask(2);
    story.log(1, 2, 1, &[2]);
    story.written(2, 2);
    assert_eq!(story.summary().lost_acknowledged, 0);
    story.crash(1);
    assert_eq!(story.summary().lost_acknowledged, 0, "its log may come back");
    story.elect(2, 2);
    story.log(2, 2, 2, &[3]);
    let summary = story.summary();
    assert_eq!((summary.lost_acknowledged, summary.acknowledged), (1, 2));
    assert_eq!((summary.lost[0].op, summary.lost[0].value.as_deref()), (2, Some("v2")));
    // The client asked again, and the new leader wrote it elsewhere.
    story.log(2, 3, 2, &[2]);
    assert_eq!(story.summary().lost_acknowledged, 0);
}

/// A frozen leader of an earlier epoch still believes to lead when the latest one dies: what it lacks is not lost.
#[test]
fn what_a_leader_of_an_earlier_epoch_lacks_is_not_lost() {
    let mut story = Story::begin();
    story.elect(2, 2);
    story.ask(1);
    story.log(2, 1, 2, &[1]);
    story.log(3, 1, 2, &[1]);
    story.written(1, 1);
    story.crash(2);
    assert_eq!(story.summary().lost_acknowledged, 0);
    story.elect(1, 3);
    assert_eq!(story.summary().lost_acknowledged, 1);
}

#[test]
fn a_superseded_write_and_one_without_an_answer_are_not_lost() {
    let mut story = Story::begin();
    (1..=3).for_each(|op| story.ask(op));
    story.log(1, 1, 1, &[1, 2, 3]);
    story.log(2, 1, 1, &[1, 2]);
    story.written(1, 1);
    story.written(2, 2);
    story.answer(3, Outcome::NoAnswer);
    story.crash(1);
    story.elect(2, 2);
    let summary = story.summary();
    assert_eq!((summary.lost_acknowledged, summary.unanswered), (0, 1));
}

#[test]
fn what_a_snapshot_covers_is_not_lost() {
    let mut story = Story::begin();
    (1..=3).for_each(|op| story.ask(op));
    story.log(1, 1, 1, &[1, 2, 3]);
    (1..=3).for_each(|op| story.written(op, op));
    let (to, index) = (NodeId(3), LogIndex(3));
    story.tell(EventKind::Milestone { node: NodeId(1), milestone: Milestone::SnapshotSent { to, index } });
    story.tell(EventKind::Milestone { node: to, milestone: Milestone::SnapshotInstalled { index } });
    story.log(3, 4, 1, &[]);
    story.crash(1);
    story.elect(3, 2);
    assert_eq!(story.summary().lost_acknowledged, 0);
}

#[test]
fn time_without_writes_counts_only_while_somebody_tries() {
    let mut story = Story::begin();
    story.ask(1);
    story.wait_ms(10).written(1, 1);
    story.wait_ms(60_000).ask(2);
    story.wait_ms(700).written(2, 2);
    assert_eq!(story.summary().longest_unavailable_ms, 700);
    // Nodes that refuse at once: the client tries again every second, and counts as trying in between.
    for op in 3..8 {
        story.wait_ms(1000).ask(op);
        story.answer(op, Outcome::Failed(Refusal::NotLeader { leader: None }));
    }
    let summary = story.summary();
    assert_eq!((summary.longest_unavailable_ms, summary.failed), (4000, 5));
}

#[test]
fn each_fault_tells_what_clients_got_while_it_lasted() {
    let mut story = Story::begin();
    story.ask(1);
    story.wait_ms(10).written(1, 1);
    story.crash(2);
    story.wait_ms(10).ask(2);
    story.wait_ms(500).written(2, 2);
    story.ask(3);
    story.answer(3, Outcome::Failed(Refusal::NotLeader { leader: None }));
    story.ask(4);
    story.answer(4, Outcome::NoAnswer);
    story.tell(EventKind::NodeStarted { node: NodeId(2), incarnation: 1, port: 0 });
    story.ask(5);
    story.written(5, 3);
    story.crash(3);
    let summary = story.summary();
    let served = Served { offered: 3, acknowledged: 1, refused: 1, unanswered: 1, longest_unavailable_ms: 500 };
    assert_eq!((summary.faults_total, summary.faults[0].served), (2, served));
    assert_eq!((summary.faults[0].what.as_str(), summary.faults[0].until_ms.is_some()), ("n2 crashed", true));
    assert_eq!((summary.faults[1].served, summary.faults[1].until_ms), (Served::default(), None));
}

#[test]
fn a_summary_reads_as_the_json_that_scripts_expect() {
    let mut story = Story::begin();
    story.ask(1);
    story.wait_ms(10).written(1, 1);
    let json = serde_json::to_value(story.summary()).unwrap();
    for key in ["operations", "acknowledged", "failed", "unanswered", "lost_acknowledged", "messages_per_operation"] {
        assert!(json[key].is_number(), "{key}");
    }
    assert_eq!(json["elections"][0], serde_json::json!({ "time_ms": 0, "node": 1, "term": 1 }));
}
