//! `faultline play`: a recording in the window, or the cluster's state at a moment.

use std::{path::Path, time::Duration};

use cluster_core::{
    time::Timestamp,
    trace::{ClusterState, Recording, TraceStore},
};

use super::{Failure, PlayArgs, failure::print, foreign, state_json::StateJson, why_text, window};

/// Above this size, a recording takes long enough to read that somebody would ask what the program is doing.
const LONG_BYTES: u64 = 500_000_000;

/// Does what the flags say.
pub(super) fn play(args: &PlayArgs) -> Result<(), Failure> {
    if let Some(what) = &args.why {
        return why_text::tell(args, what);
    }
    if args.json {
        return state(args);
    }
    window::play(args)
}

fn state(args: &PlayArgs) -> Result<(), Failure> {
    if args.format.is_some() || !foreign::is_recording(&args.file) {
        let store = open_as(&args.file, args.format, args.expression.as_deref())?;
        let at = args.at.map_or(store.end(), Timestamp::from).min(store.end());
        let json = StateJson::new(store.spec(), &store.state_at(store.seq_at(at)), at);
        return print(&serde_json::to_string_pretty(&json).map_err(Failure::run)?);
    }
    let mut recording = Recording::open(&args.file).map_err(Failure::input)?;
    warn(&recording);
    let (state, end) = state_at(&mut recording, args.at)?;
    let at = match args.at.map(Timestamp::from) {
        Some(at) if at <= end => at,
        Some(at) => {
            eprintln!("note: the recording ends at {end}, before {at}; this is its end");
            end
        }
        None => end,
    };
    let json = StateJson::new(recording.spec(), &state, at);
    print(&serde_json::to_string_pretty(&json).map_err(Failure::run)?)
}

/// Folds a recording up to a moment. Returns the state there, and when the recording ends.
fn state_at(recording: &mut Recording, at: Option<Duration>) -> Result<(ClusterState, Timestamp), Failure> {
    let at = at.map_or(Timestamp(u64::MAX), Timestamp::from);
    let end = recording.blocks().last().map_or(Timestamp::ZERO, |block| block.last_at);
    let mut state = ClusterState::before(recording.spec());
    for block in 0..recording.blocks().len() {
        if recording.blocks()[block].first_at > at {
            break;
        }
        let events = recording.read(block).map_err(Failure::input)?;
        events.iter().take_while(|event| event.at <= at).for_each(|event| state.apply(event));
    }
    Ok((state, end))
}

/// Opens a recording, or a log of others, by how it begins.
pub(super) fn open(file: &Path) -> Result<TraceStore, Failure> {
    open_as(file, None, None)
}

/// Opens a recording as a whole, or a log of others, and says what of it cannot be used.
pub(super) fn open_as(
    file: &Path,
    format: Option<foreign::OpenFormat>,
    expression: Option<&str>,
) -> Result<TraceStore, Failure> {
    let bytes = std::fs::metadata(file).map_or(0, |data| data.len());
    if bytes > LONG_BYTES {
        eprintln!("note: this file has {:.1} GB; reading it takes a while", bytes as f64 / 1e9);
    }
    let store = foreign::open(file, format, expression).map_err(Failure::Input)?;
    if let Some(damage) = store.damage() {
        eprintln!("warning: {damage}");
    }
    if store.torn_bytes() > 0 {
        eprintln!("note: the last {} bytes are half-written and were left out", store.torn_bytes());
    }
    Ok(store)
}

/// Says what of a recording cannot be used; the rest can.
pub(super) fn warn(recording: &Recording) {
    if let Some(damage) = recording.damage() {
        eprintln!("warning: {damage}");
    }
    if recording.torn_bytes() > 0 {
        eprintln!("note: the last {} bytes are half-written and were left out", recording.torn_bytes());
    }
}
