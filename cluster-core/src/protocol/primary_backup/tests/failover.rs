//! Who takes over, what is lost by it, and what fencing saves.

use super::cluster::Cluster;
use crate::{
    event::Milestone,
    ids::{Epoch, NodeId, OpId},
    name::Name,
    request::{Admin, Refusal, Request, Response},
};

/// Acknowledges a write that no backup has, and kills the primary. Returns the write.
fn write_and_kill(cluster: &mut Cluster) -> OpId {
    cluster.put(1, "x", "old");
    cluster.run(200);
    cluster.delay(1, 2, 400);
    cluster.delay(1, 3, 400);
    let op = cluster.put(1, "x", "new");
    cluster.run(100);
    cluster.cut(&[1], &[2, 3]);
    op
}

#[test]
fn async_loses_an_acknowledged_write_and_the_returning_primary_erases_it() {
    let mut cluster = Cluster::start(3, &[]);
    let op = write_and_kill(&mut cluster);
    cluster.kill(1);
    assert!(cluster.acked(op));
    cluster.heal();
    cluster.cut(&[1], &[2, 3]);
    cluster.run(3000);
    assert_eq!((cluster.primaries(), cluster.view(2).epoch), (vec![2], Epoch(2)));
    assert_eq!(cluster.get(2, "x").as_deref(), Some("old"));
    cluster.heal();
    cluster.boot(1);
    assert!(cluster.ops(1).contains(&op));
    cluster.run(2000);
    assert!(!cluster.ops(1).contains(&op));
    assert!(cluster.noted(1, |milestone| matches!(milestone, Milestone::EntriesErased { .. })));
    assert_eq!(cluster.get(1, "x").as_deref(), Some("old"));
    assert_eq!(cluster.view(1).leader, Some(NodeId(2)));
}

#[test]
fn semi_sync_keeps_what_it_acknowledged() {
    let mut cluster = Cluster::start(3, &[("mode", "semi-sync")]);
    let op = write_and_kill(&mut cluster);
    cluster.kill(1);
    assert!(!cluster.acked(op), "no backup had it");
    cluster.heal();
    cluster.run(3000);
    assert_eq!(cluster.primaries(), [2]);
    let mut kept = Vec::new();
    for n in 0..10 {
        kept.push(cluster.put(2, &format!("k{n}"), "v"));
        cluster.run(20);
    }
    cluster.kill(2);
    let acked: Vec<_> = kept.into_iter().filter(|op| cluster.acked(*op)).collect();
    assert!(!acked.is_empty());
    cluster.run(3000);
    assert_eq!(cluster.primaries(), [3]);
    let ops = cluster.ops(3);
    assert!(acked.iter().all(|op| ops.contains(op)));
}

#[test]
fn the_backup_with_the_longest_log_takes_over() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.cut(&[1], &[2]);
    let op = cluster.put(1, "x", "1");
    cluster.run(200);
    cluster.kill(1);
    cluster.heal();
    cluster.run(4000);
    assert_eq!((cluster.primaries(), cluster.view(3).epoch), (vec![3], Epoch(3)));
    assert!(cluster.ops(2).contains(&op));
}

#[test]
fn a_backup_does_not_take_over_while_another_one_hears_the_primary() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.cut(&[1], &[2]);
    cluster.run(5000);
    assert_eq!(cluster.primaries(), [1]);
    assert!(cluster.noted(2, |milestone| *milestone == Milestone::Suspected { peer: NodeId(1) }));
    cluster.heal();
    cluster.put(1, "x", "1");
    cluster.run(1000);
    assert_eq!(cluster.get(2, "x").as_deref(), Some("1"));
}

#[test]
fn without_fencing_two_primaries_both_say_yes_and_the_later_epoch_wins() {
    let mut cluster = Cluster::start(2, &[("fencing", "off")]);
    cluster.cut(&[1], &[2]);
    cluster.run(3000);
    assert_eq!(cluster.primaries(), [1, 2]);
    let (left, right) = (cluster.put(1, "x", "left"), cluster.put(2, "x", "right"));
    cluster.run(200);
    assert!(cluster.acked(left) && cluster.acked(right));
    cluster.heal();
    cluster.run(1000);
    assert_eq!(cluster.primaries(), [2]);
    assert_eq!(cluster.ops(1), [right]);
    assert_eq!(cluster.get(1, "x").as_deref(), Some("right"));
    assert!(cluster.noted(1, |milestone| matches!(milestone, Milestone::SteppedDown { epoch: Epoch(1), .. })));
}

#[test]
fn a_fenced_primary_holds_its_writes_back_and_refuses_them_in_the_end() {
    for mode in ["async", "semi-sync", "sync"] {
        let mut cluster = Cluster::start(3, &[("mode", mode), ("fencing", "on")]);
        let before = cluster.put(1, "x", "before");
        cluster.run(200);
        assert!(cluster.acked(before));
        cluster.cut(&[1], &[2, 3]);
        cluster.run(3000);
        assert_eq!(cluster.primaries(), [1, 2]);
        let (left, right) = (cluster.put(1, "x", "left"), cluster.put(2, "x", "right"));
        cluster.run(3000);
        assert_eq!(cluster.acked(right), mode != "sync");
        assert!(!cluster.acked(left));
        cluster.heal();
        cluster.run(1000);
        assert_eq!(cluster.primaries(), [2]);
        assert!(cluster.acked(right));
        assert_eq!(cluster.replies[&left], Response::Refused(Refusal::StaleEpoch));
        assert_eq!(cluster.get(1, "x").as_deref(), Some("right"));
    }
}

