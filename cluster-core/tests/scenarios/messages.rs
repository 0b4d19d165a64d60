//! Single messages, by hand: held, let go, dropped, doubled, hurried, and trapped.

use cluster_core::{
    command::Command,
    event::{EventKind, Family, MessageInfo, TraceEvent},
    fault::{ByHand, Delay, DropReason, Fault, Heal, LinkFault, Times, Trap},
    ids::{Endpoint, MsgId, NodeId, Seq, TrapId},
    name::Name,
    registry::{PROTOCOLS, message_names},
    sim::Sim,
    trace::TraceStore,
    workload::wire,
};

use crate::common::{SECOND, client, cluster, events, inject, led, put, watched};

fn ask(sim: &mut Sim, what: ByHand) {
    sim.command(Command::Message(what));
}

fn trap(what: &'static str, to: NodeId, times: Times) -> ByHand {
    ByHand::SetTrap(Trap { what: Some(Name::new(what)), from: None, to: Some(to.into()), times })
}

/// Three nodes with a leader, one of the others, and an `AppendEntries` from the one to the other that is held.
fn holding(seed: u64) -> (Sim, NodeId, NodeId, MsgId) {
    let (mut sim, leader, other) = three(seed);
    ask(&mut sim, trap("AppendEntries", other, Times::Once));
    put(&mut sim, leader, "k", "v");
    assert!(sim.run_until(5 * SECOND, |trace| !trace.latest().held.is_empty()), "nothing was held at seed {seed}");
    let msg = sim.trace().latest().held[0].msg;
    // It crosses its link, and waits in front of its receiver.
    sim.run_for(SECOND / 10);
    (sim, leader, other, msg)
}

fn three(seed: u64) -> (Sim, NodeId, NodeId) {
    let (mut sim, leader) = led(&cluster("raft", 3, seed));
    sim.run_for(SECOND);
    (sim, leader, NodeId(if leader == NodeId(1) { 2 } else { 1 }))
}

fn refusals(trace: &TraceStore) -> Vec<String> {
    let reason = |event: TraceEvent| match event.kind {
        EventKind::CommandRefused { reason } => Some(reason),
        _ => None, // nothing else refuses a command
    };
    events(trace).into_iter().filter_map(reason).collect()
}

fn deliveries(trace: &TraceStore, msg: MsgId) -> Vec<Seq> {
    let of = |event: &TraceEvent| matches!(event.kind, EventKind::FrameDelivered { msg: told } if told == msg);
    events(trace).into_iter().filter(of).map(|event| event.seq).collect()
}

fn dropped(trace: &TraceStore, msg: MsgId) -> Option<DropReason> {
    events(trace).into_iter().find_map(|event| match event.kind {
        EventKind::FrameDropped { msg: told, reason } if told == msg => Some(reason),
        _ => None, // only the end of that frame is of interest
    })
}

#[test]
fn a_held_message_is_received_when_it_is_released_and_not_before() {
    let (mut sim, _, _, msg) = holding(31);
    sim.run_for(2 * SECOND);
    assert!(sim.trace().latest().is_held(msg) && deliveries(sim.trace(), msg).is_empty());
    ask(&mut sim, ByHand::Release(msg));
    assert_eq!(deliveries(sim.trace(), msg).len(), 1);
    assert!(sim.trace().latest().held.is_empty() && refusals(sim.trace()).is_empty());
}

#[test]
fn a_trap_for_the_next_message_lets_the_one_after_it_pass() {
    let (mut sim, leader, other, msg) = holding(32);
    assert!(sim.trace().latest().traps.is_empty());
    put(&mut sim, leader, "k", "w");
    sim.run_for(SECOND);
    assert_eq!(sim.trace().latest().held.len(), 1);
    let later = events(sim.trace()).into_iter().any(|event| {
        matches!(event.kind, EventKind::FrameSent { msg: later, to, .. } if later > msg && to == other.into()
            && !deliveries(sim.trace(), later).is_empty())
    });
    assert!(later, "nothing passed after the trap had sprung");
}

