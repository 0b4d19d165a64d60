//! Decides what a run without a window asks of the cluster, and when it is over. Knows no clock: it is told the time.

use std::{collections::VecDeque, time::Duration};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    command::{Author, Command},
    event::TraceEvent,
    fault::Heal,
    nemesis::{Nemesis, NemesisSpec},
    script::{Script, Timed, Unresolved},
    spec::{ClientSpec, ClusterSpec, Load},
    time::Timestamp,
    trace::ClusterState,
};

/// How long a line of a script waits for what it names, such as a leader.
pub const LEADER_PATIENCE: Duration = Duration::from_secs(15);
/// How long operations under way may take to end after the clients stopped asking.
pub const GRACE: Duration = Duration::from_secs(15);

/// What a run is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// How long it lasts, in cluster time.
    pub run_for: Duration,
    /// What happens to the cluster meanwhile.
    pub script: Script,
    /// What happens to it at random.
    pub nemesis: Option<Chaos>,
}

/// Random faults in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Chaos {
    /// What the nemesis does.
    pub spec: NemesisSpec,
    /// How long before the end of the run it gives up and everything is healed.
    pub quiet: Duration,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The script strikes, the clients ask.
    Running,
    /// The clients ask no more; what is under way may end, until then.
    Settling {
        /// The end of patience, by the script's clock.
        until: Duration,
    },
    /// It is over.
    Over,
}

/// What is to be asked of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Who asks.
    pub by: Author,
    /// The line of the script that says so; none says that the clients are to rest, or that it is the nemesis who asks.
    pub line: Option<Timed>,
    /// The commands.
    pub commands: Vec<Command>,
}

/// Conducts one run.
pub struct Director {
    plan: Plan,
    left: VecDeque<Timed>,
    state: ClusterState,
    rng: ChaCha8Rng,
    phase: Phase,
    nemesis: Option<Nemesis>,
    /// Since when the cluster stands still by the script's will, in real time since the run began.
    paused: Option<Duration>,
    /// For how long it stood still before, in real time: the script goes on meanwhile.
    stood_still: Duration,
}

impl Director {
    /// Makes a director for a run of that cluster.
    pub fn new(spec: &ClusterSpec, plan: Plan) -> Self {
        let left = plan.script.timed.iter().cloned().collect();
        let nemesis = plan.nemesis.as_ref().map(|chaos| Nemesis::new(chaos.spec.clone(), spec.seed));
        Self {
            plan,
            left,
            state: ClusterState::before(spec),
            rng: ChaCha8Rng::seed_from_u64(spec.seed ^ 0x5C21_7000),
            phase: Phase::Running,
            nemesis,
            paused: None,
            stood_still: Duration::ZERO,
        }
    }

    /// Takes an event over.
    pub fn apply(&mut self, event: &TraceEvent) {
        self.state.apply(event);
    }

    /// Returns the cluster after all events so far.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// Returns how far the run is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns what is to be asked of the cluster at that time: a line of the script with its commands, or the commands
    /// by which the run comes to rest. Call it again until it returns nothing.
    ///
    /// `now` is cluster time; `real` is real time since the run began, by which a script goes on while the cluster stands
    /// still.
    pub fn next(&mut self, now: Timestamp, real: Duration) -> Result<Option<Due>, Unresolved> {
        let clock = self.clock(now, real);
        match self.phase {
            Phase::Running => {
                if let Some(line) = self.left.front().filter(|line| line.at <= clock && line.at < self.plan.run_for) {
                    return match line.resolve(&self.state, &mut self.rng) {
                        Ok(commands) => {
                            commands.iter().for_each(|command| watch_pauses(command, real, self));
                            let by = Author::Script;
                            Ok(self.left.pop_front().map(|line| Due { by, line: Some(line), commands }))
                        }
                        Err(wait) if wait.may_pass && clock < line.at + LEADER_PATIENCE => Ok(None),
                        Err(unresolved) => Err(unresolved),
                    };
                }
                if clock < self.plan.run_for {
                    return Ok(self.random_faults(now, clock));
                }
                self.phase = Phase::Settling { until: clock + GRACE };
                let commands = self.commands_to_rest();
                commands.iter().for_each(|command| watch_pauses(command, real, self));
                Ok(Some(Due { by: Author::Script, line: None, commands }))
            }
            Phase::Settling { until } => {
                if clock >= until || self.is_at_rest() {
                    self.phase = Phase::Over;
                }
                Ok(None)
            }
            Phase::Over => Ok(None),
        }
    }

    /// Returns the nemesis, if there is one.
    pub fn nemesis(&self) -> Option<&Nemesis> {
        self.nemesis.as_ref()
    }

