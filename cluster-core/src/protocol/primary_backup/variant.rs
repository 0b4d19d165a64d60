//! The ways in which primary-backup can be broken on purpose.

use crate::protocol::{Knob, KnobValues, NodeConfig, VARIANT_KNOB, Variant, variant};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    AckBeforeReplication,
    AckBeforeFsync,
    NoTruncation,
    NoConsistencyCheck,
    GivesUpOnBackups,
    SharesEpochs,
}

const FLAWS: [Flaw; 6] = [
    Flaw::AckBeforeReplication,
    Flaw::AckBeforeFsync,
    Flaw::NoTruncation,
    Flaw::NoConsistencyCheck,
    Flaw::GivesUpOnBackups,
    Flaw::SharesEpochs,
];

impl Flaw {
    /// Returns what is wrong with a node by its knobs; nothing with a correct one.
    pub(super) fn of(config: &NodeConfig) -> Option<Self> {
        let word = config.knob(super::KNOBS, VARIANT_KNOB);
        FLAWS.into_iter().find(|flaw| flaw.row().name == word)
    }

    /// Returns its row in the table.
    pub(super) const fn row(self) -> &'static Variant {
        // The order of the table is the order of the variants; a test holds them together.
        &VARIANTS[self as usize]
    }
}

/// Every variant, once.
pub(crate) const VARIANTS: &[Variant] = &[
    Variant {
        name: "ack-before-replication",
        paper: "Alsberg and Day 1976: a primary answers once so many backups have the update that it survives; in `sync`, all.",
        breaks: "The primary answers when its own disk has the write, whatever `mode` says: a failover loses it.",
    },
    Variant {
        name: "ack-before-fsync",
        paper: "Gray 1978: what is acknowledged is on stable storage first.",
        breaks: "Entries are acknowledged when they are written, and nobody waits for a sync: a power loss takes them.",
    },
    Variant {
        name: "no-truncation",
        paper: "Oki and Liskov 1988: in a new view everybody takes the new primary's history, and gives up what differs.",
        breaks: "A backup keeps what stands where the primary's entry should, and says that it has it.",
    },
    Variant {
        name: "no-consistency-check",
        paper: "Oki and Liskov 1988: histories are compared by view and position before they are continued.",
        breaks: "A backup appends behind whatever it has at that position: its log is not the primary's, and it says that it is.",
    },
    Variant {
        name: "gives-up-on-backups",
        paper: "Alsberg and Day 1976: an update that is not on enough hosts is not acknowledged, however long that takes.",
        breaks: "The primary acknowledges without the backups that it has not heard of lately, as if `sync` were a wish.",
    },
    Variant {
        name: "shares-epochs",
        paper: "Oki and Liskov 1988: a view has one primary; its number carries who made it, so that no two make the same.",
        breaks: "Every backup takes the next number: two primaries lead in one epoch, and their entries cannot be told apart.",
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
            assert_eq!(flaw.row().name.replace('-', ""), format!("{flaw:?}").to_lowercase());
        }
    }
}
