//! Measures what it costs to check a run while it goes on: a simulated cluster under load without observers, with the
//! invariants, and with all checks.
//!
//! `cargo run --release -p cluster-core --example observers_bench`

use std::{
    fs,
    time::{Duration, Instant},
};

use cluster_core::{
    check::Observers,
    ids::{ClientId, NodeId},
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
    trace::Observer,
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const SPAN: Duration = Duration::from_secs(20);

/// A run, by what looks at it.
type Run = (&'static str, fn() -> Option<Box<dyn Observer>>);

fn main() {
    let runs: [Run; 3] = [
        ("no observers", || None),
        ("invariants", || Some(Box::new(Observers::invariants(&ClusterSpec::default())))),
        ("all checks", || Some(Box::new(Observers::of(&ClusterSpec::default())))),
    ];
    for rate_hz in [20.0, 1000.0] {
        let mut took = [const { Vec::new() }; 3];
        // Round by round, so that a busy machine disturbs all alike.
        for _ in 0..ROUNDS {
            for ((_, observer), took) in runs.iter().zip(&mut took) {
                took.push(run(rate_hz, observer()));
            }
        }
        let least = took.map(|took| took.into_iter().min().unwrap_or_default());
        for ((name, _), time) in runs.iter().zip(least) {
            let extra = time.saturating_sub(least[0]).as_secs_f64() / SPAN.as_secs_f64();
            println!(
                "{rate_hz} operations a second, {name}: {:.0} s a second, {:.3} % of a core more at that rate",
                SPAN.as_secs_f64() / time.as_secs_f64(),
                100.0 * extra,
            );
        }
    }
}

/// Returns the CPU time of a run.
fn run(rate_hz: f64, observer: Option<Box<dyn Observer>>) -> Duration {
    let load = Load::Open { rate_hz: rate_hz / 4.0 };
    let clients = (1..=4).map(|id| ClientSpec { id: ClientId(id), load, keys: 8, ..ClientSpec::default() });
    let spec = ClusterSpec {
        nodes: (1..=5).map(NodeId).collect(),
        profile: TimingProfile::Fast,
        clients: clients.collect(),
        ..ClusterSpec::default()
    };
    let began = now();
    let mut sim = match observer {
        Some(observer) => Sim::observed(&spec, observer),
        None => Sim::start(&spec),
    }
    .expect("the spec is sound");
    sim.run_for(SPAN);
    let took = now() - began;
    let state = sim.trace().latest();
    assert!(state.promises.is_empty(), "{:?}", state.promises);
    assert!(state.clients.values().all(|client| client.ok > 0));
    took
}

/// Returns the CPU time of this process; real time where the system does not tell.
fn now() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let ticks = || {
        let stat = fs::read_to_string("/proc/self/schedstat").ok()?;
        stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    ticks().unwrap_or_else(|| BEGAN.elapsed())
}
