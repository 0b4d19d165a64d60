//! The scripts that show each variant of the Raft that is there to be read.

use super::{
    acts::SHORT,
    proof::Proof,
    scene::{Scene, Stuck},
};
use crate::{
    fault::{ByHand, Times},
    ids::NodeId,
};

/// Every variant, once.
pub(super) const PROOFS: &[Proof] = &[
    raft("vote-not-persisted", &["election-safety"], forgotten_vote),
    raft("term-not-persisted", &["election-safety"], forgotten_vote),
    raft("ack-before-fsync", &["leader-completeness", "lost-write"], power_loss),
    raft("grants-two-votes", &["election-safety"], two_candidates),
    raft("ignores-log-up-to-date", &["leader-completeness"], short_log),
    raft("forgets-to-step-down", &["log-matching", "election-safety"], deposed),
    raft("commit-older-term", &["leader-completeness"], figure_8),
    raft("commit-without-majority", &["leader-completeness"], lone_leader),
    Proof { nodes: 5, ..raft("commit-beyond-match", &["state-machine-safety"], long_log) },
    raft("no-truncation", &["log-matching"], conflict),
    raft("truncates-on-old-append", &["node-stopped"], late_append),
    raft("stale-read", &["linearizable"], old_leader_reads),
    raft("read-before-no-op", &["linearizable"], early_read),
    raft("no-dedup", &["linearizable"], sent_twice),
];

const fn raft(
    variant: &'static str,
    breaks: &'static [&'static str],
    script: fn(&mut Scene) -> Result<(), Stuck>,
) -> Proof {
    Proof { protocol: "raft-study", variant, breaks, nodes: 3, script }
}

const APPEND: &str = "AppendEntries";

/// n2 votes for n1, boots, and is asked by n3 in the same term.
fn forgotten_vote(scene: &mut Scene) -> Result<(), Stuck> {
    first_of_two(scene)?;
    scene.reboot(2)?;
    scene.campaign_once(3)
}

/// n2 votes for n1, and is asked by n3 in the same term.
fn two_candidates(scene: &mut Scene) -> Result<(), Stuck> {
    first_of_two(scene)?;
    scene.campaign_once(3)
}

/// n1 leads by the vote of n2, which hears nothing of that; n3 does not even hear of the term.
fn first_of_two(scene: &mut Scene) -> Result<(), Stuck> {
    scene.part(1, 3)?;
    scene.hold(Times::Always, APPEND, 1, 2)?;
    scene.lead(1)
}

/// A write is acknowledged while no disk can sync it; then all lose power.
pub(super) fn power_loss(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.stall_disks(&[1, 2, 3])?;
    scene.put(1, "k", "value")?;
    scene.power_cycle(&[1, 2, 3])?;
    scene.lead(2)
}

/// n3 missed a committed entry, and asks for votes.
fn short_log(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[3]])?;
    scene.must_put(1, "k", "value")?;
    scene.crash(1)?;
    scene.join()?;
    scene.campaign(3).map(drop)
}

/// A leader that was cut off hears of the next term, and is asked to write.
fn deposed(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[1]])?;
    scene.lead(2)?;
    scene.must_put(2, "k", "next")?;
    scene.join()?;
    scene.must_put(2, "k", "last")?;
    let term = |scene: &Scene, node: u16| scene.state().nodes.get(&NodeId(node)).map(|it| it.view.epoch);
    let next = term(scene, 2);
    scene.within(SHORT, |state| state.nodes.get(&NodeId(1)).map(|it| it.view.epoch) == next);
    scene.put(1, "k", "old").map(drop)
}

/// Figure 8: the first leader returns with an entry of its first term, brings it to a majority, and falls; the second
/// returns with an entry of a later term.
fn figure_8(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[1]])?;
    scene.write(1, "k", "first")?;
    scene.lead(2)?;
    scene.split(&[&[1], &[2], &[3]])?;
    scene.write(2, "k", "second")?;
    scene.split(&[&[2]])?;
    // As it should be, n3 has the no-op of the second leader, and n1 is denied its vote.
    if !scene.campaign(1)? {
        return Ok(());
    }
    let has = scene.state().nodes.get(&NodeId(1)).map_or(0, |node| node.log.last().0);
    scene.within(SHORT, |state| state.nodes.get(&NodeId(1)).is_some_and(|node| node.view.commit_index.0 >= has));
    scene.split(&[&[1]])?;
    scene.campaign(2).map(drop)
}

