//! The thread that runs a simulated cluster: as the wall clock goes, or as fast as the machine does.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::recording::Shared;
use crate::{
    command::{Author, Command},
    event::TraceEvent,
    sim::{Rerun, Runner},
    spec::ClusterSpec,
    time::{ClusterClock, RATE_UNLIMITED},
    trace::{ClusterState, Recipe, Recorder},
    until::{Until, Wait},
};

/// What the outside asks of a simulated cluster.
#[derive(Debug)]
pub(super) enum SimAsk {
    /// Carry out a command.
    Command(Author, Command),
    /// Let the cluster go until something happens.
    RunUntil(Author, Until),
    /// Stop everything.
    Finish,
}

/// How many commands may wait.
const ASKS_MAX: usize = 4096;
/// How long the cluster runs before it listens again, and before what was recorded is handed on.
const TURN: Duration = Duration::from_millis(8);
/// How many things happen between two looks at the clock.
const CHUNK: usize = 64;
/// How far a cluster that goes as fast as it can may be ahead of who watches it, in events.
const AHEAD_MAX: u64 = 131_072;
/// How long it waits for somebody who takes nothing at all, such as a window that nobody paints.
const PATIENCE: Duration = Duration::from_millis(250);
/// The longest sleep while nothing is due.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// A simulated cluster that runs. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct SimCluster {
    asks: Sender<SimAsk>,
    thread: JoinHandle<()>,
}

impl SimCluster {
    /// Starts the cluster of a spec that was checked; first it executes a recipe again, if there is one.
    pub(super) fn start(
        spec: ClusterSpec,
        recipe: Option<Recipe>,
        recorder: Recorder,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let (asks, asked) = bounded(ASKS_MAX);
        let thread = thread::Builder::new().name("faultline-simulator".to_owned()).spawn(move || {
            let watched = Arc::new(Mutex::new(Watched::before(&spec)));
            let tap = Arc::clone(&watched);
            let recorder = recorder.heard_by(Box::new(move |event| lock(&tap).hear(event)));
            let runner = Runner::start(&spec, recorder).expect("the spec was checked before");
            Driver::new(runner, watched, recipe.map(Rerun::new), asked, shared).run();
        })?;
        Ok(Self { asks, thread })
    }

    /// Asks something; never waits. Returns whether it was heard: not if the cluster ended, or cannot keep up.
    pub(super) fn ask(&self, ask: SimAsk) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// Waits until the cluster has ended. Returns whether it ended well.
    pub(super) fn join(self) -> bool {
        // Closing the channel asks for the end, even if it is full.
        drop(self.asks);
        self.thread.join().is_ok()
    }
}

/// The state behind the latest event, and what the cluster is let go until.
struct Watched {
    state: ClusterState,
    wait: Option<Wait>,
    met: bool,
}

impl Watched {
    fn before(spec: &ClusterSpec) -> Self {
        Self { state: ClusterState::before(spec), wait: None, met: false }
    }

    fn hear(&mut self, event: &TraceEvent) {
        match &mut self.wait {
            Some(wait) => self.met |= wait.hears(event, &mut self.state),
            None => self.state.apply(event),
        }
    }
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A simulated cluster and the clock that paces it.
struct Driver {
    runner: Runner,
    watched: Arc<Mutex<Watched>>,
    /// Who let the cluster go until something happens, while that lasts.
    let_go: Option<Author>,
    /// What is executed again before anybody is listened to.
    rerun: Option<Rerun>,
    asks: Receiver<SimAsk>,
    /// What was asked and not answered yet.
    asked: VecDeque<SimAsk>,
    clock: ClusterClock,
    began: Instant,
    shared: Arc<Shared>,
    /// How often events had been taken when the wait for more of that began, and when.
    waits: Option<(u64, Instant)>,
    /// At which event it stands still, if it is not paced until then.
    rests_at: u64,
}

impl Driver {
    fn new(
        runner: Runner,
        watched: Arc<Mutex<Watched>>,
        rerun: Option<Rerun>,
        asks: Receiver<SimAsk>,
        shared: Arc<Shared>,
    ) -> Self {
        let began = Instant::now();
        let clock = ClusterClock::unbound();
        let rests_at = shared.rest_every;
        Self {
            runner,
            watched,
            let_go: None,
            rerun,
            asks,
            asked: VecDeque::new(),
            clock,
            began,
            shared,
            waits: None,
            rests_at,
        }
    }

    /// Runs the cluster until it is asked to finish.
    fn run(mut self) {
        self.runner.flush();
        while self.listen() {
            let turn_ends = Instant::now() + TURN;
            if self.rerun.is_some() {
                self.execute_again(turn_ends);
            } else if !self.answer() {
                break;
            } else if let Some(by) = self.let_go {
                self.run_on(by, turn_ends);
            } else {
                self.turn(turn_ends);
            }
            self.runner.flush();
        }
        self.runner.shutdown();
    }