/// The words of the scenario: an old leader's entries come after its time.
#[test]
fn an_append_held_over_an_election_is_refused_when_it_comes() {
    let (mut sim, leader, other, msg) = holding(33);
    inject(&mut sim, Fault::Crash(leader));
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|next| next != leader)));
    sim.run_for(SECOND);
    let before = sim.trace().latest().nodes[&other].clone();
    ask(&mut sim, ByHand::ReleaseAll);
    let [delivered] = deliveries(sim.trace(), msg)[..] else { panic!("the held message was not received") };
    sim.run_for(SECOND / 4);
    let after = &sim.trace().latest().nodes[&other];
    assert_eq!((before.view.epoch, &before.log), (after.view.epoch, &after.log), "the old append changed something");
    let led_to: Vec<_> = events(sim.trace()).into_iter().filter(|event| event.cause == Some(delivered)).collect();
    assert!(!led_to.iter().any(|event| matches!(event.kind, EventKind::LogSpliced { .. })), "{led_to:?}");
}

#[test]
fn a_held_message_outlives_its_sender_and_dies_with_its_receiver() {
    let (mut sim, leader, other, msg) = holding(34);
    inject(&mut sim, Fault::Crash(leader));
    assert!(sim.trace().latest().is_held(msg));
    inject(&mut sim, Fault::Crash(other));
    assert_eq!(dropped(sim.trace(), msg), Some(DropReason::ReceiverDown));
    assert!(sim.trace().latest().held.is_empty());
}

#[test]
fn a_message_still_on_its_link_is_lost_with_its_sender_even_if_it_is_held() {
    let (mut sim, leader, other) = three(35);
    let mean = SECOND / 2;
    inject(&mut sim, Fault::Link((leader.into(), other.into()), LinkFault::Delay(Delay::constant(mean))));
    ask(&mut sim, trap("AppendEntries", other, Times::Once));
    put(&mut sim, leader, "k", "v");
    assert!(sim.run_until(SECOND, |trace| !trace.latest().held.is_empty()));
    let msg = sim.trace().latest().held[0].msg;
    inject(&mut sim, Fault::Crash(leader));
    sim.run_for(SECOND);
    assert_eq!(dropped(sim.trace(), msg), Some(DropReason::SenderDown));
}

#[test]
fn a_dropped_message_never_arrives_and_the_trace_says_whose_doing_it_was() {
    let (mut sim, _, _, msg) = holding(36);
    ask(&mut sim, ByHand::Drop(msg));
    sim.run_for(2 * SECOND);
    assert_eq!(dropped(sim.trace(), msg), Some(DropReason::ByHand));
    assert!(deliveries(sim.trace(), msg).is_empty() && sim.trace().latest().held.is_empty());
}

#[test]
fn a_doubled_message_arrives_twice() {
    let (mut sim, leader, other, msg) = holding(37);
    ask(&mut sim, ByHand::Duplicate(msg));
    let copies: Vec<(MsgId, MessageInfo)> = events(sim.trace())
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::FrameSent { msg: copy, from, to, info, .. }
                if copy > msg && (from, to) == (leader.into(), other.into()) && info.family == Family::Append =>
            {
                Some((copy, info))
            }
            _ => None, // only copies are of interest
        })
        .collect();
    let (copy, _) = *copies.last().expect("a copy was sent");
    assert_eq!(deliveries(sim.trace(), copy).len(), 1, "the copy of what is held is not held");
    ask(&mut sim, ByHand::Release(msg));
    assert_eq!(deliveries(sim.trace(), msg).len(), 1);
}

#[test]
fn a_hurried_message_overtakes_those_sent_before_it() {
    let (mut sim, leader, other) = three(38);
    let mean = SECOND / 2;
    let link = (Endpoint::from(leader), Endpoint::from(other));
    inject(&mut sim, Fault::Link(link, LinkFault::Delay(Delay::constant(mean))));
    put(&mut sim, leader, "k", "v");
    put(&mut sim, leader, "k", "w");
    let on_link = |trace: &TraceStore| -> Vec<MsgId> {
        let flights = trace.latest().flights.iter();
        flights.filter(|(_, flight)| (flight.from, flight.to) == link).map(|(msg, _)| *msg).collect()
    };
    assert!(sim.run_until(SECOND, |trace| on_link(trace).len() > 1));
    let (first, last) = (on_link(sim.trace())[0], *on_link(sim.trace()).last().expect("more than one"));
    ask(&mut sim, ByHand::DeliverNow(last));
    sim.run_for(SECOND);
    assert!(deliveries(sim.trace(), last)[0] < deliveries(sim.trace(), first)[0]);
}

