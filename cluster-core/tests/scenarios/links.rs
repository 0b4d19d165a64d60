//! Every fault of a link: where it acts, and that it leaves no trace once it is healed.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::EventKind,
    fault::{
        Bandwidth, Burst, Checksum, Corrupt, Delay, DelayShape, DropReason, Duplicate, Fault, Flap, Heal, LinkCounters,
        LinkFault, LinkId, LinkRules, Loss, Reorder,
    },
    ids::NodeId,
    sim::Sim,
    trace::NodeStatus,
};

use crate::common::{SECOND, client, cluster, events, inject, led, unchecked};

const MS: Duration = Duration::from_millis(1);

/// A cluster that works, and the direction from its leader to another node.
fn busy(seed: u64) -> (Sim, LinkId) {
    let mut spec = cluster("raft", 3, seed);
    spec.clients = vec![client(1, 50.0)];
    let (sim, leader) = led(&spec);
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    (sim, (leader.into(), other.into()))
}

fn did(sim: &Sim, link: LinkId) -> LinkCounters {
    sim.trace().latest().links.get(&link).map(|link| link.did).unwrap_or_default()
}

fn delivered(sim: &Sim, link: LinkId) -> u64 {
    sim.trace().latest().links[&link].delivered
}

fn refusals(sim: &Sim) -> Vec<String> {
    let reason = |kind| match kind {
        EventKind::CommandRefused { reason } => Some(reason),
        _ => None, // nothing else refuses a command
    };
    events(sim.trace()).into_iter().filter_map(|event| reason(event.kind)).collect()
}

type Counter = fn(&LinkCounters) -> u64;

/// Each fault that acts on frames by itself, and the counter that tells of it.
fn faults() -> Vec<(LinkFault, Counter)> {
    let exponential = Delay { mean: 20 * MS, jitter: Duration::ZERO, shape: DelayShape::Exponential };
    let normal = Delay { mean: 20 * MS, jitter: 5 * MS, shape: DelayShape::Normal };
    let bursts = Burst { turn_bad: 0.1, turn_good: 0.3, loss_bad: 1.0, loss_good: 0.0 };
    vec![
        (LinkFault::Cut, |did| did.cut),
        (LinkFault::Flap(Flap { up: 300 * MS, down: 200 * MS }), |did| did.flapped),
        (LinkFault::Delay(Delay::constant(20 * MS)), |did| did.delayed),
        (LinkFault::Delay(normal), |did| did.delayed),
        (LinkFault::Delay(exponential), |did| did.delayed),
        (LinkFault::Loss(Loss { probability: 0.3 }), |did| did.lost),
        (LinkFault::Burst(bursts), |did| did.burst),
        (LinkFault::Duplicate(Duplicate { share: 0.3 }), |did| did.duplicated),
        (LinkFault::Reorder(Reorder { share: 0.3, by: 100 * MS }), |did| did.reordered),
        (LinkFault::Corrupt(Corrupt { share: 0.3, checksum: Checksum::On }), |did| did.caught),
        (LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 2000, queue_bytes: 400 }), |did| did.queue_dropped),
        (LinkFault::HalfOpen(2 * SECOND), |did| did.vanished),
    ]
}

#[test]
fn each_fault_acts_and_healed_it_leaves_no_trace() {
    for (fault, counter) in faults() {
        let (mut sim, link) = busy(21);
        inject(&mut sim, Fault::Link(link, fault));
        assert_eq!(refusals(&sim), [] as [&str; 0], "{fault}");
        sim.run_for(4 * SECOND);
        assert!(counter(&did(&sim, link)) > 0, "{fault} did nothing: {:?}", did(&sim, link));
        sim.command(Command::Heal(Heal::Links));
        assert!(sim.trace().latest().faults.is_empty(), "{fault}: {:?}", sim.trace().latest().faults);
        // What is under way at that moment still feels it.
        sim.run_for(SECOND);
        let (before, carried) = (did(&sim, link), delivered(&sim, link));
        sim.run_for(4 * SECOND);
        assert_eq!(did(&sim, link), before, "{fault} acts after it was healed");
        assert!(delivered(&sim, link) > carried, "{fault}: nothing passes after it was healed");
    }
}

#[test]
fn every_frame_ends_once_under_every_rule_at_once() {
    let (mut sim, link) = busy(22);
    let rules = faults().into_iter().map(|(fault, _)| fault).filter(|fault| *fault != LinkFault::Cut);
    sim.command(Command::Inject(rules.map(|fault| Fault::Link(link, fault)).collect()));
    sim.run_for(5 * SECOND);
    inject(&mut sim, Fault::Link(link, LinkFault::Reset));
    sim.run_for(SECOND);
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
    assert_eq!(sent, ended);
}

#[test]
fn rules_that_contradict_are_refused_and_change_nothing() {
    let (mut sim, link) = busy(23);
    let flap = LinkFault::Flap(Flap { up: SECOND, down: SECOND });
    inject(&mut sim, Fault::Link(link, flap));
    inject(&mut sim, Fault::cut(link));
    inject(&mut sim, Fault::Partition(vec![vec![link.0]]));
    inject(&mut sim, Fault::Link(link, LinkFault::Reorder(Reorder { share: 0.5, by: Duration::ZERO })));
    let refused = refusals(&sim);
    assert_eq!(refused.len(), 3, "{refused:?}");
    assert!(refused[..2].iter().all(|reason| reason.contains("cannot be cut and flap at once")), "{refused:?}");
    assert!(refused[2].contains("give the span"), "{refused:?}");
    assert_eq!(sim.trace().latest().links[&link].rules.parts(), [flap]);
}

