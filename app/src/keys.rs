//! Every key and what it does, in one table; the help overlay is made of it.

use cluster_core::{
    command::Command,
    fault::{Fault, Heal},
    ids::{Endpoint, MsgId, NodeId, Seq},
    trace::NodeStatus,
    until::Until,
};
use egui::Key;

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    guide::GuideAction,
    panels::{Chrome, open_file, open_new_cluster, rates, subject_of},
    theme,
    tools::{Menu, Tool, ToolAction, links_of},
    travel::TravelAction,
    widgets::by_hand,
};

/// One key.
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// How it is written.
    pub shown: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Does it.
    pub act: fn(&ViewCtx<'_>, &mut Chrome),
}

/// Every key, once. The digits select nodes; scale is egui's own.
pub const KEYS: &[KeyRow] = &[
    KeyRow { key: Key::Space, shown: "Space", about: "Pause, or go on", act: pause_or_go_on },
    KeyRow { key: Key::Period, shown: ".", about: "One step forward", act: step },
    KeyRow { key: Key::OpenBracket, shown: "[", about: "Slower", act: |ctx, chrome| change_rate(ctx, chrome, -1) },
    KeyRow { key: Key::CloseBracket, shown: "]", about: "Faster", act: |ctx, chrome| change_rate(ctx, chrome, 1) },
    KeyRow { key: Key::L, shown: "L", about: "Follow the cluster live", act: |ctx, _| ctx.act(Action::GoLive) },
    KeyRow { key: Key::ArrowLeft, shown: "←", about: "Cursor to the event before", act: |ctx, _| seek_by(ctx, -1) },
    KeyRow { key: Key::ArrowRight, shown: "→", about: "Cursor to the event after", act: |ctx, _| seek_by(ctx, 1) },
    KeyRow {
        key: Key::PageUp,
        shown: "PgUp",
        about: "Jump to the election (or what else is chosen) before",
        act: |ctx, _| jump(ctx, false),
    },
    KeyRow { key: Key::PageDown, shown: "PgDn", about: "Jump to the one after", act: |ctx, _| jump(ctx, true) },
    KeyRow {
        key: Key::I,
        shown: "I",
        about: "Set a bookmark at the cursor, or remove it",
        act: |ctx, _| ctx.travel(TravelAction::ToggleBookmark),
    },
    KeyRow {
        key: Key::U,
        shown: "U",
        about: "Let the run go until the leader changes",
        act: |ctx, _| ctx.travel(TravelAction::Until(Until::LeaderChanges)),
    },
    KeyRow {
        key: Key::E,
        shown: "E",
        about: "Fork: go on differently from the cursor",
        act: |ctx, _| ctx.travel(TravelAction::Fork),
    },
    KeyRow { key: Key::ArrowUp, shown: "↑", about: "Select the node before", act: |ctx, _| select_by(ctx, -1) },
    KeyRow { key: Key::ArrowDown, shown: "↓", about: "Select the node after", act: |ctx, _| select_by(ctx, 1) },
    KeyRow { key: Key::Escape, shown: "Esc", about: "Select nothing, close this", act: escape },
    KeyRow { key: Key::K, shown: "K", about: "Crash the selected nodes", act: |ctx, _| inject(ctx, Fault::Crash) },
    KeyRow { key: Key::F, shown: "F", about: "Freeze the selected nodes, or let them go on", act: freeze },
    KeyRow { key: Key::R, shown: "R", about: "Restart the selected nodes", act: restart },
    KeyRow { key: Key::C, shown: "C", about: "Cut around the selected nodes, or the selected link", act: cut },
    KeyRow {
        key: Key::O,
        shown: "O",
        about: "Open the menu of what is selected",
        act: |ctx, _| tool(ctx, OPEN_SELECTED),
    },
    KeyRow {
        key: Key::P,
        shown: "P",
        about: "Menu of tools, partitions, random faults",
        act: |ctx, _| tool(ctx, OPEN_BREAK),
    },
    KeyRow {
        key: Key::X,
        shown: "X",
        about: "Knife (or Shift and drag): cut links by a stroke",
        act: |ctx, _| tool(ctx, KNIFE),
    },
    KeyRow {
        key: Key::S,
        shown: "S",
        about: "Stage faults from here on, or stop",
        act: |ctx, _| tool(ctx, ToolAction::ToggleStage),
    },
    KeyRow {
        key: Key::A,
        shown: "A",
        about: "Apply all that is staged at one instant",
        act: |ctx, _| tool(ctx, ToolAction::ApplyStage),
    },
    KeyRow { key: Key::Y, shown: "Y", about: "Copy the rules of the selected link", act: copy_rules },
    KeyRow { key: Key::V, shown: "V", about: "Give the copied rules to what is selected", act: paste_rules },
    KeyRow { key: Key::B, shown: "B", about: "Break things at random, or stop that", act: nemesis },
    KeyRow { key: Key::H, shown: "H", about: "Heal everything", act: |ctx, _| ctx.command(Command::Heal(Heal::All)) },
    KeyRow { key: Key::N, shown: "N", about: "A new cluster", act: open_new_cluster },
    KeyRow { key: Key::Q, shown: "Q", about: "Labs", act: |ctx, _| ctx.in_lab(GuideAction::ShowLabs) },
    KeyRow { key: Key::G, shown: "G", about: "Select the next message under way", act: |ctx, _| next_message(ctx) },
    KeyRow {
        key: Key::M,
        shown: "M",
        about: "Hold the selected message, or release it",
        act: |ctx, _| message(ctx, 0),
    },
    KeyRow { key: Key::Delete, shown: "Del", about: "Drop the selected message", act: |ctx, _| message(ctx, 1) },
    KeyRow { key: Key::D, shown: "D", about: "Duplicate the selected message", act: |ctx, _| message(ctx, 2) },
    KeyRow { key: Key::J, shown: "J", about: "Deliver the selected message now", act: |ctx, _| message(ctx, 3) },
    KeyRow { key: Key::W, shown: "W", about: "Why is what is selected as it is", act: |ctx, _| ask_why(ctx) },
    KeyRow { key: Key::T, shown: "T", about: "The other theme", act: |ctx, _| ctx.act(Action::ToggleTheme) },
    KeyRow {
        key: Key::Questionmark,
        shown: "?",
        about: "This list",
        act: |_, chrome| chrome.help_open = !chrome.help_open,
    },
];

