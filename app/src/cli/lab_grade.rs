//! `faultline lab grade`: what attempts are worth, by their evidence, on any machine the same.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, UNIX_EPOCH},
};

use clap::Args;
use cluster_core::{
    headless::{Grade, Light, compare_grades, grade},
    lab::{
        Lab,
        evidence::{EXTENSION, Evidence},
    },
};
use serde_json::json;

use super::{Failure, failure::print, several::several, stop};

/// How many files are graded at once, at most.
const FILES_MAX: usize = 10_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 4;

/// The flags of `lab grade`.
#[derive(Args, Debug)]
pub struct GradeArgs {
    /// Evidence, or folders with evidence.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Write a table of all attempts to this file; it can be opened by any spreadsheet.
    #[arg(long, value_name = "OUT")]
    pub csv: Option<PathBuf>,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub json: bool,
    /// How many files at once [default: one for each core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// A file that was looked at: what it is worth, or why it cannot be said.
type Graded = Result<Grade, Unreadable>;

/// A file that nothing can be said about.
struct Unreadable {
    file: PathBuf,
    why: String,
}

/// Does what the flags say; `labs` are those at hand.
pub(super) fn grade_all(labs: &[Lab], args: &GradeArgs) -> Result<(), Failure> {
    let files = files(&args.files)?;
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (mut grades, mut wrong) = (Vec::new(), Vec::new());
    let stop = stop::flag();
    for graded in several(&files, threads, |file| one(file, labs, &stop)) {
        match graded {
            Ok(grade) => grades.push(grade),
            Err(unreadable) => wrong.push(unreadable),
        }
    }
    compare_grades(&mut grades);
    if let Some(out) = &args.csv {
        fs::write(out, table(&grades, &wrong).map_err(Failure::run)?)
            .map_err(|error| Failure::Input(format!("{}: {error}; choose another file", out.display())))?;
    }
    print(&match args.json {
        true => json_of(&grades, &wrong).map_err(Failure::run)?,
        false => grades.iter().map(words).chain(wrong.iter().map(Unreadable::words)).collect::<Vec<_>>().join("\n"),
    })?;
    let red = grades.iter().filter(|grade| grade.light() == Light::Red).count();
    let ungraded = grades.iter().filter(|grade| grade.score.is_none()).count();
    match (wrong.len() + ungraded, red) {
        (0, 0) => Ok(()),
        (0, red) => Err(Failure::Violated(format!(
            "{red} of {} are not as they were written; look at the reasons, and ask for those files anew",
            files.len()
        ))),
        (bad, _) => {
            Err(Failure::Input(format!("{bad} of {} could not be graded; each says why, and what to do", files.len())))
        }
    }
}

fn one(file: &Path, labs: &[Lab], stop: &AtomicBool) -> Graded {
    let told = |why: String| Unreadable { file: file.to_owned(), why };
    if stop.load(Ordering::Relaxed) {
        return Err(told(format!("it was stopped before this file was graded; grade it again: {}", file.display())));
    }
    let evidence = Evidence::open(file).map_err(|error| told(error.to_string()))?;
    let named = || labs.iter().filter(|lab| lab.id == evidence.head.lab);
    let lab = named().find(|lab| lab.definition == evidence.head.definition).or_else(|| named().next());
    let scratch = tempfile::tempdir()
        .map_err(|error| told(format!("no temporary folder can be made: {error}; free space: {}", file.display())))?;
    grade(&evidence, lab, scratch.path(), stop).map_err(|error| told(error.to_string()))
}

impl Unreadable {
    fn words(&self) -> String {
        one_line(&format!("none    not graded: {}", self.why))
    }

    /// Its row in the table: whoever handed it in stands there, too.
    fn row(&self) -> Vec<String> {
        COLUMNS
            .iter()
            .map(|column| match *column {
                "participant" => self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                "integrity" => "unreadable".to_owned(),
                _ => String::new(), // Nothing else is known.
            })
            .chain([String::new()])
            .collect()
    }
}

/// Returns a line as it can be shown: what a file says of itself moves no cursor and begins no line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Returns the files asked for, those in folders in the order of their names.
fn files(asked: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in asked {
        match path.is_dir() {
            true => look_into(path, DEPTH_MAX, &mut files)?,
            false => files.push(path.clone()),
        }
    }
    match files.is_empty() {
        true => {
            let asked: Vec<String> = asked.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::Input(format!(
                "there is no file that ends in .{EXTENSION} in {}; give the folder where they were handed in",
                asked.join(", ")
            )))
        }
        false => Ok(files),
    }
}

fn look_into(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| Failure::Input(format!("{}: {error}", folder.display()));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        entries.push(entry.map_err(wrong)?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.is_symlink() && depth > 0 {
            look_into(&path, depth - 1, files)?;
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(Failure::Input(format!("there are more than {FILES_MAX} files; give fewer folders at once")));
        }
    }
    Ok(())
}

