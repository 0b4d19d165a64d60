//! What is wrong with the files of the lab that is open: for its author, where they look.

use egui::{RichText, Ui};

use super::card_ui;
use crate::{
    ctx::ViewCtx,
    guide::Lesson,
    theme::{SPACE, guide as look},
};

/// How many mistakes are shown.
const SHOWN: usize = 6;

/// Lists them, if there are some.
pub(super) fn mistakes_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson) {
    if lesson.mistakes.is_empty() {
        return;
    }
    ui.add_space(SPACE);
    card_ui(ui, ctx, ctx.theme.bad, |ui| {
        ui.label(RichText::new("⚠ This lab cannot be read as it is").strong().color(ctx.theme.bad));
        let about = match lesson.lab() {
            Some(_) => "Your attempt goes on with the lab as it was. It is read again as soon as its files change.",
            None => "It is read again as soon as its files change.",
        };
        ui.label(RichText::new(about).size(look::SMALL_PX));
        for mistake in lesson.mistakes.iter().take(SHOWN) {
            ui.add_space(SPACE);
            let file = mistake.file.rsplit(['/', '\\']).next().unwrap_or_default();
            let mut place = file.to_owned();
            if mistake.line > 0 {
                place = format!("{place}, line {}", mistake.line);
            }
            if !mistake.key.is_empty() {
                place = format!("{place}, {}", mistake.key);
            }
            ui.label(RichText::new(place).strong().size(look::SMALL_PX)).on_hover_text(&mistake.file);
            if mistake.line > 0 {
                ui.add(
                    egui::Label::new(RichText::new(mistake.text.trim()).monospace().size(look::SMALL_PX)).truncate(),
                );
            }
            ui.label(RichText::new(&mistake.problem).size(look::SMALL_PX));
        }
        let more = lesson.mistakes.len().saturating_sub(SHOWN);
        if more > 0 {
            ui.weak(format!("{more} more; `faultline lab check` lists all"));
        }
    });
}
