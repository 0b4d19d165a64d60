//! The whole window in a test, without a display.

use egui_kittest::Harness;
use faultline::{app::App, settings::Settings, source::Source, theme};

/// Opens the window on a source and draws two frames.
pub(crate) fn window(source: Box<dyn Source>, settings: Settings) -> Harness<'static, App> {
    let dark = settings.dark;
    let set_up = move |ctx: &egui::Context| {
        theme::install(ctx);
        ctx.set_theme(if dark { egui::Theme::Dark } else { egui::Theme::Light });
    };
    let app = App::new(source, settings);
    let ui = |ui: &mut egui::Ui, app: &mut App| {
        app.logic(ui.ctx());
        app.root_ui(ui);
    };
    let size = egui::vec2(1280.0, 800.0);
    let mut harness = Harness::builder().with_size(size).with_context_setup(set_up).build_ui_state(ui, app);
    harness.run_steps(2);
    harness
}