/// Every key that is pressed with Ctrl (Command on a Mac).
pub const CTRL_KEYS: &[KeyRow] = &[
    KeyRow { key: Key::O, shown: "Ctrl + O", about: "Open a recording, or a log of others", act: open_file },
    KeyRow {
        key: Key::Z,
        shown: "Ctrl + Z",
        about: "Undo exactly what your last command broke",
        act: |ctx, _| tool(ctx, ToolAction::Undo),
    },
];

const OPEN_SELECTED: ToolAction = ToolAction::Open(Menu::Selected);
const OPEN_BREAK: ToolAction = ToolAction::Open(Menu::Break);
const KNIFE: ToolAction = ToolAction::Take(Tool::Knife);

const DIGITS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// Keys that a focused widget needs for itself.
const WIDGET_KEYS: [Key; 6] = [Key::Space, Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown, Key::Escape];

/// Does what the keys pressed since the last frame mean.
pub fn on_keys(egui: &egui::Context, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    if chrome.draft.is_some()
        || chrome.open_path.is_some()
        || ctx.guide.is_some_and(|guide| guide.labs_shown)
        || egui.text_edit_focused()
        || egui::Popup::is_any_open(egui)
    {
        return;
    }
    let focused = egui.memory(|memory| memory.focused().is_some());
    let pressed = |key: Key| {
        egui.input(|input| {
            let free = !input.modifiers.ctrl && !input.modifiers.command && !input.modifiers.alt;
            free && input.key_pressed(key) && !(focused && WIDGET_KEYS.contains(&key))
        })
    };
    for row in KEYS {
        if pressed(row.key) {
            (row.act)(ctx, chrome);
        }
    }
    for row in CTRL_KEYS {
        if pressed_with(egui, row.key, |modifiers| modifiers.command && !modifiers.alt && !modifiers.shift) {
            (row.act)(ctx, chrome);
        }
    }
    for (at, key) in DIGITS.into_iter().enumerate() {
        let node = NodeId(at as u16 + 1);
        let adding = pressed_with(egui, key, |modifiers| modifiers.shift_only());
        if (adding || pressed(key)) && ctx.state.nodes.contains_key(&node) {
            ctx.act(Action::Select(if adding { added(ctx, node) } else { Selection::node(node) }));
        }
    }
}

