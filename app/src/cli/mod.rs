//! The command line: what can be said, and one file for each thing that is done.

mod chart;
mod check;
mod check_file;
mod check_words;
mod cluster;
mod diff;
mod export;
mod failure;
mod faults;
pub(crate) mod foreign;
mod hunt;
mod hunt_words;
mod lab;
mod lab_grade;
mod lab_new;
mod lab_pack;
mod lab_words;
mod nemesis;
mod play;
mod progress;
mod protocols;
mod rerun;
mod run;
mod screenshot;
mod several;
mod state_json;
mod stop;
mod summary_text;
mod why_text;
mod window;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use cluster::ClusterArgs;
pub use failure::Failure;
pub use hunt::HuntArgs;
pub use lab::LabArgs;
pub use nemesis::NemesisArgs;

/// Faultline: a lab for distributed systems. Real nodes on loopback, broken by mouse.
#[derive(Debug, Parser)]
#[command(name = "faultline", version, args_conflicts_with_subcommands = true, max_term_width = 120, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do; the window if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The window's own flags.
    #[command(flatten)]
    pub window: WindowArgs,
}

const AFTER_HELP: &str = "\
Without a command, a window opens on a living cluster. Without a display, use `run`, `play FILE --at T --json`, \
`screenshot` and `chart`.

Exit codes: 0 done; 1 `run --fail-if-lost` found acknowledged writes lost, `--fail-if-unavailable` no service, `check` a \
broken promise, `rerun` or `diff` a difference; 2 the command line is wrong, or `check` could not decide; 3 a cluster, \
script, recording or history cannot be used; 4 the run failed.";

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a cluster without a window, strikes it by script, and tells what came of it.
    Run(RunArgs),
    /// Opens a recording in the window, or prints the cluster's state at a moment.
    Play(PlayArgs),
    /// Executes a recording again: a simulated run must be the same bit for bit, a live one may differ.
    Rerun(RerunArgs),
    /// Lays two recordings beside each other: where they begin to differ, and in what.
    Diff(DiffArgs),
    /// Makes a picture of the window without a display.
    Screenshot(ScreenshotArgs),
    /// Draws lag, throughput and latency of a recording, with the spans of its faults.
    Chart(ChartArgs),
    /// Writes a recording in the format of another tool.
    Export(ExportArgs),
    /// Checks recordings and histories of others: do they keep a promise, and what shows it if not.
    Check(CheckArgs),
    /// Looks for runs in which a protocol breaks a promise: many seeds, faults at random; what is found is made small.
    Hunt(HuntArgs),
    /// Guided labs: lists, checks, runs and begins them.
    Lab(LabArgs),
    /// Lists the protocols with their knobs and variants.
    Protocols,
    /// Lists the verbs of fault scripts.
    Verbs,
    /// Lists the faults, tries them, or measures what each does.
    Faults(FaultsArgs),
}

