//! A nemesis against simulated clusters: the same luck twice, what it may use, what it leaves standing.

use std::time::Duration;

use super::*;
use crate::{
    command::{Author, Command},
    event::{EventKind, NodeFailure, TraceEvent},
    fault::{FAULTS, Fault, FaultKind, Heal, NodeFault},
    ids::{ClientId, NodeId, Seq},
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::TimingProfile,
    trace::{NodeStatus, Summary},
};

const SECOND: Duration = Duration::from_secs(1);

fn cluster(seed: u64) -> ClusterSpec {
    let client = ClientSpec { id: ClientId(1), load: Load::Open { rate_hz: 10.0 }, ..ClientSpec::default() };
    ClusterSpec { seed, profile: TimingProfile::Fast, clients: vec![client], ..ClusterSpec::default() }
}

fn often(spec: NemesisSpec) -> NemesisSpec {
    NemesisSpec { gap: Duration::from_millis(400), ..spec }
}

/// Lets a nemesis strike a simulated cluster for so long, each time exactly when it wants to.
fn strike(sim: &mut Sim, nemesis: &mut Nemesis, time: Duration) {
    let end = sim.now() + time;
    loop {
        for command in nemesis.next(sim.now(), sim.trace().latest()) {
            sim.command_by(Author::Nemesis, command);
        }
        let wakes = nemesis.wakes_at().expect("it was asked").min(end);
        sim.run_for(wakes.since(sim.now()));
        if sim.now() >= end {
            return;
        }
    }
}

/// Runs a cluster under a nemesis for eight seconds, heals it, and lets it be for three.
fn run(spec: &ClusterSpec, nemesis: NemesisSpec) -> (Sim, Nemesis) {
    let mut sim = Sim::start(spec).expect("the spec is sound");
    let mut nemesis = Nemesis::new(nemesis, spec.seed);
    strike(&mut sim, &mut nemesis, 8 * SECOND);
    sim.command_by(Author::Nemesis, Command::Heal(Heal::All));
    sim.run_for(3 * SECOND);
    (sim, nemesis)
}

fn events(sim: &Sim) -> Vec<TraceEvent> {
    sim.trace().events(Seq(0)..sim.trace().len())
}

fn commands(sim: &Sim) -> Vec<(u64, Command)> {
    let command = |event: TraceEvent| match event.kind {
        EventKind::CommandIssued { by: Author::Nemesis, command } => Some((event.at.0, command)),
        _ => None, // only what the nemesis asked is of interest here
    };
    events(sim).into_iter().filter_map(command).collect()
}

fn faults(sim: &Sim) -> Vec<Fault> {
    let faults = |(_, command)| if let Command::Inject(faults) = command { faults } else { Vec::new() };
    commands(sim).into_iter().flat_map(faults).collect()
}

/// What it acknowledged is nowhere else, and nothing travels but between it and its clients.
#[test]
fn a_server_on_its_own_keeps_its_disk_and_loses_messages_of_its_clients() {
    let mut on_links = 0;
    for seed in 1..=6 {
        let spec = ClusterSpec { protocol: "rpc".to_owned(), ..cluster(seed) };
        let (sim, _) = run(&spec, often(NemesisSpec::of(Profile::Swarm)));
        for fault in faults(&sim) {
            match fault {
                Fault::Wipe(_) | Fault::Node(_, NodeFault::LyingSync | NodeFault::BitRot) => {
                    panic!("{fault:?}, seed {seed}")
                }
                Fault::Link((from, to), _) if from.node().is_none() || to.node().is_none() => on_links += 1,
                _ => {} // whatever else is allowed
            }
        }
    }
    assert!(on_links > 10, "{on_links}");
}

#[test]
fn every_profile_has_its_row_and_some_kinds() {
    for (at, row) in PROFILES.iter().enumerate() {
        assert_eq!(row.profile as usize, at);
        assert_eq!(Profile::from_word(row.word), Some(row.profile));
        assert!(FAULTS.iter().any(|fault| row.profile.has(fault.kind)), "{}", row.word);
    }
    assert_eq!(PROFILES.last().map(|row| row.profile), Some(Profile::Erasure));
}

