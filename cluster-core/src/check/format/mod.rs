//! Histories that others wrote, read piece by piece in bounded memory.

mod edn;
mod jepsen;
mod json;
mod lines;
mod maps;

pub use lines::Lines;

use std::io::BufRead;

use super::history::{History, HistoryError};

/// A format of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A text log of Jepsen, an event a line: process, type, function, value.
    Jepsen,
    /// EDN maps of Jepsen or Knossos, one after the other or in one list.
    JepsenEdn,
    /// EDN maps with keys, as Porcupine's key-value tests have them.
    PorcupineKv,
    /// JSON maps, one a line.
    Jsonl,
}

/// All formats, with their names on the command line.
pub const FORMATS: &[(Format, &str)] = &[
    (Format::Jepsen, "jepsen"),
    (Format::JepsenEdn, "jepsen-edn"),
    (Format::PorcupineKv, "porcupine-kv"),
    (Format::Jsonl, "jsonl"),
];

impl Format {
    /// Returns the format of that name.
    pub fn named(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// Guesses the format from the beginning of a file; `None` if it is none of them.
    pub fn guess(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        if head.lines().any(|line| jepsen::operation_part(line).is_some()) {
            return Some(Self::Jepsen);
        }
        let text = head.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with(';'))?.trim();
        let inside = text.trim_start_matches(['[', '(', ' ']);
        if inside.starts_with("{\"") {
            Some(Self::Jsonl)
        } else if inside.starts_with("{:") || inside.starts_with("#jepsen") {
            Some(if inside.contains(" :key ") { Self::PorcupineKv } else { Self::JepsenEdn })
        } else {
            None
        }
    }
}

/// Reads a history.
pub fn read(format: Format, input: impl BufRead) -> Result<History, HistoryError> {
    match format {
        Format::Jepsen => jepsen::read(input),
        // Porcupine's logs are the same maps, with a key.
        Format::JepsenEdn | Format::PorcupineKv => maps::edn(input),
        Format::Jsonl => maps::jsonl(input),
    }
}
