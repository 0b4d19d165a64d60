//! Attempts at labs without a window: in virtual time or on real nodes, several at once.

#[cfg(feature = "live")]
use std::time::Instant;
use std::{
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use super::Scribe;
use crate::{
    check::Observers,
    command::Author,
    lab::{Attempt, Lab, Outcome, Schedule, Stage},
    origin::{BackendKind, Origin},
    sim::Runner,
    time::Timestamp,
    trace::{Recorder, RecordingSink, RecordingWriter},
};
#[cfg(feature = "live")]
use crate::{
    event::EventKind,
    session::{Next, Session, SessionOptions},
};

/// The longest stretch of virtual time between two looks at the script.
const TICK: Duration = Duration::from_millis(10);
/// How much may happen between two looks at what was asked to stop.
const CHUNK: usize = 512;
/// How long a phase may last, in cluster time.
const PHASE_MAX: Duration = Duration::from_secs(3600);

/// Makes attempts in the simulator: the same attempt has the same outcome, on any number of threads.
#[derive(Debug)]
pub struct SimStage<'a> {
    /// How many at once.
    pub threads: usize,
    /// Ends them before their time.
    pub stop: &'a AtomicBool,
}

impl Stage for SimStage<'_> {
    fn play(&self, lab: &Lab, attempts: &[Attempt], done: &mut dyn FnMut(usize, Made)) {
        several(attempts, self.threads, &|attempt| simulate_lab(lab, attempt, self.stop), done);
    }
}

/// Makes attempts on real nodes, all at once.
#[cfg(feature = "live")]
#[derive(Debug)]
pub struct LiveStage<'a> {
    /// Ends them before their time.
    pub stop: &'a AtomicBool,
}

#[cfg(feature = "live")]
impl Stage for LiveStage<'_> {
    fn play(&self, lab: &Lab, attempts: &[Attempt], done: &mut dyn FnMut(usize, Made)) {
        several(attempts, attempts.len(), &|attempt| live_lab(lab, attempt, self.stop), done);
    }
}

/// Makes attempts on several threads, the first ones first, and tells of each as soon as it is over.
fn several(
    attempts: &[Attempt],
    threads: usize,
    make: &(dyn Fn(&Attempt) -> Made + Sync),
    done: &mut dyn FnMut(usize, Made),
) {
    let next = AtomicUsize::new(0);
    let (over, outcomes) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, attempts.len().max(1)) {
            let (over, next) = (over.clone(), &next);
            scope.spawn(move || {
                while let Some((at, attempt)) = attempts.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    // Who listens does so to the end.
                    let _heard = over.send((at, make(attempt)));
                }
            });
        }
        drop(over);
        outcomes.iter().for_each(|(at, outcome)| done(at, outcome));
    });
}

type Made = Result<Outcome, String>;

/// Makes one attempt in the simulator.
pub fn simulate_lab(lab: &Lab, attempt: &Attempt, stop: &AtomicBool) -> Made {
    simulate_lab_kept(lab, attempt, stop, None)
}

