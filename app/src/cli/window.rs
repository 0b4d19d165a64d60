//! The window, on a living cluster or on a recording.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use cluster_core::{
    command::{Author, Command},
    event::Conclusion,
    origin::BackendKind,
    session::{DoorPorts, SessionOptions},
    spec::ClusterSpec,
    trace::TraceStore,
};

use super::{Failure, PlayArgs, WindowArgs, foreign, play};
use crate::{
    live::Live,
    recordings,
    source::{Recording, Source, Start},
    window::{MakeSource, Wake, WindowOptions, run_window},
};

/// Opens a window on a living cluster.
pub(super) fn open(args: &WindowArgs) -> Result<(), Failure> {
    let start = Start::Cluster(args.cluster.backend()?, Box::new(args.cluster.spec()?));
    args.cluster.check_live_only(&[
        ("--data-dir", args.data_dir.is_some()),
        ("--base-port", args.base_port.is_some()),
        ("--redis-port", args.redis_port.is_some()),
    ])?;
    let speed = args.cluster.speed()?;
    check_display()?;
    let (record, data_dir, base_port) = (args.record.clone(), args.data_dir.clone(), args.base_port);
    let metrics_port = args.metrics_port;
    let doors = args.redis_port.map_or(DoorPorts::Free, DoorPorts::From);
    let make: MakeSource = Box::new(move |wake| {
        let record = record.or_else(next_recording);
        let options = SessionOptions {
            record,
            data_dir,
            base_port,
            doors,
            metrics_port,
            wake: Some(wake),
            ..SessionOptions::default()
        };
        let mut live = Live::start(start, options)?;
        if let Some(rate) = speed {
            live.send(Author::User, Command::SetRate(rate));
        }
        Ok(Box::new(live) as Box<dyn Source>)
    });
    show(make, WindowOptions { labs: args.labs.clone(), ..WindowOptions::default() })
}

/// Opens a window at a lab. What keeps it from being read is shown there, too.
pub(super) fn open_lab(labs: &Path, folder: &Path, backend: BackendKind, seed: Option<u64>) -> Result<(), Failure> {
    check_display()?;
    let make: MakeSource =
        Box::new(|_| Ok(Box::new(Recording::new(TraceStore::new(ClusterSpec::default()))) as Box<dyn Source>));
    let lab = Some((folder.display().to_string(), backend, seed));
    show(make, WindowOptions { lab, labs: Some(labs.to_owned()), ..WindowOptions::default() })
}

/// Starts a run from the window: on free ports, its data in a temporary folder, recorded like any run of the window.
fn start(start: Start, wake: Wake) -> anyhow::Result<Box<dyn Source>> {
    let record = match &start {
        Start::Kept(_, _, record) => Some(record.clone()),
        Start::Cluster(..) | Start::Fork(..) | Start::Again(_) => next_recording(),
    };
    let options = SessionOptions { record, wake: Some(wake), ..SessionOptions::default() };
    Ok(Box::new(Live::start(start, options)?))
}

/// Opens a file in the window.
fn open_file(path: &Path) -> Result<Recording, String> {
    if foreign::is_recording(path) {
        return Recording::open(path);
    }
    foreign::open(path, None, None).map(Recording::new)
}

fn next_recording() -> Option<PathBuf> {
    recordings::next().map_err(|error| log::warn!("this run is not recorded: {error}")).ok()
}

/// Opens a window on a recording.
pub(super) fn play(args: &PlayArgs) -> Result<(), Failure> {
    let file = &args.file;
    let store = play::open_as(file, args.format, args.expression.as_deref())?;
    let at = args.at.or_else(|| first_violation(&store));
    check_display()?;
    let subject = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let path = file.to_owned();
    let make: MakeSource = Box::new(move |_| Ok(Box::new(Recording::of(store, path)) as Box<dyn Source>));
    show(make, WindowOptions { subject, at, ..WindowOptions::default() })
}

/// Returns when a promise was first seen to be broken: that is what one wants to see of such a recording.
fn first_violation(store: &TraceStore) -> Option<Duration> {
    let promises = store.latest().promises.values();
    let broken = promises.filter(|promise| promise.conclusion == Conclusion::Violated);
    broken.map(|promise| promise.since.since_start()).min()
}

fn show(make: MakeSource, options: WindowOptions) -> Result<(), Failure> {
    let home = recordings::home().map_err(|error| log::warn!("what you do in labs is not kept: {error}")).ok();
    let home = home.map(|home| home.join("labs"));
    let options = WindowOptions { start: Some(start), open: Some(open_file), home, ..options };
    run_window(make, options).map_err(|error| Failure::Run(format!("{error:#}")))
}

/// Says that there is no display before anything was started.
fn check_display() -> Result<(), Failure> {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos"))) && !named("DISPLAY") && !named("WAYLAND_DISPLAY") {
        return Err(Failure::Run(
            "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set); without one, use \
             `faultline run`, `faultline play FILE --at T --json`, `faultline screenshot OUT` or `faultline chart OUT \
             --recording FILE`"
                .to_owned(),
        ));
    }
    Ok(())
}
