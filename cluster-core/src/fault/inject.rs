//! The faults themselves, what can be healed, and the one table that lists their kinds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ailment, ClockTurn, LinkFault, LinkId, LinkRules, NodeFault, NodeFaults};
use crate::ids::{Endpoint, NodeId};

/// One thing that the user breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fault {
    /// The process dies: memory and unwritten bytes are gone, sockets are reset; what was written to the file survives.
    Crash(NodeId),
    /// The machine loses power: as a crash, and what was not fsynced is gone, too.
    PowerLoss(NodeId),
    /// The process is asked to stop: it syncs its disk, closes its connections and ends.
    Stop(NodeId),
    /// The process stands still: its sockets stay open, and it answers nothing.
    Freeze(NodeId),
    /// The disk of a node that is down is erased (a running node crashes first).
    Wipe(NodeId),
    /// Something about a node's machine: its power, its speed, its clock, its disk.
    Node(NodeId, NodeFault),
    /// Something is wrong with one direction of a link.
    Link(LinkId, LinkFault),
    /// Each group hears only itself. Nodes in no group form one more group; clients in no group still reach everyone,
    /// because which side a client can talk to is a choice of its own.
    Partition(Vec<Vec<Endpoint>>),
}

/// What is to be healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heal {
    /// Everything: all links healthy, frozen nodes go on, machines as they should be, nodes that are down start again.
    All,
    /// All links.
    Links,
    /// One direction.
    Link(LinkId),
    /// All links of one endpoint, both directions; a frozen node goes on, and its machine is as it should be.
    Around(Endpoint),
    /// One part of one machine.
    Ailment(NodeId, Ailment),
}

/// What a backend must be able to do for faults to act on it.
pub trait FaultTarget {
    /// Takes a node down, the hard way or the soft way, or stops it where it stands.
    fn strike(&mut self, node: NodeId, kind: FaultKind);
    /// Changes the rules of one direction.
    fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules));
    /// Changes what ails a machine.
    fn change_node(&mut self, node: NodeId, change: &mut dyn FnMut(&mut NodeFaults));
    /// Does something to the clock of a node.
    fn turn_clock(&mut self, node: NodeId, turn: ClockTurn);
    /// Resets the connection that carries a direction, or takes its far end away for so long.
    fn break_connection(&mut self, link: LinkId, half_open_for: Option<Duration>);
    /// Returns every endpoint on the network.
    fn endpoints(&self) -> Vec<Endpoint>;
}

impl Fault {
    /// Cuts one direction.
    pub const fn cut(link: LinkId) -> Self {
        Self::Link(link, LinkFault::Cut)
    }

    /// Returns the fault of a kind that strikes a node's process, or erases its disk; all other kinds need to be told more
    /// than the node.
    pub fn of_process(kind: FaultKind, node: NodeId) -> Option<Self> {
        match kind {
            FaultKind::Crash => Some(Self::Crash(node)),
            FaultKind::PowerLoss => Some(Self::PowerLoss(node)),
            FaultKind::Stop => Some(Self::Stop(node)),
            FaultKind::Freeze => Some(Self::Freeze(node)),
            FaultKind::Wipe => Some(Self::Wipe(node)),
            FaultKind::TornPowerLoss
            | FaultKind::Slow
            | FaultKind::ClockOffset
            | FaultKind::ClockJump
            | FaultKind::ClockDrift
            | FaultKind::DiskSlow
            | FaultKind::DiskFull
            | FaultKind::ReadErrors
            | FaultKind::BitRot
            | FaultKind::LyingSync
            | FaultKind::Cut
            | FaultKind::Flap
            | FaultKind::Delay
            | FaultKind::Loss
            | FaultKind::Burst
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Corrupt
            | FaultKind::Bandwidth
            | FaultKind::Reset
            | FaultKind::HalfOpen
            | FaultKind::SlowClose
            | FaultKind::Partition => None,
        }
    }

