//! The dialog that opens a recording, or a log or history of others, by its path.

use egui::{Button, Key, RichText, TextEdit, Ui};

use crate::{
    action::Action,
    ctx::ViewCtx,
    panels::Chrome,
    theme::{DIALOG_WIDTH, SPACE},
};

/// Opens the dialog.
pub fn open_file(_: &ViewCtx<'_>, chrome: &mut Chrome) {
    chrome.open_path = Some(String::new());
}

/// Lays the dialog out, while it is open.
pub fn open_file_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, chrome: &mut Chrome) {
    let Some(path) = &mut chrome.open_path else { return };
    let frame = egui::Frame::popup(&egui.global_style()).inner_margin(3.0 * SPACE);
    let modal = egui::Modal::new(egui::Id::unique("open file")).frame(frame).show(egui, |ui| {
        ui.set_width(DIALOG_WIDTH);
        ui.heading("Open a file");
        let about = "A recording, a ShiViz log, the lines of etcd's Raft, or a history of Jepsen or Porcupine. The cluster \
                     that runs ends in good order; its recording is kept.";
        ui.label(RichText::new(about).color(ctx.theme.text_weak));
        ui.add_space(SPACE);
        path_ui(ui, path)
    });
    match modal.inner {
        Some(true) => {
            if let Some(path) = chrome.open_path.take() {
                ctx.act(Action::OpenFile(path.trim().into()));
            }
        }
        Some(false) => chrome.open_path = None,
        None if modal.should_close() => chrome.open_path = None,
        None => {}
    }
}

/// Returns whether to open (`true`) or to give up, once that is decided. A file that is dropped on the window fills it in.
fn path_ui(ui: &mut Ui, path: &mut String) -> Option<bool> {
    if let Some(dropped) = ui.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_path_buf())) {
        *path = dropped.display().to_string();
    }
    let label = ui.label("Path of the file");
    let edit = ui.add(TextEdit::singleline(path).desired_width(f32::INFINITY)).labelled_by(label.id);
    if !edit.has_focus() && path.is_empty() {
        edit.request_focus();
    }
    let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    ui.add_space(SPACE);
    ui.horizontal(|ui| {
        let named = !path.trim().is_empty();
        let open = ui.add_enabled(named, Button::new("Open")).on_disabled_hover_text("Write the path first").clicked();
        let cancel = ui.button("Cancel").clicked();
        if (open || entered) && named { Some(true) } else { cancel.then_some(false) }
    })
    .inner
}