/// The window's own flags.
#[derive(Args, Debug)]
pub struct WindowArgs {
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Record the run to this file [default: a file in the user's data folder; the newest ten runs are kept].
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The folder of labs [default: labs].
    #[arg(long, value_name = "DIR")]
    pub labs: Option<PathBuf>,
    /// Keep the nodes' data in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Give n1 this port, n2 the next one, and so on; free ports if absent.
    #[arg(long, value_name = "PORT")]
    pub base_port: Option<u16>,
    /// Let clients of the Redis protocol in: at n1 on this port, at n2 on the next one, and so on [default: free ports].
    #[arg(long, value_name = "PORT")]
    pub redis_port: Option<u16>,
    /// Give numbers for dashboards, in the OpenMetrics format, at http://127.0.0.1:PORT/metrics.
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
}

/// The flags of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How long to run, in cluster time [default: until 5s after the last line of the script; 30s with --nemesis; else 10s].
    #[arg(long = "for", value_name = "DURATION", value_parser = cluster::duration)]
    pub run_for: Option<std::time::Duration>,
    /// Record the run to this file.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub quiet: bool,
    /// Exit with code 1 if an acknowledged write was lost.
    #[arg(long)]
    pub fail_if_lost: bool,
    /// Exit with code 1 if the last write of the run was not acknowledged, or if there was none.
    #[arg(long)]
    pub fail_if_unavailable: bool,
    /// Random faults.
    #[command(flatten)]
    pub nemesis: NemesisArgs,
    /// Keep the nodes' data in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Give n1 this port, n2 the next one, and so on; free ports if absent.
    #[arg(long, value_name = "PORT")]
    pub base_port: Option<u16>,
    /// Let clients of the Redis protocol in: at n1 on this port, at n2 on the next one, and so on [default: free ports].
    #[arg(long, value_name = "PORT")]
    pub redis_port: Option<u16>,
    /// Give numbers for dashboards, in the OpenMetrics format, at http://127.0.0.1:PORT/metrics.
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
    /// Files of timed verbs such as `at 5s crash @leader` (see `faultline verbs`); `-` reads standard input.
    #[arg(value_name = "FAULT SCRIPT")]
    pub scripts: Vec<PathBuf>,
}

/// The flags of `play`.
#[derive(Args, Debug)]
pub struct PlayArgs {
    /// The recording, or a log or history of others.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the file is [default: by how it begins].
    #[arg(long, value_enum)]
    pub format: Option<foreign::OpenFormat>,
    /// The regular expression by which a ShiViz log is read, with the groups host, clock and event [default: the one on its
    /// first line, or ShiViz's own].
    #[arg(long, value_name = "REGEX")]
    pub expression: Option<String>,
    /// The moment: time since the start, such as `7s` or `12.5s`.
    #[arg(long, value_name = "T", value_parser = cluster::duration)]
    pub at: Option<std::time::Duration>,
    /// Print the cluster's state at that moment (at the end, if none is given) as JSON, and open no window.
    #[arg(long)]
    pub json: bool,
    /// Print why something is so at that moment, back to the fault or the timer: an event's number, `n2`, `op12`, `term3`,
    /// `lost:op12` or `unavailable`; with --json as JSON.
    #[arg(long, value_name = "WHAT")]
    pub why: Option<String>,
}

/// The flags of `rerun`.
#[derive(Args, Debug)]
pub struct RerunArgs {
    /// The recording.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Record the run to this file.
    #[arg(long, value_name = "OUT")]
    pub record: Option<PathBuf>,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The flags of `diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The one recording.
    #[arg(value_name = "A")]
    pub one: PathBuf,
    /// The other.
    #[arg(value_name = "B")]
    pub other: PathBuf,
    /// Compare the states at this moment [default: at the end].
    #[arg(long, value_name = "T", value_parser = cluster::duration)]
    pub at: Option<std::time::Duration>,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The flags of `screenshot`.
#[derive(Args, Debug)]
pub struct ScreenshotArgs {
    /// The picture to write (PNG).
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Show this recording; a cluster runs for a few seconds if absent.
    #[arg(long, value_name = "FILE")]
    pub recording: Option<PathBuf>,
    /// Show this moment [default: the end].
    #[arg(long, value_name = "T", value_parser = cluster::duration)]
    pub at: Option<std::time::Duration>,
    /// Bring this view to the front.
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// Select this node, as a click would.
    #[arg(long, value_name = "NODE", value_parser = cluster::node)]
    pub select: Option<cluster_core::ids::NodeId>,
    /// Select this event, by its number, as a click would.
    #[arg(long, value_name = "N", conflicts_with = "select")]
    pub event: Option<u64>,
    /// The theme.
    #[arg(long, value_enum, default_value = "dark")]
    pub theme: ThemeWord,
    /// The size in points.
    #[arg(long, value_name = "WxH", default_value = "1440x900", value_parser = screenshot::size)]
    pub size: (u32, u32),
    /// Pixels per point.
    #[arg(long, default_value_t = 1.0, value_parser = screenshot::scale)]
    pub scale: f32,
    /// The cluster that runs if there is no recording.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// The flags of `chart`.
#[derive(Args, Debug)]
pub struct ChartArgs {
    /// The chart to write: `….svg` or `….png`.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The recording.
    #[arg(long, value_name = "FILE")]
    pub recording: PathBuf,
    /// The theme.
    #[arg(long, value_enum, default_value = "light")]
    pub theme: ThemeWord,
    /// The size in pixels.
    #[arg(long, value_name = "WxH", default_value = "1200x900", value_parser = screenshot::size)]
    pub size: (u32, u32),
}

/// The flags of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The recording.
    #[arg(value_name = "RECORDING")]
    pub file: PathBuf,
    /// The format.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file to write; `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace a file of that name.
    #[arg(long)]
    pub force: bool,
}

