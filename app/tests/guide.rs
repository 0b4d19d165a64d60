//! Labs in the window, driven without a display: from the prediction to the end, and all that may go wrong on the way.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::EventKind,
    fault::{Fault, Heal},
    ids::{Endpoint, NodeId},
    lab::{Did, StepKind, Verdict},
    origin::BackendKind,
    session::SessionOptions,
    spec::ClusterSpec,
    trace::TraceStore,
};
use egui_kittest::{
    Harness,
    kittest::{NodeT, Queryable},
};
use faultline::{
    action::Action,
    app::App,
    guide::{GuideAction, Offer},
    live::Live,
    settings::Settings,
    source::{Recording, Source, Start},
    testing,
};

#[path = "support/window.rs"]
mod support;
use support::window;

const LAB: &str = "majority-or-nothing";
/// Whatever comes from a thread is waited for, at most so long.
const DEADLINE: Duration = Duration::from_secs(60);

type Started = Arc<Mutex<Vec<Start>>>;

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs")
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A window at a lab in a folder, whose clusters are a run made by hand.
fn at_lab(folder: &Path, home: Option<PathBuf>) -> (Harness<'static, App>, Started) {
    let empty = TraceStore::new(ClusterSpec::default());
    let mut harness = window(Box::new(Recording::new(empty)), Settings::default());
    let started = Started::default();
    let seen = Arc::clone(&started);
    harness.state_mut().set_starter(Box::new(move |start| {
        lock(&seen).push(start);
        Ok(Box::new(testing::scripted_source()) as Box<dyn Source>)
    }));
    harness.state_mut().set_labs(labs(), home);
    let ctx = harness.ctx.clone();
    harness.state_mut().open_lab(&folder.display().to_string(), BackendKind::Sim, None, &ctx);
    harness.run_steps(3);
    (harness, started)
}

fn act(harness: &mut Harness<'static, App>, action: Action) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(action, &ctx);
    harness.run_steps(2);
}

fn guide(harness: &mut Harness<'static, App>, action: GuideAction) {
    act(harness, Action::Guide(action));
}

/// Steps until something is so, or the deadline has come.
fn wait(harness: &mut Harness<'static, App>, what: &str, is: impl Fn(&Harness<'static, App>) -> bool) {
    let began = Instant::now();
    while !is(harness) {
        assert!(began.elapsed() < DEADLINE, "{what} did not come about");
        harness.step();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Scrolls something into view and clicks it, as a screen reader does: what is above it grows while the cluster works.
fn press(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).scroll_to_me();
    harness.run_steps(12);
    harness.get_by_label(label).click_accesskit();
    harness.run_steps(3);
}

/// Lets the clock of the window show a later second.
fn at_second(harness: &mut Harness<'static, App>, secs: f64) {
    harness.input_mut().time = Some(secs);
    harness.step();
    harness.input_mut().time = None;
    harness.step();
}

fn predict(harness: &mut Harness<'static, App>) {
    for (ask, option) in [("leaders", "two"), ("minority-write", "no-answer")] {
        guide(harness, GuideAction::Choose(ask.to_owned(), option.to_owned()));
    }
    guide(harness, GuideAction::Commit);
}

fn copy_of_lab(to: &Path) -> PathBuf {
    let folder = to.join(LAB);
    fs::create_dir_all(folder.join("text")).expect("the folder can be made");
    for file in ["lab.toml", "text/en.md"] {
        fs::copy(labs().join(LAB).join(file), folder.join(file)).expect("the lab has this file");
    }
    folder
}

#[test]
fn a_prediction_is_sealed_before_the_cluster_starts() {
    let (mut harness, started) = at_lab(&labs().join(LAB), None);
    assert!(harness.state().store().is_empty() && lock(&started).is_empty());
    harness.get_by_label("Two").click();
    harness.run_steps(3);
    guide(&mut harness, GuideAction::Commit);
    assert!(lock(&started).is_empty(), "one question has no answer yet");
    press(&mut harness, "No answer");
    press(&mut harness, "Commit prediction");
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert_eq!(lesson.answered(StepKind::Predict, "leaders"), Some("two"));
    assert_eq!(lesson.next_step().map(|step| step.kind), Some(StepKind::Do));
    let started = lock(&started);
    let [Start::Cluster(BackendKind::Sim, spec)] = &started[..] else { panic!("{started:?}") };
    assert_eq!(**spec, lesson.lab().unwrap().spec(0, lesson.journal.seed, lesson.journal.profile));
}

#[test]
fn what_a_lab_does_without_is_refused_with_the_reason() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    predict(&mut harness);
    act(&mut harness, Action::Command(Command::Inject(vec![Fault::Freeze(NodeId(2))])));
    let told: Vec<String> = harness.state().toasts().map(str::to_owned).collect();
    assert!(told.iter().any(|text| text.contains("does without “freeze”")), "{told:?}");
    act(&mut harness, Action::Command(Command::Heal(Heal::All)));
    assert_eq!(harness.state().toasts().count(), told.len(), "healing is offered");
}

