//! What a client asks of a node, and what it hears back.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{LogIndex, NodeId, OpId},
    name::Name,
};

/// The longest value, in bytes.
pub const VALUE_MAX: usize = 1 << 20;

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

/// Returns the operation that a request's or an answer's bytes are about: both begin with its number.
pub fn op_of(payload: &[u8]) -> Option<OpId> {
    postcard::take_from_bytes(payload).ok().map(|(op, _)| op)
}

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
    /// Reads several keys at one instant; answered by [`Answer::Values`].
    GetMany {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Counts the keys that have a value, each as often as it is named; answered by [`Answer::Number`].
    Exists {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Writes several keys at one instant.
    PutMany {
        /// The keys and their next values.
        pairs: Vec<(Key, Value)>,
    },
    /// Removes several keys at one instant; answered by [`Answer::Number`], how many of them had a value.
    DeleteMany {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Adds to a value that is a whole number in decimal digits, 0 if there is none; answered by [`Answer::Number`].
    Increment {
        /// The key.
        key: Key,
        /// What is added.
        by: i64,
    },
    /// Appends to a value; answered by [`Answer::Number`], the length it has then.
    Append {
        /// The key.
        key: Key,
        /// What is appended.
        value: Value,
    },
    /// Writes a key if a condition holds; answered by [`Answer::Put`].
    PutIf {
        /// The key.
        key: Key,
        /// Its next value.
        value: Value,
        /// When it is written.
        when: Condition,
        /// Whether the answer tells the value before.
        tells_old: bool,
    },
}

/// When a conditional write takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Only if the key has no value.
    Absent,
    /// Only if the key has a value.
    Present,
}

impl Request {
    /// Returns whether the request changes the map.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Put { .. }
            | Self::Delete { .. }
            | Self::PutMany { .. }
            | Self::DeleteMany { .. }
            | Self::Increment { .. }
            | Self::Append { .. }
            | Self::PutIf { .. } => true,
            Self::Get { .. } | Self::Admin(_) | Self::GetMany { .. } | Self::Exists { .. } => false,
        }
    }

    /// Returns whether the request asks what the map holds.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Get { .. } | Self::GetMany { .. } | Self::Exists { .. } => true,
            Self::Admin(_)
            | Self::Put { .. }
            | Self::Delete { .. }
            | Self::PutMany { .. }
            | Self::DeleteMany { .. }
            | Self::Increment { .. }
            | Self::Append { .. }
            | Self::PutIf { .. } => false,
        }
    }

    /// Returns the key it is about, if any; the first, if there are several.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Get { key }
            | Self::Put { key, .. }
            | Self::Delete { key }
            | Self::Increment { key, .. }
            | Self::Append { key, .. }
            | Self::PutIf { key, .. } => Some(key),
            Self::GetMany { keys } | Self::Exists { keys } | Self::DeleteMany { keys } => keys.first(),
            Self::PutMany { pairs } => pairs.first().map(|(key, _)| key),
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
            Self::GetMany { .. } => "get-many",
            Self::Exists { .. } => "exists",
            Self::PutMany { .. } => "put-many",
            Self::DeleteMany { .. } => "delete-many",
            Self::Increment { .. } => "increment",
            Self::Append { .. } => "append",
            Self::PutIf { .. } => "put-if",
        }
    }

    /// Returns how many bytes its keys and values have.
    pub fn content_bytes(&self) -> usize {
        let all = |keys: &[Key]| keys.iter().map(|key| key.0.len()).sum();
        match self {
            Self::Get { key } | Self::Delete { key } | Self::Increment { key, .. } => key.0.len(),
            Self::Put { key, value } | Self::Append { key, value } | Self::PutIf { key, value, .. } => {
                key.0.len() + value.0.len()
            }
            Self::GetMany { keys } | Self::Exists { keys } | Self::DeleteMany { keys } => all(keys),
            Self::PutMany { pairs } => pairs.iter().map(|(key, value)| key.0.len() + value.0.len()).sum(),
            Self::Admin(_) => 0,
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
            Self::GetMany { keys } | Self::Exists { keys } | Self::DeleteMany { keys } => {
                f.write_str(self.verb())?;
                listed(f, keys.iter())
            }
            Self::PutMany { pairs } => {
                f.write_str(self.verb())?;
                listed(f, pairs.iter().map(|(key, value)| format!("{key}={value:.24}")))
            }
            Self::Increment { key, by } => write!(f, "increment {key} by {by}"),
            Self::Append { key, value } => write!(f, "append {key}+={value:.24}"),
            Self::PutIf { key, value, when: Condition::Always, .. } => write!(f, "put-if {key}={value:.24}"),
            Self::PutIf { key, value, when: Condition::Absent, .. } => write!(f, "put-if {key}={value:.24}, if absent"),
            Self::PutIf { key, value, when: Condition::Present, .. } => {
                write!(f, "put-if {key}={value:.24}, if present")
            }
        }
    }
}

/// Writes the first few of a list.
fn listed(f: &mut fmt::Formatter<'_>, items: impl ExactSizeIterator<Item: fmt::Display>) -> fmt::Result {
    let more = items.len().saturating_sub(LISTED);
    for item in items.take(LISTED) {
        write!(f, " {item:.24}")?;
    }
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}

/// How many keys of a request are named in its line.
const LISTED: usize = 4;

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
    /// What the operation found, as of a log position; of a write, the one where it stands.
    Answer {
        /// What.
        answer: Answer,
        /// Where.
        at: LogIndex,
    },
}

/// What an operation found, beyond one value or having taken effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The values of several keys, in the order in which they were asked for.
    Values(Vec<Option<Value>>),
    /// A count, a sum or a length.
    Number(i64),
    /// What came of a conditional write.
    Put {
        /// Whether it took place.
        written: bool,
        /// The value before, if it was asked for and there was one.
        old: Option<Value>,
    },
    /// The operation does not fit what is there: nothing was changed.
    Misfit(Misfit),
}

impl Answer {
    /// Returns how many bytes its values have.
    pub fn content_bytes(&self) -> usize {
        match self {
            Self::Values(values) => values.iter().flatten().map(|value| value.0.len()).sum(),
            Self::Put { old, .. } => old.as_ref().map_or(0, |old| old.0.len()),
            Self::Number(_) | Self::Misfit(_) => 0,
        }
    }
}

/// Why an operation does not fit what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Misfit {
    /// The value is no whole number of 64 bits.
    NotInteger,
    /// The sum is no whole number of 64 bits.
    Overflow,
    /// The value, or the answer, would be longer than any may be.
    TooLong,
    /// The map has no room for it.
    Full,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInteger => "the value is no whole number",
            Self::Overflow => "the sum is too large",
            Self::TooLong => "it would be too long",
            Self::Full => "the map is full",
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) => {
                let found = values.iter().flatten().count();
                write!(f, "{found} of {} values", values.len())
            }
            Self::Number(number) => number.fmt(f),
            Self::Put { written: true, .. } => f.write_str("written"),
            Self::Put { written: false, .. } => f.write_str("not written"),
            Self::Misfit(misfit) => misfit.fmt(f),
        }
    }
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
