//! Shows that a lab can be done, and that nothing else passes for it: by scripts, on many seeds.

use std::{collections::BTreeMap, time::Duration};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    attempt::{Attempt, Outcome},
    goal::Verdict,
    model::{Action, Lab, Script, StepKind, scale, scaled},
};
use crate::time::TimingProfile;

/// How many orders of the golden script's acts are tried.
const SHUFFLES: u64 = 5;
/// How long a condition is waited for, about.
const UNTIL: Duration = Duration::from_secs(2);

/// Makes attempts, on whichever backend.
pub trait Stage {
    /// Makes all of them, several at once and the first ones first, and tells what came of each as soon as it is over, by its
    /// number. An attempt that could not be made says why.
    fn play(&self, lab: &Lab, attempts: &[Attempt], done: &mut dyn FnMut(usize, Result<Outcome, String>));
}

/// What came of verifying a lab.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabReport {
    /// Its id.
    pub id: String,
    /// The scripts, those of the lab first.
    pub scripts: Vec<ScriptReport>,
    /// What is not wrong, but worth a thought.
    pub warnings: Vec<String>,
}

/// What came of one script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptReport {
    /// Its name.
    pub name: String,
    /// How often it was run.
    pub runs: u32,
    /// How often it passed.
    pub passed: u32,
    /// At which goal it was blocked, and how often; `-` if it could not go on, or answered wrongly.
    pub blocked_at: BTreeMap<String, u32>,
    /// What is wrong, each with an attempt that shows it; nothing if it did what it should.
    pub problems: Vec<String>,
}

impl LabReport {
    /// Returns whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.scripts.iter().all(|script| script.problems.is_empty())
    }
}

impl Lab {
    /// Verifies the lab: `runs` seeds (or as many as it says itself).
    pub fn verify(&self, stage: &dyn Stage, runs: Option<u32>, tell: &mut dyn FnMut(&ScriptReport)) -> LabReport {
        let runs = runs.unwrap_or(self.verify.runs).max(1);
        let fastest = [self.verify.profiles.first().copied().unwrap_or_default()];
        let mut trials = Vec::new();
        for script in &self.scripts {
            let profiles = if script.blocked_at.is_none() { &self.verify.profiles[..] } else { &fastest };
            let must = Must::Script(script);
            trials.push(Trial::new(&script.name, attempts(&script.actions, runs, profiles), must));
        }
        trials.push(Trial::new("do-nothing", attempts(&self.nothing(), runs, &fastest), Must::MeetNothing));
        trials.push(Trial::new("overkill", attempts(&self.overkill(), runs, &fastest), Must::Fail));
        if let Some(golden) = self.script("golden") {
            trials.push(Trial::new("golden less one", less_one(golden, fastest[0]), Must::MissEachGoal));
            trials.push(Trial::new("shuffled", shuffled(golden, fastest[0]), Must::KeepTheOrder));
        }
        self.report(self.try_out(stage, trials, tell))
    }

    /// Verifies on real nodes what can be verified in their time: the golden script and doing nothing, once each, side by
    /// side.
    pub fn verify_live(&self, stage: &dyn Stage, tell: &mut dyn FnMut(&ScriptReport)) -> LabReport {
        let once = |actions: Vec<Action>| vec![Attempt { actions, seed: 1, profile: self.cluster.profile }];
        let mut trials = Vec::new();
        if let Some(golden) = self.script("golden") {
            trials.push(Trial::new("golden", once(golden.actions.clone()), Must::Script(golden)));
        }
        trials.push(Trial::new("do-nothing", once(self.nothing()), Must::MeetNothing));
        self.report(self.try_out(stage, trials, tell))
    }

