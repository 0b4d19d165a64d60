//! Goals as they are written, made into patterns; what would be met by doing nothing is refused.

use std::time::Duration;

use super::{
    build::Builder,
    expr::{
        Kind, Wanted,
        vocabulary::{ACT, MOMENTS, STATE},
    },
    model::{Goal, Lab, Moment, Pattern},
    source::{GoalFile, LabFile, MomentFile, Text},
};
use crate::fault::FAULTS;

/// How many steps a sequence may have.
const STEPS_MAX: usize = 16;
/// Acts that are no faults, and that a goal can wait for all the same.
const MENDING: [&str; 4] = ["heal", "restart", "unfreeze", "set"];

/// Reads all goals.
pub(super) fn goals(builder: &mut Builder<'_>, file: &LabFile, lab: &Lab) -> Vec<Goal> {
    builder.once("goal", file.goal.iter().map(|goal| &goal.id));
    if file.goal.is_empty() {
        builder.wrong(file.id.span(), "goal", "a lab has at least one goal; add a [[goal]]");
    }
    let goals: Vec<Goal> = file.goal.iter().filter_map(|goal| one(builder, goal, lab)).collect();
    for (at, phase) in lab.phases.iter().enumerate() {
        if goals.len() == file.goal.len() && !goals.iter().any(|goal| goal.phase == at) {
            builder.wrong(
                file.id.span(),
                "phase",
                format!("phase `{}` has no goal; give it one, or take it away", phase.id),
            );
        }
    }
    goals
}

fn one(builder: &mut Builder<'_>, file: &GoalFile, lab: &Lab) -> Option<Goal> {
    let key = format!("goal.{}", file.id.get_ref());
    builder.anchor(file.id.span(), &key.replace('.', "-"), &key, lab);
    let phase = match &file.phase {
        None if lab.phases.len() == 1 => Some(0),
        None => {
            builder.wrong(file.id.span(), &key, "the lab has phases; say to which this goal belongs, phase = \"…\"");
            None
        }
        Some(phase) => {
            let at = lab.phases.iter().position(|it| it.id == *phase.get_ref());
            if at.is_none() {
                builder.unknown(
                    phase,
                    &format!("{key}.phase"),
                    "phase",
                    lab.phases.iter().map(|phase| phase.id.as_str()),
                );
            }
            at
        }
    };
    let pattern = pattern(builder, file, &key);
    Some(Goal {
        id: file.id.get_ref().clone(),
        phase: phase?,
        points: file.points.unwrap_or(10),
        optional: file.optional,
        pattern: pattern?,
    })
}

fn pattern(builder: &mut Builder<'_>, file: &GoalFile, key: &str) -> Option<Pattern> {
    let there = [
        ("reach", file.reach.is_some()),
        ("hold", file.hold.is_some()),
        ("never", file.never.is_some()),
        ("measure", file.measure.is_some()),
        ("sequence", file.sequence.is_some()),
        ("respond", file.respond.is_some()),
    ];
    let given: Vec<&str> = there.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let [pattern] = given[..] else {
        builder.wrong(
            file.id.span(),
            key,
            "a goal is exactly one of reach, hold, never, measure, sequence, respond; give one of them",
        );
        return None;
    };
    options(builder, file, pattern, key);
    let key = format!("{key}.{pattern}");
    Some(match pattern {
        "reach" => Pattern::Reach {
            it: builder.expr(file.reach.as_ref()?, Wanted::Truth, &[], &key)?,
            held: span(builder, file.for_.as_ref(), &key),
            times: file.times.as_ref().map_or(1, |times| (*times.get_ref()).max(1)),
        },
        "hold" => {
            let it = builder.expr(file.hold.as_ref()?, Wanted::Truth, &[], &key);
            let witness = witness(builder, file, pattern, &key);
            let Some(held) = &file.for_ else {
                builder.wrong(file.id.span(), &key, "for how long? write for example for = \"5s\"");
                return None;
            };
            Pattern::Hold { it: it?, held: builder.duration(held, &key), witness: witness? }
        }
        "never" => {
            let it = builder.expr(file.never.as_ref()?, Wanted::Truth, &[], &key);
            let witness = witness(builder, file, pattern, &key);
            Pattern::Never { it: it?, witness: witness? }
        }
        "measure" => {
            let it = builder.expr(file.measure.as_ref()?, Wanted::Truth, &[], &key);
            let witness = witness(builder, file, pattern, &key);
            Pattern::Measure { it: it?, witness: witness? }
        }
        "sequence" => {
            let written = file.sequence.as_ref()?;
            if !(2..=STEPS_MAX).contains(&written.get_ref().len()) {
                builder.wrong(
                    written.span(),
                    &key,
                    format!("a sequence has 2 to {STEPS_MAX} steps; for one, take reach"),
                );
            }
            let steps = moments(builder, written.get_ref(), written.span(), &key)?;
            Pattern::Sequence { steps, within: file.within.as_ref().map(|within| builder.duration(within, &key)) }
        }
        _ => {
            let written = file.respond.as_ref()?;
            let mut moments = moments(builder, written.get_ref(), written.span(), &key)?.into_iter();
            let (Some(after), Some(then), None) = (moments.next(), moments.next(), moments.next()) else {
                builder.wrong(written.span(), &key, "a response has two moments: after what, and what must follow");
                return None;
            };
            let Some(within) = &file.within else {
                builder.wrong(file.id.span(), &key, "within what time? write for example within = \"4s\"");
                return None;
            };
            let within = builder.duration(within, &key);
            let min_triggers = file.min_triggers.as_ref().map_or(1, |least| (*least.get_ref()).max(1));
            Pattern::Respond { after, then, within, min_triggers }
        }
    })
}

