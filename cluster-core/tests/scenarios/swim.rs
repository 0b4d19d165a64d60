//! SWIM: rumors of a death, a slow member that buries the healthy, one broken link, and who returns.

use cluster_core::{
    command::Command,
    event::{Incarnation, MemberStatus, Milestone},
    fault::{Fault, Heal, LinkFault, NodeFault, Slowness},
    ids::NodeId,
    request::Request,
    sim::Sim,
    spec::ClusterSpec,
    time::TimingProfile,
    trace::{ClusterState, NodeState},
};

use crate::common::{
    SECOND, broken_promises, cluster, ends, inject, milestones, put, refusals, unchecked, watched, with_knob,
};

const N4: NodeId = NodeId(4);

fn members(seed: u64) -> ClusterSpec {
    cluster("swim", 8, seed)
}

/// Returns what a member holds another for.
fn view(sim: &Sim, by: u16, of: NodeId) -> Option<MemberStatus> {
    let state = sim.trace().latest();
    state.nodes[&NodeId(by)].view.opinions.get(&of).map(|opinion| opinion.status)
}

fn all_hold(sim: &Sim, of: NodeId, status: MemberStatus) -> bool {
    let others = (1..=8).filter(|node| NodeId(*node) != of);
    others.into_iter().all(|node| view(sim, node, of) == Some(status))
}

/// Returns how often, in 10 s of slowness, a member that is well was held for dead, and the slow one.
fn deaths_beside_a_slow_one(seed: u64, lifeguard: &str) -> (usize, usize) {
    let spec = ClusterSpec { profile: TimingProfile::Human, ..members(seed) };
    let mut sim = watched(&with_knob(spec, "lifeguard", lifeguard));
    sim.run_for(5 * SECOND);
    inject(&mut sim, Fault::Node(N4, NodeFault::Slow(Slowness { factor: 20.0 })));
    sim.run_for(10 * SECOND);
    sim.command(Command::Heal(Heal::All));
    sim.run_for(10 * SECOND);
    let dead = milestones(sim.trace()).into_iter().filter_map(|(_, milestone)| match milestone {
        Milestone::MemberViewChanged { subject, status: MemberStatus::Dead, .. } => Some(subject),
        _ => None, // nothing else declares a death
    });
    let (slow, well): (Vec<_>, Vec<_>) = dead.partition(|subject| *subject == N4);
    (well.len(), slow.len())
}

#[test]
fn all_learn_of_a_death_from_rumors_and_of_the_return() {
    for seed in 1..=5 {
        let mut sim = watched(&members(seed));
        sim.run_for(2 * SECOND);
        assert!(all_hold(&sim, N4, MemberStatus::Alive), "seed {seed}");
        inject(&mut sim, Fault::Crash(N4));
        let known = sim.run_until(10 * SECOND, |trace| {
            let state = trace.latest();
            let mut others = state.nodes.iter().filter(|(node, _)| **node != N4);
            others.all(|(_, node)| node.view.opinions.get(&N4).is_some_and(|it| it.status == MemberStatus::Dead))
        });
        assert!(known, "seed {seed}");
        sim.command(Command::Restart(N4));
        sim.run_for(10 * SECOND);
        assert!(all_hold(&sim, N4, MemberStatus::Alive), "seed {seed}");
        let state = sim.trace().latest();
        assert_eq!(state.nodes[&NodeId(1)].view.opinions[&N4].incarnation, Incarnation { life: 2, refutations: 0 });
    }
}

#[test]
fn a_slow_member_buries_healthy_ones_and_with_lifeguard_it_buries_none() {
    for seed in 1..=5 {
        let (well, slow) = deaths_beside_a_slow_one(seed, "off");
        assert!(well > 0 && slow > 0, "seed {seed}: {well} {slow}");
        assert_eq!(deaths_beside_a_slow_one(seed, "on").0, 0, "seed {seed}");
    }
}

