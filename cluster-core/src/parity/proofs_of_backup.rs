//! The scripts that show each variant of primary-backup.

use super::{
    acts::SHORT,
    proof::Proof,
    scene::{Scene, Stuck},
};
use crate::ids::NodeId;

/// Every variant, once.
pub(super) const PROOFS: &[Proof] = &[
    backup("ack-before-replication", alone),
    backup("ack-before-fsync", power_loss),
    backup("no-truncation", conflict),
    backup("no-consistency-check", another_history),
    backup("gives-up-on-backups", alone),
    Proof { breaks: &["single-writer"], ..backup("shares-epochs", two_primaries) },
];

const fn backup(variant: &'static str, script: fn(&mut Scene) -> Result<(), Stuck>) -> Proof {
    Proof { protocol: "primary-backup", variant, breaks: &["lost-write"], nodes: 3, script }
}

/// A primary alone is asked to write; then another takes over.
fn alone(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.split(&[&[1], &[2], &[3]])?;
    // Longer than the patience with backups that are silent.
    scene.pass(SHORT * 3);
    scene.write(1, "k", "alone")?;
    scene.pass(SHORT);
    scene.crash(1)?;
    scene.join()?;
    scene.lead(2)?;
    scene.put(2, "k", "after").map(drop)
}

/// A write is acknowledged while no disk can sync it; then all lose power.
fn power_loss(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.stall_disks(&[1, 2, 3])?;
    scene.put(1, "k", "value")?;
    scene.power_cycle(&[1, 2, 3])?;
    scene.lead(2)?;
    scene.put(2, "k", "after").map(drop)
}

/// The old primary has writes where the next one has others. It says that it has those, too, and takes over again.
fn conflict(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.split(&[&[1]])?;
    for n in 0..4 {
        scene.write(1, "a", &n.to_string())?;
    }
    scene.has_log(1, 5);
    scene.lead(2)?;
    scene.write(2, "k", "next")?;
    scene.has_log(3, 2);
    scene.join()?;
    scene
        .within(SHORT * 4, |state| state.nodes.get(&NodeId(1)).is_some_and(|node| node.view.leader == Some(NodeId(2))));
    scene.put(2, "k", "last")?;
    scene.crash(2)?;
    scene.lead(1)?;
    scene.put(1, "k", "after").map(drop)
}

/// The old primary has writes where the others have some of a primary between, and is taken for one of theirs.
fn another_history(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.split(&[&[1]])?;
    for n in 0..8 {
        scene.write(1, "a", &n.to_string())?;
    }
    scene.has_log(1, 10);
    scene.lead(2)?;
    scene.write(2, "k", "next")?;
    scene.write(2, "k", "more")?;
    scene.has_log(3, 5);
    scene.lead(3)?;
    scene.join()?;
    scene
        .within(SHORT * 4, |state| state.nodes.get(&NodeId(1)).is_some_and(|node| node.view.leader == Some(NodeId(3))));
    scene.put(3, "k", "last")?;
    scene.crash(3)?;
    scene.lead(1)?;
    scene.put(1, "k", "after").map(drop)
}

/// Two backups are made primary at once.
fn two_primaries(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[1], &[2], &[3]])?;
    scene.lead(2)?;
    scene.lead(3)?;
    scene.write(2, "k", "two")?;
    scene.write(3, "k", "three")
}
