//! The goals of a phase, as far as they are; and what can be done with the phase.

use cluster_core::lab::{Goal, GoalState, Lab, Palette, Pattern, Verdict};
use egui::{RichText, Sense, Stroke, Ui, WidgetInfo, vec2};

use super::{primary_ui, so_far, words::Words};
use crate::{
    action::Action,
    ctx::ViewCtx,
    format,
    guide::{GuideAction, Lesson},
    theme::{SPACE, guide as look},
};

/// Lists the goals of the phase.
pub(super) fn goals_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, words: &mut Words, lesson: &Lesson, lab: &Lab, now: bool) {
    let phase = lesson.phase_of(lesson.looked.unwrap_or(lesson.step));
    let demo = now && lesson.run.as_ref().is_some_and(|run| run.demo);
    let states = lesson.goals();
    ui.label(RichText::new(if demo { "What is shown" } else { "Goals" }).strong());
    ui.add_space(0.5 * SPACE);
    for goal in lab.goals.iter().filter(|goal| goal.phase == phase) {
        let of_demo =
            lesson.run.as_ref().filter(|_| demo).and_then(|run| run.told().goals.iter().find(|it| it.id == goal.id));
        let Some(state) = of_demo.or_else(|| states.iter().find(|state| state.id == goal.id)) else { continue };
        ui.push_id(&goal.id, |ui| goal_ui(ui, ctx, words, lesson, goal, state));
        ui.add_space(SPACE);
    }
}

fn goal_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, words: &mut Words, lesson: &Lesson, goal: &Goal, state: &GoalState) {
    let title = lesson.goal_title(&goal.id);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE;
        let (rect, sign) = ui.allocate_exact_size(vec2(look::SIGN_PX, look::SIGN_PX), Sense::hover());
        sign.widget_info(|| {
            WidgetInfo::labeled(egui::Role::Label, true, format!("goal {title}, {}", state.verdict.word()))
        });
        paint_sign(ui, ctx, rect, state.verdict);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.25 * SPACE;
            let name = if goal.optional { format!("{title} (optional)") } else { title.clone() };
            ui.label(RichText::new(name).strong());
            if let Some(section) = lesson.section(&format!("goal-{}", goal.id)) {
                ui.scope(|ui| {
                    let small = egui::FontId::proportional(look::SMALL_PX);
                    ui.style_mut().text_styles.insert(egui::TextStyle::Body, small);
                    ui.visuals_mut().override_text_color = Some(ctx.theme.text_weak);
                    words.pieces_ui(ui, ctx, lesson, section);
                });
            }
            outcome_ui(ui, ctx, goal, state);
            if let Some(so_far) = lesson.so_far(&goal.id) {
                so_far::so_far_ui(ui, ctx, so_far);
            }
        });
    });
}

/// A ring while it is open, a mark when it is decided.
fn paint_sign(ui: &Ui, ctx: &ViewCtx<'_>, rect: egui::Rect, verdict: Verdict) {
    let (color, mark) = match verdict {
        Verdict::Pending => (ctx.theme.text_weak, ""),
        Verdict::Met => (ctx.theme.good, "✔"),
        Verdict::Violated => (ctx.theme.bad, "✖"),
        Verdict::Unknown => (ctx.theme.warn, "?"),
    };
    let center = rect.center() + vec2(0.0, 1.0);
    let painter = ui.painter();
    painter.circle_stroke(center, 0.45 * look::SIGN_PX, Stroke::new(1.5, color));
    let font = egui::FontId::proportional(look::SMALL_PX);
    painter.text(center, egui::Align2::CENTER_CENTER, mark, font, color);
}

/// Says when it was met, or why it is not.
fn outcome_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, goal: &Goal, state: &GoalState) {
    let small = |words: String| RichText::new(words).size(look::SMALL_PX);
    let at = state.at.map_or_else(String::new, |at| format!(" at {at}"));
    let (words, color) = match state.verdict {
        Verdict::Pending => return,
        Verdict::Met => (format!("Met{at}"), ctx.theme.good),
        Verdict::Violated => (format!("Not met: {}{at}. Retry the phase.", why(goal)), ctx.theme.bad),
        Verdict::Unknown => ("There was not enough to judge by. That is no failure.".to_owned(), ctx.theme.warn),
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(small(words).color(color));
        if let Some(at) = state.at.filter(|_| state.verdict == Verdict::Violated)
            && ui.link(small("Show the moment".to_owned())).clicked()
        {
            ctx.act(Action::Seek(at));
        }
    });
}

/// Returns why a goal cannot be met any more.
fn why(goal: &Goal) -> String {
    match &goal.pattern {
        Pattern::Never { .. } => "what must never be, was so".to_owned(),
        Pattern::Respond { within, .. } => {
            format!("what should follow within {} did not come by", format::duration(*within))
        }
        Pattern::Measure { .. } => "it was not so at the end,".to_owned(),
        Pattern::Reach { .. } | Pattern::Hold { .. } | Pattern::Sequence { .. } => {
            "it cannot come about any more,".to_owned()
        }
    }
}

/// What can be done with the phase: begin it again; and how many faults are left.
pub(super) fn phase_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, lab: &Lab) {
    let Some(run) = &lesson.run else { return };
    if run.demo {
        return;
    }
    ui.horizontal(|ui| {
        let about = "Starts the cluster afresh; what the goals saw is forgotten";
        if ui.button("Retry phase").on_hover_text(about).clicked() {
            ctx.in_lab(GuideAction::Retry);
        }
        let mut words = Vec::new();
        if run.nth > 1 {
            words.push(format!("attempt {}", run.nth));
        }
        if let Some(most) = Palette::of(lab).max_faults() {
            words.push(format!("{} of {most} faults used", run.caused));
        }
        ui.label(RichText::new(words.join(" · ")).size(look::SMALL_PX).color(ctx.theme.text_weak));
    });
    ui.add_space(SPACE);
}

/// The way on: proud once all is met, quiet before.
pub(super) fn on_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson) {
    let Some(run) = lesson.run.as_ref().filter(|run| !run.demo) else { return };
    ui.add_space(SPACE);
    if run.told().done {
        ui.colored_label(ctx.theme.good, "✔ All goals are met");
        if primary_ui(ui, ctx, "Go on", None) {
            ctx.in_lab(GuideAction::GoOn);
        }
        return;
    }
    let about = "Ends the phase as it is; open goals give no points";
    let words = RichText::new("Go on without the open goals").size(look::SMALL_PX).color(ctx.theme.text_weak);
    if ui.add(egui::Button::new(words).frame(false)).on_hover_text(about).clicked() {
        ctx.in_lab(GuideAction::GoOn);
    }
}
