//! Reads the lines of a script.

use std::time::Duration;

use super::{
    cursor::{Cursor, Word},
    error::{ScriptError, did_you_mean},
    machine, message, parse_link,
    verb::{HealWhat, Links, Selector, Timed, Verb, verbs},
};
use crate::{
    fault::{Chosen, FAULTS, FaultKind, LinkFault, SHAPES},
    ids::{ClientId, NodeId},
    time::{RATE_MAX, RATE_MIN},
};

/// Where a mistake stands in a line, and what it is.
pub(super) struct Mistake {
    at: usize,
    bytes: usize,
    problem: String,
}

pub(super) type Parsed<T> = Result<T, Mistake>;

/// Reads one line; `None` if it is empty or a comment.
pub(super) fn line(file: &str, number: usize, text: &str) -> Result<Option<Timed>, ScriptError> {
    let mut cursor = Cursor::new(text);
    if cursor.peek().text.is_empty() {
        return Ok(None);
    }
    match timed(&mut cursor) {
        Ok((at, verb)) => {
            let text = text.trim().to_owned();
            Ok(Some(Timed { at, file: file.to_owned(), line: number, text, verb }))
        }
        Err(mistake) => Err(placed(file, number, text, &mistake)),
    }
}

/// A pause that nothing ends would make the rest of a run wait forever.
pub(super) fn check_pauses(file: &str, text: &str, timed: &[Timed]) -> Result<(), ScriptError> {
    let last = timed.iter().rfind(|timed| matches!(timed.verb, Verb::Pause | Verb::Resume));
    let Some(pause) = last.filter(|timed| timed.verb == Verb::Pause) else { return Ok(()) };
    let line = text.lines().nth(pause.line - 1).unwrap_or_default();
    let at = line.find("pause").unwrap_or_default();
    let problem = "nothing resumes after this `pause`, so cluster time would stand still forever; add `at … resume`";
    Err(placed(file, pause.line, line, &Mistake { at, bytes: 5, problem: problem.to_owned() }))
}

fn placed(file: &str, line: usize, text: &str, mistake: &Mistake) -> ScriptError {
    let before = text.get(..mistake.at).unwrap_or(text);
    let wrong = text.get(mistake.at..mistake.at + mistake.bytes).unwrap_or_default();
    ScriptError {
        file: file.to_owned(),
        line,
        column: before.chars().count() + 1,
        // A tab would move the marker away from what it marks.
        text: text.trim_end().replace('\t', " "),
        width: wrong.chars().count(),
        problem: mistake.problem.clone(),
    }
}

fn timed(cursor: &mut Cursor<'_>) -> Parsed<(Duration, Verb)> {
    let word = cursor.word();
    if word.text != "at" {
        return mistake(
            word,
            format!("a line begins with `at` and a time, not `{}`; write `at 5s crash n1`", word.text),
        );
    }
    let at = duration(cursor.word(), "the time")?;
    let verb = verb(cursor)?;
    let extra = cursor.word();
    if !extra.text.is_empty() {
        return mistake(extra, format!("nothing can follow here, but there is `{}`; one verb a line", extra.text));
    }
    Ok((at, verb))
}

fn verb(cursor: &mut Cursor<'_>) -> Parsed<Verb> {
    let word = cursor.word();
    if let Some(row) = FAULTS.iter().find(|row| row.verb == word.text) {
        return fault(row.kind, cursor);
    }
    if let Some(parsed) = message::parse(word.text, cursor) {
        return parsed;
    }
    Ok(match word.text {
        "shape" => shape(cursor)?,
        "heal" => Verb::Heal(heal(cursor)?),
        "restart" => {
            let nodes = selectors(cursor)?;
            match (cursor.peek().text, nodes.as_slice()) {
                ("wiped", _) => {
                    cursor.word();
                    Verb::RestartWiped(nodes)
                }
                (_, [Selector::All]) => Verb::Restart(None),
                (_, _) => Verb::Restart(Some(nodes)),
            }
        }
        "unfreeze" => Verb::Unfreeze(selectors(cursor)?),
        "put" => Verb::Put(asker(cursor)?, text(cursor, "a key")?.into(), text(cursor, "a value")?.into()),
        "get" => Verb::Get(asker(cursor)?, text(cursor, "a key")?.into()),
        "delete" => Verb::Delete(asker(cursor)?, text(cursor, "a key")?.into()),
        "increment" => increment(cursor)?,
        "transfer" => Verb::Transfer(one(cursor)?),
        "add" => Verb::Add(node(cursor)?),
        "add-learner" => Verb::AddLearner(node(cursor)?),
        "remove" => Verb::Remove(one(cursor)?),
        "promote" => Verb::Promote(one(cursor)?),
        "campaign" => Verb::Campaign(one(cursor)?),
        "pause" => Verb::Pause,
        "resume" => Verb::Resume,
        "rate" => Verb::Rate(rate(cursor.word())?),
        "set" => Verb::Set(knob_word(cursor, "a knob")?, knob_word(cursor, "a value")?),
        _ => return Err(unknown_verb(word)),
    })
}

