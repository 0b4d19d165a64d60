//! Chains of causes in simulated runs: each ends at the fault, the command or the timer that began it.

use std::time::Duration;

use super::*;
use crate::{
    command::Command,
    event::{EventKind, Milestone, Outcome, TraceEvent},
    fault::{ByHand, Fault, Times, Trap},
    ids::{ClientId, Endpoint, NodeId, OpId, Seq},
    name::Name,
    request::Request,
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
};

const SECOND: Duration = Duration::from_secs(1);

fn cluster(protocol: &str, seed: u64) -> ClusterSpec {
    ClusterSpec {
        protocol: protocol.to_owned(),
        nodes: (1..=3).map(NodeId).collect(),
        seed,
        profile: TimingProfile::Fast,
        clients: Vec::new(),
        ..ClusterSpec::default()
    }
}

fn led(spec: &ClusterSpec) -> (Sim, NodeId) {
    let mut sim = Sim::start(spec).expect("the spec is sound");
    assert!(sim.run_until(30 * SECOND, |trace| trace.latest().leader().is_some()), "seed {}", spec.seed);
    sim.run_for(SECOND);
    let leader = sim.trace().latest().leader().expect("just seen");
    (sim, leader)
}

fn inject(sim: &mut Sim, fault: Fault) {
    sim.command(Command::Inject(vec![fault]));
}

fn put(sim: &mut Sim, node: NodeId) -> OpId {
    let request = Request::Put { key: "k".into(), value: "v".into() };
    sim.command(Command::Submit { node, request });
    let of = |event: &TraceEvent| match event.kind {
        EventKind::OpInvoked { op, .. } => Some(op),
        _ => None,
    };
    all(sim).iter().rev().find_map(of).expect("it was asked for")
}

fn all(sim: &Sim) -> Vec<TraceEvent> {
    sim.trace().events(Seq(0)..sim.trace().len())
}

fn find(sim: &Sim, wanted: impl Fn(&EventKind) -> bool) -> Seq {
    all(sim).iter().rev().find(|event| wanted(&event.kind)).expect("it happened").seq
}

fn asked(sim: &Sim, subject: Subject) -> Why {
    why(sim.trace(), sim.trace().len(), subject, "term").unwrap_or_else(|error| panic!("{error}"))
}

/// Checks what holds of every chain, and returns its sentences in one text.
fn told(why: &Why) -> String {
    assert!(!why.chain.is_empty(), "{why:?}");
    assert!(why.chain.iter().all(|link| why.chain.iter().filter(|other| other.seq == link.seq).count() == 1));
    why.chain.iter().map(|link| link.sentence.as_str()).collect::<Vec<_>>().join("\n")
}

fn root(why: &Why) -> &Because {
    why.chain.last().expect("a chain has links")
}

/// A run in which the first leader crashed and another one leads.
fn after_a_crash(seed: u64) -> (Sim, NodeId, NodeId) {
    let (mut sim, leader) = led(&cluster("raft", seed));
    inject(&mut sim, Fault::Crash(leader));
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|next| next != leader)));
    let next = sim.trace().latest().leader().expect("just seen");
    (sim, leader, next)
}

#[test]
fn an_election_goes_back_to_the_crash_of_the_leader_before() {
    let (sim, leader, next) = after_a_crash(51);
    let epoch = sim.trace().latest().nodes[&next].view.epoch;
    for subject in [Subject::Election(epoch), Subject::Node(next)] {
        let why = asked(&sim, subject);
        let text = told(&why);
        assert!(text.contains(&format!("of {leader}, and nothing more for")), "{text}");
        assert!(text.contains(&format!("{leader} crashed; it led")), "{text}");
        assert_eq!(
            (root(&why).kind, root(&why).sentence.clone()),
            (BecauseKind::Command, format!("The script crashed {leader}"))
        );
    }
}

/// Votes are written before they are given, and clients ask meanwhile: what they ask is no cause of a vote.
#[test]
fn what_clients_ask_during_an_election_is_no_cause_of_it() {
    for seed in 70..76 {
        let mut spec = cluster("raft", seed);
        let client = |id| ClientSpec { id: ClientId(id), load: Load::Open { rate_hz: 200.0 }, ..ClientSpec::default() };
        spec.clients = vec![client(1), client(2)];
        let (mut sim, leader) = led(&spec);
        inject(&mut sim, Fault::Crash(leader));
        assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leader().is_some_and(|next| next != leader)));
        let next = sim.trace().latest().leader().expect("just seen");
        let why = asked(&sim, Subject::Node(next));
        assert_eq!(root(&why).sentence, format!("The script crashed {leader}"), "seed {seed}: {}", told(&why));
    }
}

