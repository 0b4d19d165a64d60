//! What holds whatever the protocol: determinism, honest frames, refusals with a reason.

use std::collections::BTreeSet;

use cluster_core::{
    command::Command,
    event::{EventKind, Milestone, Outcome},
    fault::{Fault, Heal, LinkFault, Loss},
    ids::{Endpoint, NodeId},
    registry::{PROTOCOLS, protocol as protocol_row},
    request::{Answer, Condition, Misfit, Request, Value},
    sim::Sim,
    trace::NodeStatus,
};

use crate::common::{SECOND, client, cluster, events, inject, led, milestones, outcomes, watched, with_knob};

fn eventful(protocol: &str, seed: u64) -> Sim {
    let mut spec = cluster(protocol, 5, seed);
    if protocol_row(protocol).is_some_and(|row| row.serves_clients) {
        spec.clients = vec![client(1, 20.0), client(2, 5.0)];
    }
    let mut sim = watched(&spec);
    sim.run_for(3 * SECOND);
    inject(&mut sim, Fault::Link((NodeId(1).into(), NodeId(2).into()), LinkFault::Loss(Loss { probability: 0.5 })));
    inject(&mut sim, Fault::PowerLoss(NodeId(1)));
    sim.run_for(3 * SECOND);
    inject(&mut sim, Fault::Freeze(NodeId(3)));
    sim.run_for(3 * SECOND);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(3 * SECOND);
    sim
}

#[test]
fn the_same_recipe_gives_the_same_trace_for_every_protocol() {
    for row in PROTOCOLS {
        for seed in 1..=3 {
            let (a, b) = (eventful(row.id, seed), eventful(row.id, seed));
            let (a, b) = (events(a.trace()), events(b.trace()));
            let first = a.iter().zip(&b).find(|(a, b)| a != b);
            assert!(first.is_none() && a.len() == b.len(), "{} at seed {seed} differs first at {first:?}", row.id);
        }
    }
}

/// Legends and filters name no others.
#[test]
fn messages_between_nodes_are_of_the_families_of_their_protocol() {
    for row in PROTOCOLS {
        let (sim, mut seen) = (eventful(row.id, 4), BTreeSet::new());
        for event in events(sim.trace()) {
            if let EventKind::FrameSent { from: Endpoint::Node(_), to: Endpoint::Node(_), info, .. } = event.kind {
                assert!(row.families.iter().any(|(family, _)| *family == info.family), "{}: {info:?}", row.id);
                seen.insert(info.family);
            }
        }
        assert!(seen.len() >= row.families.len().min(3), "{}: {seen:?}", row.id);
        assert!(row.families.is_sorted_by_key(|(family, _)| *family), "{}", row.id);
    }
}

/// Counting, appending and writing conditionally are exact on every replica, also on one that learns of them by a snapshot.
#[test]
fn operations_beyond_put_are_exact_on_every_replica_of_every_protocol() {
    for row in PROTOCOLS.iter().filter(|row| row.replicates) {
        let (mut sim, leader) = led(&with_knob(cluster(row.id, 3, 6), "snapshot_every", "20"));
        let follower = sim.trace().latest().nodes.keys().copied().find(|node| *node != leader).expect("three nodes");
        inject(&mut sim, Fault::Crash(follower));
        let ask = |sim: &mut Sim, request| {
            let node = sim.trace().latest().leader().unwrap_or(leader);
            sim.command(Command::Submit { node, request });
            sim.run_for(SECOND / 10);
        };
        let counter = || "n".into();
        for _ in 0..30 {
            ask(&mut sim, Request::Increment { key: counter(), by: 2 });
            ask(&mut sim, Request::Append { key: "log".into(), value: "x".into() });
        }
        let put_if = Request::PutIf { key: counter(), value: "0".into(), when: Condition::Absent, tells_old: true };
        ask(&mut sim, put_if);
        ask(&mut sim, Request::Increment { key: "log".into(), by: 1 });
        ask(&mut sim, Request::DeleteMany { keys: vec![counter(), "no".into()] });
        ask(&mut sim, Request::GetMany { keys: vec![counter(), "log".into()] });
        let answers: Vec<Answer> = outcomes(sim.trace()).into_iter().filter_map(answer_of).collect();
        assert_eq!(answers.len(), 64, "{}", row.id);
        assert_eq!(answers[58], Answer::Number(60), "{}", row.id);
        let (old, xs) = (Some("60".into()), Some(Value::from("x".repeat(30))));
        let last = [
            Answer::Put { written: false, old },
            Answer::Misfit(Misfit::NotInteger),
            Answer::Number(1),
            Answer::Values(vec![None, xs]),
        ];
        assert_eq!(answers[60..], last, "{}", row.id);
        sim.command(Command::Restart(follower));
        sim.run_for(5 * SECOND);
        let state = sim.trace().latest();
        let installed = milestones(sim.trace()).into_iter();
        let mut installed = installed.filter(|(_, news)| matches!(news, Milestone::SnapshotInstalled { .. }));
        assert!(installed.any(|(node, _)| node == follower), "{}: no snapshot", row.id);
        let hashes: BTreeSet<_> = state.nodes.values().map(|node| (node.view.state_hash, node.view.keys)).collect();
        assert_eq!(hashes.len(), 1, "{}: {hashes:?}", row.id);
    }
}

