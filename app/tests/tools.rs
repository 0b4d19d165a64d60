//! The tools of the window, by mouse and by key: stage, undo, copied rules, random faults.

use std::sync::{Arc, Mutex};

use cluster_core::{
    command::Command,
    fault::{Fault, LinkId, LinkRules, Loss},
    ids::{Endpoint, NodeId},
};
use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable};
use faultline::{
    action::{Action, Selection},
    app::App,
    settings::Settings,
    testing, theme,
    tools::Tool,
};

type Sent = Arc<Mutex<Vec<Command>>>;

/// A window on the plausible run: n4 was cut off at 20 s, n5 was frozen last.
fn live() -> (Harness<'static, App>, Sent) {
    let source = testing::scripted_source();
    let sent = source.sent();
    let set_up = |ctx: &egui::Context| {
        theme::install(ctx);
        ctx.set_theme(egui::Theme::Dark);
    };
    let ui = |ui: &mut egui::Ui, app: &mut App| {
        app.logic(ui.ctx());
        app.root_ui(ui);
    };
    let app = App::new(Box::new(source), Settings::default());
    let size = egui::vec2(1280.0, 800.0);
    let mut harness = Harness::builder().with_size(size).with_context_setup(set_up).build_ui_state(ui, app);
    harness.run_steps(2);
    (harness, sent)
}

fn sent(commands: &Sent) -> Vec<Command> {
    commands.lock().expect("no test failed while it sent").clone()
}

fn press(harness: &mut Harness<'static, App>, keys: &[Key]) {
    for key in keys {
        harness.key_press(*key);
        harness.run_steps(2);
    }
}

fn click(harness: &mut Harness<'static, App>, label: &str) {
    harness.get_by_label(label).click();
    harness.run_steps(2);
}

fn select(harness: &mut Harness<'static, App>, selection: Selection) {
    let ctx = harness.ctx.clone();
    harness.state_mut().act(Action::Select(selection), &ctx);
    harness.run_steps(2);
}

fn link(from: u16, to: u16) -> LinkId {
    (NodeId(from).into(), NodeId(to).into())
}

#[test]
fn staged_faults_wait_can_be_removed_and_strike_by_one_command() {
    let (mut harness, commands) = live();
    press(&mut harness, &[Key::S, Key::Num1, Key::K, Key::Num2, Key::K, Key::Num3, Key::C]);
    assert_eq!(sent(&commands), [], "staged, not asked for");
    harness.get_by_label("Staged 3");
    click(&mut harness, "Unstage crash n2");
    click(&mut harness, "Apply all at one instant");
    let around = Fault::Partition(vec![vec![Endpoint::from(NodeId(3))]]);
    assert_eq!(sent(&commands), [Command::Inject(vec![Fault::Crash(NodeId(1)), around])]);
    assert!(!harness.state().tools().staging && harness.state().tools().staged.is_empty());
}

#[test]
fn the_stage_is_applied_by_its_key_and_an_empty_one_says_what_to_do() {
    let (mut harness, commands) = live();
    press(&mut harness, &[Key::A]);
    harness.get_by_label("Nothing is staged: turn the stage on (S), then break things");
    press(&mut harness, &[Key::S, Key::Num2, Key::K, Key::K, Key::A]);
    assert_eq!(sent(&commands), [Command::Inject(vec![Fault::Crash(NodeId(2))])], "the same fault is staged once");
}

#[test]
fn a_discarded_stage_strikes_nothing() {
    let (mut harness, commands) = live();
    press(&mut harness, &[Key::S, Key::Num2, Key::K]);
    click(&mut harness, "Discard");
    press(&mut harness, &[Key::S]);
    assert_eq!(sent(&commands), []);
    assert!(harness.query_by_label_contains("Staged").is_none());
}

