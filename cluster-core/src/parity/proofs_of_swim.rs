//! The scripts that show each variant of SWIM. Members look at each other when it is time to, so here timers do count: a
//! script waits for longer than a group may take that is as it should be.

use std::time::Duration;

use super::{
    proof::Proof,
    scene::{Scene, Stuck},
};
use crate::{event::MemberStatus, ids::NodeId, trace::ClusterState};

/// Every variant, once.
pub(super) const PROOFS: &[Proof] = &[
    swim("no-refutation", &["swim-accuracy"], wrongly_buried),
    swim("incarnation-not-raised", &["swim-accuracy"], wrongly_buried),
    swim("no-indirect-probe", &["swim-accuracy"], one_link),
    swim("no-suspicion-timeout", &["swim-completeness"], crash),
];

/// Set so that a rumor takes longer than a suspicion lasts: who does not ask others first buries the living.
pub(super) const KNOBS: &[(&str, &str)] = &[("probe_period", "500ms"), ("suspicion_mult", "1"), ("gossip", "off")];

const ONE: NodeId = NodeId(1);
/// Longer than such a group needs to find out anything, by its own account.
const LONG: Duration = Duration::from_secs(12);

const fn swim(
    variant: &'static str,
    breaks: &'static [&'static str],
    script: fn(&mut Scene) -> Result<(), Stuck>,
) -> Proof {
    Proof { protocol: "swim", variant, breaks, nodes: 4, script }
}

/// n1 is cut off until the others hold it for dead; then nothing is broken any more.
fn wrongly_buried(scene: &mut Scene) -> Result<(), Stuck> {
    scene.split(&[&[1]])?;
    scene.until("the others to bury n1", |state| others_hold(state, MemberStatus::Dead))?;
    scene.join()?;
    scene.breaks_within(LONG);
    Ok(())
}

/// One link is broken, and nothing else.
fn one_link(scene: &mut Scene) -> Result<(), Stuck> {
    scene.part(1, 2)?;
    scene.breaks_within(LONG * 2);
    Ok(())
}

/// n1 dies.
fn crash(scene: &mut Scene) -> Result<(), Stuck> {
    scene.crash(1)?;
    scene.breaks_within(LONG);
    Ok(())
}

fn others_hold(state: &ClusterState, status: MemberStatus) -> bool {
    let mut others = state.nodes.iter().filter(|(node, _)| **node != ONE);
    others.all(|(_, node)| node.view.opinions.get(&ONE).is_some_and(|opinion| opinion.status == status))
}
