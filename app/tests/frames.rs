//! When frames are drawn: at once when something happened, and never while nothing moves.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::Fault,
    ids::{NodeId, Seq},
    time::Timestamp,
    trace::TraceStore,
};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::{Action, Selection},
    app::App,
    layout,
    settings::Settings,
    source::Recording,
    testing, theme,
};

#[path = "support/window.rs"]
mod support;
use support::window;

fn settings() -> Settings {
    // The hint stands still, but a window that has been used has none.
    Settings { hint_seen: true, ..Settings::default() }
}

/// A live cluster that was paused at the end of its script.
fn paused() -> (Harness<'static, App>, Arc<Mutex<Vec<TraceEvent>>>) {
    let source = testing::scripted_source();
    let waiting = source.waiting();
    (window(Box::new(source), settings()), waiting)
}

fn recording() -> Harness<'static, App> {
    let (spec, events) = testing::plausible_run();
    let mut store = TraceStore::new(spec);
    store.append(events);
    window(Box::new(Recording::new(store)), settings())
}

fn act(harness: &mut Harness<'static, App>, action: Action) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(action, &ctx);
}

/// Draws until the window has come to rest: a pane that slides into place may take half a second.
fn rest(harness: &mut Harness<'static, App>, when: &str) {
    const FRAMES_MAX: usize = 30;
    let rests = (0..FRAMES_MAX).any(|_| {
        harness.run_steps(1);
        sleep(harness) == Duration::MAX
    });
    assert!(rests, "{when}: the window asks for the next frame in {:?}", sleep(harness));
}

/// How long the window would sleep after this frame, if nobody woke it.
fn sleep(harness: &Harness<'static, App>) -> Duration {
    harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay
}

#[test]
fn a_paused_cluster_costs_no_frame_whatever_is_shown_of_it() {
    let (mut harness, _) = paused();
    for row in layout::rows() {
        act(&mut harness, Action::ShowView(row.id));
        act(&mut harness, Action::Select(Selection::node(NodeId(4))));
        rest(&mut harness, row.id);
    }
}

#[test]
fn a_recording_costs_no_frame_at_its_end_or_wherever_it_was_stopped() {
    let mut harness = recording();
    harness.run_steps(2);
    assert!(sleep(&harness) <= theme::FRAME, "while it plays, it moves");
    for action in [Action::Seek(Timestamp::from_secs_f64(12.0)), Action::Seek(Timestamp(u64::MAX)), Action::GoLive] {
        act(&mut harness, action.clone());
        harness.run_steps(1);
        assert!(!harness.state().cursor().playing);
        rest(&mut harness, &format!("{action:?}"));
    }
}

#[test]
fn a_recording_that_played_to_its_end_stops_asking_for_frames() {
    let mut harness = recording();
    act(&mut harness, Action::SetPlaySpeed(1000.0));
    harness.run_steps(4);
    let (cursor, end) = (harness.state().cursor(), harness.state().store().end());
    assert_eq!((cursor.playing, cursor.at), (false, end));
    rest(&mut harness, "at the end");
}

/// The picture changes because of the event, and no later than the first frame after it.
#[test]
fn a_crash_is_in_the_picture_one_frame_after_its_event() {
    let (mut harness, waiting) = paused();
    rest(&mut harness, "before the crash");
    let leader = harness.state().store().latest().leader().expect("the script ends with a leader");
    harness.get_by_label_contains(&format!("node {leader}, leader"));
    let (next, at) = (harness.state().store().len(), harness.state().store().end());
    let command = Command::Inject(vec![Fault::Crash(leader)]);
    let issued =
        TraceEvent { seq: next, at, cause: None, kind: EventKind::CommandIssued { by: Author::User, command } };
    let crashed =
        TraceEvent { seq: Seq(next.0 + 1), at, cause: Some(next), kind: EventKind::NodeCrashed { node: leader } };
    waiting.lock().expect("no test failed while it held them").extend([issued, crashed]);
    harness.run_steps(1);
    harness.get_by_label_contains(&format!("node {leader}, crashed"));
    // In words as well as in the picture, and in the list of what is broken.
    harness.get_by_label(&format!("Heal {leader} crashed"));
    assert!(harness.query_by_label_contains(&format!("node {leader}, leader")).is_none());
}
