//! `faultline rerun`: executes a recording again. A simulated run must come out the same; a live one may differ, and is told.

use std::time::{Duration, Instant, SystemTime};

use cluster_core::{
    headless::{Again, rerun_simulated},
    session::{Next, Session, SessionOptions},
    time::Timestamp,
    trace::{Differ, Difference, Recipe, Recording, Sameness, TraceStore, line},
};
use serde_json::json;

use super::{Failure, RerunArgs, failure::print, play, run::failure_of, stop};

/// How long the loop waits for events before it looks at the clock again.
const TICK: Duration = Duration::from_millis(10);

/// Does what the flags say.
pub(super) fn rerun(args: &RerunArgs) -> Result<(), Failure> {
    let mut recording = Recording::open(&args.file).map_err(Failure::input)?;
    play::warn(&recording);
    if recording.origin().is_simulated() { simulated(args, &mut recording) } else { live(args, recording) }
}

fn simulated(args: &RerunArgs, recording: &mut Recording) -> Result<(), Failure> {
    let record = args.record.as_deref().map(|path| (path, unix_millis()));
    let stop = stop::flag();
    let mut told = Instant::now();
    let mut progress = |share: f32| {
        if !args.quiet && told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            eprintln!("{:.0} %", share * 100.0);
        }
    };
    let again = rerun_simulated(recording, record, &stop, &mut progress).map_err(Failure::input)?;
    let text = match &again {
        Again::Same { events } => format!("the same run again: {events} events, each the same in every bit"),
        Again::Stopped { events } => format!("stopped; {events} events were compared, each is the same in every bit"),
        Again::Differs(difference) => difference_text(difference),
    };
    if args.json {
        let json = match &again {
            Again::Same { events } => json!({ "backend": "sim", "same": true, "events": events }),
            Again::Stopped { events } => json!({ "backend": "sim", "same": null, "events": events }),
            Again::Differs(difference) => {
                json!({ "backend": "sim", "same": false, "first_difference": difference_json(difference) })
            }
        };
        print(&serde_json::to_string_pretty(&json).map_err(Failure::run)?)?;
    } else if !matches!(again, Again::Differs(_)) {
        print(&text)?;
    }
    match again {
        Again::Same { .. } | Again::Stopped { .. } => Ok(()),
        Again::Differs(_) => Err(Failure::Differs(format!(
            "the run is not the same again: {text}; it was recorded by another version of this program, or the file was \
             altered: {}",
            args.file.display()
        ))),
    }
}

fn live(args: &RerunArgs, mut recording: Recording) -> Result<(), Failure> {
    let recipe = Recipe::read(&mut recording).map_err(Failure::input)?;
    drop(recording);
    let (end, visits, commands) = (recipe.end, recipe.visits, recipe.asked.len());
    if !args.quiet {
        eprintln!(
            "a live run: {commands} commands are asked again at the same cluster times, for {end}; what comes of them may \
             differ, real time is never twice the same"
        );
        if visits > 0 {
            eprintln!("note: {visits} operations came from outside, and are not repeated");
        }
    }
    let before = play::open(&args.file)?;
    let options = SessionOptions { record: args.record.clone(), ..SessionOptions::default() };
    let mut again = TraceStore::new(recipe.spec.clone());
    let session = Session::live_again(recipe, options).map_err(failure_of)?;
    let outcome = watch(&session, &mut again, end);
    session.finish().map_err(failure_of)?;
    outcome?;
    let mut differ = Differ::new(Sameness::Story, Default::default());
    differ.advance(&before, &again, u64::MAX);
    print(&match (args.json, differ.found()) {
        (true, found) => {
            let json = json!({
                "backend": "live",
                "same_story": found.is_none(),
                "events": again.len().0,
                "first_difference": found.map(difference_json),
            });
            serde_json::to_string_pretty(&json).map_err(Failure::run)?
        }
        (false, None) => "the same story again; times and the order of messages may differ".to_owned(),
        (false, Some(difference)) => format!("another story from here on: {}", difference_text(difference)),
    })
}

/// Takes events over until the cluster is as old as the run before was.
fn watch(session: &Session, again: &mut TraceStore, end: Timestamp) -> Result<(), Failure> {
    let stop = stop::flag();
    let began = Instant::now();
    while again.end().max(Timestamp::from(began.elapsed())) < end && !stop.load(std::sync::atomic::Ordering::Relaxed) {
        match session.recv_batch(TICK) {
            Next::Batch(batch) => again.append(batch),
            Next::Nothing => {}
            Next::Ended => {
                return Err(Failure::run(format!("the cluster ended at {}, before the run was over", again.end())));
            }
        }
    }
    Ok(())
}

/// Tells a difference: the number, the time, and what each of the two says.
pub(super) fn difference_text(difference: &Difference) -> String {
    let event = |event: &Option<cluster_core::event::TraceEvent>, run: &str| match event {
        Some(event) => format!("{run} has {} at {}: {}", event.seq, event.at, line(&event.kind)),
        None => format!("{run} has ended"),
    };
    format!("{}, {}", event(&difference.one, "the first"), event(&difference.other, "the second"))
}

/// Tells a difference to machines.
pub(super) fn difference_json(difference: &Difference) -> serde_json::Value {
    let event = |event: &Option<cluster_core::event::TraceEvent>| {
        event.as_ref().map(|event| {
            json!({
                "seq": event.seq.0,
                "at_ms": event.at.0 as f64 / 1e6,
                "what": line(&event.kind),
            })
        })
    };
    json!({ "first": event(&difference.one), "second": event(&difference.other) })
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
