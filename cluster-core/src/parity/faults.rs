//! Every fault of the table, brought about by one script on either backend, and what it was seen to do.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    marks::{marks, rose},
    place::Place,
    scene::{Scene, Stuck},
};
use crate::{
    command::Command,
    event::MemberStatus,
    fault::{
        Burst, Checksum, ClockShift, Corrupt, Delay, Drift, Duplicate, Fault, FaultKind, Flap, Heal, LinkFault, Loss,
        NodeFault, ReadErrors, Reorder, Slowness,
    },
    hunt::Quarry,
    ids::{Endpoint, NodeId},
    name::Name,
    origin::BackendKind,
    spec::ClusterSpec,
    trace::{ClusterState, NodeState, NodeStatus},
};

/// Faults that strike one cluster, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The protocol.
    pub protocol: &'static str,
    /// The faults. What no heal mends comes last.
    pub kinds: Vec<FaultKind>,
    /// Where they strike.
    pub place: Place,
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
    /// Whether the others held it for dead, where a protocol has opinions about that.
    pub buried: bool,
    /// What it was in the end.
    pub became: &'static str,
    /// What was still counted after it was healed.
    pub still: BTreeSet<&'static str>,
    /// Why its protocol cannot feel it, if it cannot.
    pub unfelt: Option<&'static str>,
}

const MS: Duration = Duration::from_millis(1);
/// How long a fault that acted goes on, and how long a healed cluster is looked at.
const MOMENT: Duration = Duration::from_millis(250);

impl Case {
    /// Returns its cluster: three nodes under load, set to promise the most.
    pub fn spec(&self) -> ClusterSpec {
        let mut quarry = Quarry::new(self.protocol);
        for (knob, value) in self.place.knobs() {
            quarry = quarry.with(knob, value);
        }
        ClusterSpec {
            protocol: self.protocol.to_owned(),
            nodes: (1..=3).map(NodeId).collect(),
            seed: self.seed,
            profile: self.place.profile(),
            knobs: quarry.knobs,
            clients: self.place.client().into_iter().collect(),
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
            let ends = self.place.await_ends(&mut scene).map_err(stuck)?;
            let mut blow = Blow { scene: &mut scene, place: self.place, kind: *kind, victim: ends.0, peer: ends.1 };
            told.push(blow.strike().map_err(stuck)?);
            // Who leads is luck, and so is who is struck.
            let nameless = |reason: &String| reason.replace(&ends.0.to_string(), "the node");
            if !is_luck(*kind) {
                refused.extend(scene.refused()[so_far..].iter().map(nameless));
            }
        }
        // What a node that nobody copies loses by luck is luck as well.
        let lucky = !self.place.copies() && self.kinds.iter().any(|kind| is_luck(*kind));
        let broken = if lucky { BTreeSet::new() } else { scene.broken().keys().copied().collect() };
        scene.finish()?;
        Ok(Outcome { told, broken, refused })
    }
}

/// Brings a fault about, waits for what it does, heals it, and looks at what is left of it.
/// One fault, brought about at a node.
struct Blow<'a> {
    scene: &'a mut Scene,
    place: Place,
    kind: FaultKind,
    victim: NodeId,
    peer: Endpoint,
}

