//! Sections of a lab's text: Markdown, pictures, and words that open an explanation.

use std::collections::BTreeMap;

use cluster_core::lab::Lab;
use egui::{RichText, TextureHandle, TextureOptions, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use crate::{
    ctx::ViewCtx,
    guide::{Glossary, GuideAction, Lesson, Piece, Section},
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
        let links: Vec<&str> = links(words).collect();
        for link in &links {
            self.cache.add_link_hook(*link);
        }
        ui.scope(|ui| {
            // A line is as high as its letters, or links in it would stand above them.
            ui.spacing_mut().interact_size.y = ui.text_style_height(&egui::TextStyle::Body);
            // Words that are explained are to be found, not to shout.
            ui.visuals_mut().hyperlink_color = crate::theme::mix(ctx.theme.text, ctx.theme.accent, 0.75);
            ui.push_id(words, |ui| CommonMarkViewer::new().show(ui, &mut self.cache, words));
        });
        for link in links {
            if self.cache.get_link_hook(link) == Some(true) {
                let id = link.trim_start_matches(SCHEME).to_owned();
                self.at = ui.input(|input| input.pointer.interact_pos());
                ctx.in_lab(GuideAction::Explain(Some(id)));
            }
        }
        self.cache.link_hooks_clear();
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

/// Returns the addresses of explanations in a text.
fn links(words: &str) -> impl Iterator<Item = &str> {
    words.split("](").skip(1).filter_map(|rest| {
        let (address, _) = rest.split_once(')')?;
        address.starts_with(SCHEME).then_some(address)
    })
}

/// Returns the title of a goal: the heading of its section, or its id in words.
pub(super) fn goal_title(lesson: &Lesson, lab: &Lab, id: &str) -> String {
    debug_assert!(lab.goals.iter().any(|goal| goal.id == id));
    let heading = lesson.section(&format!("goal-{id}")).map(|section| section.heading.clone());
    heading.filter(|heading| !heading.is_empty()).unwrap_or_else(|| crate::guide::words_of(id))
}
