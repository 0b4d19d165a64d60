//! The kinds of events.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EntryBrief, Milestone, ViewChange};
use crate::{
    command::{Author, Command},
    fault::{DropReason, LinkRules, Trap},
    ids::{ClientId, Endpoint, LogIndex, MsgId, NodeId, OpId, TrapId},
    name::Name,
    request::{Refusal, Request, Value},
    time::Timestamp,
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something was asked of the cluster.
    CommandIssued {
        /// Who asked.
        by: Author,
        /// What for.
        command: Command,
    },
    /// A command could not be carried out; its cause is the command.
    CommandRefused {
        /// Why, and what to do.
        reason: String,
    },

    /// A node runs: its listener is open and its disk was read.
    NodeStarted {
        /// Which.
        node: NodeId,
        /// How often it was started before.
        incarnation: u32,
        /// The loopback port it listens on; 0 in the simulator.
        port: u16,
    },
    /// A node's process died.
    NodeCrashed {
        /// Which.
        node: NodeId,
    },
    /// A node's machine lost power.
    NodeLostPower {
        /// Which.
        node: NodeId,
        /// How many records were written but not fsynced, and are gone.
        records_lost: u32,
    },
    /// A node ended in good order.
    NodeStopped {
        /// Which.
        node: NodeId,
    },
    /// A node stands still.
    NodeFroze {
        /// Which.
        node: NodeId,
    },
    /// A frozen node goes on.
    NodeUnfroze {
        /// Which.
        node: NodeId,
    },
    /// A node's disk was erased.
    DiskWiped {
        /// Which.
        node: NodeId,
    },
    /// A node could not start, or ended by itself.
    NodeFailed {
        /// Which.
        node: NodeId,
        /// Why.
        failure: NodeFailure,
    },

    /// One direction of a link has other rules.
    LinkChanged {
        /// From.
        from: Endpoint,
        /// To.
        to: Endpoint,
        /// The rules from here on.
        rules: LinkRules,
    },
    /// A connection stands.
    ConnectionOpened {
        /// Who dialed.
        from: Endpoint,
        /// Who accepted.
        to: Endpoint,
    },
    /// A connection is gone.
    ConnectionLost {
        /// Who had dialed.
        from: Endpoint,
        /// Who had accepted.
        to: Endpoint,
    },

    /// A frame was handed to a link.
    FrameSent {
        /// The frame.
        msg: MsgId,
        /// From.
        from: Endpoint,
        /// To.
        to: Endpoint,
        /// What it is.
        info: MessageInfo,
        /// When the link will let it out on the other side, if it does.
        due: Timestamp,
        /// Its length on the wire, in bytes.
        bytes: u32,
        /// Its payload as it travels; may be cut short in a recording.
        payload: Bytes,
    },
    /// A frame arrived and was handled.
    FrameDelivered {
        /// The frame.
        msg: MsgId,
    },
    /// A frame will never arrive.
    FrameDropped {
        /// The frame.
        msg: MsgId,
        /// Why.
        reason: DropReason,
    },
    /// Bytes came in that are no frame; the connection was closed.
    FrameRejected {
        /// Who refused them.
        node: NodeId,
        /// Why.
        reason: String,
    },

    /// A timer ran out at a node.
    TimerFired {
        /// Where.
        node: NodeId,
        /// Which.
        timer: Name,
    },
    /// A sync that a node waited for is done: what it wrote before is on the disk.
    DiskSynced {
        /// Where.
        node: NodeId,
    },
    /// A protocol did something that the literature has a name for.
    Milestone {
        /// Where.
        node: NodeId,
        /// What.
        milestone: Milestone,
    },
    /// A node's log is, from `from` on, exactly `entries`. Shorter than before means: erased.
    LogSpliced {
        /// Where.
        node: NodeId,
        /// The index of the first of `entries`.
        from: LogIndex,
        /// The entries from there to the end of the log.
        entries: Vec<EntryBrief>,
    },
    /// What a learner may see of a node has changed.
    ViewChanged {
        /// Where.
        node: NodeId,
        /// The parts that differ.
        changes: Vec<ViewChange>,
    },

    /// A client came, or works differently from here on.
    ClientChanged {
        /// Who.
        client: ClientId,
        /// What it does; `None` if it is gone.
        spec: Option<Box<crate::spec::ClientSpec>>,
    },
    /// A client wants something.
    OpInvoked {
        /// The operation.
        op: OpId,
        /// Who.
        client: ClientId,
        /// What.
        request: Request,
    },
    /// An operation ended, as seen by its client.
    OpReturned {
        /// The operation.
        op: OpId,
        /// How.
        outcome: Outcome,
        /// Who answered, if anybody.
        node: Option<NodeId>,
    },

    /// Cluster time runs at this rate from here on; 0 while it stands still.
    ClockChanged {
        /// Cluster seconds per real second.
        rate: f64,
    },

    /// A frame under way is not given to its receiver until it is let go.
    FrameHeld {
        /// The frame.
        msg: MsgId,
        /// The trap that caught it; none if it was held by hand.
        by: Option<TrapId>,
    },
    /// A held frame goes on.
    FrameReleased {
        /// The frame.
        msg: MsgId,
    },
    /// Messages to come will be held.
    TrapSet {
        /// Its number.
        trap: TrapId,
        /// Which messages.
        what: Trap,
    },
    /// A frame sprang a trap; a trap for one message is gone with this.
    TrapSprung {
        /// Which trap.
        trap: TrapId,
        /// The frame.
        msg: MsgId,
    },
    /// A trap is gone without having sprung any more.
    TrapRemoved {
        /// Which trap.
        trap: TrapId,
    },
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Read.
    Value {
        /// What was read.
        value: Option<Value>,
        /// The last log position that the read saw.
        at: LogIndex,
    },
    /// Written, and acknowledged.
    Written {
        /// Where in the log.
        at: LogIndex,
    },
    /// Done (an operation on the cluster itself).
    Done,
    /// Certainly not done.
    Failed(Refusal),
    /// Nobody knows: it may have taken effect, or may yet.
    NoAnswer,
}

