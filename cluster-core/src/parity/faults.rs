//! Every fault of the table, brought about by one script on either backend, and what it was seen to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use super::scene::{Scene, Stuck};
use crate::{
    command::Command,
    fault::{
        Bandwidth, Burst, Checksum, ClockShift, Corrupt, Delay, Drift, Duplicate, Fault, FaultKind, Flap, Heal,
        LinkCounters, LinkFault, Loss, NodeFault, NodeFaultCounters, ReadErrors, Reorder, Slowness,
    },
    hunt::Quarry,
    ids::{ClientId, NodeId},
    name::Name,
    origin::BackendKind,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
    trace::{ClusterState, NodeState, NodeStatus},
};

/// Faults that strike one cluster, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The protocol.
    pub protocol: &'static str,
    /// The faults. What no heal mends comes last.
    pub kinds: Vec<FaultKind>,
    /// Whether they strike whoever leads; else another node.
    pub at_leader: bool,
    /// The seed.
    pub seed: u64,
}

/// What came of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What each fault did.
    pub told: Vec<Told>,
    /// The promises that were broken.
    pub broken: BTreeSet<Name>,
    /// What was refused; whichever node was struck is called by what it is.
    pub refused: Vec<String>,
}

/// What one fault did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub kind: FaultKind,
    /// What was counted: nothing, if it did nothing.
    pub acted: BTreeSet<&'static str>,
    /// What the node that it struck was then.
    pub was: &'static str,
    /// What it was in the end.
    pub became: &'static str,
    /// What was still counted after it was healed.
    pub still: BTreeSet<&'static str>,
}

const MS: Duration = Duration::from_millis(1);
/// How long a fault that acted goes on, and how long a healed cluster is looked at.
const MOMENT: Duration = Duration::from_millis(250);
/// How many answers show that a cluster works.
const WORKS: u64 = 4;

impl Case {
    /// Returns its cluster: three nodes under load, set to promise the most.
    pub fn spec(&self) -> ClusterSpec {
        let client = ClientSpec {
            id: ClientId(1),
            load: Load::Open { rate_hz: 40.0 },
            read_share: 0.3,
            timeout: 500 * MS,
            ..ClientSpec::default()
        };
        ClusterSpec {
            protocol: self.protocol.to_owned(),
            nodes: (1..=3).map(NodeId).collect(),
            seed: self.seed,
            profile: TimingProfile::Fast,
            knobs: Quarry::new(self.protocol).knobs,
            clients: vec![client],
            ..ClusterSpec::default()
        }
    }

    /// Goes through it on a backend.
    pub fn play(&self, backend: BackendKind) -> Result<Outcome, Stuck> {
        let mut scene = Scene::start(&self.spec(), backend)?;
        let (mut told, mut refused) = (Vec::new(), Vec::new());
        for kind in &self.kinds {
            let so_far = scene.refused().len();
            let stuck = |stuck| format!("{} {kind:?} ({}): {stuck}", self.protocol, backend.word());
            let victim = works(&mut scene).map(|leader| victim(leader, self.at_leader)).map_err(stuck)?;
            told.push(strike(&mut scene, *kind, victim).map_err(stuck)?);
            // Who leads is luck, and so is who is struck.
            let nameless = |reason: &String| reason.replace(&victim.0.to_string(), "the node");
            refused.extend(scene.refused()[so_far..].iter().map(nameless));
        }
        let broken = scene.broken().keys().copied().collect();
        scene.finish()?;
        Ok(Outcome { told, broken, refused })
    }
}

