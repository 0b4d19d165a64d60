//! One client: its workload, what it saw, and what it waits for.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::Outcome,
    ids::ClientId,
    spec::{ClientSpec, Load, Target},
    trace::ClientState,
};
use egui::{DragValue, Slider, Ui};

use super::{ops, rows};
use crate::{ctx::ViewCtx, format, theme::SPACE};

/// A workload that the mouse is changing at this moment, sent when it lets go.
#[derive(Default)]
pub(super) struct ClientEdit(Option<ClientSpec>);

pub(super) fn client_ui(
    ui: &mut Ui,
    ctx: &ViewCtx<'_>,
    client: ClientId,
    edit: &mut ClientEdit,
    form: &mut ops::OpForm,
) {
    let Some(state) = ctx.state.clients.get(&client) else {
        ui.weak(format!("{client} is not there at this moment"));
        return;
    };
    let kind = match &state.visitor {
        _ if client == ClientId(0) => "your own hand".to_owned(),
        None => "client".to_owned(),
        Some(visitor) => format!("{} client from outside", visitor.speaks),
    };
    rows::title(ui, ctx, &client.to_string(), &kind);
    if let Some(visitor) = &state.visitor {
        rows::grid(ui, "visitor", |grid| {
            grid.row("Came in at", ctx.names.full(visitor.node));
            if !visitor.name.is_empty() {
                grid.row("Calls itself", visitor.name.as_str());
            }
        });
    }
    outcomes_ui(ui, ctx, client, state);
    let Some(spec) = &state.spec else { return };
    if ctx.commandable {
        ops::ask_as_ui(ui, ctx, client, form);
    }
    rows::section(ui, "Workload");
    if let Some(why) = ctx.refusal(&Command::SetClient(spec.clone())) {
        ui.weak(load_text(&spec.load));
        ui.weak(why);
    } else if ctx.commandable {
        workload_ui(ui, ctx, spec, edit);
        ui.add_space(SPACE);
        if ui.button("Remove this client").clicked() {
            ctx.command(Command::RemoveClient(client));
        }
    } else {
        ui.weak(load_text(&spec.load));
    }
}

fn outcomes_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, client: ClientId, state: &ClientState) {
    let bad = |count: u64, color| (count > 0).then_some(color);
    rows::grid(ui, "outcomes", |grid| {
        grid.row("Succeeded", format::count(state.ok));
        grid.colored("Refused", format::count(state.failed), bad(state.failed, ctx.theme.warn));
        grid.colored("No answer", format::count(state.unanswered), bad(state.unanswered, ctx.theme.bad));
        if let Some((at, op, outcome)) = &state.last {
            let ago = format::duration(ctx.at.since(*at));
            grid.row("Latest", format!("{op} {ago} ago: {}", outcome_text(outcome)));
        }
    });
    let open: Vec<_> = ctx.state.ops.iter().filter(|(_, op)| op.client == client).collect();
    if open.is_empty() {
        return;
    }
    rows::section(ui, "Waits for");
    for (_, op) in open.iter().take(8) {
        ui.monospace(format!("{} ({})", op.request, format::duration(ctx.at.since(op.invoked))));
    }
    if open.len() > 8 {
        ui.weak(format!("{} more", format::count(open.len() as u64 - 8)));
    }
}

pub(super) fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value { value: Some(value), .. } => format!("read {value:.24}"),
        Outcome::Value { value: None, .. } => "read nothing".to_owned(),
        Outcome::Written { at } => format!("written at {at}"),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(refusal) => refusal.to_string(),
        Outcome::NoAnswer => "no answer".to_owned(),
        Outcome::Answered { answer, .. } => answer.to_string(),
    }
}

fn load_text(load: &Load) -> String {
    match load {
        Load::Closed { think } => format!("Asks again {} after each answer", format::duration(*think)),
        Load::Open { rate_hz } => format!("Asks {rate_hz} times a second"),
        Load::Idle => "Asks nothing".to_owned(),
    }
}

