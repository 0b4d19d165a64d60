//! Cuts some links of a cluster in the ways that are known to hurt, and measures whether Raft gets over it: plain, with
//! pre-vote, and with pre-vote and check-quorum.
//!
//! `cargo run --release -p cluster-core --example partial_partitions [-- [--sim] [RUNS]]`

#[path = "partial_partitions/cluster.rs"]
mod cluster;
#[path = "partial_partitions/recipe.rs"]
mod recipe;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use cluster::{Cluster, Facts};
use cluster_core::{
    ids::{ClientId, NodeId},
    session::SessionError,
    spec::{ClientSpec, ClusterSpec, Load, Target},
    time::TimingProfile,
};
use recipe::Recipe;

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// In the proportions of what the window opens with, twice as fast.
const PROFILE: TimingProfile = TimingProfile::Fast;
/// So many real clusters run beside each other: they mostly wait.
const LIVE_AT_ONCE: usize = 6;
const VARIANTS: [Variant; 3] = [
    Variant { name: "plain", pre_vote: false, check_quorum: false },
    Variant { name: "pre-vote", pre_vote: true, check_quorum: false },
    Variant { name: "pre-vote + check-quorum", pre_vote: true, check_quorum: true },
];

#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    pre_vote: bool,
    check_quorum: bool,
}

/// One row of the table, run by run.
type Rows = BTreeMap<(usize, usize), Vec<Facts>>;

fn main() -> Result<(), SessionError> {
    let simulated = std::env::args().any(|word| word == "--sim");
    let runs = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(if simulated { 20 } else { 3 });
    let rows = measure(simulated, runs)?;
    let backend = if simulated { "the simulator" } else { "real nodes" };
    println!("{runs} runs each on {backend}; times in election timeouts of {:?}\n", PROFILE.election_min());
    println!("| what is cut | Raft | recovered | first write | leader changes | two leaders | longest gap | healed |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for ((recipe, variant), facts) in &rows {
        println!("{}", row(Recipe::ALL[*recipe], VARIANTS[*variant], facts));
    }
    Ok(())
}

/// Runs everything, several clusters at once.
fn measure(simulated: bool, runs: u64) -> Result<Rows, SessionError> {
    let mut jobs = Vec::new();
    for recipe in (0..Recipe::ALL.len()).rev() {
        for variant in (0..VARIANTS.len()).rev() {
            jobs.extend((1..=runs).map(|seed| (recipe, variant, seed)));
        }
    }
    let (jobs, rows) = (Mutex::new(jobs), Mutex::new(Rows::new()));
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<(), SessionError> {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((recipe, variant, seed)) = job else { return Ok(()) };
            let facts = run(Recipe::ALL[recipe], VARIANTS[variant], seed, simulated)?;
            rows.lock().unwrap_or_else(PoisonError::into_inner).entry((recipe, variant)).or_default().push(facts);
        }
    };
    std::thread::scope(|scope| {
        let count = if simulated { processors } else { LIVE_AT_ONCE };
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a failed run says why"))
    })?;
    Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn run(recipe: Recipe, variant: Variant, seed: u64, simulated: bool) -> Result<Facts, SessionError> {
    let spec = spec(recipe, variant, seed);
    let mut cluster = if simulated { Cluster::simulated(&spec)? } else { Cluster::live(&spec)? };
    let leader = cluster.wait_for_leader();
    recipe.carry_out(&mut cluster, leader);
    cluster.finish()
}

fn spec(recipe: Recipe, variant: Variant, seed: u64) -> ClusterSpec {
    let flag = |on: bool| if on { "on" } else { "off" }.to_owned();
    let knobs = [("pre_vote", variant.pre_vote), ("check_quorum", variant.check_quorum)];
    ClusterSpec {
        nodes: (1..=recipe.nodes()).map(NodeId).collect(),
        seed,
        profile: PROFILE,
        knobs: knobs.map(|(knob, on)| (knob.to_owned(), flag(on))).into(),
        clients: (1..=recipe.nodes()).map(client).collect(),
        ..ClusterSpec::default()
    }
}

/// Each node has a client of its own, on its side of every cut; who believes to lead is asked to write.
fn client(node: u16) -> ClientSpec {
    ClientSpec {
        id: ClientId(node),
        load: Load::Open { rate_hz: 50.0 },
        read_share: 0.0,
        timeout: PROFILE.election_min() * 4,
        retries: 0,
        target: Target::Fixed(NodeId(node)),
        ..ClientSpec::default()
    }
}

fn row(recipe: Recipe, variant: Variant, facts: &[Facts]) -> String {
    // The rows of a recipe stand together; the first one names it.
    let title = if variant.name == VARIANTS[0].name { recipe.title() } else { "" };
    let runs = facts.len();
    let timeouts = |span: std::time::Duration| span.as_secs_f64() / PROFILE.election_min().as_secs_f64();
    let recovered: Vec<f64> = facts.iter().filter_map(|run| run.first_write).map(timeouts).collect();
    let first = if recovered.is_empty() { "never".to_owned() } else { format!("{:.1}", median(&recovered)) };
    let changes: Vec<f64> = facts.iter().map(|run| run.elected as f64).collect();
    let most = changes.iter().copied().fold(0.0, f64::max);
    let two: Vec<f64> = facts.iter().map(|run| timeouts(run.two_leaders)).collect();
    let gap: Vec<f64> = facts.iter().map(|run| timeouts(run.longest_gap)).collect();
    let healed = facts.iter().filter(|run| run.healed).count();
    format!(
        "| {title} | {} | {} of {runs} | {first} | {:.0} (most {most:.0}) | {:.1} | {:.1} | {healed} of {runs} |",
        variant.name,
        recovered.len(),
        median(&changes),
        median(&two),
        median(&gap),
    )
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}