/// Brings a fault about, waits for what it does, heals it, and looks at what is left of it.
fn strike(scene: &mut Scene, kind: FaultKind, (victim, peer): (NodeId, NodeId)) -> Result<Told, Stuck> {
    let slow_disk = matches!(kind, FaultKind::PowerLoss | FaultKind::TornPowerLoss);
    if slow_disk {
        // Only what was not synced can be lost, or torn.
        let slowed = move |state: &ClusterState| node(state, victim).map_or(0, |it| it.counters.syncs_slowed);
        let before = slowed(scene.state());
        scene.ask(inject(Fault::Node(victim, NodeFault::DiskSlow(100 * MS))))?;
        scene.until("a slow sync", |state| slowed(state) > before)?;
    }
    let before = marks(scene.state());
    scene.ask(inject(fault(kind, victim, peer)))?;
    let last_blow = follow_up(kind, victim);
    for command in last_blow {
        scene.ask(command)?;
    }
    let sign = sign(kind);
    scene.until(&format!("what {kind:?} does"), |state| match sign {
        Sign::Mark(mark) => rose(&before, state).contains(mark),
        Sign::Status(status) => word_of(state, victim) == status,
        Sign::Boot => word_of(state, victim) == "failed" || rose(&before, state).contains("records cut off"),
    })?;
    scene.pass(MOMENT);
    let was = word_of(scene.state(), victim);
    scene.ask(Command::Heal(Heal::All))?;
    let became = aftermath(scene, kind, victim)?;
    // What was under way at that moment still feels the fault.
    scene.pass(MOMENT);
    let acted = rose(&before, scene.state());
    let healed = marks(scene.state());
    scene.pass(MOMENT);
    let still = rose(&healed, scene.state());
    // Which bit rots, and so what the next boot makes of it, is luck.
    let luck = kind == FaultKind::BitRot;
    let (was, became) = if luck { ("noticed", "noticed") } else { (was, became) };
    let aside = |mark: &str| luck && mark == "records cut off" || slow_disk && mark == "syncs slowed";
    let acted = acted.into_iter().filter(|mark| !aside(mark)).collect();
    Ok(Told { kind, acted, was, became, still })
}

/// Returns who is struck, and a node that it talks to.
fn victim(leader: NodeId, at_leader: bool) -> (NodeId, NodeId) {
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    if at_leader { (leader, other) } else { (other, leader) }
}

/// Waits until somebody leads, all nodes run, and clients are answered. Returns who leads.
fn works(scene: &mut Scene) -> Result<NodeId, Stuck> {
    let before = answered(scene.state());
    scene.until("a cluster that works", |state| {
        let up = state.nodes.values().all(|node| node.status == NodeStatus::Up);
        up && state.leaders().count() == 1 && answered(state) >= before + WORKS
    })?;
    scene.state().leader().ok_or_else(|| "nobody leads".to_owned())
}

/// Waits for what a heal makes of the node. Returns what it is in the end.
fn aftermath(scene: &mut Scene, kind: FaultKind, victim: NodeId) -> Result<&'static str, Stuck> {
    match kind {
        // No heal brings back what was forgotten: what becomes of the node is for its protocol to say.
        FaultKind::Wipe | FaultKind::LyingSync => {
            let committed = scene.state().nodes.values().map(|node| node.view.commit_index).max().unwrap_or_default();
            scene.until("the end of it", |state| {
                let caught_up =
                    |node: &NodeState| node.status == NodeStatus::Up && node.view.applied_index >= committed;
                node(state, victim).is_some_and(|it| matches!(it.status, NodeStatus::Failed(_)) || caught_up(it))
            })?;
        }
        FaultKind::BitRot => {}
        _ => drop(works(scene)?), // everything else is mended by a heal
    }
    Ok(word_of(scene.state(), victim))
}