fn unknown_verb(word: Word<'_>) -> Mistake {
    let known: Vec<_> = verbs().map(|row| row.verb).collect();
    let problem = match (word.text, did_you_mean(word.text, known.iter().copied())) {
        ("", _) => "a verb is missing; write for example `at 5s crash @leader`".to_owned(),
        (text, Some(meant)) => format!("`{text}` is no verb; did you mean `{meant}`?"),
        (text, None) => format!("`{text}` is no verb; there are {}", known.join(", ")),
    };
    Mistake { at: word.at, bytes: word.text.len(), problem }
}

fn fault(kind: FaultKind, cursor: &mut Cursor<'_>) -> Parsed<Verb> {
    Ok(match kind {
        FaultKind::Crash | FaultKind::PowerLoss | FaultKind::Stop | FaultKind::Freeze | FaultKind::Wipe => {
            Verb::Strike(kind, selectors(cursor)?)
        }
        FaultKind::Partition => Verb::Partition(groups(cursor)?),
        FaultKind::Cut => Verb::Link(LinkFault::Cut, links(cursor)?),
        FaultKind::Flap
        | FaultKind::Delay
        | FaultKind::Loss
        | FaultKind::Burst
        | FaultKind::Duplicate
        | FaultKind::Reorder
        | FaultKind::Corrupt
        | FaultKind::Bandwidth
        | FaultKind::Reset
        | FaultKind::HalfOpen
        | FaultKind::SlowClose => {
            let links = links(cursor)?;
            Verb::Link(parse_link::link_fault(kind, cursor)?, links)
        }
        FaultKind::TornPowerLoss
        | FaultKind::Slow
        | FaultKind::ClockOffset
        | FaultKind::ClockJump
        | FaultKind::ClockDrift
        | FaultKind::DiskSlow
        | FaultKind::DiskFull
        | FaultKind::ReadErrors
        | FaultKind::BitRot
        | FaultKind::LyingSync => machine::fault(kind, cursor)?,
    })
}

