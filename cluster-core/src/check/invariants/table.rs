//! The table of invariants: whose they are, and the sentence of the paper.

use super::Invariant;
use crate::spec::ClusterSpec;

/// A row of the table of invariants.
#[derive(Clone, Copy, Debug)]
pub struct InvariantRow {
    /// The invariant.
    pub invariant: Invariant,
    /// Its id: the promise of its findings.
    pub id: &'static str,
    /// Its name in the paper.
    pub title: &'static str,
    /// The paper's sentence.
    pub sentence: &'static str,
    /// Where the sentence stands.
    pub source: &'static str,
    /// Where to read on.
    pub link: &'static str,
    /// Which protocols promise it.
    pub lineage: Lineage,
}

/// From which protocol others descend: they share its invariants, and tell of themselves in its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// Raft, whoever wrote it.
    Raft,
    /// Primary-backup replication with epochs.
    PrimaryBackup,
    /// Remote procedure calls, with a memory of them.
    Rpc,
    /// Members that watch each other.
    Swim,
    /// Omni-Paxos: Sequence Paxos under Ballot Leader Election.
    OmniPaxos,
}

impl Lineage {
    /// Returns the lineage of a protocol of that id; `None` if nothing is known of it.
    pub fn of(protocol: &str) -> Option<Self> {
        // A descendant bears the name of its family before its own: `raft-study`.
        let descends =
            |from: &str| protocol.strip_prefix(from).is_some_and(|own| own.is_empty() || own.starts_with('-'));
        if descends("raft") {
            Some(Self::Raft)
        } else if descends("primary-backup") {
            Some(Self::PrimaryBackup)
        } else if descends("rpc") {
            Some(Self::Rpc)
        } else if descends("swim") {
            Some(Self::Swim)
        } else if descends("omni-paxos") {
            Some(Self::OmniPaxos)
        } else {
            None
        }
    }

    /// Returns the lineage of what a cluster runs, if its knobs let it promise anything.
    pub fn promised(spec: &ClusterSpec) -> Option<Self> {
        let set = |knob: &str, value: &str| spec.knobs.get(knob).is_some_and(|it| it == value);
        Self::of(&spec.protocol).filter(|it| match it {
            Self::Rpc => !set("dedup", "off") && !set("table", "memory"),
            Self::Raft | Self::PrimaryBackup | Self::Swim | Self::OmniPaxos => true,
        })
    }

    /// Returns its word for an epoch.
    pub(super) fn epoch_word(self) -> &'static str {
        match self {
            Self::Raft => "term",
            Self::PrimaryBackup | Self::Rpc | Self::Swim => "epoch",
            Self::OmniPaxos => "ballot",
        }
    }

    /// Returns whether every node applies one log, entry by entry: then nobody may apply anything else at a position.
    pub(super) fn applies_one_log(self) -> bool {
        match self {
            Self::Raft | Self::OmniPaxos => true,
            Self::PrimaryBackup | Self::Rpc | Self::Swim => false,
        }
    }

    /// Returns what it promises of who leads; nothing if nobody does.
    pub(super) fn one_leader(self) -> Option<Invariant> {
        match self {
            Self::Raft => Some(Invariant::ElectionSafety),
            Self::PrimaryBackup => Some(Invariant::SingleWriter),
            Self::OmniPaxos => Some(Invariant::UniqueLeader),
            Self::Rpc | Self::Swim => None,
        }
    }

    /// Returns the rows of its invariants.
    pub fn invariants(self) -> impl Iterator<Item = &'static InvariantRow> {
        INVARIANTS.iter().filter(move |row| row.lineage == self)
    }
}

impl Invariant {
    /// Returns its row in the table.
    pub fn row(self) -> &'static InvariantRow {
        INVARIANTS.iter().find(|row| row.invariant == self).expect("every invariant has a row")
    }
}

const RAFT: &str = "https://raft.github.io/raft.pdf";
const SWIM: &str = "https://www.cs.cornell.edu/projects/Quicksilver/public_pdfs/SWIM.pdf";
const OMNI_PAXOS: &str = "https://doi.org/10.1145/3552326.3587441";

