//! The list of labs: what each is about, how long it takes, and how far you are.

use cluster_core::{lab::LabError, origin::BackendKind};
use egui::{RichText, ScrollArea, Ui, WidgetInfo};

use crate::{
    ctx::ViewCtx,
    guide::{About, GuideAction, Record, Volume},
    panels::Chrome,
    theme::{self, SPACE, guide as look, mix},
};

/// Lays the list out, while it is shown.
pub fn labs_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let Some(guide) = ctx.guide.filter(|guide| guide.labs_shown) else { return };
    let frame = egui::Frame::popup(&egui.global_style()).inner_margin(3.0 * SPACE);
    let modal = egui::Modal::new(egui::Id::unique("labs")).frame(frame).show(egui, |ui| {
        ui.set_width(look::LABS_WIDTH.min(egui.content_rect().width() - 12.0 * SPACE));
        ui.horizontal(|ui| {
            ui.label(RichText::new("Labs").strong().size(look::HEADING_PX));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| backend_ui(ui, chrome));
        });
        ui.label(
            RichText::new("Predict, do it, see what happened, and where it happened before.")
                .color(ctx.theme.text_weak),
        );
        if let Some(pack) = &guide.shelf.pack {
            ui.label(RichText::new(format!("Pack {pack}")).size(look::SMALL_PX).color(ctx.theme.text_weak));
        }
        ui.add_space(SPACE);
        if let Some(trouble) = &guide.shelf.trouble {
            ui.colored_label(ctx.theme.warn, format!("⚠ {trouble}"));
        }
        let height = egui.content_rect().height() - 26.0 * SPACE;
        ScrollArea::vertical().max_height(height.max(20.0 * SPACE)).auto_shrink([false, true]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.75 * SPACE;
            for volume in &guide.shelf.volumes {
                let record = guide.keeper.kept.labs.get(volume.id());
                match &volume.about {
                    Ok(about) => volume_ui(ui, ctx, chrome, volume, about, record),
                    Err(errors) => broken_ui(ui, ctx, chrome, volume, errors),
                }
            }
        });
        ui.add_space(SPACE);
        ui.button("Close").clicked()
    });
    if modal.inner || modal.should_close() {
        ctx.in_lab(GuideAction::HideLabs);
    }
}

/// What runs the clusters of labs.
fn backend_ui(ui: &mut Ui, chrome: &mut Chrome) {
    for (kind, word, about) in [
        (
            BackendKind::Sim,
            "Simulated",
            "In virtual time: lighter on a slow machine, and the same again for the same seed",
        ),
        (BackendKind::Live, "Real nodes", "Sockets, files and threads on this machine"),
    ] {
        ui.selectable_value(&mut chrome.lab_backend, kind, word).on_hover_text(about);
    }
}

fn volume_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &Chrome, volume: &Volume, about: &About, record: Option<&Record>) {
    let fill = mix(ctx.theme.surface, ctx.theme.raised, 0.6);
    let frame =
        egui::Frame::new().fill(fill).corner_radius(theme::RADIUS).inner_margin(egui::Margin::symmetric(14, 10));
    let begun = record.is_some_and(|record| record.open.is_some());
    let finished = record.is_some_and(|record| record.finished > 0);
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let (mark, color) = match (finished, begun) {
                (true, _) => ("✔", ctx.theme.good),
                (false, true) => ("◐", ctx.theme.accent),
                (false, false) => ("○", ctx.theme.text_weak),
            };
            ui.label(RichText::new(mark).size(look::TEXT_PX).color(color));
            ui.label(RichText::new(&about.title).strong().size(look::TEXT_PX + 1.0));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let level = format!("level {} · {} min", about.level, about.minutes);
                ui.label(RichText::new(level).size(look::SMALL_PX).color(ctx.theme.text_weak));
                if let Some(words) = record.and_then(progress_words) {
                    ui.label(RichText::new(words).size(look::SMALL_PX).color(color));
                }
            });
        });
        if !about.lead.is_empty() {
            let lead = RichText::new(&about.lead).size(look::SMALL_PX).color(ctx.theme.text_weak);
            ui.add(egui::Label::new(lead).wrap());
        }
    });
    let rect = shown.response.rect;
    let response = ui.interact(rect, ui.scope_id().with(("lab", volume.id())), egui::Sense::click());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("lab {}", about.title)));
    if response.hovered() || response.has_focus() {
        let stroke = egui::Stroke::new(1.5, ctx.theme.accent);
        ui.painter().rect_stroke(rect, theme::RADIUS, stroke, egui::StrokeKind::Inside);
    }
    if response.clicked() {
        ctx.in_lab(GuideAction::Open(volume.folder.clone(), chrome.lab_backend));
    }
}

fn progress_words(record: &Record) -> Option<String> {
    match (&record.open, record.best) {
        (Some(_), _) => Some("under way".to_owned()),
        (None, Some((points, most))) => Some(format!("{points} of {most} points")),
        (None, None) => None,
    }
}

/// A lab that cannot be read says why; it can be opened all the same, to be mended.
fn broken_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chrome: &Chrome, volume: &Volume, errors: &[LabError]) {
    let fill = mix(ctx.theme.surface, ctx.theme.bad, look::CARD_STRENGTH);
    let frame =
        egui::Frame::new().fill(fill).corner_radius(theme::RADIUS).inner_margin(egui::Margin::symmetric(14, 10));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.colored_label(ctx.theme.bad, "⚠");
            ui.label(RichText::new(volume.id()).strong());
            if ui.link("Open to mend it").clicked() {
                ctx.in_lab(GuideAction::Open(volume.folder.clone(), chrome.lab_backend));
            }
        });
        if let Some(first) = errors.first() {
            let text = RichText::new(first.to_string()).monospace().size(look::SMALL_PX);
            ui.add(egui::Label::new(text).wrap());
        }
    });
}
