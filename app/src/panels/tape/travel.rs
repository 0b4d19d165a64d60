//! What the tape offers for moving in time: jumps, a stretch that is played over and over, bookmarks.

use cluster_core::time::Timestamp;
use egui::{Align2, FontId, Painter, Rect, RichText, Stroke, TextEdit, Ui, pos2};

use super::geometry::{Axis, Lanes};
use crate::{
    ctx::ViewCtx,
    theme::{SMALL_SIZE, SPACE},
    travel::{JumpTo, TravelAction},
};

/// The shortest stretch that is worth playing over and over, in pixels: a click that slipped is none.
const SPAN_MIN_PX: f32 = 6.0;

/// The buttons that jump, and what they jump to.
pub(super) fn jumps_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let Some(travel) = ctx.travel else { return };
    let jump = travel.jump.or_faults(ctx.has_leaders());
    let word = jump.word().to_lowercase();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.5 * SPACE;
        let width = (ui.available_width() - 0.5 * SPACE) / 2.0;
        for (sign, forward, about, key) in [("⏴", false, "before", "PgUp"), ("⏵", true, "behind", "PgDn")] {
            let button = ui.add(egui::Button::new(sign).min_size(egui::vec2(width, 0.0)));
            let label = format!("Jump in {word}, {about} the cursor");
            button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
            if button.on_hover_text(format!("{label} ({key})")).clicked() {
                ctx.travel(TravelAction::Jump(jump, forward));
            }
        }
    });
    let menu = ui.menu_button(RichText::new(jump.word()).small(), |ui| {
        for to in JumpTo::ALL.into_iter().filter(|to| *to == to.or_faults(ctx.has_leaders())) {
            if ui.selectable_label(to == jump, to.word()).clicked() {
                ctx.travel(TravelAction::SetJump(to));
                if to != JumpTo::Search {
                    ui.close();
                }
            }
        }
        let mut text = travel.search.clone();
        let edit = TextEdit::singleline(&mut text).hint_text("Search for").desired_width(18.0 * SPACE);
        let edit = ui.add(edit).on_hover_text("Words of the events that are jumped to");
        if edit.changed() {
            ctx.travel(TravelAction::SetJump(JumpTo::Search));
            ctx.travel(TravelAction::SetSearch(text));
        }
        if edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
            ctx.travel(TravelAction::Jump(JumpTo::Search, true));
            ui.close();
        }
        ui.separator();
        if ui.button("Bookmark here").on_hover_text("Set or remove a bookmark at the cursor (I)").clicked() {
            ctx.travel(TravelAction::ToggleBookmark);
            ui.close();
        }
        ui.weak(RichText::new("Shift and drag on the tape: loop a stretch").small());
    });
    menu.response.on_hover_text("What the jumps go to");
    if ctx.span.is_some() && ui.button(RichText::new("End loop").small()).clicked() {
        ctx.travel(TravelAction::Loop(None));
    }
}

/// Returns the stretch that was dragged, if it is one.
pub(super) fn stretch(axis: &Axis, from: f64, to_x: f32) -> Option<(Timestamp, Timestamp)> {
    let long_enough = (axis.x_of(from) - to_x).abs() >= SPAN_MIN_PX;
    let (from, to) = (from.min(axis.secs(to_x)), from.max(axis.secs(to_x)));
    long_enough.then(|| (Timestamp::from_secs_f64(from), Timestamp::from_secs_f64(to)))
}

/// Paints the stretch that is played over and over, or is being dragged, and the bookmarks.
pub(super) fn paint_travel(
    painter: &Painter,
    ctx: &ViewCtx<'_>,
    lanes: &Lanes,
    axis: &Axis,
    dragged: Option<(Timestamp, Timestamp)>,
) {
    let inside = Rect::from_min_max(lanes.bands.min, lanes.ticks.max);
    let painter = painter.with_clip_rect(inside.intersect(painter.clip_rect()));
    if let Some((from, to)) = dragged.or(ctx.span) {
        let (left, right) = (axis.x(from), axis.x(to));
        let place = Rect::from_x_y_ranges(left..=right, lanes.bands.bottom()..=lanes.ticks.top());
        painter.rect_filled(place, 0.0, ctx.theme.accent.gamma_multiply(0.12));
        for x in [left, right] {
            painter.vline(x, place.y_range(), Stroke::new(1.5, ctx.theme.accent));
        }
        let at = pos2(left + 0.5 * SPACE, place.bottom() - 0.5 * SPACE);
        painter.text(at, Align2::LEFT_BOTTOM, "loop", FontId::proportional(SMALL_SIZE), ctx.theme.accent);
    }
    let marks = ctx.travel.map_or(&[][..], |travel| travel.bookmarks.list());
    for mark in marks {
        let x = axis.x(mark.at());
        let (top, bottom) = (lanes.marks.top(), lanes.ticks.top());
        painter.vline(x, top..=bottom, Stroke::new(1.0, ctx.theme.text_weak));
        // A flag at its pole.
        let flag = vec![pos2(x, top), pos2(x + SPACE, top + 3.0), pos2(x, top + 6.0)];
        painter.add(egui::Shape::convex_polygon(flag, ctx.theme.text, Stroke::NONE));
    }
}
