//! `faultline screenshot`: a picture of the window without a display.

use std::{path::Path, time::Duration};

use cluster_core::{
    event::TraceEvent,
    headless::{self, Phase, Plan},
    ids::Seq,
    origin::{BackendKind, Origin},
    script::{Timed, did_you_mean},
    session::{Session, SessionOptions},
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, TraceStore},
};
use egui::vec2;

use super::{Failure, ScreenshotArgs, ThemeWord, play::open, run::failure_of, stop};
use crate::{
    action::{Action, Selection},
    app::App,
    layout, offscreen,
    settings::Settings,
    source::Recording,
    theme::Theme,
};

/// How long a cluster runs for its picture.
const RUN_FOR: Duration = Duration::from_secs(4);
/// How many frames it takes until every part has found its size, and every list has scrolled to the moment shown.
const FRAMES: usize = 45;

/// Does what the flags say.
pub(super) fn screenshot(args: &ScreenshotArgs) -> Result<(), Failure> {
    if let Some(view) = &args.view {
        check_view(view)?;
    }
    check_out(&args.out)?;
    let store = match &args.recording {
        Some(file) => open(file)?,
        None => short_run(&args.cluster.spec()?, args.cluster.backend()?)?,
    };
    let at = args.at.map_or_else(|| moment_worth_seeing(&store, args), Timestamp::from);
    let dark = args.theme == ThemeWord::Dark;
    let settings = Settings { dark, hint_seen: true, ..Settings::default() };
    let mut app = App::new(Box::new(Recording::new(store)), settings);
    let theme = if dark { Theme::dark() } else { Theme::light() };
    let size = vec2(args.size.0 as f32, args.size.1 as f32);
    let mut ready = false;
    let image = offscreen::render(size, args.scale, &theme, FRAMES, |ui| {
        if !ready {
            ready = true;
            app.set_up(ui.ctx());
            app.logic(ui.ctx());
            let view = args.view.as_ref().and_then(|view| layout::rows().find(|row| row.id == view));
            let event = args.event.map(|seq| Action::Select(Selection::Event(Seq(seq))));
            let select = args.select.map(|node| Action::Select(Selection::node(node))).or(event);
            let show = view.map(|row| Action::ShowView(row.id));
            let actions = [Some(Action::Seek(at)), select, show];
            actions.into_iter().flatten().for_each(|action| app.act(action, ui.ctx()));
        }
        app.root_ui(ui);
    });
    image
        .save_with_format(&args.out, image::ImageFormat::Png)
        .map_err(|error| Failure::Input(format!("cannot write {}: {error}; choose another place", args.out.display())))
}

/// Of a run that was made for the picture, a moment while messages are under way; of a recording, its end.
fn moment_worth_seeing(store: &TraceStore, args: &ScreenshotArgs) -> Timestamp {
    if args.recording.is_some() {
        return store.end();
    }
    let from = store.seq_at(store.end() - Duration::from_secs(1));
    let mut best = (0, store.end());
    let mut state = store.state_at(from);
    store.each(from..store.len(), &mut |event| {
        state.apply(event);
        best = best.max((state.flights.len(), event.at));
    });
    best.1
}

fn check_view(view: &str) -> Result<(), Failure> {
    let known: Vec<_> = layout::rows().map(|row| row.id).collect();
    if known.contains(&view) {
        return Ok(());
    }
    let meant = did_you_mean(view, known.iter().copied());
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    Err(Failure::Usage(format!("there is no view `{view}`, the views are {}{meant}", known.join(", "))))
}

/// Finds out before the work is done.
fn check_out(out: &Path) -> Result<(), Failure> {
    let png = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if !png {
        return Err(Failure::Usage(format!(
            "{} is no name of a PNG file; write for example cluster.png",
            out.display()
        )));
    }
    match out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => Err(Failure::Input(format!("there is no folder {}; make it first", folder.display()))),
        None => Ok(()),
    }
}

/// Lets a cluster run for a moment, and returns what happened.
fn short_run(spec: &ClusterSpec, backend: BackendKind) -> Result<TraceStore, Failure> {
    let mut keeper = Keeper(TraceStore::of(spec.clone(), Origin::of(backend)));
    let plan = Plan { run_for: RUN_FOR, ..Plan::default() };
    let outcome = match backend {
        BackendKind::Live => {
            let session = Session::live(spec.clone(), SessionOptions::default()).map_err(failure_of)?;
            let outcome = headless::run(&session, spec, plan, &mut keeper, &stop::flag());
            session.finish().map_err(failure_of)?;
            outcome
        }
        BackendKind::Sim => headless::simulate(spec, plan, None, &mut keeper, &stop::flag()),
    };
    outcome.map_err(Failure::run)?;
    Ok(keeper.0)
}

struct Keeper(TraceStore);

impl headless::Watch for Keeper {
    fn on_event(&mut self, event: &TraceEvent, _: &ClusterState) {
        self.0.append(vec![event.clone()]);
    }

    fn on_tick(&mut self, _: &ClusterState, _: Phase) {}

    fn on_line(&mut self, _: &Timed, _: Timestamp) {}
}

/// Reads `1440x900`.
pub(super) fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match sides {
        Some((width, height)) if (200..=8000).contains(&width) && (200..=8000).contains(&height) => Ok((width, height)),
        Some(_) => Err("each side must be 200 to 8000".to_owned()),
        None => Err("write a width and a height, such as 1440x900".to_owned()),
    }
}

/// Reads a scale.
pub(super) fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(scale) if (0.5..=4.0).contains(&scale) => Ok(scale),
        Ok(_) | Err(_) => Err("give 0.5 to 4".to_owned()),
    }
}
