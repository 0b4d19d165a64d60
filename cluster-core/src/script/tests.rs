//! Scripts as people write them, with and without mistakes.

use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{
    command::Command,
    event::{EventKind, RoleKind, TraceEvent, ViewChange},
    fault::{
        Ailment, Bandwidth, Burst, Checksum, ClockShift, Corrupt, Delay, DelayShape, Drift, Duplicate, Fault,
        FaultKind, Flap, Heal, LinkFault, LinkId, Loss, NodeFault, ReadErrors, Reorder, Shape, Slowness,
    },
    ids::{Endpoint, NodeId, Seq},
    request::{Admin, Request},
    spec::ClusterSpec,
    time::Timestamp,
    trace::ClusterState,
};

fn parse(text: &str) -> Result<Script, ScriptError> {
    Script::parse("faults.txt", text)
}

fn verb(line: &str) -> Verb {
    let script = parse(&format!("at 1s {line}")).unwrap_or_else(|error| panic!("{error}"));
    script.timed.into_iter().next().expect("one line, one verb").verb
}

fn problem(line: &str) -> ScriptError {
    parse(line).expect_err("the line has a mistake")
}

/// Five nodes that run, n3 leads, and the clients c1 and c2.
fn cluster() -> ClusterState {
    let mut state = ClusterState::before(&ClusterSpec::default());
    for n in 1..=5 {
        happen(&mut state, EventKind::NodeStarted { node: NodeId(n), incarnation: 0, port: 0 });
    }
    let changes = vec![ViewChange::Role(RoleKind::Leader, crate::name::Name::new("leader"))];
    happen(&mut state, EventKind::ViewChanged { node: NodeId(3), changes });
    state
}

fn happen(state: &mut ClusterState, kind: EventKind) {
    let event = TraceEvent { seq: Seq(0), at: Timestamp::ZERO, cause: None, kind };
    state.apply(&event);
}

fn resolve(state: &ClusterState, line: &str) -> Result<Vec<Command>, Unresolved> {
    let script = parse(&format!("at 1s {line}")).unwrap_or_else(|error| panic!("{error}"));
    script.timed[0].resolve(state, &mut ChaCha8Rng::seed_from_u64(1))
}

fn commands(line: &str) -> Vec<Command> {
    resolve(&cluster(), line).unwrap_or_else(|error| panic!("{error}"))
}

fn nodes(ids: &[u16]) -> Vec<Endpoint> {
    ids.iter().map(|id| NodeId(*id).into()).collect()
}

fn link(from: u16, to: u16) -> LinkId {
    (NodeId(from).into(), NodeId(to).into())
}

