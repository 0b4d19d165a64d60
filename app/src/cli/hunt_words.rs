//! What a hunt says: text for people, JSON for programs, and the table of all variants.

use std::{fmt::Write, path::PathBuf};

use cluster_core::{
    event::EventKind,
    hunt::{Found, HuntReport, Quarry, TimedCommand},
    protocol::VARIANT_KNOB,
    registry,
    trace::line,
};
use serde::Serialize;

/// The report as JSON.
#[derive(Serialize)]
struct ReportJson<'a> {
    protocol: &'a str,
    variant: Option<&'a str>,
    checks: Vec<&'static str>,
    seeds_tried: u64,
    virtual_seconds: f64,
    events: u64,
    found: Vec<FoundJson<'a>>,
}

/// One finding as JSON.
#[derive(Serialize)]
struct FoundJson<'a> {
    seed: u64,
    finding: &'a str,
    sentence: &'a str,
    at_ms: f64,
    faults_before: usize,
    faults_after: usize,
    run_before_ms: f64,
    run_after_ms: f64,
    nodes: usize,
    clients: usize,
    script: Vec<String>,
    recording: Option<String>,
}

/// Returns the report as JSON.
pub(super) fn json(report: &HuntReport, quarry: &Quarry, recordings: &[PathBuf]) -> Result<String, serde_json::Error> {
    let found = report.found.iter().enumerate().map(|(at, found)| {
        let caught = &found.shrunk.caught;
        FoundJson {
            seed: found.seed,
            finding: caught.finding.promise.as_str(),
            sentence: &caught.finding.sentence,
            at_ms: caught.at.as_secs_f64() * 1e3,
            faults_before: found.faults_before(),
            faults_after: found.faults_after(),
            run_before_ms: found.first.at.as_secs_f64() * 1e3,
            run_after_ms: caught.at.as_secs_f64() * 1e3,
            nodes: found.shrunk.trial.spec.nodes.len(),
            clients: found.shrunk.trial.spec.clients.len(),
            script: found.shrunk.trial.script.iter().map(words).collect(),
            recording: recordings.get(at).map(|path| path.display().to_string()),
        }
    });
    serde_json::to_string_pretty(&ReportJson {
        protocol: &quarry.protocol,
        variant: quarry.knobs.get(VARIANT_KNOB).map(String::as_str),
        checks: quarry.checks.iter().map(|check| check.word()).collect(),
        seeds_tried: report.seeds_tried,
        virtual_seconds: report.virtual_nanos as f64 / 1e9,
        events: report.events,
        found: found.collect(),
    })
}

/// Returns the report for people.
pub(super) fn text(report: &HuntReport, quarry: &Quarry, recordings: &[PathBuf]) -> String {
    let checks: Vec<_> = quarry.checks.iter().map(|check| check.word()).collect();
    let spec = quarry.trial(0).spec;
    let mut text = format!(
        "{}: {} seeds, {:.0} s of cluster time, {} events; checked: {}\n",
        registry::title(&spec),
        report.seeds_tried,
        report.virtual_nanos as f64 / 1e9,
        report.events,
        checks.join(", ")
    );
    if let Some(variant) = registry::variant(&spec) {
        let _ = write!(text, "  {}\n  {}\n", variant.paper, variant.breaks);
    }
    if report.found.is_empty() {
        text.push_str("nothing was found");
        return text;
    }
    for (at, found) in report.found.iter().enumerate() {
        tell(found, recordings.get(at), &mut text);
    }
    text.truncate(text.trim_end().len());
    text
}

fn tell(found: &Found, recording: Option<&PathBuf>, text: &mut String) {
    let (trial, caught) = (&found.shrunk.trial, &found.shrunk.caught);
    let _ = writeln!(text, "\nseed {}: {}", found.seed, caught.finding.promise);
    let _ = writeln!(text, "  {}", caught.finding.sentence);
    let _ = writeln!(
        text,
        "  {} of {} faults are enough, {} nodes, {} clients, {} instead of {}:",
        found.faults_after(),
        found.faults_before(),
        trial.spec.nodes.len(),
        trial.spec.clients.len(),
        caught.at,
        found.first.at
    );
    for timed in &trial.script {
        let _ = writeln!(text, "    {}", words(timed));
    }
    if let Some(path) = recording {
        let _ = writeln!(text, "  faultline play {}", path.display());
    }
}

fn words(timed: &TimedCommand) -> String {
    let command = EventKind::CommandIssued { by: Default::default(), command: timed.command.clone() };
    format!("{} {}", timed.at, line(&command))
}
