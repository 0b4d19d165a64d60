//! Measures how long real Raft nodes are without a leader after theirs was frozen or crashed, in election timeouts.
//!
//! The profile `real` is what compares with others; `fast` has the proportions of the window, whose links alone hold a
//! vote up for a quarter of the timeout, and where nobody is told of a crash.
//!
//! `cargo run --release -p cluster-core --example failover_bench [ROUNDS]`

use std::time::{Duration, Instant};

use cluster_core::{
    command::{Author, Command},
    event::{EventKind, Milestone},
    fault::{Fault, FaultKind},
    ids::{ClientId, Epoch, NodeId},
    session::{Next, Session, SessionError, SessionOptions},
    spec::{ClientSpec, ClusterSpec, Load},
    time::{Timestamp, TimingProfile},
    trace::ClusterState,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;
/// A cluster that takes longer than this over anything is broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), SessionError> {
    let rounds = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(20);
    println!("profile  nodes  fault   rounds  min ms  median ms  max ms  median/timeout  split votes");
    for profile in [TimingProfile::Real, TimingProfile::Fast] {
        for nodes in [3, 5] {
            for kind in [FaultKind::Freeze, FaultKind::Crash] {
                let gaps = measure(profile, nodes, kind, rounds)?;
                println!("{}", line(profile, nodes, kind, &gaps));
            }
        }
    }
    Ok(())
}

/// One loss of a leader.
struct Gap {
    took: Duration,
    /// Whether it took more than one term: votes were asked for in vain.
    split: bool,
}

fn line(profile: TimingProfile, nodes: u16, kind: FaultKind, gaps: &[Gap]) -> String {
    let mut millis: Vec<f64> = gaps.iter().map(|gap| gap.took.as_secs_f64() * 1e3).collect();
    millis.sort_unstable_by(f64::total_cmp);
    let (min, max) = (millis.first().copied().unwrap_or_default(), millis.last().copied().unwrap_or_default());
    // Of an even number, the mean of the two in the middle.
    let median = (millis[(millis.len() - 1) / 2] + millis[millis.len() / 2]) / 2.0;
    let share = median / (profile.election_min().as_secs_f64() * 1e3);
    let split = gaps.iter().filter(|gap| gap.split).count();
    let fault = if kind == FaultKind::Freeze { "freeze" } else { "crash" };
    format!(
        "{:7}  {nodes:5}  {fault:6}  {:6}  {min:6.0}  {median:9.0}  {max:6.0}  {share:14.2}  {split:11}",
        profile.word(),
        gaps.len(),
    )
}

fn measure(profile: TimingProfile, nodes: u16, kind: FaultKind, rounds: usize) -> Result<Vec<Gap>, SessionError> {
    let spec = ClusterSpec {
        nodes: (1..=nodes).map(NodeId).collect(),
        seed: SEED,
        profile,
        clients: (1..=2).map(client).collect(),
        ..ClusterSpec::default()
    };
    let session = Session::live(spec.clone(), SessionOptions::default())?;
    let mut bench = Bench { session, state: ClusterState::before(&spec), struck: None, elected: None };
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut gaps = Vec::new();
    bench.run_until("elect a leader", |bench| bench.healed());
    for _ in 0..rounds.max(1) {
        // Strikes fall anywhere between two heartbeats.
        let pause = profile.election_min() / 2 + profile.heartbeat().mul_f64(rng.random_range(0.0..1.0));
        bench.run_for(pause);
        gaps.push(bench.strike(kind));
        bench.run_until("take the old leader in again", |bench| bench.healed());
    }
    bench.session.finish()?;
    Ok(gaps)
}

fn client(id: u16) -> ClientSpec {
    ClientSpec { id: ClientId(id), load: Load::Open { rate_hz: 50.0 }, read_share: 0.0, ..ClientSpec::default() }
}

struct Bench {
    session: Session,
    state: ClusterState,
    /// When the leader was struck.
    struck: Option<Timestamp>,
    elected: Option<(Timestamp, Epoch)>,
}

impl Bench {
    /// Strikes the leader, waits for the next, and mends.
    fn strike(&mut self, kind: FaultKind) -> Gap {
        let leader = self.state.leader().expect("the cluster is whole");
        let (fault, mend) = match kind {
            FaultKind::Freeze => (Fault::Freeze(leader), Command::Unfreeze(leader)),
            _ => (Fault::Crash(leader), Command::Restart(leader)), // no other is measured
        };
        let term = self.state.nodes[&leader].view.epoch;
        (self.struck, self.elected) = (None, None);
        self.session.send(Author::Script, Command::Inject(vec![fault]));
        self.run_until("elect a new leader", |bench| bench.elected.is_some());
        self.session.send(Author::Script, mend);
        let (struck, (elected, epoch)) = self.struck.zip(self.elected).expect("elected after the strike");
        Gap { took: elected.since(struck), split: epoch.0 > term.0 + 1 }
    }

    /// Returns whether all nodes run, follow one leader, and have nearly all that it has.
    fn healed(&self) -> bool {
        let Some(leader) = self.state.leader() else { return false };
        let applied = self.state.nodes[&leader].view.applied_index.0;
        self.state.leaders().count() == 1
            && self.state.nodes.values().all(|node| {
                let follows = node.status.is_running() && node.view.leader == Some(leader);
                follows && node.view.applied_index.0 + 50 > applied
            })
    }

    fn run_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.look(left);
        }
    }

    fn run_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < end, "the cluster did not {what} within {PATIENCE:?}");
            self.look(Duration::from_millis(100));
        }
    }

    fn look(&mut self, patience: Duration) {
        let Next::Batch(batch) = self.session.recv_batch(patience) else { return };
        for event in batch {
            match event.kind {
                EventKind::NodeFroze { .. } | EventKind::NodeCrashed { .. } => self.struck = Some(event.at),
                EventKind::Milestone { milestone: Milestone::LeaderElected { epoch }, .. } if self.struck.is_some() => {
                    self.elected.get_or_insert((event.at, epoch));
                }
                // Everything else is the fold's business.
                _ => {}
            }
            self.state.apply(&event);
        }
    }
}
