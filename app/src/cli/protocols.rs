//! Lists what there is: protocols with their knobs, and the verbs of scripts.

use std::fmt::Write;

use cluster_core::{
    protocol::KnobValues,
    registry::{PROTOCOLS, ProtocolRow},
    script,
};

use super::{Failure, failure::print, nemesis::profiles_text};

/// Prints the protocols.
pub(super) fn list() -> Result<(), Failure> {
    print(&PROTOCOLS.iter().map(described).collect::<Vec<_>>().join("\n"))
}

/// Prints the verbs.
pub(super) fn verbs() -> Result<(), Failure> {
    let mut text = String::from("A script has one timed verb a line: at 5s crash @leader\n\n");
    for row in script::verbs() {
        let _ = writeln!(text, "  {}\n      {}", row.usage, row.about);
    }
    text.push_str("\nShapes (`at 5s shape bridge`):\n");
    for row in script::shape_words() {
        let _ = writeln!(text, "  {:12} {}", row.verb, row.about);
    }
    let _ = write!(text, "\n{}", profiles_text());
    text.push_str(
        "\nNodes: n3, @leader (or @primary), @follower[0] (or @backup[0]; running, by number), @random, all, and `rest` \
         in a partition.\nClients: c1. Times count from the start of the run: 5s, 1.5s, 250ms, 1m. Comments begin with #.",
    );
    print(&text)
}

fn described(row: &ProtocolRow) -> String {
    let mut text = format!("{}  {}\n", row.id, row.title);
    let width = row.knobs.iter().map(|knob| knob.name.len()).max().unwrap_or_default();
    for knob in row.knobs {
        let values = match knob.values {
            KnobValues::Flag => "on|off".to_owned(),
            KnobValues::OneOf(words) => words.join("|"),
            KnobValues::Number(min, max) => format!("{min}..{max}"),
            KnobValues::Duration => "duration".to_owned(),
        };
        let _ = writeln!(text, "  {:width$}  {values} (default {})  {}", knob.name, knob.default, knob.about);
    }
    if !row.variants.is_empty() {
        let _ = writeln!(text, "  variants, each with what the paper says, and what it does instead:");
    }
    for variant in row.variants {
        let _ = writeln!(text, "    {}\n      {}\n      {}", variant.name, variant.paper, variant.breaks);
    }
    text
}
