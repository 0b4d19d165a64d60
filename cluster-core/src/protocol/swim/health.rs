//! Lifeguard's local health: a member that misses answers asks first whether it is slow itself.

use crate::ids::NodeId;

/// The greatest doubt: Lifeguard's S.
pub(super) const DOUBT_MAX: u8 = 8;

/// A member's doubt about itself, and the round of probes that feeds it.
#[derive(Debug, Default)]
pub(super) struct Health {
    doubt: u8,
    round: Option<Round>,
}

/// A round of probes.
#[derive(Debug)]
struct Round {
    target: NodeId,
    number: u8,
    answered: bool,
    /// How many others were asked to ping, and how many of them said that they have no answer.
    asked: u8,
    nacks: u8,
}

impl Health {
    /// Returns the doubt: 0 is none.
    pub(super) fn doubt(&self) -> u8 {
        self.doubt
    }

    /// Returns by how much probes take longer (LHA-Probe).
    pub(super) fn factor(&self) -> u32 {
        u32::from(self.doubt) + 1
    }

    /// A member is pinged.
    pub(super) fn pinged(&mut self, target: NodeId, number: u8) {
        self.round = Some(Round { target, number, answered: false, asked: 0, nacks: 0 });
    }

    /// Another was asked to ping it, too.
    pub(super) fn asked(&mut self) {
        if let Some(round) = &mut self.round {
            round.asked = round.asked.saturating_add(1);
        }
    }

    /// An answer came, from the member itself or through another.
    pub(super) fn answered(&mut self, number: u8) {
        if let Some(round) = self.round.as_mut().filter(|round| round.number == number) {
            round.answered = true;
        }
    }

    /// One who was asked says that it has no answer.
    pub(super) fn nacked(&mut self, number: u8, target: NodeId) {
        if let Some(round) = self.round.as_mut().filter(|round| (round.number, round.target) == (number, target)) {
            round.nacks = round.nacks.saturating_add(1);
        }
    }

    /// Returns whom the member waits for, and how many others it asked; nobody before it asked others.
    pub(super) fn waits_for(&self) -> Option<(NodeId, u8)> {
        let round = self.round.as_ref()?;
        (round.asked > 0 && !round.answered).then_some((round.target, round.asked))
    }

    /// The round is over. Where even those who were asked are silent, the fault is likely one's own.
    pub(super) fn conclude(&mut self) {
        let Some(round) = self.round.take() else { return };
        if round.answered {
            self.doubt = self.doubt.saturating_sub(1);
        } else {
            let missed = if round.asked > 0 { round.asked.saturating_sub(round.nacks) } else { 1 };
            self.add(missed);
        }
    }

    /// The member is suspected by others.
    pub(super) fn suspected(&mut self) {
        self.add(1);
    }

    fn add(&mut self, much: u8) {
        self.doubt = self.doubt.saturating_add(much).min(DOUBT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(acts: impl Fn(&mut Health)) -> u8 {
        let mut health = Health { doubt: 3, round: None };
        health.pinged(NodeId(2), 7);
        acts(&mut health);
        health.conclude();
        health.doubt
    }

    #[test]
    fn an_answer_takes_doubt_away_and_silence_all_around_adds_it() {
        assert_eq!(after(|health| health.answered(7)), 2);
        assert_eq!(after(|health| health.answered(6)), 4, "an answer to an earlier round is none");
        assert_eq!(after(|health| (0..3).for_each(|_| health.asked())), 6);
        assert_eq!(after(|health| (0..9).for_each(|_| health.asked())), DOUBT_MAX);
    }

    /// Without it, a member beside a dead one would slow down.
    #[test]
    fn a_dead_member_of_which_all_others_say_so_is_no_reason_for_doubt() {
        let dead = |health: &mut Health| {
            (0..3).for_each(|_| health.asked());
            (0..3).for_each(|_| health.nacked(7, NodeId(2)));
        };
        assert_eq!(after(dead), 3);
    }
}