#[test]
fn a_standing_trap_holds_every_message_until_it_is_released() {
    let (mut sim, leader, other) = three(39);
    ask(&mut sim, trap("heartbeat", other, Times::Always));
    sim.run_for(SECOND / 10);
    let held = sim.trace().latest().held.clone();
    assert!(held.len() > 1 && held.iter().all(|held| held.by == Some(TrapId(1))), "{held:?} of {leader}");
    assert_eq!(sim.trace().latest().traps[0].caught, held.len() as u64);
    ask(&mut sim, ByHand::ReleaseTrap(TrapId(1)));
    let state = sim.trace().latest();
    assert!(state.held.is_empty() && state.traps.is_empty());
    let order: Vec<Seq> = held.iter().map(|held| deliveries(sim.trace(), held.msg)[0]).collect();
    assert!(order.is_sorted(), "released in another order than held: {order:?}");
}

#[test]
fn a_healed_cluster_shows_no_trace_of_traps_and_held_messages() {
    let (mut sim, leader, other, msg) = holding(40);
    ask(&mut sim, trap("vote", other, Times::Always));
    ask(&mut sim, trap("append", other, Times::Always));
    put(&mut sim, leader, "k", "w");
    sim.run_for(SECOND);
    sim.command(Command::Heal(Heal::All));
    let state = sim.trace().latest();
    assert!(state.held.is_empty() && state.traps.is_empty() && state.faults.is_empty());
    assert_eq!(deliveries(sim.trace(), msg).len(), 1);
    put(&mut sim, leader, "k", "x");
    sim.run_for(3 * SECOND);
    let state = sim.trace().latest();
    assert!(state.held.is_empty());
    let hashes: Vec<u64> = state.nodes.values().map(|node| node.view.state_hash).collect();
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

#[test]
fn what_cannot_be_done_to_a_message_is_refused_with_the_reason() {
    let (mut sim, _, other, msg) = holding(41);
    ask(&mut sim, ByHand::Hold(MsgId(999_999)));
    ask(&mut sim, ByHand::Hold(msg));
    ask(&mut sim, ByHand::RemoveTrap(TrapId(9)));
    ask(&mut sim, trap("AppendEntrees", other, Times::Once));
    ask(&mut sim, trap("vote", NodeId(9), Times::Once));
    ask(&mut sim, trap("vote", other, Times::Always));
    ask(&mut sim, trap("vote", other, Times::Always));
    ask(&mut sim, ByHand::Release(msg));
    ask(&mut sim, ByHand::Release(msg));
    ask(&mut sim, ByHand::ReleaseAll);
    let refused = refusals(sim.trace());
    let said = [
        "m999999 is not under way".to_owned(),
        format!("{msg} is held already"),
        "there is no trap t9".to_owned(),
        "`AppendEntrees` is no message of Raft; there are vote, append".to_owned(),
        "there is no node n9".to_owned(),
        format!("t2 waits for it already: every vote to {other}"),
        format!("{msg} is not held"),
        "no message is held".to_owned(),
    ];
    assert_eq!(refused.len(), said.len(), "{refused:?}");
    for (refused, said) in refused.iter().zip(&said) {
        assert!(refused.starts_with(said), "{refused}");
    }
}

/// Traps are checked against these names: one that is missing could not be trapped by name.
#[test]
fn every_message_that_is_sent_has_its_name_in_the_list_of_its_protocol() {
    for row in PROTOCOLS.iter().filter(|row| !message_names(row.id).is_empty()) {
        let mut spec = cluster(row.id, 5, 42);
        if row.serves_clients {
            spec.clients = vec![client(1, 20.0)];
        }
        let mut sim = watched(&spec);
        sim.run_for(3 * SECOND);
        inject(&mut sim, Fault::Crash(NodeId(1)));
        sim.run_for(3 * SECOND);
        for event in events(sim.trace()) {
            if let EventKind::FrameSent { info, .. } = event.kind {
                let listed = message_names(row.id).iter().chain(wire::MESSAGES);
                assert!(listed.clone().any(|name| *name == info.name.as_str()), "{}: {}", row.id, info.name);
            }
        }
    }
}