    /// Makes all attempts of all trials, the longest first, so that no core is idle before the end. Tells of each trial as
    /// soon as it is over.
    fn try_out<'a>(
        &self,
        stage: &dyn Stage,
        mut trials: Vec<Trial<'a>>,
        tell: &mut dyn FnMut(&ScriptReport),
    ) -> Vec<(Trial<'a>, ScriptReport)> {
        let places =
            trials.iter().enumerate().flat_map(|(trial, it)| (0..it.attempts.len()).map(move |at| (trial, at)));
        let mut places: Vec<(usize, usize)> = places.collect();
        places.sort_by_key(|(trial, at)| std::cmp::Reverse(trials[*trial].attempts[*at].expected()));
        let attempts: Vec<Attempt> = places.iter().map(|(trial, at)| trials[*trial].attempts[*at].clone()).collect();
        let mut reports: Vec<Option<ScriptReport>> = trials.iter().map(|_| None).collect();
        stage.play(self, &attempts, &mut |at, outcome| {
            let (number, at) = places[at];
            let trial = &mut trials[number];
            trial.outcomes[at] = Some(outcome);
            if trial.outcomes.iter().all(Option::is_some) {
                let script = self.judge(trial);
                if !matches!(trial.must, Must::KeepTheOrder) {
                    tell(&script);
                }
                reports[number] = Some(script);
            }
        });
        trials.into_iter().zip(reports).map(|(trial, report)| (trial, report.unwrap_or_default())).collect()
    }

    fn report(&self, tried: Vec<(Trial<'_>, ScriptReport)>) -> LabReport {
        let mut report = LabReport { id: self.id.clone(), ..LabReport::default() };
        for (trial, script) in tried {
            match trial.must {
                Must::KeepTheOrder if script.passed > 0 => report.warnings.push(format!(
                    "{} of {} other orders of the golden acts pass: the order is not checked",
                    script.passed, script.runs
                )),
                Must::KeepTheOrder => {}
                Must::Script(_) | Must::MeetNothing | Must::Fail | Must::MissEachGoal => report.scripts.push(script),
            }
        }
        report
    }

    fn judge(&self, trial: &Trial<'_>) -> ScriptReport {
        if matches!(trial.must, Must::MissEachGoal) {
            return self.judge_less_one(trial);
        }
        let mut report =
            ScriptReport { name: trial.name.clone(), runs: trial.attempts.len() as u32, ..ScriptReport::default() };
        for (attempt, outcome) in trial.attempts.iter().zip(trial.outcomes.iter().flatten()) {
            let wrong = match outcome {
                Ok(outcome) => {
                    report.passed += u32::from(outcome.passed());
                    if !outcome.passed() {
                        let at = outcome.blocked_at().map_or("-", |goal| goal.id.as_str());
                        *report.blocked_at.entry(at.to_owned()).or_default() += 1;
                    }
                    trial.must.problem(outcome).or_else(|| self.too_long(&report.name, attempt, outcome))
                }
                Err(error) => Some(format!("could not be run: {error}")),
            };
            // One attempt shows a problem; the counts say how often.
            if let Some(wrong) = wrong.filter(|_| report.problems.is_empty()) {
                report.problems.push(format!("seed {}, profile {}: {wrong}", attempt.seed, attempt.profile.word()));
            }
        }
        report
    }

    /// The golden script leaves half of the time for reading.
    fn too_long(&self, name: &str, attempt: &Attempt, outcome: &Outcome) -> Option<String> {
        let half = Duration::from_secs(u64::from(self.minutes) * 30).mul_f64(scale(attempt.profile));
        (name == "golden" && outcome.lasted > half).then(|| {
            format!("it takes {} s, more than half of the lab's {} minutes", outcome.lasted.as_secs(), self.minutes)
        })
    }

    /// Answers what must be answered, and watches.
    fn nothing(&self) -> Vec<Action> {
        let asks = self.steps.iter().filter(|step| step.kind == StepKind::Predict).flat_map(|step| &step.asks);
        let say = |ask: &super::model::Ask| {
            Action::Say(ask.id.clone(), ask.options.first().cloned().unwrap_or_default(), true)
        };
        let mut actions: Vec<Action> = asks.map(say).collect();
        for phase in 0..self.phases.len() {
            if phase > 0 {
                actions.push(Action::Phase(phase));
            }
            actions.push(Action::Wait(self.verify.limit));
        }
        actions
    }

    /// Kills all, restarts all, cuts all, heals all, and asks everything of everybody.
    fn overkill(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let wait = Action::Wait(Duration::from_secs(3));
        for (at, phase) in self.phases.iter().enumerate() {
            if at > 0 {
                actions.push(Action::Phase(at));
            }
            let size = phase.size.map_or(self.cluster.nodes.len(), usize::from);
            let ask = |what: &'static str| {
                (1..=size)
                    .map(move |node| Action::Do(format!("{what} n{node} k0{}", if what == "put" { " v" } else { "" })))
            };
            let all = |verb: &str| [Action::Do(verb.to_owned()), wait.clone()];
            actions.push(wait.clone());
            actions.extend(all("crash all"));
            actions.extend(all("restart all"));
            actions.extend(ask("put").chain(ask("get")));
            if size > 1 {
                actions.extend(all("cut all<->all"));
                actions.extend(ask("put").chain(ask("get")));
                actions.push(wait.clone());
            }
            actions.extend(all("heal"));
            actions.extend(ask("put").chain(ask("get")));
            actions.push(wait.clone());
        }
        actions
    }

    /// The golden script was run without each of its acts: each goal must miss one of them.
    fn judge_less_one(&self, trial: &Trial<'_>) -> ScriptReport {
        let mut report =
            ScriptReport { name: trial.name.clone(), runs: trial.attempts.len() as u32, ..ScriptReport::default() };
        for outcome in trial.outcomes.iter().flatten().flatten() {
            report.passed += u32::from(outcome.passed());
            for goal in outcome.goals.iter().filter(|goal| goal.verdict != Verdict::Met) {
                *report.blocked_at.entry(goal.id.clone()).or_default() += 1;
            }
        }
        let idle = self.goals.iter().filter(|goal| !report.blocked_at.contains_key(&goal.id));
        report.problems = idle
            .map(|goal| format!("{}: it depends on no act of the golden script; it is met whatever is done", goal.id))
            .collect();
        report
    }
}

/// Attempts that must all go the same way, with what came of them so far.
struct Trial<'a> {
    name: String,
    attempts: Vec<Attempt>,
    outcomes: Vec<Option<Result<Outcome, String>>>,
    must: Must<'a>,
}

