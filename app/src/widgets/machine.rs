//! What ails a node's machine: the menu that breaks and heals it, and what is said of it.

use std::collections::BTreeSet;

use cluster_core::{
    command::Command,
    fault::{Ailment, FAULTS, Fault, FaultKind, FaultRow, Heal, NodeFault},
    ids::NodeId,
    time::Timestamp,
    trace::{NodeState, ailment_words, disk_words},
};
use egui::{RichText, Ui};

use crate::ctx::ViewCtx;

/// What can be done to the machines of these nodes: one submenu for each part.
pub fn machine_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, nodes: &BTreeSet<NodeId>) {
    for row in rows(ctx, None) {
        choices_ui(ui, ctx, row, nodes);
    }
    for part in Ailment::ALL.into_iter().filter(|part| rows(ctx, Some(*part)).next().is_some()) {
        let title = match part {
            Ailment::Cpu => "Slow",
            Ailment::Clock => "Clock",
            Ailment::Disk => "Disk",
        };
        ui.menu_button(title, |ui| part_ui(ui, ctx, part, nodes));
    }
    if !ctx.offers("restart") {
        return;
    }
    let down: Vec<NodeId> = nodes.iter().copied().filter(|node| !runs(ctx, *node)).collect();
    let possible = match down[..] {
        [node] => Ok(Command::RestartWiped(node)),
        [] => Err("It is running"),
        [..] => Err("Choose one node"),
    };
    let about = "Its disk is erased before it starts: it comes back knowing nothing.";
    entry_ui(ui, ctx, "Restart with an empty disk", about, possible);
}

/// Returns whether there is anything in that menu: a lab may do without all of it.
pub fn is_offered(ctx: &ViewCtx<'_>) -> bool {
    let parts = Ailment::ALL.into_iter().map(Some).chain([None]);
    ctx.offers("restart") || parts.into_iter().any(|part| rows(ctx, part).next().is_some())
}

fn part_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, part: Ailment, nodes: &BTreeSet<NodeId>) {
    for row in rows(ctx, Some(part)) {
        choices_ui(ui, ctx, row, nodes);
    }
    ui.separator();
    let ailing = |node: &&NodeId| ctx.state.nodes.get(*node).is_some_and(|state| !state.faults.is_healthy(part));
    let ailing: Vec<NodeId> = nodes.iter().filter(ailing).copied().collect();
    let possible = match ailing[..] {
        [node] => Ok(Command::Heal(Heal::Ailment(node, part))),
        [] => Err("It is as it should be"),
        [..] => Err("Choose one node"),
    };
    let about = match part {
        Ailment::Cpu => "It is at full speed again, and takes up all that waits.",
        Ailment::Clock => "Its clock is true again; timers keep the span that they have left.",
        Ailment::Disk => "Its disk is as it should be again. Bits that rotted stay as they are.",
    };
    entry_ui(ui, ctx, &format!("Heal its {}", part.part()), about, possible);
}

/// Returns the faults of one part of a machine, or those of none, such as a power loss; in a lab, those that it offers.
fn rows(ctx: &ViewCtx<'_>, part: Option<Ailment>) -> impl Iterator<Item = &'static FaultRow> {
    let of_part = move |row: &&FaultRow| row.kind.part() == part && !NodeFault::choices(row.kind).is_empty();
    FAULTS.iter().filter(of_part).filter(|row| ctx.offers(row.verb))
}

/// Every choice of one fault; what has parameters gets a heading.
fn choices_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, row: &FaultRow, nodes: &BTreeSet<NodeId>) {
    let choices = NodeFault::choices(row.kind);
    if choices.len() > 1 {
        ui.weak(RichText::new(row.title).small()).on_hover_text(row.about);
    }
    for (words, fault) in choices {
        let title = if words.is_empty() { row.title } else { &words };
        entry_ui(ui, ctx, title, row.about, inject(ctx, fault, nodes));
    }
}

fn inject(ctx: &ViewCtx<'_>, fault: NodeFault, nodes: &BTreeSet<NodeId>) -> Result<Command, &'static str> {
    let needs_power = fault.kind() == FaultKind::TornPowerLoss;
    let struck = nodes.iter().filter(|node| !needs_power || runs(ctx, **node));
    let faults: Vec<Fault> = struck.map(|node| Fault::Node(*node, fault)).collect();
    if faults.is_empty() { Err("It is not running") } else { Ok(Command::Inject(faults)) }
}

fn runs(ctx: &ViewCtx<'_>, node: NodeId) -> bool {
    ctx.state.nodes.get(&node).is_some_and(|state| state.status.is_running())
}

/// One entry; `Err` says why it makes no sense.
fn entry_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, title: &str, about: &str, possible: Result<Command, &str>) {
    let possible = ctx.check(possible);
    let response = ui.add_enabled(possible.is_ok(), egui::Button::new(title));
    match possible {
        Ok(command) => {
            if response.on_hover_text(about).clicked() {
                ctx.command(command);
                ui.close();
            }
        }
        Err(why) => drop(response.on_disabled_hover_text(why)),
    }
}

/// Returns what ails a node, part by part, in words.
pub fn ailments(state: &NodeState) -> Vec<String> {
    let ailing = Ailment::ALL.into_iter().filter(|part| !state.faults.is_healthy(*part));
    ailing.map(|part| ailment_words(part, &state.faults)).collect()
}

/// Returns what ails one part of a machine at that moment, in as few words as say it.
pub fn short_words(part: Ailment, state: &NodeState, at: Timestamp) -> String {
    let faults = &state.faults;
    match part {
        Ailment::Cpu => {
            let factor = faults.slow.map_or(1.0, |slow| slow.factor);
            match state.counters.waiting {
                0 => format!("{factor}×"),
                waiting => format!("{factor}×, {waiting} wait"),
            }
        }
        Ailment::Clock => faults.clock.offset_at(at).to_string(),
        Ailment::Disk => match &disk_words(&faults.disk)[..] {
            [one] => one.clone(),
            many => format!("{} faults", many.len()),
        },
    }
}
