//! Operations by the user's own hand, on one node: on its data, and on the cluster itself.

use cluster_core::{
    command::Command,
    ids::{ClientId, NodeId},
    request::{Admin, Request},
};
use egui::{TextEdit, Ui};

use super::rows;
use crate::{
    ctx::ViewCtx,
    theme::SPACE,
    widgets::command::{command_ui, try_ui},
};

/// What is typed in and not sent yet.
pub(super) struct OpForm {
    key: String,
    value: String,
    /// How often a client is to add.
    times: u32,
    /// What the lab that is open offered.
    offered: Option<(String, String)>,
}

impl Default for OpForm {
    fn default() -> Self {
        Self { key: "k1".to_owned(), value: "hello".to_owned(), times: 20, offered: None }
    }
}

impl OpForm {
    fn increment(&self) -> Result<Request, &'static str> {
        let by = self.value.trim().parse().map_err(|_| "The value is no whole number, so it cannot be added")?;
        Ok(Request::Increment { key: self.key.as_str().into(), by })
    }

    /// Fills in what the lab that is open asks first, once for each attempt at it.
    fn prefill(&mut self, ctx: &ViewCtx<'_>) {
        let first = ctx.allowed.and_then(|allowed| {
            allowed.requests.iter().find_map(|request| match request {
                Request::Put { key, value } => Some((key.to_string(), value.to_string())),
                Request::Increment { key, by } => Some((key.to_string(), by.to_string())),
                _ => None, // Only what is written has a value, too.
            })
        });
        if self.offered != first {
            if let Some((key, value)) = &first {
                (self.key, self.value) = (key.clone(), value.clone());
            }
            self.offered = first;
        }
    }
}

pub(super) fn ops_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, node: NodeId, form: &mut OpForm) {
    rows::section(ui, "Ask this node, by hand");
    fields_ui(ui, ctx, form);
    ui.horizontal(|ui| {
        let key = || form.key.as_str().into();
        let put = Request::Put { key: key(), value: form.value.as_str().into() };
        for (word, request) in
            [("Get", Request::Get { key: key() }), ("Put", put), ("Delete", Request::Delete { key: key() })]
        {
            command_ui(ui, ctx, word, "", Command::Submit { node, request });
        }
        let increment = form.increment().map(|request| Command::Submit { node, request });
        try_ui(ui, ctx, "Increment", "Adds the value to the number that is there", increment);
    });
    answer_ui(ui, ctx);
}

/// Lets a client ask, in its own way: its nodes, its patience, its retries.
pub(super) fn ask_as_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, client: ClientId, form: &mut OpForm) {
    rows::section(ui, "Let it ask");
    fields_ui(ui, ctx, form);
    ui.horizontal_wrapped(|ui| {
        let key = || form.key.as_str().into();
        let put = Request::Put { key: key(), value: form.value.as_str().into() };
        for (word, request) in [("Get", Request::Get { key: key() }), ("Put", put)] {
            command_ui(ui, ctx, word, "", Command::Ask { client, request });
        }
        let increment = || form.increment().map(|request| Command::Ask { client, request });
        try_ui(ui, ctx, "Increment", "Adds the value to the number that is there", increment());
        let words = format!("Increment, {} times", form.times);
        if try_ui(ui, ctx, words, "Each is an operation of its own", increment()) {
            // One was asked for by the button itself.
            (1..form.times).filter_map(|_| increment().ok()).for_each(|command| ctx.command(command));
        }
        ui.add(egui::DragValue::new(&mut form.times).range(1..=TIMES_MAX));
    });
}

/// How often one click asks at most.
const TIMES_MAX: u32 = 200;

fn fields_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, form: &mut OpForm) {
    form.prefill(ctx);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.75 * SPACE;
        field(ui, "key", &mut form.key, KEY_WIDTH);
        let rest = ui.available_width() - VALUE_WORD_WIDTH;
        field(ui, "value", &mut form.value, rest.max(KEY_WIDTH));
    });
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
    let ask = |node, admin| Command::Submit { node, request: Request::Admin(admin) };
    ui.horizontal_wrapped(|ui| {
        let transfer = match leader == node {
            true => Err("It leads"),
            false => Ok(ask(leader, Admin::TransferLeadership { to: node })),
        };
        try_ui(ui, ctx, "Transfer leadership here", "", transfer);
        let about = "The leader takes it out of the members";
        command_ui(ui, ctx, "Remove member", about, ask(leader, Admin::RemoveMember { node }));
        let about = "The leader gives it a vote";
        command_ui(ui, ctx, "Add member", about, ask(leader, Admin::AddMember { node }));
        command_ui(ui, ctx, "Campaign", "It asks for votes at once", ask(node, Admin::Campaign));
        command_ui(ui, ctx, "Promote", "It becomes primary at once (manual failover)", ask(node, Admin::Promote));
    });
    let next = ctx.state.nodes.keys().next_back().map_or(1, |last| last.0.saturating_add(1));
    if command_ui(ui, ctx, &format!("Start {} and add it", NodeId(next)), "", Command::AddNode(NodeId(next))) {
        ctx.command(ask(leader, Admin::AddMember { node: NodeId(next) }));
    }
    ui.add_space(SPACE);
}