fn shape(cursor: &mut Cursor<'_>) -> Parsed<Verb> {
    let word = cursor.word();
    let Some(row) = SHAPES.iter().find(|row| row.word == word.text) else {
        let known: Vec<_> = SHAPES.iter().map(|row| row.word).collect();
        let remedy = match did_you_mean(word.text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        return match word.text {
            "" => mistake(word, format!("a shape is missing; {remedy}")),
            text => mistake(word, format!("`{text}` is no shape; {remedy}")),
        };
    };
    let place = cursor.peek();
    if place.text.is_empty() {
        return Ok(Verb::Shape(row.shape, None));
    }
    if row.chosen == Chosen::Nobody {
        return mistake(place, format!("the shape {} has no special node; name none", row.word));
    }
    Ok(Verb::Shape(row.shape, Some(one(cursor)?)))
}

fn heal(cursor: &mut Cursor<'_>) -> Parsed<HealWhat> {
    let word = cursor.peek();
    match word.text {
        "" => return Ok(HealWhat::All),
        "all" | "links" | "link" | "around" | "cpu" | "clock" | "disk" => drop(cursor.word()),
        other => {
            let meant = did_you_mean(other, ["links", "link", "around", "all", "cpu", "clock", "disk"]);
            let remedy = meant.map_or_else(
                || "write `heal`, `heal links`, `heal link n1->n2`, `heal around n3` or `heal disk n3`".to_owned(),
                |meant| format!("did you mean `heal {meant}`?"),
            );
            return mistake(word, format!("`{other}` cannot be healed; {remedy}"));
        }
    }
    Ok(match word.text {
        "links" => HealWhat::Links,
        "link" => HealWhat::Link(links(cursor)?),
        "around" => HealWhat::Around(selectors(cursor)?),
        other => match machine::ailment(other) {
            Some(part) => machine::heal(part, cursor)?,
            None => HealWhat::All,
        },
    })
}

fn links(cursor: &mut Cursor<'_>) -> Parsed<Links> {
    if cursor.peek().text == "around" {
        cursor.word();
        return selectors(cursor).map(Links::Around);
    }
    let from = selectors(cursor)?;
    let both_ways = cursor.eat("<->");
    if !both_ways && !cursor.eat("->") {
        return mistake(cursor.peek(), "a link needs its direction; write `n1->n2`, or `n1<->n2` for both".to_owned());
    }
    Ok(Links::Between { from, to: selectors(cursor)?, both_ways })
}

fn groups(cursor: &mut Cursor<'_>) -> Parsed<Vec<Vec<Selector>>> {
    let mut groups = vec![selectors_or_rest(cursor)?];
    while cursor.eat("|") {
        groups.push(selectors_or_rest(cursor)?);
    }
    Ok(groups)
}

pub(super) fn selectors(cursor: &mut Cursor<'_>) -> Parsed<Vec<Selector>> {
    let place = cursor.peek();
    let selectors = selectors_or_rest(cursor)?;
    if selectors.contains(&Selector::Rest) {
        return mistake(
            place,
            "`rest` means something only in a `partition`; name the nodes, or write `all`".to_owned(),
        );
    }
    Ok(selectors)
}

fn selectors_or_rest(cursor: &mut Cursor<'_>) -> Parsed<Vec<Selector>> {
    let mut selectors = vec![selector(cursor)?];
    while cursor.eat(",") {
        selectors.push(selector(cursor)?);
    }
    Ok(selectors)
}

/// Reads a selector of exactly one node.
fn one(cursor: &mut Cursor<'_>) -> Parsed<Selector> {
    let place = cursor.peek();
    match selector(cursor)? {
        Selector::All | Selector::Rest | Selector::Client(_) => {
            mistake(place, format!("`{}` is not one node; write for example `n1` or `@leader`", place.text))
        }
        one => Ok(one),
    }
}

/// Reads a selector of one node to be asked by hand, or of one client that asks.
fn asker(cursor: &mut Cursor<'_>) -> Parsed<Selector> {
    let before = *cursor;
    match selector(cursor)? {
        client @ Selector::Client(_) => Ok(client),
        _ => {
            *cursor = before;
            one(cursor)
        }
    }
}

fn increment(cursor: &mut Cursor<'_>) -> Parsed<Verb> {
    let (asker, key) = (asker(cursor)?, text(cursor, "a key")?.into());
    let word = cursor.word();
    let Ok(by) = word.text.parse() else {
        let problem = format!("`{}` is no whole number to add; write for example `increment c1 balance 5`", word.text);
        return mistake(word, problem);
    };
    if cursor.peek().text != "times" {
        return Ok(Verb::Increment(asker, key, by, 1));
    }
    cursor.word();
    let word = cursor.word();
    match word.text.parse() {
        Ok(times) if (1..=TIMES_MAX).contains(&times) => Ok(Verb::Increment(asker, key, by, times)),
        Ok(_) | Err(_) => mistake(word, format!("`{}` is no number of times; give 1 to {TIMES_MAX}", word.text)),
    }
}

/// How often one line asks at most.
const TIMES_MAX: u32 = 1000;

fn node(cursor: &mut Cursor<'_>) -> Parsed<NodeId> {
    let place = cursor.peek();
    match selector(cursor)? {
        Selector::Node(node) => Ok(node),
        _ => mistake(place, format!("`{}` is no node's number; write for example `n6`", place.text)),
    }
}

pub(super) fn selector(cursor: &mut Cursor<'_>) -> Parsed<Selector> {
    let word = cursor.selector();
    let number = |prefix: char| word.text.strip_prefix(prefix).and_then(|number| number.parse::<u16>().ok());
    if let Some(node) = number('n') {
        return if node == 0 {
            mistake(word, "nodes are numbered from 1; there is no n0".to_owned())
        } else {
            Ok(Selector::Node(NodeId(node)))
        };
    }
    if let Some(client) = number('c') {
        return Ok(Selector::Client(ClientId(client)));
    }
    let follower = ["@follower[", "@backup["].iter().find_map(|start| word.text.strip_prefix(start));
    if let Some(index) = follower.and_then(|rest| rest.strip_suffix(']')?.parse().ok()) {
        return Ok(Selector::Follower(index));
    }
    match word.text {
        "@leader" | "@primary" => Ok(Selector::Leader),
        "@follower" | "@backup" => Ok(Selector::Follower(0)),
        "@random" => Ok(Selector::Random),
        "all" => Ok(Selector::All),
        "rest" => Ok(Selector::Rest),
        _ => Err(unknown_selector(word, cursor)),
    }
}

fn unknown_selector(word: Word<'_>, cursor: &Cursor<'_>) -> Mistake {
    const KNOWN: [&str; 7] = ["@leader", "@primary", "@follower", "@backup", "@random", "all", "rest"];
    let found = if word.text.is_empty() { cursor.peek() } else { word };
    let base = found.text.split('[').next().unwrap_or_default();
    let bare = KNOWN.iter().copied().find(|known| known.strip_prefix('@') == Some(base));
    let problem = match (found.text, bare.or_else(|| did_you_mean(base, KNOWN))) {
        ("", _) => "a node is missing; write for example `n1`, `@leader` or `@follower[0]`".to_owned(),
        (text, Some(meant)) if base != meant => format!("`{text}` names no node; did you mean `{meant}`?"),
        (text, _) => {
            format!("`{text}` names no node; write n1, c1, @leader, @follower[0], @primary, @random or all")
        }
    };
    Mistake { at: found.at, bytes: found.text.len(), problem }
}

fn text<'a>(cursor: &mut Cursor<'a>, what: &str) -> Parsed<&'a str> {
    let word = cursor.word();
    if word.text.is_empty() {
        return mistake(word, format!("{what} is missing; write for example `put n1 color red` or `get n1 color`"));
    }
    Ok(word.text)
}

