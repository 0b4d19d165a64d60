//! A run's summary for people.

use std::fmt::Write;

use cluster_core::trace::{Served, Summary};

/// How many lines a list may take.
const LISTED: usize = 10;

/// Returns the summary as lines of text; `nemesis` says what could strike at random, if anything.
pub(super) fn summary_text(summary: &Summary, nemesis: Option<String>) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<24}{value}");
    };
    row("run", format!("{:.1} s, {} events", summary.duration_ms as f64 / 1e3, summary.events));
    row("operations", summary.operations.to_string());
    row("  acknowledged", summary.acknowledged.to_string());
    row("  failed", summary.failed.to_string());
    row("  unanswered", (summary.unanswered + summary.pending).to_string());
    row("acknowledged and lost", summary.lost_acknowledged.to_string());
    for lost in summary.lost.iter().take(LISTED) {
        let value = lost.value.as_deref().unwrap_or("(deleted)");
        row(
            "",
            format!(
                "op{} of c{}: {}={value}, acknowledged at {} ms",
                lost.op, lost.client, lost.key, lost.acknowledged_ms
            ),
        );
    }
    row("  superseded", summary.writes.superseded.to_string());
    for (disks, writes) in &summary.writes.durable_on {
        row(&format!("  on {disks} {}", if *disks == 1 { "disk" } else { "disks" }), writes.to_string());
    }
    row("promises found broken", summary.findings_total.to_string());
    for found in summary.findings.iter().take(LISTED) {
        let at = found.time_ms as f64 / 1e3;
        row("", format!("{at:.3} s  {} {}: {}", found.promise, found.conclusion, found.sentence));
    }
    row("elections", summary.elections_total.to_string());
    for election in summary.elections.iter().take(LISTED) {
        row("", format!("{:.3} s  n{} in term {}", election.time_ms as f64 / 1e3, election.node, election.term));
    }
    if let Some(words) = nemesis {
        row("nemesis", words);
        row("  commands", summary.nemesis_commands.to_string());
    }
    let at_end = match summary.available_at_end {
        Some(true) => "yes",
        Some(false) => "no",
        None => "nobody wrote",
    };
    row("available at the end", at_end.to_owned());
    row("longest unavailable", format!("{} ms", summary.longest_unavailable_ms));
    for fault in summary.faults.iter().take(LISTED) {
        let until = fault.until_ms.map_or_else(|| "the end".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3));
        row(
            "",
            format!("{:.1} s to {until}  {}: {}", fault.from_ms as f64 / 1e3, fault.what, served_words(&fault.served)),
        );
    }
    row("messages per operation", format!("{:.2}", summary.messages_per_operation));
    for (node, lag) in &summary.max_lag {
        row(&format!("greatest lag of {node}"), format!("{} entries, {} bytes, {} ms", lag.entries, lag.bytes, lag.ms));
    }
    text.truncate(text.trim_end().len());
    text
}

fn served_words(served: &Served) -> String {
    format!(
        "{} offered, {} acknowledged, {} refused, {} unanswered, at most {} ms without a write",
        served.offered, served.acknowledged, served.refused, served.unanswered, served.longest_unavailable_ms
    )
}
