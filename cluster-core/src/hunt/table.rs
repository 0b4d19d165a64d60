//! The table of a hunt: for each protocol and each of its variants what was found, and how small it was made.

use super::{HuntReport, Quarry};
use crate::protocol::{CORRECT, VARIANT_KNOB};

/// The head of the table, in Markdown.
pub const TABLE_HEAD: &str = "\
| protocol | variant | seeds tried | found | faults | after shrinking | run | after shrinking |
| --- | --- | --- | --- | --- | --- | --- | --- |";

/// Returns the row of a hunt: that of the lowest seed, if there is a finding.
pub fn table_row(quarry: &Quarry, report: &HuntReport) -> String {
    let variant = quarry.knobs.get(VARIANT_KNOB).map_or(CORRECT, String::as_str);
    let begin = format!("| {} | {variant} | {} |", quarry.protocol, report.seeds_tried);
    match report.found.first() {
        None => format!("{begin} nothing | | | | |"),
        Some(found) => format!(
            "{begin} {} | {} | {} | {:.1} s | {:.1} s |",
            found.shrunk.caught.finding.promise,
            found.faults_before(),
            found.faults_after(),
            found.first.at.as_secs_f64(),
            found.shrunk.caught.at.as_secs_f64()
        ),
    }
}
