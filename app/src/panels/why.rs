//! Why something is so: the chain of causes, each above what led to it; a click goes to its moment.

use cluster_core::{
    ids::Seq,
    registry::protocol,
    trace::{Because, BecauseKind, Broken, ClusterState, Subject, Why, why},
};
use egui::{Color32, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme::{SPACE, Theme, table as sizes},
    views::View,
};

/// The panel. It keeps the chain of what was asked last.
#[derive(Default)]
pub struct WhyPanel {
    told: Option<((Subject, Seq), Result<Why, String>)>,
}

impl View for WhyPanel {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let Some(asked) = ctx.asked else {
            ui.weak("Select a node, an event or an operation and ask “Why?” to see what led to it");
            return;
        };
        if self.told.as_ref().is_none_or(|(known, _)| *known != asked) {
            let (subject, next) = asked;
            let word = protocol(&ctx.store.spec().protocol).map_or("epoch", |row| row.epoch_word);
            self.told = Some((asked, why(ctx.store, next, subject, word).map_err(|error| error.to_string())));
        }
        match self.told.as_ref().map(|(_, told)| told) {
            Some(Ok(why)) => {
                ui.label(RichText::new(&why.subject).strong());
                ui.add_space(0.75 * SPACE);
                egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    for (place, link) in why.chain.iter().enumerate() {
                        link_ui(ui, ctx, link, place + 1 == why.chain.len());
                    }
                });
            }
            Some(Err(problem)) => drop(ui.label(problem)),
            None => {}
        }
    }
}

/// One cause: a dot on the line that leads down to the next.
fn link_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: &Because, last: bool) {
    let (glyph, color) = look(link.kind, ctx.theme);
    let left = sizes::ICON_PX + SPACE;
    let width = (ui.available_width() - left).max(sizes::KIND_MIN_PX);
    let time = format!("{:.3} s", link.at.as_secs_f64());
    let ink = if link.kind == BecauseKind::Fault { color } else { ctx.theme.text };
    let words = ui.painter().layout(
        ctx.names.told(&link.sentence).into_owned(),
        egui::TextStyle::Body.resolve(ui.style()),
        ink,
        width,
    );
    let small = egui::TextStyle::Small.resolve(ui.style());
    let time = ui.painter().layout_no_wrap(time, small, ctx.theme.text_weak);
    let height = words.size().y + time.size().y + SPACE;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let response = ui.interact(rect, ui.scope_id().with(("because", link.seq)), Sense::click());
    let label = format!("{}, {}", link.at, link.sentence);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &label));
    if response.clicked() {
        ctx.act(Action::SeekEvent(link.seq));
    }
    let painter = ui.painter_at(rect);
    if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, sizes::ROUNDING_PX, ctx.theme.raised);
    }
    let x = rect.left() + sizes::ICON_PX / 2.0;
    let dot = pos2(x, rect.top() + words.rows.first().map_or(height, |row| row.height()) / 2.0);
    if !last {
        painter.line_segment([dot, pos2(x, rect.bottom())], Stroke::new(1.0, ctx.theme.line));
    }
    painter.text(dot, egui::Align2::CENTER_CENTER, glyph, egui::TextStyle::Body.resolve(ui.style()), color);
    let text_at = pos2(rect.left() + left, rect.top());
    let time_at = text_at + vec2(0.0, words.size().y);
    painter.galley(text_at, words, ink);
    painter.galley(time_at, time, ctx.theme.text_weak);
}

/// Returns the glyph of a kind of cause and its color.
fn look(kind: BecauseKind, theme: &Theme) -> (&'static str, Color32) {
    match kind {
        BecauseKind::Protocol => ("★", theme.accent),
        BecauseKind::Message => ("→", theme.text_weak),
        BecauseKind::Timer => ("⏱", theme.warn),
        BecauseKind::Silence => ("…", theme.warn),
        BecauseKind::Fault => ("✖", theme.bad),
        BecauseKind::Command => ("⚡", theme.warn),
        BecauseKind::Client => ("•", theme.good),
    }
}

/// Returns what “Why?” asks about while this is selected; without a selection, why no write was acknowledged.
pub fn subject_of(ctx: &ViewCtx<'_>) -> Option<Subject> {
    match ctx.selection {
        Selection::Nodes(nodes) => nodes.first().map(|node| Subject::Node(*node)),
        Selection::Event(seq) => Some(Subject::Event(*seq)),
        Selection::Op(op) => Some(Subject::Op(*op)),
        Selection::Link(link) => broken(ctx.state, Broken::Link(*link)),
        Selection::Message(msg) => {
            let sent = ctx.state.flights.get(msg).map(|flight| flight.seq);
            let dropped = || ctx.state.drops.iter().find(|drop| drop.msg == *msg).map(|drop| drop.flight.seq);
            sent.or_else(dropped).map(Subject::Event)
        }
        Selection::Client(client) => {
            let known = ctx.state.clients.get(client)?;
            known.last.as_ref().map(|(_, op, _)| Subject::Op(*op))
        }
        Selection::Nothing => Some(Subject::Unavailable(ctx.cursor.at)),
    }
}

fn broken(state: &ClusterState, what: Broken) -> Option<Subject> {
    state.faults.iter().find(|fault| fault.what == what).map(|fault| Subject::Event(fault.seq))
}

/// The button that asks why what is selected is as it is.
pub(super) fn why_button_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    if let Some(subject) = subject_of(ctx) {
        let about = match subject {
            Subject::Unavailable(_) => "Why was no write acknowledged at this moment",
            _ => "The chain of causes, back to the fault or the timer",
        };
        if ui.button("Why?").on_hover_text(crate::keys::hint(about, "W")).clicked() {
            ctx.act(Action::Why(subject));
        }
    }
}
