//! What is wrong with the form of a TOML file, in words that say what to write there.

use std::ops::Range;

use super::LabError;
use crate::script::did_you_mean;

/// Says what is wrong with a file that is no such file, with its place and its key.
pub(super) fn mistake(file: &str, whole: &str, error: &toml::de::Error) -> LabError {
    let span = error.span().unwrap_or_default();
    let key = key_at(whole, &span);
    LabError::at(file, whole, span, &key, problem(error.message().trim()))
}

/// Returns the key that a place belongs to, with the table that it stands in.
fn key_at(whole: &str, span: &Range<usize>) -> String {
    let before = whole.get(..span.start).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let here = whole.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let name = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        text.trim_end().rsplit(|c| !plain(c)).next().unwrap_or_default().to_owned()
    };
    let table = before.lines().rev().chain(std::iter::once(line)).find_map(|line| {
        let inside = line.trim_start().strip_prefix('[')?;
        Some(inside.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned())
    });
    let key = match (line.rsplit_once('='), here.split_once('=')) {
        (Some((key, _)), _) => name(key),
        (None, Some((key, _))) if line.trim().is_empty() && !key.contains('[') => name(key),
        _ => String::new(), // A table as a whole.
    };
    let header = here.trim_start_matches('[').split(']').next().unwrap_or_default();
    match (table, key) {
        (_, key) if key.is_empty() && here.starts_with('[') => header.to_owned(),
        (Some(table), key) if !key.is_empty() && !table.contains('"') => format!("{table}.{key}"),
        (_, key) => key,
    }
}

fn problem(message: &str) -> String {
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    if let Some(rest) = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant ")) {
        let (word, expected) = rest.split_once(", expected").unwrap_or((rest, ""));
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let remedy = match did_you_mean(&quoted(word), known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        return format!("`{}` means nothing here; {remedy}", quoted(word));
    }
    if message.starts_with("missing field") {
        return format!("`{}` is missing here; add it, `faultline lab new` shows how", quoted(message));
    }
    if message == "duplicate key" {
        return "this key is there twice; take one of both away".to_owned();
    }
    let kinds = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = kinds.and_then(|kinds| kinds.split_once(", expected ")) {
        return format!("this is {}; write {}", found_words(found), expected_words(expected));
    }
    format!("this is no TOML: {}; see what stands before it", message.replace('\n', "; "))
}

fn found_words(found: &str) -> String {
    let words = [
        ("string", "text"),
        ("integer `-", "a number below zero"),
        ("integer", "a whole number"),
        ("float", "a number with a fraction"),
        ("boolean", "true or false"),
        ("sequence", "a list"),
        ("map", "a table"),
    ];
    let word = words.iter().find(|(kind, _)| found.starts_with(kind)).map(|(_, words)| (*words).to_owned());
    word.unwrap_or_else(|| found.to_owned())
}

fn expected_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number without quotes, such as 3".to_owned(),
        "i64" => "a whole number without quotes, such as 3 or -3".to_owned(),
        "f64" => "a number without quotes, such as 4.0".to_owned(),
        "a string" => "text in quotes, such as \"5s\" or \"on\"".to_owned(),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a sequence" => "a list in brackets, such as [\"crash\", \"heal\"]".to_owned(),
        "a map" => "a table, such as { name = \"value\" }".to_owned(),
        expected if expected.starts_with("struct ") => "a table, such as { name = \"value\" }".to_owned(),
        other => format!("{other} instead"),
    }
}
