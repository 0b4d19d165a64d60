//! Histories whose events are maps: Jepsen's and Knossos' EDN, Porcupine's key-value logs, and our own JSON lines.

use std::io::BufRead;

use super::{
    super::{
        builder::{HistoryBuilder, Said},
        datum::Datum,
        history::{Ending, Function, History, HistoryError},
    },
    Lines,
    edn::{Edn, Next},
};
use crate::time::Timestamp;

/// Reads EDN. Events of processes that are no numbers (`:nemesis`) are passed over.
pub(super) fn edn(input: impl BufRead) -> Result<History, HistoryError> {
    let mut edn = Edn::new(input);
    let mut builder = HistoryBuilder::default();
    edn.enter()?;
    while let Next::Value(line, event) = edn.next_value()? {
        take(&mut builder, line, &event)?;
    }
    Ok(builder.finish())
}

/// Reads JSON lines, an event a line:
///
/// ```json
/// {"process":"c1","type":"invoke","f":"put","key":"k0","value":5,"time":1200000}
/// {"process":"c1","type":"ok","f":"put","key":"k0","value":5,"time":1450000}
/// ```
///
/// `type` is `invoke`, `ok`, `fail` (certainly not done) or `info` (nobody knows); `f` one of [`Function`]'s names. `key`
/// and `time` (nanoseconds) may be left out. `value` is what to write or add at the beginning, and what was read at the
/// end; for `cas` it is `[from, to]`, for `txn` a list of steps such as `["append", 1, 2]` and `["r", 1, [2]]`.
pub(super) fn jsonl(input: impl BufRead) -> Result<History, HistoryError> {
    let mut lines = Lines::new(input);
    let mut builder = HistoryBuilder::default();
    while let Some((line, text)) = lines.next_line()? {
        if text.trim().is_empty() {
            continue;
        }
        let event = super::json::parse(text).map_err(|reason| HistoryError { line, reason })?;
        take(&mut builder, line, &event)?;
    }
    Ok(builder.finish())
}

fn take(builder: &mut HistoryBuilder, line: u64, event: &Datum) -> Result<(), HistoryError> {
    let wrong = |reason: String| HistoryError { line, reason };
    if !matches!(event, Datum::Map(_)) {
        return Err(wrong(format!("an event is a map with process, type, f and value, and this is {event:.40}")));
    }
    let need = |key: &str| event.get(key).ok_or_else(|| wrong(format!("the event has no `{key}`")));
    let process = need("process")?;
    // The nemesis is no client: what it does is no operation.
    if matches!(process, Datum::Word(_)) {
        return Ok(());
    }
    let kind = need("type")?;
    let ending = match kind.words() {
        Some("invoke") => None,
        Some("ok") => Some(Ending::Ok),
        Some("fail") => Some(Ending::Fail),
        Some("info") => Some(Ending::Unknown),
        _ => return Err(wrong(format!("unknown type `{kind}`; known are invoke, ok, fail, info"))),
    };
    let name = need("f")?;
    let function = name.words().and_then(Function::named);
    let function = function.ok_or_else(|| wrong(format!("unknown function `{name}`; known are {}", known())))?;
    let value = event.get("value").cloned().unwrap_or_default();
    let (key, value) = match event.get("key") {
        Some(key) => (Some(key.clone()), value),
        None => (None, value),
    };
    let time = event.get("time").and_then(Datum::int);
    let at = time.map(|nanos| Timestamp(u64::try_from(nanos).unwrap_or(0)));
    let process = builder.process(&process.to_string());
    let said = Said { line, at, process, function, key, value };
    match ending {
        None => builder.begin(said).map(|_| ()),
        Some(ending) => builder.end(said, ending),
    }
}

fn known() -> String {
    let names = [
        "read", "write", "cas", "get", "put", "append", "delete", "add", "remove", "enqueue", "dequeue", "acquire",
        "release", "generate", "txn",
    ];
    names.join(", ")
}