#[test]
fn the_script_of_the_manual_is_read() {
    let script = parse(
        "# a comment\n\nat 5s crash @leader   # the leader dies\nat 8s partition @leader,@follower[0] | rest\n\
         at 12s heal\nat 14s restart all\n",
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let times: Vec<_> = script.timed.iter().map(|timed| (timed.at.as_secs(), timed.line)).collect();
    assert_eq!(times, [(5, 3), (8, 4), (12, 5), (14, 6)]);
    assert_eq!(script.timed[0].verb, Verb::Strike(FaultKind::Crash, vec![Selector::Leader]));
    assert_eq!(script.timed[3].verb, Verb::Restart(None));
    assert_eq!(script.end(), Duration::from_secs(14));
}

#[test]
fn lines_may_stand_in_any_order() {
    let script = parse("at 9s heal\nat 1500ms crash n1\nat 1.5s crash n2").expect("a good script");
    let lines: Vec<_> = script.timed.iter().map(|timed| timed.line).collect();
    assert_eq!(lines, [2, 3, 1]);
}

#[test]
fn a_mistake_in_line_7_is_told_with_its_place_and_a_remedy() {
    let text = "# one\nat 1s crash n1\n\nat 2s heal\n\n# six\nat 5s crsh @leader\nat 6s heal\n";
    let error = parse(text).expect_err("line 7 has a mistake");
    assert_eq!((error.line, error.column), (7, 7));
    assert_eq!(
        error.to_string(),
        "faults.txt, line 7, column 7: `crsh` is no verb; did you mean `crash`?\n  7 | at 5s crsh @leader\n    |       ^^^^"
    );
}

#[test]
fn every_mistake_names_the_word_and_what_to_write() {
    for (line, column, says) in [
        ("crash n1", 1, "begins with `at`"),
        ("at", 3, "the time is missing"),
        ("at noon crash n1", 4, "`noon` is no duration"),
        ("at 5 crash n1", 4, "`5` is no duration"),
        ("at 5s", 6, "a verb is missing"),
        ("at 5s explode n1", 7, "there are crash, powerloss"),
        ("at 5s crash", 12, "a node is missing"),
        ("at 5s crash leader", 13, "did you mean `@leader`?"),
        ("at 5s crash @laeder", 13, "did you mean `@leader`?"),
        ("at 5s crash n0", 13, "numbered from 1"),
        ("at 5s crash n1 n2", 16, "nothing can follow here"),
        ("at 5s crash rest", 13, "only in a `partition`"),
        ("at 5s cut n1 n2", 14, "needs its direction"),
        ("at 5s loss n1->n2 twenty", 19, "`twenty` is no share"),
        ("at 5s loss n1->n2 120%", 19, "no share of frames"),
        ("at 5s delay n1->n2 10ms +-20ms", 20, "frames from the future"),
        ("at 5s delay n1->n2", 19, "the delay is missing"),
        ("at 5s delay n1->n2 20ms norml", 25, "did you mean `normal`?"),
        ("at 5s burst n1->n2 2% 25%", 20, "`p` comes here"),
        ("at 5s burst n1->n2 p 2% r 0%", 20, "never end"),
        ("at 5s flap n1->n2 up 2s down 0s", 19, "never down"),
        ("at 5s reorder n1->n2 10%", 25, "`by` is missing"),
        ("at 5s corrupt n1->n2 1% unchekced", 25, "did you mean `unchecked`?"),
        ("at 5s bandwidth n1->n2 0kB/s queue 1kB", 24, "cut the link instead"),
        ("at 5s bandwidth n1->n2 fast queue 1kB", 24, "`fast` is no size"),
        ("at 5s halfopen n1->n2", 22, "the time until it is noticed is missing"),
        ("at 5s slowclose n1->n2 0s", 24, "does nothing"),
        ("at 5s heal n1", 12, "write `heal`"),
        ("at 5s rate 7", 12, "give 0.01 to 1"),
        ("at 5s put all k v", 11, "is not one node"),
        ("at 5s put n1 k", 15, "a value is missing"),
        ("at 5s add @leader", 11, "is no node's number"),
        ("at 5s slow n1", 14, "the factor is missing"),
        ("at 5s slow n1 often", 15, "`often` is no factor"),
        ("at 5s slow n1 0x", 15, "give a factor above 1"),
        ("at 5s slow n1 -3x", 15, "give a factor above 1"),
        ("at 5s clock-drift n1 100%", 22, "between -90% and 90%"),
        ("at 5s clock-drift n1 10", 22, "`10` is no drift"),
        ("at 5s clock-jump n1 0s", 21, "moves no clock"),
        ("at 5s clock-offset n1 soon", 23, "`soon` moves no clock"),
        ("at 5s disk-slow n1", 19, "how much longer a sync takes is missing"),
        ("at 5s disk-errors n1 200%", 22, "no share of reads"),
        ("at 5s disk-full n1 90%", 20, "nothing can follow here"),
        ("at 5s heal dsik n1", 12, "did you mean `heal disk`?"),
        ("at 5s pause", 7, "nothing resumes"),
    ] {
        let error = problem(line);
        assert_eq!((error.line, error.column), (1, column), "{line}: {error}");
        assert!(error.problem.contains(says), "{line}: {error}");
    }
}

#[test]
fn the_usage_of_every_verb_is_itself_a_good_line() {
    for row in verbs() {
        for usage in row.usage.split(" | ").filter(|usage| usage.starts_with(row.verb)) {
            let resumed = format!("at 1s {usage}\nat 2s resume");
            assert!(parse(&resumed).is_ok(), "{usage}: {:?}", parse(&resumed));
        }
    }
}

#[test]
fn delays_and_losses_are_read_with_their_numbers() {
    let (mean, jitter) = (Duration::from_millis(200), Duration::from_millis(50));
    let links =
        Links::Between { from: vec![Selector::Node(NodeId(1))], to: vec![Selector::Node(NodeId(2))], both_ways: false };
    let delay = Verb::Link(LinkFault::Delay(Delay::uniform(mean, jitter)), links.clone());
    assert_eq!(verb("delay n1->n2 200ms +-50ms"), delay);
    assert_eq!(verb("delay n1 -> n2 200ms ±50ms"), delay);
    let loss = Verb::Link(LinkFault::Loss(Loss { probability: 0.2 }), links);
    assert_eq!(verb("loss n1->n2 20%"), loss);
    assert_eq!(verb("loss n1->n2 0.2"), loss);
}

#[test]
fn faults_of_machines_are_read_with_their_numbers() {
    let fault = |line: &str| match verb(line) {
        Verb::Machine(fault, _) => fault,
        other => panic!("{other:?}"),
    };
    let second = Duration::from_secs(1);
    let slow = |factor| NodeFault::Slow(Slowness { factor });
    assert_eq!([fault("slow n1 10x"), fault("slow n1 2.5")], [slow(10.0), slow(2.5)]);
    assert_eq!(fault("clock-offset n1 +5s"), NodeFault::ClockOffset(ClockShift::ahead(5 * second)));
    assert_eq!(fault("clock-jump n1 -2s"), NodeFault::ClockJump(ClockShift::back(2 * second)));
    assert_eq!(fault("clock-drift n1 -50%"), NodeFault::ClockDrift(Drift { ppm: -500_000 }));
    assert_eq!(fault("clock-drift n1 200ppm"), NodeFault::ClockDrift(Drift { ppm: 200 }));
    assert_eq!(fault("disk-slow n1 20ms"), NodeFault::DiskSlow(Duration::from_millis(20)));
    assert_eq!(fault("disk-errors n1"), NodeFault::ReadErrors(ReadErrors::Next));
    assert_eq!(fault("disk-errors n1 30%"), NodeFault::ReadErrors(ReadErrors::Share(0.3)));
}

#[test]
fn faults_of_machines_strike_each_node_that_is_named_and_heal_by_part() {
    let lies = |n| Fault::Node(NodeId(n), NodeFault::LyingSync);
    assert_eq!(commands("sync-lies n1,n2"), [Command::Inject(vec![lies(1), lies(2)])]);
    assert_eq!(commands("heal clock n2"), [Command::Heal(Heal::Ailment(NodeId(2), Ailment::Clock))]);
    assert_eq!(commands("restart n2 wiped"), [Command::RestartWiped(NodeId(2))]);
    let (knob, value) = ("check_quorum".to_owned(), "on".to_owned());
    assert_eq!(commands("set check_quorum on"), [Command::SetKnob { knob, value }]);
    assert_eq!(commands("restart all wiped"), [], "every node runs");
}

#[test]
fn every_fault_of_a_link_is_read_with_its_numbers() {
    let (ms, links) = (Duration::from_millis, || {
        let one = |n| vec![Selector::Node(NodeId(n))];
        Links::Between { from: one(1), to: one(2), both_ways: false }
    });
    let bursts = Burst { turn_bad: 0.02, turn_good: 0.25, loss_bad: 0.9, loss_good: 0.01 };
    for (line, fault) in [
        ("flap n1->n2 up 2s down 500ms", LinkFault::Flap(Flap { up: ms(2000), down: ms(500) })),
        (
            "delay n1->n2 20ms exponential",
            LinkFault::Delay(Delay { mean: ms(20), jitter: ms(0), shape: DelayShape::Exponential }),
        ),
        (
            "delay n1->n2 20ms +-5ms normal",
            LinkFault::Delay(Delay { mean: ms(20), jitter: ms(5), shape: DelayShape::Normal }),
        ),
        ("burst n1->n2 p 2% r 25% bad 90% good 1%", LinkFault::Burst(bursts)),
        ("duplicate n1->n2 10%", LinkFault::Duplicate(Duplicate { share: 0.1 })),
        ("reorder n1->n2 10% by 50ms", LinkFault::Reorder(Reorder { share: 0.1, by: ms(50) })),
        ("corrupt n1->n2 1%", LinkFault::Corrupt(Corrupt { share: 0.01, checksum: Checksum::On })),
        ("corrupt n1->n2 1% unchecked", LinkFault::Corrupt(Corrupt { share: 0.01, checksum: Checksum::Off })),
        (
            "bandwidth n1->n2 1.5MB/s queue 64KiB",
            LinkFault::Bandwidth(Bandwidth { bytes_per_sec: 1_500_000, queue_bytes: 65_536 }),
        ),
        ("reset n1->n2", LinkFault::Reset),
        ("halfopen n1->n2 10s", LinkFault::HalfOpen(ms(10_000))),
        ("slowclose n1->n2 3s", LinkFault::SlowClose(ms(3000))),
    ] {
        assert_eq!(verb(line), Verb::Link(fault, links()), "{line}");
    }
}

#[test]
fn at_leader_is_whoever_leads_when_the_moment_comes() {
    assert_eq!(commands("crash @leader"), [Command::Inject(vec![Fault::Crash(NodeId(3))])]);
    assert_eq!(commands("freeze @primary"), [Command::Inject(vec![Fault::Freeze(NodeId(3))])]);
}

#[test]
fn followers_are_counted_without_the_leader_and_without_the_dead() {
    let mut state = cluster();
    let third = |state: &ClusterState| resolve(state, "crash @follower[2]");
    assert_eq!(third(&state), Ok(vec![Command::Inject(vec![Fault::Crash(NodeId(4))])]));
    happen(&mut state, EventKind::NodeCrashed { node: NodeId(1) });
    assert_eq!(third(&state), Ok(vec![Command::Inject(vec![Fault::Crash(NodeId(5))])]));
    happen(&mut state, EventKind::NodeCrashed { node: NodeId(2) });
    let error = third(&state).expect_err("two followers are left");
    assert!(error.may_pass && error.problem.contains("2 followers are running"), "{error}");
}

#[test]
fn without_a_leader_the_line_may_wait_and_an_unknown_node_never_comes() {
    let mut state = cluster();
    happen(&mut state, EventKind::NodeCrashed { node: NodeId(3) });
    assert!(resolve(&state, "crash @leader").is_err_and(|error| error.may_pass));
    let error = resolve(&state, "crash n9").expect_err("there is no n9");
    assert_eq!(error.to_string(), "faults.txt, line 1: there is no n9; the nodes are n1, n2, n3, n4, n5");
    assert!(!error.may_pass);
}

#[test]
fn the_rest_of_a_partition_is_who_was_not_named() {
    let groups = vec![nodes(&[3, 1]), nodes(&[2, 4, 5])];
    assert_eq!(
        commands("partition @leader,@follower[0] | rest"),
        [Command::Inject(vec![Fault::Partition(groups.clone())])]
    );
    let groups: Vec<_> = groups.into_iter().rev().collect();
    assert_eq!(commands("partition rest | n3,n1"), [Command::Inject(vec![Fault::Partition(groups)])]);
}

#[test]
fn one_node_in_two_groups_is_refused() {
    let error = resolve(&cluster(), "partition @leader | n3,n4").expect_err("n3 leads");
    assert!(error.problem.contains("n3 is in two groups"), "{error}");
}

#[test]
fn a_link_both_ways_is_two_directions_and_one_way_is_one() {
    let cut = |links: &[LinkId]| vec![Command::Inject(links.iter().map(|link| Fault::cut(*link)).collect())];
    assert_eq!(commands("cut n1->n2"), cut(&[link(1, 2)]));
    assert_eq!(commands("cut n1<->n2"), cut(&[link(1, 2), link(2, 1)]));
    assert_eq!(
        commands("cut around n1")[0],
        Command::Inject({
            let mut links: Vec<_> = (2..=5).map(|n| link(1, n)).chain((2..=5).map(|n| link(n, 1))).collect();
            links.sort_unstable();
            links.into_iter().map(Fault::cut).collect()
        })
    );
    assert!(resolve(&cluster(), "cut n1->n1").is_err());
}

#[test]
fn a_client_can_be_cut_off_but_not_crashed() {
    let client = Endpoint::from(crate::ids::ClientId(1));
    assert_eq!(commands("cut c1->n1"), [Command::Inject(vec![Fault::cut((client, NodeId(1).into()))])]);
    let error = resolve(&cluster(), "crash c1").expect_err("clients do not crash");
    assert!(error.problem.contains("c1 is a client"), "{error}");
}

#[test]
fn healing_has_a_word_for_each_extent() {
    assert_eq!(commands("heal"), [Command::Heal(Heal::All)]);
    assert_eq!(commands("heal links"), [Command::Heal(Heal::Links)]);
    assert_eq!(commands("heal link n1->n2"), [Command::Heal(Heal::Link(link(1, 2)))]);
    assert_eq!(commands("heal around n2"), [Command::Heal(Heal::Around(NodeId(2).into()))]);
    assert_eq!(commands("restart n1,n2"), [Command::Restart(NodeId(1)), Command::Restart(NodeId(2))]);
}

#[test]
fn membership_goes_to_the_leader_and_a_stranger_is_started_first() {
    let ask = |admin| Command::Submit { node: NodeId(3), request: Request::Admin(admin) };
    assert_eq!(commands("transfer n1"), [ask(Admin::TransferLeadership { to: NodeId(1) })]);
    let node = NodeId(6);
    assert_eq!(commands("add n6"), [Command::AddNode(node), ask(Admin::AddMember { node })]);
    assert_eq!(commands("remove n2"), [ask(Admin::RemoveMember { node: NodeId(2) })]);
    let put = Request::Put { key: "color".into(), value: "a#b,c".into() };
    assert_eq!(commands("put n2 color a#b,c"), [Command::Submit { node: NodeId(2), request: put }]);
}

#[test]
fn a_random_node_follows_from_the_seed() {
    assert_eq!(commands("crash @random"), commands("crash @random"));
}

#[test]
fn a_shape_is_cut_around_who_leads_or_who_is_named() {
    let [Command::Inject(deaf)] = &commands("shape deaf")[..] else { panic!("one command") };
    assert_eq!(*deaf, [1, 2, 4, 5].map(|node| Fault::cut(link(node, 3))));
    let [Command::Inject(mute)] = &commands("shape mute n5")[..] else { panic!("one command") };
    assert_eq!(*mute, [1, 2, 3, 4].map(|node| Fault::cut(link(5, node))));
    assert_eq!(verb("shape hub @follower[1]"), Verb::Shape(Shape::Hub, Some(Selector::Follower(1))));
}

#[test]
fn a_shape_that_cannot_be_names_the_word_or_the_reason() {
    assert!(problem("at 1s shape brigde").to_string().contains("`brigde` is no shape; did you mean `bridge`?"));
    assert!(problem("at 1s shape").to_string().contains("a shape is missing"));
    assert!(problem("at 1s shape ring n3").to_string().contains("no special node"));
    let mut nobody_leads = cluster();
    nobody_leads.nodes.retain(|node, _| *node != NodeId(3));
    let waits = resolve(&nobody_leads, "shape minority").expect_err("nobody leads");
    assert!(waits.may_pass, "{waits}");
    nobody_leads.nodes.retain(|node, _| *node < NodeId(3));
    let never = resolve(&nobody_leads, "shape ring").expect_err("two nodes");
    assert!(!never.may_pass && never.to_string().contains("needs at least 4 nodes"), "{never}");
}
