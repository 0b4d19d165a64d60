//! The window as a whole, driven without a display: every panel draws, and clicks and keys become commands.

use std::sync::{Arc, Mutex};

use cluster_core::{
    command::Command,
    event::{EventKind, TraceEvent},
    fault::{Ailment, ByHand, Fault, Heal, NodeFaultCounters, NodeFaults, Slowness, Times, Trap},
    ids::{ClientId, Endpoint, MsgId, NodeId, Seq, TrapId},
    name::Name,
    time::Timestamp,
    trace::TraceStore,
};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::{Action, Selection},
    app::App,
    keys::KEYS,
    settings::Settings,
    source::{Recording, Source},
    testing,
};

#[path = "support/window.rs"]
mod support;
use support::window;

type Sent = Arc<Mutex<Vec<Command>>>;

fn live() -> (Harness<'static, App>, Sent) {
    let source = testing::scripted_source();
    let sent = source.sent();
    (window(Box::new(source), Settings::default()), sent)
}

fn recording() -> Harness<'static, App> {
    window(Box::new(Recording::new(recorded())), Settings::default())
}

fn recorded() -> TraceStore {
    let (spec, events) = testing::plausible_run();
    let mut store = TraceStore::new(spec);
    store.append(events);
    store
}

fn sent(commands: &Sent) -> Vec<Command> {
    commands.lock().expect("no test failed while it sent").clone()
}

fn select(harness: &mut Harness<'static, App>, selection: Selection) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::Select(selection), &ctx);
    harness.run_steps(2);
}

fn every_selection(app: &App) -> Vec<Selection> {
    let state = app.store().latest();
    let link = |from: u16, to: u16| (Endpoint::from(NodeId(from)), Endpoint::from(NodeId(to)));
    let flight = state.flights.keys().next().copied().unwrap_or_default();
    let dropped = state.drops.front().map_or(MsgId(1), |drop| drop.msg);
    vec![
        Selection::Nothing,
        Selection::node(NodeId(1)),
        Selection::node(NodeId(4)),
        Selection::node(NodeId(99)),
        Selection::Nodes([1, 2, 4].map(NodeId).into()),
        Selection::Link(link(4, 3)),
        Selection::Link((ClientId(1).into(), NodeId(3).into())),
        Selection::Message(flight),
        Selection::Message(dropped),
        Selection::Message(MsgId(1_000_000)),
        Selection::Client(ClientId(1)),
        Selection::Client(ClientId(7)),
        Selection::Event(Seq(5)),
        Selection::Event(Seq(1_000_000)),
    ]
}

#[test]
fn everything_can_be_inspected_in_both_themes_live_and_recorded() {
    for dark in [true, false] {
        let settings = || Settings { dark, ..Settings::default() };
        let sources: [Box<dyn Source>; 2] =
            [Box::new(testing::scripted_source()), Box::new(Recording::new(recorded()))];
        for source in sources {
            let mut harness = window(source, settings());
            for selection in every_selection(harness.state()) {
                select(&mut harness, selection);
            }
        }
    }
}

#[test]
fn the_node_inspector_shows_what_the_node_knows() {
    let (mut harness, _) = live();
    select(&mut harness, Selection::node(NodeId(3)));
    for text in ["Committed", "Listens on", "127.0.0.1:40003", "What it knows of the others"] {
        harness.get_by_label(text);
    }
}

/// The picture changes only when the event comes back: until then the knob shows what is so.
#[test]
fn a_knob_is_turned_in_the_inspector_while_nothing_is_selected() {
    let (mut harness, sent) = live();
    select(&mut harness, Selection::Nothing);
    harness.get_by_role_and_label(egui::accesskit::Role::ComboBox, "check_quorum").scroll_to_me();
    harness.run_steps(30);
    harness.get_by_role_and_label(egui::accesskit::Role::ComboBox, "check_quorum").click();
    harness.run_steps(3);
    harness.get_by_label("off").click();
    harness.run_steps(3);
    let asked = self::sent(&sent);
    let turned = Command::SetKnob { knob: "check_quorum".to_owned(), value: "off".to_owned() };
    assert!(asked.contains(&turned), "{asked:?}");
}