fn knob_word(cursor: &mut Cursor<'_>, what: &str) -> Parsed<String> {
    let word = cursor.word();
    match word.text {
        "" => mistake(word, format!("{what} is missing; write for example `set check_quorum on`")),
        text => Ok(text.to_owned()),
    }
}

/// Reads a share of `things`.
pub(super) fn share(word: Word<'_>, things: &str) -> Parsed<f64> {
    let share = match word.text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => word.text.parse::<f64>(),
    };
    share.or_else(|_| match word.text {
        "" => mistake(word, format!("a share of {things} is missing; write for example `20%` or `0.2`")),
        text => mistake(word, format!("`{text}` is no share of {things}; write for example `20%` or `0.2`")),
    })
}

fn rate(word: Word<'_>) -> Parsed<f64> {
    match word.text.parse::<f64>() {
        Ok(rate) if (RATE_MIN..=RATE_MAX).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => {
            mistake(word, format!("`{}` is no rate of cluster time; give {RATE_MIN} to {RATE_MAX}", word.text))
        }
    }
}

pub(super) fn duration(word: Word<'_>, what: &str) -> Parsed<Duration> {
    match parse_duration(word.text) {
        Some(duration) => Ok(duration),
        None if word.text.is_empty() => mistake(word, format!("{what} is missing; write for example `5s` or `250ms`")),
        None => mistake(word, format!("`{}` is no duration; write for example `5s`, `1.5s` or `250ms`", word.text)),
    }
}

/// Reads a duration: as humans write it, fractions included.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let unit_secs = match unit {
        "us" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        _ => None,
    };
    match (number.parse::<f64>(), unit_secs) {
        (Ok(number), Some(secs)) => Duration::try_from_secs_f64(number * secs).ok(),
        (Ok(_) | Err(_), _) => humantime::parse_duration(text).ok(),
    }
}

pub(super) fn mistake<T>(word: Word<'_>, problem: String) -> Parsed<T> {
    Err(Mistake { at: word.at, bytes: word.text.len(), problem })
}
