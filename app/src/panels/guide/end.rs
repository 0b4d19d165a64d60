//! The end of an attempt: what was said and what it was, the goals, the points, and where to go from here.

use cluster_core::lab::{Answer, Did, Lab, StepKind, Verdict};
use egui::{Grid, RichText, Ui};

use super::{card_ui, primary_ui};
use crate::{
    ctx::ViewCtx,
    guide::{GuideAction, Lesson, words_of},
    theme::{SPACE, guide as look},
};

/// Sums the attempt up.
pub(super) fn end_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, lab: &Lab) {
    let score = lesson.score().unwrap_or_default();
    let all = lesson.goals().iter().all(|goal| goal.optional || goal.verdict == Verdict::Met);
    ui.heading(RichText::new(if all { "Done" } else { "At the end" }).strong());
    ui.add_space(0.5 * SPACE);
    card_ui(ui, ctx, if all { ctx.theme.good } else { ctx.theme.accent }, |ui| {
        ui.horizontal(|ui| {
            let points = format!("{} of {}", score.total(), score.most());
            ui.label(RichText::new(points).strong().size(look::HEADING_PX));
            ui.label("points");
        });
        Grid::new("points").num_columns(2).spacing([1.5 * SPACE, 0.25 * SPACE]).show(ui, |ui| {
            let parts = [("Goals", score.goals), ("What happened", score.observe), ("Reflection", score.reflect)];
            for ((part, points), of) in parts.into_iter().zip(score.of) {
                ui.label(RichText::new(part).size(look::SMALL_PX).color(ctx.theme.text_weak));
                ui.label(RichText::new(format!("{points} / {of}")).size(look::SMALL_PX));
                ui.end_row();
            }
        });
        ui.label(RichText::new(work_words(lesson)).size(look::SMALL_PX).color(ctx.theme.text_weak));
    });
    ui.add_space(look::GAP_PX);
    said_ui(ui, ctx, lesson, lab);
    ui.add_space(look::GAP_PX);
    ui.label(RichText::new("Goals").strong());
    for state in lesson.goals() {
        let (mark, color) = match state.verdict {
            Verdict::Met => ("✔", ctx.theme.good),
            Verdict::Violated => ("✖", ctx.theme.bad),
            Verdict::Unknown => ("?", ctx.theme.warn),
            Verdict::Pending => ("–", ctx.theme.text_weak),
        };
        ui.horizontal(|ui| {
            ui.colored_label(color, mark);
            ui.label(lesson.goal_title(&state.id));
        });
    }
    ui.add_space(look::GAP_PX);
    evidence_ui(ui, ctx, lesson);
    ways_ui(ui, ctx, lab);
}

/// Says where the evidence is.
fn evidence_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson) {
    match &lesson.evidence {
        Some(Ok(file)) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            ui.label(RichText::new("Evidence saved").strong());
            let shown = egui::Label::new(RichText::new(name).monospace().size(look::SMALL_PX)).truncate();
            ui.add(shown).on_hover_text(file.display().to_string());
            ui.horizontal(|ui| {
                if ui.button("Show the folder").clicked() {
                    ctx.in_lab(GuideAction::ShowFolder);
                }
                if ui.button("Copy the path").clicked() {
                    ui.ctx().copy_text(file.display().to_string());
                }
            });
        }
        Some(Err(why)) => {
            ui.colored_label(ctx.theme.warn, format!("⚠ There is no evidence of this attempt: {why}"));
        }
        None => return,
    }
    ui.add_space(look::GAP_PX);
}

/// Returns how long it took, and with how much help.
fn work_words(lesson: &Lesson) -> String {
    let secs = lesson.journal.active_ms / 1000;
    let time = if secs < 60 { format!("{secs} s") } else { format!("{} min", (secs + 30) / 60) };
    let of = |wanted: fn(&Did) -> bool| lesson.journal.deeds.iter().filter(|deed| wanted(&deed.did)).count();
    let hints = of(|did| matches!(did, Did::Hinted { level, .. } if *level > 0));
    let begun = of(|did| matches!(did, Did::Began { .. }));
    let again = begun.saturating_sub(lesson.ended.len());
    let mut words = vec![time];
    words.push(if hints == 0 { "no hints".to_owned() } else { crate::format::counted(hints as u64, "hint") });
    let shown = of(|did| matches!(did, Did::Shown { .. }));
    if shown > 0 {
        words.push(format!("{} watched", crate::format::counted(shown as u64, "demonstration")));
    }
    if again > 0 {
        words.push(format!("{} begun again", crate::format::counted(again as u64, "phase")));
    }
    words.join(" · ")
}

/// Lays beside each other what was said before, and what it was.
fn said_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, lab: &Lab) {
    let weak = |words: &str| RichText::new(words.to_owned()).size(look::SMALL_PX).color(ctx.theme.text_weak);
    let asked = lab.steps.iter().filter(|step| matches!(step.kind, StepKind::Predict | StepKind::Observe));
    for step in asked {
        let questions = lesson.section(&step.text).map(|section| section.questions.clone()).unwrap_or_default();
        for (at, ask) in step.asks.iter().enumerate() {
            let question = questions.get(at).cloned().unwrap_or_else(|| words_of(&ask.id));
            let Some(said) = lesson.answered(step.kind, &ask.id) else { continue };
            let was = lesson.right_answer(ask).map(|(right, _)| right);
            ui.label(RichText::new(question).size(look::SMALL_PX));
            Grid::new(("said", &ask.id)).num_columns(2).spacing([SPACE, 0.25 * SPACE]).show(ui, |ui| {
                let before = if step.kind == StepKind::Predict { "You said before" } else { "You saw" };
                ui.label(weak(before));
                let right = was.as_deref() == Some(said);
                let color = if right { ctx.theme.good } else { ctx.theme.text };
                ui.label(RichText::new(words_of(said)).color(color));
                ui.end_row();
                if let Some(was) = was.filter(|_| !right) {
                    ui.label(weak(if matches!(ask.answer, Answer::Told(_)) { "Your run" } else { "It is" }));
                    ui.label(RichText::new(words_of(&was)).strong());
                    ui.end_row();
                }
            });
            ui.add_space(SPACE);
        }
    }
}

/// Where to go from here.
fn ways_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lab: &Lab) {
    let next = ctx.guide.and_then(|guide| Some((guide.shelf.after(&lab.id)?, guide.lesson.as_ref()?.backend)));
    if let Some((volume, backend)) = next
        && let Ok(about) = &volume.about
        && primary_ui(ui, ctx, &format!("Next: {}", about.title), None)
    {
        ctx.in_lab(GuideAction::Open(volume.folder.clone(), backend));
    }
    ui.add_space(0.5 * SPACE);
    ui.horizontal(|ui| {
        if ui.button("All labs…").clicked() {
            ctx.in_lab(GuideAction::ShowLabs);
        }
        if ui.button("Once more").on_hover_text("A new attempt, with other values").clicked() {
            ctx.in_lab(GuideAction::StartOver);
        }
    });
}