#[test]
fn a_node_that_is_down_goes_back_to_the_command() {
    let (sim, leader, _) = after_a_crash(52);
    let why = asked(&sim, Subject::Node(leader));
    assert_eq!(told(&why), format!("{leader} crashed; it led in term 1\nThe script crashed {leader}"));
}

#[test]
fn the_first_election_goes_back_to_a_start_and_its_patience() {
    let (sim, leader) = led(&cluster("raft", 53));
    let why = asked(&sim, Subject::Node(leader));
    assert_eq!(root(&why).kind, BecauseKind::Silence, "{why:#?}");
    assert!(root(&why).sentence.contains("started, and heard of no leader for"), "{why:#?}");
}

#[test]
fn a_leader_behind_a_cut_steps_down_because_of_the_partition() {
    let (mut sim, leader) = led(&cluster("raft", 54));
    inject(&mut sim, Fault::Partition(vec![vec![leader.into()]]));
    sim.run_for(5 * SECOND);
    let stepped = find(
        &sim,
        |kind| matches!(kind, EventKind::Milestone { node, milestone: Milestone::SteppedDown { .. } } if *node == leader),
    );
    let why = asked(&sim, Subject::Event(stepped));
    let text = told(&why);
    assert!(text.contains("nothing more for") && text.contains("cut, and 3 more directions"), "{text}");
    assert_eq!(root(&why).kind, BecauseKind::Command, "{text}");
}

#[test]
fn an_unanswered_write_goes_back_to_the_freeze_of_who_was_asked() {
    let (mut sim, leader) = led(&cluster("raft", 55));
    inject(&mut sim, Fault::Freeze(leader));
    let op = put(&mut sim, leader);
    let open = asked(&sim, Subject::Op(op));
    assert_eq!(root(&open).sentence, format!("The script froze {leader}"), "{}", told(&open));
    sim.run_for(20 * SECOND);
    let why = asked(&sim, Subject::Op(op));
    let text = told(&why);
    assert!(text.contains("got no answer") && text.contains(&format!("{leader} froze")), "{text}");
    assert_eq!(root(&why).sentence, format!("The script froze {leader}"));
}

#[test]
fn a_refused_write_goes_back_to_who_leads_or_who_left() {
    let (mut sim, leader, next) = after_a_crash(56);
    let other = (1..=3).map(NodeId).find(|node| *node != leader && *node != next).expect("three nodes");
    sim.run_for(SECOND);
    let op = put(&mut sim, other);
    sim.run_for(SECOND);
    let why = asked(&sim, Subject::Op(op));
    let text = told(&why);
    assert!(text.contains(&format!("was refused by {other}")), "{text}");
    assert!(text.contains("leads in term 2") || text.contains("follows"), "{text}");
}

#[test]
fn a_write_that_nobody_acknowledges_goes_back_to_the_partition() {
    let (mut sim, leader) = led(&cluster("raft", 57));
    inject(&mut sim, Fault::Partition(vec![vec![leader.into()]]));
    let op = put(&mut sim, leader);
    sim.run_for(SECOND / 5);
    let why = asked(&sim, Subject::Op(op));
    let text = told(&why);
    assert!(text.contains("which had not answered after"), "{text}");
    assert!(text.contains(&format!("The script cut {leader} off from the rest")), "{text}");
}

#[test]
fn a_lost_acknowledged_write_goes_back_to_the_fault_and_says_who_had_it() {
    let (mut sim, leader) = led(&cluster("primary-backup", 58));
    inject(&mut sim, Fault::Partition(vec![vec![leader.into()]]));
    let op = put(&mut sim, leader);
    sim.run_for(SECOND / 5);
    let acknowledged = all(&sim).iter().any(|event| {
        matches!(&event.kind, EventKind::OpReturned { op: o, outcome: Outcome::Written { .. }, .. } if *o == op)
    });
    assert!(acknowledged, "asynchronous replication acknowledges at once");
    inject(&mut sim, Fault::Crash(leader));
    sim.run_for(10 * SECOND);
    let why = asked(&sim, Subject::Lost(op));
    let text = told(&why);
    assert!(text.contains("was acknowledged as entry") && text.contains(&format!("when {leader} had it")), "{text}");
    assert!(text.contains(&format!("The script cut {leader} off from the rest")), "{text}");
}

