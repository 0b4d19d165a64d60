//! `faultline run`: a cluster without a window.

use std::{
    io::Read,
    path::Path,
    time::{Duration, SystemTime},
};

use cluster_core::{
    command::{Author, Command},
    event::TraceEvent,
    fault::FaultKind,
    headless::{self, Chaos, Finished, HeadlessError, Phase, Plan},
    origin::BackendKind,
    script::{Script, Timed},
    session::{DoorPorts, Session, SessionError, SessionOptions},
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, Summarizer, Summary},
};

use super::{
    Failure, RunArgs,
    failure::print,
    nemesis::{nemesis_words, summary_json},
    progress::Progress,
    stop,
    summary_text::summary_text,
};

/// How long a run lasts if nobody says: without a script, and behind the last line of one.
const RUN_FOR: Duration = Duration::from_secs(10);
const AFTER_SCRIPT: Duration = Duration::from_secs(5);
const WITH_NEMESIS: Duration = Duration::from_secs(30);

/// Does what the flags say.
pub(super) fn run(args: &RunArgs) -> Result<(), Failure> {
    let spec = args.cluster.spec()?;
    let script = read_scripts(args)?;
    let chaos = args.nemesis.chaos()?;
    let run_for = args.run_for.unwrap_or_else(|| match (&chaos, script.timed.is_empty()) {
        (None, true) => RUN_FOR,
        (None, false) => script.end() + AFTER_SCRIPT,
        (Some(_), _) => WITH_NEMESIS.max(script.end() + AFTER_SCRIPT),
    });
    if let Some(chaos) = chaos.as_ref().filter(|chaos| chaos.quiet >= run_for) {
        let (quiet, whole) = (humantime::format_duration(chaos.quiet), humantime::format_duration(run_for));
        return Err(Failure::Usage(format!(
            "a quiet phase of {quiet} leaves the nemesis no time in a run of {whole}; give a longer --for, or a shorter \
             --nemesis-quiet"
        )));
    }
    let progress = Progress::new(args.quiet);
    let mut watcher = Watcher { summary: Summarizer::default(), progress, chaos: chaos.clone(), kinds: Vec::new() };
    for line in script.timed.iter().filter(|line| line.at >= run_for) {
        watcher.progress.say(&format!(
            "warning: {}, line {}: `{}` comes after the end of the run; give a longer --for",
            line.file, line.line, line.text
        ));
    }
    args.cluster.check_live_only(&[
        ("--data-dir", args.data_dir.is_some()),
        ("--base-port", args.base_port.is_some()),
        ("--redis-port", args.redis_port.is_some()),
        ("--metrics-port", args.metrics_port.is_some()),
    ])?;
    let plan = Plan { run_for, script, nemesis: chaos.clone() };
    let (outcome, finished) = match args.cluster.backend()? {
        BackendKind::Live => live(args, spec, plan, &mut watcher)?,
        BackendKind::Sim => {
            let record = args.record.as_deref().map(|path| (path, unix_millis()));
            (headless::simulate(&spec, plan, record, &mut watcher, &stop::flag()), Ok(()))
        }
    };
    let Watcher { summary, progress, kinds, .. } = watcher;
    drop(progress);
    let outcome = outcome.map_err(|error| match error {
        HeadlessError::Script(_) | HeadlessError::Spec(_) | HeadlessError::Recording(_) => Failure::input(error),
        HeadlessError::Ended(_) => Failure::run(error),
    })?;
    if outcome.cut_short && !args.quiet {
        eprintln!("stopped at {}; the summary is of the run so far", outcome.state.at);
    }
    let summary = summary.finish(&outcome.state);
    print(&match args.json {
        true => summary_json(&summary, chaos.as_ref(), &kinds).map_err(Failure::run)?,
        false => summary_text(&summary, chaos.as_ref().map(|chaos| nemesis_words(chaos, &kinds))),
    })?;
    finished.map_err(failure_of)?;
    verdict(args, &summary)
}