#[test]
fn one_cut_link_makes_nobody_suspect_but_without_indirect_probes_it_does() {
    let suspicions = |variant: &str| {
        let mut sim = watched(&with_knob(members(2), "variant", variant));
        sim.run_for(SECOND);
        for (from, to) in [(1, 4), (4, 1)] {
            inject(&mut sim, Fault::Link((NodeId(from).into(), NodeId(to).into()), LinkFault::Cut));
        }
        sim.run_for(30 * SECOND);
        let suspects = |milestone: &Milestone| {
            matches!(milestone, Milestone::MemberViewChanged { status: MemberStatus::Suspect, .. })
        };
        milestones(sim.trace()).iter().filter(|(_, milestone)| suspects(milestone)).count()
    };
    assert_eq!(suspicions("correct"), 0);
    assert!(suspicions("no-indirect-probe") > 0);
}

#[test]
fn a_suspicion_that_is_never_confirmed_leaves_the_dead_among_the_living() {
    let mut sim = unchecked(&with_knob(members(3), "variant", "no-suspicion-timeout"));
    sim.run_for(SECOND);
    inject(&mut sim, Fault::Crash(N4));
    sim.run_for(40 * SECOND);
    assert_eq!(broken_promises(&sim), ["swim-completeness"]);
}

/// Splits a group for so long that the members on either side bury those on the other. Returns it as it is healed.
fn split_for_long(spec: &ClusterSpec, apart: &[u16]) -> Sim {
    let mut sim = watched(spec);
    sim.run_for(SECOND);
    let apart: Vec<_> = apart.iter().copied().map(NodeId).collect();
    inject(&mut sim, Fault::Partition(vec![ends(&apart)]));
    sim.run_for(60 * SECOND);
    for by in &spec.nodes {
        for of in spec.nodes.iter().filter(|of| apart.contains(by) != apart.contains(of)) {
            assert_eq!(view(&sim, by.0, *of), Some(MemberStatus::Dead), "seed {}: {by} of {of}", spec.seed);
        }
    }
    sim.command(Command::Heal(Heal::All));
    sim
}

/// All learn of their death at once, and each begins a life that nobody knows of: without a word to each other they would
/// all wait for ever.
#[test]
fn two_parts_of_a_group_that_buried_each_other_find_together_again() {
    for (nodes, apart) in [(8, &[1, 2, 3, 4][..]), (8, &[5]), (3, &[2]), (2, &[1])] {
        for (seed, lifeguard) in (1..=4).flat_map(|seed| [(seed, "off"), (seed, "on")]) {
            let spec = with_knob(cluster("swim", nodes, seed), "lifeguard", lifeguard);
            let mut sim = split_for_long(&spec, apart);
            let of_one_mind = |state: &ClusterState| {
                let alive = |node: &NodeState| {
                    let opinions = &node.view.opinions;
                    opinions.len() + 1 == spec.nodes.len()
                        && opinions.values().all(|opinion| opinion.status == MemberStatus::Alive)
                };
                state.nodes.values().all(alive)
            };
            let found = sim.run_until(10 * SECOND, |trace| of_one_mind(trace.latest()));
            assert!(found, "seed {seed}, {apart:?} of {nodes}, lifeguard {lifeguard}");
            sim.run_for(30 * SECOND);
            assert!(of_one_mind(sim.trace().latest()), "seed {seed}, {apart:?} of {nodes}, lifeguard {lifeguard}");
        }
    }
}

#[test]
fn a_write_is_refused_with_the_reason() {
    let mut sim = watched(&members(1));
    put(&mut sim, N4, "x", "1");
    sim.command(Command::Submit { node: N4, request: Request::Get { key: "x".into() } });
    assert!(refusals(sim.trace()).iter().all(|reason| reason.contains("SWIM keeps no map")));
    assert_eq!(refusals(sim.trace()).len(), 2);
}
