//! The scripts that show each variant of Omni-Paxos.

use super::{
    acts::SHORT,
    proof::Proof,
    proofs_of_raft::{power_loss, sent_twice},
    scene::{Scene, Stuck},
};
use crate::{fault::Times, ids::NodeId};

/// Every variant, once.
pub(super) const PROOFS: &[Proof] = &[
    omni_paxos("ack-before-fsync", &["lost-write"], power_loss),
    omni_paxos("adopts-shorter-log", &["lost-write", "uniform-agreement"], short_log),
    omni_paxos("no-dedup", &["linearizable"], sent_twice),
];

const fn omni_paxos(
    variant: &'static str,
    breaks: &'static [&'static str],
    script: fn(&mut Scene) -> Result<(), Stuck>,
) -> Proof {
    Proof { protocol: "omni-paxos", variant, breaks, nodes: 3, script }
}

/// n2 has a decided entry and does not know that it is decided; n3 missed it, and leads.
fn short_log(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.within(SHORT, |state| state.nodes.get(&NodeId(2)).is_some_and(|node| node.view.commit_index.0 >= 1));
    scene.split(&[&[3]])?;
    scene.hold(Times::Always, "Decide", 1, 2)?;
    scene.must_put(1, "k", "value")?;
    scene.crash(1)?;
    scene.join()?;
    scene.lead(3)?;
    scene.put(3, "k", "after").map(drop)
}
