//! For each way in which a protocol can be broken on purpose, a script that shows it, on simulated nodes or on real ones.
//!
//! No step waits for a timer of a node where there is a leader: elections are asked for, messages are held until they are
//! needed, and the nodes' own patience is so long that nothing else happens meanwhile. So a script shows the same however
//! fast the machine is.

use std::{collections::BTreeMap, time::Duration};

use super::{
    proofs_of_backup, proofs_of_omni_paxos, proofs_of_raft, proofs_of_rpc, proofs_of_swim,
    scene::{Scene, Stuck},
};
use crate::{
    fault::Delay,
    hunt::Quarry,
    ids::NodeId,
    name::Name,
    origin::BackendKind,
    protocol::VARIANT_KNOB,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
    trace::NodeStatus,
};

/// A script that shows a variant to be broken.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The protocol.
    pub protocol: &'static str,
    /// The variant.
    pub variant: &'static str,
    /// The promises of which it breaks one: which is seen first depends on what is heard first.
    pub breaks: &'static [&'static str],
    /// How many nodes it takes.
    pub nodes: u16,
    /// Goes through it.
    pub script: fn(&mut Scene) -> Result<(), Stuck>,
}

/// Returns every script.
pub fn proofs() -> impl Iterator<Item = &'static Proof> {
    let rooms = [
        proofs_of_raft::PROOFS,
        proofs_of_backup::PROOFS,
        proofs_of_omni_paxos::PROOFS,
        proofs_of_rpc::PROOFS,
        proofs_of_swim::PROOFS,
    ];
    rooms.into_iter().flatten()
}

impl Proof {
    /// Returns the cluster of the script, broken or (without the variant) as it should be.
    pub fn spec(&self, broken: bool, seed: u64) -> ClusterSpec {
        let mut quarry = Quarry::new(self.protocol);
        if broken {
            quarry = quarry.with(VARIANT_KNOB, self.variant);
        }
        let knobs: &[(&str, &str)] = match self.protocol {
            "primary-backup" => &[("failover", "manual"), ("patience", "1s")],
            "swim" => proofs_of_swim::KNOBS,
            _ => &[], // the others wait to be asked as they are
        };
        for (knob, value) in knobs {
            quarry = quarry.with(knob, value);
        }
        ClusterSpec {
            protocol: self.protocol.to_owned(),
            nodes: (1..=self.nodes).map(NodeId).collect(),
            seed,
            profile: TimingProfile::Slower,
            link_delay: Some(Delay::constant(Duration::from_millis(2))),
            knobs: quarry.knobs,
            clients: self.caller().into_iter().collect(),
            ..ClusterSpec::default()
        }
    }

    /// Returns the client that asks again if it is not answered, where that is what it is about.
    fn caller(&self) -> Option<ClientSpec> {
        (self.protocol == "rpc").then(|| ClientSpec {
            id: proofs_of_rpc::CALLER,
            load: Load::Idle,
            timeout: Duration::from_millis(300),
            retries: 30,
            ..ClientSpec::default()
        })
    }

    /// Goes through the script. Returns the promises that were seen to be broken, each with a sentence.
    pub fn play(&self, broken: bool, backend: BackendKind, seed: u64) -> Result<BTreeMap<Name, String>, Stuck> {
        let mut scene = Scene::start(&self.spec(broken, seed), backend)?;
        scene.until("all nodes", |state| state.nodes.values().all(|node| node.status == NodeStatus::Up))?;
        let went = (self.script)(&mut scene);
        // What a node is stopped by ends the script early.
        let seen = scene.breaks_within(super::acts::SHORT);
        let found = scene.broken().clone();
        scene.finish()?;
        match went {
            Err(stuck) if !seen => Err(stuck),
            Ok(()) | Err(_) => Ok(found),
        }
    }

    /// Returns whether one of these is a promise that the variant breaks.
    pub fn is_shown_by(&self, found: &BTreeMap<Name, String>) -> bool {
        found.keys().any(|promise| self.breaks.contains(&promise.as_str()))
    }
}