/// Returns a fault of a kind that strikes a node, or the link that leads to it.
fn fault(kind: FaultKind, victim: NodeId, peer: NodeId) -> Fault {
    let node = |fault| Fault::Node(victim, fault);
    let link = |fault| Fault::Link((peer.into(), victim.into()), fault);
    match kind {
        FaultKind::Crash => Fault::Crash(victim),
        FaultKind::PowerLoss => Fault::PowerLoss(victim),
        FaultKind::Stop => Fault::Stop(victim),
        FaultKind::Freeze => Fault::Freeze(victim),
        FaultKind::Wipe => Fault::Wipe(victim),
        FaultKind::TornPowerLoss => node(NodeFault::TornPowerLoss),
        FaultKind::Slow => node(NodeFault::Slow(Slowness { factor: 10.0 })),
        FaultKind::ClockOffset => node(NodeFault::ClockOffset(ClockShift::ahead(5000 * MS))),
        FaultKind::ClockJump => node(NodeFault::ClockJump(ClockShift::ahead(1000 * MS))),
        FaultKind::ClockDrift => node(NodeFault::ClockDrift(Drift { ppm: 100_000 })),
        FaultKind::DiskSlow => node(NodeFault::DiskSlow(100 * MS)),
        FaultKind::DiskFull => node(NodeFault::DiskFull),
        FaultKind::ReadErrors => node(NodeFault::ReadErrors(ReadErrors::Next)),
        FaultKind::BitRot => node(NodeFault::BitRot),
        FaultKind::LyingSync => node(NodeFault::LyingSync),
        FaultKind::Cut => link(LinkFault::Cut),
        FaultKind::Flap => link(LinkFault::Flap(Flap { up: 75 * MS, down: 25 * MS })),
        FaultKind::Delay => link(LinkFault::Delay(Delay::constant(10 * MS))),
        FaultKind::Loss => link(LinkFault::Loss(Loss { probability: 0.25 })),
        FaultKind::Burst => {
            link(LinkFault::Burst(Burst { turn_bad: 0.2, turn_good: 0.25, loss_bad: 1.0, loss_good: 0.0 }))
        }
        FaultKind::Duplicate => link(LinkFault::Duplicate(Duplicate { share: 0.25 })),
        FaultKind::Reorder => link(LinkFault::Reorder(Reorder { share: 0.25, by: 50 * MS })),
        FaultKind::Corrupt => link(LinkFault::Corrupt(Corrupt { share: 0.25, checksum: Checksum::On })),
        FaultKind::Bandwidth => link(LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 2000, queue_bytes: 400 })),
        FaultKind::Reset => link(LinkFault::Reset),
        FaultKind::HalfOpen => link(LinkFault::HalfOpen(200 * MS)),
        // The end that closes slowly is that of the node that dies.
        FaultKind::SlowClose => Fault::Link((victim.into(), peer.into()), LinkFault::SlowClose(200 * MS)),
        FaultKind::Partition => Fault::Partition(vec![vec![victim.into()]]),
    }
}

/// Returns what brings to light what a fault did.
fn follow_up(kind: FaultKind, victim: NodeId) -> Vec<Command> {
    match kind {
        FaultKind::ReadErrors | FaultKind::BitRot => vec![inject(Fault::Crash(victim)), Command::Restart(victim)],
        FaultKind::SlowClose => vec![inject(Fault::Crash(victim))],
        _ => Vec::new(), // the others show by themselves
    }
}

fn inject(fault: Fault) -> Command {
    Command::Inject(vec![fault])
}

