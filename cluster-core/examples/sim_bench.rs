//! Measures simulated time in CPU time: an idle Raft cluster, with and without a recording, and clusters under load, struck by
//! faults and checked.
//!
//! `cargo run --profile dist -p cluster-core --example sim_bench [SECONDS [PART]]`, such as `2000 'raft: idle'`

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use cluster_core::{
    hunt::{Quarry, Trial, Watch, nemeses},
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(2000), |seconds| seconds.parse::<u64>())?;
    let only = args.next().unwrap_or_default();
    type Part = (&'static str, fn(&str, u64) -> Result<(), Box<dyn std::error::Error>>);
    let parts: [Part; 4] = [
        ("idle, recording off", idle),
        ("idle, recorded", recorded),
        ("its first clients, swarm, all checks", |of, seconds| struck(of, seconds / 60, as_begun)),
        ("hunted, swarm, all checks", |of, seconds| struck(of, seconds / 16, as_hunted)),
    ];
    for protocol in ["raft", "raft-study"] {
        for (what, part) in parts.iter().filter(|(what, _)| format!("{protocol}: {what}").starts_with(&only)) {
            print!("{:<52}", format!("{protocol}: {what}"));
            part(protocol, seconds)?;
        }
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
    told(seconds as f64, sim.next_seq().0, now() - began);
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
    told(seconds as f64, sim.next_seq().0, now() - began);
    println!("{:<52}{:>9.1} bytes an event", "", bytes as f64 / sim.next_seq().0 as f64);
    Ok(())
}

/// Five nodes under load, struck by swarms of faults, with every check there is, event by event.
fn struck(protocol: &str, seeds: u64, trial: fn(&str, u64) -> Trial) -> Result<(), Box<dyn std::error::Error>> {
    let checks = Quarry::new(protocol).checks;
    let strikers = nemeses(Profile::Swarm);
    let (mut seconds, mut events, mut operations, mut strikes) = (0.0, 0, 0, 0);
    let began = now();
    for seed in 1..=seeds {
        let mut trial = trial(protocol, seed);
        let mut watch = Watch::new(&trial.spec, &checks);
        let ran = trial.draw(&mut watch, strikers(seed).as_mut())?;
        assert!(ran.caught.is_none(), "{protocol} broke a promise at seed {seed}: {:?}", ran.caught);
        seconds += ran.took.as_secs_f64();
        events += ran.events;
        operations += ran.operations;
        strikes += trial.script.len();
    }
    told(seconds, events, now() - began);
    let (operations, strikes) = (operations as f64 / seconds, strikes as f64 / seconds);
    println!("{:<52}{operations:>9.0} operations and {strikes:.1} commands of the nemesis a second of it", "");
    Ok(())
}

/// The cluster that the window and `faultline run` begin with, and its clients, struck for a minute.
fn as_begun(protocol: &str, seed: u64) -> Trial {
    let spec = ClusterSpec { protocol: protocol.to_owned(), seed, ..ClusterSpec::default() };
    Trial { spec, script: Vec::new(), strikes_for: Duration::from_secs(60) }
}

/// A cluster as `faultline hunt` draws it from a seed: other clients each time, twice as impatient, struck for ten seconds.
fn as_hunted(protocol: &str, seed: u64) -> Trial {
    Quarry { nodes: Some(5), ..Quarry::new(protocol) }.trial(seed)
}

fn told(seconds: f64, events: u64, took: Duration) {
    let took = took.as_secs_f64();
    println!(
        "{:>9.0} s of virtual time a CPU second, {:>5.0} events a virtual second, {:>5.0} ns an event",
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