    /// Does it. What came of it is seen in the trace.
    pub fn apply(&self, target: &mut dyn FaultTarget) {
        match self {
            Self::Crash(node) | Self::PowerLoss(node) | Self::Stop(node) | Self::Freeze(node) | Self::Wipe(node) => {
                target.strike(*node, self.kind());
            }
            Self::Node(node, fault) => fault.apply(*node, target),
            Self::Link(link, LinkFault::Reset) => target.break_connection(*link, None),
            Self::Link(link, LinkFault::HalfOpen(timeout)) => target.break_connection(*link, Some(*timeout)),
            Self::Link(link, rule) => target.change_link(*link, &mut |rules| rule.add_to(rules)),
            Self::Partition(groups) => partition(groups, target),
        }
    }

    /// Returns what kind of fault it is.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Crash(_) => FaultKind::Crash,
            Self::PowerLoss(_) => FaultKind::PowerLoss,
            Self::Stop(_) => FaultKind::Stop,
            Self::Freeze(_) => FaultKind::Freeze,
            Self::Wipe(_) => FaultKind::Wipe,
            Self::Node(_, fault) => fault.kind(),
            Self::Link(_, fault) => fault.kind(),
            Self::Partition(_) => FaultKind::Partition,
        }
    }
}

fn partition(groups: &[Vec<Endpoint>], target: &mut dyn FaultTarget) {
    let group_of = |end: &Endpoint| groups.iter().position(|group| group.contains(end));
    let mut ends = target.endpoints();
    ends.retain(|end| end.node().is_some() || group_of(end).is_some());
    for from in &ends {
        for to in &ends {
            let clients_only = from.node().is_none() && to.node().is_none();
            if from != to && !clients_only && group_of(from) != group_of(to) {
                target.change_link((*from, *to), &mut |rules| rules.cut = true);
            }
        }
    }
}

/// The kinds of faults, in the order of the menus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FaultKind {
    /// See [`Fault::Crash`].
    Crash,
    /// See [`Fault::PowerLoss`].
    PowerLoss,
    /// See [`Fault::Stop`].
    Stop,
    /// See [`Fault::Freeze`].
    Freeze,
    /// See [`Fault::Wipe`].
    Wipe,
    /// See [`NodeFault::TornPowerLoss`].
    TornPowerLoss,
    /// See [`NodeFault::Slow`].
    Slow,
    /// See [`NodeFault::ClockOffset`].
    ClockOffset,
    /// See [`NodeFault::ClockJump`].
    ClockJump,
    /// See [`NodeFault::ClockDrift`].
    ClockDrift,
    /// See [`NodeFault::DiskSlow`].
    DiskSlow,
    /// See [`NodeFault::DiskFull`].
    DiskFull,
    /// See [`NodeFault::ReadErrors`].
    ReadErrors,
    /// See [`NodeFault::BitRot`].
    BitRot,
    /// See [`NodeFault::LyingSync`].
    LyingSync,
    /// See [`LinkFault::Cut`].
    Cut,
    /// See [`LinkFault::Flap`].
    Flap,
    /// See [`LinkFault::Delay`].
    Delay,
    /// See [`LinkFault::Loss`].
    Loss,
    /// See [`LinkFault::Burst`].
    Burst,
    /// See [`LinkFault::Duplicate`].
    Duplicate,
    /// See [`LinkFault::Reorder`].
    Reorder,
    /// See [`LinkFault::Corrupt`].
    Corrupt,
    /// See [`LinkFault::Bandwidth`].
    Bandwidth,
    /// See [`LinkFault::Reset`].
    Reset,
    /// See [`LinkFault::HalfOpen`].
    HalfOpen,
    /// See [`LinkFault::SlowClose`].
    SlowClose,
    /// See [`Fault::Partition`].
    Partition,
}

