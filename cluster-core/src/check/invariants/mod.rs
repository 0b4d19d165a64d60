//! What a protocol's paper says is always true, watched while the events come: the first that is not is a finding.

mod epochs;
mod executed;
mod positions;
mod reigns;
mod table;
#[cfg(test)]
mod tests;
mod watch;

pub use table::{INVARIANTS, InvariantRow, Lineage};
pub use watch::Invariants;

/// Something that is true at every moment of a run, if the protocol is right and its assumptions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Raft: one leader a term.
    ElectionSafety,
    /// Raft: a leader only appends.
    LeaderAppendOnly,
    /// Raft: equal index and term, equal logs up to there.
    LogMatching,
    /// Raft: later leaders have what was committed.
    LeaderCompleteness,
    /// Raft: nobody applies anything else at the same index.
    StateMachineSafety,
    /// Primary-backup: one primary an epoch.
    SingleWriter,
    /// Remote procedure calls: no request takes effect twice on one server.
    AtMostOnce,
    /// SWIM: who crashed is found out by all.
    Completeness,
    /// SWIM: while nothing is broken, nobody is held for dead who runs.
    Accuracy,
    /// Omni-Paxos: one leader a ballot.
    UniqueLeader,
    /// Omni-Paxos: nobody decides anything else at the same position.
    UniformAgreement,
}
