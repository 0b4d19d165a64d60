//! `faultline play FILE --why`: the chain of causes in sentences.

use cluster_core::{
    ids::Seq,
    registry,
    time::Timestamp,
    trace::{Subject, Why, why},
};
use serde_json::json;

use super::{Failure, PlayArgs, failure::print, play::open};

/// Prints why something is so in a recording.
pub(super) fn tell(args: &PlayArgs, what: &str) -> Result<(), Failure> {
    let store = open(&args.file)?;
    let at = args.at.map_or(store.end(), Timestamp::from);
    let subject = Subject::parse(what, at).map_err(Failure::input)?;
    let next = match subject {
        // What ended a span without writes came after it.
        Subject::Unavailable(_) => store.len(),
        Subject::Event(seq) if args.at.is_none() => Seq(seq.0 + 1).min(store.len()),
        _ => store.seq_at(at),
    };
    let word = registry::protocol(&store.spec().protocol).map_or("epoch", |row| row.epoch_word);
    let told = why(&store, next, subject, word).map_err(Failure::input)?;
    if args.json {
        let text = serde_json::to_string_pretty(&as_json(&told)).map_err(Failure::run)?;
        return print(&text);
    }
    print(&as_text(&told))
}

fn as_text(why: &Why) -> String {
    let mut lines = vec![why.subject.clone()];
    for link in &why.chain {
        let seq = link.seq.to_string();
        lines.push(format!("{:>10.3} s {seq:>8}  {}", link.at.as_secs_f64(), link.sentence));
    }
    lines.join("\n")
}

fn as_json(why: &Why) -> serde_json::Value {
    let link = |link: &cluster_core::trace::Because| {
        json!({
            "seq": link.seq.0,
            "at_ms": link.at.as_secs_f64() * 1000.0,
            "kind": link.kind,
            "sentence": link.sentence,
        })
    };
    json!({ "subject": why.subject, "chain": why.chain.iter().map(link).collect::<Vec<_>>() })
}