#[test]
fn nothing_is_asked_for_that_would_be_refused() {
    for seed in 1..=8 {
        let (sim, _) = run(&cluster(seed), often(NemesisSpec::of(Profile::Everything)));
        let refused: Vec<_> =
            events(&sim).into_iter().filter(|event| matches!(event.kind, EventKind::CommandRefused { .. })).collect();
        assert!(refused.is_empty(), "seed {seed}: {refused:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_commands() {
    let once = || commands(&run(&cluster(7), often(NemesisSpec::of(Profile::Everything))).0);
    let first = once();
    assert!(first.len() > 10, "{first:?}");
    assert_eq!(first, once());
    let other = commands(&run(&cluster(8), often(NemesisSpec::of(Profile::Everything))).0);
    assert_ne!(first, other);
}

#[test]
fn a_profile_uses_only_its_kinds_and_all_of_them() {
    for row in PROFILES.iter().filter(|row| row.profile != Profile::Swarm) {
        let mut used = std::collections::BTreeSet::new();
        for seed in 1..=8 {
            used.extend(faults(&run(&cluster(seed), often(NemesisSpec::of(row.profile))).0).iter().map(Fault::kind));
        }
        // A shape may be a partition or a list of cuts.
        let cut_by_shape = |kind: &FaultKind| row.profile == Profile::Partitions && *kind == FaultKind::Cut;
        let of_profile = FAULTS.iter().map(|row| row.kind).filter(|kind| row.profile.has(*kind)).collect();
        used.retain(|kind| !cut_by_shape(kind));
        assert_eq!(used, of_profile, "{}", row.word);
    }
}

#[test]
fn chosen_kinds_take_the_place_of_those_of_the_profile() {
    let spec = NemesisSpec { kinds: vec![FaultKind::Freeze], ..often(NemesisSpec::of(Profile::Crashes)) };
    let faults = faults(&run(&cluster(3), spec).0);
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault.kind() == FaultKind::Freeze), "{faults:?}");
}

#[test]
fn another_seed_draws_another_swarm_and_no_swarm_erases_disks() {
    let swarms: Vec<_> = (0..40).map(|seed| Nemesis::new(NemesisSpec::default(), seed).kinds().to_vec()).collect();
    let erases = |kind: &FaultKind| [FaultKind::Wipe, FaultKind::BitRot, FaultKind::LyingSync].contains(kind);
    assert!(swarms.iter().all(|kinds| !kinds.is_empty() && !kinds.iter().any(erases)));
    for row in FAULTS.iter().filter(|row| !erases(&row.kind)) {
        let with = swarms.iter().filter(|kinds| kinds.contains(&row.kind)).count();
        assert!((5..36).contains(&with), "{} is in {with} of 40 swarms", row.verb);
    }
}

#[test]
fn a_majority_stays_up_if_that_was_asked_for_and_may_fall_if_not() {
    let fewest_up = |keep_majority| {
        let spec = NemesisSpec { keep_majority, ..often(NemesisSpec::of(Profile::Crashes)) };
        let (sim, _) = run(&cluster(5), spec);
        let mut state = crate::trace::ClusterState::before(&cluster(5));
        let mut fewest = usize::MAX;
        for event in events(&sim) {
            state.apply(&event);
            if event.at.as_secs_f64() > 0.01 {
                let up = state.nodes.values().filter(|node| node.status == NodeStatus::Up).count();
                fewest = fewest.min(up);
            }
        }
        fewest
    };
    assert!(fewest_up(true) >= 3);
    assert!(fewest_up(false) < 3);
}