#[test]
fn goals_are_listed_and_the_phase_can_be_begun_again() {
    let (mut harness, started) = at_lab(&labs().join(LAB), None);
    predict(&mut harness);
    harness.get_by_label("goal Two nodes lead at once, pending");
    press(&mut harness, "Retry phase");
    assert_eq!(lock(&started).len(), 2);
    assert_eq!(harness.state().guide().lesson.as_ref().unwrap().journal.attempts_at(""), 2);
}

#[test]
fn help_comes_after_its_time_and_is_noted() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    predict(&mut harness);
    assert!(harness.query_by_label("Give me a hint").is_none());
    // The hint of this lab comes after 90 s.
    at_second(&mut harness, 100.0);
    let button = harness.get_by_label("Give me a hint").accesskit_node().id();
    wait(&mut harness, "help by itself", |harness| {
        !harness.state().guide().lesson.as_ref().unwrap().hints_here().is_empty()
    });
    let now = harness.get_by_label("Give me a hint").accesskit_node().id();
    assert_eq!(now, button, "what comes by itself takes no click away");
    press(&mut harness, "Give me a hint");
    at_second(&mut harness, 100_000.0);
    // Its button may be further down in the panel.
    let Some(Offer::Level(hint)) = harness.state().guide().lesson.as_ref().unwrap().offer() else {
        panic!("no more help")
    };
    guide(&mut harness, GuideAction::Hint(hint));
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    let hinted = |level: u8| Did::Hinted { goal: "two-believers".to_owned(), level };
    let did: Vec<&Did> = lesson.journal.deeds.iter().map(|deed| &deed.did).collect();
    assert!(did.contains(&&hinted(1)) && did.contains(&&hinted(2)), "{did:?}");
    let leader = harness.state().store().latest().leader().unwrap();
    assert!(lesson.marks(harness.state().store().latest()).nodes.contains(&leader), "the second level points at it");
}

#[test]
fn a_mistake_in_the_files_is_shown_with_its_place_and_the_attempt_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy_of_lab(scratch.path());
    let (mut harness, _) = at_lab(&folder, None);
    guide(&mut harness, GuideAction::Choose("leaders".to_owned(), "one".to_owned()));
    let good = fs::read_to_string(folder.join("lab.toml")).unwrap();
    fs::write(folder.join("lab.toml"), good.replace("size = 5", "size = 0")).unwrap();
    wait(&mut harness, "the mistake", |harness| harness.query_by_label("⚠ This lab cannot be read as it is").is_some());
    assert!(harness.query_by_label_contains("lab.toml, line").is_some());
    let text = fs::read_to_string(folder.join("text/en.md")).unwrap();
    fs::write(folder.join("text/en.md"), text.replace("## Predict {", "## What do you think? {")).unwrap();
    fs::write(folder.join("lab.toml"), good).unwrap();
    wait(&mut harness, "the edit", |harness| harness.query_by_label("What do you think?").is_some());
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert!(lesson.mistakes.is_empty());
    assert_eq!(lesson.chosen.get("leaders").map(String::as_str), Some("one"));
}