/// A leader alone is asked to write; the others elect another.
fn lone_leader(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.split(&[&[1]])?;
    scene.put(1, "k", "value")?;
    scene.lead(2)
}

/// n2 has an entry that nobody committed, behind more than one message can bring; the next leader brings it up to date from
/// the beginning.
fn long_log(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    for n in 2..BATCH {
        scene.write(1, "k", &n.to_string())?;
    }
    scene.must_put(1, "k", "last of the batch")?;
    for node in 2..=5 {
        scene.has_log(node, BATCH);
    }
    scene.split(&[&[1, 2], &[3, 4, 5]])?;
    scene.write(1, "k", "never committed")?;
    scene.has_log(2, BATCH + 1);
    scene.lead(3)?;
    scene.must_put(3, "k", "next")?;
    scene.crash(2)?;
    scene.split(&[&[1]])?;
    scene.restart(NodeId(2))?;
    let committed = BATCH + 2;
    scene.within(super::scene::PATIENCE, |state| {
        state.nodes.get(&NodeId(2)).is_some_and(|node| node.view.commit_index.0 >= committed)
    });
    Ok(())
}

/// How many entries one message carries at most.
const BATCH: u64 = 256;

/// n1 has an entry where the next leader has others.
fn conflict(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[1]])?;
    scene.write(1, "k", "alone")?;
    scene.lead(2)?;
    scene.must_put(2, "k", "next")?;
    scene.join()?;
    scene.has_log(1, 3);
    scene.put(2, "k", "last")?;
    scene.has_log(1, 4);
    Ok(())
}

/// A message with one entry arrives after later ones were committed.
fn late_append(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "before")?;
    scene.split(&[&[3]])?;
    scene.has_log(2, 2);
    scene.hold(Times::Once, APPEND, 1, 2)?;
    scene.write(1, "k", "late")?;
    let Some(held) = scene.held(1) else { return Err("no message is held".to_owned()) };
    scene.must_put(1, "k", "in time")?;
    // The next message says what is committed.
    scene.must_put(1, "k", "last")?;
    scene.must_put(1, "k", "the very last")?;
    scene.within(SHORT, |state| state.nodes.get(&NodeId(2)).is_some_and(|node| node.view.commit_index.0 >= 4));
    held.into_iter().try_for_each(|msg| scene.release(msg))
}

/// A leader that was cut off is asked to read what was written since.
fn old_leader_reads(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.must_put(1, "k", "old")?;
    scene.split(&[&[1]])?;
    scene.lead(2)?;
    scene.must_put(2, "k", "new")?;
    scene.get(1, "k").map(drop)
}

/// A leader is asked to read before it knows what is committed; n3 confirms that it leads, but has nothing.
fn early_read(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.split(&[&[3]])?;
    scene.must_put(1, "k", "value")?;
    scene.crash(1)?;
    scene.join()?;
    scene.hold(Times::Always, APPEND, 2, 3)?;
    scene.lead(2)?;
    let before = scene.held(1).map_or(0, |held| held.len());
    scene.get(2, "k")?;
    let Some(held) = scene.held(before + 1) else { return Ok(()) };
    held.into_iter().skip(before).try_for_each(|msg| scene.release(msg))
}

/// A write arrives a second time, after another one.
pub(super) fn sent_twice(scene: &mut Scene) -> Result<(), Stuck> {
    scene.lead(1)?;
    scene.hold_hand(1)?;
    scene.write(1, "k", "first")?;
    let Some(held) = scene.held(1) else { return Err("no message is held".to_owned()) };
    for msg in &held {
        scene.ask(crate::command::Command::Message(ByHand::Duplicate(*msg)))?;
    }
    scene.has_log(1, 2);
    scene.get(1, "k")?;
    scene.must_put(1, "k", "second")?;
    scene.get(1, "k")?;
    held.into_iter().try_for_each(|msg| scene.release(msg))?;
    scene.has_log(1, 4);
    scene.get(1, "k").map(drop)
}
