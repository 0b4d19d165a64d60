//! Takes one leader away after the other, and brings each back when the next one goes.
//!
//! What a leader wrote down for itself alone comes back in this way, after others led meanwhile: the paper's Figure 8.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Striker;
use crate::{
    command::Command,
    fault::{Fault, Heal},
    ids::{Epoch, NodeId},
    time::Timestamp,
    trace::ClusterState,
};

/// How often it looks whether somebody else leads.
const GLANCE: Duration = Duration::from_millis(10);
/// How long nobody may lead before it mends: a part of the cluster in which nobody can win is of no use.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Takes leaders away, one at a time.
pub(super) struct Usurper {
    rng: ChaCha8Rng,
    /// The shortest and the longest time that a leader is left in office.
    reign: (Duration, Duration),
    wakes_at: Option<Timestamp>,
    /// Who leads, in which epoch, and until when.
    reigns: Option<(NodeId, Epoch, Timestamp)>,
    /// Who was taken away last, in which epoch, and when.
    fallen: Option<(NodeId, Epoch, Timestamp)>,
}

impl Usurper {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5553_5552);
        let least = Duration::from_millis(rng.random_range(20..200));
        let reign = (least, least * rng.random_range(2..8));
        Self { rng, reign, wakes_at: None, reigns: None, fallen: None }
    }

    /// Takes over who leads by now: of several, the one of the latest epoch, unless it was just taken away.
    fn look(&mut self, now: Timestamp, state: &ClusterState) {
        let Some((leader, epoch)) = state.leader().and_then(|node| Some((node, state.nodes.get(&node)?.view.epoch)))
        else {
            return;
        };
        let fell = self.fallen.is_some_and(|(node, of, _)| node == leader && of == epoch);
        let known = self.reigns.is_some_and(|(node, of, _)| node == leader && of == epoch);
        if !fell && !known {
            let (least, most) = self.reign;
            self.reigns = Some((leader, epoch, now + self.rng.random_range(least..=most)));
        }
    }
}

impl Striker for Usurper {
    fn wakes_at(&self) -> Option<Timestamp> {
        self.wakes_at
    }

    fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        self.wakes_at = Some(now + GLANCE);
        self.look(now, state);
        match (self.reigns, self.fallen) {
            (Some((leader, epoch, until)), _) if now >= until => {
                (self.reigns, self.fallen) = (None, Some((leader, epoch, now)));
                vec![Command::Heal(Heal::Links), Command::Inject(vec![Fault::Partition(vec![vec![leader.into()]])])]
            }
            (None, Some((.., since))) if now.since(since) >= PATIENCE => {
                self.fallen = None;
                vec![Command::Heal(Heal::Links)]
            }
            (Some(_) | None, _) => Vec::new(),
        }
    }
}
