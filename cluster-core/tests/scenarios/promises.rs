//! What clients were promised, judged while clusters run and break.

use std::time::Duration;

use cluster_core::{
    check::Observers,
    command::Command,
    event::{Conclusion, EventKind, Finding},
    fault::{Delay, Fault, Heal, LinkFault},
    ids::{ClientId, NodeId},
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load, Target},
};

use crate::common::{SECOND, client, cluster, ends, events, inject, with_knob};

/// A client that writes and reads few keys at one node.
fn client_at(id: u16, node: u16, read_share: f64) -> ClientSpec {
    ClientSpec { target: Target::Fixed(NodeId(node)), read_share, keys: 2, ..client(id, 40.0) }
}

fn checked(spec: &ClusterSpec) -> Sim {
    let mut sim = Sim::observed(spec, Box::new(Observers::of(spec))).expect("the spec is sound");
    assert!(sim.run_until(30 * SECOND, |trace| trace.latest().leader().is_some()));
    sim
}

fn findings(sim: &Sim) -> Vec<Finding> {
    let finding = |kind| match kind {
        EventKind::Found { finding } => Some(*finding),
        _ => None, // nothing else is a finding
    };
    events(sim.trace()).into_iter().filter_map(|event| finding(event.kind)).collect()
}

/// The leader is cut off with a client that keeps reading there; the others elect another one and go on writing.
fn cut_off_leader(reads: &str, seed: u64) -> (Sim, NodeId) {
    let mut spec = with_knob(with_knob(cluster("raft", 3, seed), "reads", reads), "check_quorum", "off");
    spec.clients = vec![ClientSpec { keys: 2, read_share: 0.0, ..client(1, 40.0) }];
    let mut sim = checked(&spec);
    let leader = sim.trace().latest().leader().expect("just seen");
    sim.command(Command::SetClient(client_at(2, leader.0, 1.0)));
    sim.run_for(2 * SECOND);
    let mut group = ends(&[leader]);
    group.push(ClientId(2).into());
    inject(&mut sim, Fault::Partition(vec![group]));
    sim.run_for(8 * SECOND);
    (sim, leader)
}

#[test]
fn a_stale_read_is_found_while_the_run_goes_on_and_explained_in_one_sentence() {
    let (sim, leader) = cut_off_leader("local", 71);
    let found = findings(&sim);
    let stale = found.iter().find(|finding| finding.promise.as_str() == "linearizable").expect("a stale read");
    assert_eq!((stale.conclusion, stale.nodes.as_slice()), (Conclusion::Violated, &[leader][..]), "{found:#?}");
    assert!(stale.ops.len() >= 2 && !stale.order.is_empty() && !stale.faults.is_empty(), "{stale:?}");
    let (first, second) = stale.sentence.split_once("; ").expect("two parts");
    assert!(first.contains(&format!("at {leader} returned")) && first.contains("before it began"), "{first}");
    let silence = format!("{leader} still led in");
    assert!(second.starts_with(&silence) && second.contains("since the script cut"), "{second}");
}

#[test]
fn confirmed_reads_keep_every_promise_through_the_same_partition() {
    for seed in [71, 72] {
        let (mut sim, _) = cut_off_leader("index", seed);
        sim.command(Command::Heal(Heal::All));
        sim.run_for(5 * SECOND);
        assert_eq!(findings(&sim), [], "at seed {seed}");
        assert!(sim.trace().latest().clients.values().any(|client| client.ok > 100));
    }
}

#[test]
fn replica_reads_of_primary_backup_break_what_its_acknowledgements_seem_to_promise() {
    let mut spec = with_knob(cluster("primary-backup", 3, 73), "replica_reads", "on");
    spec.clients = vec![
        ClientSpec { keys: 1, read_share: 0.0, load: Load::Open { rate_hz: 100.0 }, ..client(1, 1.0) },
        ClientSpec { keys: 1, ..client_at(2, 2, 1.0) },
        ClientSpec { keys: 1, ..client_at(3, 3, 1.0) },
    ];
    let mut sim = checked(&spec);
    let slow = LinkFault::Delay(Delay::constant(Duration::from_millis(200)));
    for backup in [2, 3] {
        inject(&mut sim, Fault::Link((NodeId(1).into(), NodeId(backup).into()), slow));
    }
    sim.run_for(3 * SECOND);
    let found = findings(&sim);
    assert!(found.iter().any(|finding| finding.promise.as_str() == "linearizable"), "{found:?}");
    // The backups lag, but each client stays at one of them, and sees what it saw.
    assert!(found.iter().all(|finding| finding.promise.as_str() == "linearizable"), "{found:?}");
}