/// One row of the table of faults.
#[derive(Debug)]
pub struct FaultRow {
    /// Which fault.
    pub kind: FaultKind,
    /// The verb in fault scripts.
    pub verb: &'static str,
    /// The entry in menus.
    pub title: &'static str,
    /// What it does to what survives, in one sentence.
    pub about: &'static str,
    /// Whether it strikes a node (else a link or groups).
    pub strikes_node: bool,
}

/// Every fault, once.
pub const FAULTS: &[FaultRow] = &[
    FaultRow {
        kind: FaultKind::Crash,
        verb: "crash",
        title: "Crash",
        about: "The process dies. Memory is gone, files stay.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::PowerLoss,
        verb: "powerloss",
        title: "Lose power",
        about: "Memory is gone, and so is every write that was not fsynced.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::Stop,
        verb: "stop",
        title: "Stop gracefully",
        about: "The node syncs its disk, says goodbye and ends. Nothing is lost.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::Freeze,
        verb: "freeze",
        title: "Freeze",
        about: "The process stands still. Its sockets stay open and its memory stays.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::Wipe,
        verb: "wipe",
        title: "Wipe disk",
        about: "The node crashes and its disk is erased. It comes back knowing nothing.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::TornPowerLoss,
        verb: "tear",
        title: "Lose power mid-write",
        about: "Memory is gone, and so is every write that was not fsynced; the first of them is left half-written, for the next boot to find by its checksum and cut off.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::Slow,
        verb: "slow",
        title: "Slow down",
        about: "Every step takes longer, and what comes meanwhile waits. Memory and disk stay.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::ClockOffset,
        verb: "clock-offset",
        title: "Clock wrong by",
        about: "Its clock is ahead or behind. Timers that run keep their span; what it computes from the time is wrong.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::ClockJump,
        verb: "clock-jump",
        title: "Clock jumps by",
        about: "Its clock is set by hand: timers run out early or late. Memory and disk stay.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::ClockDrift,
        verb: "clock-drift",
        title: "Clock drifts by",
        about: "Its clock and its timers run too fast or too slow. Memory and disk stay; leases do not hold what they promise.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::DiskSlow,
        verb: "disk-slow",
        title: "Disk slow",
        about: "Every sync takes longer. Nothing is lost, but a power loss finds more that was not fsynced.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::DiskFull,
        verb: "disk-full",
        title: "Disk full",
        about: "Its next write fails, and the node ends. What was written stays, and it can start again once there is room.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::ReadErrors,
        verb: "disk-errors",
        title: "Disk read errors",
        about: "A booting node cannot read what its disk holds, and does not start. The files stay as they are.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::BitRot,
        verb: "bitrot",
        title: "Rot a bit on disk",
        about: "One bit of an fsynced record flips. The next boot finds it by its checksum: the last record is cut off, any other ends the node. No heal brings the bit back.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::LyingSync,
        verb: "sync-lies",
        title: "Fsync lies",
        about: "Fsync returns at once and does nothing. A crash loses nothing, but a power loss takes what was acknowledged.",
        strikes_node: true,
    },
    FaultRow {
        kind: FaultKind::Cut,
        verb: "cut",
        title: "Cut",
        about: "No frame passes in this direction.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Flap,
        verb: "flap",
        title: "Flap",
        about: "The direction is up and down in turns; while it is down, no frame passes.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Delay,
        verb: "delay",
        title: "Delay",
        about: "Each frame waits, in order: a constant, uniform, normal or exponential time.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Loss,
        verb: "loss",
        title: "Loss",
        about: "A share of the frames disappears.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Burst,
        verb: "burst",
        title: "Loss in bursts",
        about: "Frames disappear in bursts (Gilbert–Elliott): p turns the link bad, r turns it good.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Duplicate,
        verb: "duplicate",
        title: "Duplicate",
        about: "A share of the frames is sent twice.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Reorder,
        verb: "reorder",
        title: "Reorder",
        about: "A share of the frames is held back, so that later ones overtake them.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Corrupt,
        verb: "corrupt",
        title: "Corrupt",
        about: "A bit of a share of the frames is flipped. The checksum catches it, unless it is off.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Bandwidth,
        verb: "bandwidth",
        title: "Limit bandwidth",
        about: "Frames queue before a narrow pipe; when the queue is full, they are dropped.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Reset,
        verb: "reset",
        title: "Reset connection",
        about: "The TCP connection is reset, once. What is under way on it is lost.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::HalfOpen,
        verb: "halfopen",
        title: "Half-open connection",
        about: "The receiver's end is gone and the sender does not know: what it sends vanishes until the timeout.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::SlowClose,
        verb: "slowclose",
        title: "Slow close",
        about: "When the sender dies, the receiver goes on believing in the connection for a while.",
        strikes_node: false,
    },
    FaultRow {
        kind: FaultKind::Partition,
        verb: "partition",
        title: "Partition",
        about: "Each group hears only itself.",
        strikes_node: false,
    },
];

