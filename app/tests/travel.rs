//! Moving in time and between runs, in the whole window: forks, errands, bookmarks, loops, and another run beside this one.

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use cluster_core::{
    event::{EventKind, TraceEvent},
    headless::{Phase, Plan, Watch, simulate},
    ids::Seq,
    script::{Script, Timed},
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, TraceStore},
    until::Until,
};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::Action,
    app::App,
    settings::Settings,
    source::{Recording, Start},
    testing,
    travel::{JumpTo, TravelAction},
};

#[path = "support/reading.rs"]
mod reading;
#[path = "support/window.rs"]
mod support;
use support::window;

struct Deaf;

impl Watch for Deaf {
    fn on_event(&mut self, _: &TraceEvent, _: &ClusterState) {}
    fn on_tick(&mut self, _: &ClusterState, _: Phase) {}
    fn on_line(&mut self, _: &Timed, _: Timestamp) {}
}

/// Simulates a run of eight seconds and writes it down.
fn simulated(file: &Path, script: &str) {
    let script = Script::parse("test", script).expect("a script");
    let plan = Plan { run_for: Duration::from_secs(8), script, ..Plan::default() };
    simulate(&ClusterSpec::default(), plan, Some((file, 1)), &mut Deaf, &AtomicBool::new(false)).expect("a run");
}

fn shown(file: &Path) -> Harness<'static, App> {
    let store = TraceStore::open(file).expect("a recording");
    let mut harness = window(Box::new(Recording::of(store, file.to_owned())), Settings::default());
    act(&mut harness, Action::Seek(Timestamp::from_secs_f64(0.0)));
    harness
}

fn act(harness: &mut Harness<'static, App>, action: Action) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(action, &ctx);
    harness.run_steps(3);
}

fn travel(harness: &mut Harness<'static, App>, action: TravelAction) {
    act(harness, Action::Travel(action));
    harness.run_steps(3);
}

fn shown_event(harness: &Harness<'static, App>) -> EventKind {
    let last = Seq(harness.state().cursor().next.0 - 1);
    harness.state().store().event(last).expect("an event is shown").kind
}

#[test]
fn a_simulated_run_is_forked_at_the_moment_shown_and_a_live_one_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("run.faultline");
    simulated(&file, "at 3s crash n1");
    let mut harness = shown(&file);
    let started: Arc<Mutex<Vec<Start>>> = Arc::default();
    let asked = Arc::clone(&started);
    harness.state_mut().set_starter(Box::new(move |start| {
        asked.lock().expect("no test failed while it started").push(start);
        Err("this is only a test".to_owned())
    }));
    act(&mut harness, Action::Seek(Timestamp::from_secs_f64(2.0)));
    let next = harness.state().cursor().next;
    harness.key_press(egui::Key::E);
    harness.run_steps(2);
    let started = started.lock().expect("no test failed while it started");
    let [Start::Fork(recipe, branch)] = &started[..] else { panic!("{started:?} is no fork") };
    assert_eq!((branch.run.as_str(), branch.next, branch.at), ("run.faultline", next, Timestamp::from_secs_f64(2.0)));
    assert!(recipe.asked.is_empty(), "the crash comes later");

    let mut live = window(Box::new(testing::scripted_source()), Settings::default());
    live.key_press(egui::Key::E);
    live.run_steps(2);
    live.get_by_label_contains("A live run cannot be forked");
}

#[test]
fn a_run_that_is_let_go_until_something_stops_there() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("run.faultline");
    simulated(&file, "at 3s crash @leader");
    let mut harness = shown(&file);
    harness.key_press(egui::Key::U);
    harness.run_steps(3);
    assert!(harness.state().cursor().next > Seq(1));
    let first = harness.state().store().state_at(harness.state().cursor().next).leader();
    assert!(first.is_some());
    harness.key_press(egui::Key::U);
    harness.run_steps(3);
    assert!(matches!(shown_event(&harness), EventKind::NodeCrashed { .. }), "{:?}", shown_event(&harness));
    travel(&mut harness, TravelAction::Until(Until::Holds("leaders.size() == 1 && time > 3.0".to_owned())));
    let state = harness.state().store().state_at(harness.state().cursor().next);
    assert!(state.leader().is_some() && state.leader() != first);
    travel(&mut harness, TravelAction::Until(Until::Holds("laeder == \"n1\"".to_owned())));
    harness.get_by_label_contains("it can name leader, leaders, nodes");
}

#[test]
fn bookmarks_are_jumped_between_and_a_stretch_is_looped() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("run.faultline");
    simulated(&file, "at 3s crash @leader");
    let mut harness = shown(&file);
    for secs in [2.0, 4.0] {
        act(&mut harness, Action::Seek(Timestamp::from_secs_f64(secs)));
        harness.key_press(egui::Key::I);
        harness.run_steps(2);
    }
    travel(&mut harness, TravelAction::SetJump(JumpTo::Bookmarks));
    harness.key_press(egui::Key::PageUp);
    harness.run_steps(2);
    assert_eq!(harness.state().cursor().at, Timestamp::from_secs_f64(2.0));
    harness.key_press(egui::Key::PageUp);
    harness.run_steps(2);
    harness.get_by_label_contains("There is no bookmark before the cursor");
    travel(&mut harness, TravelAction::SetJump(JumpTo::Faults));
    harness.key_press(egui::Key::PageDown);
    harness.run_steps(2);
    assert!(matches!(shown_event(&harness), EventKind::CommandIssued { .. }));
    travel(&mut harness, TravelAction::SetSearch("crashed".to_owned()));
    travel(&mut harness, TravelAction::Jump(JumpTo::Search, true));
    assert!(matches!(shown_event(&harness), EventKind::NodeCrashed { .. }));
    let span = (Timestamp::from_secs_f64(1.0), Timestamp::from_secs_f64(2.0));
    travel(&mut harness, TravelAction::Loop(Some(span)));
    assert!(harness.state().cursor().playing && harness.state().cursor().at < span.1);
    assert!(folder.path().join("run.faultline.bookmarks.json").exists());
}

#[test]
fn another_run_is_laid_beside_this_one_and_follows_its_cursor() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let (one, other) = (folder.path().join("one.faultline"), folder.path().join("other.faultline"));
    simulated(&one, "at 3s crash n1");
    simulated(&other, "at 3s crash n2");
    let mut harness = shown(&one);
    act(&mut harness, Action::ShowView("runs"));
    harness.get_by_label("Other runs");
    travel(&mut harness, TravelAction::Compare(Some(other)));
    reading::until_read(&mut harness);
    harness.get_by_label("They part at 3.000 s");
    act(&mut harness, Action::Seek(Timestamp::from_secs_f64(2.0)));
    harness.get_by_label("Nothing: both are in the same state");
    act(&mut harness, Action::Seek(Timestamp::from_secs_f64(3.5)));
    harness.get_by_label("n1, crashed, differs in the other run");
    harness.get_by_label("n1 status");
}
