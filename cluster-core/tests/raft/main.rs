//! Raft as its nodes behave it: elections, durability, members, reads.

mod cluster;
mod failover;
mod storm;

use std::time::Duration;

use bytes::Bytes;
use cluster_core::{
    event::Milestone,
    ids::{Epoch, LogIndex, NodeId},
    request::{Admin, Refusal, Response},
};

use cluster::{Cluster, get, n, put};

fn started(nodes: u16, knobs: &[(&str, &str)]) -> Cluster {
    let mut cluster = Cluster::new(nodes, 1, knobs);
    cluster.run_to_leader();
    cluster
}

fn others(leader: NodeId, nodes: u16) -> Vec<NodeId> {
    (1..=nodes).map(NodeId).filter(|id| *id != leader).collect()
}

#[test]
fn every_seed_elects_one_leader_and_keeps_it() {
    for seed in 1..=20 {
        let mut cluster = Cluster::new(5, seed, &[]);
        cluster.run_to_leader();
        let (leader, epoch) = (cluster.leader(), cluster.view(cluster.leader()).epoch);
        cluster.run_for(Duration::from_secs(20));
        assert_eq!(cluster.leaders(), [leader], "seed {seed}");
        assert_eq!(cluster.view(leader).epoch, epoch, "seed {seed}");
    }
}

#[test]
fn a_write_is_read_back_and_reaches_every_node() {
    let mut cluster = started(3, &[]);
    cluster.write("x", "1");
    let read = cluster.submit(cluster.leader(), get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { value: Some(value), .. }) if value == "1".into()));
    cluster.run_for(Duration::from_millis(300));
    for id in [n(1), n(2), n(3)] {
        assert_eq!(cluster.view(id).keys, 1);
        assert_eq!(cluster.view(id).state_hash, cluster.view(n(1)).state_hash);
    }
}

/// A leader that counts itself before its own disk has the entry could acknowledge what one power loss erases.
#[test]
fn a_put_is_acknowledged_only_after_a_majority_has_synced() {
    let mut cluster = started(3, &[]);
    let leader = cluster.leader();
    let followers = others(leader, 3);
    cluster.holds_syncs = [leader, followers[0], followers[1]].into();
    let op = cluster.submit(leader, put("x", "1"));
    assert_eq!(cluster.reply(op), None);
    cluster.release_syncs(followers[0]);
    assert_eq!(cluster.reply(op), None, "one disk of three is no majority");
    cluster.release_syncs(leader);
    assert!(matches!(cluster.reply(op), Some(Response::Written { .. })));
}

/// Both followers have it, so it is committed; but the leader applies only what its own disk has, too.
#[test]
fn a_leader_with_a_slow_disk_does_not_count_itself() {
    let mut cluster = started(3, &[]);
    let leader = cluster.leader();
    cluster.holds_syncs = [leader].into();
    let before = cluster.view(leader).persisted_index;
    cluster.submit(leader, put("x", "1"));
    assert_eq!(cluster.view(leader).persisted_index, before);
    assert!(cluster.view(leader).commit_index > before, "two followers are a majority of three");
}

#[test]
fn a_vote_leaves_only_after_it_is_on_the_disk() {
    let mut cluster = Cluster::new(3, 1, &[]);
    cluster.holds_syncs = [n(1), n(2), n(3)].into();
    cluster.run_for(Duration::from_secs(5));
    assert!(cluster.leaders().is_empty());
    assert!(!cluster.milestones.iter().any(|(_, m)| matches!(m, Milestone::VoteGranted { .. })));
    assert_eq!(cluster.view(n(1)).voted_for, None);
    for id in [n(1), n(2), n(3)] {
        cluster.release_syncs(id);
    }
    cluster.run_to_leader();
}

#[test]
fn a_crashed_node_recovers_term_vote_and_log() {
    let mut cluster = started(3, &[]);
    for number in 0..10 {
        cluster.write("x", &number.to_string());
    }
    let follower = cluster.follower();
    let before = cluster.view(follower).clone();
    cluster.crash(follower, true);
    let others = others(follower, 3);
    cluster.isolate(&[follower]);
    cluster.start(follower);
    let after = cluster.view(follower);
    assert_eq!((after.epoch, after.voted_for), (before.epoch, before.voted_for));
    assert_eq!(after.persisted_index, before.persisted_index);
    assert!(cluster.noted(follower, |m| *m == Milestone::Recovered { last: before.persisted_index }));
    cluster.cuts.clear();
    cluster.run_for(Duration::from_secs(1));
    assert_eq!(cluster.view(follower).state_hash, cluster.view(others[0]).state_hash);
}

