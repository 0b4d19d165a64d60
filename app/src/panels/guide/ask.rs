//! Questions: what will happen, sealed before the experiment; and what happened, marked against the learner's own run.

use cluster_core::lab::{Ask, Step, StepKind};
use egui::{RadioButton, RichText, Ui};

use super::primary_ui;
use crate::{
    ctx::ViewCtx,
    guide::{GuideAction, Lesson, words_of},
    theme::{self, SPACE, guide as look, mix},
};

/// Asks the questions of a step; `now` says whether they can be answered.
pub(super) fn ask_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, step: &Step, now: bool) {
    let questions = lesson.section(&step.text).map(|section| section.questions.clone()).unwrap_or_default();
    for (at, ask) in step.asks.iter().enumerate() {
        let question = questions.get(at).cloned().unwrap_or_else(|| words_of(&ask.id));
        ui.push_id(&ask.id, |ui| question_ui(ui, ctx, lesson, step, ask, &question, now));
        ui.add_space(look::GAP_PX);
    }
    if now {
        end_ui(ui, ctx, lesson, step);
    }
}

fn question_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, step: &Step, ask: &Ask, question: &str, now: bool) {
    ui.label(RichText::new(question).strong());
    ui.add_space(0.25 * SPACE);
    let given = lesson.answered(step.kind, &ask.id);
    let chosen = given.or_else(|| lesson.chosen.get(&ask.id).map(String::as_str));
    let right = given.filter(|_| step.kind == StepKind::Observe).and_then(|_| lesson.right_answer(ask));
    for option in ask.order(lesson.journal.seed) {
        let mark = right.as_ref().map(|(right, _)| right == option);
        if option_ui(ui, ctx, option, chosen == Some(option), now && given.is_none(), mark) {
            ctx.in_lab(GuideAction::Choose(ask.id.clone(), option.to_owned()));
        }
    }
    if let (Some(given), Some((right, seen))) = (given, right) {
        verdict_ui(ui, ctx, ask, given, &right, seen.is_some());
    }
}

/// One answer, in the full width. `mark` says whether it is the right one, once that is told. Returns whether it was chosen.
fn option_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, option: &str, chosen: bool, open: bool, mark: Option<bool>) -> bool {
    let words = words_of(option);
    let fill = match (chosen, mark) {
        (_, Some(true)) => mix(ctx.theme.surface, ctx.theme.good, look::CHOSEN_STRENGTH),
        (true, Some(false)) => mix(ctx.theme.surface, ctx.theme.bad, look::CHOSEN_STRENGTH),
        (true, None) => mix(ctx.theme.surface, ctx.theme.accent, look::CHOSEN_STRENGTH),
        (false, _) => mix(ctx.theme.surface, ctx.theme.raised, 0.6),
    };
    let margin = egui::Margin::symmetric(10, 5);
    let frame = egui::Frame::new().fill(fill).corner_radius(theme::RADIUS).inner_margin(margin);
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_min_height(look::OPTION_PX - 10.0);
        ui.horizontal(|ui| {
            ui.visuals_mut().widgets.inactive.bg_fill = ctx.theme.surface;
            ui.visuals_mut().widgets.inactive.bg_stroke = egui::Stroke::new(1.0, ctx.theme.text_weak);
            let radio = ui.add_enabled(open, RadioButton::new(chosen, RichText::new(&words).color(ctx.theme.text)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| match (chosen, mark) {
                (true, Some(true)) => drop(ui.colored_label(ctx.theme.good, "✔ so it was")),
                (true, Some(false)) => drop(ui.colored_label(ctx.theme.bad, "✖ you said")),
                (false, Some(true)) => drop(ui.colored_label(ctx.theme.good, "it was")),
                (true | false, Some(false) | None) => {}
            });
            radio.clicked()
        })
        .inner
    });
    // The whole of it can be clicked, not only the words.
    let place = ui.interact(shown.response.rect, ui.scope_id().with(("place", option)), egui::Sense::click());
    (shown.inner || open && place.clicked()) && !chosen
}

/// Says how an observation compares with the run, and leads to the moment that shows it.
fn verdict_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, ask: &Ask, given: &str, right: &str, seen: bool) {
    if given == right {
        return;
    }
    ui.add_space(0.25 * SPACE);
    ui.horizontal_wrapped(|ui| {
        ui.label(format!("In your run it was “{}”.", words_of(right)));
        if seen && ui.button("Show me the moment").clicked() {
            ctx.in_lab(GuideAction::ShowAnswer(ask.id.clone()));
        }
    });
}

fn end_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, step: &Step) {
    let given = step.asks.iter().all(|ask| lesson.answered(step.kind, &ask.id).is_some());
    if step.kind == StepKind::Observe && given {
        if primary_ui(ui, ctx, "Go on", None) {
            ctx.in_lab(GuideAction::GoOn);
        }
        return;
    }
    let missing = step.asks.iter().filter(|ask| !lesson.chosen.contains_key(&ask.id)).count();
    let why = match (missing, step.asks.len()) {
        (0, _) => None,
        (_, 1) => Some("Choose an answer first".to_owned()),
        (1, _) => Some("One question has no answer yet".to_owned()),
        (missing, _) => Some(format!("{missing} questions have no answer yet")),
    };
    let words = if step.kind == StepKind::Predict { "Commit prediction" } else { "Check" };
    if primary_ui(ui, ctx, words, why.as_deref()) {
        ctx.in_lab(GuideAction::Commit);
    }
    let note = match step.kind {
        StepKind::Predict => {
            "It cannot be changed afterwards, and costs nothing if it is wrong. Then the cluster starts."
        }
        StepKind::Observe => "It is compared with your own run. The first answer counts.",
        StepKind::Do | StepKind::Reflect | StepKind::Read => "",
    };
    ui.add_space(0.5 * SPACE);
    ui.label(RichText::new(note).size(look::SMALL_PX).color(ctx.theme.text_weak));
}