/// By what a fault is seen to have acted.
enum Sign {
    Mark(&'static str),
    Status(&'static str),
    /// The next boot finds it.
    Boot,
}

fn sign(kind: FaultKind) -> Sign {
    match kind {
        FaultKind::Crash | FaultKind::Wipe => Sign::Status("crashed"),
        FaultKind::PowerLoss => Sign::Status("without power"),
        FaultKind::TornPowerLoss => Sign::Mark("records torn"),
        FaultKind::Stop => Sign::Status("stopped"),
        FaultKind::Freeze => Sign::Status("frozen"),
        FaultKind::DiskFull | FaultKind::ReadErrors => Sign::Status("failed"),
        FaultKind::BitRot => Sign::Boot,
        FaultKind::Slow => Sign::Mark("inputs slowed"),
        FaultKind::ClockOffset | FaultKind::ClockDrift => Sign::Mark("steps skewed"),
        FaultKind::ClockJump => Sign::Mark("timers moved"),
        FaultKind::DiskSlow => Sign::Mark("syncs slowed"),
        FaultKind::LyingSync => Sign::Mark("syncs lied"),
        FaultKind::Cut | FaultKind::Partition => Sign::Mark("cut"),
        FaultKind::Flap => Sign::Mark("flapped"),
        FaultKind::Delay => Sign::Mark("delayed"),
        FaultKind::Loss => Sign::Mark("lost"),
        FaultKind::Burst => Sign::Mark("lost in bursts"),
        FaultKind::Duplicate => Sign::Mark("duplicated"),
        FaultKind::Reorder => Sign::Mark("held back"),
        FaultKind::Corrupt => Sign::Mark("caught"),
        FaultKind::Bandwidth => Sign::Mark("queue full"),
        FaultKind::Reset => Sign::Mark("reset"),
        FaultKind::HalfOpen | FaultKind::SlowClose => Sign::Mark("vanished"),
    }
}

type Marks = BTreeMap<&'static str, u64>;

/// Counts what all faults did so far.
///
/// Left out is what follows from others by luck: which frame overtakes which, and which waits in a pipe.
fn marks(state: &ClusterState) -> Marks {
    let mut marks = Marks::new();
    let mut add = |mark, count| *marks.entry(mark).or_default() += count;
    for LinkCounters {
        passed: _,
        passed_bytes: _,
        cut,
        flapped,
        lost,
        burst,
        delayed,
        duplicated,
        held_back,
        reordered: _,
        corrupted,
        caught,
        throttled: _,
        queue_dropped,
        resets,
        half_opened,
        slow_closed,
        vanished,
    } in state.links.values().map(|link| link.did)
    {
        add("cut", cut);
        add("flapped", flapped);
        add("lost", lost);
        add("lost in bursts", burst);
        add("delayed", delayed);
        add("duplicated", duplicated);
        add("held back", held_back);
        add("corrupted", corrupted);
        add("caught", caught);
        add("queue full", queue_dropped);
        add("reset", resets);
        add("half-open", half_opened);
        add("slow close", slow_closed);
        add("vanished", vanished);
    }
    for NodeFaultCounters {
        waiting: _,
        inputs_slowed,
        slowed: _,
        steps_skewed,
        timers_moved,
        syncs_slowed,
        syncs_lied,
        writes_refused,
        reads_refused,
        records_torn,
        records_cut,
        bits_flipped,
    } in state.nodes.values().map(|node| node.counters)
    {
        add("inputs slowed", inputs_slowed);
        add("steps skewed", steps_skewed);
        add("timers moved", timers_moved);
        add("syncs slowed", syncs_slowed);
        add("syncs lied", syncs_lied);
        add("writes refused", writes_refused);
        add("reads refused", reads_refused);
        add("records torn", records_torn);
        add("records cut off", records_cut);
        add("bits flipped", bits_flipped);
    }
    marks
}

/// Returns what was counted since.
fn rose(before: &Marks, state: &ClusterState) -> BTreeSet<&'static str> {
    let now = marks(state);
    now.into_iter()
        .filter(|(mark, count)| before.get(mark).is_none_or(|was| count > was))
        .map(|(mark, _)| mark)
        .collect()
}

fn node(state: &ClusterState, node: NodeId) -> Option<&NodeState> {
    state.nodes.get(&node)
}

fn word_of(state: &ClusterState, victim: NodeId) -> &'static str {
    node(state, victim).map_or("gone", |it| it.status.word())
}

fn answered(state: &ClusterState) -> u64 {
    state.clients.get(&ClientId(1)).map_or(0, |client| client.ok)
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |words: &BTreeSet<&'static str>| words.iter().copied().collect::<Vec<_>>().join(", ");
        let acted = if self.acted.is_empty() { "nothing counted".to_owned() } else { list(&self.acted) };
        write!(f, "{acted}; {}, then {}", self.was, self.became)?;
        if !self.still.is_empty() {
            write!(f, ", and still {}", list(&self.still))?;
        }
        Ok(())
    }
}