#[test]
fn a_power_loss_of_the_whole_cluster_loses_no_acknowledged_write() {
    let mut cluster = started(3, &[]);
    cluster.write("x", "kept");
    let leader = cluster.leader();
    cluster.holds_syncs = [n(1), n(2), n(3)].into();
    let lost = cluster.submit(leader, put("y", "lost"));
    for id in [n(1), n(2), n(3)] {
        cluster.crash(id, true);
    }
    cluster.holds_syncs.clear();
    for id in [n(1), n(2), n(3)] {
        cluster.start(id);
    }
    cluster.run_to_leader();
    assert_eq!(cluster.reply(lost), None);
    let read = cluster.submit(cluster.leader(), get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { value: Some(value), .. }) if value == "kept".into()));
}

#[test]
fn an_uncommitted_entry_of_a_minority_leader_is_erased_after_the_split_heals() {
    let mut cluster = started(5, &[]);
    cluster.write("x", "1");
    let old = cluster.leader();
    let companion = others(old, 5)[0];
    cluster.isolate(&[old, companion]);
    let doomed = cluster.submit(old, put("x", "doomed"));
    let doomed_at = cluster.view(old).persisted_index;
    cluster.run_to("the majority has a leader of its own", |cluster| cluster.leader() != old);
    cluster.run_to("the old leader stepped down", |cluster| !cluster.leaders().contains(&old));
    assert!(matches!(cluster.reply(doomed), Some(Response::Unknown { .. })));
    cluster.write("x", "2");
    cluster.cuts.clear();
    cluster.run_for(Duration::from_secs(2));
    for id in [old, companion] {
        assert!(cluster.noted(id, |m| matches!(m, Milestone::EntriesErased { from, .. } if *from == doomed_at)));
        assert_eq!(cluster.view(id).state_hash, cluster.view(cluster.leader()).state_hash);
    }
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

#[test]
fn a_follower_that_lags_far_behind_catches_up_by_a_snapshot() {
    let mut cluster = started(3, &[("snapshot_every", "10")]);
    let lagging = cluster.follower();
    cluster.crash(lagging, false);
    for number in 0..60 {
        cluster.write(&format!("k{}", number % 7), &number.to_string());
    }
    let leader = cluster.leader();
    assert!(cluster.view(leader).first_index > LogIndex(30));
    cluster.start(lagging);
    cluster.run_for(Duration::from_secs(2));
    assert!(cluster.noted(lagging, |m| matches!(m, Milestone::SnapshotInstalled { .. })));
    assert_eq!(cluster.view(lagging).state_hash, cluster.view(leader).state_hash);
    cluster.write("after", "1");
    cluster.crash(lagging, true);
    cluster.start(lagging);
    cluster.run_for(Duration::from_secs(1));
    assert_eq!(cluster.view(lagging).state_hash, cluster.view(leader).state_hash);
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

#[test]
fn a_follower_does_not_answer_before_its_snapshot_is_on_the_disk() {
    let mut cluster = started(3, &[("snapshot_every", "10")]);
    let lagging = cluster.follower();
    cluster.crash(lagging, false);
    for number in 0..40 {
        cluster.write("x", &number.to_string());
    }
    cluster.holds_syncs.insert(lagging);
    cluster.start(lagging);
    cluster.run_for(Duration::from_secs(10));
    let leader = cluster.leader();
    assert!(cluster.view(leader).peers[&lagging].match_index < LogIndex(30));
    cluster.release_syncs(lagging);
    cluster.run_for(Duration::from_secs(5));
    assert_eq!(cluster.view(lagging).state_hash, cluster.view(leader).state_hash);
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

#[test]
fn a_node_that_joins_learns_the_log_and_gets_a_vote() {
    let mut cluster = started(3, &[]);
    cluster.write("x", "1");
    let leader = cluster.leader();
    cluster.add(n(4), false);
    cluster.run_for(Duration::from_secs(3));
    assert!(cluster.view(n(4)).voters.is_empty());
    let op = cluster.admin(leader, Admin::AddMember { node: n(4) });
    cluster.run_to("the member was added", |cluster| cluster.reply(op).is_some());
    assert_eq!(cluster.reply(op), Some(Response::Done));
    cluster.run_for(Duration::from_secs(1));
    for id in 1..=4 {
        assert_eq!(cluster.view(n(id)).voters, [n(1), n(2), n(3), n(4)], "n{id}");
        assert_eq!(cluster.view(n(id)).state_hash, cluster.view(leader).state_hash);
    }
    cluster.crash(n(4), true);
    cluster.start(n(4));
    cluster.run_for(Duration::from_secs(1));
    assert_eq!(cluster.view(n(4)).voters.len(), 4);
    assert_eq!(cluster.view(n(4)).state_hash, cluster.view(leader).state_hash);
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

/// A client that lost patience asks again: the answer it gets must be the outcome of what is under way.
#[test]
fn a_change_of_members_that_is_asked_again_is_not_begun_again() {
    use cluster_core::request::Request;
    let mut cluster = started(3, &[]);
    let leader = cluster.leader();
    let add = Admin::AddMember { node: n(4) };
    let op = cluster.admin(leader, add);
    cluster.submit_again(leader, op, Request::Admin(add));
    assert_eq!(cluster.reply(op), None);
    cluster.add(n(4), false);
    cluster.run_to("the member was added", |cluster| cluster.reply(op).is_some());
    assert_eq!(cluster.reply(op), Some(Response::Done));
}

#[test]
fn a_leader_that_removes_itself_steps_down_and_another_takes_over() {
    let mut cluster = started(3, &[]);
    let old = cluster.leader();
    let op = cluster.admin(old, Admin::RemoveMember { node: old });
    assert_eq!(cluster.reply(op), Some(Response::Done));
    cluster.run_to("another one leads", |cluster| cluster.leaders().iter().any(|id| *id != old));
    assert_eq!(cluster.view(cluster.leader()).voters, others(old, 3));
    cluster.write("x", "1");
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

#[test]
fn leadership_is_handed_over_on_request() {
    let mut cluster = started(3, &[]);
    let (old, to) = (cluster.leader(), cluster.follower());
    let op = cluster.admin(old, Admin::TransferLeadership { to });
    cluster.run_for(Duration::from_millis(100));
    assert_eq!(cluster.reply(op), Some(Response::Done));
    assert_eq!(cluster.leaders(), [to]);
}

#[test]
fn a_handover_to_a_dead_member_is_given_up() {
    let mut cluster = started(3, &[]);
    let (leader, to) = (cluster.leader(), cluster.follower());
    cluster.crash(to, false);
    let op = cluster.admin(leader, Admin::TransferLeadership { to });
    let write = cluster.submit(leader, put("x", "1"));
    assert!(matches!(cluster.reply(write), Some(Response::Refused(Refusal::Unavailable { .. }))));
    cluster.run_to("the handover ended", |cluster| cluster.reply(op).is_some());
    assert!(matches!(cluster.reply(op), Some(Response::Refused(Refusal::Unavailable { .. }))));
    cluster.write("x", "1");
}

/// Without the round of heartbeats, a deposed leader would answer from the past.
#[test]
fn a_deposed_leader_does_not_answer_reads() {
    let mut cluster = started(3, &[("check_quorum", "off")]);
    cluster.write("x", "1");
    let old = cluster.leader();
    cluster.isolate(&[old]);
    cluster.run_to("the majority has a leader of its own", |cluster| cluster.leader() != old);
    cluster.write("x", "2");
    assert!(cluster.leaders().contains(&old), "without check_quorum it still believes to lead");
    let read = cluster.submit(old, get("x"));
    cluster.run_for(Duration::from_secs(3));
    assert_eq!(cluster.reply(read), None);
    cluster.cuts.clear();
    cluster.run_for(Duration::from_secs(1));
    assert!(matches!(cluster.reply(read), Some(Response::Refused(Refusal::NotLeader { .. }))));
}

#[test]
fn a_local_read_at_a_follower_cut_off_is_stale() {
    let mut cluster = started(3, &[("reads", "local")]);
    cluster.write("x", "1");
    cluster.run_for(Duration::from_millis(300));
    let follower = cluster.follower();
    cluster.isolate(&[follower]);
    cluster.write("x", "2");
    let read = cluster.submit(follower, get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { value: Some(value), .. }) if value == "1".into()));
}

#[test]
fn a_leader_with_a_lease_reads_without_asking_anybody() {
    let mut cluster = started(3, &[("reads", "lease")]);
    cluster.write("x", "1");
    let leader = cluster.leader();
    cluster.isolate(&[leader]);
    let read = cluster.submit(leader, get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { .. })));
}

#[test]
fn a_follower_refuses_and_names_the_leader() {
    let mut cluster = started(3, &[]);
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let refused = Response::Refused(Refusal::NotLeader { leader: Some(leader) });
    let write = cluster.submit(follower, put("x", "1"));
    let read = cluster.submit(follower, get("x"));
    assert_eq!((cluster.reply(write), cluster.reply(read)), (Some(refused.clone()), Some(refused)));
}

#[test]
fn a_retried_write_is_applied_once_and_answered_where_it_took_effect() {
    let mut cluster = started(3, &[]);
    let leader = cluster.leader();
    let op = cluster.write("x", "1");
    let first = cluster.reply(op);
    cluster.write("x", "2");
    cluster.replies.clear();
    cluster.submit_again(leader, op, put("x", "1"));
    assert_eq!(cluster.reply(op), first);
    let read = cluster.submit(leader, get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { value: Some(value), .. }) if value == "2".into()));
}

