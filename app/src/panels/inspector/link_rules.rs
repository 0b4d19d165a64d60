//! The rules of one direction as rows: on or off, the numbers, and what the rule did so far.

use std::time::Duration;

use cluster_core::{
    command::Command,
    fault::{
        Checksum, DELAY_SLIDER_MAX, Delay, DelayShape, FAULTS, Fault, FaultKind, LinkCounters, LinkFault, LinkRules,
        layer_of,
    },
    ids::NodeId,
};
use egui::{ComboBox, DragValue, Response, RichText, Ui};

use crate::{ctx::ViewCtx, format, theme::SPACE};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// Every rule as it is when it is switched on, in the order of the menus.
fn rules() -> impl Iterator<Item = LinkFault> {
    LinkFault::OFFERED.into_iter().filter(LinkFault::is_rule)
}

/// Returns what the rule of a kind did.
fn deeds(kind: FaultKind, did: &LinkCounters) -> Vec<(u64, &'static str)> {
    match kind {
        FaultKind::Cut => vec![(did.cut, "stopped")],
        FaultKind::Flap => vec![(did.flapped, "stopped")],
        FaultKind::Delay => vec![(did.delayed, "delayed")],
        FaultKind::Loss => vec![(did.lost, "lost")],
        FaultKind::Burst => vec![(did.burst, "lost")],
        FaultKind::Duplicate => vec![(did.duplicated, "sent twice")],
        FaultKind::Reorder => vec![(did.held_back, "held back"), (did.reordered, "overtaken")],
        FaultKind::Corrupt => vec![(did.corrupted, "damaged"), (did.caught, "caught")],
        FaultKind::Bandwidth => vec![(did.throttled, "slowed"), (did.queue_dropped, "had no room")],
        FaultKind::SlowClose => vec![(did.slow_closed, "closes")],
        _ => Vec::new(), // the others are no rules
    }
}

/// Whether controls are held by the mouse, or were let go.
#[derive(Default)]
pub(super) struct Control {
    pub(super) held: bool,
    pub(super) done: bool,
}

impl Control {
    fn take(&mut self, response: &Response) {
        self.held |= response.dragged() || response.has_focus();
        self.done |= response.drag_stopped() || response.lost_focus() || response.changed() && !response.dragged();
    }
}

/// Shows every rule with its switch, its numbers and its counters; changes `rules`.
pub(super) fn rules_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, rules: &mut LinkRules, did: &LinkCounters) -> Control {
    let mut control = Control::default();
    for first in self::rules() {
        ui.push_id(title(first.kind()), |ui| row_ui(ui, ctx, first, rules, did, &mut control));
    }
    control
}

/// Shows the rules that there are, and what they did, without switches.
pub(super) fn told_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, rules: &LinkRules, did: &LinkCounters) {
    ui.weak(rules.to_string());
    for kind in self::rules().map(|first| first.kind()) {
        let (on, deeds) = (part(rules, kind).is_some(), deeds(kind, did));
        if on || deeds.iter().any(|(count, _)| *count > 0) {
            ui.horizontal(|ui| {
                ui.label(title(kind));
                counters_ui(ui, ctx, on, &deeds);
            });
        }
    }
}

fn row_ui(
    ui: &mut Ui,
    ctx: &ViewCtx<'_>,
    first: LinkFault,
    rules: &mut LinkRules,
    did: &LinkCounters,
    control: &mut Control,
) {
    let kind = first.kind();
    let mut fault = part(rules, kind);
    let mut on = fault.is_some();
    ui.horizontal(|ui| {
        let here = (NodeId::default().into(), NodeId::default().into());
        let refused = (!on).then(|| contradiction(rules, first)).flatten();
        let not_here = || ctx.refusal(&Command::Inject(vec![Fault::Link(here, first)]));
        let refused = refused.or_else(|| (!on).then(not_here).flatten());
        let switch = ui.add_enabled(refused.is_none(), egui::Checkbox::new(&mut on, title(kind)));
        let switch = switch.on_disabled_hover_text(refused.unwrap_or_default()).on_hover_text(about(kind));
        if switch.changed() {
            fault = on.then_some(first);
        }
        control.take(&switch);
        if let Some(why) = ctx.state.untrusted.get(&kind) {
            ui.colored_label(ctx.theme.bad, "⚠ not trusted").on_hover_text(format!("Its test failed: {why}"));
        }
        counters_ui(ui, ctx, on, &deeds(kind, did));
    });
    if let Some(fault) = &mut fault {
        ui.indent("numbers", |ui| ui.horizontal_wrapped(|ui| numbers_ui(ui, fault, control)));
    }
    match fault {
        Some(fault) => fault.add_to(rules),
        None => rules.remove(kind),
    }
}

/// Says what a rule did so far; one that is on and did nothing says so.
fn counters_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, on: bool, did: &[(u64, &str)]) {
    if did.iter().all(|(count, _)| *count == 0) {
        if on {
            ui.weak(RichText::new("nothing so far").small());
        }
        return;
    }
    let words: Vec<_> = did.iter().map(|(count, verb)| format!("{} {verb}", format::count(*count))).collect();
    let color = if on { ctx.theme.bad } else { ctx.theme.text_weak };
    ui.label(RichText::new(words.join(", ")).monospace().small().color(color));
}