/// Refuses options that the pattern does not look at.
fn options(builder: &mut Builder<'_>, file: &GoalFile, pattern: &str, key: &str) {
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.span());
    let number = |number: &Option<toml::Spanned<u32>>| number.as_ref().map(|number| number.span());
    for (name, span, of) in [
        ("witness", text(&file.witness), &["hold", "never", "measure"][..]),
        ("for", text(&file.for_), &["reach", "hold"]),
        ("within", text(&file.within), &["sequence", "respond"]),
        ("times", number(&file.times), &["reach"]),
        ("min_triggers", number(&file.min_triggers), &["respond"]),
    ] {
        if let Some(span) = span.filter(|_| !of.contains(&pattern)) {
            let problem = format!("`{name}` means nothing for {pattern}; it belongs to {}", of.join(", "));
            builder.wrong(span, &format!("{key}.{name}"), problem);
        }
    }
}

fn witness(builder: &mut Builder<'_>, file: &GoalFile, pattern: &str, key: &str) -> Option<super::expr::Expr> {
    let Some(witness) = &file.witness else {
        builder.wrong(
            file.id.span(),
            key,
            format!("without a witness, doing nothing meets a `{pattern}`; say what shows that it was put to the test, witness = '…'"),
        );
        return None;
    };
    let of = key.strip_suffix(pattern).unwrap_or(key);
    builder.expr(witness, Wanted::Truth, &[], &format!("{of}witness"))
}

fn span(builder: &mut Builder<'_>, text: Option<&Text>, key: &str) -> Duration {
    text.map_or(Duration::ZERO, |text| builder.duration(text, key))
}

/// Reads moments in order; each can speak of those before it.
fn moments(
    builder: &mut Builder<'_>,
    files: &[MomentFile],
    span: std::ops::Range<usize>,
    key: &str,
) -> Option<Vec<Moment>> {
    let mut bound: Vec<(String, Kind)> = Vec::new();
    let mut moments = Vec::new();
    for file in files {
        moments.push(moment(builder, file, &mut bound, span.clone(), key));
    }
    moments.into_iter().collect()
}

fn moment(
    builder: &mut Builder<'_>,
    file: &MomentFile,
    bound: &mut Vec<(String, Kind)>,
    span: std::ops::Range<usize>,
    key: &str,
) -> Option<Moment> {
    let kind = match (&file.event, &file.state) {
        (None, Some(state)) => {
            for extra in [&file.as_, &file.where_].into_iter().flatten() {
                builder.wrong(extra.span(), key, "`as` and `where` belong to an event; a state says it all by itself");
            }
            return Some(Moment::State(builder.expr(state, Wanted::Truth, bound, key)?));
        }
        (Some(event), None) => event,
        _ => {
            builder.wrong(span, key, "each moment is an `event` or a `state`; give one of both");
            return None;
        }
    };
    let acts = FAULTS.iter().map(|row| row.verb).chain(MENDING);
    let named = MOMENTS.iter().find(|(name, _)| name == kind.get_ref()).map(|(_, table)| *table);
    let table = named.or_else(|| acts.clone().find(|verb| verb == kind.get_ref()).map(|_| &ACT));
    let Some(table) = table else {
        builder.unknown(kind, key, "event", MOMENTS.iter().map(|(name, _)| *name).chain(acts));
        return None;
    };
    let name = file.as_.as_ref().map_or("it", |name| name.get_ref());
    if let Some(written) = &file.as_ {
        let plain =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let taken = STATE.iter().any(|word| word.name == name) || bound.iter().any(|(known, _)| known == name);
        if !plain || taken || name == "it" {
            builder.wrong(
                written.span(),
                key,
                format!("`{name}` cannot be a name here; take a small letter or a word that nothing else is called"),
            );
            return None;
        }
    }
    bound.push((name.to_owned(), Kind::Row(table)));
    let only = file.where_.as_ref().map(|only| builder.expr(only, Wanted::Truth, bound, key));
    if file.as_.is_none() {
        // Nobody else can speak of it.
        bound.pop();
    }
    let only = match only {
        Some(only) => Some(only?),
        None => None,
    };
    Some(Moment::Event { kind: kind.get_ref().clone(), table, name: name.to_owned(), only })
}