#[test]
fn a_single_node_leads_itself() {
    let mut cluster = started(1, &[]);
    cluster.write("x", "1");
    cluster.crash(n(1), true);
    cluster.start(n(1));
    cluster.run_to_leader();
    let read = cluster.submit(n(1), get("x"));
    assert!(matches!(cluster.reply(read), Some(Response::Value { value: Some(_), .. })));
}

/// Bytes from the network must never end a node: neither noise nor messages that only a node may send to itself.
#[test]
fn forged_messages_are_refused_without_harm() {
    use raft::eraftpb::{Message, MessageType};
    let mut cluster = started(3, &[]);
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let epoch = cluster.view(leader).epoch;
    let kinds = [
        MessageType::MsgHup,
        MessageType::MsgBeat,
        MessageType::MsgPropose,
        MessageType::MsgReadIndex,
        MessageType::MsgReadIndexResp,
        MessageType::MsgTransferLeader,
        MessageType::MsgCheckQuorum,
        MessageType::MsgUnreachable,
    ];
    for kind in kinds {
        for term in [0, epoch.0] {
            let mut message = Message::default();
            message.set_msg_type(kind);
            (message.from, message.to, message.term) = (follower.0.into(), leader.0.into(), term);
            let bytes = protobuf::Message::write_to_bytes(&message).expect("it encodes");
            let payload = postcard::to_allocvec(&Bytes::from(bytes)).expect("it encodes");
            cluster.deliver_raw(follower, leader, payload.into());
        }
    }
    cluster.deliver_raw(follower, leader, Bytes::from_static(b"\x05noise"));
    cluster.write("x", "1");
    assert!(cluster.panics.is_empty(), "{:?}", cluster.panics);
}

