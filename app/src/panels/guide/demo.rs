//! A demonstration: that it is one, what it does, and the way back to doing it oneself.

use cluster_core::time::Timestamp;
use egui::{Align2, Area, Id, Margin, Order, RichText, Stroke, StrokeKind, Ui};

use super::{card_ui, primary_ui};
use crate::{
    action::Action,
    ctx::ViewCtx,
    guide::{GuideAction, PhaseRun, ShownAct},
    theme::{SPACE, TAB_HEIGHT, guide as look, mix},
};

/// How many of its acts are listed: the latest.
const LISTED_MAX: usize = 8;

/// Says what is shown, and leads back.
pub(super) fn demo_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, run: &PhaseRun) {
    card_ui(ui, ctx, ctx.theme.accent, |ui| {
        let words = match &run.told().shown {
            None => "You are watching how it is done, on a cluster of its own. Nothing of it counts.".to_owned(),
            Some(Ok(())) => "That is how. On a fresh cluster, it is your turn.".to_owned(),
            Some(Err(why)) => format!("It could not be shown to its end: {why}."),
        };
        ui.label(words);
        let hidden = run.acts.len().saturating_sub(LISTED_MAX);
        for act in &run.acts[hidden..] {
            act_ui(ui, ctx, act);
        }
        ui.add_space(0.5 * SPACE);
        if primary_ui(ui, ctx, "My turn", None) {
            ctx.in_lab(GuideAction::Retry);
        }
    });
    ui.add_space(SPACE);
}

/// One thing that it did; a click goes there.
fn act_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, act: &ShownAct) {
    // A line is as high as its letters.
    ui.spacing_mut().interact_size.y = look::TEXT_PX;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.75 * SPACE;
        let small = |words: String| RichText::new(words).size(look::SMALL_PX);
        if ui.link(small(short(act.at))).on_hover_text("Go to this moment").clicked() {
            ctx.act(Action::Seek(act.at));
        }
        ui.label(small(ctx.names.told(&act.words).into_owned()));
    });
}

fn short(at: Timestamp) -> String {
    format!("{:.1} s", at.as_secs_f64())
}

/// Says on the picture itself that it is a demonstration: whoever looks up from the guide must not take it for their own doing.
pub fn demo_frame_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, place: egui::Rect) {
    let run = ctx.guide.and_then(|guide| guide.lesson.as_ref()?.run.as_ref());
    if run.is_none_or(|run| !run.demo) {
        return;
    }
    let layer = egui::LayerId::new(Order::Middle, Id::unique("demonstration frame"));
    let stroke = Stroke::new(look::FRAME_PX, ctx.theme.accent);
    egui.layer_painter(layer).rect_stroke(place, 0.0, stroke, StrokeKind::Inside);
    // In the row of tabs, so that it hides nothing of the picture.
    let at = egui::pos2(place.right() - SPACE, place.top() - 0.5 * TAB_HEIGHT);
    let area = Area::new(Id::unique("demonstration")).pivot(Align2::RIGHT_CENTER).fixed_pos(at).interactable(false);
    let fill = mix(ctx.theme.surface, ctx.theme.accent, look::CHOSEN_STRENGTH);
    let frame = egui::Frame::new().fill(fill).corner_radius(2.0 * SPACE).inner_margin(Margin::symmetric(14, 1));
    area.show(egui, |ui| {
        frame.show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new("Demonstration").strong().size(look::TEXT_PX)).extend());
        });
    });
}
