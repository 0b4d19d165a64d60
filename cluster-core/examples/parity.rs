//! Prints what every fault does to every protocol on both backends, and how every broken variant is caught on real nodes.
//!
//! `cargo run --release -p cluster-core --example parity [-- faults|variants] [SEEDS]`; it ends with 1 if the backends differ
//! or a variant is not caught.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use cluster_core::{
    fault::FAULTS,
    origin::BackendKind,
    parity::{Case, Proof, apart, proofs},
};

/// How many clusters run at once.
const AT_ONCE: usize = 6;
/// How often a script is tried on real nodes.
const ATTEMPTS: u64 = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seeds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(3);
    let only = |part: &str| words.iter().all(|word| word == part || word.parse::<u64>().is_ok());
    let mut sound = true;
    if only("faults") {
        sound &= faults(seeds);
    }
    if only("variants") {
        sound &= variants();
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Does something with each of these, several at once; what comes of it stands in their order.
fn each<T: Sync, R: Send>(all: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, made) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(at) else { return };
                    let outcome = make(one);
                    made.lock().unwrap_or_else(PoisonError::into_inner).push((at, outcome));
                }
            });
        }
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Prints the table of faults. Returns whether both backends agree on all of it.
fn faults(seeds: u64) -> bool {
    let both = |seed| [false, true].into_iter().flat_map(move |at_leader| apart(seed, at_leader));
    let cases: Vec<Case> = (1..=seeds).flat_map(both).collect();
    let compared = each(&cases, |case| (case.play(BackendKind::Sim), case.play(BackendKind::Live)));
    println!("| protocol | fault | strikes | seeds | simulated | live |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut differ = 0;
    for (case, (sim, live)) in cases.iter().zip(compared) {
        let told = |outcome: &Result<cluster_core::parity::Outcome, String>| match outcome {
            Ok(outcome) => {
                let told: Vec<String> = outcome.told.iter().map(ToString::to_string).collect();
                let broken: Vec<&str> = outcome.broken.iter().map(|promise| promise.as_str()).collect();
                let broken = if broken.is_empty() { String::new() } else { format!("; breaks {}", broken.join(", ")) };
                format!("{}{broken}", told.join(" / "))
            }
            Err(stuck) => format!("stuck: {stuck}"),
        };
        let title = FAULTS.iter().find(|row| Some(&row.kind) == case.kinds.first()).map_or("", |row| row.title);
        let whom = if case.at_leader { "the leader" } else { "another" };
        let same = sim == live && sim.is_ok();
        differ += usize::from(!same);
        let live = if same { "the same".to_owned() } else { format!("DIFFERS: {}", told(&live)) };
        println!("| {} | {title} | {whom} | {} | {} | {live} |", case.protocol, case.seed, told(&sim));
    }
    println!("\n{} of {} cases are the same on both backends", cases.len() - differ, cases.len());
    differ == 0
}

/// Prints how each variant is caught on real nodes. Returns whether all are, and no correct form is.
fn variants() -> bool {
    let all: Vec<&Proof> = proofs().collect();
    let caught = each(&all, |proof| {
        let tries = (1..=ATTEMPTS).map(|seed| (seed, proof.play(true, BackendKind::Live, seed)));
        let mut last = String::new();
        let mut first = None;
        for (attempt, found) in tries {
            match found {
                Ok(found) if proof.is_shown_by(&found) => {
                    first = Some((attempt, found));
                    break;
                }
                Ok(found) => last = format!("{found:?}"),
                Err(stuck) => last = stuck,
            }
        }
        (first.ok_or(last), proof.play(false, BackendKind::Live, 1))
    });
    println!("| protocol | variant | caught live by | attempts | correct form |");
    println!("| --- | --- | --- | --- | --- |");
    let mut sound = true;
    for (proof, (caught, correct)) in all.iter().zip(caught) {
        let (by, attempts) = match &caught {
            Ok((attempt, found)) => {
                (found.keys().map(|promise| promise.as_str()).collect::<Vec<_>>().join(", "), attempt.to_string())
            }
            Err(last) => (format!("NOT CAUGHT ({last})"), ATTEMPTS.to_string()),
        };
        let silent = match &correct {
            Ok(found) if !found.is_empty() => format!("BREAKS {found:?}"),
            Ok(_) => "keeps its promises".to_owned(),
            Err(stuck) => format!("keeps its promises ({stuck})"),
        };
        sound &= caught.is_ok() && correct.as_ref().map_or(true, |found| found.is_empty());
        println!("| {} | {} | {by} | {attempts} | {silent} |", proof.protocol, proof.variant);
    }
    sound
}
