//! The guide: the lab that is open, step by step, beside the cluster that it is about.

mod ask;
mod demo;
mod end;
mod goals;
mod help;
mod labs;
mod mistakes;
mod so_far;
mod steps;
mod words;

use cluster_core::lab::{Lab, Step, StepKind};
use egui::{Button, RichText, ScrollArea, TextStyle, Ui};

pub use demo::demo_frame_ui;
pub use labs::labs_ui;

use self::words::Words;
use crate::{
    ctx::ViewCtx,
    guide::{GuideAction, Lesson},
    theme::{self, SPACE, guide as look, mix},
    views::View,
};

/// The panel; it keeps what texts were made into, and what is written and not read yet.
#[derive(Default)]
pub struct GuidePanel {
    words: Words,
    /// The thought that is being written: its step, and the text.
    draft: (String, String),
}

impl View for GuidePanel {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let Some(guide) = ctx.guide else {
            ui.weak("There are no labs in this window");
            return;
        };
        to_be_read(ui);
        let Some(lesson) = &guide.lesson else {
            nothing_ui(ui, ctx);
            return;
        };
        self.words.follow(lesson);
        steps::header_ui(ui, ctx, lesson);
        mistakes::mistakes_ui(ui, ctx, lesson);
        let Some(lab) = lesson.lab() else { return };
        ui.add_space(SPACE);
        let place = lesson.looked.unwrap_or(lesson.step);
        // What is new begins at its top: another step, or a demonstration.
        let demo = lesson.run.as_ref().is_some_and(|run| run.demo);
        ScrollArea::vertical().auto_shrink(false).id_salt(("step", place, demo)).show(ui, |ui| {
            // The bar for scrolling stands beside the text, not on it.
            ui.set_max_width(ui.available_width() - SPACE);
            match lesson.shown_step() {
                Some(step) => self.step_ui(ui, ctx, lesson, lab, step),
                None => end::end_ui(ui, ctx, lesson, lab),
            }
            ui.add_space(look::GAP_PX);
        });
        self.words.explanation_ui(ui, ctx);
    }
}

impl GuidePanel {
    fn step_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, lab: &Lab, step: &Step) {
        // What comes and goes by itself has a place of its own, so that what follows keeps its identity: a button under
        // the mouse stays the button that was pressed.
        ui.scope(|ui| {
            if lesson.looked.is_some() {
                ui.horizontal(|ui| {
                    ui.weak("You are looking back");
                    if ui.link("Come back").clicked() {
                        ctx.in_lab(GuideAction::Look(lesson.step));
                    }
                });
            }
        });
        if lesson.step == 0 && lesson.section("intro").is_some() {
            self.words.section_ui(ui, ctx, lesson, "intro", false);
            ui.add_space(look::GAP_PX);
        }
        ui.scope(|ui| {
            if let Some(run) = lesson.run.as_ref().filter(|run| run.demo && lesson.looked.is_none()) {
                demo::demo_ui(ui, ctx, run);
            }
        });
        self.words.section_ui(ui, ctx, lesson, &step.text, true);
        ui.add_space(0.5 * look::GAP_PX);
        let now = lesson.looked.is_none();
        match step.kind {
            StepKind::Predict | StepKind::Observe => ask::ask_ui(ui, ctx, lesson, step, now),
            StepKind::Do => {
                let words = &mut self.words;
                ui.scope(|ui| help::came_ui(ui, ctx, words, lesson, lab));
                ui.scope(|ui| goals::goals_ui(ui, ctx, words, lesson, lab, now));
                if now {
                    ui.scope(|ui| goals::phase_ui(ui, ctx, lesson, lab));
                    ui.scope(|ui| help::help_ui(ui, ctx, words, lesson, lab));
                    goals::on_ui(ui, ctx, lesson);
                }
            }
            StepKind::Reflect => self.reflect_ui(ui, ctx, lesson, step, now),
            StepKind::Read => {
                source_ui(ui, step);
                if now && primary_ui(ui, ctx, &on_words(lesson, lab), None) {
                    ctx.in_lab(GuideAction::GoOn);
                }
            }
        }
    }

    fn reflect_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, step: &Step, now: bool) {
        let kept = lesson.thoughts.get(&step.id).map_or("", String::as_str);
        if !now {
            ui.label(kept);
            return;
        }
        if self.draft.0 != step.id {
            self.draft = (step.id.clone(), kept.to_owned());
        }
        let label = ui.label(RichText::new("Your thoughts").strong());
        let edit = egui::TextEdit::multiline(&mut self.draft.1).desired_rows(7).desired_width(f32::INFINITY);
        let edit = ui.add(edit.margin(SPACE)).labelled_by(label.id);
        if edit.changed() {
            ctx.in_lab(GuideAction::Reflect(self.draft.1.clone()));
        }
        let written = crate::guide::words_in(&self.draft.1);
        let missing = step.min_words.saturating_sub(written);
        let count = match missing {
            0 => format!("{written} words"),
            _ => format!("{written} of at least {} words", step.min_words),
        };
        ui.label(RichText::new(count).size(look::SMALL_PX).color(ctx.theme.text_weak));
        ui.add_space(SPACE);
        let why = (missing > 0).then(|| format!("Write {missing} more words first"));
        if primary_ui(ui, ctx, "Go on", why.as_deref()) {
            ctx.in_lab(GuideAction::GoOn);
        }
    }
}

