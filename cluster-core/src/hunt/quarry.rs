//! What is hunted: a protocol with its knobs, and how a seed becomes a cluster under load.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Check, Trial};
use crate::{
    command::Command,
    fault::Delay,
    ids::{ClientId, NodeId},
    registry,
    spec::{ClientSpec, ClusterSpec, Load, SpecError, Target},
    time::{Timestamp, TimingProfile},
    trace::ClusterState,
};

/// Returns whether a seed is one of a cluster with little to do: some mistakes show only while nobody writes.
pub(super) fn is_quiet(seed: u64) -> bool {
    seed.is_multiple_of(5)
}

/// Draws faults, by the state of the cluster. The same seed, times and states give the same commands.
pub trait Striker {
    /// Returns when it wants to be asked next; `None` before it was asked first.
    fn wakes_at(&self) -> Option<Timestamp>;
    /// Returns what is to be asked of the cluster at that time.
    fn next(&mut self, now: Timestamp, state: &ClusterState) -> Vec<Command>;
}

/// Makes the striker of a seed.
pub type StrikerOf<'a> = &'a (dyn Fn(u64) -> Box<dyn Striker> + Sync);

/// What is hunted.
#[derive(Clone, Debug, PartialEq)]
pub struct Quarry {
    /// The protocol.
    pub protocol: String,
    /// The knobs that differ from their defaults, with the variant.
    pub knobs: BTreeMap<String, String>,
    /// How many nodes; drawn from the seed if it is not said.
    pub nodes: Option<u16>,
    /// How long faults strike, in cluster time.
    pub strikes_for: Duration,
    /// What is looked for.
    pub checks: Vec<Check>,
}

impl Quarry {
    /// Returns a protocol as it is hunted: at the settings in which it promises most.
    pub fn new(protocol: &str) -> Self {
        let strictest: &[(&str, &str)] = match protocol {
            "primary-backup" => &[("mode", "sync"), ("fencing", "on"), ("replica_reads", "off")],
            _ => &[], // the defaults of the others promise everything
        };
        let knobs = strictest.iter().map(|(knob, value)| ((*knob).to_owned(), (*value).to_owned())).collect();
        let mut quarry = Self {
            protocol: protocol.to_owned(),
            knobs,
            nodes: None,
            strikes_for: Duration::from_secs(10),
            checks: Vec::new(),
        };
        quarry.checks = quarry.promised();
        quarry
    }

    /// Returns it with a knob set.
    pub fn with(mut self, knob: &str, value: &str) -> Self {
        self.knobs.insert(knob.to_owned(), value.to_owned());
        self
    }

    /// Returns what it promises at all.
    pub fn promised(&self) -> Vec<Check> {
        let spec = ClusterSpec { protocol: self.protocol.clone(), knobs: self.knobs.clone(), ..ClusterSpec::default() };
        registry::protocol(&self.protocol).map(|row| Check::promised(row, &spec)).unwrap_or_default()
    }

    /// Checks protocol and knobs.
    pub fn check(&self) -> Result<(), SpecError> {
        registry::check(&self.trial(0).spec).map(drop)
    }

    /// Draws the cluster and its clients from a seed.
    ///
    /// Each seed has a load of its own: few keys and many clients show other mistakes than many keys and few clients.
    pub fn trial(&self, seed: u64) -> Trial {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x4855_4E54);
        let nodes = self.nodes.unwrap_or(if rng.random() { 3 } else { 5 });
        let clients = rng.random_range(2..=5);
        let keys = rng.random_range(1..=4);
        let read_share = rng.random_range(0.2..0.7);
        let snapshot_every = [10, 50, 1000][rng.random_range(0..3)];
        // The longer messages travel, the more is under way when something happens.
        let delay = Duration::from_millis([5, 20, 60][rng.random_range(0..3)]);
        let client = |id: u16, rng: &mut ChaCha8Rng| ClientSpec {
            id: ClientId(id),
            load: Load::Open { rate_hz: rng.random_range(4.0..25.0) * if is_quiet(seed) { 0.06 } else { 1.0 } },
            read_share,
            keys,
            timeout: Duration::from_millis(rng.random_range(150..800)),
            retries: rng.random_range(0..4),
            target: Target::Leader,
            ..ClientSpec::default()
        };
        let row = registry::protocol(&self.protocol);
        let mut knobs = self.knobs.clone();
        if row.is_none_or(|row| row.knobs.iter().any(|knob| knob.name == "snapshot_every")) {
            knobs.entry("snapshot_every".to_owned()).or_insert_with(|| format!("{snapshot_every}"));
        }
        let clients = if row.is_none_or(|row| row.serves_clients) { clients } else { 0 };
        let spec = ClusterSpec {
            protocol: self.protocol.clone(),
            nodes: (1..=nodes).map(NodeId).collect(),
            seed,
            profile: TimingProfile::Fast,
            link_delay: Some(Delay::uniform(delay, delay / 2)),
            clients: (1..=clients).map(|id| client(id, &mut rng)).collect(),
            knobs,
            ..ClusterSpec::default()
        };
        Trial { spec, script: Vec::new(), strikes_for: self.strikes_for }
    }
}
