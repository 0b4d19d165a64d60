//! The one line that says what to try first.

use crate::theme::{SPACE, TAB_HEIGHT, Theme};

/// Shows the hint at the top of `place`; `leader_word` is empty where nobody leads. Returns whether it was dismissed.
pub fn hint_ui(ctx: &egui::Context, place: egui::Rect, theme: &Theme, leader_word: &str) -> bool {
    // Behind the tabs, so that it hides nothing of the picture.
    let at = egui::pos2(place.right() - SPACE, place.top() - 0.5 * TAB_HEIGHT);
    let area = egui::Area::new(egui::Id::unique("hint")).pivot(egui::Align2::RIGHT_CENTER).fixed_pos(at);
    let frame =
        egui::Frame::new().fill(theme.raised).corner_radius(2.0 * SPACE).inner_margin(egui::Margin::symmetric(14, 1));
    area.show(ctx, |ui| {
        let row = |ui: &mut egui::Ui| {
            ui.label(match leader_word {
                "" => "Right-click a node".to_owned(),
                leader => format!("Right-click the {leader}"),
            });
            ui.weak("and crash it");
            ui.add(egui::Button::new("✖").frame(false)).on_hover_text("Dismiss the hint").clicked()
        };
        frame.show(ui, |ui| ui.horizontal(row).inner).inner
    })
    .inner
}
