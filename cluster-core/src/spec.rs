//! What a cluster is made of: members, timing, knobs and clients. A recording opens with it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    fault::Delay,
    ids::{ClientId, NodeId},
    time::TimingProfile,
};

/// The most nodes that one machine is asked to carry.
pub const NODES_MAX: usize = 1000;
/// The most clients.
pub const CLIENTS_MAX: usize = 1000;

/// A cluster to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// The protocol's id in the registry, such as `raft`.
    pub protocol: String,
    /// The members at the start.
    pub nodes: Vec<NodeId>,
    /// Everything random follows from it.
    pub seed: u64,
    /// How patient the nodes are.
    pub profile: TimingProfile,
    /// The delay of a healthy link; the profile's own if absent.
    pub link_delay: Option<Delay>,
    /// Whether a sync waits for the disk. Off, nothing survives a power loss.
    pub fsync: bool,
    /// The protocol's knobs that differ from their defaults.
    pub knobs: BTreeMap<String, String>,
    /// The clients at the start.
    pub clients: Vec<ClientSpec>,
}

impl Default for ClusterSpec {
    /// Five Raft nodes and two clients: what the window opens with.
    fn default() -> Self {
        Self {
            protocol: "raft".to_owned(),
            nodes: (1..=5).map(NodeId).collect(),
            seed: 1,
            profile: TimingProfile::Human,
            link_delay: None,
            fsync: true,
            knobs: BTreeMap::new(),
            clients: (1..=2).map(|n| ClientSpec { id: ClientId(n), ..ClientSpec::default() }).collect(),
        }
    }
}

/// Why a cluster cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// No nodes.
    #[error("a cluster needs at least one node; give --nodes 1 or more")]
    NoNodes,
    /// Too many nodes.
    #[error("{0} nodes are more than this machine is asked to carry; give at most {NODES_MAX}")]
    TooManyNodes(usize),
    /// Too many clients.
    #[error("{0} clients are more than this machine is asked to carry; give at most {CLIENTS_MAX}")]
    TooManyClients(usize),
    /// A number of nodes that the protocol cannot run with.
    #[error("{protocol} runs with {least} to {most} nodes, not with {nodes}; give --nodes {least} or more")]
    NodesOfProtocol {
        /// The protocol.
        protocol: String,
        /// How many were asked for.
        nodes: usize,
        /// How many it needs.
        least: usize,
        /// How many it can take.
        most: usize,
    },
    /// A member twice.
    #[error("{0} is named twice; name each member once")]
    Twice(NodeId),
    /// A client twice.
    #[error("{0} is named twice; give each client an id of its own")]
    ClientTwice(ClientId),
    /// Node 0.
    #[error("nodes are numbered from 1; there is no n0")]
    NodeZero,
    /// A word that names no node.
    #[error("`{0}` names no node; write a number of nodes, or a list such as n1,n2,n3")]
    NodeWord(String),
    /// An unknown protocol.
    #[error("there is no protocol `{name}`; known are {known}")]
    UnknownProtocol {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// An unknown knob.
    #[error("protocol {protocol} has no knob `{knob}`; it has {known}")]
    UnknownKnob {
        /// The protocol.
        protocol: String,
        /// What was asked for.
        knob: String,
        /// What there is.
        known: String,
    },
    /// A knob's value that cannot be.
    #[error("knob `{knob}` of {protocol} cannot be `{value}`; {expected}")]
    KnobValue {
        /// The protocol.
        protocol: String,
        /// The knob.
        knob: String,
        /// What was given.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// A client of a protocol that serves none.
    #[error("{protocol} keeps no map, so {client} has nothing to ask; start it with no clients (--clients 0)")]
    NothingToAsk {
        /// The protocol.
        protocol: String,
        /// The client.
        client: ClientId,
    },
    /// A client that makes no sense.
    #[error("client {client}: {problem}")]
    Client {
        /// Which.
        client: ClientId,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A link delay that makes no sense.
    #[error("link delay: {0}")]
    LinkDelay(#[from] crate::fault::RuleError),
}

impl ClusterSpec {
    /// Checks everything that needs no protocol (the registry checks protocol and knobs).
    pub fn check(&self) -> Result<(), SpecError> {
        if self.nodes.is_empty() {
            return Err(SpecError::NoNodes);
        }
        if self.nodes.len() > NODES_MAX {
            return Err(SpecError::TooManyNodes(self.nodes.len()));
        }
        if self.clients.len() > CLIENTS_MAX {
            return Err(SpecError::TooManyClients(self.clients.len()));
        }
        if self.nodes.contains(&NodeId(0)) {
            return Err(SpecError::NodeZero);
        }
        if let Some(twice) = first_twice(self.nodes.iter().copied()) {
            return Err(SpecError::Twice(twice));
        }
        if let Some(twice) = first_twice(self.clients.iter().map(|client| client.id)) {
            return Err(SpecError::ClientTwice(twice));
        }
        if let Some(delay) = self.link_delay {
            let rules = crate::fault::LinkRules { delay: Some(delay), ..Default::default() };
            rules.check()?;
        }
        self.clients.iter().try_for_each(ClientSpec::check)
    }

    /// Returns the delay of a healthy link.
    pub fn base_delay(&self) -> Delay {
        let (mean, jitter) = self.profile.link_delay();
        self.link_delay.unwrap_or(Delay::uniform(mean, jitter))
    }
}

fn first_twice<T: Ord + Copy>(ids: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = std::collections::BTreeSet::new();
    ids.into_iter().find(|id| !seen.insert(*id))
}

/// A client and its workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Its id; 0 is reserved for operations by hand.
    pub id: ClientId,
    /// When it asks.
    pub load: Load,
    /// The share of reads, 0 to 1; the rest are writes.
    pub read_share: f64,
    /// How many keys it touches, uniformly.
    pub keys: u32,
    /// The size of the values it writes, in bytes.
    pub value_bytes: u32,
    /// How long it waits for one answer.
    pub timeout: Duration,
    /// How often it asks again (another node, the same operation) before it gives up.
    pub retries: u32,
    /// The nodes it knows; empty means all members.
    pub knows: Vec<NodeId>,
    /// Which of them it asks.
    pub target: Target,
}

/// When a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Load {
    /// Closed loop: the next operation follows the answer, after thinking.
    Closed {
        /// The time between an answer and the next question.
        think: Duration,
    },
    /// Open loop: operations start at a mean rate, whatever becomes of them (exponential gaps).
    Open {
        /// Operations a second.
        rate_hz: f64,
    },
    /// Asks nothing.
    Idle,
}

/// Which of the nodes it knows a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Whoever led last, following hints and trying others after silence.
    Leader,
    /// Writes go to the leader, reads to the nodes in turn.
    ReadAnywhere,
    /// This node only.
    Fixed(NodeId),
}