impl Outcome {
    /// Returns whether the client was told that it succeeded.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Value { .. } | Self::Written { .. } | Self::Done)
    }
}

/// Why a node is not running although nobody stopped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeFailure {
    /// Its listener could not be opened.
    Listen(String),
    /// Its data folder cannot be used: full, read-only, or damaged.
    Disk(String),
    /// The protocol met a state that it holds to be impossible.
    Protocol(String),
}

impl std::fmt::Display for NodeFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(why) => write!(f, "cannot listen: {why}"),
            Self::Disk(why) => write!(f, "disk: {why}"),
            Self::Protocol(why) => write!(f, "stopped itself: {why}"),
        }
    }
}

/// What a message is, for those who do not know the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageInfo {
    /// Its name in the paper.
    pub name: Name,
    /// What family it belongs to: its color and glyph.
    pub family: Family,
    /// Whether it says no.
    pub refuses: bool,
}

/// The families of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Asks for, or gives, a vote.
    Vote,
    /// Carries entries.
    Append,
    /// Only says "I am here".
    Heartbeat,
    /// Answers one of the other nodes.
    Reply,
    /// Carries a snapshot.
    Snapshot,
    /// A client's request, or the answer to it.
    Client,
    /// Everything else.
    Control,
}

impl Family {
    /// Returns its word, by which traps and pictures name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Append => "append",
            Self::Heartbeat => "heartbeat",
            Self::Reply => "reply",
            Self::Snapshot => "snapshot",
            Self::Client => "client",
            Self::Control => "control",
        }
    }

    /// Every family.
    pub const ALL: [Self; 7] =
        [Self::Vote, Self::Append, Self::Heartbeat, Self::Reply, Self::Snapshot, Self::Client, Self::Control];
}