/// What a trial is to show.
#[derive(Clone, Copy, Debug)]
enum Must<'a> {
    /// What the script expects.
    Script(&'a Script),
    /// No goal is met.
    MeetNothing,
    /// It does not pass.
    Fail,
    /// Each goal misses at least one act.
    MissEachGoal,
    /// No other order passes; worth a warning.
    KeepTheOrder,
}

impl<'a> Trial<'a> {
    fn new(name: &str, attempts: Vec<Attempt>, must: Must<'a>) -> Self {
        let outcomes = attempts.iter().map(|_| None).collect();
        Self { name: name.to_owned(), attempts, outcomes, must }
    }
}

impl Must<'_> {
    /// Says what is wrong with an outcome, if anything.
    fn problem(self, outcome: &Outcome) -> Option<String> {
        match self {
            Self::Script(script) => expected(script, outcome),
            Self::MeetNothing => nothing_is_met(outcome),
            Self::Fail => fails(outcome, "everything at once"),
            Self::MissEachGoal | Self::KeepTheOrder => None, // They are judged all together.
        }
    }
}

impl Attempt {
    /// Returns about how long it takes, in cluster time.
    fn expected(&self) -> Duration {
        let span = |action: &Action| match action {
            Action::Wait(span) => *span,
            Action::Until(..) => UNTIL,
            _ => Duration::ZERO, // Nothing else takes time.
        };
        scaled(self.actions.iter().map(span).sum(), self.profile)
    }
}

fn attempts(actions: &[Action], runs: u32, profiles: &[TimingProfile]) -> Vec<Attempt> {
    let seeds = profiles.iter().flat_map(|profile| (1..=u64::from(runs)).map(|seed| (seed, *profile)));
    seeds.map(|(seed, profile)| Attempt { actions: actions.to_vec(), seed, profile }).collect()
}

/// Returns the golden script without each of its acts.
fn less_one(golden: &Script, profile: TimingProfile) -> Vec<Attempt> {
    let acts = golden.actions.iter().enumerate().filter(|(_, action)| matches!(action, Action::Do(_)));
    acts.map(|(at, _)| {
        let mut actions = golden.actions.clone();
        actions.remove(at);
        Attempt { actions, seed: 1, profile }
    })
    .collect()
}

/// Returns the golden script with its acts in other orders; a phase with one act has no other.
fn shuffled(golden: &Script, profile: TimingProfile) -> Vec<Attempt> {
    let acts = |actions: &[Action]| -> Vec<String> {
        let line = |action: &Action| if let Action::Do(line) = action { Some(line.clone()) } else { None };
        actions.iter().filter_map(line).collect()
    };
    let orders = (1..=SHUFFLES).map(|seed| (seed, shuffle(&golden.actions, seed)));
    let others = orders.filter(|(_, actions)| acts(actions) != acts(&golden.actions));
    others.map(|(seed, actions)| Attempt { actions, seed, profile }).collect()
}

/// Puts the acts of each phase in another order; waits and answers stay where they are.
fn shuffle(actions: &[Action], seed: u64) -> Vec<Action> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut shuffled = actions.to_vec();
    for phase in shuffled.split_mut(|action| matches!(action, Action::Phase(_))) {
        let at: Vec<usize> =
            phase.iter().enumerate().filter(|(_, it)| matches!(it, Action::Do(_))).map(|(at, _)| at).collect();
        let mut acts: Vec<Action> = at.iter().map(|at| phase[*at].clone()).collect();
        acts.shuffle(&mut rng);
        at.into_iter().zip(acts).for_each(|(at, act)| phase[at] = act);
    }
    shuffled
}

fn expected(script: &Script, outcome: &Outcome) -> Option<String> {
    let Some(wanted) = &script.blocked_at else { return passes(outcome) };
    if let Some(stuck) = &outcome.stuck {
        return Some(format!("it could not go on: {stuck}"));
    }
    match outcome.blocked_at() {
        None => Some("it passes, and must not: the goals do not tell it from a right attempt".to_owned()),
        Some(goal) if goal.id != *wanted => {
            Some(format!("it is blocked at {}, not at {wanted}: it fails for the wrong reason", goal.id))
        }
        Some(_) => None,
    }
}

fn passes(outcome: &Outcome) -> Option<String> {
    if let Some(stuck) = &outcome.stuck {
        return Some(format!("it could not go on: {stuck}"));
    }
    if let Some(goal) = outcome.blocked_at() {
        return Some(format!("it is blocked at {}, which is {}", goal.id, goal.verdict.word()));
    }
    let wrong = outcome.wrong.first();
    wrong.map(|(ask, said, right)| format!("it answers {ask} with `{said}`, and right was `{right}`"))
}

fn nothing_is_met(outcome: &Outcome) -> Option<String> {
    let met = outcome.goals.iter().find(|goal| goal.verdict == Verdict::Met);
    met.map(|goal| format!("{} is met by doing nothing", goal.id)).or_else(|| fails(outcome, "doing nothing"))
}

fn fails(outcome: &Outcome, what: &str) -> Option<String> {
    outcome.blocked_at().is_none().then(|| format!("{what} passes"))
}
