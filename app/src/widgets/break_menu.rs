//! The menu of everything that breaks more than one thing: shapes of partitions, tools, random faults.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{Chosen, SHAPES, ShapeRow},
    ids::NodeId,
    nemesis::{NemesisSpec, PROFILES},
};
use egui::{Button, RichText, Ui};

use crate::{
    action::Action,
    ctx::ViewCtx,
    tools::{Tool, ToolAction},
};

const RECORDING: &str = "This is a recording: it takes no commands";

/// How often random faults may be asked to strike.
const GAPS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Lists the tools, the shapes, and random faults.
pub fn break_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    ui.set_min_width(190.0);
    let cuts = ctx.offers("cut");
    if cuts {
        tool_ui(ui, ctx, "Knife", "X", ctx.tools.tool == Tool::Knife, ToolAction::Take(Tool::Knife))
            .on_hover_text("Cuts every direction that a stroke crosses; Shift and drag does the same");
    }
    tool_ui(ui, ctx, "Stage", "S", ctx.tools.staging, ToolAction::ToggleStage)
        .on_hover_text("Collects faults, to ask for all of them at one instant");
    tool_ui(ui, ctx, "Undo", "Ctrl+Z", false, ToolAction::Undo)
        .on_hover_text("Takes back exactly what your last command broke, if that is still so");
    // A lab shows only what it offers, and what happens in it is the learner's own doing.
    let (shapes, random) = (cuts || ctx.offers("partition"), ctx.allowed.is_none());
    if shapes || random {
        ui.separator();
    }
    if shapes {
        ui.menu_button("Partition", |ui| shapes_ui(ui, ctx, None));
    }
    if random {
        ui.menu_button("Random faults", |ui| nemesis_ui(ui, ctx));
    }
}

/// Lists the shapes; a chosen node takes the place that each has for one.
pub fn shapes_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chosen: Option<NodeId>) {
    let nodes: Vec<NodeId> = ctx.state.nodes.keys().copied().collect();
    let called = chosen.map(|node| ctx.names.short(node));
    ui.set_min_width(190.0);
    for row in SHAPES.iter().filter(|row| chosen.is_none() || row.chosen != Chosen::Nobody) {
        let faults = row.shape.faults(&nodes, ctx.state.leader(), chosen);
        let possible = match faults {
            Ok(faults) => ctx.check(Ok(Command::Inject(faults))),
            Err(why) => Err(format!("{} Not here: {why}", row.about)),
        };
        let button = ui.add_enabled(possible.is_ok(), Button::new(title(row, called.as_deref())));
        match possible {
            Ok(command) => {
                if button.on_hover_text(row.about).clicked() {
                    ctx.command(command);
                    ui.close();
                }
            }
            Err(why) => drop(button.on_disabled_hover_text(why)),
        }
    }
}

fn title(row: &ShapeRow, chosen: Option<&str>) -> String {
    match (chosen, row.chosen) {
        (Some(node), Chosen::Leader) => row.title.replace("Leader", node).replace("leader", node),
        (Some(node), Chosen::Middle) => format!("{} {node}", row.title),
        (Some(_), Chosen::Nobody) | (None, _) => row.title.to_owned(),
    }
}

/// Lists the profiles of random faults, and how often they strike; a profile starts them.
pub fn nemesis_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    ui.set_min_width(190.0);
    if ctx.allowed.is_some() {
        ui.weak("A lab does without random faults: what happens is your own doing");
        return;
    }
    let (wished, striking) = (&ctx.tools.nemesis, ctx.tools.striking);
    if ui.add_enabled(striking, Button::new("Stop").shortcut_text("B")).clicked() {
        ctx.act(Action::Tool(ToolAction::StopNemesis));
        ui.close();
    }
    ui.separator();
    for row in PROFILES {
        let chosen = striking && wished.profile == row.profile;
        let button = ui.add_enabled(ctx.commandable, Button::selectable(chosen, row.title));
        if button.on_hover_text(row.about).on_disabled_hover_text(RECORDING).clicked() {
            let spec = NemesisSpec { gap: wished.gap, ..NemesisSpec::of(row.profile) };
            ctx.act(Action::Tool(ToolAction::StartNemesis(spec)));
            ui.close();
        }
    }
    ui.separator();
    ui.weak(RichText::new("How often, on average").small());
    for gap in GAPS {
        let button = ui.add_enabled(ctx.commandable, Button::selectable(wished.gap == gap, gap_words(gap)));
        if button.on_hover_text("The mean time between two faults; starts anew").clicked() {
            ctx.act(Action::Tool(ToolAction::StartNemesis(NemesisSpec { gap, ..wished.clone() })));
            ui.close();
        }
    }
}

/// Says how often random faults strike.
pub fn gap_words(gap: Duration) -> String {
    match gap.as_millis() {
        millis if millis % 1000 == 0 => format!("One in {} s", millis / 1000),
        millis => format!("One in {millis} ms"),
    }
}

fn tool_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, name: &str, key: &str, in_hand: bool, action: ToolAction) -> egui::Response {
    let response = ui.add_enabled(ctx.commandable, Button::selectable(in_hand, name).shortcut_text(key));
    if response.clicked() {
        ctx.act(Action::Tool(action));
        ui.close();
    }
    response.on_disabled_hover_text(RECORDING)
}
