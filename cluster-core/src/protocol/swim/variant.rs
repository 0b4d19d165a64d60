//! The ways in which SWIM can be broken on purpose.

use crate::protocol::{
    Knob, KnobValues, VARIANT_KNOB, Variant,
    variant::{self, Flaws},
};

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NoRefutation,
    IncarnationNotRaised,
    NoIndirectProbe,
    NoSuspicionTimeout,
}

/// Every variant, once.
pub(super) const FLAWS: Flaws<Flaw> = Flaws(&[
    (
        Flaw::NoRefutation,
        Variant {
            name: "no-refutation",
            paper: "Das, Gupta and Motivala 2002, §4.2: a member that hears that it is suspected says that it is alive.",
            breaks: "A member does not listen to what is said of itself: who was wrongly declared dead stays dead.",
        },
    ),
    (
        Flaw::IncarnationNotRaised,
        Variant {
            name: "incarnation-not-raised",
            paper: "Das, Gupta and Motivala 2002, §4.2: it says so in a higher incarnation, which overrides what was said of the lower.",
            breaks: "A member answers, and returns, under the number that it had: what is known of its death still counts.",
        },
    ),
    (
        Flaw::NoIndirectProbe,
        Variant {
            name: "no-indirect-probe",
            paper: "Das, Gupta and Motivala 2002, §3.1: before a member is held for failed, k others are asked to ping it.",
            breaks: "Nobody is asked: one broken link makes two healthy members suspect each other again and again.",
        },
    ),
    (
        Flaw::NoSuspicionTimeout,
        Variant {
            name: "no-suspicion-timeout",
            paper: "Das, Gupta and Motivala 2002, §4.2: a suspicion that nobody contradicts in time becomes a confirmed failure.",
            breaks: "A suspicion is never confirmed: who has crashed stays suspect, and is pinged, for ever.",
        },
    ),
]);

/// The same, for people.
pub(crate) const VARIANTS: &[Variant] = &FLAWS.rows::<4>();

const WORDS: [&str; VARIANTS.len() + 1] = variant::words(VARIANTS);

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break it on purpose, in one of these ways, to see what the rule is there for.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};