#[test]
fn a_client_from_outside_is_in_the_picture_and_its_door_in_the_inspector() {
    let (spec, mut events) = testing::plausible_run();
    let (node, speaks, client) = (NodeId(3), Name::new("redis"), ClientId::FIRST_VISITOR);
    let door = EventKind::DoorOpened { node, speaks, port: 7103 };
    let came = EventKind::VisitorCame { client, node, speaks, name: "shop".to_owned() };
    for kind in [door, came] {
        let last = events.last().expect("a run has events");
        events.push(TraceEvent { seq: last.seq.next(), at: last.at, cause: None, kind });
    }
    let source = testing::Scripted::new(spec, events);
    let mut harness = window(Box::new(source), Settings::default());
    harness.get_by_label_contains("redis client c10000, 0 in flight");
    select(&mut harness, Selection::node(node));
    harness.get_by_label("redis-cli -c -p 7103");
    harness.get_by_label("Copy").click();
    harness.run_steps(1);
    let copied = harness
        .output()
        .platform_output
        .commands
        .iter()
        .any(|command| matches!(command, egui::OutputCommand::CopyText(text) if text == "redis-cli -c -p 7103"));
    assert!(copied, "nothing was copied");
    select(&mut harness, Selection::Client(client));
    harness.get_by_label("redis client from outside");
    harness.get_by_label("shop");
}

#[test]
fn heal_all_asks_for_healing_everything_and_says_how_much_is_broken() {
    let (mut harness, commands) = live();
    let broken = harness.state().store().latest().faults.len();
    harness.get_by_label(&format!("Heal all ({broken})")).click();
    harness.run_steps(2);
    assert_eq!(sent(&commands), [Command::Heal(Heal::All)]);
}

#[test]
fn a_fault_in_the_inventory_is_healed_alone() {
    let (mut harness, commands) = live();
    harness.get_by_label("Heal n5 frozen").click();
    harness.run_steps(2);
    assert_eq!(sent(&commands), [Command::Unfreeze(NodeId(5))]);
}

/// Each part of a machine that ails is a thing of its own, and one that did nothing yet says so.
#[test]
fn a_slow_node_is_listed_with_what_its_slowness_did() {
    let (spec, mut events) = testing::plausible_run();
    let node = NodeId(2);
    let last = events.last().expect("a run has events").clone();
    let faults = NodeFaults { slow: Some(Slowness { factor: 10.0 }), ..NodeFaults::default() };
    let slowed = EventKind::NodeFaultsChanged { node, part: Ailment::Cpu, faults: Box::new(faults) };
    events.push(TraceEvent { seq: last.seq.next(), at: last.at, cause: None, kind: slowed });
    let shown = |events: Vec<TraceEvent>| {
        let mut store = TraceStore::new(spec.clone());
        store.append(events);
        let mut harness = window(Box::new(Recording::new(store)), Settings::default());
        harness.get_by_label("END").click();
        harness.run_steps(2);
        harness
    };
    let harness = shown(events.clone());
    harness.get_by_label("n2 10× slower");
    harness.get_by_label_contains("did nothing so far");
    let counters = Box::new(NodeFaultCounters { inputs_slowed: 3, ..NodeFaultCounters::default() });
    let counted = EventKind::NodeFaultsCounted { node, counters };
    events.push(TraceEvent { seq: last.seq.next().next(), at: last.at, cause: None, kind: counted });
    shown(events).get_by_label_contains("3 inputs slowed");
}

#[test]
fn a_partition_is_one_thing_in_the_inventory() {
    let (harness, _) = live();
    harness.get_by_label("Partition n4 | rest");
    assert_eq!(harness.query_all_by_label_contains("Heal n").count(), 1, "n5 is frozen, and no link is listed alone");
}

#[test]
fn dragging_on_the_tape_moves_the_cursor_and_live_returns() {
    let (mut harness, _) = live();
    let tape = harness.get_by_label("time tape").rect();
    let end = harness.state().store().end();
    harness.drag_at(tape.center());
    harness.run_steps(1);
    harness.hover_at(tape.center() - egui::vec2(200.0, 0.0));
    harness.run_steps(1);
    harness.drop_at(tape.center() - egui::vec2(200.0, 0.0));
    harness.run_steps(2);
    let cursor = harness.state().cursor();
    assert!(!cursor.live && cursor.at > Timestamp::ZERO && cursor.at < end, "{cursor:?}");
    harness.get_by_label("LIVE").click();
    harness.run_steps(2);
    assert!(harness.state().cursor().live);
}