impl Default for ClientSpec {
    fn default() -> Self {
        Self {
            id: ClientId(1),
            load: Load::Open { rate_hz: 4.0 },
            read_share: 0.3,
            keys: 8,
            value_bytes: 8,
            timeout: Duration::from_secs(2),
            retries: 2,
            knows: Vec::new(),
            target: Target::Leader,
        }
    }
}

impl ClientSpec {
    fn check(&self) -> Result<(), SpecError> {
        let problem = match self.load {
            _ if self.id == ClientId(0) => Some("c0 is the user's own hand; number clients from 1"),
            _ if self.id.is_visitor() => {
                Some("ids from c10000 on are those of clients from outside; choose a lower one")
            }
            _ if !(0.0..=1.0).contains(&self.read_share) => Some("the share of reads must be 0 to 1"),
            _ if self.keys == 0 => Some("it needs at least one key"),
            _ if self.value_bytes > 1 << 20 => Some("values are at most 1 MiB"),
            _ if self.timeout.is_zero() => Some("its timeout must be longer than nothing"),
            Load::Open { rate_hz } if !(rate_hz > 0.0 && rate_hz <= 1e6) => {
                Some("its rate must be above 0 and at most 1,000,000 a second")
            }
            Load::Open { .. } | Load::Closed { .. } | Load::Idle => None,
        };
        problem.map_or(Ok(()), |problem| Err(SpecError::Client { client: self.id, problem }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_of_the_first_window_is_sound() {
        assert_eq!(ClusterSpec::default().check(), Ok(()));
    }

    #[test]
    fn impossible_clusters_are_refused_by_name() {
        let with =
            |nodes: Vec<u16>| ClusterSpec { nodes: nodes.into_iter().map(NodeId).collect(), ..ClusterSpec::default() };
        assert_eq!(with(vec![]).check(), Err(SpecError::NoNodes));
        assert_eq!(with(vec![1, 2, 1]).check(), Err(SpecError::Twice(NodeId(1))));
        assert_eq!(with(vec![0]).check(), Err(SpecError::NodeZero));
        assert_eq!(with((1..=1001).collect()).check(), Err(SpecError::TooManyNodes(1001)));
    }
}
