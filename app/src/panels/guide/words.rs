//! Sections of a lab's text: Markdown, pictures, and words that open an explanation.

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use egui::{RichText, TextureHandle, TextureOptions, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use crate::{
    ctx::ViewCtx,
    guide::{Entry, Glossary, GuideAction, Lesson, Piece, Section},
    theme::{SPACE, guide as look},
};

/// What texts were made into.
#[derive(Default)]
pub(super) struct Words {
    cache: CommonMarkCache,
    textures: BTreeMap<String, TextureHandle>,
    /// Which edition of which lab all this is of.
    of: (std::path::PathBuf, u32, u64),
    /// Where the word stands that is being explained.
    at: Option<egui::Pos2>,
}

impl Words {
    /// Forgets what is of another lab, or of an earlier edition.
    pub(super) fn follow(&mut self, lesson: &Lesson) {
        let of = (lesson.folder.clone(), lesson.edition, lesson.journal.seed);
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
    }

    /// Shows a section of the text, by its anchor.
    pub(super) fn section_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, anchor: &str, heading: bool) {
        let Some(section) = lesson.section(anchor) else { return };
        if heading && !section.heading.is_empty() {
            ui.heading(RichText::new(&section.heading).strong());
            ui.add_space(0.5 * SPACE);
        }
        self.pieces_ui(ui, ctx, lesson, section);
    }

    /// Shows what stands below the heading of a section.
    pub(super) fn pieces_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, section: &Section) {
        for piece in &section.pieces {
            match piece {
                Piece::Words(words) => self.words_ui(ui, ctx, words),
                Piece::Picture { name, shows } => self.picture_ui(ui, ctx, lesson, name, shows),
            }
        }
    }

    fn words_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, words: &str) {
        let clicked: Rc<Cell<Option<String>>> = Rc::default();
        let click = Rc::clone(&clicked);
        let term = move |ui: &mut Ui, term: &str, _inline: bool| {
            let (id, word) = term.split_once(' ').unwrap_or((term, term));
            let response = ui.link(word);
            if response.clicked() {
                click.set(Some(id.to_owned()));
            }
            if let Some(entry) = Glossary::english().entry(id) {
                response.on_hover_ui(|ui| short_ui(ui, entry));
            }
        };
        ui.scope(|ui| {
            // A line is as high as its letters, or links in it would stand above them.
            ui.spacing_mut().interact_size.y = ui.text_style_height(&egui::TextStyle::Body);
            // Words that are explained are to be found, not to shout.
            ui.visuals_mut().hyperlink_color = crate::theme::mix(ctx.theme.text, ctx.theme.accent, 0.75);
            ui.push_id(words, |ui| {
                let viewer = CommonMarkViewer::new().render_math_fn(Some(&term));
                viewer.show(ui, &mut self.cache, &with_terms(words))
            });
        });
        if let Some(id) = clicked.take() {
            self.at = ui.input(|input| input.pointer.interact_pos());
            ctx.in_lab(GuideAction::Explain(Some(id)));
        }
    }

    fn picture_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, lesson: &Lesson, name: &str, shows: &str) {
        let picture = match lesson.picture(name) {
            Ok(picture) => picture,
            Err(why) => {
                ui.colored_label(ctx.theme.warn, format!("⚠ {name}: {why}"));
                return;
            }
        };
        let texture = self
            .textures
            .entry(name.to_owned())
            .or_insert_with(|| ui.ctx().load_texture(name, picture.as_ref().clone(), TextureOptions::LINEAR));
        let most = egui::vec2(ui.available_width(), look::PICTURE_PX);
        ui.add(egui::Image::new(&*texture).max_size(most).alt_text(shows));
    }

    /// Explains a word beside where it was clicked, until something else is clicked.
    pub(super) fn explanation_ui(&mut self, ui: &Ui, ctx: &ViewCtx<'_>) {
        let explained = ctx.guide.and_then(|guide| guide.explained.as_deref());
        let Some(entry) = explained.and_then(|id| Glossary::english().entry(id)) else { return };
        let at = self.at.unwrap_or_else(|| ui.max_rect().center()) + egui::vec2(0.0, 1.5 * SPACE);
        let area = egui::Area::new(egui::Id::unique("explanation")).order(egui::Order::Foreground).fixed_pos(at);
        let shown = area.constrain(true).show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style())
                .inner_margin(1.75 * SPACE)
                .show(ui, |ui| {
                    ui.set_width(look::CARD_WIDTH);
                    ui.horizontal(|ui| {
                        ui.label(RichText::new(&entry.word).strong().size(look::TEXT_PX + 1.5));
                        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                            let (close, name) = (ui.add(egui::Button::new("✖").frame(false)), "Close the explanation");
                            close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
                            close.on_hover_text(name).clicked()
                        })
                        .inner
                    })
                    .inner
                        | {
                            ui.label(RichText::new(&entry.text).size(look::TEXT_PX));
                            false
                        }
                })
                .inner
        });
        let key = ui.input(|input| input.key_pressed(egui::Key::Escape));
        if shown.inner || key || shown.response.clicked_elsewhere() && self.at.is_some_and(|at| !just_clicked(ui, at)) {
            ctx.in_lab(GuideAction::Explain(None));
        }
    }
}

