//! Starting another cluster from the window, and reading about its protocol.

use std::sync::{Arc, Mutex};

use cluster_core::{
    command::Command, fault::Fault, ids::NodeId, nemesis::NemesisSpec, registry::PROTOCOLS, spec::ClusterSpec,
};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::{Action, Selection},
    app::App,
    settings::Settings,
    source::{Source, Start},
    testing::{self, Scripted},
    tools::ToolAction,
};

#[path = "support/window.rs"]
mod support;
use support::window;

type Started = Arc<Mutex<Vec<ClusterSpec>>>;

/// A window that starts what it is asked for, or, if it is refused, nothing.
fn startable(refusal: Option<&'static str>) -> (Harness<'static, App>, Started) {
    let started = Started::default();
    let mut harness = window(Box::new(testing::scripted_source()), Settings::default());
    let asked = Arc::clone(&started);
    harness.state_mut().set_starter(Box::new(move |start| {
        let Start::Cluster(_, spec) = start else { return Err("only clusters are started here".to_owned()) };
        asked.lock().expect("no test failed while it started").push((*spec).clone());
        match refusal {
            Some(why) => Err(why.to_owned()),
            None => Ok(Box::new(Scripted::new(*spec, Vec::new())) as Box<dyn Source>),
        }
    }));
    harness.run_steps(2);
    (harness, started)
}

fn press(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(3);
}

fn open_dialog(harness: &mut Harness<'static, App>) {
    harness.key_press(egui::Key::N);
    // A dialog finds its size and its place in its first frames.
    harness.run_steps(8);
}

#[test]
fn the_dialog_starts_the_cluster_that_was_described_and_shows_it() {
    let (mut harness, started) = startable(None);
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::Select(Selection::node(NodeId(1))), &ctx);
    open_dialog(&mut harness);
    harness.get_by_label("New cluster");
    press(&mut harness, "Protocol");
    press(&mut harness, "Primary-backup");
    press(&mut harness, "mode");
    press(&mut harness, "sync");
    press(&mut harness, "Start");
    let specs = started.lock().expect("no test failed while it started").clone();
    assert_eq!(specs.len(), 1);
    assert_eq!((specs[0].protocol.as_str(), specs[0].nodes.len()), ("primary-backup", 5));
    assert_eq!(specs[0].knobs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), [("mode", "sync")]);
    let app = harness.state();
    assert_eq!(app.store().spec(), &specs[0]);
    assert!(app.store().is_empty() && app.cursor().live && *app.selection() == Selection::Nothing);
    assert!(harness.query_by_label("New cluster").is_none());
}

/// A stage, copied rules and random faults are about the cluster that was there.
#[test]
fn another_cluster_is_begun_with_empty_hands() {
    let (mut harness, _) = startable(None);
    let ctx = harness.ctx.clone();
    for action in [ToolAction::StartNemesis(NemesisSpec::default()), ToolAction::ToggleStage] {
        harness.state_mut().act(Action::Tool(action), &ctx);
    }
    harness.state_mut().act(Action::Command(Command::Inject(vec![Fault::Crash(NodeId(1))])), &ctx);
    harness.run_steps(2);
    assert!(harness.state().tools().striking && harness.state().tools().staged.len() == 1);
    open_dialog(&mut harness);
    press(&mut harness, "Start");
    let tools = harness.state().tools();
    assert!(!tools.striking && !tools.staging && tools.staged.is_empty());
}

#[test]
fn what_cannot_be_started_leaves_the_run_that_is_shown_and_says_why() {
    let (mut harness, _) = startable(Some("port 1 of n1: taken"));
    let before = harness.state().store().len();
    open_dialog(&mut harness);
    press(&mut harness, "Start");
    harness.get_by_label("port 1 of n1: taken");
    assert_eq!(harness.state().store().len(), before);
}

#[test]
fn a_value_that_cannot_be_is_named_and_not_started() {
    let (mut harness, started) = startable(None);
    open_dialog(&mut harness);
    // The inspector behind the form has the knobs of the running cluster.
    let field = |harness: &Harness<'static, App>| harness.get_all_by_label("snapshot_every").count();
    assert_eq!(field(&harness), 2);
    harness.get_all_by_label("snapshot_every").last().expect("the form has it").click();
    harness.run_steps(2);
    harness.get_all_by_label("snapshot_every").last().expect("the form has it").type_text("many");
    harness.run_steps(2);
    assert!(harness.query_all_by_label_contains("cannot be").count() == 1);
    harness.get_by_label("Start").click();
    harness.run_steps(2);
    assert!(started.lock().expect("no test failed while it started").is_empty());
    press(&mut harness, "Cancel");
    assert!(harness.query_by_label("New cluster").is_none());
}

/// The keys of the window strike the cluster; while a form is open, they belong to the form.
#[test]
fn while_the_dialog_is_open_no_key_strikes_the_cluster() {
    let source = testing::scripted_source();
    let sent = source.sent();
    let mut harness = window(Box::new(source), Settings::default());
    open_dialog(&mut harness);
    harness.key_press(egui::Key::H);
    harness.run_steps(2);
    assert!(sent.lock().expect("no test failed while it sent").is_empty());
    harness.key_press(egui::Key::Escape);
    harness.run_steps(2);
    assert!(harness.query_by_label("New cluster").is_none());
}

#[test]
fn the_window_tells_about_its_protocol_and_how_it_is_set() {
    let (mut harness, _) = startable(None);
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::ShowView("about"), &ctx);
    harness.run_steps(3);
    harness.get_by_label("How it is set here");
    let raft = PROTOCOLS.iter().find(|row| row.id == "raft").expect("Raft is there");
    for knob in raft.knobs {
        harness.get_by_label(knob.about);
    }
}