#[test]
fn a_span_without_writes_goes_back_to_its_fault_and_says_how_it_ended() {
    let mut spec = cluster("raft", 59);
    spec.clients = vec![ClientSpec { id: ClientId(1), load: Load::Open { rate_hz: 50.0 }, ..ClientSpec::default() }];
    let (mut sim, leader) = led(&spec);
    let healthy = sim.now();
    inject(&mut sim, Fault::Crash(leader));
    let broken = sim.now();
    sim.run_for(5 * SECOND);
    let why = asked(&sim, Subject::Unavailable(broken + SECOND / 10));
    let text = told(&why);
    assert!(why.chain[0].sentence.starts_with("A write was acknowledged again"), "{text}");
    assert!(text.contains(&format!("The script crashed {leader}")), "{text}");
    let before = healthy - SECOND / 2;
    let error = super::why(sim.trace(), sim.trace().len(), Subject::Unavailable(before), "term");
    assert_eq!(error, Err(SubjectError::Available(before)));
}

#[test]
fn an_election_because_of_held_heartbeats_goes_back_to_the_trap() {
    let (mut sim, leader) = led(&cluster("raft", 60));
    let others: Vec<NodeId> = (1..=3).map(NodeId).filter(|node| *node != leader).collect();
    for other in &others {
        let what = Some(Name::new("heartbeat"));
        let (from, to) = (Some(Endpoint::from(leader)), Some(Endpoint::from(*other)));
        sim.command(Command::Message(ByHand::SetTrap(Trap { what, from, to, times: Times::Always })));
    }
    assert!(sim.run_until(10 * SECOND, |trace| trace.latest().leaders().any(|(node, _)| node != leader)));
    let next = sim.trace().latest().leaders().map(|(node, _)| node).find(|node| *node != leader).expect("just seen");
    let why = asked(&sim, Subject::Node(next));
    let text = told(&why);
    assert!(text.contains("caught Heartbeat"), "{text}");
    assert_eq!(root(&why).kind, BecauseKind::Command, "{text}");
}

#[test]
fn a_dropped_message_goes_back_to_the_cut_of_its_link() {
    let (mut sim, leader) = led(&cluster("raft", 61));
    let other = NodeId(if leader == NodeId(1) { 2 } else { 1 });
    inject(&mut sim, Fault::cut((leader.into(), other.into())));
    sim.run_for(SECOND / 2);
    let dropped = find(&sim, |kind| matches!(kind, EventKind::FrameDropped { .. }));
    let why = asked(&sim, Subject::Event(dropped));
    assert_eq!(root(&why).sentence, format!("The script cut {leader}→{other}"), "{}", told(&why));
}

#[test]
fn what_is_not_in_the_run_is_said_to_be_unknown() {
    let (sim, _) = led(&cluster("raft", 62));
    for subject in
        [Subject::Event(Seq(1 << 40)), Subject::Node(NodeId(9)), Subject::Op(OpId(77)), Subject::Lost(OpId(77))]
    {
        let error = why(sim.trace(), sim.trace().len(), subject, "term").expect_err("it is not there");
        assert!(matches!(error, SubjectError::Unknown(_)), "{subject}: {error}");
    }
}

#[test]
fn subjects_are_read_as_people_write_them() {
    let at = Timestamp(5);
    for (text, subject) in [
        ("120", Subject::Event(Seq(120))),
        ("#120", Subject::Event(Seq(120))),
        ("n2", Subject::Node(NodeId(2))),
        ("op12", Subject::Op(OpId(12))),
        ("lost:op12", Subject::Lost(OpId(12))),
        ("term3", Subject::Election(crate::ids::Epoch(3))),
        ("unavailable", Subject::Unavailable(at)),
    ] {
        assert_eq!(Subject::parse(text, at), Ok(subject), "{text}");
    }
    assert!(Subject::parse("why not", at).is_err());
}