/// What the address of an explanation begins with.
const SCHEME: &str = "glossary:";

/// Returns whether the click of this frame is the one that opened the explanation.
fn just_clicked(ui: &Ui, at: egui::Pos2) -> bool {
    ui.input(|input| input.pointer.interact_pos()).is_some_and(|now| now.distance(at) < 1.0)
}

/// Explains a word in one sentence, where the pointer rests on it.
fn short_ui(ui: &mut Ui, entry: &Entry) {
    ui.set_max_width(look::CARD_WIDTH);
    ui.label(RichText::new(&entry.word).strong());
    ui.label(entry.short());
    ui.label(RichText::new("Click for all of it").size(look::SMALL_PX).weak());
}

/// Writes words that are explained in the one way in which a viewer of Markdown leaves it to us how they look: as formulas. What
/// else could be taken for a formula is no formula.
fn with_terms(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let code = (first == '`').then(|| rest[1..].find('`').map(|end| end + 2)).flatten();
        if let Some(end) = code {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some((word, id, after)) = term(rest) {
            out.push_str(&format!("${id} {}$", word.replace(['*', '_', '`', '$'], "")));
            rest = after;
        } else if let Some((label, after)) = link_label(rest) {
            // A link that goes on in the next line would lose the space between.
            out.push_str(&format!("[{}]", label.replace('\n', " ")));
            rest = after;
        } else {
            out.push_str(if first == '$' { "\\$" } else { &rest[..first.len_utf8()] });
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Returns the words and the id of an explanation with which a text begins, and what stands behind it.
fn term(text: &str) -> Option<(&str, &str, &str)> {
    let (word, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (id, after) = rest.strip_prefix(SCHEME)?.split_once(')')?;
    (!word.is_empty() && !word.contains(['[', ']'])).then_some((word, id, after))
}

/// Returns the words of any other link with which a text begins, and what stands behind them: its address first.
fn link_label(text: &str) -> Option<(&str, &str)> {
    let (label, after) = text.strip_prefix('[')?.split_once(']')?;
    (after.starts_with('(') && !label.contains(['[', '`', '$'])).then_some((label, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_explained_are_told_from_links_code_and_money() {
        let text = "The [**leader**](glossary:leader) costs $5, see [here](https://example.org), `$L` and [a] (b).";
        let expected = "The $leader leader$ costs \\$5, see [here](https://example.org), `$L` and [a] (b).";
        assert_eq!(with_terms(text), expected);
        assert_eq!(with_terms("[the day\nit died](https://example.org)"), "[the day it died](https://example.org)");
    }
}
