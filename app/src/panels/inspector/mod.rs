//! The inspector: everything there is to know of what is selected, and what can be done with it.

mod client;
mod knobs;
mod link;
mod link_rules;
mod message;
mod node;
mod nodes;
mod op;
mod opinions;
mod ops;
mod rows;

use cluster_core::ids::{Endpoint, NodeId, Seq};
use egui::{RichText, Ui};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    names::Names,
    theme::SPACE,
    views::View,
};

/// The inspector's looks: what is typed in and not sent yet.
#[derive(Default)]
pub struct Inspector {
    ops: ops::OpForm,
    link: link::LinkEdit,
    client: client::ClientEdit,
    message: message::Found,
    knobs: knobs::KnobEdit,
}

impl View for Inspector {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        super::why::why_button_ui(ui, ctx);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| match ctx.selection {
            Selection::Nothing => nothing_ui(ui, ctx, &mut self.knobs),
            Selection::Nodes(nodes) => match (nodes.len(), nodes.first()) {
                (1, Some(node)) => node::node_ui(ui, ctx, *node, &mut self.ops),
                (0, _) | (_, None) => nothing_ui(ui, ctx, &mut self.knobs),
                (_, Some(_)) => nodes::nodes_ui(ui, ctx, nodes),
            },
            Selection::Link(link) => link::link_ui(ui, ctx, *link, &mut self.link),
            Selection::Message(msg) => message::message_ui(ui, ctx, *msg, &mut self.message),
            Selection::Client(client) => client::client_ui(ui, ctx, *client, &mut self.client, &mut self.ops),
            Selection::Op(op) => op::op_ui(ui, ctx, *op),
            Selection::Event(seq) => event_ui(ui, ctx, *seq),
        });
    }
}

fn nothing_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, knobs: &mut knobs::KnobEdit) {
    ui.weak("Select a node, a link, a frame or a client to see everything about it.");
    ui.add_space(1.5 * SPACE);
    rows::section(ui, "Nodes");
    ui.horizontal_wrapped(|ui| {
        for node in ctx.state.nodes.keys() {
            if ui.button(ctx.names.full(*node)).clicked() {
                ctx.act(Action::Select(Selection::node(*node)));
            }
        }
    });
    if !ctx.state.clients.is_empty() {
        rows::section(ui, "Clients");
    }
    ui.horizontal_wrapped(|ui| {
        for client in ctx.state.clients.keys() {
            if ui.button(client.to_string()).clicked() {
                ctx.act(Action::Select(Selection::Client(*client)));
            }
        }
    });
    knobs::knobs_ui(ui, ctx, knobs);
}

fn event_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, seq: Seq) {
    rows::title(ui, ctx, &format!("Event {seq}"), "");
    let Some(event) = ctx.store.event(seq) else {
        ui.weak("There is no such event");
        return;
    };
    rows::grid(ui, "event", |grid| {
        grid.row("Time", event.at.to_string());
        grid.row("Kind", format!("{:?}", event.kind).chars().take_while(|c| c.is_alphanumeric()).collect::<String>());
    });
    cause_ui(ui, ctx, event.cause);
    if ui.button("Go to this moment").clicked() {
        ctx.act(Action::SeekEvent(seq));
    }
    rows::section(ui, "In full");
    ui.add(egui::Label::new(RichText::new(format!("{:#?}", event.kind)).monospace().small()).wrap());
}

/// Links to the event that led to something.
fn cause_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, cause: Option<Seq>) {
    match cause {
        Some(cause) => {
            if ui.link(format!("Because of event {cause}")).clicked() {
                ctx.act(Action::Select(Selection::Event(cause)));
            }
        }
        None => drop(ui.weak("It has no cause in the run")),
    }
}

/// Returns what selects an end of a link.
fn selection_of(end: Endpoint) -> Selection {
    match end {
        Endpoint::Node(node) => Selection::node(node),
        Endpoint::Client(client) => Selection::Client(client),
    }
}

/// Writes a node that may not be known.
fn node_text(node: Option<NodeId>, names: &Names) -> String {
    node.map_or_else(|| "nobody".to_owned(), |node| names.full(node))
}
