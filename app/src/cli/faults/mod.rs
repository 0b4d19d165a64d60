//! Lists every fault, tries the faults of links, and measures what each fault does to a real cluster.

mod bench;
mod links;
mod nodes;

use std::fmt::Write;

use cluster_core::{
    fault::{FAULTS, FaultKind, FaultRow, layer_of},
    session,
};

use self::bench::Bench;
use super::{Failure, FaultsArgs, failure::print};

/// What a fault was measured to do.
struct Measured {
    /// What was asked for, in numbers.
    setting: String,
    /// What came of it.
    effect: String,
    /// What was left of it after a heal.
    healed: String,
}

/// Measures one kind of fault on a cluster that works.
type Measure = fn(&mut Bench) -> Result<Measured, Failure>;

/// Carries `faultline faults` out.
pub(super) fn faults(args: &FaultsArgs) -> Result<(), Failure> {
    if args.self_test {
        return self_test();
    }
    if args.measure {
        return print(&measured()?);
    }
    let mut text = String::new();
    for row in FAULTS {
        let _ = writeln!(text, "{}\n    {} ({})", row.verb, row.about, acts_on(row));
    }
    text.push_str("\nSee `faultline verbs` for how each is written in a script, `--measure` for what each does.");
    print(&text)
}

/// Returns how a kind is measured; one function a kind. `None` if nobody measures it.
fn measure_of(kind: FaultKind) -> Option<Measure> {
    links::measure_of(kind).or_else(|| nodes::measure_of(kind))
}

fn measured() -> Result<String, Failure> {
    let mut table =
        String::from("| fault | acts on | setting | measured | healed |\n| --- | --- | --- | --- | --- |\n");
    for row in FAULTS {
        let Some(measure) = measure_of(row.kind) else { continue };
        // A cluster of its own for each: none inherits what another one left.
        let mut bench = Bench::start(row.strikes_node)?;
        let named = |failure| match failure {
            Failure::Run(why) => Failure::Run(format!("{}: {why}", row.verb)),
            other => other, // says enough by itself
        };
        let Measured { setting, effect, healed } = measure(&mut bench).map_err(named)?;
        let _ = writeln!(table, "| {} | {} | {setting} | {effect} | {healed} |", row.title, acts_on(row));
    }
    Ok(table.trim_end().to_owned())
}

fn acts_on(row: &FaultRow) -> &'static str {
    match layer_of(row.kind) {
        Some(layer) => layer.words(),
        None => "node",
    }
}

fn self_test() -> Result<(), Failure> {
    let proofs = session::self_test().map_err(Failure::run)?;
    let mut text = String::new();
    for proof in &proofs {
        let verb = FAULTS.iter().find(|row| row.kind == proof.kind).map_or("", |row| row.verb);
        let _ = match &proof.outcome {
            Ok(did) => writeln!(text, "ok      {verb:10} {did}"),
            Err(why) => writeln!(text, "FAILED  {verb:10} {why}"),
        };
    }
    let failed = proofs.iter().filter(|proof| proof.outcome.is_err()).count();
    print(text.trim_end())?;
    if failed == 0 { Ok(()) } else { Err(Failure::Run(format!("{failed} kinds of faults are not to be trusted"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_measured_once() {
        for row in FAULTS {
            let ways = [links::measure_of(row.kind), nodes::measure_of(row.kind)].into_iter().flatten().count();
            assert_eq!(ways, 1, "{}", row.verb);
        }
    }
}
