//! What the literature has a name for; goals, invariants and narration speak these, nothing parses text.

use serde::{Deserialize, Serialize};

use super::membership::{Incarnation, MemberStatus};
use crate::{
    ids::{Epoch, LogIndex, NodeId, OpId},
    name::Name,
};

/// A protocol's news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Milestone {
    /// The node asks whether it could win an election (Raft dissertation §9.6).
    PreVoteStarted {
        /// The epoch it would campaign in.
        epoch: Epoch,
    },
    /// The node asks for votes.
    ElectionStarted {
        /// The epoch.
        epoch: Epoch,
    },
    /// The node gave its vote.
    VoteGranted {
        /// The epoch.
        epoch: Epoch,
        /// For whom.
        to: NodeId,
    },
    /// The node leads (or is primary).
    LeaderElected {
        /// The epoch.
        epoch: Epoch,
    },
    /// The node gave up its office, or its candidacy.
    SteppedDown {
        /// The epoch it left.
        epoch: Epoch,
        /// Why.
        why: Name,
    },
    /// Entries that the node had in its log were erased, because the leader's log differs.
    EntriesErased {
        /// The first.
        from: LogIndex,
        /// The last.
        to: LogIndex,
    },
    /// The node wrote a snapshot of its state.
    SnapshotTaken {
        /// The last log position it includes.
        index: LogIndex,
    },
    /// The node sends a snapshot.
    SnapshotSent {
        /// To whom.
        to: NodeId,
        /// The last log position it includes.
        index: LogIndex,
    },
    /// The node replaced its state by a snapshot.
    SnapshotInstalled {
        /// The last log position it includes.
        index: LogIndex,
    },
    /// The members are, from here on, these.
    MembersChanged {
        /// With a vote.
        voters: Vec<NodeId>,
        /// Without.
        learners: Vec<NodeId>,
    },
    /// The leader began to hand over its office.
    TransferStarted {
        /// To whom.
        to: NodeId,
    },
    /// Replication works in another mode (such as semi-synchronous falling back to asynchronous).
    ModeChanged {
        /// The mode.
        mode: Name,
        /// Why.
        why: Name,
    },
    /// The node holds another one for dead.
    Suspected {
        /// Whom.
        peer: NodeId,
    },
    /// The node refused a message of a deposed primary.
    Fenced {
        /// Who sent it.
        from: NodeId,
        /// Its epoch.
        epoch: Epoch,
    },
    /// The node applied an operation to its state.
    Applied {
        /// The operation.
        op: OpId,
        /// Where in the log.
        index: LogIndex,
    },
    /// The node read its disk at start and continues from there.
    Recovered {
        /// The last entry it has.
        last: LogIndex,
    },
    /// The node thinks otherwise of another member.
    MemberViewChanged {
        /// Of whom.
        subject: NodeId,
        /// What it holds it for.
        status: MemberStatus,
        /// The incarnation of the member that this is about.
        incarnation: Incarnation,
    },
    /// The node contradicts what is said of it, by a higher incarnation.
    Refuted {
        /// Its incarnation from here on.
        incarnation: Incarnation,
    },
    /// The node took over entries from the log of another, to be in step with it (Omni-Paxos: Promise and AcceptSync).
    LogSynced {
        /// From whom.
        from: NodeId,
        /// How many entries it was sent.
        entries: u64,
        /// The last entry it has.
        index: LogIndex,
    },
}
