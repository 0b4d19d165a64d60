//! The kinds of events.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{EntryBrief, Finding, Milestone, ViewChange};
use crate::{
    command::{Author, Command},
    fault::{Act, Ailment, DropReason, FaultKind, LinkRules, NodeFaultCounters, NodeFaults, Proof, Trap},
    ids::{ClientId, Endpoint, LogIndex, MsgId, NodeId, OpId, TrapId},
    name::Name,
    request::{Answer, Refusal, Request, Value},
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
        rules: Box<LinkRules>,
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

    /// A connection was reset on purpose; what was under way on it is lost.
    ConnectionReset {
        /// From.
        from: Endpoint,
        /// To.
        to: Endpoint,
    },
    /// One end of a connection is gone, and the other believes that it stands: what is sent vanishes.
    ConnectionHalfOpened {
        /// Who believes.
        from: Endpoint,
        /// Whose end is gone.
        to: Endpoint,
        /// When the one that believes will find out, at the latest.
        until: Timestamp,
        /// By which kind of fault: half-open, or slow close.
        by: FaultKind,
    },
    /// Faults were tried on scratch links before the run began: what came of each kind.
    FaultsTried {
        /// What was found.
        proofs: Vec<Proof>,
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
    /// The rules of a link did something to a frame; its cause is the sending.
    LinkActed {
        /// The frame.
        msg: MsgId,
        /// What they did.
        acts: Vec<Act>,
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
    /// A node listens for clients from outside.
    DoorOpened {
        /// Which.
        node: NodeId,
        /// What they speak, such as `redis`.
        speaks: Name,
        /// The loopback port.
        port: u16,
    },
    /// A client from outside came in, or has another name from here on.
    VisitorCame {
        /// Who.
        client: ClientId,
        /// By the door of which node.
        node: NodeId,
        /// What it speaks.
        speaks: Name,
        /// What it calls itself; may be empty.
        name: String,
    },
    /// A client from outside is gone: its connection ended.
    VisitorLeft {
        /// Who.
        client: ClientId,
    },
    /// One part of a machine ails in another way, or is as it should be again.
    NodeFaultsChanged {
        /// Whose machine.
        node: NodeId,
        /// Which part.
        part: Ailment,
        /// What ails it from here on.
        faults: Box<NodeFaults>,
    },
    /// What the faults of a machine did so far; told from time to time while it grows.
    NodeFaultsCounted {
        /// Whose machine.
        node: NodeId,
        /// All of it since the run began.
        counters: Box<NodeFaultCounters>,
    },
    /// A record on a disk is not what was written, or was found not to be.
    DiskHarmed {
        /// Whose disk.
        node: NodeId,
        /// The file.
        file: Name,
        /// The record, from 1.
        record: u32,
        /// What became of it.
        harm: DiskHarm,
    },
    /// An observer concluded something; its cause is the event that showed it.
    Found {
        /// What.
        finding: Box<Finding>,
    },
    /// A knob of the protocol has another value from here on; each node takes it over when it hears of it.
    KnobChanged {
        /// Which.
        knob: Name,
        /// Its value.
        value: Name,
        /// Its value before.
        old: Name,
    },
    /// A running node works with another value of a knob from here on.
    KnobTaken {
        /// Who.
        node: NodeId,
        /// Which.
        knob: Name,
        /// Its value.
        value: Name,
    },
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskHarm {
    /// The power went while it was being written.
    Torn {
        /// How many bytes of it are on the disk.
        kept: u32,
        /// How many it had.
        bytes: u32,
    },
    /// A booting node found that it does not match its checksum, at the end of the file, and cut it off.
    CutOff {
        /// How many bytes.
        bytes: u32,
    },
    /// One of its bits flipped.
    BitFlipped {
        /// Where in the file, in bytes.
        byte: u64,
        /// Which bit of that byte.
        bit: u8,
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
    /// Answered; what was found may be that the operation does not fit.
    Answered {
        /// What was found.
        answer: Answer,
        /// The last log position that a read saw, or the one where a write stands.
        at: LogIndex,
    },
}

impl Outcome {
    /// Returns whether the client was told that it succeeded.
    pub fn is_ok(&self) -> bool {
        match self {
            Self::Value { .. } | Self::Written { .. } | Self::Done | Self::Answered { .. } => true,
            Self::Failed(_) | Self::NoAnswer => false,
        }
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
    pub const fn word(self) -> &'static str {
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
