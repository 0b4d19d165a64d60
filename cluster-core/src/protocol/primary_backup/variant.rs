//! The ways in which primary-backup can be broken on purpose.

use crate::protocol::{
    Knob, KnobValues, VARIANT_KNOB, Variant,
    variant::{self, Flaws},
};

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

/// Every variant, once.
pub(super) const FLAWS: Flaws<Flaw> = Flaws(&[
    (
        Flaw::AckBeforeReplication,
        Variant {
            name: "ack-before-replication",
            paper: "Alsberg and Day 1976: a primary answers once so many backups have the update that it survives; in `sync`, all.",
            breaks: "The primary answers when its own disk has the write, whatever `mode` says: a failover loses it.",
        },
    ),
    (
        Flaw::AckBeforeFsync,
        Variant {
            name: "ack-before-fsync",
            paper: "Gray 1978: what is acknowledged is on stable storage first.",
            breaks: "Entries are acknowledged when they are written, and nobody waits for a sync: a power loss takes them.",
        },
    ),
    (
        Flaw::NoTruncation,
        Variant {
            name: "no-truncation",
            paper: "Oki and Liskov 1988: in a new view everybody takes the new primary's history, and gives up what differs.",
            breaks: "A backup keeps what stands where the primary's entry should, and says that it has it.",
        },
    ),
    (
        Flaw::NoConsistencyCheck,
        Variant {
            name: "no-consistency-check",
            paper: "Oki and Liskov 1988: histories are compared by view and position before they are continued.",
            breaks: "A backup appends behind whatever it has at that position: its log is not the primary's, and it says that it is.",
        },
    ),
    (
        Flaw::GivesUpOnBackups,
        Variant {
            name: "gives-up-on-backups",
            paper: "Alsberg and Day 1976: an update that is not on enough hosts is not acknowledged, however long that takes.",
            breaks: "The primary acknowledges without the backups that it has not heard of lately, as if `sync` were a wish.",
        },
    ),
    (
        Flaw::SharesEpochs,
        Variant {
            name: "shares-epochs",
            paper: "Oki and Liskov 1988: a view has one primary; its number carries who made it, so that no two make the same.",
            breaks: "Every backup takes the next number: two primaries lead in one epoch, and their entries cannot be told apart.",
        },
    ),
]);

/// The same, for people.
pub(crate) const VARIANTS: &[Variant] = &FLAWS.rows::<6>();

const WORDS: [&str; VARIANTS.len() + 1] = variant::words(VARIANTS);

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break it on purpose, in one of these ways, to see what the rule is there for.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};
