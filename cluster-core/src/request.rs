//! What a client asks of a node, and what it hears back.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{LogIndex, NodeId},
    name::Name,
};

macro_rules! bytes_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Bytes);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Bytes::copy_from_slice(text.as_bytes()))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Bytes::from(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&String::from_utf8_lossy(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", String::from_utf8_lossy(&self.0))
            }
        }
    };
}

bytes_type!(
    /// A key of the map; any bytes.
    Key
);
bytes_type!(
    /// A value of the map; any bytes.
    Value
);

/// What is asked of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Reads a key.
    Get {
        /// The key.
        key: Key,
    },
    /// Writes a key.
    Put {
        /// The key.
        key: Key,
        /// Its next value.
        value: Value,
    },
    /// Removes a key.
    Delete {
        /// The key.
        key: Key,
    },
    /// Operates the cluster itself.
    Admin(Admin),
}

impl Request {
    /// Returns whether the request changes the map.
    pub fn is_write(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::Delete { .. })
    }

    /// Returns the key it is about, if any.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Get { key } | Self::Put { key, .. } | Self::Delete { key } => Some(key),
            Self::Admin(_) => None,
        }
    }

    /// Returns the verb: `get`, `put`, `delete`, …
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::Put { .. } => "put",
            Self::Delete { .. } => "delete",
            Self::Admin(admin) => admin.verb(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { key } => write!(f, "get {key}"),
            Self::Put { key, value } => write!(f, "put {key}={value:.24}"),
            Self::Delete { key } => write!(f, "delete {key}"),
            Self::Admin(Admin::Campaign | Admin::Promote) => f.write_str(self.verb()),
            Self::Admin(
                Admin::TransferLeadership { to: node }
                | Admin::AddMember { node }
                | Admin::AddLearner { node }
                | Admin::RemoveMember { node },
            ) => write!(f, "{} {node}", self.verb()),
        }
    }
}

/// Operations on the cluster itself. A protocol that has no such thing refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admin {
    /// The leader hands its office to another member.
    TransferLeadership {
        /// Who is to lead.
        to: NodeId,
    },
    /// Adds a voting member.
    AddMember {
        /// Who joins.
        node: NodeId,
    },
    /// Adds a member without a vote.
    AddLearner {
        /// Who joins.
        node: NodeId,
    },
    /// Removes a member.
    RemoveMember {
        /// Who leaves.
        node: NodeId,
    },
    /// The node asks for votes at once.
    Campaign,
    /// The node becomes primary at once, whatever others believe (manual failover).
    Promote,
}

impl Admin {
    /// Returns the verb used in scripts and menus.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::TransferLeadership { .. } => "transfer",
            Self::AddMember { .. } => "add",
            Self::AddLearner { .. } => "add-learner",
            Self::RemoveMember { .. } => "remove",
            Self::Campaign => "campaign",
            Self::Promote => "promote",
        }
    }
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// The value of the key, if it has one, as of a log position.
    Value {
        /// The value read.
        value: Option<Value>,
        /// The last log position that the read saw.
        at: LogIndex,
    },
    /// The write took effect at a log position.
    Written {
        /// Where.
        at: LogIndex,
    },
    /// An operation on the cluster was done.
    Done,
    /// Nothing was done, and nothing will be.
    Refused(Refusal),
    /// The node gave up on it: it may or may not take effect.
    Unknown {
        /// Why, in a few words.
        why: Name,
    },
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refusal {
    /// The node does not lead; it may know who does.
    NotLeader {
        /// Whom it believes to lead.
        leader: Option<NodeId>,
    },
    /// A later epoch exists: this primary was deposed.
    StaleEpoch,
    /// The protocol has no such operation.
    Unsupported,
    /// It cannot be done at this time.
    Unavailable {
        /// Why, in a few words.
        why: Name,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader) } => write!(f, "not the leader, try {leader}"),
            Self::NotLeader { leader: None } => f.write_str("not the leader, knows none"),
            Self::StaleEpoch => f.write_str("deposed by a later epoch"),
            Self::Unsupported => f.write_str("not an operation of this protocol"),
            Self::Unavailable { why } => why.fmt(f),
        }
    }
}