fn numbers_ui(ui: &mut Ui, fault: &mut LinkFault, control: &mut Control) {
    match fault {
        LinkFault::Cut | LinkFault::Reset => {}
        LinkFault::Flap(flap) => {
            span_ui(ui, "up", &mut flap.up, MS, control);
            span_ui(ui, "down", &mut flap.down, MS, control);
        }
        LinkFault::Delay(delay) => delay_ui(ui, delay, control),
        LinkFault::Loss(loss) => share_ui(ui, "of frames", &mut loss.probability, control),
        LinkFault::Burst(burst) => {
            share_ui(ui, "p", &mut burst.turn_bad, control);
            share_ui(ui, "r", &mut burst.turn_good, control);
            share_ui(ui, "lost when bad", &mut burst.loss_bad, control);
            share_ui(ui, "when good", &mut burst.loss_good, control);
            // Without these two there would be no bursts, or no end of them.
            burst.turn_bad = burst.turn_bad.max(0.001);
            burst.turn_good = burst.turn_good.max(0.001);
        }
        LinkFault::Duplicate(duplicate) => share_ui(ui, "of frames", &mut duplicate.share, control),
        LinkFault::Reorder(reorder) => {
            share_ui(ui, "of frames", &mut reorder.share, control);
            span_ui(ui, "held for", &mut reorder.by, MS, control);
        }
        LinkFault::Corrupt(corrupt) => {
            share_ui(ui, "of frames", &mut corrupt.share, control);
            let mut checked = corrupt.checksum == Checksum::On;
            control.take(&ui.checkbox(&mut checked, "checksum").on_hover_text(CHECKSUM_ABOUT));
            corrupt.checksum = if checked { Checksum::On } else { Checksum::Off };
        }
        LinkFault::Bandwidth(pipe) => {
            bytes_ui(ui, " B/s", "bandwidth", &mut pipe.bytes_per_sec, 1, control);
            bytes_ui(ui, " B", "queue", &mut pipe.queue_bytes, 0, control);
        }
        LinkFault::SlowClose(by) | LinkFault::HalfOpen(by) => span_ui(ui, "for", by, MS, control),
    }
}

const CHECKSUM_ABOUT: &str = "Off: nobody notices the damage, and the protocol gets it";

fn delay_ui(ui: &mut Ui, delay: &mut Delay, control: &mut Control) {
    span_ui(ui, "mean", &mut delay.mean, Duration::ZERO, control);
    let shapes = [DelayShape::Uniform, DelayShape::Normal, DelayShape::Exponential];
    let before = delay.shape;
    ComboBox::from_id_salt("shape").selected_text(shape_word(before)).show_ui(ui, |ui| {
        for shape in shapes {
            ui.selectable_value(&mut delay.shape, shape, shape_word(shape));
        }
    });
    control.done |= delay.shape != before;
    if delay.shape == DelayShape::Exponential {
        delay.jitter = Duration::ZERO;
    } else {
        span_ui(ui, "±", &mut delay.jitter, Duration::ZERO, control);
        delay.jitter = delay.jitter.min(delay.mean);
    }
}

fn shape_word(shape: DelayShape) -> &'static str {
    match shape {
        DelayShape::Uniform => "uniform",
        DelayShape::Normal => "normal",
        DelayShape::Exponential => "exponential",
    }
}

fn share_ui(ui: &mut Ui, name: &str, share: &mut f64, control: &mut Control) {
    let mut percent = *share * 100.0;
    let value = ui.add(DragValue::new(&mut percent).range(0.0..=100.0).speed(0.5).max_decimals(1).suffix(" %"));
    let label = ui.weak(name).id;
    control.take(&value.labelled_by(label));
    *share = percent / 100.0;
}

/// A span in milliseconds, `least` or longer.
pub(super) fn span_ui(ui: &mut Ui, name: &str, span: &mut Duration, least: Duration, control: &mut Control) {
    let label = ui.weak(name).id;
    let mut millis = span.as_secs_f64() * 1000.0;
    let most = (60 * SECOND).max(DELAY_SLIDER_MAX).as_secs_f64() * 1000.0;
    let range = least.as_secs_f64() * 1000.0..=most;
    control.take(&ui.add(DragValue::new(&mut millis).range(range).suffix(" ms").max_decimals(1)).labelled_by(label));
    *span = Duration::from_micros((millis * 1000.0).round() as u64);
}

fn bytes_ui(ui: &mut Ui, unit: &str, name: &str, bytes: &mut u64, least: u64, control: &mut Control) {
    let label = ui.weak(name).id;
    let speed = (*bytes as f64 / 100.0).max(1.0);
    let value = DragValue::new(bytes).range(least..=1_000_000_000).speed(speed).suffix(unit);
    control.take(&ui.add(value).labelled_by(label));
    ui.add_space(0.5 * SPACE);
}

/// Returns why a rule cannot stand beside those that there are.
fn contradiction(rules: &LinkRules, fault: LinkFault) -> Option<String> {
    let mut both = *rules;
    fault.add_to(&mut both);
    both.check().err().map(|error| error.to_string())
}

fn part(rules: &LinkRules, kind: FaultKind) -> Option<LinkFault> {
    rules.parts().into_iter().find(|part| part.kind() == kind)
}

/// Returns the name of a kind in menus.
pub(super) fn title(kind: FaultKind) -> &'static str {
    FAULTS.iter().find(|row| row.kind == kind).map_or("", |row| row.title)
}

/// Returns what a kind does, and on which layer.
pub(super) fn about(kind: FaultKind) -> String {
    let about = FAULTS.iter().find(|row| row.kind == kind).map_or("", |row| row.about);
    match layer_of(kind) {
        Some(layer) => format!("{about}\nActs on {}", layer.words()),
        None => about.to_owned(),
    }
}
