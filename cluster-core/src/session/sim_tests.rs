//! A simulated session: paced by the wall clock or by nothing, and forked.

use super::tests::Watched;
use super::*;
use crate::{
    event::EventKind,
    fault::Fault,
    ids::{NodeId, Seq},
    origin::BackendKind,
    time::{RATE_UNLIMITED, Timestamp},
    trace::{Recording as RecordingFile, TraceStore},
};

fn spec() -> ClusterSpec {
    ClusterSpec { nodes: (1..=3).map(NodeId).collect(), ..ClusterSpec::default() }
}

fn simulated(options: SessionOptions) -> Watched {
    Watched::of(Session::simulated(spec(), options).expect("a session"))
}

#[test]
fn a_simulated_session_takes_commands_and_says_in_its_recording_what_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("run.flt");
    let mut cluster = simulated(SessionOptions { record: Some(file.clone()), ..SessionOptions::default() });
    cluster.ask(Command::SetRate(RATE_UNLIMITED));
    let leader = cluster.wait_leader();
    cluster.ask(Command::Inject(vec![Fault::Crash(leader)]));
    assert_ne!(cluster.wait_leader(), leader);
    cluster.finish();
    let recording = RecordingFile::open(&file).expect("a recording");
    assert_eq!(recording.origin().backend, BackendKind::Sim);
    assert_eq!((recording.torn_bytes(), recording.damage().is_none()), (0, true));
}

/// Without it, a run at the machine's speed that is left alone over night fills the disk.
#[test]
fn a_simulation_that_nothing_paces_stands_still_after_so_many_events_and_says_why() {
    let mut cluster = simulated(SessionOptions { rest_every: Some(2_000), ..SessionOptions::default() });
    cluster.ask(Command::SetRate(RATE_UNLIMITED));
    for rest in [2_000, 4_000] {
        let stands = |kind: &EventKind| matches!(kind, EventKind::ClockChanged { rate: 0.0 }).then_some(());
        cluster.wait("the standstill", stands);
        let why = cluster.session().recording_trouble().expect("it says why");
        let recorded: u64 = why.split(' ').find_map(|word| word.parse().ok()).expect("after how many events");
        assert!((rest..rest + 1_500).contains(&recorded) && why.contains("resume it for 2000 more"), "{why}");
        cluster.ask(Command::Resume);
    }
    cluster.finish();
}

#[test]
fn a_simulation_that_is_paced_by_the_clock_goes_on() {
    let mut cluster = simulated(SessionOptions { rest_every: Some(1), ..SessionOptions::default() });
    cluster.wait_leader();
    assert_eq!(cluster.session().recording_trouble(), None);
    cluster.finish();
}

#[test]
fn a_paused_simulation_makes_exactly_one_step_for_each_that_is_asked_for() {
    let mut cluster = simulated(SessionOptions::default());
    cluster.ask(Command::Pause);
    cluster.wait("the standstill", |kind| matches!(kind, EventKind::ClockChanged { rate: 0.0 }).then_some(()));
    for _ in 0..3 {
        cluster.ask(Command::Step);
        cluster.wait("the step that was asked for", |kind| {
            matches!(kind, EventKind::CommandIssued { command: Command::Step, .. }).then_some(())
        });
        cluster.wait("what happens next", |_| Some(()));
    }
    cluster.ask(Command::Resume);
    cluster.wait_leader();
}

#[test]
fn a_simulation_runs_until_what_is_waited_for_and_stands_still_there() {
    let mut cluster = simulated(SessionOptions::default());
    cluster.ask(Command::Pause);
    cluster.wait("the standstill", |kind| matches!(kind, EventKind::ClockChanged { rate: 0.0 }).then_some(()));
    assert!(cluster.session().run_until(Author::User, Until::LeaderChanges));
    let leader = cluster.wait_leader();
    cluster.ask(Command::Inject(vec![Fault::Crash(leader)]));
    cluster.wait("the crash", |kind| matches!(kind, EventKind::NodeCrashed { .. }).then_some(()));
    assert!(cluster.session().run_until(Author::User, Until::Holds("leaders.size() == 1".to_owned())));
    assert_ne!(cluster.wait_leader(), leader);
    cluster.finish();
}

/// A window that nobody paints takes nothing: the cluster runs ahead into the file instead of standing still.
#[test]
fn a_simulation_that_nobody_watches_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("run.flt");
    let cluster = simulated(SessionOptions { record: Some(file.clone()), ..SessionOptions::default() });
    cluster.ask(Command::SetRate(RATE_UNLIMITED));
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let mut recording = RecordingFile::open(&file).expect("a recording");
    while recording.end() < Seq(200_000) {
        assert!(std::time::Instant::now() < deadline, "stands still at {}", recording.end());
        std::thread::yield_now();
        recording.refresh().expect("readable");
    }
    cluster.finish();
}

#[test]
fn a_fork_is_the_same_run_up_to_its_moment_and_another_one_behind_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| folder.path().join(name);
    let mut first = simulated(SessionOptions { record: Some(file("first")), ..SessionOptions::default() });
    first.ask(Command::SetRate(RATE_UNLIMITED));
    let leader = first.wait_leader();
    first.put(leader, "k");
    first.ask(Command::Inject(vec![Fault::Crash(leader)]));
    let next = first.wait_leader();
    first.put(next, "k");
    first.finish();

    let store = TraceStore::open(&file("first")).expect("a recording");
    let recipe = Recipe::of(&store);
    let struck = recipe.asked.iter().find(|asked| matches!(asked.command, Command::Inject(_))).expect("asked");
    let (at, left) = (store.seq_at(struck.at - Duration::from_millis(1)), struck.at - Duration::from_millis(1));
    let branch = Branch { run: "first".to_owned(), next: at, at: left };
    let options = SessionOptions { record: Some(file("second")), ..SessionOptions::default() };
    let fork = Session::fork(recipe.until(at, left), branch.clone(), options).expect("a session");
    let mut fork = Watched::of(fork);
    fork.wait("the standstill", |kind| matches!(kind, EventKind::ClockChanged { rate: 0.0 }).then_some(()));
    fork.ask(Command::Inject(vec![Fault::Freeze(NodeId(leader.0 % 3 + 1))]));
    fork.wait("the freeze", |kind| matches!(kind, EventKind::NodeFroze { .. }).then_some(()));
    fork.finish();

    let forked = TraceStore::open(&file("second")).expect("a recording");
    assert_eq!(forked.origin().branch.as_ref(), Some(&branch));
    assert_eq!(forked.events(Seq(0)..at), store.events(Seq(0)..at));
    assert_ne!(forked.event(at), store.event(at));
    assert!(forked.event(at).expect("the pause").at >= left.min(Timestamp(u64::MAX)));
}
