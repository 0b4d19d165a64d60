//! Prints what every fault does to every protocol on both backends, and how every broken variant is caught on both.
//!
//! `cargo run --release -p cluster-core --example parity [-- faults|variants] [PROTOCOL] [SEEDS]`; it ends with 1 if the
//! backends differ or a variant is not caught.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use cluster_core::{
    fault::FAULTS,
    name::Name,
    origin::BackendKind,
    parity::{Case, Proof, apart, proofs},
    registry::PROTOCOLS,
};

/// What can be printed.
const PARTS: [&str; 2] = ["faults", "variants"];
/// How many clusters run at once.
const AT_ONCE: usize = 6;
/// How often a script is tried on real nodes.
const ATTEMPTS: u64 = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seeds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(3);
    let wants =
        |part: &str| words.iter().any(|word| word == part) || !words.iter().any(|word| PARTS.contains(&&**word));
    let of = |protocol: &str| {
        let named = |word: &String| PROTOCOLS.iter().any(|row| row.id == word);
        words.iter().any(|word| word == protocol) || !words.iter().any(named)
    };
    let mut sound = true;
    if wants("faults") {
        sound &= faults(seeds, of);
    }
    if wants("variants") {
        sound &= variants(of);
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
fn faults(seeds: u64, of: impl Fn(&str) -> bool) -> bool {
    let cases: Vec<Case> = (1..=seeds).flat_map(apart).filter(|case| of(case.protocol)).collect();
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
        let same = sim == live && sim.is_ok();
        differ += usize::from(!same);
        let live = if same { "the same".to_owned() } else { format!("DIFFERS: {}", told(&live)) };
        println!("| {} | {title} | {} | {} | {} | {live} |", case.protocol, case.place.word(), case.seed, told(&sim));
    }
    println!("\n{} of {} cases are the same on both backends", cases.len() - differ, cases.len());
    differ == 0
}

/// Prints how each variant is caught, simulated and on real nodes. Returns whether all are, and no correct form is.
fn variants(of: impl Fn(&str) -> bool) -> bool {
    let all: Vec<&Proof> = proofs().filter(|proof| of(proof.protocol)).collect();
    let shown = each(&all, |proof| [BackendKind::Sim, BackendKind::Live].map(|backend| show(proof, backend)));
    println!("| protocol | variant | caught simulated by | caught live by | attempts | correct form |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut sound = true;
    for (proof, [sim, live]) in all.iter().zip(shown) {
        sound &= [&sim, &live].iter().all(|shown| shown.caught.is_ok() && shown.is_silent());
        let [by_sim, by_live] = [&sim, &live].map(|shown| match &shown.caught {
            Ok((_, by)) => by.clone(),
            Err(last) => format!("NOT CAUGHT ({last})"),
        });
        let attempts = live.caught.as_ref().map_or(ATTEMPTS, |(attempt, _)| *attempt);
        let correct = if sim.is_silent() { live.correct_form() } else { sim.correct_form() };
        println!("| {} | {} | {by_sim} | {by_live} | {attempts} | {correct} |", proof.protocol, proof.variant);
    }
    sound
}

/// What a script showed on one backend.
struct Shown {
    /// At which attempt it was caught, and by what; else what was seen last.
    caught: Result<(u64, String), String>,
    correct: Result<BTreeMap<Name, String>, String>,
}

fn show(proof: &Proof, backend: BackendKind) -> Shown {
    let mut caught = Err(String::new());
    for attempt in 1..=ATTEMPTS {
        let names = |found: &BTreeMap<Name, String>| found.keys().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
        caught = match proof.play(true, backend, attempt) {
            Ok(found) if proof.is_shown_by(&found) => Ok((attempt, names(&found))),
            Ok(found) => Err(format!("{found:?}")),
            Err(stuck) => Err(stuck),
        };
        if caught.is_ok() {
            break;
        }
    }
    // A machine that is too busy can keep a script from going on; that shows nothing.
    let mut correct = proof.play(false, backend, 1);
    for attempt in 2..=ATTEMPTS {
        if correct.is_err() {
            correct = proof.play(false, backend, attempt);
        }
    }
    Shown { caught, correct }
}

impl Shown {
    fn is_silent(&self) -> bool {
        self.correct.as_ref().is_ok_and(BTreeMap::is_empty)
    }

    fn correct_form(&self) -> String {
        match &self.correct {
            Ok(found) if !found.is_empty() => format!("BREAKS {found:?}"),
            Ok(_) => "keeps its promises".to_owned(),
            Err(stuck) => format!("STUCK ({stuck})"),
        }
    }
}