#[test]
fn a_lab_that_cannot_be_read_begins_as_soon_as_it_can() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy_of_lab(scratch.path());
    let good = fs::read_to_string(folder.join("lab.toml")).unwrap();
    fs::write(folder.join("lab.toml"), "format = 1\n").unwrap();
    let (mut harness, _) = at_lab(&folder, None);
    harness.get_by_label("⚠ This lab cannot be read as it is");
    fs::write(folder.join("lab.toml"), good).unwrap();
    wait(&mut harness, "the lab", |harness| harness.query_by_label("Commit prediction").is_some());
}

#[test]
fn an_attempt_goes_on_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let (mut harness, _) = at_lab(&labs().join(LAB), Some(home.path().to_owned()));
    predict(&mut harness);
    let seed = harness.state().guide().lesson.as_ref().unwrap().journal.seed;
    drop(harness);
    let (harness, started) = at_lab(&labs().join(LAB), Some(home.path().to_owned()));
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert_eq!(lesson.journal.seed, seed);
    assert_eq!(lesson.answered(StepKind::Predict, "leaders"), Some("two"));
    assert_eq!(lock(&started).len(), 1, "the phase begins again, on a fresh cluster");
    assert_eq!(lesson.journal.attempts_at(""), 2);
}

#[test]
fn the_list_of_labs_opens_one() {
    let (mut harness, _) = at_lab(&labs().join("electing-a-leader"), None);
    guide(&mut harness, GuideAction::ShowLabs);
    harness.run_steps(3);
    let (first, second) = (
        harness.get_by_label("lab Electing a leader").rect().top(),
        harness.get_by_label("lab Majority or nothing").rect().top(),
    );
    assert!(first < second, "in the order of the course");
    harness.get_by_label("lab Majority or nothing").scroll_to_me();
    harness.run_steps(3);
    harness.get_by_label("lab Majority or nothing").click();
    harness.run_steps(3);
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert_eq!(lesson.lab().map(|lab| lab.id.as_str()), Some(LAB));
}

#[test]
fn a_word_opens_its_explanation() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    harness.get_by_label("log").click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("The list of all writes").is_some());
    harness.get_by_label("Close the explanation").click();
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("The list of all writes").is_none());
}

/// Has clusters of the window run in the simulator.
fn with_clusters(harness: &mut Harness<'static, App>) {
    let ctx = harness.ctx.clone();
    harness.state_mut().set_starter(Box::new(move |start| {
        let ctx = ctx.clone();
        let wake = Some(Box::new(move || ctx.request_repaint()) as Box<dyn Fn() + Send>);
        let live = Live::start(start, SessionOptions { wake, ..SessionOptions::default() });
        live.map(|live| Box::new(live) as Box<dyn Source>).map_err(|error| error.to_string())
    }));
}

#[test]
fn a_demonstration_shows_the_goal_met_and_nothing_of_it_is_the_learners() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    with_clusters(&mut harness);
    predict(&mut harness);
    guide(&mut harness, GuideAction::Demonstrate(0));
    harness.get_by_label("Demonstration");
    act(&mut harness, Action::Command(Command::SetRate(4.0)));
    let run = |harness: &Harness<'static, App>| {
        let run = harness.state().guide().lesson.as_ref().unwrap().run.as_ref().unwrap();
        (run.demo, run.told().clone(), run.acts.len())
    };
    wait(&mut harness, "the end of the demonstration", |harness| run(harness).1.shown.is_some());
    let (demo, told, acts) = run(&harness);
    assert!(demo && told.shown == Some(Ok(())), "{:?}", told.shown);
    assert!(acts > 0, "what was done is listed");
    let met = |goals: &[cluster_core::lab::GoalState]| goals.iter().filter(|goal| goal.verdict == Verdict::Met).count();
    assert!(told.goals.iter().any(|goal| goal.id == "two-believers" && goal.verdict == Verdict::Met), "{told:?}");
    harness.run_steps(2);
    assert!(harness.query_by_label_contains("goal mark, Goal met: “Two nodes lead at once”").is_some());
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert_eq!(met(&lesson.goals()), 0, "the learner met none");
    assert_eq!(lesson.score().map(|score| score.goals), Some(0));
    let shown = Did::Shown { goal: "two-believers".to_owned() };
    assert!(lesson.journal.deeds.iter().any(|deed| deed.did == shown), "it is written down");
    assert_eq!(lesson.journal.attempts_at(""), 1, "and is no attempt");
    act(&mut harness, Action::Command(Command::Heal(Heal::All)));
    assert!(harness.state().toasts().any(|text| text.contains("This is a demonstration")), "it cannot be meddled with");
    press(&mut harness, "My turn");
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert!(lesson.run.as_ref().is_some_and(|run| !run.demo));
    assert_eq!(lesson.journal.attempts_at(""), 2);
    assert!(harness.query_by_label("Demonstration").is_none());
}

