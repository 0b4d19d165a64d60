//! The ways in which this Omni-Paxos can be broken on purpose: each leaves out one thing that the paper asks for.

use crate::protocol::{Knob, KnobValues, NodeConfig, VARIANT_KNOB, Variant, variant};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    PromiseNotPersisted,
    AckBeforeFsync,
    AdoptsShorterLog,
    NoDedup,
}

const FLAWS: [Flaw; 4] = [Flaw::PromiseNotPersisted, Flaw::AckBeforeFsync, Flaw::AdoptsShorterLog, Flaw::NoDedup];

impl Flaw {
    /// Returns what is wrong with a node by its knobs; nothing with a correct one.
    pub(super) fn of(config: &NodeConfig) -> Option<Self> {
        let word = config.knob(super::KNOBS, VARIANT_KNOB);
        FLAWS.into_iter().find(|flaw| flaw.name() == word)
    }

    /// Returns the name of the variant.
    pub(super) const fn name(self) -> &'static str {
        // The order of the table is the order of the variants; a test holds them together.
        VARIANTS[self as usize].name
    }
}

/// Every variant, once.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        name: "promise-not-persisted",
        paper: "Sequence Paxos, prepare phase: a server that promised a round is bound by it, also after it crashed and recovered.",
        breaks: "The promise is kept in memory only: a server that comes back takes entries from a leader that was deposed.",
    },
    Variant {
        name: "ack-before-fsync",
        paper: "Sequence Paxos, accept phase: a server answers Accepted once the entries are in its stable storage.",
        breaks: "It answers at once: a power loss takes back what a leader counted on, and a decided entry is gone.",
    },
    Variant {
        name: "adopts-shorter-log",
        paper: "Sequence Paxos, prepare phase: a leader adopts the most updated log among the promises of a majority, before it appends to it.",
        breaks: "The leader goes on with its own log, and makes the others cut theirs: entries that were decided are overwritten.",
    },
    Variant {
        name: "no-dedup",
        paper: "Linearizability of retried operations: a state machine executes each once.",
        breaks: "An operation that was sent again is executed again, and undoes what others wrote meanwhile.",
    },
];

const WORDS: [&str; VARIANTS.len() + 1] = variant::words(VARIANTS);

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break it on purpose, in one of these ways, to see what the rule is there for.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_has_its_row_and_every_row_its_flaw() {
        assert_eq!(FLAWS.len(), VARIANTS.len());
        for (at, flaw) in FLAWS.into_iter().enumerate() {
            assert_eq!(flaw as usize, at, "{flaw:?}");
            // `NoDedup` is `no-dedup`.
            assert_eq!(flaw.name().replace('-', ""), format!("{flaw:?}").to_lowercase());
        }
    }
}