fn answer_of(outcome: Option<Outcome>) -> Option<Answer> {
    match outcome? {
        Outcome::Answered { answer, .. } => Some(answer),
        Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Failed(_) | Outcome::NoAnswer => {
            None
        }
    }
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(events(eventful("raft", 1).trace()), events(eventful("raft", 2).trace()));
}

#[test]
fn every_event_comes_after_its_cause() {
    for row in PROTOCOLS {
        let sim = eventful(row.id, 4);
        assert!(events(sim.trace()).iter().all(|event| event.cause.is_none_or(|cause| cause < event.seq)));
    }
}

#[test]
fn every_frame_that_was_sent_arrives_once_or_is_dropped_with_a_reason() {
    for row in PROTOCOLS {
        let sim = eventful(row.id, 5);
        let (mut sent, mut ended) = (Vec::new(), Vec::new());
        for event in events(sim.trace()) {
            match event.kind {
                EventKind::FrameSent { msg, .. } => sent.push(msg),
                EventKind::FrameDelivered { msg } | EventKind::FrameDropped { msg, .. } => ended.push(msg),
                _ => {} // only frames are of interest here
            }
        }
        ended.extend(sim.trace().latest().flights.keys());
        ended.sort_unstable();
        assert_eq!(sent, ended, "{}", row.id);
    }
}

#[test]
fn a_command_that_does_nothing_is_refused_with_the_reason() {
    let (mut sim, _) = led(&cluster("raft", 3, 6));
    let cut = Fault::cut((NodeId(1).into(), NodeId(2).into()));
    inject(&mut sim, cut.clone());
    let refused = |sim: &Sim| {
        let reason = |kind| match kind {
            EventKind::CommandRefused { reason } => Some(reason),
            _ => None, // nothing else refuses a command
        };
        events(sim.trace()).into_iter().filter_map(|event| reason(event.kind)).collect::<Vec<_>>()
    };
    assert!(refused(&sim).is_empty());
    inject(&mut sim, cut);
    sim.command(Command::Restart(NodeId(1)));
    inject(&mut sim, Fault::Crash(NodeId(9)));
    assert_eq!(
        refused(&sim),
        [
            "it changed nothing: that is how things were already",
            "n1 is running; crash or stop it first",
            "there is no node n9"
        ]
    );
}

#[test]
fn heal_all_leaves_nothing_broken() {
    let mut sim = eventful("raft", 7);
    inject(&mut sim, Fault::Wipe(NodeId(2)));
    inject(&mut sim, Fault::Freeze(NodeId(3)));
    inject(&mut sim, Fault::Partition(vec![vec![NodeId(4).into()]]));
    sim.run_for(SECOND);
    assert!(sim.trace().latest().faults.len() > 5);
    sim.command(Command::Heal(Heal::All));
    let state = sim.trace().latest();
    assert!(state.faults.is_empty(), "{:?}", state.faults);
    assert!(state.nodes.values().all(|node| node.status == NodeStatus::Up));
}

#[test]
fn a_cut_direction_drops_and_counts_what_it_stopped() {
    let mut spec = cluster("raft", 3, 8);
    spec.clients = vec![client(1, 20.0)];
    let (mut sim, leader) = led(&spec);
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    inject(&mut sim, Fault::cut((leader.into(), other.into())));
    sim.run_for(2 * SECOND);
    assert!(sim.trace().latest().links[&(leader.into(), other.into())].did.cut > 0);
}
