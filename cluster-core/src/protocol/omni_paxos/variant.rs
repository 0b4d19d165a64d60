//! The ways in which this Omni-Paxos can be broken on purpose, around its engine: each leaves out one thing that it rests on.

use crate::protocol::{
    Knob, KnobValues, VARIANT_KNOB, Variant,
    variant::{self, Flaws},
};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    AckBeforeFsync,
    AdoptsShorterLog,
    NoDedup,
}

/// Every variant, once.
pub(super) const FLAWS: Flaws<Flaw> = Flaws(&[
    (
        Flaw::AckBeforeFsync,
        Variant {
            name: "ack-before-fsync",
            paper: "Sequence Paxos, accept phase: a server answers Accepted once the entries are in its stable storage.",
            breaks: "It answers at once: a power loss takes back what a leader counted on, and a decided entry is gone.",
        },
    ),
    (
        Flaw::AdoptsShorterLog,
        Variant {
            name: "adopts-shorter-log",
            paper: "Sequence Paxos, prepare phase: a leader adopts the most updated log among the promises of a majority, before it appends to it.",
            breaks: "The leader goes on with its own log, and makes the others cut theirs: entries that were decided are overwritten.",
        },
    ),
    (
        Flaw::NoDedup,
        Variant {
            name: "no-dedup",
            paper: "Linearizability of repeated operations: a state machine executes each once.",
            breaks: "An operation that was sent again is executed again, and undoes what others wrote meanwhile.",
        },
    ),
]);

/// The same, for people.
pub(crate) const VARIANTS: &[Variant] = &FLAWS.rows::<3>();

const WORDS: [&str; VARIANTS.len() + 1] = variant::words(VARIANTS);

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break it on purpose, in one of these ways, to see what the rule is there for.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};
