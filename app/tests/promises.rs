//! Promises and operations in the window: what is broken is said, and a click leads to it.

use cluster_core::{
    event::{Conclusion, EventKind, Finding, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    time::Timestamp,
    trace::TraceStore,
};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::{Action, Selection},
    app::App,
    settings::Settings,
    source::Recording,
    testing,
};

#[path = "support/window.rs"]
mod support;
use support::window;

const WRITE: OpId = OpId(9_000);
const READ: OpId = OpId(9_001);

/// A run in which a read saw nothing although a write had been acknowledged, and a checker said so.
fn broken() -> (Harness<'static, App>, Seq) {
    let (spec, mut events) = testing::plausible_run();
    let mut push = |kind| {
        let last = events.last().expect("a run has events");
        let seq = last.seq.next();
        events.push(TraceEvent { seq, at: Timestamp(last.at.0 + 50_000_000), cause: None, kind });
        seq
    };
    let client = ClientId(1);
    let put = Request::Put { key: "stale".into(), value: "5".into() };
    let wrote = push(EventKind::OpInvoked { op: WRITE, client, request: put });
    let outcome = Outcome::Written { at: LogIndex(1) };
    push(EventKind::OpReturned { op: WRITE, outcome, node: Some(NodeId(1)) });
    let read = push(EventKind::OpInvoked { op: READ, client, request: Request::Get { key: "stale".into() } });
    let outcome = Outcome::Value { value: None, at: LogIndex(1) };
    push(EventKind::OpReturned { op: READ, outcome, node: Some(NodeId(2)) });
    let finding = Finding {
        promise: Name::new("linearizable"),
        conclusion: Conclusion::Violated,
        sentence: "this read saw nothing".to_owned(),
        ops: vec![WRITE, READ],
        evidence: vec![wrote, read],
        ..Finding::default()
    };
    let found = push(EventKind::Found { finding: Box::new(finding) });
    let mut store = TraceStore::new(spec);
    store.append(events);
    let mut harness = window(Box::new(Recording::new(store)), Settings::default());
    harness.get_by_label("END").click();
    harness.run_steps(2);
    (harness, found)
}

fn show(harness: &mut Harness<'static, App>, view: &'static str) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::ShowView(view), &ctx);
    harness.run_steps(3);
}

#[test]
fn a_broken_promise_is_said_and_unfolds_to_what_shows_it() {
    let (mut harness, found) = broken();
    harness.get_by_label("✖ 1 promise broken").click();
    harness.run_steps(3);
    harness.get_by_label("Election Safety holds");
    harness.get_by_label_contains("Linearizable broken since").click();
    harness.run_steps(3);
    assert_eq!(harness.state().cursor().next, found.next(), "the cursor is where it became certain");
    harness.get_by_label("this read saw nothing");
    harness.get_by_label_contains("op9000  put stale=5").click();
    harness.run_steps(3);
    assert_eq!(*harness.state().selection(), Selection::Op(WRITE));
    assert!(harness.state().cursor().next < found);
    // Before it was found, it held as far as anybody knew.
    harness.get_by_label("Linearizable holds");
}

#[test]
fn an_operation_in_its_lane_is_selected_by_a_click() {
    let (mut harness, _) = broken();
    show(&mut harness, "operations");
    harness.get_by_label_contains("op9001 get stale").click();
    harness.run_steps(3);
    assert_eq!(*harness.state().selection(), Selection::Op(READ));
}
