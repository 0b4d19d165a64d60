//! The faults of a hunt: a nemesis for each seed.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Striker, quarry::is_quiet, usurper::Usurper};
use crate::{
    command::Command,
    fault::FaultKind,
    nemesis::{Nemesis, NemesisSpec, Profile},
    time::Timestamp,
    trace::ClusterState,
};

impl Striker for Nemesis {
    fn wakes_at(&self) -> Option<Timestamp> {
        Self::wakes_at(self)
    }

    fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command> {
        Self::next(self, now, state)
    }
}

/// What takes leaders away.
const LEADERS: [FaultKind; 4] = [FaultKind::Crash, FaultKind::Freeze, FaultKind::Cut, FaultKind::Partition];

/// Returns the nemesis of each seed, by that profile. Some strike rarely, some all the time; a majority may fall, for a
/// correct protocol loses nothing by that. A swarm also has some that only take one leader away after the other.
pub fn nemeses(profile: Profile) -> impl Fn(u64) -> Box<dyn Striker> + Sync {
    move |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5354_524B);
        let gap = Duration::from_millis(rng.random_range(100..1500));
        // Where little is written, what matters is who leads.
        let kinds = match profile {
            Profile::Swarm if is_quiet(seed) && !seed.is_multiple_of(2) => return Box::new(Usurper::new(seed)),
            Profile::Swarm if is_quiet(seed) => LEADERS.to_vec(),
            _ => Vec::new(), // those of the profile
        };
        let spec = NemesisSpec { kinds, gap, keep_majority: rng.random_ratio(1, 3), ..NemesisSpec::of(profile) };
        Box::new(Nemesis::new(spec, seed))
    }
}