#[test]
fn disks_are_erased_only_if_that_was_asked_for_and_never_those_of_a_majority() {
    let spec = NemesisSpec { kinds: vec![FaultKind::Wipe], keep_majority: true, ..often(NemesisSpec::default()) };
    let (sim, _) = run(&cluster(6), spec);
    let wiped: std::collections::BTreeSet<NodeId> = faults(&sim)
        .iter()
        .filter_map(|fault| if let Fault::Wipe(node) = fault { Some(*node) } else { None })
        .collect();
    assert_eq!(wiped.len(), 2, "of five nodes two may forget: {wiped:?}");
}

#[test]
fn what_it_broke_it_mends_when_it_ends_and_nothing_else() {
    let spec = cluster(4);
    let mut sim = Sim::start(&spec).expect("the spec is sound");
    let mine = (NodeId(1).into(), ClientId(1).into());
    sim.command_by(Author::User, Command::Inject(vec![Fault::cut(mine)]));
    let mut nemesis = Nemesis::new(often(NemesisSpec::of(Profile::Everything)), 4);
    strike(&mut sim, &mut nemesis, 10 * SECOND);
    for command in nemesis.end(sim.trace().latest()) {
        sim.command_by(Author::Nemesis, command);
    }
    let broken: Vec<_> = sim.trace().latest().faults.iter().map(|fault| fault.what).collect();
    assert_eq!(broken, [crate::trace::Broken::Link(mine)]);
}

/// What correct Raft promises: under the swarm of every seed nothing acknowledged is lost, and after the quiet phase
/// the cluster takes writes again.
#[test]
fn fifty_swarms_lose_no_acknowledged_write_and_end_available() {
    let mut struck = 0;
    for seed in 1..=50 {
        let mut spec = cluster(seed);
        // Three nodes and five in turn: with three, every fault counts more.
        spec.nodes.truncate(if seed % 2 == 0 { 5 } else { 3 });
        let (sim, nemesis) = run(&spec, often(NemesisSpec::default()));
        let summary = Summary::of(sim.trace());
        let what = format!("seed {seed}, kinds {:?}: {summary:?}", nemesis.kinds());
        assert_eq!(summary.lost_acknowledged, 0, "{what}");
        assert_eq!(summary.available_at_end, Some(true), "{what}");
        assert!(sim.trace().latest().faults.is_empty(), "{what}");
        struck += summary.nemesis_commands;
    }
    assert!(struck > 500, "only {struck} commands in 50 runs");
}

/// What no correct protocol can promise: whoever takes away what was fsynced can take what was acknowledged.
#[test]
fn disks_that_forget_lose_acknowledged_writes_and_what_rotted_is_erased_in_the_end() {
    let (mut lost, mut erased) = (0, 0);
    for seed in 1..=12 {
        let spec = cluster(seed);
        let mut sim = Sim::start(&spec).expect("the spec is sound");
        let mut nemesis = Nemesis::new(often(NemesisSpec::of(Profile::Erasure)), seed);
        strike(&mut sim, &mut nemesis, 12 * SECOND);
        nemesis.give_up();
        sim.command_by(Author::Nemesis, Command::Heal(Heal::All));
        for _ in 0..4 {
            sim.run_for(SECOND);
            let commands = nemesis.next(sim.now(), sim.trace().latest());
            assert!(commands.iter().all(|command| matches!(command, Command::RestartWiped(_))), "{commands:?}");
            commands.into_iter().for_each(|command| sim.command_by(Author::Nemesis, command));
        }
        // A member whose disk was erased stops itself while the leader goes by what it had: it forgot what it promised.
        let told =
            |status: &NodeStatus| matches!(status, NodeStatus::Up | NodeStatus::Failed(NodeFailure::Protocol(_)));
        let told = sim.trace().latest().nodes.values().all(|node| told(&node.status));
        assert!(told, "seed {seed}: {:?}", sim.trace().latest().faults);
        lost += Summary::of(sim.trace()).lost_acknowledged;
        erased += commands(&sim).iter().filter(|(_, command)| matches!(command, Command::RestartWiped(_))).count();
    }
    assert!(lost > 0 && erased > 0, "{lost} lost, {erased} erased");
}