    /// Asks the nemesis, or ends its time: then all is healed, whoever broke it.
    fn random_faults(&mut self, now: Timestamp, clock: Duration) -> Option<Due> {
        let chaos = self.plan.nemesis.as_ref()?;
        let over = clock >= self.plan.run_for.saturating_sub(chaos.quiet);
        let nemesis = self.nemesis.as_mut()?;
        let commands = if over && !nemesis.gave_up() {
            nemesis.give_up();
            vec![Command::Heal(Heal::All)]
        } else if self.paused.is_some() {
            // While cluster time stands still, nothing strikes.
            return None;
        } else {
            nemesis.next(now, &self.state)
        };
        (!commands.is_empty()).then_some(Due { by: Author::Nemesis, line: None, commands })
    }

    /// Ends the run at once, wherever it is.
    pub fn cut_short(&mut self) {
        self.phase = Phase::Over;
    }

    /// Returns the lines that were never due.
    pub fn left(&self) -> impl Iterator<Item = &Timed> {
        self.left.iter()
    }

    /// The script's clock: cluster time, and the real time for which the cluster stood still.
    fn clock(&self, now: Timestamp, real: Duration) -> Duration {
        let standing = self.paused.map_or(Duration::ZERO, |since| real.saturating_sub(since));
        now.since_start() + self.stood_still + standing
    }

    fn commands_to_rest(&self) -> Vec<Command> {
        let resume = (self.state.rate == 0.0 || self.paused.is_some()).then_some(Command::Resume);
        let specs = self.state.clients.values().filter_map(|client| client.spec.as_ref());
        let rest = specs.map(|spec| Command::SetClient(ClientSpec { load: Load::Idle, ..spec.clone() }));
        resume.into_iter().chain(rest).collect()
    }

    fn is_at_rest(&self) -> bool {
        let idle = |spec: &Option<ClientSpec>| spec.as_ref().is_none_or(|spec| spec.load == Load::Idle);
        // Who comes from outside asks as long as it likes.
        let open = self.state.ops.values().any(|op| !op.client.is_visitor());
        !open && self.state.clients.values().all(|client| idle(&client.spec))
    }
}