/// Makes text as large as what is read by a room.
fn to_be_read(ui: &mut Ui) {
    let style = ui.style_mut();
    for (text, size) in [(TextStyle::Body, look::TEXT_PX), (TextStyle::Button, look::TEXT_PX)] {
        style.text_styles.insert(text, egui::FontId::proportional(size));
    }
    style.text_styles.insert(TextStyle::Heading, egui::FontId::proportional(look::HEADING_PX));
    style.text_styles.insert(TextStyle::Small, egui::FontId::proportional(look::SMALL_PX));
}

/// What stands here while no lab is open.
fn nothing_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    ui.add_space(SPACE);
    ui.heading("Guided labs");
    ui.label("Predict, do it, see what happened, and why it matters. A lab takes about a quarter of an hour.");
    ui.add_space(SPACE);
    if primary_ui(ui, ctx, "Choose a lab…", None) {
        ctx.in_lab(GuideAction::ShowLabs);
    }
}

/// Where what is told comes from.
fn source_ui(ui: &mut Ui, step: &Step) {
    if let Some(source) = &step.source {
        ui.horizontal_wrapped(|ui| {
            ui.weak("Source");
            ui.hyperlink_to(shortened(source), source).on_hover_text(source);
        });
        ui.add_space(look::GAP_PX);
    }
}

/// Returns an address without what nobody reads.
fn shortened(address: &str) -> String {
    const LONG: usize = 44;
    let plain = address.trim_start_matches("https://").trim_start_matches("www.").trim_end_matches('/');
    match plain.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain.to_owned(),
    }
}

/// Returns what leads on from a step that is only read.
fn on_words(lesson: &Lesson, lab: &Lab) -> String {
    if lesson.step + 1 >= lab.steps.len() { "Finish".to_owned() } else { "Go on".to_owned() }
}

/// The button that leads on, in the full width. Returns whether it was clicked; `why` says why it cannot be.
fn primary_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, words: &str, why: Option<&str>) -> bool {
    let size = egui::vec2(ui.available_width(), look::BUTTON_PX);
    let text = RichText::new(words).strong().size(look::TEXT_PX);
    let text = (egui::Atom::grow(), text, egui::Atom::grow());
    let fill = mix(ctx.theme.surface, ctx.theme.accent, if ctx.theme.dark { 0.55 } else { 0.30 });
    let button = Button::new(text).min_size(size);
    let button = if why.is_none() { button.fill(fill) } else { button };
    let response = ui.add_enabled(why.is_none(), button);
    response.on_disabled_hover_text(why.unwrap_or_default()).clicked()
}

/// A card on a ground of its own, so that it is one thing.
fn card_ui<R>(ui: &mut Ui, ctx: &ViewCtx<'_>, color: egui::Color32, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let fill = mix(ctx.theme.surface, color, look::CARD_STRENGTH);
    let frame = egui::Frame::new().fill(fill).corner_radius(theme::RADIUS).inner_margin(1.5 * SPACE);
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            // On the ground of a card, a button of the usual color would not be seen.
            ui.visuals_mut().widgets.inactive.weak_bg_fill = mix(ctx.theme.surface, color, look::CARD_BUTTON_STRENGTH);
            contents(ui)
        })
        .inner
}
