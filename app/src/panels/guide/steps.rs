//! The head of the guide: which lab, which step, and what can be done with the lab as a whole.

use cluster_core::{lab::StepKind, origin::BackendKind};
use egui::{RichText, Sense, Stroke, Ui, WidgetInfo, vec2};

use crate::{
    ctx::ViewCtx,
    guide::{GuideAction, Lesson},
    theme::{SPACE, guide as look},
};

/// Lays the head out.
pub(super) fn header_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson) {
    ui.horizontal(|ui| {
        let title = lesson.lab().map_or_else(
            || lesson.folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            |lab| lab.title.clone(),
        );
        ui.label(RichText::new(title).strong().size(look::TITLE_PX).color(ctx.theme.text_weak));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| lab_menu_ui(ui, ctx, lesson));
    });
    if let Some(lab) = lesson.lab() {
        let here = lesson.looked.unwrap_or(lesson.step);
        let word = lab.steps.get(here).map_or("Done", |step| kind_word(step.kind));
        let phase = phase_words(lesson, here);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.5 * SPACE;
            for at in 0..=lab.steps.len() {
                dot_ui(ui, ctx, lesson, at);
            }
            ui.add_space(SPACE);
            ui.label(RichText::new(word).strong().size(look::SMALL_PX).color(ctx.theme.accent));
            if here < lab.steps.len() {
                let count = format!("{} of {}{phase}", here + 1, lab.steps.len());
                let words = RichText::new(&count).size(look::SMALL_PX).color(ctx.theme.text_weak);
                // A line that grows would push all that stands below it out of the panel.
                ui.add(egui::Label::new(words).truncate()).on_hover_text(count);
            }
        });
    }
}

/// Returns the phase that a step is about, where there are several.
fn phase_words(lesson: &Lesson, step: usize) -> String {
    let phases = lesson.lab().map_or(0, |lab| lab.phases.len());
    let phase = lesson.phase_of(step);
    match lesson.lab().and_then(|lab| lab.steps.get(step)).map(|step| step.kind) {
        Some(StepKind::Do | StepKind::Observe) if phases > 1 => format!(" · phase {}", phase + 1),
        Some(_) | None => String::new(),
    }
}

/// Returns the word for what a step is for.
pub(super) fn kind_word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Predict => "Predict",
        StepKind::Do => "Do",
        StepKind::Observe => "What happened",
        StepKind::Reflect => "Reflect",
        StepKind::Read => "Read",
    }
}

/// One step of the row of steps; those that are over can be looked at again.
fn dot_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, at: usize) {
    let over = at < lesson.step;
    let here = at == lesson.looked.unwrap_or(lesson.step);
    let lab = lesson.lab();
    let steps = lab.map_or(0, |lab| lab.steps.len());
    let width = if here { 5.0 * look::DOT_PX } else { 2.6 * look::DOT_PX };
    let (rect, response) = ui.allocate_exact_size(vec2(width, 3.0 * look::DOT_PX), Sense::click());
    let bar = egui::Rect::from_center_size(rect.center(), vec2(width, look::DOT_PX));
    let (fill, stroke) = match (here, over) {
        (true, _) => (ctx.theme.accent, Stroke::NONE),
        (false, true) => (ctx.theme.good, Stroke::NONE),
        (false, false) => (ctx.theme.raised, Stroke::NONE),
    };
    ui.painter().rect(bar, look::DOT_PX / 2.0, fill, stroke, egui::StrokeKind::Inside);
    let kind = lab.and_then(|lab| lab.steps.get(at)).map_or("Done", |step| kind_word(step.kind));
    let state = match (here, over) {
        (true, _) => "here",
        (false, true) => "done",
        (false, false) => "to come",
    };
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, over, format!("step {}: {kind}, {state}", at + 1)));
    if response.clicked() && at < steps {
        ctx.in_lab(GuideAction::Look(at));
    }
    response.on_hover_text(format!("{kind}, {state}"));
}

fn lab_menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson) {
    let menu = ui.menu_button(RichText::new("Lab").size(look::SMALL_PX), |ui| {
        if ui.button("All labs…").clicked() {
            ctx.in_lab(GuideAction::ShowLabs);
        }
        if ui.button("Start over").on_hover_text("A new attempt, with other values").clicked() {
            ctx.in_lab(GuideAction::StartOver);
        }
        let (word, other) = match lesson.backend {
            BackendKind::Live => ("Start over, simulated", BackendKind::Sim),
            BackendKind::Sim => ("Start over on real nodes", BackendKind::Live),
        };
        if ui.button(word).clicked() {
            ctx.in_lab(GuideAction::StartOverOn(other));
        }
        ui.separator();
        if ui.button("Close the lab").on_hover_text("The attempt is kept; go on another day").clicked() {
            ctx.in_lab(GuideAction::Close);
        }
    });
    menu.response.on_hover_text("All labs, start over, close");
}