#[test]
fn what_the_lab_does_by_itself_happens_in_the_window_and_is_not_the_learners() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy_of_lab(scratch.path());
    let toml = fs::read_to_string(folder.join("lab.toml")).unwrap();
    let golden = "[[script]]\nname = \"golden\"";
    let entry = "[[timeline]]\nat = \"1s\"\ndo = \"slow n2 2x\"\n\n";
    fs::write(folder.join("lab.toml"), toml.replacen(golden, &format!("{entry}{golden}"), 1)).unwrap();
    let (mut harness, _) = at_lab(&folder, None);
    with_clusters(&mut harness);
    predict(&mut harness);
    let slow = |harness: &Harness<'static, App>| {
        harness.state().store().latest().nodes.get(&NodeId(2)).is_some_and(|node| node.faults.slow.is_some())
    };
    wait(&mut harness, "a slow n2", slow);
    let store = harness.state().store();
    let mut by = Vec::new();
    store.each(cluster_core::ids::Seq(0)..store.len(), &mut |event| {
        if let EventKind::CommandIssued { by: author, .. } = &event.kind {
            by.push((*author, event.at.as_secs_f64() >= 1.0));
        }
    });
    assert_eq!(by, [(Author::Lab, true)], "once, not before its time");
    let run = harness.state().guide().lesson.as_ref().unwrap().run.as_ref().unwrap();
    assert_eq!(run.caused, 0, "no fault of the learner");
}

#[test]
fn nodes_are_called_by_the_names_of_the_attempt_and_commands_by_their_numbers() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy_of_lab(scratch.path());
    let toml = fs::read_to_string(folder.join("lab.toml")).unwrap();
    let names = "[params]\nnames = { shuffle = [\"Ada\", \"Bo\", \"Cy\", \"Di\", \"Eve\"] }\n";
    fs::write(folder.join("lab.toml"), toml.replacen("[params]\n", names, 1)).unwrap();
    let (mut harness, _) = at_lab(&folder, None);
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert!(lesson.mistakes.is_empty(), "{:?}", lesson.mistakes);
    let called = lesson.names().full(NodeId(1));
    assert!(called.ends_with("(n1)") && called.len() > 4, "{called}");
    predict(&mut harness);
    harness.run_steps(3);
    assert!(harness.query_all_by_label_contains(&format!("node {called}, ")).next().is_some(), "in the picture");
    act(&mut harness, Action::Select(faultline::action::Selection::node(NodeId(1))));
    assert!(harness.query_all_by_label(called.as_str()).next().is_some(), "in the inspector");
}

#[test]
fn a_word_under_the_pointer_is_explained_in_short() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    harness.get_by_label("log").hover();
    at_second(&mut harness, 5.0);
    at_second(&mut harness, 7.0);
    harness.run_steps(3);
    assert!(harness.query_by_label("Click for all of it").is_some());
    assert!(harness.state().guide().explained.is_none(), "the panel opens by a click only");
}

