//! Measures what a link gate costs that is armed with rules and has nothing to do: alone, and in three real Raft nodes.
//!
//! `cargo run --release -p cluster-core --example gate_bench [ROUNDS [CLIENTS]]`

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, Outcome},
    fault::{Bandwidth, Delay, Fault, Heal, LinkFault, LinkId, Links, Loss},
    ids::{ClientId, NodeId},
    session::{Next, Session, SessionError, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load, Target},
    time::{Timestamp, TimingProfile},
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the cluster is measured armed, and how long healthy, in each round.
const SPAN: Duration = Duration::from_secs(2);
/// How long a cluster runs before it is measured, and how long what was under way at a change may take.
const SETTLE: Duration = Duration::from_millis(300);
/// Frames of the gate alone.
const FRAMES: u32 = 5_000_000;
/// The messages between nodes and clients of one put: asked and answered, appended at two followers and confirmed.
const FRAMES_A_PUT: f64 = 6.0;

/// Rules that judge every frame and never touch one: a loss of one in a million million, and a pipe far wider than a
/// machine's memory.
const ARMED: [LinkFault; 2] = [
    LinkFault::Loss(Loss { probability: 1e-12 }),
    LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 1 << 40, queue_bytes: 1 << 40 }),
];

fn main() -> Result<(), SessionError> {
    let numbers: Vec<u16> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (rounds, clients) = (numbers.first().copied().unwrap_or(15), numbers.get(1).copied().unwrap_or(10));
    let alone = [false, true].map(gate_alone);
    println!("gate alone, ns a round trip: healthy {:.0}, armed {:.0}", alone[0] * 2.0, alone[1] * 2.0);

    let mut bench = Bench::start(clients)?;
    println!("\n{clients} clients that put without thinking, fsync off; {rounds} rounds");
    println!("round  healthy puts/s  armed puts/s  ratio  healthy cpu us/put  armed cpu us/put");
    let (mut rates, mut extra) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        // Which one goes first changes with each round, so that a machine that slows down favors neither.
        let armed_first = round % 2 == 0;
        let first = bench.measure(armed_first);
        let second = bench.measure(!armed_first);
        let (healthy, armed) = if armed_first { (second, first) } else { (first, second) };
        let ratio = armed.rate / healthy.rate;
        println!(
            "{round:5}  {:14.0}  {:12.0}  {ratio:5.3}  {:18.2}  {:16.2}",
            healthy.rate, armed.rate, healthy.cpu_us, armed.cpu_us
        );
        rates.push(ratio);
        extra.push((armed.cpu_us - healthy.cpu_us) * 2.0 / FRAMES_A_PUT);
    }
    println!(
        "median: {:.3} of the healthy throughput, {:+.2} us of processor time a round trip",
        median(&mut rates),
        median(&mut extra)
    );
    bench.session.finish()?;
    Ok(())
}

/// Returns what one frame costs in nanoseconds, on the links by themselves.
fn gate_alone(armed: bool) -> f64 {
    let mut links = Links::new(Delay::constant(Duration::ZERO), 1);
    let directions: Vec<LinkId> = directions(&[1, 2, 3]);
    for direction in directions.iter().filter(|_| armed) {
        for rule in ARMED {
            links.change(*direction, |rules| rule.add_to(rules));
        }
    }
    let began = Instant::now();
    for frame in 0..FRAMES {
        let direction = directions[frame as usize % directions.len()];
        let now = Timestamp(u64::from(frame) * 1000);
        black_box(links.decide(direction, 300, 280, now));
    }
    began.elapsed().as_nanos() as f64 / f64::from(FRAMES)
}

fn directions(nodes: &[u16]) -> Vec<LinkId> {
    let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
    pairs.filter(|(from, to)| from != to).map(|(from, to)| (NodeId(from).into(), NodeId(to).into())).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Bench {
    session: Session,
    /// Every direction between two nodes, and between a client and a node.
    directions: Vec<LinkId>,
    armed: bool,
    acknowledged: u64,
}

/// What was measured in one span.
struct Measured {
    rate: f64,
    cpu_us: f64,
}

impl Bench {
    fn start(clients: u16) -> Result<Self, SessionError> {
        let session = Session::live(spec(clients), SessionOptions::default())?;
        let mut directions = directions(&[1, 2, 3]);
        for client in (1..=clients).map(ClientId) {
            for node in (1..=3).map(NodeId) {
                directions.extend([(client.into(), node.into()), (node.into(), client.into())]);
            }
        }
        let mut bench = Self { session, directions, armed: false, acknowledged: 0 };
        while bench.acknowledged == 0 {
            bench.run_for(SETTLE);
        }
        Ok(bench)
    }

    /// Measures with the gates armed, or without.
    fn measure(&mut self, armed: bool) -> Measured {
        let faults = || self.directions.iter().flat_map(|id| ARMED.map(|rule| Fault::Link(*id, rule))).collect();
        if armed != self.armed {
            let command = if armed { Command::Inject(faults()) } else { Command::Heal(Heal::All) };
            self.session.send(Author::Script, command);
            self.armed = armed;
        }
        self.run_for(SETTLE);
        self.acknowledged = 0;
        let (cpu, began) = (cpu_time(), Instant::now());
        self.run_for(SPAN);
        let (spent, took) = (cpu_time().saturating_sub(cpu), began.elapsed());
        let puts = self.acknowledged.max(1) as f64;
        Measured { rate: puts / took.as_secs_f64(), cpu_us: spent.as_secs_f64() * 1e6 / puts }
    }

    fn run_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Next::Batch(batch) = self.session.recv_batch(left) else { continue };
            for event in &batch {
                match &event.kind {
                    EventKind::OpReturned { outcome: Outcome::Written { .. }, .. } => self.acknowledged += 1,
                    EventKind::CommandRefused { reason, .. } => panic!("the gates cannot be armed: {reason}"),
                    // Everything else is the cluster's business.
                    _ => {}
                }
            }
        }
    }
}

fn spec(clients: u16) -> ClusterSpec {
    let client = |id| ClientSpec {
        id: ClientId(id),
        load: Load::Closed { think: Duration::ZERO },
        read_share: 0.0,
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
        clients: (1..=clients).map(client).collect(),
        ..ClusterSpec::default()
    }
}

/// Returns the processor time of this process so far; zero where the system does not tell.
fn cpu_time() -> Duration {
    // Threads that ended count as well, so this is the process's own line, not the sum over its tasks.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    // A tick is 10 ms wherever this file exists.
    Duration::from_millis(ticks * 10)
}
