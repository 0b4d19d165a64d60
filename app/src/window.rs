//! The native window: the only place that knows eframe.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use cluster_core::origin::BackendKind;

use crate::{
    action::Action,
    app::{App, Opener},
    settings::{SETTINGS_KEY, Settings},
    source::{Source, Start},
    theme,
};

/// Makes the source, given what to call when events wait (from any thread).
pub type MakeSource = Box<dyn FnOnce(Wake) -> anyhow::Result<Box<dyn Source>>>;

/// Asks the window to look for events.
pub type Wake = Box<dyn Fn() + Send>;

/// Starts a run from a window that is open, given what to call when events wait.
pub type StartRun = fn(Start, Wake) -> anyhow::Result<Box<dyn Source>>;

/// How a window is opened.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// The title behind the program's name, such as the file that is played.
    pub subject: Option<String>,
    /// The dark theme (`true`), the light one, or the one used last.
    pub dark: Option<bool>,
    /// Its size in points, if not the usual one.
    pub size: Option<(f32, f32)>,
    /// The moment to show first.
    pub at: Option<std::time::Duration>,
    /// How another run is started from it.
    pub start: Option<StartRun>,
    /// How a file is opened in it.
    pub open: Option<Opener>,
    /// The folder of labs.
    pub labs: Option<PathBuf>,
    /// The lab to open first: its id or folder, what runs its clusters, and the seed of a fresh attempt.
    pub lab: Option<(String, BackendKind, Option<u64>)>,
    /// Where what learners do is kept.
    pub home: Option<PathBuf>,
}

/// Opens the window and returns when it was closed. Without a display, says so.
pub fn run_window(make: MakeSource, options: WindowOptions) -> anyhow::Result<()> {
    let size = options.size.map_or(theme::WINDOW_SIZE, |(width, height)| egui::vec2(width, height));
    let title = options.subject.as_ref().map_or_else(|| "Faultline".to_owned(), |what| format!("{what} · Faultline"));
    let viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_app_id("faultline")
        .with_inner_size(size)
        .with_min_inner_size(theme::WINDOW_MIN);
    let native = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        persist_window: false,
        ..Default::default()
    };
    eframe::run_native(
        "faultline",
        native,
        Box::new(move |creation| {
            let mut settings: Settings =
                creation.storage.and_then(|storage| eframe::get_value(storage, SETTINGS_KEY)).unwrap_or_default();
            settings.dark = options.dark.unwrap_or(settings.dark);
            let source = make(wake_of(&creation.egui_ctx))?;
            close_on_signal(&creation.egui_ctx);
            let mut app = App::new(source, settings);
            app.set_up(&creation.egui_ctx);
            if let Some(start) = options.start {
                let ctx = creation.egui_ctx.clone();
                app.set_starter(Box::new(move |what| start(what, wake_of(&ctx)).map_err(|why| format!("{why:#}"))));
            }
            if let Some(open) = options.open {
                app.set_opener(open);
            }
            app.set_labs(options.labs.unwrap_or_else(|| "labs".into()), options.home);
            if let Some((lab, backend, seed)) = options.lab {
                app.open_lab(&lab, backend, seed, &creation.egui_ctx);
            }
            if let Some(at) = options.at {
                app.act(Action::Seek(at.into()), &creation.egui_ctx);
            }
            Ok(Box::new(Window(app)))
        }),
    )
    .map_err(|error| anyhow!("{error}"))
    .context("the window did not open")
}

fn wake_of(ctx: &egui::Context) -> Wake {
    let ctx = ctx.clone();
    Box::new(move || ctx.request_repaint_after(theme::FRAME))
}

/// Ctrl-C and `kill` close the window as its button does: the cluster ends in good order, the recording is whole.
fn close_on_signal(ctx: &egui::Context) {
    let ctx = ctx.clone();
    let close = move || {
        ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        ctx.request_repaint();
    };
    if let Err(error) = ctrlc::set_handler(close) {
        log::warn!("signals will end the program at once: {error}");
    }
}

struct Window(App);

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _: &mut eframe::Frame) {
        self.0.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.0.root_ui(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::set_value(storage, SETTINGS_KEY, self.0.settings());
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        if let Err(trouble) = self.0.finish() {
            log::error!("{trouble}");
        }
    }
}
