//! Runs every protocol twice at many seeds, struck by swarms of faults, and compares the traces event by event. The hash of
//! all traces is printed: what is to change no run must not change it.
//!
//! `cargo run --release -p cluster-core --example determinism [SEEDS]`

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cluster_core::{
    event::TraceEvent,
    hunt::{Quarry, Trial, Watch, nemeses},
    nemesis::Profile,
    registry::PROTOCOLS,
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long faults strike in each run.
const STRIKES_FOR: Duration = Duration::from_secs(4);

fn main() {
    let seeds = std::env::args().nth(1).map_or(1000, |seeds| seeds.parse::<u64>().expect("give a number of seeds"));
    let mut differing = 0;
    for row in PROTOCOLS {
        let (next, events, traces) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
        let differ = std::thread::scope(|scope| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let threads: Vec<_> =
                (0..cores).map(|_| scope.spawn(|| work(row.id, seeds, &next, &events, &traces))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no run panics")).collect::<Vec<_>>()
        });
        let (events, traces) = (events.into_inner(), traces.into_inner());
        println!("{}: {seeds} seeds, {events} events, {} differ, traces {traces:016x}", row.id, differ.len());
        for seed in &differ {
            println!("  seed {seed} gave two traces");
        }
        differing += differ.len();
    }
    std::process::exit(i32::from(differing > 0));
}

/// Tries seeds until there are no more. Returns those at which two runs differ.
fn work(protocol: &str, seeds: u64, next: &AtomicU64, events: &AtomicU64, traces: &AtomicU64) -> Vec<u64> {
    let quarry = Quarry { strikes_for: STRIKES_FOR, ..Quarry::new(protocol) };
    let mut differ = Vec::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed > seeds {
            return differ;
        }
        // The first run draws its faults; the second is struck by the script that came of them.
        let mut trial = quarry.trial(seed);
        let first = run(&mut trial, Some(seed));
        if first != run(&mut trial, None) {
            differ.push(seed);
        }
        events.fetch_add(first.1, Ordering::Relaxed);
        // Threads take turns as they like, so the order of the seeds must not matter.
        traces.fetch_add(first.0, Ordering::Relaxed);
    }
}

/// Runs a trial. Returns the hash of its trace, and how many events it had.
fn run(trial: &mut Trial, draw: Option<u64>) -> (u64, u64) {
    let mut watch = Watch::new(&trial.spec, &[]);
    let (mut hasher, mut events) = (DefaultHasher::new(), 0);
    let mut bytes = Vec::new();
    let mut see = |event: &TraceEvent| {
        bytes.clear();
        bytes = postcard::to_extend(event, std::mem::take(&mut bytes)).expect("an event in memory always encodes");
        bytes.hash(&mut hasher);
        events += 1;
    };
    let ran = match draw {
        Some(seed) => trial.draw_seen(&mut watch, nemeses(Profile::Swarm)(seed).as_mut(), &mut see),
        None => trial.run(&mut watch, &mut see),
    };
    ran.expect("the registry knows its protocols");
    (hasher.finish(), events)
}
