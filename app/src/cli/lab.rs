//! `faultline lab`: lists, checks, runs and begins labs.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, Subcommand};
use cluster_core::{
    headless::{LiveStage, Scribe, SimStage, live_lab_kept, simulate_lab_kept},
    lab::{Attempt, Lab, LabError, LabReport, ScriptReport, labs_in, pack::EXTENSION},
    origin::BackendKind,
    script::did_you_mean,
    time::TimingProfile,
};

use super::{
    Failure,
    failure::print,
    lab_grade::{self, GradeArgs},
    lab_new,
    lab_pack::{self, PackArgs},
    lab_words::{self, Checked},
    progress::Progress,
    several::several,
    stop, window,
};

/// How many labs are checked at once on real nodes.
const LIVE_LABS: usize = 3;

/// The flags of `lab`.
#[derive(Args, Debug)]
pub struct LabArgs {
    /// The folder of labs.
    #[arg(long, value_name = "DIR", default_value = "labs", global = true)]
    pub labs: PathBuf,
    /// Labs of a pack instead: a folder with `pack.toml`, or one file (`.labpack`).
    #[arg(long, value_name = "PACK", global = true)]
    pub pack: Option<PathBuf>,
    /// Use the pack only if this public key signed it.
    #[arg(long, value_name = "KEY", global = true, requires = "pack")]
    pub signed_by: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: LabCommand,
}

