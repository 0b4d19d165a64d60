//! Remote procedure calls as their users see them: a lost request, a lost answer, a server that forgot.

use std::time::Duration;

use cluster_core::{
    command::Command,
    event::{EventKind, Outcome},
    fault::{Fault, Heal, LinkFault, Loss},
    ids::{ClientId, NodeId},
    request::{Answer, Request},
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    trace::Effects,
};

use crate::common::{
    SECOND, broken_promises, cluster, events, get, inject, outcomes, put, unchecked, watched, with_knob,
};

const SERVER: NodeId = NodeId(1);
const CLIENT: ClientId = ClientId(1);

fn bank(seed: u64, retries: u32) -> ClusterSpec {
    let client = ClientSpec {
        id: CLIENT,
        load: Load::Idle,
        timeout: Duration::from_millis(200),
        retries,
        ..ClientSpec::default()
    };
    ClusterSpec { clients: vec![client], ..cluster("rpc", 1, seed) }
}

fn charge(sim: &mut Sim, times: u32) {
    for _ in 0..times {
        let request = Request::Increment { key: "balance".into(), by: 5 };
        sim.command(Command::Ask { client: CLIENT, request });
    }
}

/// Returns how often each operation of the client was sent, how often it took effect, and how it ended.
fn charges(sim: &Sim) -> Vec<(u32, u32, Option<Outcome>)> {
    let (mut effects, mut asked, mut ended) = (Effects::new(false), Vec::new(), Vec::new());
    for event in events(sim.trace()) {
        effects.apply(&event);
        match event.kind {
            EventKind::OpInvoked { op, client: CLIENT, .. } => asked.push(op),
            EventKind::OpReturned { op, outcome, .. } => ended.push((op, outcome)),
            _ => {} // only operations are of interest here
        }
    }
    let ended = |op| ended.iter().find(|(other, _)| *other == op).map(|(_, outcome)| outcome.clone());
    asked.into_iter().map(|op| (effects.attempts(op), effects.of(op), ended(op))).collect()
}

fn lose_replies(sim: &mut Sim) {
    inject(sim, Fault::Link((SERVER.into(), CLIENT.into()), LinkFault::Loss(Loss { probability: 0.4 })));
}

fn cut(sim: &mut Sim, from: impl Into<cluster_core::ids::Endpoint>, to: impl Into<cluster_core::ids::Endpoint>) {
    inject(sim, Fault::Link((from.into(), to.into()), LinkFault::Cut));
}

#[test]
fn a_server_counts_and_tells_nobody_else() {
    let mut sim = watched(&cluster("rpc", 5, 1));
    put(&mut sim, NodeId(2), "color", "blue");
    sim.run_for(SECOND);
    get(&mut sim, NodeId(2), "color");
    get(&mut sim, NodeId(4), "color");
    sim.run_for(SECOND);
    let read = |outcome: &Option<Outcome>| match outcome {
        Some(Outcome::Value { value, .. }) => value.clone().map(|value| value.to_string()),
        other => panic!("{other:?}"),
    };
    let outcomes = outcomes(sim.trace());
    assert_eq!((read(&outcomes[1]), read(&outcomes[2])), (Some("blue".to_owned()), None));
    let peers =
        |kind| matches!(kind, EventKind::FrameSent { from, to, .. } if from.node().is_some() && to.node().is_some());
    assert!(!events(sim.trace()).into_iter().any(|event| peers(event.kind)));
}

/// Both ways a client hears nothing; only an eye that sees the server knows which was which.
#[test]
fn a_timeout_does_not_tell_a_lost_request_from_a_lost_answer() {
    let mut sim = watched(&bank(2, 0));
    cut(&mut sim, CLIENT, SERVER);
    charge(&mut sim, 1);
    sim.run_for(SECOND);
    sim.command(Command::Heal(Heal::All));
    cut(&mut sim, SERVER, CLIENT);
    charge(&mut sim, 1);
    sim.run_for(SECOND);
    assert_eq!(charges(&sim), [(1, 0, Some(Outcome::NoAnswer)), (1, 1, Some(Outcome::NoAnswer))]);
}

