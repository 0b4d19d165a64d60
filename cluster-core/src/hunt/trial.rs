//! One run of a hunt: a cluster, and what is asked of it at which times. The same trial gives the same trace.

use std::{collections::VecDeque, time::Duration};

use super::{Caught, Striker, Watch};
use crate::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::Heal,
    ids::Seq,
    registry,
    sim::Runner,
    spec::{ClientSpec, ClusterSpec, Load, SpecError},
    time::Timestamp,
    trace::Recorder,
};

/// How long after the last fault the clients go on asking: a leader is elected, logs are made equal.
pub(super) const QUIET: Duration = Duration::from_secs(3);
/// How long operations under way may take to end after that.
const GRACE: Duration = Duration::from_secs(6);
/// How long members that watch each other are watched: at the fast profile, a few of their longest patiences.
const WATCHED: Duration = Duration::from_secs(40);

/// Something asked of the cluster at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedCommand {
    /// When.
    pub at: Timestamp,
    /// What.
    pub command: Command,
}

/// A run that can be repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The cluster with its seed and its clients.
    pub spec: ClusterSpec,
    /// What is broken and mended, in order of time.
    pub script: Vec<TimedCommand>,
    /// When everything is healed. The run goes on for a while after that.
    pub strikes_for: Duration,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The first broken promise; the run ends with it.
    pub caught: Option<Caught>,
    /// How long it was, in cluster time.
    pub took: Timestamp,
    /// How many events it had.
    pub events: u64,
    /// How many operations clients began.
    pub operations: u64,
}

impl Trial {
    /// Runs it until a promise is broken, or to its end. `see` is shown every event.
    pub fn run(&self, watch: &mut Watch, see: &mut dyn FnMut(&TraceEvent)) -> Result<Ran, SpecError> {
        let mut script = Scripted(self.script.iter().cloned().collect());
        Stage::start(self, watch, see)?.play(&mut script)
    }

    /// Runs it with the faults that `striker` draws instead of a script, and writes them down in the script.
    pub fn draw(&mut self, watch: &mut Watch, striker: &mut dyn Striker) -> Result<Ran, SpecError> {
        self.draw_seen(watch, striker, &mut |_| {})
    }

    /// Does so, and shows every event to `see`.
    pub fn draw_seen(
        &mut self,
        watch: &mut Watch,
        striker: &mut dyn Striker,
        see: &mut dyn FnMut(&TraceEvent),
    ) -> Result<Ran, SpecError> {
        let mut drawn = Drawn { striker, asked: false, script: Vec::new() };
        let ran = Stage::start(self, watch, see)?.play(&mut drawn)?;
        self.script = drawn.script;
        Ok(ran)
    }
}

/// Where the commands of a run come from.
trait Commands {
    /// Returns when it wants to be asked next.
    fn wakes_at(&self) -> Option<Timestamp>;
    /// Returns what is to be asked of the cluster at that time.
    fn next(&mut self, now: Timestamp, watch: &Watch) -> Vec<Command>;
}

struct Scripted(VecDeque<TimedCommand>);

impl Commands for Scripted {
    fn wakes_at(&self) -> Option<Timestamp> {
        self.0.front().map(|timed| timed.at)
    }

    fn next(&mut self, now: Timestamp, _: &Watch) -> Vec<Command> {
        let mut due = Vec::new();
        while let Some(timed) = self.0.pop_front_if(|timed| timed.at <= now) {
            due.push(timed.command);
        }
        due
    }
}

struct Drawn<'a> {
    striker: &'a mut dyn Striker,
    asked: bool,
    script: Vec<TimedCommand>,
}

impl Commands for Drawn<'_> {
    fn wakes_at(&self) -> Option<Timestamp> {
        // The first question only begins the wait.
        self.striker.wakes_at().or((!self.asked).then_some(Timestamp::ZERO))
    }

    fn next(&mut self, now: Timestamp, watch: &Watch) -> Vec<Command> {
        self.asked = true;
        let commands = self.striker.next(now, watch.state());
        self.script.extend(commands.iter().cloned().map(|command| TimedCommand { at: now, command }));
        commands
    }
}

/// A trial while it runs.
struct Stage<'a> {
    trial: &'a Trial,
    sim: Runner,
    watch: &'a mut Watch,
    see: &'a mut dyn FnMut(&TraceEvent),
    events: Vec<TraceEvent>,
    open: usize,
    ran: Ran,
}

impl<'a> Stage<'a> {
    fn start(trial: &'a Trial, watch: &'a mut Watch, see: &'a mut dyn FnMut(&TraceEvent)) -> Result<Self, SpecError> {
        let sim = Runner::start(&trial.spec, Recorder::kept())?;
        Ok(Self { trial, sim, watch, see, events: Vec::new(), open: 0, ran: Ran::default() })
    }

    fn play(mut self, commands: &mut dyn Commands) -> Result<Ran, SpecError> {
        let end = Timestamp::ZERO + self.trial.strikes_for;
        let serves = registry::protocol(&self.trial.spec.protocol).is_none_or(|row| row.serves_clients);
        let quiet = end + if serves { QUIET } else { WATCHED };
        let _ = self.strike(commands, end) || self.heal() || self.run_until(quiet) || self.rest(quiet);
        self.ran.took = self.sim.now();
        Ok(self.ran)
    }

    /// Returns whether a promise was broken, as all these do.
    fn strike(&mut self, commands: &mut dyn Commands, end: Timestamp) -> bool {
        if self.look() {
            return true;
        }
        loop {
            let wake = commands.wakes_at().unwrap_or(end).min(end).max(self.sim.now());
            if self.run_until(wake) {
                return true;
            }
            if wake >= end {
                return false;
            }
            for command in commands.next(wake, self.watch) {
                self.sim.command(Author::Nemesis, command);
                if self.look() {
                    return true;
                }
            }
        }
    }

    fn heal(&mut self) -> bool {
        self.sim.command(Author::Script, Command::Heal(Heal::All));
        self.look()
    }

    /// The clients ask no more; what is under way ends.
    fn rest(&mut self, at: Timestamp) -> bool {
        for spec in &self.trial.spec.clients {
            let idle = ClientSpec { load: Load::Idle, ..spec.clone() };
            self.sim.command(Author::Script, Command::SetClient(idle));
        }
        let patience = at + GRACE;
        while self.open > 0 && self.sim.next_due().is_some_and(|due| due <= patience) {
            self.sim.step();
            if self.look() {
                return true;
            }
        }
        self.look()
    }

    /// Lets everything happen that is due until `until`.
    fn run_until(&mut self, until: Timestamp) -> bool {
        while !self.sim.advance(until, 1) {
            if self.look() {
                return true;
            }
        }
        false
    }

    /// Takes over what happened.
    fn look(&mut self) -> bool {
        self.sim.take_events(&mut self.events);
        for event in self.events.drain(..) {
            self.ran.events += 1;
            match event.kind {
                EventKind::OpInvoked { .. } => {
                    self.open += 1;
                    self.ran.operations += 1;
                }
                EventKind::OpReturned { .. } => self.open = self.open.saturating_sub(1),
                _ => {} // nothing else says that an operation is under way
            }
            (self.see)(&event);
            if let Some(caught) = self.watch.apply(&event) {
                let Caught { at, seq, finding } = caught.clone();
                let kind = EventKind::Found { finding: Box::new(finding) };
                (self.see)(&TraceEvent { seq: Seq(seq.0 + 1), at, cause: Some(seq), kind });
                self.ran.caught = Some(caught);
                break;
            }
        }
        self.events.clear();
        self.ran.caught.is_some()
    }
}
