//! The ways in which SWIM can be broken on purpose.

use crate::protocol::{Knob, KnobValues, NodeConfig, VARIANT_KNOB, Variant, variant};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NoRefutation,
    IncarnationNotRaised,
    NoIndirectProbe,
    NoSuspicionTimeout,
}

const FLAWS: [Flaw; 4] =
    [Flaw::NoRefutation, Flaw::IncarnationNotRaised, Flaw::NoIndirectProbe, Flaw::NoSuspicionTimeout];

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
        name: "no-refutation",
        paper: "Das, Gupta and Motivala 2002, §4.2: a member that hears that it is suspected says that it is alive.",
        breaks: "A member does not listen to what is said of itself: who was wrongly declared dead stays dead.",
    },
    Variant {
        name: "incarnation-not-raised",
        paper: "Das, Gupta and Motivala 2002, §4.2: it says so in a higher incarnation, which overrides what was said of the lower.",
        breaks: "A member answers, and returns, under the number that it had: what is known of its death still counts.",
    },
    Variant {
        name: "no-indirect-probe",
        paper: "Das, Gupta and Motivala 2002, §3.1: before a member is held for failed, k others are asked to ping it.",
        breaks: "Nobody is asked: one broken link makes two healthy members declare each other dead.",
    },
    Variant {
        name: "no-suspicion-timeout",
        paper: "Das, Gupta and Motivala 2002, §4.2: a suspicion that nobody contradicts in time becomes a confirmed failure.",
        breaks: "A suspicion is never confirmed: who has crashed stays suspect, and is pinged, for ever.",
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
