//! Names and values under each other, aligned, with figures of one width.

use egui::{RichText, Ui};

use crate::{ctx::ViewCtx, theme::SPACE};

/// Shows what is inspected.
pub(super) fn title(ui: &mut Ui, ctx: &ViewCtx<'_>, name: &str, kind: &str) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).heading().color(ctx.theme.text));
        ui.weak(kind);
    });
    ui.add_space(0.5 * SPACE);
}

/// Begins a part.
pub(super) fn section(ui: &mut Ui, name: &str) {
    ui.add_space(1.5 * SPACE);
    ui.label(RichText::new(name).strong().small());
}

/// Rows of a name and a value.
pub(super) struct Rows<'a> {
    ui: &'a mut Ui,
}

/// The width of the column of names.
const NAMES_WIDTH: f32 = 104.0;

/// Lays rows of a name and a value out.
pub(super) fn grid(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Rows<'_>)) {
    let grid = egui::Grid::new(id)
        .num_columns(2)
        .min_col_width(NAMES_WIDTH)
        .min_row_height(2.25 * SPACE)
        .spacing([SPACE, 0.5 * SPACE]);
    grid.show(ui, |ui| add(&mut Rows { ui }));
}

impl Rows<'_> {
    /// Adds a row.
    pub(super) fn row(&mut self, name: &str, value: impl Into<String>) {
        self.colored(name, value, None);
    }

    /// Adds a row whose value has a meaning that a color underlines.
    pub(super) fn colored(&mut self, name: &str, value: impl Into<String>, color: Option<egui::Color32>) {
        let mut text = RichText::new(value).monospace();
        if let Some(color) = color {
            text = text.color(color);
        }
        self.with(name, |ui| drop(ui.add(egui::Label::new(text).wrap())));
    }

    /// Adds a row with a control.
    pub(super) fn with(&mut self, name: &str, add: impl FnOnce(&mut Ui)) {
        self.ui.weak(name);
        add(self.ui);
        self.ui.end_row();
    }
}
