//! What is acknowledged when, what copies show, and what a restart brings back.

use super::cluster::Cluster;
use crate::{
    event::{Milestone, RoleKind},
    ids::{Epoch, LogIndex, NodeId},
    name::Name,
    request::{Refusal, Request, Response},
};

#[test]
fn a_write_reaches_every_copy() {
    let mut cluster = Cluster::start(3, &[]);
    let op = cluster.put(1, "x", "1");
    cluster.run(200);
    assert!(cluster.acked(op));
    for node in 1..=3 {
        assert_eq!(cluster.get(node, "x").as_deref(), Some("1"));
        assert_eq!(cluster.view(node).state_hash, cluster.view(1).state_hash);
        assert_eq!(cluster.view(node).epoch, Epoch(1));
    }
}

#[test]
fn a_copy_behind_a_slow_link_shows_the_past_and_catches_up() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.delay(1, 3, 500);
    let op = cluster.put(1, "x", "1");
    cluster.run(100);
    assert!(cluster.acked(op));
    assert_eq!(cluster.get(2, "x").as_deref(), Some("1"));
    assert_eq!(cluster.get(3, "x"), None);
    cluster.run(1000);
    assert_eq!(cluster.get(3, "x").as_deref(), Some("1"));
}

#[test]
fn a_copy_behind_a_slow_link_lets_a_reader_wait_for_what_it_has_seen() {
    let mut cluster = Cluster::start(3, &[("session", "wait")]);
    cluster.delay(1, 3, 500);
    cluster.put(1, "x", "1");
    cluster.run(100);
    let seen = cluster.last(1);
    let own = cluster.get_after(3, "x", seen);
    assert_eq!(cluster.get(3, "x"), None, "who has seen nothing is answered from the past");
    assert!(!cluster.replies.contains_key(&own));
    assert!(cluster.view(3).waiting_for.contains("reader"), "{}", cluster.view(3).waiting_for);
    cluster.run(1000);
    let Response::Value { value, .. } = &cluster.replies[&own] else { panic!("{:?}", cluster.replies[&own]) };
    assert_eq!(value, &Some("1".into()));
}

#[test]
fn a_copy_that_refuses_readers_who_have_seen_more_names_the_primary() {
    let mut cluster = Cluster::start(3, &[("session", "refuse")]);
    cluster.delay(1, 3, 500);
    cluster.put(1, "x", "1");
    cluster.run(100);
    let seen = cluster.last(1);
    let own = cluster.get_after(3, "x", seen);
    assert_eq!(cluster.replies[&own], Response::Refused(Refusal::NotLeader { leader: Some(NodeId(1)) }));
    let at_the_primary = cluster.get_after(1, "x", seen);
    assert!(matches!(cluster.replies[&at_the_primary], Response::Value { .. }));
}

#[test]
fn without_sessions_a_reader_sees_the_past_whatever_it_has_seen() {
    let mut cluster = Cluster::start(3, &[]);
    cluster.delay(1, 3, 500);
    cluster.put(1, "x", "1");
    cluster.run(100);
    let seen = cluster.last(1);
    let own = cluster.get_after(3, "x", seen);
    assert!(matches!(&cluster.replies[&own], Response::Value { value: None, .. }));
}

#[test]
fn without_replica_reads_a_backup_sends_readers_to_the_primary() {
    let mut cluster = Cluster::start(3, &[("replica_reads", "off")]);
    let op = cluster.ask(2, Request::Get { key: "x".into() });
    assert_eq!(cluster.replies[&op], Response::Refused(Refusal::NotLeader { leader: Some(NodeId(1)) }));
    assert_eq!(cluster.get(1, "x"), None);
}

#[test]
fn a_backup_refuses_writes_and_names_the_primary() {
    let mut cluster = Cluster::start(3, &[]);
    let op = cluster.put(2, "x", "1");
    assert_eq!(cluster.replies[&op], Response::Refused(Refusal::NotLeader { leader: Some(NodeId(1)) }));
}

#[test]
fn a_write_asked_twice_is_done_once() {
    let mut cluster = Cluster::start(3, &[]);
    let op = cluster.put(1, "x", "1");
    cluster.run(200);
    let first = cluster.replies.remove(&op);
    let last = cluster.last(1);
    cluster.ask_again(1, op, Request::Put { key: "x".into(), value: "1".into() });
    cluster.run(200);
    assert_eq!(cluster.replies.remove(&op), first);
    assert_eq!(cluster.last(1), last);
}

#[test]
fn semi_sync_falls_back_to_async_after_its_timeout_and_returns() {
    let mut cluster = Cluster::start(2, &[("mode", "semi-sync"), ("failover", "manual")]);
    cluster.cut(&[1], &[2]);
    let op = cluster.put(1, "x", "1");
    cluster.run(1900);
    assert!(!cluster.acked(op));
    assert_eq!(cluster.view(1).waiting_for, "a backup to have it");
    cluster.run(200);
    assert!(cluster.acked(op));
    let changed = |mode: &'static str| move |milestone: &Milestone| matches!(milestone, Milestone::ModeChanged { mode: to, .. } if *to == Name::new(mode));
    assert!(cluster.noted(1, changed("async")));
    assert!(!cluster.noted(1, changed("semi-sync")));
    cluster.heal();
    cluster.run(1000);
    assert!(cluster.noted(1, changed("semi-sync")));
    assert_eq!(cluster.get(2, "x").as_deref(), Some("1"));
}