fn watch_pauses(command: &Command, real: Duration, director: &mut Director) {
    match command {
        Command::Pause => drop(director.paused.get_or_insert(real)),
        Command::Resume => {
            let since = director.paused.take();
            director.stood_still += since.map_or(Duration::ZERO, |since| real.saturating_sub(since));
        }
        Command::Inject(_)
        | Command::SetLinks(_)
        | Command::Heal(_)
        | Command::Restart(_)
        | Command::RestartAll
        | Command::Unfreeze(_)
        | Command::AddNode(_)
        | Command::Submit { .. }
        | Command::Ask { .. }
        | Command::SetClient(_)
        | Command::RemoveClient(_)
        | Command::Message(_)
        | Command::Step
        | Command::SetRate(_)
        | Command::RestartWiped(_)
        | Command::Restore { .. }
        | Command::SetKnob { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{EventKind, RoleKind, ViewChange},
        fault::Fault,
        ids::{ClientId, NodeId, OpId, Seq},
        name::Name,
        nemesis::Profile,
        request::Request,
    };

    const SECOND: Duration = Duration::from_secs(1);

    struct Bench(Director, u64);

    impl Bench {
        fn new(script: &str, run_for: Duration) -> Self {
            let script = Script::parse("faults.txt", script).unwrap_or_else(|error| panic!("{error}"));
            let mut bench = Self(Director::new(&ClusterSpec::default(), Plan { run_for, script, nemesis: None }), 0);
            bench.happen(EventKind::NodeStarted { node: NodeId(1), incarnation: 0, port: 0 });
            bench
        }

        fn happen(&mut self, kind: EventKind) {
            self.0.apply(&TraceEvent { seq: Seq(self.1), at: Timestamp::ZERO, cause: None, kind });
            self.1 += 1;
        }

        fn lead(&mut self) {
            let changes = vec![ViewChange::Role(RoleKind::Leader, Name::new("leader"))];
            self.happen(EventKind::ViewChanged { node: NodeId(1), changes });
        }

        /// Asks while cluster time and real time are the same.
        fn at(&mut self, time: Duration) -> Option<Vec<Command>> {
            self.between(time, time)
        }

        fn between(&mut self, cluster: Duration, real: Duration) -> Option<Vec<Command>> {
            let next = self.0.next(cluster.into(), real).unwrap_or_else(|error| panic!("{error}"));
            next.map(|due| due.commands)
        }
    }

    #[test]
    fn a_line_is_carried_out_when_its_time_has_come_and_once() {
        let mut bench = Bench::new("at 5s crash n1", 20 * SECOND);
        assert_eq!(bench.at(4 * SECOND), None);
        assert_eq!(bench.at(5 * SECOND), Some(vec![Command::Inject(vec![Fault::Crash(NodeId(1))])]));
        assert_eq!(bench.at(6 * SECOND), None);
    }

    #[test]
    fn a_line_about_the_leader_waits_until_there_is_one() {
        let mut bench = Bench::new("at 5s crash @leader", 60 * SECOND);
        assert_eq!(bench.at(6 * SECOND), None);
        bench.lead();
        assert_eq!(bench.at(7 * SECOND), Some(vec![Command::Inject(vec![Fault::Crash(NodeId(1))])]));
    }

    #[test]
    fn a_leader_that_never_comes_ends_the_run_with_the_line() {
        let mut bench = Bench::new("# nothing\nat 5s crash @leader", 60 * SECOND);
        let error = bench.0.next((5 * SECOND + LEADER_PATIENCE).into(), Duration::ZERO).expect_err("nobody leads");
        assert_eq!(error.to_string(), "faults.txt, line 2: nobody leads at this moment");
    }

    #[test]
    fn at_the_end_the_clients_rest_and_what_is_under_way_may_end() {
        let mut bench = Bench::new("", 20 * SECOND);
        let (op, client) = (OpId(1), ClientId(1));
        bench.happen(EventKind::OpInvoked { op, client, request: Request::Get { key: "x".into() } });
        let commands = bench.at(20 * SECOND).expect("the clients are told to rest");
        assert_eq!(commands.len(), 2);
        for command in commands {
            let Command::SetClient(spec) = command else { panic!("{command:?} is no workload") };
            assert_eq!(spec.load, Load::Idle);
            bench.happen(EventKind::ClientChanged { client: spec.id, spec: Some(Box::new(spec)) });
        }
        bench.at(21 * SECOND);
        assert_ne!(bench.0.phase(), Phase::Over);
        bench.happen(EventKind::OpReturned { op, outcome: crate::event::Outcome::NoAnswer, node: None });
        bench.at(22 * SECOND);
        assert_eq!(bench.0.phase(), Phase::Over);
    }

    #[test]
    fn an_operation_that_never_ends_does_not_hold_up_the_end() {
        let mut bench = Bench::new("", 20 * SECOND);
        let (op, client) = (OpId(1), ClientId(1));
        bench.happen(EventKind::OpInvoked { op, client, request: Request::Get { key: "x".into() } });
        bench.at(20 * SECOND);
        bench.at(20 * SECOND + GRACE);
        assert_eq!(bench.0.phase(), Phase::Over);
    }

    #[test]
    fn a_script_goes_on_in_real_time_while_the_cluster_stands_still() {
        let mut bench = Bench::new("at 5s pause\nat 7s resume\nat 10s heal", 20 * SECOND);
        assert_eq!(bench.between(5 * SECOND, 5 * SECOND), Some(vec![Command::Pause]));
        assert_eq!(bench.between(5 * SECOND, 6 * SECOND), None);
        assert_eq!(bench.between(5 * SECOND, 7 * SECOND), Some(vec![Command::Resume]));
        assert_eq!(bench.between(7 * SECOND, 9 * SECOND), None);
        assert!(bench.between(8 * SECOND, 10 * SECOND).is_some());
    }

    #[test]
    fn a_nemesis_strikes_until_the_quiet_phase_and_everything_is_healed_then_once() {
        let mut bench = Bench::new("", 20 * SECOND);
        let chaos = Chaos { spec: NemesisSpec::of(Profile::Pauses), quiet: 5 * SECOND };
        let plan = Plan { nemesis: Some(chaos), ..bench.0.plan.clone() };
        bench.0 = Director::new(&ClusterSpec::default(), plan);
        for node in (1..=5).map(NodeId) {
            bench.happen(EventKind::NodeStarted { node, incarnation: 0, port: 0 });
        }
        let mut asked = Vec::new();
        for tenth in 0..200 {
            let time = SECOND * tenth / 10;
            while let Some(due) = bench.0.next(time.into(), time).expect("no script") {
                asked.extend(due.commands.into_iter().map(|command| (tenth, due.by, command)));
            }
        }
        assert!(asked.len() > 2 && asked.iter().all(|(_, by, _)| *by == Author::Nemesis), "{asked:?}");
        assert_eq!(asked.last(), Some(&(150, Author::Nemesis, Command::Heal(Heal::All))));
        let heals = asked.iter().filter(|(_, _, command)| *command == Command::Heal(Heal::All));
        assert_eq!(heals.count(), 1);
    }

    #[test]
    fn lines_after_the_end_are_left_and_told() {
        let mut bench = Bench::new("at 30s heal", 20 * SECOND);
        bench.at(20 * SECOND);
        bench.at(31 * SECOND);
        assert_eq!(bench.0.left().count(), 1);
    }
}
