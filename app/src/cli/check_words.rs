//! Verdicts of histories, for people and as JSON.

use std::fmt::Write;

use cluster_core::check::{History, OperationIndex, Verdict, Witness, invariants::INVARIANTS};
use cluster_core::{event::Finding, time::Timestamp};
use serde::Serialize;

use super::check_file::{Checked, Done};

/// How many operations of a list are written out.
const LISTED: usize = 20;

/// Returns the verdicts as lines of text.
pub(super) fn text(results: &[Checked]) -> String {
    let mut text = String::new();
    for checked in results {
        match checked {
            Checked::PassedOver => {}
            Checked::Unusable { path, error } => {
                let _ = writeln!(text, "{}: unusable: {error}", path.display());
            }
            Checked::Done(done) => done_text(&mut text, done),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn done_text(text: &mut String, done: &Done) {
    let Done { path, history, verdict, model, promise, .. } = done;
    let _ = write!(text, "{}: {} {}", path.display(), promise.row().id, verdict.word());
    let _ = writeln!(text, " ({}, {} operations)", model.row().id, history.operations.len());
    match verdict {
        Verdict::Holds => {}
        Verdict::Unknown(why) => {
            let _ = writeln!(text, "  {why}");
        }
        Verdict::Violated(witness) => witness_text(text, history, witness),
    }
    for (at, finding) in &done.findings {
        let _ = writeln!(text, "  {} {} at {at}: {}", finding.promise, finding.conclusion.word(), finding.sentence);
        if let Some(row) = INVARIANTS.iter().find(|row| row.id == finding.promise.as_str()) {
            let _ = writeln!(text, "    {}: \"{}\" ({})", row.title, row.sentence, row.source);
        }
    }
}

fn witness_text(text: &mut String, history: &History, witness: &Witness) {
    let _ = writeln!(text, "  {}", witness.sentence);
    if !witness.operations.is_empty() {
        let _ = writeln!(text, "  cannot be, whether the others took effect or not:");
        listed(text, history, &witness.operations, false);
    }
    for edge in &witness.edges {
        let (from, to) = (history.words(edge.from), history.words(edge.to));
        let _ = writeln!(text, "    {from}\n      before {to}\n      because {}", edge.why);
    }
    if !witness.longest.is_empty() {
        let _ = writeln!(text, "  the longest order that could be built ({} operations):", witness.longest.len());
        listed(text, history, &witness.longest, true);
    }
    for fault in &witness.faults {
        let until = fault.until.map_or_else(|| "the end".to_owned(), |until| until.to_string());
        let _ = writeln!(text, "  meanwhile: {} from {} to {until}", fault.what, fault.from);
    }
}

/// Writes a list of operations, its beginning or its end if it is long.
fn listed(text: &mut String, history: &History, operations: &[OperationIndex], end: bool) {
    let hidden = operations.len().saturating_sub(LISTED);
    if end && hidden > 0 {
        let _ = writeln!(text, "    … {hidden} before these");
    }
    let shown = if end { &operations[hidden..] } else { &operations[..operations.len() - hidden] };
    for index in shown {
        let _ = writeln!(text, "    {:<48} {}", history.words(*index), place(history, *index));
    }
    if !end && hidden > 0 {
        let _ = writeln!(text, "    … {hidden} more");
    }
}

fn place(history: &History, index: OperationIndex) -> String {
    let operation = history.get(index);
    let what = if history.recorded { "event" } else { "line" };
    let when = if history.timed { format!(", {}", operation.invoked_at) } else { String::new() };
    format!("{what} {}{when}", operation.line)
}

/// Returns the verdicts as JSON.
pub(super) fn json(results: &[Checked]) -> String {
    let files: Vec<FileJson> = results.iter().filter_map(file_json).collect();
    let worst = ["unusable", "violated", "unknown", "holds"];
    let verdict = worst.into_iter().find(|word| files.iter().any(|file| file.verdict == *word)).unwrap_or("unusable");
    serde_json::to_string_pretty(&AllJson { verdict, files }).unwrap_or_default()
}

fn file_json(checked: &Checked) -> Option<FileJson> {
    Some(match checked {
        Checked::PassedOver => return None,
        Checked::Unusable { path, error } => FileJson {
            file: path.display().to_string(),
            verdict: "unusable",
            reason: Some(error.clone()),
            ..FileJson::default()
        },
        Checked::Done(done) => FileJson {
            file: done.path.display().to_string(),
            verdict: if checked.is_violated() { "violated" } else { done.verdict.word() },
            format: Some(done.format),
            model: Some(done.model.row().id),
            promise: Some(done.promise.row().id),
            operations: Some(done.history.operations.len()),
            took_ms: Some(done.took.as_secs_f64() * 1e3),
            reason: match &done.verdict {
                Verdict::Unknown(why) => Some(why.to_string()),
                Verdict::Holds | Verdict::Violated(_) => None,
            },
            findings: done.findings.iter().map(|(at, finding)| finding_json(*at, finding)).collect(),
            witness: done.verdict.witness().map(|witness| witness_json(&done.history, witness)),
        },
    })
}

fn finding_json(at: Timestamp, finding: &Finding) -> FindingJson {
    FindingJson {
        promise: finding.promise.as_str(),
        verdict: finding.conclusion.word(),
        time_ms: at.0 as f64 / 1e6,
        sentence: finding.sentence.clone(),
        nodes: finding.nodes.iter().map(ToString::to_string).collect(),
        events: finding.evidence.iter().map(|seq| seq.0).collect(),
    }
}

fn witness_json(history: &History, witness: &Witness) -> WitnessJson {
    let all = |operations: &[OperationIndex]| operations.iter().map(|index| operation_json(history, *index)).collect();
    WitnessJson {
        sentence: witness.sentence.clone(),
        operations: all(&witness.operations),
        longest_order: all(&witness.longest),
        edges: witness
            .edges
            .iter()
            .map(|edge| EdgeJson {
                from: operation_json(history, edge.from),
                to: operation_json(history, edge.to),
                why: edge.why.clone(),
            })
            .collect(),
        faults: witness
            .faults
            .iter()
            .map(|fault| FaultJson {
                what: fault.what.clone(),
                from_ms: fault.from.0 as f64 / 1e6,
                until_ms: fault.until.map(|until| until.0 as f64 / 1e6),
                event: fault.seq.0,
            })
            .collect(),
    }
}

fn operation_json(history: &History, index: OperationIndex) -> OperationJson {
    let operation = history.get(index);
    let ended = history.timed && operation.returned != u64::MAX;
    OperationJson {
        words: history.words(index),
        line: operation.line,
        process: history.process_name(operation.process),
        function: operation.function.name(),
        node: operation.node.map(|node| node.to_string()),
        invoked_ms: history.timed.then_some(operation.invoked_at.0 as f64 / 1e6),
        returned_ms: ended.then_some(operation.returned_at.0 as f64 / 1e6),
    }
}

#[derive(Serialize)]
struct AllJson {
    verdict: &'static str,
    files: Vec<FileJson>,
}

#[derive(Default, Serialize)]
struct FileJson {
    file: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessJson>,
}

#[derive(Serialize)]
struct FindingJson {
    promise: &'static str,
    verdict: &'static str,
    time_ms: f64,
    sentence: String,
    nodes: Vec<String>,
    events: Vec<u64>,
}

#[derive(Serialize)]
struct WitnessJson {
    sentence: String,
    operations: Vec<OperationJson>,
    longest_order: Vec<OperationJson>,
    edges: Vec<EdgeJson>,
    faults: Vec<FaultJson>,
}

#[derive(Serialize)]
struct OperationJson {
    words: String,
    line: u64,
    process: String,
    function: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoked_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned_ms: Option<f64>,
}

#[derive(Serialize)]
struct EdgeJson {
    from: OperationJson,
    to: OperationJson,
    why: String,
}

#[derive(Serialize)]
struct FaultJson {
    what: String,
    from_ms: f64,
    until_ms: Option<f64>,
    event: u64,
}