fn words(grade: &Grade) -> String {
    let score = match grade.score {
        Some(score) => format!("{:3} of {} points", score.total(), score.most()),
        None => "not evaluated".to_owned(),
    };
    let (met, of) = grade.met();
    let head = &grade.head;
    let mut lines = vec![format!(
        "{:6}  {score}, {met} of {of} goals, {} of {} observations  {} {}  {}",
        grade.light().word(),
        grade.observed.0,
        grade.observed.1,
        head.lab,
        head.version,
        grade.file.display()
    )];
    let reason = |reason: &cluster_core::headless::Reason| format!("        {}: {}", reason.light.word(), reason.what);
    lines.extend(grade.reasons.iter().map(reason));
    lines.iter().map(|line| one_line(line)).collect::<Vec<_>>().join("\n")
}

fn json_of(grades: &[Grade], wrong: &[Unreadable]) -> Result<String, serde_json::Error> {
    let goal = |goal: &cluster_core::lab::GoalState| {
        json!({
            "id": goal.id,
            "verdict": goal.verdict.word(),
            "at_s": goal.at.map(|at| at.as_secs_f64()),
        })
    };
    let one = |grade: &Grade| {
        json!({
            "file": grade.file.display().to_string(),
            "lab": grade.head.lab,
            "version": grade.head.version,
            "seed": grade.head.seed,
            "points": grade.score.map(|score| score.total()),
            "max_points": grade.score.map(|score| score.most()),
            "goals": grade.goals.iter().map(goal).collect::<Vec<_>>(),
            "observe_right": grade.observed.0,
            "prediction_right": grade.predictions.0,
            "integrity": grade.light().word(),
            "reasons": grade.reasons.iter().map(|it| json!({ "light": it.light.word(), "what": it.what })).collect::<Vec<_>>(),
            "sha256": grade.sha256,
        })
    };
    serde_json::to_string_pretty(&json!({
        "attempts": grades.iter().map(one).collect::<Vec<_>>(),
        "unreadable": wrong.iter().map(|it| it.why.as_str()).collect::<Vec<_>>(),
    }))
}

const COLUMNS: [&str; 22] = [
    "session",
    "date",
    "pack",
    "lab",
    "lab_version",
    "attempt",
    "participant",
    "roster_code",
    "started",
    "finished",
    "active_seconds",
    "goals_met",
    "goals_total",
    "points",
    "max_points",
    "prediction_right",
    "observe_right",
    "hints_l1",
    "hints_l2",
    "hints_l3",
    "resets",
    "integrity",
];

/// Returns the table of attempts, one a row, and of the files that nothing can be said about.
fn table(grades: &[Grade], wrong: &[Unreadable]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().chain(&["evidence_sha256"]))?;
    for row in grades.iter().map(row).chain(wrong.iter().map(Unreadable::row)) {
        writer.write_record(row.iter().map(|cell| safe(cell)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn row(grade: &Grade) -> Vec<String> {
    let head = &grade.head;
    let began = moment(head.began_ms);
    let (met, of) = grade.met();
    let closing = grade.closing.as_ref();
    let stem = || grade.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let points =
        |of: fn(cluster_core::lab::Score) -> u32| grade.score.map_or(String::new(), |score| of(score).to_string());
    vec![
        String::new(), // Offline: no session vouches for it.
        began.get(..10).unwrap_or_default().to_owned(),
        head.pack.clone().unwrap_or_default(),
        head.lab.clone(),
        head.version.clone(),
        head.seed.to_string(),
        head.participant.clone().unwrap_or_else(stem),
        String::new(),
        began,
        closing.map_or(String::new(), |closing| moment(closing.ended_ms)),
        closing.map_or(String::new(), |closing| (closing.active_ms / 1000).to_string()),
        met.to_string(),
        of.to_string(),
        points(cluster_core::lab::Score::total),
        points(cluster_core::lab::Score::most),
        grade.predictions.0.to_string(),
        grade.observed.0.to_string(),
        grade.hints[0].to_string(),
        grade.hints[1].to_string(),
        grade.hints[2].to_string(),
        grade.resets.to_string(),
        grade.light().word().to_owned(),
        grade.sha256.clone(),
    ]
}

/// A spreadsheet takes a cell that begins so for a formula.
fn safe(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

fn moment(unix_ms: u64) -> String {
    // Later years are none that a file tells honestly, and cannot be written so.
    let secs = (unix_ms / 1000).min(253_402_300_799);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(secs)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(safe("=cmd()"), "'=cmd()");
        assert_eq!(safe("@x"), "'@x");
        assert_eq!(safe("a=b"), "a=b");
    }

    #[test]
    fn times_are_told_as_spreadsheets_read_them() {
        assert_eq!(moment(1_700_000_000_123), "2023-11-14T22:13:20Z");
        assert!(moment(u64::MAX).starts_with("9999-12-31"));
    }
}
