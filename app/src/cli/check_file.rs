//! Checks one file: finds out what it is, reads it, and asks the checker.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cluster_core::check::{
    Budget, History, HistoryFold, Model, Observers, Promise, Verdict, add_facts, add_faults, check,
    format::{self, Format},
    guess_model,
};
use cluster_core::{
    event::{Conclusion, Finding},
    time::Timestamp,
    trace::{Observer, Recording, TraceStore},
};

use super::check::Wanted;

/// What a file may cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) steps: u64,
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// What became of a file.
pub(super) enum Checked {
    /// It has a verdict.
    Done(Box<Done>),
    /// It cannot be used.
    Unusable { path: PathBuf, error: String },
    /// It is no history, and nobody said that it is.
    PassedOver,
}

/// A verdict, with what it is about.
pub(super) struct Done {
    pub(super) path: PathBuf,
    pub(super) format: &'static str,
    pub(super) model: Model,
    pub(super) promise: Promise,
    pub(super) history: History,
    pub(super) verdict: Verdict,
    /// What the invariants of the protocol found in a recording, and when.
    pub(super) findings: Vec<(Timestamp, Finding)>,
    pub(super) took: Duration,
}

impl Checked {
    /// Returns the verdict, if there is one.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Done(done) => Some(&done.verdict),
            Self::Unusable { .. } | Self::PassedOver => None,
        }
    }

    /// Returns whether anything that was promised is broken.
    pub(super) fn is_violated(&self) -> bool {
        match self {
            Self::Done(done) => {
                let broken = |(_, finding): &(_, Finding)| finding.conclusion == Conclusion::Violated;
                matches!(done.verdict, Verdict::Violated(_)) || done.findings.iter().any(broken)
            }
            Self::Unusable { .. } | Self::PassedOver => false,
        }
    }
}

/// How much of a file is looked at to find out what it is.
const HEAD_BYTES: u64 = 64 << 10;

/// Checks a file.
pub(super) fn check_file(
    wanted: &Wanted,
    format: Option<Format>,
    model: Option<Model>,
    promise: Option<Promise>,
    limits: Limits,
) -> Checked {
    let path = wanted.path.clone();
    let began = Instant::now();
    let Input { history, format, findings } = match read(&path, format) {
        Ok(Some(read)) => read,
        Ok(None) if !wanted.named => return Checked::PassedOver,
        Ok(None) => {
            let error = "neither a recording nor a history in a format that is known; name the format with --format";
            return Checked::Unusable { path, error: error.to_owned() };
        }
        Err(error) => return Checked::Unusable { path, error },
    };
    let model = model.unwrap_or_else(|| guess_model(&history));
    let promise = promise.unwrap_or_else(|| Promise::usual(model));
    let stop = || began.elapsed() > limits.time;
    let budget = Budget { steps: limits.steps, bytes: limits.bytes, stop: &stop };
    match check(&history, model, promise, &budget) {
        Ok(mut verdict) => {
            if let Verdict::Violated(witness) = &mut verdict
                && history.recorded
            {
                // The recording was just read, so it is still there.
                if let Ok(store) = TraceStore::open(&path) {
                    add_faults(&history, witness, store.timeline());
                    add_facts(&history, witness, &store);
                }
            }
            let took = began.elapsed();
            Checked::Done(Box::new(Done { path, format, model, promise, history, verdict, findings, took }))
        }
        Err(error) => Checked::Unusable { path, error: error.to_string() },
    }
}

/// What is in a file.
struct Input {
    history: History,
    format: &'static str,
    findings: Vec<(Timestamp, Finding)>,
}

/// Reads a file; `None` if it is not known what it is.
fn read(path: &Path, format: Option<Format>) -> Result<Option<Input>, String> {
    let unreadable = |why: std::io::Error| format!("cannot be read: {why}");
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
    if format.is_none() && Recording::is_one(&head) {
        drop(file);
        return read_recording(path).map(Some);
    }
    let Some(format) = format.or_else(|| Format::guess(&head)) else { return Ok(None) };
    file.rewind().map_err(unreadable)?;
    match format::read(format, BufReader::with_capacity(1 << 16, file)) {
        Ok(history) => Ok(Some(Input { history, format: format.name(), findings: Vec::new() })),
        Err(error) => Err(error.to_string()),
    }
}

fn read_recording(path: &Path) -> Result<Input, String> {
    let mut recording = Recording::open(path).map_err(|error| error.to_string())?;
    let mut fold = HistoryFold::default();
    let mut invariants = Observers::invariants(recording.spec());
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for block in 0..recording.blocks().len() {
        for event in recording.read(block).map_err(|error| error.to_string())? {
            fold.apply(&event).map_err(|error| error.to_string())?;
            invariants.observe(&event, &mut found);
            findings.extend(found.drain(..).map(|finding| (event.at, finding)));
        }
    }
    if let Some(damage) = recording.damage() {
        return Err(damage.to_string());
    }
    Ok(Input { history: fold.finish(), format: "recording", findings })
}