/// Makes one attempt in the simulator, and has it written down.
pub fn simulate_lab_kept(lab: &Lab, attempt: &Attempt, stop: &AtomicBool, mut scribe: Option<&mut Scribe>) -> Made {
    let mut outcome = Outcome::before(lab);
    for segment in attempt.segments() {
        let (spec, mut play, mut progress) = attempt.begin(lab, &segment);
        let mut schedule = Schedule::of(lab, segment.phase, attempt.seed, attempt.profile);
        let mut recorder = Recorder::kept();
        let mut file = match &mut scribe {
            Some(scribe) => {
                recorder = recorder.observed_by(Box::new(Observers::of(&spec)));
                let path = scribe.begins(lab, &segment).map_err(|error| error.to_string())?;
                let writer = RecordingWriter::create_of(&path, &spec, &Origin::of(BackendKind::Sim), 0);
                Some(RecordingSink::new(writer.map_err(|error| error.to_string())?))
            }
            None => None,
        };
        let mut runner = Runner::start(&spec, recorder).map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        loop {
            runner.take_events(&mut events);
            if let Some(file) = &mut file {
                file.push(&events).map_err(|error| error.to_string())?;
            }
            events.drain(..).for_each(|event| progress.see(&event));
            if let Some(commands) = schedule.next(runner.now(), &progress) {
                for command in commands {
                    runner.command(Author::Lab, command);
                }
                continue;
            }
            if let Some(commands) = play.next(runner.now(), &progress) {
                for command in commands {
                    runner.command(Author::User, command);
                }
                continue;
            }
            if play.is_over() || runner.now() > Timestamp::from(PHASE_MAX) {
                break;
            }
            if stop.load(Ordering::Relaxed) {
                return Err("it was stopped".to_owned());
            }
            let until = runner.now() + TICK;
            while !runner.advance(until, CHUNK) {}
        }
        if let (Some(scribe), Some(file)) = (&mut scribe, file) {
            file.finish().map_err(|error| error.to_string())?;
            scribe.ended(lab, &segment, &play, &progress).map_err(|error| error.to_string())?;
        }
        outcome.take(&play, &mut progress);
        outcome.stuck = outcome.stuck.take().or_else(|| schedule.stuck());
    }
    Ok(outcome)
}

/// Makes one attempt on real nodes, in real time.
#[cfg(feature = "live")]
pub fn live_lab(lab: &Lab, attempt: &Attempt, stop: &AtomicBool) -> Made {
    live_lab_kept(lab, attempt, stop, None)
}

/// Makes one attempt on real nodes, and has it written down.
#[cfg(feature = "live")]
pub fn live_lab_kept(lab: &Lab, attempt: &Attempt, stop: &AtomicBool, mut scribe: Option<&mut Scribe>) -> Made {
    let mut outcome = Outcome::before(lab);
    for segment in attempt.segments() {
        let (spec, mut play, mut progress) = attempt.begin(lab, &segment);
        let mut schedule = Schedule::of(lab, segment.phase, attempt.seed, attempt.profile);
        let record = scribe.as_mut().map(|scribe| scribe.begins(lab, &segment)).transpose();
        let record = record.map_err(|error| error.to_string())?;
        let options = SessionOptions { record, ..SessionOptions::default() };
        let session = Session::live(spec, options).map_err(|error| error.to_string())?;
        let (began, mut last_event) = (Instant::now(), Duration::ZERO);
        // What was asked is seen to be asked before the next action looks at the cluster.
        let mut unseen = 0;
        while !play.is_over() && began.elapsed() < PHASE_MAX {
            let batch = match session.recv_batch(TICK) {
                Next::Batch(batch) => batch,
                Next::Nothing => Vec::new(),
                Next::Ended => return Err("the cluster ended before the script was over".to_owned()),
            };
            let real = began.elapsed();
            if !batch.is_empty() {
                last_event = real;
            }
            for event in &batch {
                unseen -= usize::from(matches!(event.kind, EventKind::CommandIssued { .. })).min(unseen);
                progress.see(event);
            }
            if stop.load(Ordering::Relaxed) {
                return Err("it was stopped".to_owned());
            }
            while unseen == 0 {
                let now = progress.state().at + real.saturating_sub(last_event);
                let due = schedule.next(now, &progress).map(|commands| (Author::Lab, commands));
                let due = due.or_else(|| play.next(now, &progress).map(|commands| (Author::User, commands)));
                let Some((by, commands)) = due else { break };
                unseen = commands.len();
                for command in commands {
                    session.send(by, command);
                }
            }
        }
        if let Some(scribe) = &mut scribe {
            scribe.ended(lab, &segment, &play, &progress).map_err(|error| error.to_string())?;
        }
        outcome.take(&play, &mut progress);
        outcome.stuck = outcome.stuck.take().or_else(|| schedule.stuck());
        session.finish().map_err(|error| error.to_string())?;
    }
    Ok(outcome)
}