/// Lists all keys over everything else, while it is open.
pub fn help_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    if !chrome.help_open {
        return;
    }
    let more = [
        ("1 … 9", "Select a node"),
        ("Shift + 1 … 9", "Add a node to the selection"),
        ("Ctrl + / −", "Larger, smaller"),
        ("Tab", "Move the focus"),
    ];
    let rows: Vec<_> = KEYS.iter().chain(CTRL_KEYS).map(|row| (row.shown, row.about)).chain(more).collect();
    let frame = egui::Frame::popup(&egui.global_style()).inner_margin(3.0 * theme::SPACE);
    let response = egui::Modal::new(egui::Id::unique("keys")).frame(frame).show(egui, |ui| {
        ui.heading("Keys");
        ui.add_space(theme::SPACE);
        // Two columns: in one, the list would be higher than a small window.
        let (left, right) = rows.split_at(rows.len().div_ceil(2));
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0 * theme::SPACE;
            for (name, rows) in [("keys", left), ("more keys", right)] {
                keys_ui(ui, ctx, name, rows);
            }
        });
        ui.add_space(theme::SPACE);
        ui.button("Close").clicked()
    });
    if response.inner || response.should_close() {
        chrome.help_open = false;
    }
}

fn keys_ui(ui: &mut egui::Ui, ctx: &ViewCtx<'_>, name: &str, rows: &[(&str, &str)]) {
    egui::Grid::new(name).num_columns(2).spacing([2.0 * theme::SPACE, 0.5 * theme::SPACE]).show(ui, |ui| {
        for (key, about) in rows {
            ui.monospace(egui::RichText::new(*key).color(ctx.theme.accent));
            ui.label(*about);
            ui.end_row();
        }
    });
}

/// Returns whether a key went down with such modifiers. With shift, many keyboards make another sign of it, so its place
/// counts, too.
fn pressed_with(egui: &egui::Context, wanted: Key, held: impl Fn(&egui::Modifiers) -> bool) -> bool {
    let goes_down = |event: &egui::Event| match event {
        egui::Event::Key { key, physical_key, pressed: true, modifiers, .. } => {
            held(modifiers) && (*key == wanted || *physical_key == Some(wanted) && modifiers.shift)
        }
        // Nothing else is a key that went down.
        _ => false,
    };
    egui.input(|input| input.events.iter().any(goes_down))
}

fn added(ctx: &ViewCtx<'_>, node: NodeId) -> Selection {
    Selection::Nodes(selected(ctx).chain([node]).collect())
}

fn tool(ctx: &ViewCtx<'_>, action: ToolAction) {
    ctx.act(Action::Tool(action));
}

/// Cuts the selected nodes off from all others, together; or the selected direction.
fn cut(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    if let Selection::Link(link) = ctx.selection {
        ctx.command(Command::Inject(vec![Fault::cut(*link)]));
    }
    cut_around(ctx);
}

/// Cuts the selected nodes off from all others, together.
pub fn cut_around(ctx: &ViewCtx<'_>) {
    if let Selection::Nodes(nodes) = ctx.selection {
        let group = nodes.iter().map(|node| Endpoint::from(*node)).collect();
        ctx.command(Command::Inject(vec![Fault::Partition(vec![group])]));
    }
}

fn copy_rules(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    if let Selection::Link(link) = ctx.selection {
        tool(ctx, ToolAction::Copy(*link));
    }
}

fn paste_rules(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    let targets = match ctx.selection {
        Selection::Link(link) => vec![*link],
        Selection::Nodes(nodes) => nodes.iter().flat_map(|node| links_of(*node, ctx.state)).collect(),
        Selection::Nothing | Selection::Message(_) | Selection::Client(_) | Selection::Op(_) | Selection::Event(_) => {
            return;
        }
    };
    tool(ctx, ToolAction::Paste(targets));
}

fn nemesis(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    tool(
        ctx,
        match ctx.tools.striking {
            true => ToolAction::StopNemesis,
            false => ToolAction::StartNemesis(ctx.tools.nemesis.clone()),
        },
    );
}

/// Pauses what moves, or lets it go on.
pub fn pause_or_go_on(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    if !(ctx.commandable && ctx.cursor.live) {
        ctx.act(Action::TogglePlay);
    } else if ctx.state.rate > 0.0 {
        ctx.command(Command::Pause);
    } else {
        ctx.command(Command::Resume);
    }
}

/// Lets exactly one more thing happen, or shows the next thing that happened.
pub fn step(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    if !(ctx.commandable && ctx.cursor.live) {
        seek_by(ctx, 1);
        return;
    }
    if ctx.state.rate > 0.0 {
        ctx.command(Command::Pause);
    }
    ctx.command(Command::Step);
}

