//! The line that says which file is being read, and how to give that up.

use crate::{
    action::Action,
    ctx::ViewCtx,
    panels::banner_ui,
    reading::{Purpose, Reading},
};

/// Shows the line at the top of `place`, while a file is being read.
pub fn reading_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, place: egui::Rect, reading: Option<&Reading>) {
    let Some(reading) = reading else { return };
    let name = match reading.purpose() {
        Purpose::Show | Purpose::ShowEnd => "Reading",
        Purpose::Compare => "Reading to compare",
    };
    banner_ui(egui, ctx, place, (name, &reading.name()), ("Give it up", "", Action::GiveUpReading));
}