#[test]
fn keys_strike_the_selected_nodes() {
    let (mut harness, commands) = live();
    harness.key_press(egui::Key::Num2);
    harness.run_steps(2);
    assert_eq!(harness.state().selection(), &Selection::node(NodeId(2)));
    harness.key_press(egui::Key::K);
    harness.run_steps(2);
    harness.key_press(egui::Key::C);
    harness.run_steps(2);
    harness.key_press(egui::Key::H);
    harness.run_steps(2);
    let group = vec![Endpoint::from(NodeId(2))];
    let expected = [
        Command::Inject(vec![Fault::Crash(NodeId(2))]),
        Command::Inject(vec![Fault::Partition(vec![group])]),
        Command::Heal(Heal::All),
    ];
    assert_eq!(sent(&commands), expected);
}

#[test]
fn a_frozen_node_goes_on_by_the_key_that_froze_it() {
    let (mut harness, commands) = live();
    for node in [egui::Key::Num5, egui::Key::F, egui::Key::Num2, egui::Key::F] {
        harness.key_press(node);
        harness.run_steps(2);
    }
    assert_eq!(sent(&commands), [Command::Unfreeze(NodeId(5)), Command::Inject(vec![Fault::Freeze(NodeId(2))])]);
}

/// The scripted run, in which the first message under way is held and a trap waits.
fn live_with_a_held_message() -> (Harness<'static, App>, Sent, MsgId) {
    let (spec, mut events) = testing::plausible_run();
    let mut store = TraceStore::new(spec.clone());
    store.append(events.clone());
    let msg = *store.latest().flights.keys().next().expect("messages are under way");
    let what = Trap { what: None, from: None, to: Some(NodeId(2).into()), times: Times::Always };
    let at = store.end();
    for kind in [EventKind::FrameHeld { msg, by: None }, EventKind::TrapSet { trap: TrapId(1), what }] {
        let seq = Seq(events.len() as u64);
        events.push(TraceEvent { seq, at, cause: None, kind });
    }
    let source = testing::Scripted::new(spec, events);
    let sent = source.sent();
    (window(Box::new(source), Settings::default()), sent, msg)
}

/// Clicks on what may have to be scrolled to first.
fn click_wherever(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).scroll_to_me();
    harness.run_steps(20);
    harness.get_by_label(label).click();
    harness.run_steps(2);
}

#[test]
fn held_messages_and_traps_are_listed_with_what_can_be_done() {
    for (title, what) in [
        ("Release", ByHand::Release as fn(MsgId) -> ByHand),
        ("Drop", ByHand::Drop),
        ("Duplicate", ByHand::Duplicate),
        ("Deliver now", ByHand::DeliverNow),
    ] {
        let (mut harness, commands, msg) = live_with_a_held_message();
        let flight = harness.state().store().latest().flights[&msg];
        let label = format!("{title} {} {} to {}, {msg}", flight.info.name, flight.from, flight.to);
        click_wherever(&mut harness, &label);
        assert_eq!(sent(&commands), [Command::Message(what(msg))]);
    }
    let (mut harness, commands, _) = live_with_a_held_message();
    click_wherever(&mut harness, "Remove trap t1");
    assert_eq!(sent(&commands), [Command::Message(ByHand::RemoveTrap(TrapId(1)))]);
}

#[test]
fn a_trap_is_set_from_the_list_of_what_is_broken() {
    let (mut harness, commands) = live();
    click_wherever(&mut harness, "which messages to hold");
    harness.get_by_label("AppendEntries").click();
    harness.run_steps(2);
    click_wherever(&mut harness, "Set trap");
    let what = Some(Name::new("AppendEntries"));
    let trap = Trap { what, from: None, to: None, times: Times::Once };
    assert_eq!(sent(&commands), [Command::Message(ByHand::SetTrap(trap))]);
}

#[test]
fn keys_take_the_selected_message_by_hand() {
    let (mut harness, commands) = live();
    for key in [egui::Key::G, egui::Key::M, egui::Key::Delete] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    let Selection::Message(msg) = *harness.state().selection() else { panic!("no message is selected") };
    let expected = [ByHand::Hold(msg), ByHand::Drop(msg)].map(Command::Message);
    assert_eq!(sent(&commands), expected);
}

#[test]
fn why_of_a_node_is_told_and_each_cause_leads_to_its_moment() {
    let (mut harness, _) = live();
    select(&mut harness, Selection::node(NodeId(5)));
    harness.get_by_label("Why?").click();
    harness.run_steps(3);
    harness.get_by_label("Why is n5 frozen?");
    let cause = harness.get_by_label_contains("You froze n5");
    cause.click();
    harness.run_steps(2);
    let cursor = harness.state().cursor();
    assert!(!cursor.live && cursor.at < harness.state().store().end(), "{cursor:?}");
}