/// That a wiped disk shows as the end of the node is the point: it forgot what it had promised.
#[test]
fn a_member_that_lost_its_disk_stops_itself() {
    let mut cluster = started(3, &[]);
    cluster.write("x", "1");
    let follower = cluster.follower();
    cluster.crash(follower, true);
    cluster.add(follower, true);
    cluster.run_for(Duration::from_secs(2));
    assert!(cluster.panics.iter().any(|(id, why)| *id == follower && why.contains("out of range")));
}

#[test]
fn a_frozen_follower_that_returns_does_not_topple_the_leader() {
    let mut cluster = started(3, &[]);
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let epoch = cluster.view(leader).epoch;
    cluster.isolate(&[follower]);
    cluster.run_for(Duration::from_secs(10));
    assert!(cluster.noted(follower, |m| matches!(m, Milestone::PreVoteStarted { .. })));
    cluster.cuts.clear();
    cluster.run_for(Duration::from_secs(3));
    assert_eq!((cluster.leaders(), cluster.view(leader).epoch), (vec![leader], epoch));
}

#[test]
fn without_pre_vote_a_node_that_returns_forces_a_new_election() {
    let mut cluster = started(3, &[("pre_vote", "off")]);
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let epoch = cluster.view(leader).epoch;
    cluster.isolate(&[follower]);
    cluster.run_for(Duration::from_secs(10));
    cluster.cuts.clear();
    cluster.run_for(Duration::from_secs(3));
    assert!(cluster.view(cluster.leader()).epoch > Epoch(epoch.0 + 1));
}

#[test]
fn the_same_seed_gives_the_same_outputs() {
    let run = || {
        let mut cluster = Cluster::new(5, 7, &[("snapshot_every", "20")]);
        cluster.outputs = Some(Vec::new());
        cluster.run_to_leader();
        for number in 0..50 {
            cluster.write("x", &number.to_string());
        }
        let leader = cluster.leader();
        cluster.crash(leader, true);
        cluster.run_for(Duration::from_secs(3));
        cluster.start(leader);
        cluster.run_for(Duration::from_secs(3));
        cluster.outputs
    };
    let first = run();
    assert!(first.as_ref().is_some_and(|outputs| outputs.len() > 100));
    assert!(first == run());
}
