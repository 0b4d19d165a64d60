//! A run without a window in virtual time: the same spec and the same script give the same trace, bit for bit.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Director, Due, Finished, HeadlessError, Phase, Plan, Watch};
use crate::{
    check::Observers,
    event::TraceEvent,
    origin::{BackendKind, Origin},
    sim::Runner,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Recorder, RecordingSink, RecordingWriter},
};

/// The longest stretch of virtual time between two looks at the script.
const TICK: Duration = Duration::from_millis(10);
/// How many things may happen between two of them.
const CHUNK: usize = 256;

/// Runs a simulated cluster according to a plan, or until `stop` becomes true; its recording is written to `record`.
pub fn simulate(
    spec: &ClusterSpec,
    plan: Plan,
    record: Option<(&Path, u64)>,
    watch: &mut impl Watch,
    stop: &AtomicBool,
) -> Result<Finished, HeadlessError> {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&recorded);
    let recorder = Recorder::new(move |mut batch: Vec<TraceEvent>| {
        sink.lock().unwrap_or_else(PoisonError::into_inner).append(&mut batch);
    });
    let recorder = recorder.observed_by(Box::new(Observers::of(spec)));
    let origin = Origin::of(BackendKind::Sim);
    let create = |(path, created)| RecordingWriter::create_of(path, spec, &origin, created);
    let file = record.map(create).transpose()?.map(RecordingSink::new);
    let runner = Runner::start(spec, recorder)?;
    let mut run = Run { runner, recorded, director: Director::new(spec, plan), file, real: Duration::ZERO };
    let mut cut_short = false;
    if let Some(nemesis) = run.director.nemesis() {
        watch.on_nemesis(nemesis.kinds());
    }
    run.collect(watch)?;
    while run.director.phase() != Phase::Over {
        run.strike(watch)?;
        run.go_on();
        run.collect(watch)?;
        watch.on_tick(run.director.state(), run.director.phase());
        if stop.load(Ordering::Relaxed) {
            cut_short = true;
            run.director.cut_short();
        }
    }
    let (state, left) = (run.director.state().clone(), run.director.left().cloned().collect());
    run.runner.shutdown();
    run.collect(watch)?;
    run.file.map_or(Ok(()), RecordingSink::finish)?;
    Ok(Finished { state, cut_short, left })
}

struct Run {
    runner: Runner,
    recorded: Arc<Mutex<Vec<TraceEvent>>>,
    director: Director,
    file: Option<RecordingSink>,
    /// What a wall clock would show if virtual time were real; it goes on while the cluster stands still.
    real: Duration,
}

impl Run {
    /// Asks of the cluster what the script says by now.
    fn strike(&mut self, watch: &mut impl Watch) -> Result<(), HeadlessError> {
        let now = self.runner.now();
        while let Some(Due { by, line, commands }) = self.director.next(now, self.real)? {
            if let Some(line) = line {
                watch.on_line(&line, now);
            }
            for command in commands {
                self.runner.command(by, command);
            }
            self.collect(watch)?;
        }
        Ok(())
    }

    /// Lets time pass up to the next line of the script, but not long. While it stands still by the script's will, the
    /// script goes on as if it passed.
    fn go_on(&mut self) {
        let now = self.runner.now();
        let next = self.director.left().next().map(|line| Timestamp::from(line.at)).filter(|at| *at > now);
        let until = next.map_or(now + TICK, |at| at.min(now + TICK));
        if self.runner.rate() > 0.0 {
            while !self.runner.advance(until, CHUNK) {}
        }
        self.real += until.since(now);
    }

    /// Takes over what was recorded.
    fn collect(&mut self, watch: &mut impl Watch) -> Result<(), HeadlessError> {
        self.runner.take_steps();
        self.runner.flush();
        let batch = std::mem::take(&mut *self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = &mut self.file {
            file.push(&batch)?;
        }
        for event in batch {
            self.director.apply(&event);
            watch.on_event(&event, self.director.state());
        }
        Ok(())
    }
}
