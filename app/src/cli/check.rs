//! `faultline check`: many recordings and histories at once, in parallel, each to its verdict.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    sync::mpsc,
    time::Instant,
};

use cluster_core::check::{MODELS, Model, PROMISES, Promise, Verdict, format::FORMATS, format::Format};

use super::{
    CheckArgs, Failure,
    check_file::{Checked, Limits, check_file},
    check_words::{json, text},
    failure::print,
    progress::Progress,
};

/// What the help says behind the flags.
pub(super) fn after_help() -> String {
    let models: Vec<_> = MODELS.iter().map(|row| format!("  {:<20}{}", row.id, row.about)).collect();
    let promises: Vec<_> = PROMISES.iter().map(|row| format!("  {:<20}{}", row.id, row.about)).collect();
    format!("Models:\n{}\n\nPromises:\n{}\n\n{EXIT_CODES}", models.join("\n"), promises.join("\n"))
}

const EXIT_CODES: &str = "\
Exit codes: 0 every promise holds; 1 one is violated; 2 one could not be decided; 3 a file cannot be used. Of several \
files the worst counts: 3 before 1 before 2 before 0. In folders, files that are no histories are passed over unless \
--format names what they are.";

/// Does what the flags say.
pub(super) fn check(args: &CheckArgs) -> Result<(), Failure> {
    let files = files(args)?;
    let mut progress = Progress::new(args.quiet);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let limits = Limits { steps: args.steps, bytes: (args.memory << 20) / threads, time: args.time };
    let results = check_all(&files, threads, args, limits, &mut progress);
    drop(progress);
    print(&if args.json { json(&results) } else { text(&results) })?;
    outcome(&results)
}

/// Parses the name of a model.
pub(super) fn model(name: &str) -> Result<Model, String> {
    Model::named(name).ok_or_else(|| named("model", name, MODELS.iter().map(|row| row.id)))
}

/// Parses the name of a promise.
pub(super) fn promise(name: &str) -> Result<Promise, String> {
    Promise::named(name).ok_or_else(|| named("promise", name, PROMISES.iter().map(|row| row.id)))
}

/// Parses the name of a format.
pub(super) fn format(name: &str) -> Result<Format, String> {
    Format::named(name).ok_or_else(|| named("format", name, FORMATS.iter().map(|(_, id)| *id)))
}

fn named<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    format!("there is no {what} `{name}`; known are {}", known.collect::<Vec<_>>().join(", "))
}

/// A file to check, and whether its name was given, and not that of a folder.
pub(super) struct Wanted {
    pub(super) path: PathBuf,
    pub(super) named: bool,
}

fn files(args: &CheckArgs) -> Result<Vec<Wanted>, Failure> {
    let mut files = Vec::new();
    for path in &args.files {
        if path.is_dir() {
            let before = files.len();
            walk(path, &mut files)?;
            if files.len() == before {
                return Err(Failure::Input(format!("there is no file in the folder: {}", path.display())));
            }
        } else {
            files.push(Wanted { path: path.clone(), named: true });
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<Wanted>) -> Result<(), Failure> {
    let unreadable = |why| Failure::Input(format!("cannot read the folder: {why}: {}", folder.display()));
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(unreadable)?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link may lead in a circle.
        if hidden || path.is_symlink() && path.is_dir() {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(Wanted { path, named: false });
        }
    }
    Ok(())
}

/// Checks all files on some threads; the results are in the order of the files.
fn check_all(
    files: &[Wanted],
    threads: usize,
    args: &CheckArgs,
    limits: Limits,
    progress: &mut Progress,
) -> Vec<Checked> {
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<Checked>> = Vec::new();
    results.resize_with(files.len(), || None);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(wanted) = files.get(at) else { break };
                    let checked = check_file(wanted, args.format, args.model, args.promise, limits);
                    if sender.send((at, checked)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (done, (at, checked)) in receiver.into_iter().enumerate() {
            let path = files[at].path.display();
            if let Checked::PassedOver = checked {
                progress.note(&format!("passed over, no history: {path}"));
            }
            progress.on_part(done + 1, files.len(), began.elapsed());
            results[at] = Some(checked);
        }
    });
    results.into_iter().flatten().collect()
}

/// Returns what the exit code follows from.
fn outcome(results: &[Checked]) -> Result<(), Failure> {
    let count = |is: fn(&Checked) -> bool| results.iter().filter(|checked| is(checked)).count();
    let unusable = count(|checked| matches!(checked, Checked::Unusable { .. }));
    let violated = count(Checked::is_violated);
    let unknown = count(|checked| matches!(checked.verdict(), Some(Verdict::Unknown(_))));
    let checked = count(|checked| checked.verdict().is_some());
    if let [Checked::Unusable { path, error }] = results {
        return Err(Failure::Input(format!("{error}: {}", path.display())));
    }
    if unusable > 0 {
        return Err(Failure::Input(format!("{unusable} of {} files cannot be used", results.len())));
    }
    if checked == 0 {
        return Err(Failure::input("none of the files is a history that is known; name the format with --format"));
    }
    if violated > 0 {
        return Err(Failure::Violated(format!("{violated} of {checked} histories break the promise")));
    }
    if unknown > 0 {
        return Err(Failure::Undecided(format!("{unknown} of {checked} histories could not be decided")));
    }
    Ok(())
}
