//! Several nodes at once: compare them, and cut around them.

use std::collections::BTreeSet;

use cluster_core::{
    command::Command,
    fault::{Fault, Heal},
    ids::NodeId,
};
use egui::{RichText, Ui};

use super::rows;
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    keys::{self, hint},
    theme::SPACE,
};

pub(super) fn nodes_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, nodes: &BTreeSet<NodeId>) {
    rows::title(ui, ctx, &format!("{} nodes", nodes.len()), "");
    if ctx.commandable {
        verbs_ui(ui, ctx, nodes);
    }
    rows::section(ui, "Side by side");
    let grid = egui::Grid::new("nodes").num_columns(5).min_row_height(2.0 * SPACE).spacing([1.5 * SPACE, 0.4 * SPACE]);
    grid.show(ui, |ui| {
        for name in ["", "role", "epoch", "last", "committed"] {
            ui.weak(RichText::new(name).small());
        }
        ui.end_row();
        for node in nodes {
            let Some(state) = ctx.state.nodes.get(node) else { continue };
            if ui.link(ctx.names.short(*node)).clicked() {
                ctx.act(Action::Select(Selection::node(*node)));
            }
            let role = if state.status.is_running() { state.view.role_name.as_str() } else { state.status.word() };
            let view = &state.view;
            for cell in
                [role.to_owned(), view.epoch.to_string(), state.log.last().to_string(), view.commit_index.to_string()]
            {
                ui.label(RichText::new(cell).monospace().small());
            }
            ui.end_row();
        }
    });
}

fn verbs_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, nodes: &BTreeSet<NodeId>) {
    let about = "They hear each other and nobody else; the others hear each other";
    if ui.button("Cut around").on_hover_text(hint(about, "C")).clicked() {
        keys::cut_around(ctx);
    }
    ui.horizontal_wrapped(|ui| {
        let crash = ("Crash all", Fault::Crash as fn(NodeId) -> Fault);
        for (title, fault) in [crash, ("Lose power", Fault::PowerLoss), ("Freeze all", Fault::Freeze)] {
            if ui.button(title).clicked() {
                ctx.command(Command::Inject(nodes.iter().map(|node| fault(*node)).collect()));
            }
        }
        if ui.button("Heal around").on_hover_text("Heals all links of these nodes").clicked() {
            nodes.iter().for_each(|node| ctx.command(Command::Heal(Heal::Around((*node).into()))));
        }
    });
}
