//! Measures simulated time in CPU time: an idle Raft cluster, with and without a recording, and hunts under load.
//!
//! `cargo run --release -p cluster-core --example sim_bench [SECONDS]`

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use cluster_core::{
    hunt::{Quarry, Watch, nemeses},
    nemesis::Profile,
    origin::{BackendKind, Origin},
    sim::Runner,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Recorder, RecordingWriter},
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much happens between two looks at the clock.
const CHUNK: usize = 4096;
/// How many seeds are struck.
const SEEDS: u64 = 40;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(2000), |seconds| seconds.parse::<u64>())?;
    for protocol in ["raft", "raft-study"] {
        idle(protocol, seconds)?;
        recorded(protocol, seconds / 4)?;
        struck(protocol)?;
    }
    Ok(())
}

fn idle_spec(protocol: &str) -> ClusterSpec {
    ClusterSpec { protocol: protocol.to_owned(), clients: Vec::new(), ..ClusterSpec::default() }
}

/// Five nodes with heartbeats and nothing to do; events are numbered and forgotten.
fn idle(protocol: &str, seconds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let began = now();
    let mut sim = Runner::start(&idle_spec(protocol), Recorder::forgetful())?;
    while !sim.advance(Timestamp::from(Duration::from_secs(seconds)), CHUNK) {}
    told(&format!("{protocol}: idle, recording off"), seconds as f64, sim.next_seq().0, now() - began);
    Ok(())
}

/// The same, every event in a recording on the disk.
fn recorded(protocol: &str, seconds: u64) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let spec = idle_spec(protocol);
    let origin = Origin::of(BackendKind::Sim);
    let mut writer = RecordingWriter::create_of(&folder.path().join("bench.faultline"), &spec, &origin, 0)?;
    let began = now();
    let mut sim = Runner::start(&spec, Recorder::kept())?;
    let mut events = Vec::new();
    loop {
        let over = sim.advance(Timestamp::from(Duration::from_secs(seconds)), CHUNK);
        sim.take_events(&mut events);
        writer.write(&events)?;
        events.clear();
        if over {
            break;
        }
    }
    let bytes = writer.bytes();
    writer.finish()?;
    told(&format!("{protocol}: idle, recorded"), seconds as f64, sim.next_seq().0, now() - began);
    println!("{:<44}{:>9.1} bytes an event", "", bytes as f64 / sim.next_seq().0 as f64);
    Ok(())
}

/// Five nodes under load, struck by swarms of faults, with every check there is.
fn struck(protocol: &str) -> Result<(), Box<dyn std::error::Error>> {
    let quarry = Quarry { nodes: Some(5), ..Quarry::new(protocol) };
    let strikers = nemeses(Profile::Swarm);
    let (mut seconds, mut events, mut operations) = (0.0, 0, 0);
    let began = now();
    for seed in 1..=SEEDS {
        let mut trial = quarry.trial(seed);
        let mut watch = Watch::new(&trial.spec, &quarry.checks);
        let ran = trial.draw(&mut watch, strikers(seed).as_mut())?;
        seconds += ran.took.as_secs_f64();
        events += ran.events;
        operations += ran.operations;
    }
    told(&format!("{protocol}: load, swarm, all checks"), seconds, events, now() - began);
    println!("{:<44}{:>9.0} operations a second of it", "", operations as f64 / seconds);
    Ok(())
}

fn told(what: &str, seconds: f64, events: u64, took: Duration) {
    let took = took.as_secs_f64();
    println!(
        "{what:<44}{:>9.0} s of virtual time a CPU second, {:>5.0} events a virtual second, {:>5.0} ns an event",
        seconds / took,
        events as f64 / seconds,
        took * 1e9 / events as f64
    );
}

/// Returns the CPU time of this process where the system tells it (a busy machine does not spoil that), else real time.
fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next().and_then(|nanos| nanos.parse().ok()));
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}