/// What a recording can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// JSON lines, an event a line.
    Jsonl,
    /// A log for ShiViz, for its default parser expression.
    Shiviz,
    /// A trace for Perfetto and chrome://tracing.
    Chrome,
    /// A history for Jepsen and Knossos.
    JepsenEdn,
    /// A table of what clients saw and how far followers lag.
    Csv,
    /// Lines for the TLA+ trace validation of etcd's Raft.
    EtcdNdjson,
}

/// The flags of `faults`.
#[derive(Args, Debug)]
pub struct FaultsArgs {
    /// Measure each fault on a real cluster and print a Markdown table; takes half a minute or so.
    #[arg(long)]
    pub measure: bool,
    /// Try each kind of link fault on scratch links, as every session does when it starts.
    #[arg(long, conflicts_with = "measure")]
    pub self_test: bool,
}

/// The flags of `check`.
#[derive(Args, Debug)]
#[command(after_help = check::after_help())]
pub struct CheckArgs {
    /// Recordings, histories, and folders of them.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The object, see below [default: by what was asked of it].
    #[arg(long, value_name = "MODEL", value_parser = check::model)]
    pub model: Option<cluster_core::check::Model>,
    /// The promise, see below [default: linearizable; serializable for transactions].
    #[arg(long, value_name = "PROMISE", value_parser = check::promise)]
    pub promise: Option<cluster_core::check::Promise>,
    /// The format: jepsen, jepsen-edn, porcupine-kv or jsonl [default: by how the file begins].
    #[arg(long, value_name = "FORMAT", value_parser = check::format)]
    pub format: Option<cluster_core::check::format::Format>,
    /// Print the verdicts as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub quiet: bool,
    /// Give up on a file after this time; it counts as unknown.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = cluster::duration)]
    pub time: std::time::Duration,
    /// Give up on a file after so many steps of its search.
    #[arg(long, value_name = "STEPS", default_value_t = 4_000_000_000)]
    pub steps: u64,
    /// Take at most so much memory for all searches together, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 700)]
    pub memory: usize,
}

/// The two themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ThemeWord {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

/// Does what the command line says.
pub fn carry_out(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        None => window::open(&cli.window),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Play(args)) => play::play(&args),
        Some(Command::Rerun(args)) => rerun::rerun(&args),
        Some(Command::Diff(args)) => diff::diff(&args),
        Some(Command::Screenshot(args)) => screenshot::screenshot(&args),
        Some(Command::Chart(args)) => chart::chart(&args),
        Some(Command::Export(args)) => export::export(&args),
        Some(Command::Check(args)) => check::check(&args),
        Some(Command::Hunt(args)) => hunt::hunt(&args),
        Some(Command::Lab(args)) => lab::lab(&args),
        Some(Command::Protocols) => protocols::list(),
        Some(Command::Verbs) => protocols::verbs(),
        Some(Command::Faults(args)) => faults::faults(&args),
    }
}
