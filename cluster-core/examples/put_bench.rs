//! Measures what an acknowledged put costs on three real Raft nodes: throughput, latency and processor time.
//!
//! `cargo run --release -p cluster-core --example put_bench [SECONDS] [CLIENTS…] [fsync=on|off] [recording=on|off]`

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cluster_core::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, NodeId, OpId},
    session::{Next, Session, SessionError, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load, Target},
    time::{Timestamp, TimingProfile},
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a cluster runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() -> Result<(), SessionError> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let span = Duration::from_secs(numbers.first().copied().unwrap_or(5));
    let clients = if numbers.len() > 1 { numbers[1..].to_vec() } else { vec![1, 10, 100] };
    println!("fsync  recording  clients     puts/s   p50 us   p99 us   cpu us/put");
    for fsync in chosen("fsync", [false, true]) {
        for recording in chosen("recording", [true, false]) {
            for clients in &clients {
                let run = Run { fsync, recording, clients: *clients as u16, span };
                println!("{}", run.measure()?);
            }
        }
    }
    Ok(())
}

/// Returns the values of a switch that are to be measured: both, unless an argument names one.
fn chosen(name: &str, both: [bool; 2]) -> Vec<bool> {
    let named = std::env::args().find_map(|word| Some(word.strip_prefix(name)?.strip_prefix('=')? == "on"));
    both.into_iter().filter(|value| named.is_none_or(|named| named == *value)).collect()
}

struct Run {
    fsync: bool,
    recording: bool,
    clients: u16,
    span: Duration,
}

impl Run {
    fn measure(&self) -> Result<String, SessionError> {
        let folder = tempfile::tempdir().map_err(SessionError::Thread)?;
        let record = self.recording.then(|| folder.path().join("bench.flt"));
        let options = SessionOptions { record, recording_off: !self.recording, ..SessionOptions::default() };
        let session = Session::live(self.spec(), options)?;
        let mut bench = Bench { session, invoked: BTreeMap::new(), acknowledged: 0, latencies: Vec::new() };
        bench.run_until_first_put();
        bench.run_for(WARM_UP);
        (bench.acknowledged, bench.latencies) = (0, Vec::new());
        let (cpu, began) = (cpu_time(), Instant::now());
        bench.run_for(self.span);
        let (spent, took) = (cpu_time().zip(cpu).map(|(after, before)| after - before), began.elapsed());
        let puts = bench.acknowledged.max(1);
        bench.latencies.sort_unstable();
        let at = |share: f64| bench.latencies.get((bench.latencies.len() as f64 * share) as usize).copied();
        let micros = |latency: Option<Duration>| latency.map_or(0, |latency| latency.as_micros());
        let cpu = spent.map_or("n/a".to_owned(), |spent| format!("{:.1}", spent.as_secs_f64() * 1e6 / puts as f64));
        let rate = puts as f64 / took.as_secs_f64();
        let (p50, p99) = (micros(at(0.5)), micros(at(0.99)));
        bench.session.finish()?;
        let [fsync, recording] = [self.fsync, self.recording].map(|on| if on { "on" } else { "off" });
        Ok(format!("{fsync:5}  {recording:9}  {:7}  {rate:9.0}  {p50:7}  {p99:7}   {cpu:>10}", self.clients))
    }

    fn spec(&self) -> ClusterSpec {
        ClusterSpec {
            nodes: (1..=3).map(NodeId).collect(),
            profile: TimingProfile::Real,
            fsync: self.fsync,
            // As often as etcd does.
            knobs: BTreeMap::from([("snapshot_every".to_owned(), "10000".to_owned())]),
            clients: (1..=self.clients).map(client).collect(),
            ..ClusterSpec::default()
        }
    }
}

fn client(id: u16) -> ClientSpec {
    ClientSpec {
        id: ClientId(id),
        load: Load::Closed { think: Duration::ZERO },
        read_share: 0.0,
        keys: 1000,
        value_bytes: 256,
        timeout: Duration::from_secs(5),
        target: Target::Leader,
        ..ClientSpec::default()
    }
}

struct Bench {
    session: Session,
    invoked: BTreeMap<OpId, Timestamp>,
    acknowledged: u64,
    latencies: Vec<Duration>,
}

impl Bench {
    fn run_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Next::Batch(batch) = self.session.recv_batch(left) {
                batch.iter().for_each(|event| self.look(event));
            }
        }
    }

    /// The clients ask from the beginning; an answer means that there is a leader.
    fn run_until_first_put(&mut self) {
        while self.acknowledged == 0 {
            self.run_for(Duration::from_millis(100));
        }
    }

    fn look(&mut self, event: &TraceEvent) {
        match &event.kind {
            EventKind::OpInvoked { op, .. } => drop(self.invoked.insert(*op, event.at)),
            EventKind::OpReturned { op, outcome, .. } => {
                if let (Some(began), Outcome::Written { .. }) = (self.invoked.remove(op), outcome) {
                    self.acknowledged += 1;
                    self.latencies.push(event.at.since(began));
                }
            }
            // Everything else is the cluster's business.
            _ => {}
        }
    }
}

/// Returns the processor time of this process so far, where the system tells.
fn cpu_time() -> Option<Duration> {
    // Threads that ended count as well, so this is the process's own line, not the sum over its tasks.
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // A tick is 10 ms wherever this file exists.
    Some(Duration::from_millis(ticks * 10))
}
