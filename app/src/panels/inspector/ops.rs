//! Operations by the user's own hand, on one node: on its data, and on the cluster itself.

use cluster_core::{
    command::Command,
    ids::{ClientId, NodeId},
    request::{Admin, Request},
};
use egui::{TextEdit, Ui};

use super::rows;
use crate::{ctx::ViewCtx, theme::SPACE};

/// What is typed in and not sent yet.
pub(super) struct OpForm {
    key: String,
    value: String,
}

impl Default for OpForm {
    fn default() -> Self {
        Self { key: "k1".to_owned(), value: "hello".to_owned() }
    }
}

pub(super) fn ops_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, form: &mut OpForm) {
    rows::section(ui, "Ask this node, by hand");
    let submit = |request| ctx.command(Command::Submit { node, request });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.75 * SPACE;
        field(ui, "key", &mut form.key, KEY_WIDTH);
        let rest = ui.available_width() - VALUE_WORD_WIDTH;
        field(ui, "value", &mut form.value, rest.max(KEY_WIDTH));
    });
    ui.horizontal(|ui| {
        let key = || form.key.as_str().into();
        if ui.button("Get").clicked() {
            submit(Request::Get { key: key() });
        }
        if ui.button("Put").clicked() {
            submit(Request::Put { key: key(), value: form.value.as_str().into() });
        }
        if ui.button("Delete").clicked() {
            submit(Request::Delete { key: key() });
        }
    });
    answer_ui(ui, ctx);
}

/// The width of the field of the key.
const KEY_WIDTH: f32 = 80.0;
/// The room of the word before the field of the value.
const VALUE_WORD_WIDTH: f32 = 52.0;

/// A field with its name before it; a click on the name leads into the field.
fn field(ui: &mut Ui, name: &str, text: &mut String, width: f32) {
    let label = ui.weak(name);
    ui.add(TextEdit::singleline(text).desired_width(width)).labelled_by(label.id);
}

/// Shows how the latest operation by hand ended.
fn answer_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let Some(hand) = ctx.state.clients.get(&ClientId(0)) else { return };
    let waiting = ctx.state.ops.values().filter(|op| op.client == ClientId(0)).count();
    if waiting > 0 {
        ui.weak("Waiting for an answer …");
    } else if let Some((_, op, outcome)) = &hand.last {
        let color = if outcome.is_ok() { ctx.theme.good } else { ctx.theme.warn };
        ui.colored_label(color, format!("{op}: {}", super::client::outcome_text(outcome)));
    }
}

/// What an operator asks of the cluster itself.
pub(super) fn admin_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId) {
    rows::section(ui, "Operate the cluster");
    let leader = ctx.state.leader().unwrap_or(node);
    let ask = |node, admin| ctx.command(Command::Submit { node, request: Request::Admin(admin) });
    ui.horizontal_wrapped(|ui| {
        let transfer = ui.add_enabled(leader != node, egui::Button::new("Transfer leadership here"));
        if transfer.on_disabled_hover_text("It leads").clicked() {
            ask(leader, Admin::TransferLeadership { to: node });
        }
        if ui.button("Remove member").on_hover_text("The leader takes it out of the members").clicked() {
            ask(leader, Admin::RemoveMember { node });
        }
        if ui.button("Add member").on_hover_text("The leader gives it a vote").clicked() {
            ask(leader, Admin::AddMember { node });
        }
        if ui.button("Campaign").on_hover_text("It asks for votes at once").clicked() {
            ask(node, Admin::Campaign);
        }
        if ui.button("Promote").on_hover_text("It becomes primary at once (manual failover)").clicked() {
            ask(node, Admin::Promote);
        }
    });
    let next = ctx.state.nodes.keys().next_back().map_or(1, |last| last.0.saturating_add(1));
    if ui.button(format!("Start {} and add it", NodeId(next))).clicked() {
        ctx.command(Command::AddNode(NodeId(next)));
        ask(leader, Admin::AddMember { node: NodeId(next) });
    }
    ui.add_space(SPACE);
}
