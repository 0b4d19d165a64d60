//! One link: both directions, their rules with what each did, and the controls that change them.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{Fault, FaultKind, Heal, LinkFault, LinkId, LinkRules},
    trace::LinkState,
};
use egui::Ui;

use super::{
    link_rules::{self, Control},
    rows, selection_of,
};
use crate::{action::Action, ctx::ViewCtx, format, theme::SPACE};

/// Rules that the mouse is changing at this moment, sent when it lets go.
pub(super) struct LinkEdit {
    rules: Option<(LinkId, LinkRules)>,
    half_open_for: Duration,
}

impl Default for LinkEdit {
    fn default() -> Self {
        Self { rules: None, half_open_for: Duration::from_secs(10) }
    }
}

pub(super) fn link_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, (a, b): LinkId, edit: &mut LinkEdit) {
    rows::title(ui, ctx, &format!("{} ↔ {}", ctx.names.end(a), ctx.names.end(b)), "link");
    ui.horizontal(|ui| {
        for end in [a, b] {
            if ui.link(format!("Show {}", ctx.names.end(end))).clicked() {
                ctx.act(Action::Select(selection_of(end)));
            }
        }
    });
    if ctx.commandable {
        ui.horizontal(|ui| {
            if ui.button("Cut both ways").clicked() {
                ctx.command(Command::Inject(vec![Fault::cut((a, b)), Fault::cut((b, a))]));
            }
            if ui.button("Heal both ways").clicked() {
                [(a, b), (b, a)].into_iter().for_each(|link| ctx.command(Command::Heal(Heal::Link(link))));
            }
        });
    }
    for link in [(a, b), (b, a)] {
        ui.push_id(link, |ui| direction_ui(ui, ctx, link, edit));
    }
}

fn direction_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId, edit: &mut LinkEdit) {
    let state = ctx.state.links.get(&link).copied().unwrap_or_default();
    rows::section(ui, &format!("{} → {}", link.0, link.1));
    ui.add_space(0.25 * SPACE);
    if ctx.commandable {
        rules_ui(ui, ctx, link, &state, edit);
        connection_ui(ui, ctx, link, &mut edit.half_open_for);
        if state.rules != LinkRules::default() {
            copy_ui(ui, ctx, link, &state.rules);
        }
    } else {
        link_rules::told_ui(ui, ctx, &state.rules, &state.did);
    }
    counters_ui(ui, ctx, &state);
}

fn rules_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId, state: &LinkState, edit: &mut LinkEdit) {
    let edited = edit.rules.filter(|(id, _)| *id == link).map(|(_, rules)| rules);
    // What is staged is shown as it was asked for.
    let planned = ctx.tools.planned(link, state.rules);
    let mut rules = edited.unwrap_or(planned);
    let control = link_rules::rules_ui(ui, ctx, &mut rules, &state.did);
    if control.done && rules != planned {
        ctx.command(Command::SetLinks(vec![(link, rules)]));
    }
    if control.held && rules != planned {
        edit.rules = Some((link, rules));
    } else if edited.is_some() {
        edit.rules = None;
    }
}

/// The blows to the connection: they do something once.
fn connection_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId, half_open_for: &mut Duration) {
    let inject = |fault| ctx.command(Command::Inject(vec![Fault::Link(link, fault)]));
    ui.horizontal_wrapped(|ui| {
        if ui.button("Reset").on_hover_text(link_rules::about(FaultKind::Reset)).clicked() {
            inject(LinkFault::Reset);
        }
        if ui.button("Half-open").on_hover_text(link_rules::about(FaultKind::HalfOpen)).clicked() {
            inject(LinkFault::HalfOpen(*half_open_for));
        }
        link_rules::span_ui(ui, "for", half_open_for, Duration::from_millis(1), &mut Control::default());
    });
}

/// Gives other directions the same rules, all at one instant.
fn copy_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId, rules: &LinkRules) {
    let (from, to) = link;
    ui.horizontal_wrapped(|ui| {
        ui.weak("Same for");
        if ui.button("the way back").clicked() {
            ctx.command(Command::SetLinks(vec![((to, from), *rules)]));
        }
        let others = |of: &dyn Fn(cluster_core::ids::Endpoint) -> LinkId| {
            let ends = ctx.state.nodes.keys().map(|node| cluster_core::ids::Endpoint::from(*node));
            let links = ends.map(of).filter(|(from, to)| from != to).map(|link| (link, *rules));
            Command::SetLinks(links.collect())
        };
        if from.node().is_some() && ui.button(format!("all from {from}")).clicked() {
            ctx.command(others(&|end| (from, end)));
        }
        if to.node().is_some() && ui.button(format!("all to {to}")).clicked() {
            ctx.command(others(&|end| (end, to)));
        }
    });
}

fn counters_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &LinkState) {
    rows::grid(ui, "counters", |grid| {
        grid.row("Sent", format!("{}, {}", format::count(state.sent), format::bytes(state.sent_bytes)));
        grid.row("Arrived", format::count(state.delivered));
        let did = |count: u64| (count > 0).then_some(ctx.theme.bad);
        let stopped = state.did.stopped();
        grid.colored("Stopped", format::count(stopped), did(stopped));
        grid.colored("Refused", format::count(state.dropped), did(state.dropped));
        for (name, count) in
            [("Resets", state.did.resets), ("Half-open", state.did.half_opened), ("Vanished", state.did.vanished)]
        {
            if count > 0 {
                grid.colored(name, format::count(count), did(count));
            }
        }
        if let Some(until) = state.half_open {
            grid.colored("Noticed in", format::duration(until.since(ctx.at)), Some(ctx.theme.bad));
        }
        if let Some(last) = state.last_sent {
            grid.row("Last sent", format!("{} ago", format::duration(ctx.at.since(last))));
        }
    });
}
