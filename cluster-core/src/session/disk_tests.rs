//! Sick machines for real: real files, real syncs, real time.

use super::{tests::Watched, *};
use crate::{
    event::{DiskHarm, EventKind, NodeFailure, Outcome},
    fault::{Fault, Heal, NodeFault, Slowness},
    ids::NodeId,
    request::Request,
};

fn everywhere(fault: impl Fn(NodeId) -> Fault) -> Command {
    Command::Inject((1..=3).map(|n| fault(NodeId(n))).collect())
}

fn other_than(leader: NodeId) -> NodeId {
    NodeId(if leader == NodeId(1) { 2 } else { 1 })
}

fn submit(node: NodeId) -> Command {
    Command::Submit { node, request: Request::Put { key: "key".into(), value: "value".into() } }
}

#[test]
fn an_outage_takes_acknowledged_writes_from_disks_that_lie_live() {
    let mut cluster = Watched::three();
    let leader = cluster.wait_leader();
    cluster.ask(everywhere(|node| Fault::Node(node, NodeFault::LyingSync)));
    cluster.put(leader, "key");
    cluster.ask(everywhere(Fault::PowerLoss));
    for _ in 0..3 {
        let lost = |kind: &EventKind| match kind {
            EventKind::NodeLostPower { records_lost, .. } => Some(*records_lost),
            _ => None,
        };
        cluster.wait("a power loss", lost);
    }
    cluster.ask(Command::Heal(Heal::All));
    let leader = cluster.wait_leader();
    cluster.ask(Command::Submit { node: leader, request: Request::Get { key: "key".into() } });
    let value = cluster.wait("an answer", |kind| match kind {
        EventKind::OpReturned { outcome: Outcome::Value { value, .. }, .. } => Some(value.clone()),
        _ => None,
    });
    assert_eq!(value, None, "it was acknowledged, and is gone");
}

#[test]
fn the_record_that_was_being_written_is_torn_and_the_next_boot_cuts_it_off_live() {
    let mut cluster = Watched::three();
    let leader = cluster.wait_leader();
    cluster.put(leader, "before");
    let node = other_than(leader);
    // A sync that does not begin in time leaves the record for the power loss.
    cluster.ask(Command::Inject(vec![Fault::Node(node, NodeFault::DiskSlow(Duration::from_secs(20)))]));
    cluster.ask(submit(leader));
    cluster.wait("the entry at the slow disk", |kind| match kind {
        EventKind::LogSpliced { node: at, .. } if *at == node => Some(()),
        _ => None,
    });
    cluster.ask(Command::Inject(vec![Fault::Node(node, NodeFault::TornPowerLoss)]));
    let torn = cluster.wait("the torn record", |kind| match kind {
        EventKind::DiskHarmed { record, harm: DiskHarm::Torn { kept, .. }, .. } => Some((*record, *kept)),
        _ => None,
    });
    cluster.ask(Command::Restart(node));
    let cut = cluster.wait("the cut", |kind| match kind {
        EventKind::DiskHarmed { record, harm: DiskHarm::CutOff { bytes }, .. } => Some((*record, *bytes)),
        _ => None,
    });
    assert_eq!(torn, cut);
}

#[test]
fn a_rotten_bit_is_found_by_the_next_boot_live() {
    let mut cluster = Watched::three();
    let leader = cluster.wait_leader();
    cluster.put(leader, "key");
    let node = other_than(leader);
    cluster.ask(Command::Inject(vec![Fault::Node(node, NodeFault::BitRot)]));
    cluster.ask(Command::Inject(vec![Fault::Crash(node)]));
    cluster.ask(Command::Restart(node));
    cluster.wait("damage that is cut off or refused", |kind| match kind {
        EventKind::DiskHarmed { harm: DiskHarm::CutOff { .. }, .. } => Some(()),
        EventKind::NodeFailed { failure: NodeFailure::Disk(why), .. } if why.contains("checksum mismatch") => Some(()),
        _ => None,
    });
    cluster.ask(Command::Inject(vec![Fault::Wipe(node)]));
    cluster.wait("the end of it", |kind| match kind {
        EventKind::NodeFaultsChanged { faults, .. } if faults.disk.rotten == 0 => Some(()),
        _ => None,
    });
}

#[test]
fn a_full_disk_ends_a_node_and_room_brings_it_back_live() {
    let mut cluster = Watched::three();
    let leader = cluster.wait_leader();
    let node = other_than(leader);
    cluster.ask(Command::Inject(vec![Fault::Node(node, NodeFault::DiskFull)]));
    cluster.ask(submit(leader));
    cluster.wait("the failure", |kind| match kind {
        EventKind::NodeFailed { failure: NodeFailure::Disk(why), .. } if why.contains("no space left") => Some(()),
        _ => None,
    });
    cluster.ask(Command::Heal(Heal::All));
    cluster.wait("its return", |kind| matches!(kind, EventKind::NodeStarted { .. }).then_some(()));
    cluster.put(leader, "after");
}

#[test]
fn a_slow_node_counts_what_its_steps_cost_live() {
    let mut cluster = Watched::three();
    let leader = cluster.wait_leader();
    cluster.ask(Command::Inject(vec![Fault::Node(leader, NodeFault::Slow(Slowness { factor: 20.0 }))]));
    cluster.put(leader, "key");
    let slowed = cluster.wait("its counters", |kind| match kind {
        EventKind::NodeFaultsCounted { counters, .. } if counters.inputs_slowed > 0 => Some(counters.slowed),
        _ => None,
    });
    assert!(slowed >= Duration::from_micros(19 * 200), "{slowed:?}");
    cluster.ask(Command::Heal(Heal::All));
    cluster.put(leader, "after");
}
