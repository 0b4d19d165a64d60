//! The ways in which a server can be broken on purpose: each forgets what it must remember, or speaks too early.

use crate::protocol::{
    Knob, KnobValues, VARIANT_KNOB, Variant,
    variant::{self, Flaws},
};

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    RemembersAfterReply,
    ForgetsOnRestart,
    RemembersOnlyTheLast,
    AckBeforeFsync,
}

/// Every variant, once.
pub(super) const FLAWS: Flaws<Flaw> = Flaws(&[
    (
        Flaw::RemembersAfterReply,
        Variant {
            name: "remembers-after-reply",
            paper: "Birrell and Nelson §3.2: a call identifier lets the callee recognize a duplicate request, whenever it comes.",
            breaks: "A request is remembered when its answer is sent: one that is repeated while the disk is busy is executed again.",
        },
    ),
    (
        Flaw::ForgetsOnRestart,
        Variant {
            name: "forgets-on-restart",
            paper: "Birrell and Nelson §3.2: what a callee remembers of calls must outlast whatever a caller may still repeat.",
            breaks: "The table is not read at start: a request that was executed before a crash and is repeated after it is executed again.",
        },
    ),
    (
        Flaw::RemembersOnlyTheLast,
        Variant {
            name: "remembers-only-the-last",
            paper: "Birrell and Nelson §3.2: one call at a time is remembered for each activity, because an activity has no more than one.",
            breaks: "One request is remembered for all clients together: whoever asks in between makes the server forget the others.",
        },
    ),
    (
        Flaw::AckBeforeFsync,
        Variant {
            name: "ack-before-fsync",
            paper: "What is answered has taken effect, and stays: it is on the disk before the answer is sent.",
            breaks: "Requests are answered as soon as they are executed: a power loss takes acknowledged ones.",
        },
    ),
]);

/// The same, for people.
pub(crate) const VARIANTS: &[Variant] = &FLAWS.rows::<4>();

/// The knob that chooses one.
pub(super) const KNOB: Knob = Knob {
    name: VARIANT_KNOB,
    about: "Break a server on purpose: `faultline protocols rpc` says how.",
    default: variant::CORRECT,
    values: KnobValues::OneOf(&WORDS),
};

const WORDS: [&str; 5] = variant::words(VARIANTS);