#[test]
fn what_the_lab_does_without_is_not_in_the_menu() {
    let (mut harness, _) = at_lab(&labs().join(LAB), None);
    predict(&mut harness);
    harness.run_steps(3);
    let node = harness.query_all_by_label_contains("node n2, ").next().expect("n2 is in the picture");
    node.click_secondary();
    harness.run_steps(3);
    assert!(harness.query_by_label("Crash").is_some() && harness.query_by_label("Cut around").is_some());
    assert!(harness.query_by_label("Freeze").is_none() && harness.query_by_label("Wipe disk").is_none());
}

#[test]
fn a_lab_done_in_the_window_ends_with_points_and_evidence() {
    let home = tempfile::tempdir().unwrap();
    let (mut harness, _) = at_lab(&labs().join(LAB), Some(home.path().to_owned()));
    with_clusters(&mut harness);
    predict(&mut harness);
    act(&mut harness, Action::Command(Command::SetRate(4.0)));
    let leader = |harness: &Harness<'static, App>| harness.state().store().latest().leader();
    wait(&mut harness, "a leader", |harness| leader(harness).is_some());
    let old = leader(&harness).unwrap();
    let friend = NodeId(if old.0 == 5 { 1 } else { old.0 + 1 });
    let group: Vec<Endpoint> = vec![old.into(), friend.into()];
    act(&mut harness, Action::Command(Command::Inject(vec![Fault::Partition(vec![group])])));
    wait(&mut harness, "another leader", |harness| leader(harness).is_some_and(|leader| leader != old));
    let new = leader(&harness).unwrap();
    let requests = harness.state().guide().lesson.as_ref().unwrap().allowed().requests;
    for (node, request) in [old, new].into_iter().zip(requests) {
        act(&mut harness, Action::Command(Command::Submit { node, request }));
    }
    let verdict = |harness: &Harness<'static, App>, goal: usize| {
        harness.state().guide().lesson.as_ref().unwrap().goals()[goal].verdict
    };
    wait(&mut harness, "two believers", |harness| verdict(harness, 0) == Verdict::Met);
    wait(&mut harness, "the write without an answer", |harness| {
        let hand = harness.state().store().latest().clients.get(&cluster_core::ids::ClientId(0));
        hand.is_some_and(|hand| hand.unanswered > 0)
    });
    act(&mut harness, Action::Command(Command::Heal(Heal::All)));
    assert!(harness.query_by_label_contains("goal mark, Goal met: “Two nodes lead at once”").is_some(), "on the tape");
    wait(&mut harness, "all goals", |harness| harness.query_by_label_contains("All goals are met").is_some());
    guide(&mut harness, GuideAction::GoOn);
    wait(&mut harness, "the end of the phase", |harness| {
        let lesson = harness.state().guide().lesson.as_ref().unwrap();
        lesson.next_step().is_some_and(|step| step.kind == StepKind::Observe)
    });
    guide(&mut harness, GuideAction::Choose("leaders-seen".to_owned(), "1".to_owned()));
    guide(&mut harness, GuideAction::Commit);
    harness.get_by_label("Show me the moment").click();
    harness.run_steps(3);
    let cursor = harness.state().cursor();
    let shown = harness.state().store().state_at(cursor.next);
    assert!(!cursor.live && shown.leaders().count() == 2, "the moment shows both");
    guide(&mut harness, GuideAction::GoOn);
    let thought = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen";
    guide(&mut harness, GuideAction::Reflect(thought.to_owned()));
    guide(&mut harness, GuideAction::GoOn);
    guide(&mut harness, GuideAction::GoOn);
    let lesson = harness.state().guide().lesson.as_ref().unwrap();
    assert_eq!(lesson.score().map(|score| (score.goals, score.observe, score.reflect)), Some((70, 0, 10)));
    let evidence = lesson.evidence.as_ref().unwrap().as_ref().unwrap();
    assert!(evidence.is_file());
    let found = cluster_core::lab::evidence::Evidence::open(evidence).unwrap();
    assert_eq!(found.journal.predicted("leaders"), Some("two"));
    assert_eq!(found.journal.observed("leaders-seen"), Some("1"));
}
