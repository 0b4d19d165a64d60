//! Shows that a lab can be done, and that nothing else passes for it: by scripts, on many seeds.

use std::{collections::BTreeMap, time::Duration};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    attempt::{Attempt, Outcome},
    goal::Verdict,
    model::{Action, Lab, Script, StepKind, scale},
};
use crate::time::TimingProfile;

/// How many orders of the golden script's acts are tried.
const SHUFFLES: u64 = 5;

/// Makes attempts, on whichever backend. The outcomes come in the order of the attempts; an attempt that could not be made
/// says why.
pub trait Stage {
    /// Makes all of them.
    fn play(&self, lab: &Lab, attempts: &[Attempt]) -> Vec<Result<Outcome, String>>;
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
        let mut report = LabReport { id: self.id.clone(), ..LabReport::default() };
        let mut add = |report: &mut LabReport, script: ScriptReport| {
            tell(&script);
            report.scripts.push(script);
        };
        for script in &self.scripts {
            let profiles = if script.blocked_at.is_none() { &self.verify.profiles[..] } else { &fastest };
            let tried = self.try_out(stage, &script.name, &script.actions, runs, profiles);
            add(&mut report, self.judge(tried, &|outcome| expected(script, outcome)));
        }
        let idle = self.try_out(stage, "do-nothing", &self.nothing(), runs, &fastest);
        add(&mut report, self.judge(idle, &nothing_is_met));
        let overkill = self.try_out(stage, "overkill", &self.overkill(), runs, &fastest);
        add(&mut report, self.judge(overkill, &|outcome| fails(outcome, "everything at once")));
        if let Some(golden) = self.script("golden") {
            add(&mut report, self.without(stage, golden, fastest[0]));
            report.warnings.extend(self.shuffled(stage, golden, fastest[0]));
        }
        report
    }

    /// Verifies on real nodes what can be verified in their time: the golden script and doing nothing, once each, side by
    /// side.
    pub fn verify_live(&self, stage: &dyn Stage, tell: &mut dyn FnMut(&ScriptReport)) -> LabReport {
        let attempt = |actions: Vec<Action>| Attempt { actions, seed: 1, profile: self.cluster.profile };
        let golden = self.script("golden").map(|script| script.actions.clone()).unwrap_or_default();
        let attempts = [attempt(golden), attempt(self.nothing())];
        let mut outcomes = stage.play(self, &attempts).into_iter();
        let mut report = LabReport { id: self.id.clone(), ..LabReport::default() };
        let judges: [(&str, &dyn Fn(&Outcome) -> Option<String>); 2] =
            [("golden", &passes), ("do-nothing", &nothing_is_met)];
        for ((name, judge), attempt) in judges.into_iter().zip(attempts) {
            let tried = Tried {
                name: name.to_owned(),
                attempts: vec![attempt],
                outcomes: outcomes.next().into_iter().collect(),
            };
            let script = self.judge(tried, judge);
            tell(&script);
            report.scripts.push(script);
        }
        report
    }

    fn try_out(
        &self,
        stage: &dyn Stage,
        name: &str,
        actions: &[Action],
        runs: u32,
        profiles: &[TimingProfile],
    ) -> Tried {
        let seeds = profiles.iter().flat_map(|profile| (1..=u64::from(runs)).map(|seed| (seed, *profile)));
        let attempts: Vec<Attempt> =
            seeds.map(|(seed, profile)| Attempt { actions: actions.to_vec(), seed, profile }).collect();
        let outcomes = stage.play(self, &attempts);
        Tried { name: name.to_owned(), attempts, outcomes }
    }

    fn judge(&self, tried: Tried, problem: &dyn Fn(&Outcome) -> Option<String>) -> ScriptReport {
        let mut report =
            ScriptReport { name: tried.name, runs: tried.attempts.len() as u32, ..ScriptReport::default() };
        for (attempt, outcome) in tried.attempts.iter().zip(tried.outcomes) {
            let wrong = match &outcome {
                Ok(outcome) => {
                    report.passed += u32::from(outcome.passed());
                    if !outcome.passed() {
                        let at = outcome.blocked_at().map_or("-", |goal| goal.id.as_str());
                        *report.blocked_at.entry(at.to_owned()).or_default() += 1;
                    }
                    problem(outcome).or_else(|| self.too_long(&report.name, attempt, outcome))
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

    /// Runs the golden script without each of its acts: each goal must miss one of them.
    fn without(&self, stage: &dyn Stage, golden: &Script, profile: TimingProfile) -> ScriptReport {
        let acts = golden.actions.iter().enumerate().filter(|(_, action)| matches!(action, Action::Do(_)));
        let attempts: Vec<Attempt> = acts
            .map(|(at, _)| {
                let mut actions = golden.actions.clone();
                actions.remove(at);
                Attempt { actions, seed: 1, profile }
            })
            .collect();
        let mut report =
            ScriptReport { name: "golden less one".to_owned(), runs: attempts.len() as u32, ..ScriptReport::default() };
        let outcomes: Vec<Outcome> = stage.play(self, &attempts).into_iter().filter_map(Result::ok).collect();
        for outcome in &outcomes {
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

    fn shuffled(&self, stage: &dyn Stage, golden: &Script, profile: TimingProfile) -> Option<String> {
        let attempts: Vec<Attempt> =
            (1..=SHUFFLES).map(|seed| Attempt { actions: shuffle(&golden.actions, seed), seed, profile }).collect();
        let passed = stage.play(self, &attempts).iter().flatten().filter(|outcome| outcome.passed()).count();
        (passed > 0)
            .then(|| format!("{passed} of {SHUFFLES} other orders of the golden acts pass: the order is not checked"))
    }
}

struct Tried {
    name: String,
    attempts: Vec<Attempt>,
    outcomes: Vec<Result<Outcome, String>>,
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