    /// Waits until there is something to do. Returns whether the cluster is to go on.
    fn listen(&mut self) -> bool {
        let leisure = self.leisure();
        match self.asks.recv_timeout(leisure) {
            Ok(ask) => self.asked.push_back(ask),
            Err(RecvTimeoutError::Timeout) => {}
            // Whoever asked is gone: there is nobody to run the cluster for.
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        self.asked.extend(self.asks.try_iter());
        // Nobody waits for the end of a long run only to end it.
        self.rerun.is_none() || !self.asked.iter().any(|ask| matches!(ask, SimAsk::Finish))
    }

    /// Returns how long nothing is due.
    fn leisure(&mut self) -> Duration {
        let races = self.rerun.is_some() || self.let_go.is_some() || self.runner.rate() >= RATE_UNLIMITED;
        if races && (self.rerun.is_some() || self.runner.next_due().is_some()) {
            return if self.must_wait() { TURN } else { Duration::ZERO };
        }
        let real = self.began.elapsed();
        let due = self.runner.next_due().and_then(|at| self.clock.real_until(at, real));
        due.unwrap_or(SLEEP_MAX).min(SLEEP_MAX)
    }

    /// Returns whether whoever watches is so far behind that the cluster waits: as long as somebody takes events at all.
    fn must_wait(&mut self) -> bool {
        if self.shared.behind.load(Ordering::Relaxed) < AHEAD_MAX {
            self.waits = None;
            return false;
        }
        let taken = self.shared.taken.load(Ordering::Relaxed);
        match self.waits {
            Some((before, since)) if before == taken => since.elapsed() < PATIENCE,
            Some(_) | None => {
                self.waits = Some((taken, Instant::now()));
                true
            }
        }
    }

    /// Carries out what was asked. Returns whether the cluster is to go on.
    fn answer(&mut self) -> bool {
        while let Some(ask) = self.asked.pop_front() {
            match ask {
                SimAsk::Finish => {
                    self.catch_up();
                    return false;
                }
                SimAsk::Command(by, command) => {
                    self.catch_up();
                    if matches!(command, Command::Pause) {
                        self.stop_waiting();
                    }
                    self.command(by, command);
                }
                SimAsk::RunUntil(by, until) => {
                    self.catch_up();
                    self.let_go(by, until);
                }
            }
        }
        true
    }

    /// Brings the cluster to the moment that the clock shows, if it can within a turn.
    fn catch_up(&mut self) {
        if self.runner.rate() > 0.0 && self.let_go.is_none() {
            self.turn(Instant::now() + TURN);
        }
    }

    fn command(&mut self, by: Author, command: Command) {
        self.runner.command(by, command);
        self.set_clock();
        if self.runner.take_steps() {
            self.set_clock();
        }
    }

    /// Sets the clock as the cluster says.
    fn set_clock(&mut self) {
        let real = self.began.elapsed();
        self.clock.set(self.runner.now(), real);
        match self.runner.rate() {
            0.0 => self.clock.pause(real),
            rate => {
                self.clock.set_rate(rate, real);
                self.clock.resume(real);
            }
        }
    }

    /// Lets the cluster run until the clock is caught up with, or the turn is over.
    fn turn(&mut self, turn_ends: Instant) {
        if self.runner.rate() == 0.0 {
            return;
        }
        if self.runner.rate() >= RATE_UNLIMITED {
            while Instant::now() < turn_ends && !self.must_wait() && !self.rests() {
                for _ in 0..CHUNK {
                    if self.runner.step().is_none() {
                        return;
                    }
                }
            }
            return;
        }
        let until = self.clock.now(self.began.elapsed());
        while !self.runner.advance(until, CHUNK) {
            if Instant::now() >= turn_ends {
                // What the machine cannot do is not owed: the cluster goes on from where it is.
                return self.set_clock();
            }
        }
    }

    /// Lets the cluster go until something happens.
    fn let_go(&mut self, by: Author, until: Until) {
        if self.runner.rate() == 0.0 {
            self.runner.command(by, Command::Step);
            self.runner.forget_steps();
        }
        let mut watched = lock(&self.watched);
        // Whoever asks has tried the condition on the same cluster.
        watched.wait = Wait::new(until, &watched.state).ok();
        watched.met = false;
        self.let_go = watched.wait.is_some().then_some(by);
        self.shared.waiting.store(self.let_go.is_some(), Ordering::Relaxed);
    }

    /// Stands still if so much was recorded since it did last: nothing paces it but the machine, and no disk is endless.
    fn rests(&mut self) -> bool {
        let recorded = self.runner.next_seq().0;
        if recorded < self.rests_at {
            return false;
        }
        let more = self.shared.rest_every;
        self.rests_at = recorded + more;
        self.shared.set_rest(format!(
            "the run stands still after {recorded} events, so that it fills neither memory nor disk; resume it for {more} more"
        ));
        self.stop_waiting();
        self.runner.command(Author::User, Command::Pause);
        self.set_clock();
        true
    }

    /// Runs on until what is waited for has come, or the turn is over.
    fn run_on(&mut self, by: Author, turn_ends: Instant) {
        while Instant::now() < turn_ends && !self.must_wait() && !self.rests() {
            for _ in 0..CHUNK {
                let nothing_left = self.runner.step().is_none();
                if nothing_left || lock(&self.watched).met {
                    self.stop_waiting();
                    if self.runner.rate() > 0.0 {
                        self.runner.command(by, Command::Pause);
                    }
                    return self.set_clock();
                }
            }
        }
    }

    fn stop_waiting(&mut self) {
        self.let_go = None;
        lock(&self.watched).wait = None;
        self.shared.waiting.store(false, Ordering::Relaxed);
    }

    /// Executes the recipe on, for one turn. At its end, time stands still.
    fn execute_again(&mut self, turn_ends: Instant) {
        while Instant::now() < turn_ends && !self.must_wait() {
            for _ in 0..CHUNK {
                if !self.rerun.as_mut().is_some_and(|rerun| rerun.step(&mut self.runner)) {
                    self.rerun = None;
                    if self.runner.rate() > 0.0 {
                        self.runner.command(Author::User, Command::Pause);
                    }
                    return self.set_clock();
                }
            }
        }
    }
}
