//! The one line that says what to try first.

use crate::theme::{SPACE, Theme};

/// Shows the hint at the top of `place`. Returns whether it was dismissed.
pub fn hint_ui(ctx: &egui::Context, place: egui::Rect, theme: &Theme) -> bool {
    let at = egui::pos2(place.center().x, place.top() + 1.5 * SPACE);
    let area = egui::Area::new(egui::Id::unique("hint")).pivot(egui::Align2::CENTER_TOP).fixed_pos(at);
    let frame =
        egui::Frame::new().fill(theme.raised).corner_radius(2.0 * SPACE).inner_margin(egui::Margin::symmetric(16, 6));
    area.show(ctx, |ui| {
        let row = |ui: &mut egui::Ui| {
            ui.label("Right-click the leader");
            ui.weak("and crash it");
            ui.add(egui::Button::new("✖").frame(false)).on_hover_text("Dismiss the hint").clicked()
        };
        frame.show(ui, |ui| ui.horizontal(row).inner).inner
    })
    .inner
}