/// Nobody is left who could vouch for it, and nobody ever did.
#[test]
fn a_promoted_primary_without_backups_serves_under_fencing() {
    let mut cluster = Cluster::start(2, &[("fencing", "on")]);
    cluster.kill(1);
    cluster.run(3000);
    let op = cluster.put(2, "x", "1");
    cluster.run(100);
    assert!(cluster.acked(op));
}

#[test]
fn a_fencing_backup_tells_a_deposed_primary_that_it_is_deposed() {
    let mut cluster = Cluster::start(3, &[("fencing", "on")]);
    cluster.cut(&[1], &[2, 3]);
    cluster.run(3000);
    cluster.heal();
    // The later primary stays out of reach: only the backup can tell.
    cluster.cut(&[1], &[2]);
    cluster.run(500);
    assert_eq!((cluster.primaries(), cluster.view(1).role_name), (vec![2], Name::new("deposed")));
    assert!(cluster.noted(3, |milestone| matches!(milestone, Milestone::Fenced { from: NodeId(1), epoch: Epoch(1) })));
    let op = cluster.put(1, "x", "1");
    assert_eq!(cluster.replies[&op], Response::Refused(Refusal::StaleEpoch));
}

#[test]
fn without_fencing_a_backup_tells_a_deposed_primary_nothing() {
    let mut cluster = Cluster::start(3, &[("fencing", "off")]);
    cluster.cut(&[1], &[2, 3]);
    cluster.run(3000);
    cluster.heal();
    cluster.cut(&[1], &[2]);
    cluster.run(500);
    assert_eq!(cluster.primaries(), [1, 2]);
    assert!(!cluster.noted(3, |milestone| matches!(milestone, Milestone::Fenced { .. })));
}

#[test]
fn under_manual_failover_nobody_takes_over_until_an_operator_says_so() {
    let mut cluster = Cluster::start(3, &[("failover", "manual")]);
    cluster.kill(1);
    cluster.run(10_000);
    assert_eq!(cluster.primaries(), [] as [u16; 0]);
    assert_eq!(cluster.view(3).waiting_for, "an operator to promote a node");
    let op = cluster.ask(3, Request::Admin(Admin::Promote));
    cluster.run(500);
    assert_eq!(cluster.replies[&op], Response::Done);
    assert_eq!((cluster.primaries(), cluster.view(2).leader), (vec![3], Some(NodeId(3))));
    // The old primary comes back believing in itself, and is set right.
    cluster.boot(1);
    cluster.run(500);
    assert_eq!((cluster.primaries(), cluster.view(1).epoch), (vec![3], Epoch(3)));
}

#[test]
fn a_hand_over_loses_nothing_and_two_primaries_never_exist() {
    let mut cluster = Cluster::start(3, &[]);
    let write = cluster.put(1, "x", "1");
    let op = cluster.ask(1, Request::Admin(Admin::TransferLeadership { to: NodeId(3) }));
    let late = cluster.put(1, "x", "2");
    assert!(matches!(cluster.replies[&late], Response::Refused(Refusal::Unavailable { .. })));
    cluster.run(500);
    assert_eq!((&cluster.replies[&op], cluster.acked(write)), (&Response::Done, true));
    assert_eq!((cluster.primaries(), cluster.view(1).leader), (vec![3], Some(NodeId(3))));
    assert!(!cluster.noted(1, |milestone| matches!(milestone, Milestone::EntriesErased { .. })));
    assert_eq!(cluster.get(3, "x").as_deref(), Some("1"));
}

#[test]
fn a_hand_over_to_a_node_out_of_reach_is_called_off() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.cut(&[1], &[3]);
    cluster.put(1, "x", "1");
    let op = cluster.ask(1, Request::Admin(Admin::TransferLeadership { to: NodeId(3) }));
    cluster.run(2000);
    assert!(matches!(cluster.replies[&op], Response::Refused(Refusal::Unavailable { .. })));
    let write = cluster.put(1, "x", "2");
    cluster.run(100);
    assert!(cluster.acked(write));
}

#[test]
fn members_cannot_be_changed() {
    let mut cluster = Cluster::start(2, &[]);
    let op = cluster.ask(1, Request::Admin(Admin::AddMember { node: NodeId(3) }));
    assert_eq!(cluster.replies[&op], Response::Refused(Refusal::Unsupported));
}

#[test]
fn a_deposed_primary_with_a_snapshot_of_lost_writes_gives_it_up() {
    let mut cluster = Cluster::start(2, &[("snapshot_every", "5")]);
    cluster.put(1, "x", "1");
    cluster.run(200);
    cluster.cut(&[1], &[2]);
    for n in 0..20 {
        cluster.put(1, &format!("lost{n}"), "v");
        cluster.run(10);
    }
    cluster.run(3000);
    let kept = cluster.put(2, "x", "2");
    cluster.run(100);
    cluster.heal();
    cluster.run(2000);
    assert_eq!(cluster.primaries(), [2]);
    assert!(cluster.acked(kept));
    assert_eq!(cluster.view(1).state_hash, cluster.view(2).state_hash);
    assert_eq!((cluster.view(1).keys, cluster.last(1)), (1, cluster.last(2)));
}
