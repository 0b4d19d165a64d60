//! Reads what follows the link in a line that breaks one: shares, spans, sizes and the words between them.

use std::time::Duration;

use super::{
    cursor::{Cursor, Word},
    error::did_you_mean,
    parse::{self, Parsed, duration, mistake},
};
use crate::fault::{
    Bandwidth, Burst, Checksum, Corrupt, Delay, DelayShape, Duplicate, FaultKind, Flap, LinkFault, Loss, Reorder,
};

/// Reads the numbers of one fault of a link, and checks them.
pub(super) fn link_fault(kind: FaultKind, cursor: &mut Cursor<'_>) -> Parsed<LinkFault> {
    let place = cursor.peek();
    let fault = match kind {
        FaultKind::Flap => LinkFault::Flap(flap(cursor)?),
        FaultKind::Delay => LinkFault::Delay(delay(cursor)?),
        FaultKind::Loss => LinkFault::Loss(Loss { probability: share(cursor.word())? }),
        FaultKind::Burst => LinkFault::Burst(burst(cursor)?),
        FaultKind::Duplicate => LinkFault::Duplicate(Duplicate { share: share(cursor.word())? }),
        FaultKind::Reorder => {
            let share = share(cursor.word())?;
            keyword(cursor, "by", "reorder n1->n2 10% by 50ms")?;
            LinkFault::Reorder(Reorder { share, by: duration(cursor.word(), "the span")? })
        }
        FaultKind::Corrupt => LinkFault::Corrupt(corrupt(cursor)?),
        FaultKind::Bandwidth => LinkFault::Bandwidth(bandwidth(cursor)?),
        FaultKind::Reset => LinkFault::Reset,
        FaultKind::HalfOpen => LinkFault::HalfOpen(duration(cursor.word(), "the time until it is noticed")?),
        FaultKind::SlowClose => LinkFault::SlowClose(duration(cursor.word(), "the time of the close")?),
        // The others take no numbers, or strike no link.
        _ => LinkFault::Cut,
    };
    fault.check().or_else(|error| mistake(place, error.to_string()))?;
    Ok(fault)
}

fn delay(cursor: &mut Cursor<'_>) -> Parsed<Delay> {
    let mean = duration(cursor.word(), "the delay")?;
    let jitter =
        if cursor.eat("+-") || cursor.eat("±") { duration(cursor.word(), "the jitter")? } else { Duration::ZERO };
    const SHAPES: [(&str, DelayShape); 4] = [
        ("constant", DelayShape::Uniform),
        ("uniform", DelayShape::Uniform),
        ("normal", DelayShape::Normal),
        ("exponential", DelayShape::Exponential),
    ];
    let word = cursor.peek();
    if word.text.is_empty() {
        return Ok(Delay::uniform(mean, jitter));
    }
    match SHAPES.iter().find(|(name, _)| *name == word.text) {
        Some(("constant", _)) if !jitter.is_zero() => mistake(
            word,
            "a constant delay has no jitter; write `uniform` or `normal`, or leave the jitter out".to_owned(),
        ),
        Some((_, shape)) => {
            cursor.word();
            Ok(Delay { mean, jitter, shape: *shape })
        }
        None => mistake(word, unknown(word.text, &SHAPES.map(|(name, _)| name), "no distribution of delays")),
    }
}

fn burst(cursor: &mut Cursor<'_>) -> Parsed<Burst> {
    const USAGE: &str = "burst n1->n2 p 2% r 25% bad 90% good 1%";
    keyword(cursor, "p", USAGE)?;
    let turn_bad = share(cursor.word())?;
    keyword(cursor, "r", USAGE)?;
    let turn_good = share(cursor.word())?;
    let mut burst = Burst { turn_bad, turn_good, loss_bad: 1.0, loss_good: 0.0 };
    loop {
        let word = cursor.peek();
        let value = match word.text {
            "" => return Ok(burst),
            "bad" => &mut burst.loss_bad,
            "good" => &mut burst.loss_good,
            other => return mistake(word, unknown(other, &["bad", "good"], "no state of a link with bursts")),
        };
        cursor.word();
        *value = share(cursor.word())?;
    }
}

fn flap(cursor: &mut Cursor<'_>) -> Parsed<Flap> {
    const USAGE: &str = "flap n1->n2 up 2s down 500ms";
    keyword(cursor, "up", USAGE)?;
    let up = duration(cursor.word(), "the time up")?;
    keyword(cursor, "down", USAGE)?;
    Ok(Flap { up, down: duration(cursor.word(), "the time down")? })
}

fn corrupt(cursor: &mut Cursor<'_>) -> Parsed<Corrupt> {
    let share = share(cursor.word())?;
    let word = cursor.peek();
    let checksum = match word.text {
        "" => return Ok(Corrupt { share, checksum: Checksum::On }),
        "checked" => Checksum::On,
        "unchecked" => Checksum::Off,
        other => return mistake(word, unknown(other, &["checked", "unchecked"], "nothing that a checksum can be")),
    };
    cursor.word();
    Ok(Corrupt { share, checksum })
}

fn bandwidth(cursor: &mut Cursor<'_>) -> Parsed<Bandwidth> {
    let word = cursor.word();
    let rate = Word { text: word.text.strip_suffix("/s").unwrap_or(word.text), ..word };
    let bytes_per_sec = size(rate, "the bandwidth", "100kB/s")?;
    keyword(cursor, "queue", "bandwidth n1->n2 100kB/s queue 64kB")?;
    Ok(Bandwidth { bytes_per_sec, queue_bytes: size(cursor.word(), "the queue", "64kB")? })
}

/// Takes the word that must come next.
fn keyword(cursor: &mut Cursor<'_>, wanted: &str, usage: &str) -> Parsed<()> {
    let word = cursor.word();
    match word.text {
        text if text == wanted => Ok(()),
        "" => mistake(word, format!("`{wanted}` is missing; write for example `{usage}`")),
        text => mistake(word, format!("`{wanted}` comes here, not `{text}`; write for example `{usage}`")),
    }
}

fn share(word: Word<'_>) -> Parsed<f64> {
    parse::share(word, "frames")
}

fn size(word: Word<'_>, what: &str, usage: &str) -> Parsed<u64> {
    match parse_bytes(word.text) {
        Some(bytes) => Ok(bytes),
        None if word.text.is_empty() => mistake(word, format!("{what} is missing; write for example `{usage}`")),
        None => mistake(word, format!("`{}` is no size; write for example `{usage}`", word.text)),
    }
}

/// Reads a number of bytes with its unit: `512B`, `64kB`, `1.5MB`, `64KiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * unit;
    // Past this, a float no longer counts every byte; nobody has such a link.
    (bytes < 1e15).then_some(bytes.round() as u64)
}

fn unknown(text: &str, known: &[&str], is: &str) -> String {
    match did_you_mean(text, known.iter().copied()) {
        Some(meant) => format!("`{text}` is {is}; did you mean `{meant}`?"),
        None => format!("`{text}` is {is}; there are {}", known.join(", ")),
    }
}
