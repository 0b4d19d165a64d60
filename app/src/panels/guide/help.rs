//! Help with a goal: three levels, each after the one before was read; and what comes by itself on a wrong turn.

use cluster_core::lab::Lab;
use egui::{RichText, Ui};

use super::{card_ui, words::Words};
use crate::{
    ctx::ViewCtx,
    guide::{GuideAction, Lesson, Offer},
    theme::{SPACE, guide as look},
};

/// Shows what came by itself: a known wrong turn was seen.
pub(super) fn came_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, words: &mut Words, lesson: &Lesson, lab: &Lab) {
    if lesson.looked.is_some() || lesson.run.as_ref().is_none_or(|run| run.demo || run.told().ended.is_some()) {
        return;
    }
    for hint in lesson.hints_here() {
        let Some((anchor, _)) = lab.hints.get(hint).and_then(|hint| hint.levels.last()) else { continue };
        let Some(section) = lesson.section(anchor) else { continue };
        card_ui(ui, ctx, ctx.theme.warn, |ui| {
            let heading = section.heading.trim_start_matches("Hint:").trim();
            ui.label(RichText::new(format!("⚠ {heading}")).strong());
            words.pieces_ui(ui, ctx, lesson, section);
        });
        ui.add_space(SPACE);
    }
}

/// Shows the levels that were asked for, and offers the next.
pub(super) fn help_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, words: &mut Words, lesson: &Lesson, lab: &Lab) {
    if lesson.run.as_ref().is_none_or(|run| run.demo) {
        return;
    }
    let offer = lesson.offer();
    let shown = lesson.hint_shown();
    if offer.is_none() && shown.is_none() {
        return;
    }
    let Some((anchors, goal)) = shown.map(|(hint, shown)| (hint, shown.levels)).and_then(|(hint, levels)| {
        let hint = lab.hints.get(hint)?;
        Some((hint.levels.iter().take(levels), hint.goal.as_str()))
    }) else {
        if let Some(offer) = offer {
            offer_ui(ui, ctx, lab, offer, false);
        }
        return;
    };
    card_ui(ui, ctx, ctx.theme.accent, |ui| {
        let title = format!("Help with “{}”", lesson.goal_title(goal));
        ui.label(RichText::new(title).size(look::SMALL_PX).color(ctx.theme.text_weak));
        for (anchor, _) in anchors {
            if let Some(section) = lesson.section(anchor) {
                words.pieces_ui(ui, ctx, lesson, section);
            }
        }
        if let Some(offer) = offer {
            ui.add_space(0.5 * SPACE);
            offer_ui(ui, ctx, lab, offer, true);
        }
    });
    ui.add_space(SPACE);
}

fn offer_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lab: &Lab, offer: Offer, begun: bool) {
    let weak = |words: String| RichText::new(words).size(look::SMALL_PX).color(ctx.theme.text_weak);
    match offer {
        Offer::Later { secs, .. } => {
            let secs = secs.ceil() as u64;
            let words = if begun { format!("More help in {secs} s") } else { format!("Help can be had in {secs} s") };
            ui.label(weak(words));
        }
        Offer::Level(hint) => {
            let words = if begun { "More help" } else { "Give me a hint" };
            if ui.button(words).on_hover_text("It is noted, and costs nothing").clicked() {
                ctx.in_lab(GuideAction::Hint(hint));
            }
        }
        Offer::Demonstration(hint) => {
            let about = "On a cluster of its own; then the phase begins again, and it is your turn";
            if lab.hints.get(hint).is_some() && ui.button("Show me how it is done").on_hover_text(about).clicked() {
                ctx.in_lab(GuideAction::Demonstrate(hint));
            }
        }
    }
}
