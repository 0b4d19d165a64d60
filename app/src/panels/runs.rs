//! The runs at hand: the tree of branches that the run shown belongs to, and those beside it; its bookmarks.

use std::time::{Duration, SystemTime};

use cluster_core::{ids::Seq, registry};
use egui::{Button, RichText, ScrollArea, TextEdit, Ui};

use crate::{
    ctx::ViewCtx,
    format,
    theme::SPACE,
    travel::{Kin, Travel, TravelAction},
    views::View,
};

/// How many other runs are listed.
const OTHERS_MAX: usize = 12;

/// The panel.
#[derive(Default)]
pub struct Runs {
    /// The bookmark whose name is being written, and what it says so far.
    naming: Option<(u64, String)>,
}

impl View for Runs {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let Some(travel) = ctx.travel else { return };
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            fork_ui(ui, ctx);
            ui.add_space(SPACE);
            let tree = travel.family.tree();
            if tree.is_empty() {
                ui.weak("This run is not recorded: it has no branches that could be shown");
            }
            for (depth, kin) in tree {
                kin_ui(ui, ctx, travel, kin, depth);
            }
            self.bookmarks_ui(ui, ctx, travel);
            let others = travel.family.others();
            if !others.is_empty() {
                ui.add_space(SPACE);
                ui.label(RichText::new("Other runs").strong());
                for kin in others.iter().take(OTHERS_MAX) {
                    kin_ui(ui, ctx, travel, kin, 0);
                }
                if others.len() > OTHERS_MAX {
                    ui.weak(format!("and {} older ones", others.len() - OTHERS_MAX));
                }
            }
        });
    }
}

/// What can be made of the run that is shown.
fn fork_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    ui.horizontal_wrapped(|ui| {
        let simulated = ctx.store.origin().is_simulated();
        let fork = Button::new(RichText::new("Fork here").strong());
        let why_not = "A live run cannot be forked: real time is never twice the same";
        let fork = ui.add_enabled(simulated && ctx.startable, fork).on_disabled_hover_text(why_not);
        if fork.on_hover_text("Go on differently from the cursor; this run is kept (E)").clicked() {
            ctx.travel(TravelAction::Fork);
        }
        let about = match simulated {
            true => "Execute it again from its seed and its commands: the same in every bit",
            false => "Ask the same of real nodes at the same cluster times; what comes of it may differ",
        };
        let again = ui.add_enabled(ctx.startable, Button::new("Run again"));
        if again.on_hover_text(about).on_disabled_hover_text("This window can start no cluster").clicked() {
            ctx.travel(TravelAction::RunAgain);
        }
    });
}

/// One run: what it is, when it left its parent, and what can be done with it.
fn kin_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, travel: &Travel, kin: &Kin, depth: usize) {
    let shown = kin.name == travel.family.shown;
    ui.horizontal(|ui| {
        ui.add_space(1.5 * SPACE * depth as f32);
        if depth > 0 {
            ui.label(RichText::new("└").color(ctx.theme.text_weak));
        }
        let mut text = RichText::new(title(kin));
        if shown {
            text = text.strong().color(ctx.theme.accent);
        }
        let row =
            ui.add(Button::new(text).frame(false).wrap_mode(egui::TextWrapMode::Truncate)).on_hover_text(about(kin));
        if row.clicked() && !shown {
            ctx.travel(TravelAction::Open(kin.file.clone()));
        }
        if shown {
            ui.weak("shown");
        } else {
            let compared = travel.twin.as_ref().is_some_and(|twin| twin.file == kin.file);
            let label = format!("Compare with {}", title(kin));
            let compare = ui.add(Button::new("Compare").small().selected(compared));
            compare.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
            if compare.on_hover_text("Lay it beside the run that is shown").clicked() {
                ctx.travel(TravelAction::Compare((!compared).then(|| kin.file.clone())));
            }
        }
    });
}

fn title(kin: &Kin) -> String {
    match &kin.origin.branch {
        Some(branch) => format!("Branch at {}", branch.at),
        None => {
            let title = registry::protocol(&kin.spec.protocol).map_or(kin.spec.protocol.as_str(), |row| row.title);
            let kind = if kin.origin.is_simulated() { "simulated" } else { "live" };
            let stem = kin.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            // The names that the window gives are numbers; one that somebody gave says more than an age.
            let named = stem.chars().any(char::is_alphabetic);
            format!("{title}, {kind}, {}", if named { stem } else { age(kin) })
        }
    }
}

fn about(kin: &Kin) -> String {
    format!(
        "{} of {}, seed {}, {} long, {}\n{}",
        if kin.origin.is_simulated() { "Simulated run" } else { "Live run" },
        format::counted(kin.spec.nodes.len() as u64, "node"),
        kin.spec.seed,
        kin.end,
        format::counted(kin.events.0, "event"),
        kin.file.display()
    )
}

/// Says how long ago a run began, roughly.
fn age(kin: &Kin) -> String {
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(kin.created_unix_ms);
    let secs = SystemTime::now().duration_since(began).unwrap_or_default().as_secs();
    match secs {
        0..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", secs / 60),
        3600..86_400 => format!("{} h ago", secs / 3600),
        _ => format!("{} d ago", secs / 86_400),
    }
}

impl Runs {
    fn bookmarks_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, travel: &Travel) {
        ui.add_space(SPACE);
        ui.horizontal(|ui| {
            ui.label(RichText::new("Bookmarks").strong());
            if ui.small_button("Set here").on_hover_text("A bookmark at the cursor, or none (I)").clicked() {
                ctx.travel(TravelAction::ToggleBookmark);
            }
        });
        if travel.bookmarks.list().is_empty() {
            ui.weak("None yet");
        }
        for mark in travel.bookmarks.list() {
            ui.horizontal(|ui| self.bookmark_ui(ui, ctx, mark));
        }
    }

    fn bookmark_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, mark: &crate::travel::Bookmark) {
        let next = Seq(mark.next);
        if let Some((named, name)) = &mut self.naming
            && *named == mark.next
        {
            let edit = ui.add(TextEdit::singleline(name).desired_width(14.0 * SPACE));
            edit.request_focus();
            if edit.lost_focus() || ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                ctx.travel(TravelAction::RenameBookmark(next, name.clone()));
                self.naming = None;
            }
            return;
        }
        ui.label(RichText::new("⚑").color(ctx.theme.accent));
        let name = Button::new(&mark.name).frame(false).wrap_mode(egui::TextWrapMode::Truncate);
        if ui.add(name).on_hover_text(format!("Show {}", mark.at())).clicked() {
            ctx.act(crate::action::Action::Seek(mark.at()));
        }
        if ui.small_button("Name").clicked() {
            self.naming = Some((mark.next, mark.name.clone()));
        }
        if ui.small_button("✖").on_hover_text("Remove this bookmark").clicked() {
            ctx.travel(TravelAction::RemoveBookmark(next));
        }
    }
}