#[test]
fn links_that_are_set_have_exactly_those_rules_at_one_instant() {
    let (mut sim, link) = busy(24);
    inject(&mut sim, Fault::cut(link));
    let rules = LinkRules { loss: Some(Loss { probability: 0.5 }), ..LinkRules::default() };
    let back = (link.1, link.0);
    sim.command(Command::SetLinks(vec![(link, rules), (back, rules)]));
    let state = sim.trace().latest();
    assert!([link, back].iter().all(|link| state.links[link].rules == rules));
    sim.command(Command::SetLinks(vec![(link, rules)]));
    assert_eq!(refusals(&sim), ["it changed nothing: that is how things were already"]);
}

/// Damaged messages that can still be read may say anything: an engine may stop its node over one, which is told, and no
/// more than the node. Or it believes what it reads, and what it promises does not hold.
#[test]
fn damage_that_no_checksum_catches_reaches_the_protocol_and_ends_no_more_than_nodes() {
    for protocol in ["raft", "primary-backup"] {
        for seed in 1..=3 {
            let mut spec = cluster(protocol, 3, seed);
            spec.clients = vec![client(1, 50.0)];
            let mut sim = unchecked(&spec);
            sim.run_for(2 * SECOND);
            let damage = LinkFault::Corrupt(Corrupt { share: 1.0, checksum: Checksum::Off });
            let all = spec.nodes.iter().flat_map(|a| spec.nodes.iter().map(|b| ((*a).into(), (*b).into())));
            let faults = all.filter(|(a, b)| a != b).map(|link| Fault::Link(link, damage)).collect();
            sim.command(Command::Inject(faults));
            sim.run_for(3 * SECOND);
            let unread = |kind: &EventKind| matches!(kind, EventKind::FrameRejected { .. });
            assert!(events(sim.trace()).iter().any(|event| unread(&event.kind)), "{protocol} at seed {seed}");
            let told = |status: &NodeStatus| matches!(status, NodeStatus::Up | NodeStatus::Failed(_));
            let state = sim.trace().latest();
            assert!(state.nodes.values().all(|node| told(&node.status)), "{protocol} at seed {seed}");
            sim.command(Command::Heal(Heal::Links));
            let dropped = |sim: &Sim| events(sim.trace()).iter().filter(|event| unread(&event.kind)).count();
            sim.run_for(SECOND);
            let before = dropped(&sim);
            sim.run_for(SECOND);
            assert_eq!(dropped(&sim), before, "{protocol} at seed {seed}: damage after the heal");
        }
    }
}

#[test]
fn a_reset_connection_loses_what_is_under_way_and_the_next_frames_arrive() {
    let (mut sim, link) = busy(25);
    // A frame is under way for as long as the link takes.
    sim.run_until(5 * SECOND, |trace| trace.latest().flights.values().any(|flight| (flight.from, flight.to) == link));
    inject(&mut sim, Fault::Link(link, LinkFault::Reset));
    let reset = |kind: &EventKind| matches!(kind, EventKind::FrameDropped { reason: DropReason::Reset, .. });
    assert!(events(sim.trace()).iter().any(|event| reset(&event.kind)));
    let carried = delivered(&sim, link);
    sim.run_for(2 * SECOND);
    assert!(delivered(&sim, link) > carried && sim.trace().latest().faults.is_empty());
    assert_eq!(did(&sim, link).resets, 1);
}

#[test]
fn a_half_open_connection_swallows_everything_until_its_sender_finds_out() {
    let (mut sim, link) = busy(26);
    inject(&mut sim, Fault::Link(link, LinkFault::HalfOpen(2 * SECOND)));
    sim.run_for(1900 * MS);
    let carried = delivered(&sim, link);
    assert!(sim.trace().latest().links[&link].half_open.is_some() && did(&sim, link).vanished == 0);
    sim.run_for(2 * SECOND);
    assert!(did(&sim, link).vanished > 0 && delivered(&sim, link) > carried);
    assert!(sim.trace().latest().faults.is_empty());
}

#[test]
fn a_crash_is_noticed_late_over_a_link_that_closes_slowly() {
    let (mut sim, (leader, other)) = busy(27);
    inject(&mut sim, Fault::Link((leader, other), LinkFault::SlowClose(3 * SECOND)));
    sim.run_for(SECOND);
    let node = leader.node().expect("a leader is a node");
    inject(&mut sim, Fault::Crash(node));
    let crashed = sim.now();
    sim.run_for(10 * SECOND);
    let lost = |event: &&cluster_core::event::TraceEvent| match event.kind {
        EventKind::ConnectionLost { from, to } => (from, to) == (other, leader),
        _ => false, // nothing else tells of a connection's end
    };
    let events = events(sim.trace());
    let noticed = events.iter().find(lost).map(|event| event.at.since(crashed));
    assert_eq!(noticed, Some(3 * SECOND));
    assert_eq!(did(&sim, (other, leader)).slow_closed, 1);
}