#[test]
fn the_key_asks_why_of_an_event() {
    let (mut harness, _) = live();
    select(&mut harness, Selection::Event(Seq(0)));
    harness.key_press(egui::Key::W);
    harness.run_steps(3);
    harness.get_by_label("Why event #0?");
}

#[test]
fn a_line_of_the_story_can_be_asked_why() {
    let (mut harness, _) = live();
    harness.run_steps(4);
    let lines: Vec<_> = harness.query_all_by_label_contains("n5 froze").map(|node| node.rect().center()).collect();
    let line = lines.first().copied().expect("the story tells of the freeze");
    harness.get_all_by_label_contains("n5 froze").next().expect("just seen").click_secondary();
    harness.run_steps(2);
    let why = harness.get_all_by_label("Why?").min_by(|a, b| {
        let far = |node: &egui_kittest::Node<'_>| node.rect().center().distance(line);
        far(a).total_cmp(&far(b))
    });
    why.expect("the menu is open").click();
    harness.run_steps(3);
    harness.get_by_label_contains("Why event #");
}

#[test]
fn a_paused_cluster_goes_on_with_space_and_steps_with_the_period() {
    let (mut harness, commands) = live();
    harness.key_press(egui::Key::Space);
    harness.run_steps(2);
    harness.key_press(egui::Key::Period);
    harness.run_steps(2);
    assert_eq!(sent(&commands), [Command::Resume, Command::Step]);
}

#[test]
fn no_key_has_two_meanings_and_the_help_lists_them_all() {
    let mut keys: Vec<_> = KEYS.iter().map(|row| row.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), KEYS.len());
    let (mut harness, _) = live();
    harness.get_by_label("Keys").click();
    harness.run_steps(2);
    for row in KEYS {
        assert!(harness.query_all_by_label(row.about).count() >= 1, "{}", row.about);
    }
}

#[test]
fn a_recording_plays_by_itself_and_takes_no_commands() {
    let mut harness = recording();
    let before = harness.state().cursor().at;
    harness.run_steps(4);
    assert!(harness.state().cursor().playing && harness.state().cursor().at > before);
    harness.key_press(egui::Key::H);
    harness.run_steps(2);
    harness.get_by_label("A recording takes no commands: what happened, happened");
}

#[test]
fn an_operation_by_hand_goes_to_the_selected_node() {
    let (mut harness, commands) = live();
    select(&mut harness, Selection::node(NodeId(2)));
    harness.get_by_label("Put").click();
    harness.run_steps(2);
    assert!(matches!(sent(&commands)[..], [Command::Submit { node: NodeId(2), .. }]), "{:?}", sent(&commands));
}

#[test]
fn what_is_typed_into_a_field_is_no_shortcut() {
    let (mut harness, commands) = live();
    select(&mut harness, Selection::node(NodeId(2)));
    for field in ["key", "value"] {
        harness.get_by_role_and_label(egui::accesskit::Role::TextInput, field).focus();
        harness.run_steps(2);
        for key in [egui::Key::K, egui::Key::H, egui::Key::Space, egui::Key::Num3] {
            harness.key_press(key);
            harness.run_steps(2);
        }
    }
    assert_eq!(sent(&commands), []);
    assert_eq!(harness.state().selection(), &Selection::node(NodeId(2)));
}

#[test]
fn the_verbs_and_the_form_of_a_node_are_seen_without_scrolling() {
    let (mut harness, _) = live();
    select(&mut harness, Selection::node(NodeId(2)));
    let inspector = harness.state().settings().layout.rect("inspector").expect("it is shown");
    for name in ["Crash", "Freeze", "Get", "Put", "Delete"] {
        assert!(inspector.contains_rect(harness.get_by_label(name).rect()), "{name}");
    }
}

#[test]
fn the_other_theme_and_the_usual_layout_are_one_action_away() {
    let (mut harness, _) = live();
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::ToggleTheme, &ctx);
    harness.state_mut().act(Action::ResetLayout, &ctx);
    harness.run_steps(2);
    assert!(!harness.state().settings().dark && harness.state().settings().layout.is_open("inspector"));
}

#[test]
fn the_hint_goes_with_the_first_fault() {
    let (mut harness, _) = live();
    harness.get_by_label("Right-click the leader");
    let ctx = harness.ctx.clone();
    let crash = Command::Inject(vec![Fault::Crash(NodeId(3))]);
    harness.state_mut().act(Action::Command(crash), &ctx);
    harness.run_steps(2);
    assert!(harness.query_by_label("Right-click the leader").is_none());
}