impl Blow<'_> {
    fn strike(&mut self) -> Result<Told, Stuck> {
        let (kind, victim) = (self.kind, self.victim);
        let unfelt = self.place.unfelt(kind);
        let slow_disk = matches!(kind, FaultKind::PowerLoss | FaultKind::TornPowerLoss);
        if slow_disk {
            self.slow_the_disk()?;
        }
        let before = marks(self.scene.state());
        self.scene.ask(inject(self.fault()))?;
        for command in self.follow_up() {
            self.scene.ask(command)?;
        }
        if unfelt.is_none() {
            let sign = self.sign();
            self.scene.until(&format!("what {kind:?} does"), |state| match sign {
                Sign::Mark(mark) => rose(&before, state).contains(mark),
                Sign::Status(status) => word_of(state, victim) == status,
                Sign::Boot => word_of(state, victim) == "failed" || rose(&before, state).contains("records cut off"),
            })?;
        }
        let buried = self.place.buries(kind);
        if buried {
            self.scene.until("the others to bury it", |state| is_buried(state, victim))?;
        }
        self.scene.pass(MOMENT);
        let was = word_of(self.scene.state(), victim);
        self.scene.ask(Command::Heal(Heal::All))?;
        let became = self.aftermath()?;
        // What was under way at that moment still feels the fault.
        self.scene.pass(MOMENT);
        let acted = rose(&before, self.scene.state());
        let healed = marks(self.scene.state());
        self.scene.pass(MOMENT);
        let still = rose(&healed, self.scene.state());
        let luck = is_luck(kind);
        let (was, became) = if luck { ("noticed", "noticed") } else { (was, became) };
        let aside = |mark: &str| luck && mark == "records cut off" || slow_disk && mark == "syncs slowed";
        let acted = acted.into_iter().filter(|mark| !aside(mark)).collect();
        Ok(Told { kind, acted, was, buried, became, still, unfelt })
    }

    /// Only what was not synced can be lost, or torn.
    fn slow_the_disk(&mut self) -> Result<(), Stuck> {
        let victim = self.victim;
        let slowed = move |state: &ClusterState| node(state, victim).map_or(0, |it| it.counters.syncs_slowed);
        let before = slowed(self.scene.state());
        self.scene.ask(inject(Fault::Node(victim, NodeFault::DiskSlow(self.place.slow_sync()))))?;
        if self.place.writes_at_boot_only() {
            reboot(victim).into_iter().try_for_each(|command| self.scene.ask(command))?;
        }
        self.scene.until("a slow sync", |state| slowed(state) > before)
    }

    /// Waits for what a heal makes of the node. Returns what it is in the end.
    fn aftermath(&mut self) -> Result<&'static str, Stuck> {
        let victim = self.victim;
        match self.kind {
            // No heal brings back what was forgotten: what becomes of the node is for its protocol to say.
            FaultKind::Wipe | FaultKind::LyingSync if self.place.copies() => {
                let nodes = &self.scene.state().nodes;
                let committed = nodes.values().map(|node| node.view.commit_index).max().unwrap_or_default();
                self.scene.until("the end of it", |state| {
                    let caught_up =
                        |node: &NodeState| node.status == NodeStatus::Up && node.view.applied_index >= committed;
                    node(state, victim).is_some_and(|it| matches!(it.status, NodeStatus::Failed(_)) || caught_up(it))
                })?;
            }
            FaultKind::BitRot => {}
            _ => drop(self.place.await_ends(self.scene)?), // everything else is mended by a heal
        }
        Ok(word_of(self.scene.state(), victim))
    }

    /// Returns a fault of a kind that strikes a node, or the link that leads to it.
    fn fault(&self) -> Fault {
        let (victim, peer) = (self.victim, self.peer);
        let node = |fault| Fault::Node(victim, fault);
        let link = |fault| Fault::Link((peer, victim.into()), fault);
        match self.kind {
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
            // Out of step with whoever speaks at even intervals: it would else be heard always, or never.
            FaultKind::Flap => link(LinkFault::Flap(Flap { up: 77 * MS, down: 26 * MS })),
            FaultKind::Delay => link(LinkFault::Delay(Delay::constant(10 * MS))),
            FaultKind::Loss => link(LinkFault::Loss(Loss { probability: 0.25 })),
            FaultKind::Burst => {
                link(LinkFault::Burst(Burst { turn_bad: 0.2, turn_good: 0.25, loss_bad: 1.0, loss_good: 0.0 }))
            }
            FaultKind::Duplicate => link(LinkFault::Duplicate(Duplicate { share: 0.25 })),
            FaultKind::Reorder => link(LinkFault::Reorder(Reorder { share: 0.25, by: 50 * MS })),
            FaultKind::Corrupt => link(LinkFault::Corrupt(Corrupt { share: 0.25, checksum: Checksum::On })),
            FaultKind::Bandwidth => link(LinkFault::Bandwidth(self.place.pipe())),
            FaultKind::Reset => link(LinkFault::Reset),
            FaultKind::HalfOpen => link(LinkFault::HalfOpen(self.place.outage())),
            // The end that closes slowly is that of the node that dies.
            FaultKind::SlowClose => Fault::Link((victim.into(), peer), LinkFault::SlowClose(self.place.outage())),
            FaultKind::Partition => Fault::Partition(self.place.parts(victim, peer)),
        }
    }

    fn sign(&self) -> Sign {
        match self.kind {
            FaultKind::Crash | FaultKind::Wipe => Sign::Status("crashed"),
            FaultKind::PowerLoss => Sign::Status("without power"),
            FaultKind::TornPowerLoss => Sign::Mark("records torn"),
            FaultKind::Stop => Sign::Status("stopped"),
            FaultKind::Freeze => Sign::Status("frozen"),
            FaultKind::DiskFull | FaultKind::ReadErrors => Sign::Status("failed"),
            FaultKind::BitRot => Sign::Boot,
            FaultKind::Slow => Sign::Mark("inputs slowed"),
            FaultKind::ClockOffset | FaultKind::ClockDrift => Sign::Mark("steps skewed"),
            // Without timers only the clock itself is another.
            FaultKind::ClockJump if self.place == Place::Server => Sign::Mark("steps skewed"),
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

    /// Returns what brings to light what a fault did.
    fn follow_up(&self) -> Vec<Command> {
        match self.kind {
            FaultKind::ReadErrors | FaultKind::BitRot => reboot(self.victim),
            FaultKind::DiskSlow | FaultKind::DiskFull | FaultKind::LyingSync if self.place.writes_at_boot_only() => {
                reboot(self.victim)
            }
            FaultKind::SlowClose => vec![inject(Fault::Crash(self.victim))],
            _ => Vec::new(), // the others show by themselves
        }
    }
}

/// Returns whether it is luck what comes of a fault: which bit rots, and so what the next boot makes of it.
fn is_luck(kind: FaultKind) -> bool {
    kind == FaultKind::BitRot
}

fn reboot(node: NodeId) -> Vec<Command> {
    vec![inject(Fault::Crash(node)), Command::Restart(node)]
}

/// Returns whether every other node holds one for dead.
fn is_buried(state: &ClusterState, of: NodeId) -> bool {
    let others = state.nodes.iter().filter(|(by, _)| **by != of);
    let dead = |node: &NodeState| node.view.opinions.get(&of).is_some_and(|it| it.status == MemberStatus::Dead);
    others.into_iter().all(|(_, node)| dead(node))
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

fn node(state: &ClusterState, node: NodeId) -> Option<&NodeState> {
    state.nodes.get(&node)
}

fn word_of(state: &ClusterState, victim: NodeId) -> &'static str {
    node(state, victim).map_or("gone", |it| it.status.word())
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |words: &BTreeSet<&'static str>| words.iter().copied().collect::<Vec<_>>().join(", ");
        let acted = if self.acted.is_empty() { "nothing counted".to_owned() } else { list(&self.acted) };
        let buried = if self.buried { ", held for dead by the others" } else { "" };
        write!(f, "{acted}; {}{buried}, then {}", self.was, self.became)?;
        if let Some(why) = self.unfelt {
            write!(f, ": cannot be felt, {why}")?;
        }
        if !self.still.is_empty() {
            write!(f, ", and still {}", list(&self.still))?;
        }
        Ok(())
    }
}
