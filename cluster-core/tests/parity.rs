//! The two backends held together: the same script on simulated nodes and on real ones reaches the same findings.
#![cfg(feature = "live")]

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use cluster_core::{
    ids::NodeId,
    origin::BackendKind,
    parity::{Case, Proof, Scene, nothing_to_do, proofs, together},
    registry::PROTOCOLS,
    spec::ClusterSpec,
    time::TimingProfile,
};

/// How many clusters run at once: what they wait for is mostly time.
const AT_ONCE: usize = 4;
/// How often real time may spoil a script.
const ATTEMPTS: u64 = 3;

fn each<T: Sync>(all: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = check(one) {
                        wrong.lock().expect("no check panics").push(why);
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("no check panics")
}

fn compare(case: &Case) -> Result<(), String> {
    let sim = case.play(BackendKind::Sim)?;
    let live = case.play(BackendKind::Live)?;
    let odd = sim.told.iter().find(|told| match told.unfelt {
        Some(_) => !told.acted.is_empty(),
        None => told.acted.is_empty() && told.was == "up",
    });
    match (odd, sim == live) {
        (Some(told), _) => {
            Err(format!("{}: {told:?} does nothing that is felt, or does what cannot be", case.protocol))
        }
        (None, true) => Ok(()),
        (None, false) => Err(format!("{}: simulated {sim:#?}, live {live:#?}", case.protocol)),
    }
}

#[test]
fn every_fault_does_the_same_to_every_protocol_on_both_backends_live() {
    let wrong = each(&together(1), compare);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_nothing_to_do_is_refused_for_the_same_reasons_on_both_backends_live() {
    let refused = |protocol: &str, backend| {
        let (nodes, profile) = ((1..=3).map(NodeId).collect(), TimingProfile::Slower);
        let spec = ClusterSpec {
            protocol: protocol.to_owned(),
            nodes,
            profile,
            clients: Vec::new(),
            ..ClusterSpec::default()
        };
        let mut scene = Scene::start(&spec, backend).expect("a cluster");
        nothing_to_do(&mut scene).expect("the script goes on");
        let refused = scene.refused().to_vec();
        scene.finish().expect("a good end");
        refused
    };
    for row in PROTOCOLS {
        let simulated = refused(row.id, BackendKind::Sim);
        assert!(simulated.len() >= 15, "{simulated:#?}");
        assert_eq!(simulated, refused(row.id, BackendKind::Live), "{}", row.id);
    }
}

#[test]
fn every_variant_has_its_script_and_every_script_its_variant() {
    let variants: BTreeSet<_> =
        PROTOCOLS.iter().flat_map(|row| row.variants.iter().map(|variant| (row.id, variant.name))).collect();
    let shown: Vec<_> = proofs().map(|proof| (proof.protocol, proof.variant)).collect();
    assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>(), variants);
    assert_eq!(shown.len(), variants.len());
}

#[test]
fn the_script_of_a_variant_breaks_its_promise_and_none_of_the_correct_form() {
    let wrong = each(&proofs().collect::<Vec<_>>(), |proof| {
        let name = format!("{} {}", proof.protocol, proof.variant);
        let found = proof.play(true, BackendKind::Sim, 1).map_err(|stuck| format!("{name}: {stuck}"))?;
        if !proof.is_shown_by(&found) {
            return Err(format!("{name} is not shown: {found:?}"));
        }
        match proof.play(false, BackendKind::Sim, 1) {
            Ok(found) if found.is_empty() => Ok(()),
            went => Err(format!("the correct form of {name}: {went:?}")),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Two of the scripts on real nodes; the example `parity` goes through all of them.
#[test]
fn a_variant_is_caught_on_real_nodes_and_the_correct_form_is_not_live() {
    let some = |variant: &str| proofs().find(|proof| proof.variant == variant).expect("it has a script");
    let wrong = each(&[some("stale-read"), some("ack-before-replication")], |proof: &&Proof| {
        let tries = (1..=ATTEMPTS).map(|seed| proof.play(true, BackendKind::Live, seed));
        let tries: Vec<_> = tries.collect();
        if !tries.iter().flatten().any(|found| proof.is_shown_by(found)) {
            return Err(format!("{} is not caught: {tries:?}", proof.variant));
        }
        match proof.play(false, BackendKind::Live, 1) {
            Ok(found) if !found.is_empty() => Err(format!("the correct form of {}: {found:?}", proof.variant)),
            Ok(_) | Err(_) => Ok(()), // where the correct form refuses to go on, the script ends
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
