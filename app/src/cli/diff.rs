//! `faultline diff`: two recordings beside each other, from an event that is taken for the same moment.

use cluster_core::{
    ids::Seq,
    time::Timestamp,
    trace::{Differ, Sameness, StateDifference, Summarizer, Summary, TraceStore, state_differences},
};
use serde_json::json;

use super::{
    DiffArgs, Failure,
    failure::print,
    play,
    rerun::{difference_json, difference_text},
};

/// How many differences of the states are told to people; machines are told all.
const STATES_TOLD: usize = 24;

/// Does what the flags say.
pub(super) fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let (one, other) = (play::open(&args.one)?, play::open(&args.other)?);
    let sameness = sameness(&one, &other);
    let mut differ = Differ::new(sameness, Default::default());
    differ.advance(&one, &other, u64::MAX);
    // The states are compared at the moment that was asked for, or at both ends.
    let until = match args.at.map(Timestamp::from) {
        Some(at) => (one.seq_at(at), other.seq_at(at)),
        None => (one.len(), other.len()),
    };
    let states = state_differences(&one.state_at(until.0), &other.state_at(until.1));
    let summaries = (summary(&one), summary(&other));
    let exact = sameness == Sameness::Exact;
    print(&match args.json {
        true => {
            let json = json!({
                "compared": if exact { "exactly" } else { "story" },
                "same": differ.found().is_none(),
                "first_difference": differ.found().map(difference_json),
                "state": states.iter().map(state_json).collect::<Vec<_>>(),
                "metrics": rows(&summaries).iter().map(|(what, one, other)| {
                    json!({ "what": what, "first": one, "second": other })
                }).collect::<Vec<_>>(),
            });
            serde_json::to_string_pretty(&json).map_err(Failure::run)?
        }
        false => {
            let mut lines = vec![match differ.found() {
                None if exact => format!("the same run: {} events, each the same in every bit", one.len().0),
                None => "the same story; times and the order of messages may differ".to_owned(),
                Some(found) if exact => {
                    format!("the same up to {}, then {}", found_at(&differ), difference_text(found))
                }
                Some(found) => format!("the same story up to here: {}", difference_text(found)),
            }];
            lines.push(String::new());
            lines.push(table("metric", rows(&summaries).into_iter()));
            if !states.is_empty() {
                let rows =
                    states.iter().take(STATES_TOLD).map(|it| (it.what.clone(), it.one.clone(), it.other.clone()));
                let moment =
                    args.at.map_or_else(|| "at the end".to_owned(), |at| format!("at {}", Timestamp::from(at)));
                lines.push(table(&format!("state {moment}"), rows));
            }
            if states.len() > STATES_TOLD {
                lines.push(format!("and {} more differences; --json tells all", states.len() - STATES_TOLD));
            }
            lines.join("\n").trim_end().to_owned()
        }
    })?;
    match differ.found() {
        None => Ok(()),
        Some(_) => Err(Failure::Differs("the runs differ".to_owned())),
    }
}

/// Two simulated runs of one cluster can be the same in every bit; all others only in what they tell.
fn sameness(one: &TraceStore, other: &TraceStore) -> Sameness {
    let simulated = one.origin().is_simulated() && other.origin().is_simulated();
    if simulated && one.spec() == other.spec() { Sameness::Exact } else { Sameness::Story }
}

fn found_at(differ: &Differ) -> Timestamp {
    let event = differ.found().and_then(|found| found.one.as_ref().or(found.other.as_ref()));
    event.map_or(Timestamp::ZERO, |event| event.at)
}

fn summary(store: &TraceStore) -> Summary {
    let mut summarizer = Summarizer::default();
    let mut state = store.state_at(Seq(0));
    store.each(Seq(0)..store.len(), &mut |event| {
        state.apply(event);
        summarizer.apply(event, &state);
    });
    summarizer.finish(&state)
}

fn rows((one, other): &(Summary, Summary)) -> Vec<(String, String, String)> {
    let row = |what: &str, of: &dyn Fn(&Summary) -> String| (what.to_owned(), of(one), of(other));
    vec![
        row("run, ms", &|it| it.duration_ms.to_string()),
        row("events", &|it| it.events.to_string()),
        row("operations", &|it| it.operations.to_string()),
        row("acknowledged", &|it| it.acknowledged.to_string()),
        row("failed", &|it| it.failed.to_string()),
        row("unanswered", &|it| it.unanswered.to_string()),
        row("acknowledged and lost", &|it| it.lost_acknowledged.to_string()),
        row("elections", &|it| it.elections_total.to_string()),
        row("longest unavailable, ms", &|it| it.longest_unavailable_ms.to_string()),
        row("messages per operation", &|it| format!("{:.2}", it.messages_per_operation)),
        row("faults", &|it| it.faults_injected.to_string()),
    ]
}

fn state_json(it: &StateDifference) -> serde_json::Value {
    json!({ "what": it.what, "first": it.one, "second": it.other })
}

/// Lays rows out in columns.
fn table(head: &str, rows: impl Iterator<Item = (String, String, String)>) -> String {
    let absent = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let rows: Vec<_> = rows.map(|(what, one, other)| (what, absent(one), absent(other))).collect();
    let width = |of: &dyn Fn(&(String, String, String)) -> usize, least: usize| {
        rows.iter().map(of).max().unwrap_or(0).max(least)
    };
    let (first, second) =
        (width(&|row| row.0.chars().count(), head.chars().count()), width(&|row| row.1.chars().count(), 5));
    let line =
        |what: &str, one: &str, other: &str| format!("{what:first$}  {one:>second$}  {other}").trim_end().to_owned();
    let told = rows.iter().map(|(what, one, other)| {
        let mark = if one == other { " " } else { "≠" };
        format!("{mark} {}", line(what, one, other))
    });
    let head = format!("  {}", line(head, "first", "second"));
    std::iter::once(head).chain(told).chain([String::new()]).collect::<Vec<_>>().join("\n")
}