fn change_rate(ctx: &ViewCtx<'_>, chrome: &Chrome, by: isize) {
    let live = ctx.commandable && ctx.cursor.live;
    let asked = if live { chrome.rate } else { ctx.cursor.speed };
    let rates = rates(ctx);
    let last = rates.len().saturating_sub(1);
    let at = rates.iter().position(|rate| *rate >= asked).unwrap_or(last);
    let rate = rates[at.saturating_add_signed(by).min(last)];
    if rate == asked {
        return;
    }
    ctx.act(if live { Action::Command(Command::SetRate(rate)) } else { Action::SetPlaySpeed(rate) });
}

fn seek_by(ctx: &ViewCtx<'_>, by: i64) {
    // The event shown last is the one before `next`.
    let Some(shown) = ctx.cursor.next.0.checked_sub(1) else {
        if by > 0 {
            ctx.act(Action::SeekEvent(Seq(0)));
        }
        return;
    };
    ctx.act(Action::SeekEvent(Seq(shown.saturating_add_signed(by))));
}

/// Moves the cursor to the next of what is chosen on the tape.
fn jump(ctx: &ViewCtx<'_>, forward: bool) {
    if let Some(travel) = ctx.travel {
        ctx.travel(TravelAction::Jump(travel.jump.or_faults(ctx.has_leaders()), forward));
    }
}

fn select_by(ctx: &ViewCtx<'_>, by: isize) {
    let nodes: Vec<_> = ctx.state.nodes.keys().copied().collect();
    let selected = nodes.iter().position(|node| ctx.selection.has_node(*node));
    let at = selected.map_or(0, |at| (at + nodes.len()).saturating_add_signed(by) % nodes.len());
    if let Some(node) = nodes.get(at) {
        ctx.act(Action::Select(Selection::node(*node)));
    }
}

fn escape(ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    chrome.help_open = false;
    // A tool is put away first: the selection is what it works on.
    ctx.act(match ctx.tools.tool {
        Tool::Pointer => Action::Select(Selection::Nothing),
        tool @ (Tool::Knife | Tool::Paste) => Action::Tool(ToolAction::Take(tool)),
    });
}

fn selected<'a>(ctx: &ViewCtx<'a>) -> impl Iterator<Item = NodeId> + use<'a> {
    let nodes = if let Selection::Nodes(nodes) = ctx.selection { Some(nodes) } else { None };
    nodes.into_iter().flatten().copied()
}

fn inject(ctx: &ViewCtx<'_>, fault: fn(NodeId) -> Fault) {
    let faults: Vec<_> = selected(ctx).map(fault).collect();
    if !faults.is_empty() {
        ctx.command(Command::Inject(faults));
    }
}

fn freeze(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    let is_frozen = |node: &NodeId| ctx.state.nodes.get(node).is_some_and(|it| it.status == NodeStatus::Frozen);
    let (frozen, others): (Vec<_>, Vec<_>) = selected(ctx).partition(is_frozen);
    frozen.into_iter().for_each(|node| ctx.command(Command::Unfreeze(node)));
    if !others.is_empty() {
        ctx.command(Command::Inject(others.into_iter().map(Fault::Freeze).collect()));
    }
}

fn restart(ctx: &ViewCtx<'_>, _: &mut Chrome) {
    selected(ctx).for_each(|node| ctx.command(Command::Restart(node)));
}

/// Does one of the verbs with the selected message, if that makes sense at this moment.
fn message(ctx: &ViewCtx<'_>, verb: usize) {
    if let Selection::Message(msg) = ctx.selection
        && let Ok(what) = by_hand::verbs(ctx, *msg)[verb].possible
    {
        ctx.command(Command::Message(what));
    }
}

fn ask_why(ctx: &ViewCtx<'_>) {
    if let Some(subject) = subject_of(ctx) {
        ctx.act(Action::Why(subject));
    }
}

fn next_message(ctx: &ViewCtx<'_>) {
    let flights = &ctx.state.flights;
    let after = match ctx.selection {
        Selection::Message(msg) => flights.range(MsgId(msg.0 + 1)..).next(),
        Selection::Nothing
        | Selection::Nodes(_)
        | Selection::Link(_)
        | Selection::Client(_)
        | Selection::Op(_)
        | Selection::Event(_) => None,
    };
    if let Some((msg, _)) = after.or_else(|| flights.iter().next()) {
        ctx.act(Action::Select(Selection::Message(*msg)));
    }
}

/// Writes what a control does, with its key, for hover texts.
pub fn hint(about: &str, shown: &str) -> String {
    format!("{about} ({shown})")
}
