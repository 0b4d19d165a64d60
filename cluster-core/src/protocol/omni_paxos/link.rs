//! Makes one link to another node what the engine assumes it to be: in order, nothing twice, and every loss noticed.
//!
//! The engine is not safe on links that reorder: it takes an AcceptSync of the promised ballot however old it is. And what
//! is lost before a silence it never sends again, unless it is told that the link was interrupted. So every message is
//! numbered; what is late or comes twice is let fall, and whoever notices a gap tells the engine on both ends.

use serde::{Deserialize, Serialize};

/// The numbers that a message carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    /// The sender's life: how often it booted.
    pub(super) life: u64,
    /// How many messages that count it has sent on this link, this one included.
    pub(super) sent: u64,
    /// How many heartbeats it has sent. They do not count: one that is lost is made up for by the next.
    pub(super) beats: u64,
    /// How often it noticed that messages to it were lost.
    pub(super) gaps: u64,
}

/// Both directions of one link, as one end knows them.
#[derive(Debug, Default)]
pub(super) struct Link {
    out: Numbers,
    got: Numbers,
}

/// What a message is, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Whether it is to be looked at: it is neither late nor here already.
    pub(super) fresh: bool,
    /// Whether something before it was lost, in either direction.
    pub(super) interrupted: bool,
}

impl Link {
    /// Numbers a message.
    pub(super) fn number(&mut self, life: u64, heartbeat: bool) -> Numbers {
        if heartbeat {
            self.out.beats += 1;
        } else {
            self.out.sent += 1;
        }
        self.out.life = life;
        self.out
    }

    /// Takes over the numbers of a message.
    pub(super) fn take(&mut self, numbers: Numbers, heartbeat: bool) -> Arrival {
        let mut interrupted = false;
        if numbers.life > self.got.life {
            // The other one booted: whatever its earlier life sent and is not here is lost.
            interrupted = self.got.life > 0;
            self.got = Numbers { life: numbers.life, ..Numbers::default() };
        }
        let next = if heartbeat { numbers.beats > self.got.beats } else { numbers.sent > self.got.sent };
        if numbers.life < self.got.life || !next {
            return Arrival { fresh: false, interrupted: false };
        }
        if numbers.sent > self.got.sent + u64::from(!heartbeat) {
            self.out.gaps += 1;
            interrupted = true;
        }
        interrupted |= numbers.gaps > self.got.gaps;
        self.got.sent = self.got.sent.max(numbers.sent);
        self.got.beats = self.got.beats.max(numbers.beats);
        self.got.gaps = self.got.gaps.max(numbers.gaps);
        Arrival { fresh: true, interrupted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Arrival = Arrival { fresh: true, interrupted: false };
    const LATE: Arrival = Arrival { fresh: false, interrupted: false };
    const AFTER_A_GAP: Arrival = Arrival { fresh: true, interrupted: true };

    #[test]
    fn messages_in_order_are_taken_once() {
        let (mut a, mut b) = (Link::default(), Link::default());
        for _ in 0..3 {
            let numbers = a.number(1, false);
            assert_eq!(b.take(numbers, false), FINE);
            assert_eq!(b.take(numbers, false), LATE);
        }
    }

    #[test]
    fn a_late_message_is_let_fall_and_the_gap_before_it_is_noticed_on_both_ends() {
        let (mut a, mut b) = (Link::default(), Link::default());
        let (first, second) = (a.number(1, false), a.number(1, false));
        assert_eq!(b.take(second, false), AFTER_A_GAP);
        assert_eq!(b.take(first, false), LATE);
        assert_eq!(a.take(b.number(1, true), true), AFTER_A_GAP);
        assert_eq!(a.take(b.number(1, true), true), FINE);
    }

    #[test]
    fn a_heartbeat_tells_of_a_lost_message_but_is_not_missed_itself() {
        let (mut a, mut b) = (Link::default(), Link::default());
        a.number(1, true);
        assert_eq!(b.take(a.number(1, true), true), FINE);
        a.number(1, false);
        assert_eq!(b.take(a.number(1, true), true), AFTER_A_GAP);
    }

    #[test]
    fn a_new_life_begins_anew_and_what_the_old_one_sent_is_late() {
        let (mut old, mut b) = (Link::default(), Link::default());
        assert_eq!(b.take(old.number(1, false), false), FINE);
        let late = old.number(1, false);
        let mut anew = Link::default();
        assert_eq!(b.take(anew.number(2, true), true), AFTER_A_GAP);
        assert_eq!(b.take(late, false), LATE);
        assert_eq!(b.take(anew.number(2, false), false), FINE);
    }
}
