//! Reads what scripts say about a node's machine: its speed, its clock, its disk.

use super::{
    cursor::{Cursor, Word},
    parse::{Parsed, duration, mistake, parse_duration, selectors, share},
    verb::{HealWhat, Verb},
};
use crate::fault::{Ailment, ClockShift, Drift, FaultKind, NodeFault, ReadErrors, Slowness};

/// Reads what follows the verb of a fault that strikes a machine.
pub(super) fn fault(kind: FaultKind, cursor: &mut Cursor<'_>) -> Parsed<Verb> {
    let nodes = selectors(cursor)?;
    let place = cursor.peek();
    let fault = match kind {
        FaultKind::TornPowerLoss => NodeFault::TornPowerLoss,
        FaultKind::Slow => NodeFault::Slow(slowness(cursor.word())?),
        FaultKind::ClockOffset => NodeFault::ClockOffset(shift(cursor.word())?),
        FaultKind::ClockJump => NodeFault::ClockJump(shift(cursor.word())?),
        FaultKind::ClockDrift => NodeFault::ClockDrift(drift(cursor.word())?),
        FaultKind::DiskSlow => NodeFault::DiskSlow(duration(cursor.word(), "how much longer a sync takes")?),
        FaultKind::DiskFull => NodeFault::DiskFull,
        FaultKind::ReadErrors => NodeFault::ReadErrors(read_errors(cursor)?),
        FaultKind::BitRot => NodeFault::BitRot,
        FaultKind::LyingSync => NodeFault::LyingSync,
        // Whatever strikes a process, a link or groups is read elsewhere.
        _ => return mistake(place, "this strikes no machine".to_owned()),
    };
    fault.check().or_else(|error| mistake(place, error.to_string()))?;
    Ok(Verb::Machine(fault, nodes))
}

/// Returns the part of a machine that a word names.
pub(super) fn ailment(word: &str) -> Option<Ailment> {
    Ailment::ALL.into_iter().find(|part| part.word() == word)
}

/// Reads whose part is to be healed.
pub(super) fn heal(part: Ailment, cursor: &mut Cursor<'_>) -> Parsed<HealWhat> {
    Ok(HealWhat::Ailment(part, selectors(cursor)?))
}

fn slowness(word: Word<'_>) -> Parsed<Slowness> {
    let number = word.text.strip_suffix(['x', '×']).unwrap_or(word.text);
    match number.parse() {
        Ok(factor) => Ok(Slowness { factor }),
        Err(_) if word.text.is_empty() => {
            mistake(word, "the factor is missing; write for example `slow n3 10x`".into())
        }
        Err(_) => mistake(word, format!("`{}` is no factor; write for example `10x`", word.text)),
    }
}

fn shift(word: Word<'_>) -> Parsed<ClockShift> {
    let (back, size) = match word.text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, word.text.strip_prefix('+').unwrap_or(word.text)),
    };
    match parse_duration(size) {
        Some(by) => Ok(if back { ClockShift::back(by) } else { ClockShift::ahead(by) }),
        None => mistake(word, format!("`{}` moves no clock; write for example `+5s` or `-250ms`", word.text)),
    }
}

fn drift(word: Word<'_>) -> Parsed<Drift> {
    let (number, unit_ppm) = match (word.text.strip_suffix('%'), word.text.strip_suffix("ppm")) {
        (Some(percent), _) => (percent, 10_000.0),
        (None, Some(ppm)) => (ppm, 1.0),
        (None, None) => ("", 0.0),
    };
    match number.parse::<f64>() {
        // A number too large for the type is too large for a clock, too, and refused as such.
        Ok(number) if !number.is_nan() => Ok(Drift { ppm: (number * unit_ppm).round() as i32 }),
        Ok(_) | Err(_) => mistake(word, format!("`{}` is no drift; write for example `10%` or `-200ppm`", word.text)),
    }
}

fn read_errors(cursor: &mut Cursor<'_>) -> Parsed<ReadErrors> {
    match cursor.peek().text {
        "" => Ok(ReadErrors::Next),
        "next" => {
            cursor.word();
            Ok(ReadErrors::Next)
        }
        _ => share(cursor.word(), "reads").map(ReadErrors::Share),
    }
}
