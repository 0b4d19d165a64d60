//! Primary-backup as a user sees it.

use cluster_core::{
    command::Command,
    event::Outcome,
    fault::{Delay, Fault, Heal, LinkFault},
    ids::NodeId,
    trace::Summary,
};
use std::time::Duration;

use crate::common::{SECOND, client, cluster, ends, inject, led, outcomes, put, summary, with_knob};

fn slow_replication(primary: NodeId, nodes: &[NodeId]) -> Vec<Fault> {
    let delay = Delay::constant(Duration::from_millis(1500));
    let others = nodes.iter().filter(|node| **node != primary);
    others.map(|node| Fault::Link((primary.into(), (*node).into()), LinkFault::Delay(delay))).collect()
}

fn lost_after_the_primary_dies(mode: &str, seed: u64) -> Summary {
    // Patience is longer than the delay: it is the crash that deposes the primary, not the delay.
    let spec = with_knob(with_knob(cluster("primary-backup", 3, seed), "mode", mode), "patience", "3s");
    let spec = with_knob(spec, "semi_timeout", "60s");
    let mut spec = spec;
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, primary) = led(&spec);
    sim.run_for(SECOND);
    sim.command(Command::Inject(slow_replication(primary, &spec.nodes)));
    sim.run_for(5 * SECOND);
    inject(&mut sim, Fault::Crash(primary));
    sim.run_for(15 * SECOND);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(15 * SECOND);
    summary(&sim)
}

#[test]
fn asynchronous_replication_loses_acknowledged_writes_with_its_primary() {
    let summary = lost_after_the_primary_dies("async", 1);
    assert!(summary.lost_acknowledged >= 5, "{summary:?}");
}

#[test]
fn semi_synchronous_replication_keeps_them() {
    let summary = lost_after_the_primary_dies("semi-sync", 2);
    assert!(summary.acknowledged > 10, "{summary:?}");
    assert_eq!(summary.lost_acknowledged, 0, "{summary:?}");
}

#[test]
fn synchronous_replication_acknowledges_nothing_while_a_backup_is_cut_off() {
    let spec = with_knob(with_knob(cluster("primary-backup", 3, 3), "mode", "sync"), "failover", "manual");
    let (mut sim, primary) = led(&spec);
    let backup = spec.nodes.iter().copied().find(|node| *node != primary).expect("three nodes");
    inject(&mut sim, Fault::Partition(vec![ends(&[backup])]));
    put(&mut sim, primary, "k", "v");
    sim.run_for(10 * SECOND);
    assert!(!outcomes(sim.trace()).iter().flatten().any(Outcome::is_ok));
}

#[test]
fn failover_without_a_quorum_makes_two_primaries() {
    let spec = with_knob(cluster("primary-backup", 3, 4), "fencing", "off");
    let (mut sim, primary) = led(&spec);
    inject(&mut sim, Fault::Partition(vec![ends(&[primary])]));
    sim.run_for(15 * SECOND);
    assert!(sim.trace().latest().leaders().count() >= 2);
}
