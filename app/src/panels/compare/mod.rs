//! Two runs side by side, with one cursor: the picture of each, where they part, and in what they differ there.

mod picture;

use cluster_core::{
    event::TraceEvent,
    trace::{ClusterState, Difference, line, state_differences},
};
use egui::{ComboBox, Grid, RichText, ScrollArea, Ui, vec2};

use crate::{
    action::Action,
    ctx::ViewCtx,
    theme::SPACE,
    travel::{Align, TravelAction, Twin, metrics},
    views::View,
};

/// The share of the height that the two pictures take.
const PICTURES_SHARE: f32 = 0.55;
/// How many differences of the states are listed.
const STATES_MAX: usize = 60;

/// The panel.
#[derive(Default)]
pub struct Compare;

impl View for Compare {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let Some(twin) = ctx.travel.and_then(|travel| travel.twin.as_ref()) else {
            ui.centered_and_justified(|ui| {
                ui.weak("Choose “Compare” at another run in the list of runs to see both side by side");
            });
            return;
        };
        head_ui(ui, ctx, twin);
        ui.add_space(0.5 * SPACE);
        let beside = ctx.beside(twin);
        let height = (ui.available_height() * PICTURES_SHARE).max(20.0 * SPACE);
        let width = (ui.available_width() - SPACE) / 2.0;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE;
            picture_ui(ui, ctx, vec2(width, height), "This run", &twin.state);
            picture_ui(ui, &beside, vec2(width, height), "The other run", ctx.state);
        });
        ui.add_space(0.5 * SPACE);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.columns(2, |columns| {
                metrics_ui(&mut columns[0], ctx, &beside);
                states_ui(&mut columns[1], ctx, &beside);
            });
        });
    }
}

fn picture_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, size: egui::Vec2, name: &str, other: &ClusterState) {
    ui.allocate_ui(size, |ui| {
        ui.set_min_size(size);
        ui.vertical(|ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(name).strong());
                ui.label(RichText::new(ctx.at.to_string()).monospace());
            });
            let frame = egui::Frame::new().fill(ctx.theme.background).corner_radius(crate::theme::RADIUS);
            frame.show(ui, |ui| {
                ui.set_min_size(ui.available_size());
                ui.push_id(name, |ui| picture::picture_ui(ui, ctx, other));
            });
        });
    });
}

/// Where the runs part, and which moments are taken for the same.
fn head_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, twin: &Twin) {
    ui.horizontal_wrapped(|ui| {
        let exact = twin.is_exact(ctx.store);
        match twin.difference() {
            Some(difference) => {
                let at = moment(difference).map_or_else(String::new, |event| format!(" at {}", event.at));
                let word = if exact { "They part" } else { "Their stories part" };
                ui.label(RichText::new(format!("{word}{at}")).color(ctx.theme.warn).strong());
                if let Some(event) = &difference.one
                    && ui.button("Show").on_hover_text("Move the cursor to the first difference").clicked()
                {
                    ctx.act(Action::SeekEvent(event.seq));
                }
            }
            None if twin.is_compared() && exact => drop(ui.label("The same run in every bit")),
            None if twin.is_compared() => drop(ui.label("The same story; times and the order of messages may differ")),
            None => drop(ui.weak("Comparing…")),
        }
        ui.separator();
        ui.label("Aligned at");
        ComboBox::from_id_salt("align").selected_text(twin.align.words()).show_ui(ui, |ui| {
            for align in Align::NAMED {
                if ui.selectable_label(align == twin.align, align.words()).clicked() {
                    ctx.travel(TravelAction::Align(align));
                }
            }
        });
        for (sign, by, about) in
            [("◀", -1, "The other run one event earlier"), ("▶", 1, "The other run one event later")]
        {
            if ui.small_button(sign).on_hover_text(about).clicked() {
                ctx.travel(TravelAction::Align(Align::Nudge(by)));
            }
        }
        if ui.button("Close").on_hover_text("Show one run only").clicked() {
            ctx.travel(TravelAction::Compare(None));
            ctx.act(Action::ShowView("canvas"));
        }
    });
    let Some(difference) = twin.difference() else { return };
    Grid::new("parting").num_columns(2).spacing([SPACE, 0.25 * SPACE]).show(ui, |ui| {
        for (word, event) in [("this run", &difference.one), ("the other", &difference.other)] {
            ui.weak(word);
            let text = event.as_ref().map_or_else(|| "has ended".to_owned(), |event| line(&event.kind));
            ui.add(egui::Label::new(RichText::new(text).monospace()).truncate());
            ui.end_row();
        }
    });
}

fn moment(difference: &Difference) -> Option<&TraceEvent> {
    difference.one.as_ref().or(difference.other.as_ref())
}

fn metrics_ui(ui: &mut Ui, one: &ViewCtx<'_>, other: &ViewCtx<'_>) {
    ui.label(RichText::new("In numbers, up to the cursor").strong());
    let (mine, theirs) = (metrics(one.store, one.state, one.at), metrics(other.store, other.state, other.at));
    table_ui(ui, one, "metrics", mine.into_iter().zip(theirs).map(|((what, a), (_, b))| (what.to_owned(), a, b)));
}

fn states_ui(ui: &mut Ui, one: &ViewCtx<'_>, other: &ViewCtx<'_>) {
    ui.label(RichText::new("What differs at the cursor").strong());
    let differences = state_differences(one.state, other.state);
    if differences.is_empty() {
        ui.weak("Nothing: both are in the same state");
        return;
    }
    let more = differences.len().saturating_sub(STATES_MAX);
    table_ui(ui, one, "states", differences.into_iter().take(STATES_MAX).map(|it| (it.what, it.one, it.other)));
    if more > 0 {
        ui.weak(format!("and {more} more"));
    }
}

/// Rows of what, here, there; those that differ stand out.
fn table_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, id: &str, rows: impl Iterator<Item = (String, String, String)>) {
    let text = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    Grid::new(id).num_columns(3).striped(true).spacing([1.25 * SPACE, 0.25 * SPACE]).show(ui, |ui| {
        ui.weak("");
        ui.weak("this run");
        ui.weak("the other");
        ui.end_row();
        for (what, one, other) in rows {
            let color = if one == other { ctx.theme.text_weak } else { ctx.theme.text };
            ui.label(RichText::new(what).color(ctx.theme.text_weak));
            ui.label(RichText::new(text(&one)).monospace().color(color));
            ui.label(RichText::new(text(&other)).monospace().color(color));
            ui.end_row();
        }
    });
}
