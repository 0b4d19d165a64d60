//! The space-time diagram, on runs made by hand: what it shows, what a click does, and how two events stand to each other.

mod support;

use cluster_core::{
    event::{EventKind, Family, MessageInfo, Milestone},
    ids::{Epoch, MsgId, NodeId, Seq},
    name::Name,
    spec::ClusterSpec,
    time::Timestamp,
    trace::TraceStore,
};
use egui::{Key, Modifiers, vec2};
use egui_kittest::{Harness, kittest::Queryable as _};
use faultline::{
    action::{Action, Selection},
    theme::{Theme, install},
};
use support::{Run, Stage, half_a_minute};

fn harness(stage: Stage) -> Harness<'static, Stage> {
    Harness::builder()
        .with_size(vec2(900.0, 600.0))
        .with_theme(stage.theme.of_egui())
        .with_max_steps(64)
        .with_context_setup(install)
        .build_ui_state(|ui, stage: &mut Stage| stage.ui(ui), stage)
}

/// A run of three nodes: n1 campaigns and tells n2 and n3; n3 does something of its own before it hears.
fn three() -> TraceStore {
    let mut run = Run::default();
    for node in (1..=3).map(NodeId) {
        run.at(0.0, None, EventKind::NodeStarted { node, incarnation: 0, port: 0 });
    }
    let milestone = Milestone::ElectionStarted { epoch: Epoch(1) };
    run.at(0.5, None, EventKind::Milestone { node: NodeId(1), milestone });
    let suspected = Milestone::Suspected { peer: NodeId(2) };
    run.at(0.52, None, EventKind::Milestone { node: NodeId(3), milestone: suspected });
    for (msg, to) in [(1, 2), (2, 3)] {
        let info = MessageInfo { name: Name::new("RequestVote"), family: Family::Vote, refuses: false };
        let (from, to, due) = (NodeId(1).into(), NodeId(to).into(), Timestamp::from_secs_f64(0.9));
        let msg = MsgId(msg);
        let sent = EventKind::FrameSent { msg, from, to, info, due, bytes: 50, payload: Default::default() };
        let sent = run.at(0.6, None, sent);
        run.at(0.9, Some(sent), EventKind::FrameDelivered { msg });
    }
    let granted = Milestone::VoteGranted { epoch: Epoch(1), to: NodeId(1) };
    run.at(0.95, None, EventKind::Milestone { node: NodeId(2), milestone: granted });
    run.at(1.2, None, EventKind::DiskWiped { node: NodeId(3) });
    run.store(3)
}

const CAMPAIGN: Seq = Seq(3);
const SUSPECTED: Seq = Seq(4);

fn three_seen() -> Harness<'static, Stage> {
    let mut harness = harness(Stage::new("space-time", three(), Theme::dark()));
    harness.run();
    harness
}

/// Returns whether the sentence below the diagram says this.
fn says(harness: &Harness<'static, Stage>, words: &str) -> bool {
    harness.query_all_by(|node| node.value().is_some_and(|text| text.contains(words))).next().is_some()
}

#[test]
fn it_shows_a_run_an_empty_run_and_every_moment_in_both_themes() {
    for theme in [Theme::dark(), Theme::light()] {
        for store in [TraceStore::new(ClusterSpec::default()), half_a_minute(5)] {
            let mut harness = harness(Stage::new("space-time", store, theme.clone()));
            for secs in [0.0, 8.5, 20.0, 1000.0] {
                harness.state_mut().seek(secs);
                harness.run();
            }
        }
    }
}

#[test]
fn a_hundred_lanes_can_be_looked_at() {
    let mut harness = harness(Stage::new("space-time", half_a_minute(100), Theme::light()));
    harness.run();
    harness.get_by_label("space-time diagram, 100 lanes");
    harness.get_by_label("Whole run").click();
    harness.run();
}

#[test]
fn a_click_on_an_event_selects_it_and_tells_what_precedes_it_and_what_follows() {
    let mut harness = three_seen();
    harness.get_by_label("event 3, n1 asks for votes in 1").click();
    harness.run();
    assert!(harness.state().asked(&Action::Select(Selection::Event(CAMPAIGN))));
    // Sent twice, arrived twice, and two things that n2 and n3 did afterwards.
    assert!(says(&harness, "6 follow from it, 1 are concurrent"));
}

#[test]
fn two_events_are_compared_in_words() {
    let mut harness = three_seen();
    harness.get_by_label("event 3, n1 asks for votes in 1").click();
    harness.run();
    let compare = |harness: &mut Harness<'static, Stage>, label: &str, order: &str| {
        harness.get_by_label(label).click_modifiers(Modifiers::SHIFT);
        harness.run();
        assert!(says(harness, order), "{order}");
    };
    compare(&mut harness, "event 4, n3 suspects n2", "is concurrent with #4");
    compare(&mut harness, "event 9, n2 votes for n1 in 1", "happened before #9");
    assert!(says(&harness, "by way of n1 → n2 (1 hop)"));
    assert_eq!(harness.state().selection, Selection::Event(CAMPAIGN), "the second event is the diagram's own");
}

#[test]
fn the_arrow_keys_walk_along_a_lane_and_from_lane_to_lane() {
    let mut harness = three_seen();
    harness.get_by_label("event 4, n3 suspects n2").click();
    harness.run();
    harness.get_by_label("space-time diagram, 3 lanes").focus();
    harness.run();
    harness.key_press(Key::ArrowRight);
    harness.run();
    assert_eq!(harness.state().selection, Selection::Event(Seq(8)), "the next event of n3 is the arrival");
    harness.key_press(Key::ArrowUp);
    harness.run();
    let Selection::Event(seq) = harness.state().selection else { panic!("an event is selected") };
    assert!([Seq(6), Seq(9)].contains(&seq), "the lane above is that of n2, not {seq}");
    assert_ne!(seq, SUSPECTED);
}

#[test]
fn a_click_on_nothing_moves_the_cursor_and_one_on_a_name_selects_the_node() {
    let mut harness = three_seen();
    harness.get_by_label("time of the diagram").click();
    harness.run();
    assert!(matches!(harness.state().actions.borrow().last(), Some(Action::Seek(_))));
    harness.get_by_label("lane of n2").click();
    harness.run();
    assert!(harness.state().asked(&Action::Select(Selection::node(NodeId(2)))));
}

#[test]
fn a_family_that_is_chosen_alone_hides_the_messages_of_all_others() {
    let mut harness = three_seen();
    assert!(harness.query_by_label("event 5, n1 → n2 RequestVote 50 B").is_some());
    harness.get_by_label("messages, append").click();
    harness.run();
    assert!(harness.query_by_label("event 5, n1 → n2 RequestVote 50 B").is_none());
    harness.get_by_label("messages, vote").click();
    harness.run();
    assert!(harness.query_by_label("event 5, n1 → n2 RequestVote 50 B").is_some());
}

#[test]
fn too_many_messages_are_shown_as_how_much_goes_on() {
    let mut harness = harness(Stage::new("space-time", half_a_minute(60), Theme::dark()));
    harness.get_by_label("Whole run").click();
    harness.run();
    let append = |label: String| label.starts_with("event ") && label.contains("AppendEntries");
    assert!(harness.query_all_by(|node| node.label().is_some_and(append)).next().is_none());
    harness.get_by_label("Fold quiet").click();
    harness.run();
}