fn workload_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, actual: &ClientSpec, edit: &mut ClientEdit) {
    let edited = edit.0.take().filter(|spec| spec.id == actual.id);
    let mut spec = edited.unwrap_or_else(|| actual.clone());
    let (mut held, mut done) = (false, false);
    let mut take = |response: egui::Response| {
        held |= response.dragged() || response.has_focus();
        done |= response.drag_stopped() || response.lost_focus() || response.changed() && !response.dragged();
    };
    ui.spacing_mut().slider_width = 96.0;
    load_ui(ui, &mut spec.load, &mut take);
    let mut reads = spec.read_share * 100.0;
    take(ui.add(Slider::new(&mut reads, 0.0..=100.0).max_decimals(0).suffix(" %").text("reads")));
    spec.read_share = reads / 100.0;
    take(ui.add(Slider::new(&mut spec.keys, 1..=1000).logarithmic(true).text("keys")));
    let mut timeout = spec.timeout.as_secs_f64();
    take(ui.add(Slider::new(&mut timeout, 0.1..=30.0).logarithmic(true).max_decimals(1).suffix(" s").text("timeout")));
    spec.timeout = Duration::from_secs_f64(timeout);
    take(ui.add(Slider::new(&mut spec.retries, 0..=10).text("retries")));
    target_ui(ui, ctx, &mut spec.target, &mut take);
    if done && spec != *actual {
        ctx.command(Command::SetClient(spec));
    } else if held {
        edit.0 = Some(spec);
    }
}

fn load_ui(ui: &mut Ui, load: &mut Load, take: &mut impl FnMut(egui::Response)) {
    ui.horizontal(|ui| {
        let kinds: [(&str, &str, Load); 3] = [
            ("Open", "Asks at a rate, whatever becomes of it", Load::Open { rate_hz: 4.0 }),
            ("Closed", "Asks again after the answer", Load::Closed { think: Duration::from_millis(100) }),
            ("Idle", "Asks nothing", Load::Idle),
        ];
        for (title, about, kind) in kinds {
            let chosen = std::mem::discriminant(load) == std::mem::discriminant(&kind);
            let mut response = ui.selectable_label(chosen, title).on_hover_text(about);
            if response.clicked() && !chosen {
                *load = kind;
                response.mark_changed();
            }
            take(response);
        }
    });
    match load {
        Load::Open { rate_hz } => {
            take(ui.add(
                Slider::new(rate_hz, 0.1..=10_000.0).logarithmic(true).max_decimals(1).suffix(" /s").text("rate"),
            ));
        }
        Load::Closed { think } => {
            let mut millis = think.as_secs_f64() * 1000.0;
            take(ui.add(Slider::new(&mut millis, 0.0..=5000.0).max_decimals(0).suffix(" ms").text("thinks")));
            *think = Duration::from_micros((millis * 1000.0) as u64);
        }
        Load::Idle => {}
    }
}

fn target_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, target: &mut Target, take: &mut impl FnMut(egui::Response)) {
    let first = ctx.state.nodes.keys().next().copied().unwrap_or_default();
    ui.horizontal_wrapped(|ui| {
        for (title, kind) in
            [("Leader", Target::Leader), ("Reads anywhere", Target::ReadAnywhere), ("One node", Target::Fixed(first))]
        {
            let chosen = std::mem::discriminant(target) == std::mem::discriminant(&kind);
            let mut response = ui.selectable_label(chosen, title);
            if response.clicked() && !chosen {
                *target = kind;
                response.mark_changed();
            }
            take(response);
        }
        if let Target::Fixed(node) = target {
            let last = ctx.state.nodes.keys().next_back().map_or(1, |node| node.0);
            let label = ui.weak("node").id;
            take(ui.add(DragValue::new(&mut node.0).range(1..=last).prefix("n")).labelled_by(label));
        }
    });
}