#[test]
fn without_a_memory_lost_answers_are_paid_again() {
    let mut sim = watched(&with_knob(bank(3, 9), "dedup", "off"));
    lose_replies(&mut sim);
    charge(&mut sim, 20);
    sim.run_for(10 * SECOND);
    let charges = charges(&sim);
    assert!(charges.iter().any(|(_, effects, _)| *effects >= 2), "{charges:?}");
    assert!(
        charges.iter().all(|(attempts, effects, _)| effects == attempts),
        "nothing but answers is lost: {charges:?}"
    );
}

#[test]
fn with_a_memory_every_answered_payment_is_made_once() {
    for seed in 1..=20 {
        let mut sim = watched(&bank(seed, 12));
        lose_replies(&mut sim);
        charge(&mut sim, 20);
        sim.run_for(15 * SECOND);
        let charges = charges(&sim);
        assert!(charges.iter().all(|(_, effects, _)| *effects == 1), "seed {seed}: {charges:?}");
        assert!(charges.iter().filter(|(attempts, ..)| *attempts >= 2).count() >= 3, "seed {seed}: {charges:?}");
        let highest = charges.iter().filter_map(|(.., outcome)| match outcome {
            Some(Outcome::Answered { answer: Answer::Number(number), .. }) => Some(*number),
            _ => None, // gave up
        });
        assert!(highest.max() <= Some(100), "seed {seed}");
    }
}

/// The hardest case: executed, not answered, and the server dies in between.
fn repeated_across_a_restart(spec: &ClusterSpec, death: Fault) -> Sim {
    let mut sim = unchecked(spec);
    cut(&mut sim, SERVER, CLIENT);
    charge(&mut sim, 1);
    sim.run_for(SECOND / 10);
    inject(&mut sim, death);
    sim.command(Command::Restart(SERVER));
    sim.run_for(SECOND / 10);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(5 * SECOND);
    sim
}

#[test]
fn what_was_executed_is_remembered_across_a_crash_and_a_power_loss() {
    for death in [Fault::Crash(SERVER), Fault::PowerLoss(SERVER)] {
        for snapshots in ["1", "1000"] {
            let spec = with_knob(bank(5, 9), "snapshot_every", snapshots);
            let sim = repeated_across_a_restart(&spec, death.clone());
            let charges = charges(&sim);
            assert!(matches!(charges[..], [(2.., 1, Some(Outcome::Answered { .. }))]), "{death:?}: {charges:?}");
            assert!(broken_promises(&sim).is_empty());
        }
    }
}

#[test]
fn a_restart_with_an_empty_memory_pays_twice() {
    for (knob, value, accused) in [("table", "memory", &[][..]), ("variant", "forgets-on-restart", &["at-most-once"])] {
        let sim = repeated_across_a_restart(&with_knob(bank(6, 9), knob, value), Fault::Crash(SERVER));
        let charges = charges(&sim);
        assert!(matches!(charges[..], [(2.., 2, Some(_))]), "{knob}: {charges:?}");
        assert_eq!(broken_promises(&sim), accused, "what was not promised is not broken: {knob}");
    }
}

#[test]
fn a_request_that_is_older_than_the_window_is_new_again() {
    for (window, times) in [("1", 2), ("100", 1)] {
        let mut sim = unchecked(&with_knob(bank(7, 9), "window", window));
        cut(&mut sim, SERVER, CLIENT);
        charge(&mut sim, 1);
        sim.run_for(SECOND / 10);
        for nth in 0..3 {
            put(&mut sim, SERVER, &format!("k{nth}"), "v");
        }
        sim.run_for(SECOND / 20);
        sim.command(Command::Heal(Heal::All));
        sim.run_for(5 * SECOND);
        assert_eq!(charges(&sim)[0].1, times, "window {window}");
    }
}