/// Says whether the run found what it was to fail for.
fn verdict(args: &RunArgs, summary: &Summary) -> Result<(), Failure> {
    if args.fail_if_lost && summary.lost_acknowledged > 0 {
        return Err(Failure::Lost(format!("{} acknowledged writes were lost", summary.lost_acknowledged)));
    }
    match summary.available_at_end {
        Some(false) if args.fail_if_unavailable => {
            Err(Failure::Lost("the last write of the run was not acknowledged".to_owned()))
        }
        None if args.fail_if_unavailable => {
            Err(Failure::Lost("nobody wrote, so nobody knows whether the cluster was available".to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

type Ran = (Result<Finished, HeadlessError>, Result<(), SessionError>);

/// Runs real nodes; returns how it went, and how it ended.
fn live(args: &RunArgs, spec: ClusterSpec, plan: Plan, watcher: &mut Watcher) -> Result<Ran, Failure> {
    let speed = args.cluster.speed()?;
    let options = SessionOptions {
        record: args.record.clone(),
        data_dir: args.data_dir.clone(),
        base_port: args.base_port,
        metrics_port: args.metrics_port,
        doors: args.redis_port.map_or(DoorPorts::Free, DoorPorts::From),
        ..SessionOptions::default()
    };
    let stop = stop::flag();
    let session = Session::live(spec.clone(), options).map_err(failure_of)?;
    if let Some(rate) = speed {
        session.send(Author::User, Command::SetRate(rate));
    }
    let outcome = headless::run(&session, &spec, plan, watcher, &stop);
    Ok((outcome, session.finish()))
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A port, a folder or a file that cannot be used is the user's to change; everything else went wrong on the way.
pub(super) fn failure_of(error: SessionError) -> Failure {
    match error {
        SessionError::Spec(_)
        | SessionError::Port { .. }
        | SessionError::PortsEnd { .. }
        | SessionError::PortsOverlap { .. }
        | SessionError::MetricsPort { .. }
        | SessionError::DataDir { .. }
        | SessionError::Recording(_) => Failure::input(error),
        SessionError::Thread(_) | SessionError::Broken => Failure::run(error),
    }
}

fn read_scripts(args: &RunArgs) -> Result<Script, Failure> {
    let mut all = Script::default();
    for path in &args.scripts {
        let (name, text) = read(path)?;
        let script = Script::parse(&name, &text).map_err(Failure::input)?;
        all.timed.extend(script.timed);
    }
    all.timed.sort_by_key(|timed| timed.at);
    Ok(all)
}

fn read(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let (name, bytes) = if name == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().read_to_end(&mut bytes);
        ("standard input".to_owned(), read.map(|_| bytes))
    } else {
        (name, std::fs::read(path))
    };
    let bytes = bytes.map_err(|why| {
        Failure::Input(format!("cannot read the fault script {name}: {why}; check its name, `-` reads standard input"))
    })?;
    String::from_utf8(bytes).map(|text| (name.clone(), text)).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
        Failure::Input(format!("{name}, line {line}: this is no text in UTF-8; a fault script is a small text file"))
    })
}

struct Watcher {
    summary: Summarizer,
    progress: Progress,
    chaos: Option<Chaos>,
    kinds: Vec<FaultKind>,
}

impl headless::Watch for Watcher {
    fn on_event(&mut self, event: &TraceEvent, state: &ClusterState) {
        self.summary.apply(event, state);
        self.progress.on_event(event);
    }

    fn on_tick(&mut self, state: &ClusterState, phase: Phase) {
        self.progress.on_tick(state, phase);
    }

    fn on_line(&mut self, line: &Timed, at: Timestamp) {
        self.progress.on_line(line, at);
    }

    fn on_nemesis(&mut self, kinds: &[FaultKind]) {
        self.kinds = kinds.to_vec();
        if let Some(chaos) = &self.chaos {
            self.progress.on_nemesis(&nemesis_words(chaos, kinds));
        }
    }
}
