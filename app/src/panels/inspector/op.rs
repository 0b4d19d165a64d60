//! One operation: what it asks for, and, if it was an acknowledged write, what became of it.

use cluster_core::{
    ids::{NodeId, OpId},
    trace::{Acknowledged, Fate},
};
use egui::Ui;

use super::rows;
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    names::Names,
};

pub(super) fn op_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, op: OpId) {
    rows::title(ui, ctx, &op.to_string(), "operation");
    let written = ctx.ledger.and_then(|ledger| Some((ledger.write(op)?, ledger.fate(op)?)));
    match (ctx.state.ops.get(&op), &written) {
        (Some(open), _) => rows::grid(ui, "op", |grid| {
            grid.row("Asks for", open.request.to_string());
            grid.row("Asked by", open.client.to_string());
            grid.row("Begun", open.invoked.to_string());
            grid.row("Waits for", format::duration(ctx.at.since(open.invoked)));
        }),
        (None, Some((write, _))) => rows::grid(ui, "op", |grid| {
            grid.row("Wrote", write_words(write));
            grid.row("Asked by", write.client.to_string());
            grid.row("Acknowledged", write.at.to_string());
        }),
        (None, None) => drop(ui.weak("It has ended, or not begun, at this moment")),
    }
    if let Some((write, fate)) = &written {
        fate_ui(ui, ctx, write, fate);
    }
}

/// Returns what a write left behind, in words.
fn write_words(write: &Acknowledged) -> String {
    match &write.value {
        Some(value) => format!("{}={value:.24}", write.key),
        None => write.key.to_string(),
    }
}

/// Shows where an acknowledged write is at the end of the run.
fn fate_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, write: &Acknowledged, fate: &Fate) {
    rows::section(ui, "At the end of the run");
    rows::grid(ui, "fate", |grid| {
        let (word, color) = if fate.lost { ("lost", Some(ctx.theme.bad)) } else { ("kept", None) };
        grid.colored("The write is", word, color);
        grid.row("Entry", write.index.to_string());
        grid.row("On the disks of", nodes_words(&fate.durable_on, ctx.names));
        let volatile: Vec<_> = fate.in_logs_of.iter().copied().filter(|node| !fate.durable_on.contains(node)).collect();
        if !volatile.is_empty() {
            grid.row("Not synced at", nodes_words(&volatile, ctx.names));
        }
        if let Some(by) = fate.superseded_by {
            grid.with("Superseded by", |ui| {
                if ui.link(by.to_string()).clicked() {
                    ctx.act(Action::Select(Selection::Op(by)));
                }
            });
        }
    });
}

fn nodes_words(nodes: &[NodeId], names: &Names) -> String {
    match nodes {
        [] => "no node".to_owned(),
        _ => nodes.iter().map(|node| names.short(*node)).collect::<Vec<_>>().join(" "),
    }
}
