//! Measures what Debian's `redis-benchmark` gets from three real Raft nodes, as a share of what the built-in clients get.
//!
//! `cargo run --release -p cluster-core --example redis_bench [ROUNDS [CONNECTIONS]]`

use std::{
    collections::BTreeMap,
    process::Command as Program,
    time::{Duration, Instant},
};

use cluster_core::{
    event::{EventKind, Milestone},
    ids::{ClientId, NodeId},
    session::{Next, Session, SessionError, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load, Target},
    time::TimingProfile,
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the built-in clients are measured, and how long they run before.
const SPAN: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(1);
/// Operations of one measurement of `redis-benchmark`, without and with many commands at once.
const OPERATIONS: [(u32, u32); 2] = [(1, 40_000), (16, 160_000)];

fn main() -> Result<(), SessionError> {
    let numbers: Vec<u16> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (rounds, connections) = (numbers.first().copied().unwrap_or(3), numbers.get(1).copied().unwrap_or(50));
    println!("{connections} clients, 256-byte values, fsync off; operations a second");
    println!("round  kind  built-in  redis-benchmark  share  16 at once");
    for round in 1..=rounds {
        for (kind, read_share) in [("set", 0.0), ("get", 1.0)] {
            let own = built_in(connections, read_share)?;
            let [one, many] = from_outside(connections, kind)?;
            let share = one / own;
            println!("{round:5}  {kind:4}  {own:8.0}  {one:15.0}  {share:5.2}  {many:10.0}");
        }
    }
    Ok(())
}

fn spec(clients: u16, read_share: f64) -> ClusterSpec {
    let client = |id| ClientSpec {
        id: ClientId(id),
        load: Load::Closed { think: Duration::ZERO },
        read_share,
        keys: 1000,
        value_bytes: 256,
        timeout: Duration::from_secs(5),
        target: Target::Leader,
        ..ClientSpec::default()
    };
    ClusterSpec {
        nodes: (1..=3).map(NodeId).collect(),
        profile: TimingProfile::Real,
        fsync: false,
        knobs: BTreeMap::from([("snapshot_every".to_owned(), "10000".to_owned())]),
        clients: (1..=clients).map(client).collect(),
        ..ClusterSpec::default()
    }
}

/// Returns what the built-in clients get.
fn built_in(clients: u16, read_share: f64) -> Result<f64, SessionError> {
    let session = Session::live(spec(clients, read_share), SessionOptions::default())?;
    let mut answered = 0;
    let mut count_for = |span: Duration, until_first: bool| {
        let (began, before) = (Instant::now(), answered);
        while began.elapsed() < span || until_first && answered == before {
            if let Next::Batch(batch) = session.recv_batch(Duration::from_millis(100)) {
                let ok = |kind: &EventKind| matches!(kind, EventKind::OpReturned { outcome, .. } if outcome.is_ok());
                answered += batch.iter().filter(|event| ok(&event.kind)).count();
            }
        }
        (answered - before) as f64 / began.elapsed().as_secs_f64()
    };
    count_for(WARM_UP, true);
    let rate = count_for(SPAN, false);
    session.finish()?;
    Ok(rate)
}

/// Returns what `redis-benchmark` gets, with one command at a time and with many.
fn from_outside(connections: u16, kind: &'static str) -> Result<[f64; 2], SessionError> {
    let session = Session::live(spec(0, 0.0), SessionOptions::default())?;
    let (mut doors, mut leader) = (BTreeMap::new(), None);
    while leader.is_none() {
        let Next::Batch(batch) = session.recv_batch(Duration::from_millis(100)) else { continue };
        for event in batch {
            match event.kind {
                EventKind::DoorOpened { node, port, .. } => drop(doors.insert(node, port)),
                EventKind::Milestone { node, milestone: Milestone::LeaderElected { .. } } => leader = Some(node),
                // Everything else is the cluster's business.
                _ => {}
            }
        }
    }
    let port = leader.and_then(|leader| doors.get(&leader)).copied().unwrap_or_default();
    let running = std::thread::spawn(move || {
        benchmark(port, connections, kind, 1, 2000);
        OPERATIONS.map(|(at_once, operations)| benchmark(port, connections, kind, at_once, operations))
    });
    while !running.is_finished() {
        // Somebody looks at the events, as with the built-in clients.
        session.recv_batch(Duration::from_millis(100));
    }
    let rates = running.join().unwrap_or_default();
    session.finish()?;
    Ok(rates)
}

fn benchmark(port: u16, connections: u16, kind: &str, at_once: u32, operations: u32) -> f64 {
    let flags = format!("-p {port} -t {kind} -n {operations} -c {connections} -P {at_once} -d 256 -r 1000 --csv");
    let output = Program::new("redis-benchmark").args(flags.split(' ')).output();
    let output = output.expect("redis-benchmark runs; on Debian, apt-get install redis-tools brings it");
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix(&format!("\"{kind}\",\""))?.split('"').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("no figure in: {text}{}", String::from_utf8_lossy(&output.stderr)))
}