/// All invariants.
pub const INVARIANTS: &[InvariantRow] = &[
    InvariantRow {
        invariant: Invariant::ElectionSafety,
        id: "election-safety",
        title: "Election Safety",
        sentence: "at most one leader can be elected in a given term",
        source: "Ongaro and Ousterhout 2014, figure 3 and §5.2",
        link: RAFT,
        lineage: Lineage::Raft,
    },
    InvariantRow {
        invariant: Invariant::LeaderAppendOnly,
        id: "leader-append-only",
        title: "Leader Append-Only",
        sentence: "a leader never overwrites or deletes entries in its log; it only appends new entries",
        source: "Ongaro and Ousterhout 2014, figure 3 and §5.3",
        link: RAFT,
        lineage: Lineage::Raft,
    },
    InvariantRow {
        invariant: Invariant::LogMatching,
        id: "log-matching",
        title: "Log Matching",
        sentence: "if two logs contain an entry with the same index and term, then the logs are identical in all entries \
                   up through the given index",
        source: "Ongaro and Ousterhout 2014, figure 3 and §5.3",
        link: RAFT,
        lineage: Lineage::Raft,
    },
    InvariantRow {
        invariant: Invariant::LeaderCompleteness,
        id: "leader-completeness",
        title: "Leader Completeness",
        sentence: "if a log entry is committed in a given term, then that entry will be present in the logs of the \
                   leaders for all higher-numbered terms",
        source: "Ongaro and Ousterhout 2014, figure 3 and §5.4",
        link: RAFT,
        lineage: Lineage::Raft,
    },
    InvariantRow {
        invariant: Invariant::StateMachineSafety,
        id: "state-machine-safety",
        title: "State Machine Safety",
        sentence: "if a server has applied a log entry at a given index to its state machine, no other server will ever \
                   apply a different log entry for the same index",
        source: "Ongaro and Ousterhout 2014, figure 3 and §5.4.3",
        link: RAFT,
        lineage: Lineage::Raft,
    },
    InvariantRow {
        invariant: Invariant::SingleWriter,
        id: "single-writer",
        title: "Single Writer per Epoch",
        sentence: "there exists a local predicate Prmy on the state of each server; at any time, there is at most one \
                   server whose state satisfies it",
        source: "Budhiraja, Marzullo, Schneider and Toueg 1993, \"The Primary-Backup Approach\", Pb1, taken for each epoch",
        link: "https://pmg.csail.mit.edu/papers/vr.pdf",
        lineage: Lineage::PrimaryBackup,
    },
    InvariantRow {
        invariant: Invariant::AtMostOnce,
        id: "at-most-once",
        title: "At Most Once",
        sentence: "a server executes each request at most once, however often it arrives",
        source: "Birrell and Nelson 1984, \"Implementing Remote Procedure Calls\", §3.2",
        link: "https://doi.org/10.1145/2080.357392",
        lineage: Lineage::Rpc,
    },
    InvariantRow {
        invariant: Invariant::Completeness,
        id: "swim-completeness",
        title: "Strong Completeness",
        sentence: "crash-failure of any group member is detected by all non-faulty members",
        source: "Das, Gupta and Motivala 2002, §2, after Chandra and Toueg 1996; watched while nothing else is broken",
        link: SWIM,
        lineage: Lineage::Swim,
    },
    InvariantRow {
        invariant: Invariant::Accuracy,
        id: "swim-accuracy",
        title: "Accuracy in Calm",
        sentence: "a member that runs is not declared failed, unless more than one link was broken lately, or a machine",
        source: "no sentence of the paper, which bounds the rate of such mistakes only; it follows from §3.1 and §4.2",
        link: SWIM,
        lineage: Lineage::Swim,
    },
    InvariantRow {
        invariant: Invariant::UniqueLeader,
        id: "unique-leader",
        title: "Unique Leader",
        sentence: "no two servers lead in the same ballot",
        source: "Ng, Haridi and Carbone 2023, Ballot Leader Election: ballots are unique",
        link: OMNI_PAXOS,
        lineage: Lineage::OmniPaxos,
    },
    InvariantRow {
        invariant: Invariant::UniformAgreement,
        id: "uniform-agreement",
        title: "Uniform Agreement",
        sentence: "of any two logs that were decided, one is a prefix of the other",
        source: "Ng, Haridi and Carbone 2023, Sequence Consensus: uniform agreement",
        link: OMNI_PAXOS,
        lineage: Lineage::OmniPaxos,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descendant_has_the_invariants_of_its_family() {
        assert_eq!(Lineage::of("raft"), Some(Lineage::Raft));
        assert_eq!(Lineage::of("raft-study"), Some(Lineage::Raft));
        assert_eq!(Lineage::of("primary-backup"), Some(Lineage::PrimaryBackup));
        assert_eq!(Lineage::of("omni-paxos"), Some(Lineage::OmniPaxos));
        assert_eq!(Lineage::of("rafting"), None);
    }

    #[test]
    fn a_server_without_a_lasting_memory_promises_nothing() {
        let promised = |knob: &str, value: &str| {
            let knobs = [(knob.to_owned(), value.to_owned())].into();
            Lineage::promised(&ClusterSpec { protocol: "rpc".to_owned(), knobs, ..ClusterSpec::default() })
        };
        assert_eq!(promised("window", "5"), Some(Lineage::Rpc));
        assert_eq!((promised("dedup", "off"), promised("table", "memory")), (None, None));
    }
}