#[test]
fn semi_sync_does_not_fall_back_while_a_backup_answers() {
    let mut cluster = Cluster::start(3, &[("mode", "semi-sync")]);
    cluster.cut(&[1], &[3]);
    for _ in 0..30 {
        let op = cluster.put(1, "x", "1");
        cluster.run(100);
        assert!(cluster.acked(op));
    }
    assert!(!cluster.noted(1, |milestone| matches!(milestone, Milestone::ModeChanged { .. })));
}

#[test]
fn sync_acknowledges_nothing_while_one_backup_is_cut_off() {
    let mut cluster = Cluster::start(3, &[("mode", "sync"), ("failover", "manual")]);
    let before = cluster.put(1, "x", "1");
    cluster.run(200);
    assert!(cluster.acked(before));
    cluster.cut(&[1, 2], &[3]);
    let op = cluster.put(1, "x", "2");
    cluster.run(20_000);
    assert!(!cluster.acked(op));
    cluster.heal();
    cluster.run(1000);
    assert!(cluster.acked(op));
}

#[test]
fn restarted_nodes_find_log_and_epoch_on_their_disks() {
    let mut cluster = Cluster::start(3, &[("failover", "manual")]);
    let op = cluster.put(1, "x", "1");
    cluster.run(200);
    let before = cluster.ops(1);
    for node in 1..=3 {
        cluster.kill(node);
    }
    for node in 1..=3 {
        cluster.boot(node);
    }
    cluster.run(500);
    assert_eq!((cluster.primaries(), cluster.view(1).epoch), (vec![1], Epoch(1)));
    assert_eq!(before, [op]);
    for node in 1..=3 {
        assert_eq!(cluster.ops(node), before);
        assert_eq!(cluster.get(node, "x").as_deref(), Some("1"));
        assert!(cluster.noted(node, |milestone| *milestone == Milestone::Recovered { last: LogIndex(2) }));
        assert!(!cluster.noted(node, |milestone| matches!(milestone, Milestone::EntriesErased { .. })));
    }
}

#[test]
fn a_backup_that_missed_much_is_given_a_snapshot() {
    let mut cluster = Cluster::start(3, &[("snapshot_every", "10")]);
    cluster.kill(3);
    for n in 0..50 {
        cluster.put(1, &format!("k{n}"), "v");
        cluster.run(10);
    }
    cluster.wipe(3);
    cluster.boot(3);
    cluster.run(2000);
    assert!(cluster.noted(3, |milestone| matches!(milestone, Milestone::SnapshotInstalled { .. })));
    assert_eq!(cluster.view(3).keys, 50);
    assert_eq!(cluster.view(3).state_hash, cluster.view(1).state_hash);
    assert_eq!((cluster.primaries(), cluster.last(3)), (vec![1], cluster.last(1)));
}

#[test]
fn a_backup_that_missed_little_is_given_only_that() {
    let mut cluster = Cluster::start(3, &[("snapshot_every", "100")]);
    for n in 0..300 {
        if n == 210 {
            cluster.cut(&[1, 2], &[3]);
        }
        if n == 260 {
            cluster.heal();
        }
        cluster.put(1, &format!("k{n}"), "v");
        cluster.run(10);
    }
    cluster.run(1000);
    let sent = |milestone: &Milestone| matches!(milestone, Milestone::SnapshotSent { .. });
    assert!(!cluster.noted(1, sent));
    assert_eq!(cluster.view(3).state_hash, cluster.view(1).state_hash);
}

#[test]
fn a_wiped_first_node_does_not_found_the_cluster_again() {
    let mut cluster = Cluster::start(3, &[]);
    let op = cluster.put(1, "x", "1");
    cluster.run(200);
    cluster.kill(1);
    cluster.wipe(1);
    cluster.boot(1);
    cluster.run(4000);
    assert_eq!(cluster.primaries().len(), 1);
    assert_ne!(cluster.primaries(), [1]);
    assert_eq!(cluster.ops(1), [op]);
    assert_eq!(cluster.get(1, "x").as_deref(), Some("1"));
}

#[test]
fn the_view_tells_what_a_learner_wants_to_know() {
    let mut cluster = Cluster::start(3, &[("mode", "sync")]);
    cluster.put(1, "x", "1");
    cluster.run(200);
    let primary = cluster.view(1);
    assert_eq!((primary.role, primary.role_name), (RoleKind::Leader, Name::new("primary")));
    assert_eq!(primary.peers[&NodeId(2)].match_index, LogIndex(2));
    assert_eq!(primary.peers[&NodeId(2)].mode, Name::new("replicate"));
    assert!(primary.extra.contains(&(Name::new("mode"), "sync".to_owned())));
    let backup = cluster.view(2);
    assert_eq!((backup.role, backup.role_name), (RoleKind::Follower, Name::new("backup")));
    assert_eq!(backup.leader, Some(NodeId(1)));
    assert!(backup.timer.is_some_and(|timer| timer.until > cluster.now));
    assert_eq!((backup.commit_index, backup.applied_index), (LogIndex(2), LogIndex(2)));
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut cluster = Cluster::start(3, &[("mode", "semi-sync"), ("fencing", "on")]);
        for n in 0..5 {
            cluster.put(1, &format!("k{n}"), "v");
            cluster.run(15);
        }
        cluster.kill(1);
        cluster.run(3000);
        cluster.boot(1);
        cluster.run(1000);
        cluster.history
    };
    assert_eq!(run(), run());
}
