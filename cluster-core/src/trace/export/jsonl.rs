//! JSON lines: a line that says what ran, then a line an event.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::Exporter;
use crate::{
    event::TraceEvent,
    spec::ClusterSpec,
    trace::{
        causality::{Lane, Places},
        line,
    },
};

/// The version of the format; it grows when a line changes its meaning, not when kinds or fields are added.
const VERSION: u32 = 1;

/// Writes JSON lines. Bytes are text where they are text, else hexadecimal with `0x` before it.
#[derive(Debug, Default)]
pub struct Jsonl {
    places: Places,
}

impl Exporter for Jsonl {
    fn begin(&mut self, spec: &ClusterSpec, out: &mut dyn Write) -> io::Result<()> {
        let spec = serde_json::to_value(spec).map_err(io::Error::other)?;
        writeln!(out, "{}", json!({"format": "faultline-events", "version": VERSION, "cluster": spec}))
    }

    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()> {
        let place = match self.places.next(event) {
            Some(Lane::At(end)) => Value::String(end.to_string()),
            Some(Lane::Outside) => Value::String("outside".to_owned()),
            None => Value::Null,
        };
        let kind = serde_json::to_value(&event.kind).map_err(io::Error::other)?;
        let (kind, mut data) = match kind {
            Value::Object(map) => map.into_iter().next().unwrap_or_default(),
            // A kind without fields is its name alone.
            Value::String(name) => (name, Value::Object(serde_json::Map::new())),
            other => (String::new(), other),
        };
        readable(&mut data, "");
        let cause = event.cause.map(|cause| cause.0);
        let line = json!({
            "seq": event.seq.0, "at_ns": event.at.0, "cause": cause, "place": place, "kind": kind,
            "text": line(&event.kind), "data": data,
        });
        writeln!(out, "{line}")
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Makes text of bytes, wherever a field is made of them.
fn readable(value: &mut Value, name: &str) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(name, value)| readable(value, name)),
        Value::Array(parts) => {
            let of_bytes = matches!(name, "payload" | "key" | "value" | "keys" | "pairs" | "old");
            let bytes: Option<Vec<u8>> =
                parts.iter().map(|part| part.as_u64().and_then(|number| u8::try_from(number).ok())).collect();
            match bytes.filter(|_| of_bytes) {
                Some(bytes) => *value = Value::String(text_of(&bytes, name == "payload")),
                None => parts.iter_mut().for_each(|part| readable(part, name)),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn text_of(bytes: &[u8], never_text: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !never_text && !text.starts_with("0x") => text.to_owned(),
        _ => bytes.iter().fold(String::from("0x"), |mut text, byte| {
            use std::fmt::Write as _;
            let _never_fails = write!(text, "{byte:02x}");
            text
        }),
    }
}