#[test]
fn rules_of_a_link_are_staged_changed_and_taken_off_the_stage() {
    let (mut harness, commands) = live();
    press(&mut harness, &[Key::S]);
    select(&mut harness, Selection::Link(link(1, 2)));
    let set = |harness: &mut Harness<'_, App>, rules: LinkRules| {
        let ctx = harness.ctx.clone();
        harness.state_mut().act(Action::Command(Command::SetLinks(vec![(link(1, 2), rules)])), &ctx);
        harness.run_steps(2);
    };
    let loses = |probability| LinkRules { loss: Some(Loss { probability }), ..LinkRules::default() };
    set(&mut harness, loses(0.2));
    set(&mut harness, loses(0.4));
    assert_eq!(sent(&commands), []);
    assert_eq!(harness.state().tools().staged, loses(0.4).as_faults(link(1, 2)), "one rule is staged once");
    set(&mut harness, LinkRules::default());
    assert_eq!(harness.state().tools().staged, []);
}

#[test]
fn the_tool_in_the_hand_is_told_and_put_away() {
    let (mut harness, _) = live();
    press(&mut harness, &[Key::X]);
    assert_eq!(harness.state().tools().tool, Tool::Knife);
    harness.get_by_label("drag across links; Alt cuts one way");
    click(&mut harness, "Put the tool away");
    assert_eq!(harness.state().tools().tool, Tool::Pointer);
}

#[test]
fn undo_restores_what_the_last_command_broke() {
    let (mut harness, commands) = live();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    assert_eq!(sent(&commands), [Command::Restore { links: Vec::new(), machines: Vec::new(), nodes: vec![NodeId(5)] }]);
}

#[test]
fn the_rules_of_a_link_are_copied_and_given_by_keys() {
    let (mut harness, commands) = live();
    select(&mut harness, Selection::Link(link(4, 3)));
    press(&mut harness, &[Key::Y]);
    assert_eq!(harness.state().tools().tool, Tool::Paste);
    select(&mut harness, Selection::Link(link(1, 2)));
    press(&mut harness, &[Key::V]);
    assert_eq!(sent(&commands), [Command::Inject(vec![Fault::cut(link(1, 2))])]);
    press(&mut harness, &[Key::Escape]);
    assert_eq!(harness.state().tools().tool, Tool::Pointer);
    assert_eq!(harness.state().selection(), &Selection::Link(link(1, 2)), "the tool is put away, the selection stays");
}

#[test]
fn healthy_rules_given_to_a_node_heal_its_links() {
    let (mut harness, commands) = live();
    select(&mut harness, Selection::Link(link(1, 2)));
    press(&mut harness, &[Key::Y]);
    select(&mut harness, Selection::node(NodeId(4)));
    press(&mut harness, &[Key::V]);
    let [Command::SetLinks(links)] = &sent(&commands)[..] else { panic!("{:?}", sent(&commands)) };
    assert!(links.len() == 8 && links.iter().all(|(_, rules)| *rules == LinkRules::default()));
}

#[test]
fn a_shape_is_cut_from_the_menu_of_breaking() {
    let (mut harness, commands) = live();
    press(&mut harness, &[Key::P]);
    click(&mut harness, "Partition");
    click(&mut harness, "Mute leader");
    let mute = [1, 2, 4, 5].map(|node| Fault::cut(link(3, node))).to_vec();
    assert_eq!(sent(&commands), [Command::Inject(mute)]);
}

#[test]
fn shift_and_a_digit_add_to_the_selection() {
    let (mut harness, _) = live();
    press(&mut harness, &[Key::Num1]);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Num3);
    harness.run_steps(2);
    assert_eq!(harness.state().selection(), &Selection::Nodes([NodeId(1), NodeId(3)].into()));
}

#[test]
fn random_faults_start_and_stop_and_are_told() {
    let (mut harness, _) = live();
    click(&mut harness, "Break");
    click(&mut harness, "Random faults");
    click(&mut harness, "Crashes");
    assert!(harness.state().tools().striking);
    harness.get_by_label("Random faults: crashes");
    press(&mut harness, &[Key::B]);
    assert!(!harness.state().tools().striking);
    press(&mut harness, &[Key::B]);
    harness.get_by_label("Random faults: crashes");
    click(&mut harness, "Stop random faults");
    assert!(!harness.state().tools().striking);
}
