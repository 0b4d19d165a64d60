//! A recording executed again from its recipe: a simulated run must be the same bit for bit, a live one is told apart.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::HeadlessError;
use crate::{
    check::Observers,
    event::TraceEvent,
    sim::{Rerun, Runner},
    trace::{
        Difference, Recipe, Recorder, Recording, RecordingError, RecordingSink, RecordingWriter, Sameness, are_same,
    },
};

/// How much may happen between two comparisons.
const CHUNK: usize = 512;

/// What came of executing a simulated run again.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// Every event is the same.
    Same {
        /// How many there are.
        events: u64,
    },
    /// From here on it is not; `one` is the event of the recording, `other` that of the run.
    Differs(Box<Difference>),
    /// It was to stop before its end; up to there every event is the same.
    Stopped {
        /// How many were compared.
        events: u64,
    },
}

/// Executes a simulated run again and compares it with its recording, event by event, in bounded memory. `progress` hears
/// how far it is, 0 to 1.
pub fn rerun_simulated(
    recording: &mut Recording,
    record: Option<(&Path, u64)>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(f32),
) -> Result<Again, HeadlessError> {
    let recipe = Recipe::read(recording)?;
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&recorded);
    let recorder = Recorder::new(move |mut batch: Vec<TraceEvent>| {
        sink.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
    });
    let recorder = recorder.observed_by(Box::new(Observers::of(&recipe.spec)));
    let (spec, origin) = (recipe.spec.clone(), recipe.origin.clone());
    let create = |(path, created)| RecordingWriter::create_of(path, &spec, &origin, created);
    let mut file = record.map(create).transpose()?.map(RecordingSink::new);
    let mut runner = Runner::start(&spec, recorder)?;
    let mut rerun = Rerun::new(recipe);
    let mut expected = Expected { recording, block: 0, events: VecDeque::new(), seen: 0 };
    let mut goes_on = true;
    loop {
        for _ in 0..CHUNK {
            goes_on = goes_on && rerun.step(&mut runner);
        }
        if !goes_on {
            runner.shutdown();
        }
        runner.flush();
        let batch = std::mem::take(&mut *recorded.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = &mut file {
            file.push(&batch)?;
        }
        progress(rerun.progress(&runner));
        if let Some(difference) = expected.compare(batch)? {
            return Ok(Again::Differs(Box::new(difference)));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Again::Stopped { events: expected.seen });
        }
        if !goes_on {
            break;
        }
    }
    file.map_or(Ok(()), RecordingSink::finish)?;
    Ok(match expected.next()? {
        Some(event) => Again::Differs(Box::new(Difference { one: Some(event), other: None })),
        None => Again::Same { events: expected.seen },
    })
}

/// The events of a recording, block by block.
struct Expected<'a> {
    recording: &'a mut Recording,
    block: usize,
    events: VecDeque<TraceEvent>,
    seen: u64,
}

impl Expected<'_> {
    /// Compares the next events. What comes behind the end of the recording is none of its business: it was cut off.
    fn compare(&mut self, batch: Vec<TraceEvent>) -> Result<Option<Difference>, RecordingError> {
        for other in batch {
            let Some(one) = self.next()? else { return Ok(None) };
            if !are_same(Sameness::Exact, &one, &other) {
                return Ok(Some(Difference { one: Some(one), other: Some(other) }));
            }
            self.seen += 1;
        }
        Ok(None)
    }

    fn next(&mut self) -> Result<Option<TraceEvent>, RecordingError> {
        while self.events.is_empty() && self.block < self.recording.blocks().len() {
            self.events = self.recording.read(self.block)?.into();
            self.block += 1;
        }
        Ok(self.events.pop_front())
    }
}

#[cfg(test)]
#[path = "rerun_tests.rs"]
mod tests;