/// What can be done with labs.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Lists the labs.
    List,
    /// Reads labs, and shows by their scripts, in the simulator, that each can be done and that nothing else passes.
    Check(CheckLabArgs),
    /// Runs a script of a lab, and tells how far its goals come.
    Run(RunLabArgs),
    /// Opens a lab in the window.
    Open(OpenLabArgs),
    /// Tells what attempts are worth, by their evidence; the same on every machine. Exit codes: 0 all are as they were written;
    /// 1 some were changed, or cannot have happened; 3 some could not be graded.
    Grade(GradeArgs),
    /// Begins a lab: a folder that `lab check` accepts, to be changed.
    New {
        /// Its id: small letters, digits and hyphens.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Makes one file of a folder of labs, signed or not.
    Pack(PackArgs),
    /// Makes a key to sign packs with.
    Key {
        /// The file for the key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Lists what goals can speak of.
    Words,
}

/// The flags of `lab check`.
#[derive(Args, Debug)]
pub struct CheckLabArgs {
    /// Labs, by id or by folder [default: all].
    #[arg(value_name = "LAB")]
    pub which: Vec<String>,
    /// Where: `sim` runs every script on many seeds, `live` the golden script and doing nothing once, on real nodes.
    #[arg(long, value_name = "BACKEND", default_value = "sim", value_parser = backend)]
    pub backend: BackendKind,
    /// How many seeds [default: as many as the lab says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub runs: Option<u32>,
    /// How many threads [default: one for each core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The flags of `lab run`.
#[derive(Args, Debug)]
pub struct RunLabArgs {
    /// The lab, by id or by folder.
    #[arg(value_name = "LAB")]
    pub which: String,
    /// The script.
    #[arg(long, value_name = "SCRIPT", default_value = "golden")]
    pub script: String,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The timing profile [default: the lab's].
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    pub profile: Option<TimingProfile>,
    /// Where: in the simulator, or on real nodes.
    #[arg(long, value_name = "BACKEND", default_value = "sim", value_parser = backend)]
    pub backend: BackendKind,
    /// Write the evidence of the attempt to this file, to be graded.
    #[arg(long, value_name = "FILE")]
    pub evidence: Option<PathBuf>,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The flags of `lab open`.
#[derive(Args, Debug)]
pub struct OpenLabArgs {
    /// The lab, by id or by folder.
    #[arg(value_name = "LAB")]
    pub which: String,
    /// What runs its clusters: real nodes, or the simulator.
    #[arg(long, value_name = "BACKEND", default_value = "live", value_parser = backend)]
    pub backend: BackendKind,
    /// Begin a fresh attempt from this seed [default: go on with the attempt that is kept, or begin one].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

fn backend(word: &str) -> Result<BackendKind, String> {
    BackendKind::from_word(word).ok_or_else(|| "there are live, sim".to_owned())
}

fn profile(word: &str) -> Result<TimingProfile, String> {
    let known = TimingProfile::ALL.map(TimingProfile::word).join(", ");
    TimingProfile::from_word(word).ok_or_else(|| format!("there are {known}"))
}

/// Does what the flags say.
pub(super) fn lab(args: &LabArgs) -> Result<(), Failure> {
    // What a file is unpacked to stays as long as it is used.
    let pack = pack_of(args).map(|path| lab_pack::opened(path, args.signed_by.as_deref())).transpose()?;
    let course = match (&pack, pack_of(args)) {
        (Some((_, pack)), Some(file)) => Course { folder: &pack.folder, name: file },
        _ => Course { folder: &args.labs, name: &args.labs },
    };
    if let Some((_, pack)) = &pack {
        eprintln!("{} {}, {}", pack.id, pack.version, lab_pack::signer(pack.signed_by.as_deref()));
    }
    match &args.command {
        LabCommand::List => list(&course),
        LabCommand::Check(check_args) => check(&course, check_args),
        LabCommand::Run(run_args) => run(&course, run_args),
        LabCommand::Grade(grade_args) => lab_grade::grade_all(&readable(&course)?, grade_args),
        LabCommand::Open(open_args) => {
            let folder = course.folders(std::slice::from_ref(&open_args.which))?.remove(0);
            window::open_lab(course.folder, &folder, open_args.backend, open_args.seed)
        }
        LabCommand::New { id } => lab_new::begin(&args.labs, id),
        LabCommand::Pack(pack_args) => lab_pack::pack(pack_args),
        LabCommand::Key { file } => lab_pack::make_key(file),
        LabCommand::Words => print(&lab_words::vocabulary()),
    }
}

/// Returns the pack asked for; `lab check` takes one file in the place of labs, too.
fn pack_of(args: &LabArgs) -> Option<&Path> {
    let named = match &args.command {
        LabCommand::Check(check_args) => match &check_args.which[..] {
            [one] if is_pack(one) => Some(Path::new(one)),
            _ => None, // Labs, by their names.
        },
        _ => None, // The others name labs.
    };
    args.pack.as_deref().or(named)
}

fn is_pack(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == EXTENSION)
}

/// The labs that are used: where they are, and what the user called that.
struct Course<'a> {
    folder: &'a Path,
    name: &'a Path,
}

impl Course<'_> {
    fn folders(&self, which: &[String]) -> Result<Vec<PathBuf>, Failure> {
        folders(self.folder, which)
    }

    /// Opens one of its labs. Mistakes are told by the names that the user knows.
    fn open(&self, lab: &Path) -> Result<Lab, Vec<LabError>> {
        let named = |error: LabError| error.in_pack(self.folder, self.name);
        Lab::open(lab).map_err(|errors| errors.into_iter().map(named).collect())
    }
}

fn list(course: &Course<'_>) -> Result<(), Failure> {
    let opened =
        course.folders(&[])?.iter().map(|folder| course.open(folder).map_err(told)).collect::<Result<Vec<_>, _>>();
    print(&lab_words::list(&opened?))
}

/// Opens the labs that can be: evidence of others can be graded though one has a mistake.
fn readable(course: &Course<'_>) -> Result<Vec<Lab>, Failure> {
    let mut opened = Vec::new();
    for folder in course.folders(&[])? {
        match course.open(&folder) {
            Ok(lab) => opened.push(lab),
            Err(errors) => errors.iter().for_each(|error| eprintln!("note: {error}")),
        }
    }
    Ok(opened)
}

fn check(course: &Course<'_>, args: &CheckLabArgs) -> Result<(), Failure> {
    let stop = stop::flag();
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let which: &[String] = if args.which.iter().all(|name| is_pack(name)) { &[] } else { &args.which[..] };
    let folders = course.folders(which)?;
    // A simulated lab keeps all cores busy by itself; a live one mostly waits.
    let at_once = if args.backend == BackendKind::Live { LIVE_LABS } else { 1 };
    let checked: Option<Vec<Checked>> = several(&folders, at_once, |folder| {
        (!stop.load(Ordering::Relaxed)).then(|| match course.open(folder) {
            Ok(lab) => Checked::Verified(verify(&lab, args, threads, &stop)),
            Err(errors) => {
                Checked::Unreadable(folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), errors)
            }
        })
    })
    .into_iter()
    .collect();
    let Some(checked) = checked.filter(|_| !stop.load(Ordering::Relaxed)) else {
        return Err(Failure::Run("it was stopped".to_owned()));
    };
    print(&match args.json {
        true => lab_words::json(&checked).map_err(Failure::run)?,
        false => lab_words::table(&checked),
    })?;
    match checked.iter().filter(|lab| !lab.is_ok()).count() {
        0 => Ok(()),
        wrong => Err(Failure::Violated(format!("{wrong} of {} labs are not as they should be", checked.len()))),
    }
}

fn verify(lab: &Lab, args: &CheckLabArgs, threads: usize, stop: &AtomicBool) -> LabReport {
    let mut progress = Progress::new(args.quiet);
    let mut tell = |script: &ScriptReport| progress.note(&lab_words::script_line(&lab.id, script));
    match args.backend {
        BackendKind::Sim => lab.verify(&SimStage { threads, stop }, args.runs, &mut tell),
        BackendKind::Live => lab.verify_live(&LiveStage { stop }, &mut tell),
    }
}

fn run(course: &Course<'_>, args: &RunLabArgs) -> Result<(), Failure> {
    let folder = course.folders(std::slice::from_ref(&args.which))?.remove(0);
    let lab = course.open(&folder).map_err(told)?;
    let Some(script) = lab.script(&args.script) else {
        let known: Vec<&str> = lab.scripts.iter().map(|script| script.name.as_str()).collect();
        return Err(Failure::Input(format!(
            "{} has no script `{}`; {}",
            lab.id,
            args.script,
            remedy(&args.script, &known)
        )));
    };
    let profile = args.profile.unwrap_or(lab.cluster.profile);
    let attempt = Attempt { actions: script.actions.clone(), seed: args.seed, profile };
    let scratch = tempfile::tempdir().map_err(Failure::run)?;
    let begin = || Scribe::begin(scratch.path(), &lab, &attempt, args.backend, &args.script, unix_ms());
    let mut scribe = args.evidence.as_ref().map(|_| begin()).transpose().map_err(Failure::run)?;
    let made = match args.backend {
        BackendKind::Sim => simulate_lab_kept(&lab, &attempt, &stop::flag(), scribe.as_mut()),
        BackendKind::Live => live_lab_kept(&lab, &attempt, &stop::flag(), scribe.as_mut()),
    };
    let outcome = made.map_err(Failure::run)?;
    if let (Some(scribe), Some(out)) = (scribe, &args.evidence) {
        let sealed = scribe.finish(&lab, &outcome).map_err(Failure::run)?;
        std::fs::copy(sealed, out)
            .map_err(|error| Failure::Input(format!("{}: {error}; choose another file", out.display())))?;
    }
    print(&match args.json {
        true => lab_words::outcome_json(&lab, &outcome).map_err(Failure::run)?,
        false => lab_words::outcome(&lab, &outcome),
    })?;
    match outcome.passed() {
        true => Ok(()),
        false => Err(Failure::Violated(format!("{} is not passed", lab.id))),
    }
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Returns the folders of the labs asked for, or of all.
fn folders(labs: &Path, which: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let all = || {
        labs_in(labs).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such folder".to_owned(),
                _ => error.to_string(), // The system says it best.
            };
            Failure::Input(format!(
                "{}: {why}; give the folder of labs with --labs, or a pack of them with --pack",
                labs.display()
            ))
        })
    };
    if which.is_empty() {
        return match all()? {
            none if none.is_empty() => {
                Err(Failure::Input(format!("{}: there are no labs here; begin one with `lab new`", labs.display())))
            }
            all => Ok(all),
        };
    }
    let find = |name: &String| {
        let path = Path::new(name);
        if path.join("lab.toml").is_file() {
            return Ok(path.to_owned());
        }
        let all = all()?;
        let named = |folder: &Path| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known: Vec<String> = all.iter().map(|folder| named(folder)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let found = all.iter().find(|folder| named(folder) == *name).cloned();
        found.ok_or_else(|| Failure::Input(format!("there is no lab `{name}`; {}", remedy(name, &known))))
    };
    which.iter().map(find).collect()
}

fn remedy(word: &str, known: &[&str]) -> String {
    match did_you_mean(word, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", known.join(", ")),
    }
}

fn told(errors: Vec<LabError>) -> Failure {
    Failure::Input(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
