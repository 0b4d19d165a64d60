//! The ways in which this Raft can be broken on purpose: each leaves out, or does wrongly, one thing that the paper asks for.

use crate::protocol::{
    Knob, KnobValues, VARIANT_KNOB, Variant,
    variant::{self, Flaws},
};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    VoteNotPersisted,
    TermNotPersisted,
    AckBeforeFsync,
    GrantsTwoVotes,
    IgnoresLogUpToDate,
    ForgetsToStepDown,
    CommitOlderTerm,
    CommitWithoutMajority,
    CommitBeyondMatch,
    NoTruncation,
    TruncatesOnOldAppend,
    StaleRead,
    ReadBeforeNoOp,
    NoDedup,
}

/// Every variant, once.
pub(super) const FLAWS: Flaws<Flaw> = Flaws(&[
    (
        Flaw::VoteNotPersisted,
        Variant {
            name: "vote-not-persisted",
            paper: "§5.2, Figure 2: a server votes at most once per term, and votedFor is on stable storage before it answers.",
            breaks: "The vote is kept in memory only: a server that restarts within a term may vote again, and two leaders of one term may be elected.",
        },
    ),
    (
        Flaw::TermNotPersisted,
        Variant {
            name: "term-not-persisted",
            paper: "Figure 2: currentTerm is on stable storage before a server answers.",
            breaks: "Neither term nor vote are written: a server that restarts falls back to the term of its last entry, and takes part in old terms once more.",
        },
    ),
    (
        Flaw::AckBeforeFsync,
        Variant {
            name: "ack-before-fsync",
            paper: "Figure 2: persistent state is updated on stable storage before responding to RPCs.",
            breaks: "Entries are acknowledged when they are written, and nobody waits for a sync: a power loss takes them.",
        },
    ),
    (
        Flaw::GrantsTwoVotes,
        Variant {
            name: "grants-two-votes",
            paper: "§5.2: each server votes for at most one candidate in a given term, first come, first served.",
            breaks: "A server votes for every candidate of its term: two of them can reach a majority.",
        },
    ),
    (
        Flaw::IgnoresLogUpToDate,
        Variant {
            name: "ignores-log-up-to-date",
            paper: "§5.4.1: a voter denies its vote if its own log is more up to date than the candidate's.",
            breaks: "Logs are not compared: a leader without committed entries is elected, and erases them everywhere.",
        },
    ),
    (
        Flaw::ForgetsToStepDown,
        Variant {
            name: "forgets-to-step-down",
            paper: "§5.1, Figure 2: a server that sees a higher term updates its own and converts to follower.",
            breaks: "A leader takes the higher term over and stays leader: there are two in that term.",
        },
    ),
    (
        Flaw::CommitOlderTerm,
        Variant {
            name: "commit-older-term",
            paper: "§5.4.2, Figure 8: only entries of the leader's current term are committed by counting replicas.",
            breaks: "Entries of earlier terms are committed by counting, before any of the own term: a later leader may still erase them.",
        },
    ),
    (
        Flaw::CommitWithoutMajority,
        Variant {
            name: "commit-without-majority",
            paper: "§5.3: an entry is committed once the leader has replicated it on a majority of the servers.",
            breaks: "One server less than a majority is enough: the next leader may come from the others.",
        },
    ),
    (
        Flaw::CommitBeyondMatch,
        Variant {
            name: "commit-beyond-match",
            paper: "Figure 2: commitIndex is at most the index of the last new entry of the AppendEntries.",
            breaks: "A follower commits as far as its log reaches, though the leader vouched for less: it applies entries that are about to be erased.",
        },
    ),
    (
        Flaw::NoTruncation,
        Variant {
            name: "no-truncation",
            paper: "§5.3, Figure 2: an entry that conflicts with one of the leader's is deleted, with all that follow it.",
            breaks: "A follower keeps what stands where the leader's entry should, and says that it has it.",
        },
    ),
    (
        Flaw::TruncatesOnOldAppend,
        Variant {
            name: "truncates-on-old-append",
            paper: "Figure 2: entries are deleted only if they conflict; an AppendEntries that was delayed deletes nothing.",
            breaks: "The log is cut behind the last entry of every AppendEntries: a late one takes entries away that were acknowledged.",
        },
    ),
    (
        Flaw::StaleRead,
        Variant {
            name: "stale-read",
            paper: "§8: a leader exchanges heartbeats with a majority before it answers a read, to know that it still leads.",
            breaks: "Whoever believes to lead answers at once: a deposed leader tells of the past.",
        },
    ),
    (
        Flaw::ReadBeforeNoOp,
        Variant {
            name: "read-before-no-op",
            paper: "§8: a leader commits a no-op at the start of its term before it answers reads: only then does it know what is committed.",
            breaks: "A leader answers reads as of the commit index that it had as a follower, which lags behind what was acknowledged.",
        },
    ),
    (
        Flaw::NoDedup,
        Variant {
            name: "no-dedup",
            paper: "§8: clients number their commands, and the state machine executes each once.",
            breaks: "A command that was sent again is executed again, and undoes what others wrote meanwhile.",
        },
    ),
]);

/// The same, for people.
pub(crate) const VARIANTS: &[Variant] = &FLAWS.rows::<14>();

const WORDS: [&str; VARIANTS.len() + 1] = variant::words(VARIANTS);

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break it on purpose, in one of these ways, to see what the paper's rule is there for.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};
