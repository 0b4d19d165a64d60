//! What `faultline lab` tells: tables for people, JSON for programs.

use cluster_core::lab::{
    Lab, LabError, LabReport, Outcome, ScriptReport,
    expr::vocabulary::{
        ACT, CONFLICT, DROP, ERASED, FAILED, KNOB, Kind, MOMENTS, NEWS, NODE, OP, ROLE, STATE, SYNC, Table, VIEW, Word,
    },
};
use serde_json::json;

/// A lab that was checked.
pub(super) enum Checked {
    /// Its scripts were run.
    Verified(LabReport),
    /// It cannot be read: its folder, and why.
    Unreadable(String, Vec<LabError>),
}

impl Checked {
    pub(super) fn is_ok(&self) -> bool {
        match self {
            Self::Verified(report) => report.is_ok(),
            Self::Unreadable(..) => false,
        }
    }
}

pub(super) fn list(labs: &[Lab]) -> String {
    let line = |lab: &Lab| format!("{:24}  level {}  {:3} min  {}", lab.id, lab.level, lab.minutes, lab.title);
    labs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns how a script went, in a line.
pub(super) fn script_line(id: &str, script: &ScriptReport) -> String {
    let mark = if script.problems.is_empty() { "ok " } else { "BAD" };
    let blocked: Vec<String> = script.blocked_at.iter().map(|(goal, times)| format!("{goal} {times}")).collect();
    let blocked = if blocked.is_empty() { String::new() } else { format!("  blocked at {}", blocked.join(", ")) };
    format!("{mark}  {id:24}  {:28} {:>4} of {:>4} pass{blocked}", script.name, script.passed, script.runs)
}

pub(super) fn table(checked: &[Checked]) -> String {
    let mut lines = Vec::new();
    for lab in checked {
        match lab {
            Checked::Verified(report) => {
                lines.extend(report.scripts.iter().map(|script| script_line(&report.id, script)));
                let wrong =
                    report.scripts.iter().flat_map(|script| script.problems.iter().map(move |it| (&script.name, it)));
                lines.extend(wrong.map(|(name, problem)| format!("{}, {name}: {problem}", report.id)));
                lines.extend(report.warnings.iter().map(|warning| format!("{}, warning: {warning}", report.id)));
            }
            Checked::Unreadable(_, errors) => lines.extend(errors.iter().map(ToString::to_string)),
        }
    }
    lines.join("\n")
}

pub(super) fn json(checked: &[Checked]) -> Result<String, serde_json::Error> {
    let script = |script: &ScriptReport| {
        json!({
            "name": script.name,
            "ok": script.problems.is_empty(),
            "runs": script.runs,
            "passed": script.passed,
            "blocked_at": script.blocked_at,
            "problems": script.problems,
        })
    };
    let lab = |lab: &Checked| match lab {
        Checked::Verified(report) => json!({
            "id": report.id,
            "ok": report.is_ok(),
            "scripts": report.scripts.iter().map(script).collect::<Vec<_>>(),
            "warnings": report.warnings,
            "mistakes": [],
        }),
        Checked::Unreadable(id, errors) => json!({
            "id": id,
            "ok": false,
            "scripts": [],
            "warnings": [],
            "mistakes": errors.iter().map(mistake).collect::<Vec<_>>(),
        }),
    };
    serde_json::to_string_pretty(&json!({ "labs": checked.iter().map(lab).collect::<Vec<_>>() }))
}

fn mistake(error: &LabError) -> serde_json::Value {
    json!({
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "key": error.key,
        "problem": error.problem,
    })
}

pub(super) fn outcome(lab: &Lab, outcome: &Outcome) -> String {
    let mut lines = vec![format!("{}, {:.1} s of cluster time", lab.title, outcome.lasted.as_secs_f64())];
    for goal in &outcome.goals {
        let at = goal.at.map_or_else(String::new, |at| format!(" at {at}"));
        lines.push(format!("  {:9} {}{at}", goal.verdict.word(), goal.id));
    }
    lines.extend(outcome.wrong.iter().map(|(ask, said, right)| format!("  {ask}: said {said}, it was {right}")));
    lines.extend(outcome.stuck.iter().map(|stuck| format!("  could not go on: {stuck}")));
    let score = outcome.score(lab);
    lines.push(format!("  {} of {} points", score.total(), score.most()));
    lines.join("\n")
}

pub(super) fn outcome_json(lab: &Lab, outcome: &Outcome) -> Result<String, serde_json::Error> {
    let goal = |goal: &cluster_core::lab::GoalState| {
        json!({
            "id": goal.id,
            "verdict": goal.verdict.word(),
            "at_s": goal.at.map(|at| at.as_secs_f64()),
        })
    };
    serde_json::to_string_pretty(&json!({
        "id": lab.id,
        "passed": outcome.passed(),
        "goals": outcome.goals.iter().map(goal).collect::<Vec<_>>(),
        "points": outcome.score(lab).total(),
        "max_points": outcome.score(lab).most(),
        "stuck": outcome.stuck,
        "lasted_s": outcome.lasted.as_secs_f64(),
    }))
}

/// Returns what goals can speak of, as a Markdown list.
pub(super) fn vocabulary() -> String {
    let kind = |kind: Kind| match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Int => "whole number".to_owned(),
        Kind::Double => "number".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Texts => "texts".to_owned(),
        Kind::Ints => "whole numbers".to_owned(),
        Kind::Row(table) => table.name.to_owned(),
        Kind::Rows(table) => format!("{}s", table.name),
    };
    let line = |word: &Word| format!("- `{}` ({}): {}", word.name, kind(word.kind), word.about);
    let mut lines = vec!["State:".to_owned()];
    lines.extend(STATE.iter().map(line));
    let moments = MOMENTS.iter().map(|(name, table)| format!("`{name}` ({})", table.name));
    lines.push(format!(
        "Events: {}; and each verb of `faultline verbs` that breaks, mends or sets (act)",
        moments.collect::<Vec<_>>().join(", ")
    ));
    let mut fields = |table: &Table| {
        lines.push(format!("{}:", table.name));
        lines.extend(table.fields.iter().map(line));
    };
    let tables = [&NODE, &VIEW, &OP, &ACT, &DROP, &ROLE, &FAILED, &CONFLICT, &KNOB, &ERASED, &NEWS, &SYNC];
    tables.into_iter().for_each(&mut fields);
    lines.join("\n")
}
