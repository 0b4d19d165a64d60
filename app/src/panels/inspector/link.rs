//! One link: both directions, their rules with what each did, and the controls that change them.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{DELAY_SLIDER_MAX, Delay, Fault, Heal, LinkId, LinkRules, Loss},
    trace::LinkState,
};
use egui::{Response, Slider, Ui};

use super::{rows, selection_of};
use crate::{action::Action, ctx::ViewCtx, format, theme::SPACE};

/// Rules that the mouse is changing at this moment, sent when it lets go.
#[derive(Default)]
pub(super) struct LinkEdit(Option<(LinkId, LinkRules)>);

pub(super) fn link_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, (a, b): LinkId, edit: &mut LinkEdit) {
    rows::title(ui, ctx, &format!("{a} ↔ {b}"), "link");
    ui.horizontal(|ui| {
        for end in [a, b] {
            if ui.link(format!("Show {end}")).clicked() {
                ctx.act(Action::Select(selection_of(end)));
            }
        }
    });
    if ctx.commandable {
        ui.horizontal(|ui| {
            if ui.button("Cut both ways").clicked() {
                ctx.command(Command::Inject(vec![Fault::Cut((a, b)), Fault::Cut((b, a))]));
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
        rules_ui(ui, ctx, link, state.rules, edit);
    } else {
        ui.weak(rules_text(&state.rules));
    }
    counters_ui(ui, ctx, &state);
}

fn rules_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId, actual: LinkRules, edit: &mut LinkEdit) {
    let edited = edit.0.filter(|(id, _)| *id == link).map(|(_, rules)| rules);
    let mut rules = edited.unwrap_or(actual);
    let mut control = Control { held: false, done: false };
    control.take(&ui.checkbox(&mut rules.cut, "Cut"));
    let delay = rules.delay.unwrap_or_default();
    let (mut mean, mut jitter) = (millis(delay.mean), millis(delay.jitter));
    let mut loss = rules.loss.map_or(0.0, |loss| loss.probability * 100.0);
    ui.spacing_mut().slider_width = 96.0;
    let most = millis(DELAY_SLIDER_MAX);
    control.take(&ui.add(slider(&mut mean, most).logarithmic(true).suffix(" ms").text("delay")));
    control.take(&ui.add(slider(&mut jitter, mean.max(1.0)).suffix(" ms").text("jitter")));
    control.take(&ui.add(slider(&mut loss, 100.0).suffix(" %").text("loss")));
    let (mean, jitter) = (duration(mean), duration(jitter.min(mean)));
    rules.delay = (!mean.is_zero()).then_some(Delay { mean, jitter });
    rules.loss = (loss > 0.0).then_some(Loss { probability: loss / 100.0 });
    if control.done {
        set_rules(ctx, link, actual, rules);
    }
    if control.held {
        edit.0 = Some((link, rules));
    } else if edited.is_some() {
        edit.0 = None;
    }
}

fn slider(value: &mut f64, max: f64) -> Slider<'_> {
    Slider::new(value, 0.0..=max).max_decimals(0)
}

/// Whether controls are held by the mouse, or were let go.
struct Control {
    held: bool,
    done: bool,
}

impl Control {
    fn take(&mut self, response: &Response) {
        self.held |= response.dragged();
        self.done |= response.drag_stopped() || response.changed() && !response.dragged();
    }
}

/// Asks for the rules of a direction to be these. What is taken away needs a heal first.
fn set_rules(ctx: &ViewCtx<'_>, link: LinkId, from: LinkRules, to: LinkRules) {
    if from == to {
        return;
    }
    let less =
        from.cut && !to.cut || from.delay.is_some() && to.delay.is_none() || from.loss.is_some() && to.loss.is_none();
    if less {
        ctx.command(Command::Heal(Heal::Link(link)));
    }
    let from = if less { LinkRules::default() } else { from };
    let cut = (to.cut && !from.cut).then_some(Fault::Cut(link));
    let delay = to.delay.filter(|delay| from.delay != Some(*delay)).map(|delay| Fault::Delay(link, delay));
    let loss = to.loss.filter(|loss| from.loss != Some(*loss)).map(|loss| Fault::Loss(link, loss));
    let faults: Vec<_> = [cut, delay, loss].into_iter().flatten().collect();
    if !faults.is_empty() {
        ctx.command(Command::Inject(faults));
    }
}

fn counters_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, state: &LinkState) {
    rows::grid(ui, "counters", |grid| {
        grid.row("Sent", format!("{}, {}", format::count(state.sent), format::bytes(state.sent_bytes)));
        grid.row("Arrived", format::count(state.delivered));
        let did = |count: u64| (count > 0).then_some(ctx.theme.bad);
        grid.colored("Cut", format::count(state.cut), did(state.cut));
        grid.colored("Lost", format::count(state.lost), did(state.lost));
        grid.colored("Refused", format::count(state.dropped), did(state.dropped));
        if let Some(last) = state.last_sent {
            grid.row("Last sent", format!("{} ago", format::duration(ctx.at.since(last))));
        }
    });
}

fn rules_text(rules: &LinkRules) -> String {
    let cut = rules.cut.then(|| "cut".to_owned());
    let delay = rules.delay.map(|delay| format!("delayed by {}", format::duration(delay.mean)));
    let loss = rules.loss.map(|loss| format!("loses {:.0} %", loss.probability * 100.0));
    let parts: Vec<_> = [cut, delay, loss].into_iter().flatten().collect();
    if parts.is_empty() { "healthy".to_owned() } else { parts.join(", ") }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn duration(millis: f64) -> Duration {
    Duration::from_micros((millis * 1000.0).round() as u64)
}
