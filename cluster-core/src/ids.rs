//! Identities: newtypes for everything that is numbered.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A node of the cluster; printed `n1`. Numbered from 1, for life: a restarted node keeps its id.
    NodeId(u16), "n"
);
id!(
    /// A client; printed `c1`. Client 0 is the user's own hand.
    ClientId(u16), "c"
);
id!(
    /// One frame that was handed to a link; unique in a run.
    MsgId(u64), "m"
);
id!(
    /// A trap for messages; printed `t1`. Numbered from 1 in a run.
    TrapId(u32), "t"
);
id!(
    /// One client operation; unique in a run, kept over retries.
    OpId(u64), "op"
);
id!(
    /// A protocol's logical age: Raft's term, a ballot, a view, an epoch.
    Epoch(u64), ""
);
id!(
    /// A position in a replicated log, from 1; 0 is "before the first entry".
    LogIndex(u64), ""
);
id!(
    /// The number of an event in its trace, from 0, without gaps.
    Seq(u64), "#"
);

impl ClientId {
    /// The first number of clients from outside; those of the cluster itself come before it.
    pub const FIRST_VISITOR: Self = Self(10_000);

    /// Returns whether it is a client from outside, that came in by a node's door.
    pub fn is_visitor(self) -> bool {
        self >= Self::FIRST_VISITOR
    }
}

impl Seq {
    /// Returns the number after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl LogIndex {
    /// Returns the index after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Either end of a link: nodes and clients are both on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// A node.
    Node(NodeId),
    /// A client.
    Client(ClientId),
}

impl Endpoint {
    /// Returns the node, if this end is one.
    pub fn node(self) -> Option<NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Client(_) => None,
        }
    }

    /// Returns a number of its own for each end: nodes come before clients.
    pub fn number(self) -> u32 {
        match self {
            Self::Node(node) => u32::from(node.0),
            Self::Client(client) => 0x1_0000 | u32::from(client.0),
        }
    }

    /// Returns the client, if this end is one.
    pub fn client(self) -> Option<ClientId> {
        match self {
            Self::Node(_) => None,
            Self::Client(client) => Some(client),
        }
    }
}

/// Links are looked up by their ends all the time: to compare two numbers is quicker than to ask first what they are.
impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Client(client) => client.fmt(f),
        }
    }
}

impl From<NodeId> for Endpoint {
    fn from(node: NodeId) -> Self {
        Self::Node(node)
    }
}

impl From<ClientId> for Endpoint {
    fn from(client: ClientId) -> Self {
        Self::Client(client)
    }
}
