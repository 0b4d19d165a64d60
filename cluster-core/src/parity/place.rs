//! Where a fault strikes: what there is to strike in a protocol, and what shows that its cluster works.

use std::time::Duration;

use super::scene::{Scene, Stuck};
use crate::{
    event::MemberStatus,
    fault::{Bandwidth, FaultKind},
    ids::{ClientId, Endpoint, NodeId},
    registry::ProtocolRow,
    spec::{ClientSpec, Load, Target},
    time::TimingProfile,
    trace::{ClusterState, NodeState, NodeStatus},
};

/// What is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Whoever leads, and the link that leads to it from another node.
    Leader,
    /// A node that copies the leader, and the link that leads to it from there.
    Follower,
    /// A server that stands alone, and the link that leads to it from its client: to other servers it has none.
    Server,
    /// A member of a group without a leader, and the link that leads to it from another member.
    Member,
}

const MS: Duration = Duration::from_millis(1);
/// How many answers show that a cluster works.
const WORKS: u64 = 4;
const CLIENT: ClientId = ClientId(1);

impl Place {
    /// Returns what there is to strike in a protocol.
    pub fn all_in(row: &ProtocolRow) -> &'static [Self] {
        match (row.serves_clients, row.leader_word.is_empty()) {
            (_, false) => &[Self::Follower, Self::Leader],
            (true, true) => &[Self::Server],
            (false, true) => &[Self::Member],
        }
    }

    /// Returns its word in a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leader => "the leader",
            Self::Follower => "another",
            Self::Server => "a server",
            Self::Member => "a member",
        }
    }

    /// Returns why a fault does nothing there, if it cannot.
    pub(super) fn unfelt(self, kind: FaultKind) -> Option<&'static str> {
        let whole = self.writes_at_boot_only() && kind == FaultKind::TornPowerLoss;
        whole.then_some("a member's only file is replaced as a whole, so no write of it is torn")
    }

    /// Returns whether the nodes hold copies of one log.
    pub(super) fn copies(self) -> bool {
        matches!(self, Self::Leader | Self::Follower)
    }

    /// Returns whether a node uses its disk only when it begins a life.
    pub(super) fn writes_at_boot_only(self) -> bool {
        self == Self::Member
    }

    /// Returns whether the others hold a node for dead that was struck by this, sooner or later.
    pub(super) fn buries(self, kind: FaultKind) -> bool {
        let gone = match kind {
            FaultKind::Crash
            | FaultKind::PowerLoss
            | FaultKind::TornPowerLoss
            | FaultKind::Stop
            | FaultKind::Freeze
            | FaultKind::Wipe
            | FaultKind::DiskFull
            | FaultKind::ReadErrors
            | FaultKind::SlowClose
            | FaultKind::Partition => true,
            FaultKind::Slow
            | FaultKind::ClockOffset
            | FaultKind::ClockJump
            | FaultKind::ClockDrift
            | FaultKind::DiskSlow
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
            | FaultKind::HalfOpen => false,
        };
        self == Self::Member && gone
    }

    /// Returns a pipe that is too narrow for what goes there. Answers are shorter than what they answer, and members say
    /// little.
    pub(super) fn pipe(self) -> Bandwidth {
        let (bytes_per_sec, queue_bytes) = match self {
            Self::Follower => (2000, 400),
            Self::Leader => (400, 100),
            Self::Server => (1000, 200),
            Self::Member => (30, 30),
        };
        Bandwidth { bytes_per_sec, queue_bytes }
    }

    /// Returns the groups of a partition that takes a node away from whoever speaks to it.
    pub(super) fn parts(self, victim: NodeId, peer: Endpoint) -> Vec<Vec<Endpoint>> {
        match self {
            Self::Leader | Self::Follower | Self::Member => vec![vec![victim.into()]],
            // A client stays where it is unless it is named.
            Self::Server => vec![vec![victim.into()], vec![peer]],
        }
    }

    /// Returns how long a connection has to be gone for something to be sent meanwhile.
    pub(super) fn outage(self) -> Duration {
        if self == Self::Member { 2000 * MS } else { 200 * MS }
    }

    /// Returns how long a sync takes while a power loss is prepared.
    pub(super) fn slow_sync(self) -> Duration {
        if self == Self::Member { 1000 * MS } else { 100 * MS }
    }

    /// Returns what is set otherwise than in other runs: members that look at each other often.
    pub(super) fn knobs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Member => &[("probe_period", "250ms"), ("suspicion_mult", "4")],
            Self::Leader | Self::Follower | Self::Server => &[],
        }
    }

    /// Returns who asks for something all the time.
    pub(super) fn client(self) -> Option<ClientSpec> {
        let target = match self {
            Self::Leader | Self::Follower => Target::Leader,
            Self::Server => Target::Fixed(NodeId(1)),
            Self::Member => return None,
        };
        Some(ClientSpec {
            id: CLIENT,
            load: Load::Open { rate_hz: 40.0 },
            read_share: 0.3,
            timeout: 500 * MS,
            target,
            ..ClientSpec::default()
        })
    }

    /// Returns how fast its cluster goes. Members that a busy machine keeps from answering are held for dead, which others
    /// are not: they take their time.
    pub(super) fn profile(self) -> TimingProfile {
        match self {
            Self::Leader | Self::Follower | Self::Server => TimingProfile::Fast,
            Self::Member => TimingProfile::Human,
        }
    }

    /// Waits until all is well. Returns who is to be struck, and who speaks to it.
    pub(super) fn await_ends(self, scene: &mut Scene) -> Result<(NodeId, Endpoint), Stuck> {
        let before = answered(scene.state());
        scene.until("a cluster that works", |state| {
            let up = state.nodes.values().all(|node| node.status == NodeStatus::Up);
            up && match self {
                Self::Leader | Self::Follower => state.leaders().count() == 1 && answered(state) >= before + WORKS,
                Self::Server => answered(state) >= before + WORKS,
                Self::Member => {
                    // They hold each other for alive before they have spoken.
                    let spoke = |link| state.links.get(&link).is_some_and(|link| link.delivered > 0);
                    let (one, other) = (NodeId(1).into(), NodeId(2).into());
                    let spoken = spoke((one, other)) && spoke((other, one));
                    spoken && state.nodes.values().all(|node| holds_all_for_alive(node, state.nodes.len()))
                }
            }
        })?;
        let leader = || scene.state().leader().ok_or_else(|| "nobody leads".to_owned());
        let other = |than: NodeId| NodeId(if than == NodeId(1) { 2 } else { 1 });
        Ok(match self {
            Self::Leader => (leader()?, other(leader()?).into()),
            Self::Follower => (other(leader()?), leader()?.into()),
            Self::Server => (NodeId(1), CLIENT.into()),
            Self::Member => (NodeId(1), NodeId(2).into()),
        })
    }
}

fn answered(state: &ClusterState) -> u64 {
    state.clients.get(&CLIENT).map_or(0, |client| client.ok)
}

fn holds_all_for_alive(node: &NodeState, nodes: usize) -> bool {
    let opinions = &node.view.opinions;
    opinions.len() + 1 == nodes && opinions.values().all(|opinion| opinion.status == MemberStatus::Alive)
}