/// The longest delay that the window's sliders offer.
pub const DELAY_SLIDER_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ids::ClientId;

    #[derive(Default)]
    struct Net(BTreeMap<LinkId, LinkRules>, u16);

    impl FaultTarget for Net {
        fn strike(&mut self, _: NodeId, _: FaultKind) {}
        fn change_link(&mut self, link: LinkId, change: &mut dyn FnMut(&mut LinkRules)) {
            change(self.0.entry(link).or_default());
        }
        fn change_node(&mut self, _: NodeId, _: &mut dyn FnMut(&mut NodeFaults)) {}
        fn turn_clock(&mut self, _: NodeId, _: ClockTurn) {}
        fn break_connection(&mut self, _: LinkId, _: Option<Duration>) {}
        fn endpoints(&self) -> Vec<Endpoint> {
            let clients = [ClientId(1), ClientId(2)].map(Endpoint::from);
            (1..=self.1).map(|n| NodeId(n).into()).chain(clients).collect()
        }
    }

    #[test]
    fn a_partition_cuts_both_directions_between_groups_and_none_within() {
        let mut net = Net(BTreeMap::new(), 5);
        let ends = |ids: &[u16]| ids.iter().map(|n| Endpoint::from(NodeId(*n))).collect::<Vec<_>>();
        Fault::Partition(vec![ends(&[1, 2])]).apply(&mut net);
        let cut: Vec<_> = net.0.iter().filter(|(_, rules)| rules.cut).map(|(link, _)| *link).collect();
        assert_eq!(cut.len(), 12);
        assert!(cut.iter().all(|(a, b)| ends(&[1, 2]).contains(a) != ends(&[1, 2]).contains(b)));
    }

    #[test]
    fn a_client_in_a_group_hears_only_that_group_and_a_client_in_none_hears_everyone() {
        let mut net = Net(BTreeMap::new(), 3);
        let (inside, outside) = (Endpoint::from(ClientId(1)), Endpoint::from(ClientId(2)));
        Fault::Partition(vec![vec![NodeId(1).into(), inside]]).apply(&mut net);
        let cut = |a: Endpoint, b: Endpoint| net.0.get(&(a, b)).is_some_and(|rules| rules.cut);
        assert!(!cut(inside, NodeId(1).into()) && cut(inside, NodeId(2).into()) && cut(NodeId(3).into(), inside));
        assert!((1..=3).all(|n| !cut(outside, NodeId(n).into()) && !cut(NodeId(n).into(), outside)));
    }

    #[test]
    fn every_kind_of_fault_has_its_row() {
        let kinds: Vec<_> = FAULTS.iter().map(|row| row.kind).collect();
        let mut sorted = kinds.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(kinds, sorted);
        assert_eq!(kinds.last(), Some(&FaultKind::Partition));
    }
}
