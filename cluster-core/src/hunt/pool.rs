//! Runs the trials of many seeds on all cores. What is found does not depend on how many there are.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{Caught, Quarry, Shrunk, StrikerOf, Trial, Watch, shrink, shrink::faults_in};
use crate::spec::SpecError;

/// How a hunt goes on.
#[derive(Clone, Debug)]
pub struct HuntOptions {
    /// The seeds.
    pub seeds: RangeInclusive<u64>,
    /// How many findings are enough: those of the lowest seeds are kept.
    pub enough: usize,
    /// How many threads.
    pub threads: usize,
    /// How many runs the shrinking of one finding may take.
    pub shrink_runs: usize,
}

/// How far a hunt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many seeds were tried.
    pub tried: u64,
    /// How many there are.
    pub all: u64,
    /// How many findings there are so far.
    pub found: usize,
}

/// One finding, made small.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed whose trial showed it.
    pub seed: u64,
    /// The trial as it was drawn.
    pub drawn: Trial,
    /// What it showed.
    pub first: Caught,
    /// The small run, and what it shows.
    pub shrunk: Shrunk,
}

impl Found {
    /// Returns how many faults struck (and were mended) before the finding.
    pub fn faults_before(&self) -> usize {
        let struck = self.drawn.script.iter().filter(|timed| timed.at <= self.first.at).cloned();
        faults_in(&struck.collect::<Vec<_>>())
    }

    /// Returns how many of them are left.
    pub fn faults_after(&self) -> usize {
        faults_in(&self.shrunk.trial.script)
    }
}

/// What a hunt brought.
#[derive(Clone, Debug, Default)]
pub struct HuntReport {
    /// How many seeds were tried, up to the last finding that was wanted.
    pub seeds_tried: u64,
    /// The findings, by seed.
    pub found: Vec<Found>,
    /// How long all those runs were together, in cluster time, in nanoseconds.
    pub virtual_nanos: u128,
    /// How many events they had.
    pub events: u64,
}

/// What the threads share.
struct Shared<'a> {
    quarry: &'a Quarry,
    striker: StrikerOf<'a>,
    options: &'a HuntOptions,
    next: AtomicU64,
    tried: AtomicU64,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    found: BTreeMap<u64, Found>,
    /// Cluster time and events of each seed's run, until no lower seed is under way.
    runs: BTreeMap<u64, (u64, u64)>,
}

impl Done {
    /// Returns the seed after which nothing matters any more, if there is one.
    fn last_wanted(&self, enough: usize) -> Option<u64> {
        self.found.keys().nth(enough.checked_sub(1)?).copied()
    }
}

/// Hunts. `tell` hears how far it is, from any thread; `stop` ends it early.
pub fn hunt(
    quarry: &Quarry,
    striker: StrikerOf<'_>,
    options: &HuntOptions,
    tell: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<HuntReport, SpecError> {
    quarry.check()?;
    let shared = Shared {
        quarry,
        striker,
        options,
        next: AtomicU64::new(*options.seeds.start()),
        tried: AtomicU64::new(0),
        done: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| work(&shared, tell, stop));
        }
    });
    let done = shared.done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let last = done.last_wanted(options.enough).unwrap_or(u64::MAX);
    let counted = done.runs.range(..=last);
    Ok(HuntReport {
        seeds_tried: counted.clone().count() as u64,
        virtual_nanos: counted.clone().map(|(_, (nanos, _))| u128::from(*nanos)).sum(),
        events: counted.map(|(_, (_, events))| *events).sum(),
        found: done.found.into_iter().filter(|(seed, _)| *seed <= last).map(|(_, found)| found).collect(),
    })
}

fn work(shared: &Shared<'_>, tell: &(dyn Fn(Progress) + Sync), stop: &AtomicBool) {
    let options = shared.options;
    loop {
        let seed = shared.next.fetch_add(1, Ordering::Relaxed);
        let lock = || shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = lock().last_wanted(options.enough).is_none_or(|last| seed < last);
        if !options.seeds.contains(&seed) || !wanted || stop.load(Ordering::Relaxed) {
            return;
        }
        let (ran, found) = try_seed(shared, seed);
        let mut done = lock();
        done.runs.insert(seed, ran);
        done.found.extend(found.map(|found| (seed, found)));
        let found = done.found.len();
        drop(done);
        let tried = shared.tried.fetch_add(1, Ordering::Relaxed) + 1;
        tell(Progress { tried, all: options.seeds.end() - options.seeds.start() + 1, found });
    }
}

/// Runs the trial of one seed. Returns its cluster time and events, and what it showed.
fn try_seed(shared: &Shared<'_>, seed: u64) -> ((u64, u64), Option<Found>) {
    let Shared { quarry, options, .. } = shared;
    let mut drawn = quarry.trial(seed);
    let mut watch = Watch::new(&drawn.spec, &quarry.checks);
    let ran = drawn.draw(&mut watch, (shared.striker)(seed).as_mut()).expect("the quarry was checked");
    let found = ran.caught.map(|first| {
        let shrunk = shrink(&drawn, &first, &quarry.checks, options.shrink_runs);
        Found { seed, drawn, first, shrunk }
    });
    ((ran.took.0, ran.events), found)
}
