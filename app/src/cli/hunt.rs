//! `faultline hunt`: many simulated runs, struck at random and checked; what breaks is made small and recorded.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use clap::Args;
use cluster_core::{
    hunt::{self, Check, Found, HuntOptions, HuntReport, Quarry},
    origin::BackendKind,
    parity::{Proof, proofs},
    protocol::VARIANT_KNOB,
    registry::{self, PROTOCOLS},
    script::did_you_mean,
    spec::SpecError,
};

use super::{
    Failure, cluster,
    failure::print,
    hunt_words::{json, text},
    progress::Progress,
    stop,
};

/// The flags of `hunt`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct HuntArgs {
    /// The protocol (see `faultline protocols`).
    #[arg(long, value_name = "PROTOCOL", default_value = "raft")]
    pub protocol: String,
    /// Break it on purpose, in this way (see `faultline protocols`).
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
    /// The seeds: `1..1000`, both included, or one.
    #[arg(long, value_name = "FROM..TO", default_value = "1..200", value_parser = seeds)]
    pub seeds: RangeInclusive<u64>,
    /// The faults that strike (see `faultline verbs`).
    #[arg(long, value_name = "PROFILE", default_value = "swarm", value_parser = super::nemesis::profile)]
    pub faults: cluster_core::nemesis::Profile,
    /// What is looked for: `all` that the protocol promises, or some of `lost`, `linearizable`, `stopped`, `invariants`.
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', default_value = "all", value_parser = check)]
    pub check: Vec<Wanted>,
    /// End with the first finding: that of the lowest seed.
    #[arg(long)]
    pub stop_at_first: bool,
    /// End with so many findings.
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "stop_at_first")]
    pub most: usize,
    /// How many nodes [default: three or five, by the seed].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub nodes: Option<u16>,
    /// Set a knob of the protocol, such as `--knob mode=sync`; may be repeated.
    #[arg(long = "knob", value_name = "K=V", value_parser = cluster::knob)]
    pub knobs: Vec<(String, String)>,
    /// How long faults strike in each run, in cluster time.
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = cluster::duration)]
    pub strikes_for: Duration,
    /// How many threads [default: one for each core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Write the recordings into this folder.
    #[arg(long, value_name = "DIR", default_value = "hunt")]
    pub out: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long, short)]
    pub quiet: bool,
    /// Hunt every protocol as it should be, and each of its variants, and print a table; writes no recordings.
    #[arg(long, conflicts_with_all = ["protocol", "variant", "json", "most", "stop_at_first", "knobs"])]
    pub table: bool,
}

const AFTER_HELP: &str = "\
Each seed is a simulated run of its own: a cluster, clients, and faults that strike at random and are mended. The same seed \
gives the same run, on any number of threads. A finding is made small (fewer faults, shorter, fewer clients and nodes) and \
recorded up to the moment at which it became certain; `faultline play FILE` opens the recording there.

Exit codes: 0 nothing was found; 1 something was; 2 the command line is wrong; 3 the protocol, the variant or the folder \
cannot be used.";

/// A word behind `--check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All that is promised.
    All,
    /// One check.
    One(Check),
}

/// How many runs the shrinking of one finding may take.
const SHRINK_RUNS: usize = 400;

/// Does what the flags say.
pub(super) fn hunt(args: &HuntArgs) -> Result<(), Failure> {
    if args.table {
        return table(args);
    }
    let quarry = quarry(args)?;
    let report = chase(&quarry, args, &args.name(&quarry), &stop::flag())?;
    let recordings = record_all(&report, &quarry, args)?;
    print(&match args.json {
        true => json(&report, &quarry, &recordings).map_err(Failure::run)?,
        false => text(&report, &quarry, &recordings),
    })?;
    match report.found.len() {
        0 => Ok(()),
        found => Err(Failure::Violated(format!("{found} of {} runs broke a promise", report.seeds_tried))),
    }
}

/// Hunts everything, and prints a row for each.
fn table(args: &HuntArgs) -> Result<(), Failure> {
    print(hunt::TABLE_HEAD)?;
    let stop = stop::flag();
    let mut unexpected = false;
    for row in PROTOCOLS {
        for variant in std::iter::once(None).chain(row.variants.iter().map(Some)) {
            let mut quarry = Quarry { strikes_for: args.strikes_for, nodes: args.nodes, ..Quarry::new(row.id) };
            if let Some(variant) = variant {
                quarry = quarry.with(VARIANT_KNOB, variant.name);
            }
            let name = args.name(&quarry);
            let report = chase(&quarry, args, &name, &stop)?;
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            print(&hunt::table_row(&quarry, &report))?;
            unexpected |= match variant {
                None => !report.found.is_empty(),
                Some(variant) => report.found.is_empty() && !is_shown_by_script(row.id, variant.name),
            };
        }
    }
    match unexpected {
        false => Ok(()),
        true => Err(Failure::Violated(
            "a correct protocol broke a promise, or a variant of one broke none, not even by its script".to_owned(),
        )),
    }
}

/// Goes through the script of a variant that chance does not show, simulated. Returns whether it breaks what it should.
fn is_shown_by_script(protocol: &str, variant: &str) -> bool {
    let of_it = |proof: &&Proof| (proof.protocol, proof.variant) == (protocol, variant);
    let shows = |proof: &Proof| proof.play(true, BackendKind::Sim, 1).is_ok_and(|found| proof.is_shown_by(&found));
    proofs().find(of_it).is_some_and(shows)
}

fn chase(quarry: &Quarry, args: &HuntArgs, name: &str, stop: &AtomicBool) -> Result<HuntReport, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = HuntOptions {
        seeds: args.seeds.clone(),
        enough: if args.stop_at_first || args.table { 1 } else { args.most },
        threads: args.threads.unwrap_or(cores),
        shrink_runs: SHRINK_RUNS,
    };
    let progress = Mutex::new(Progress::new(args.quiet));
    let tell = |hunt::Progress { tried, all, found }| {
        let mut progress = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        progress.on_share(name, tried, all, &format!("{found} found"));
    };
    let strikers = hunt::nemeses(args.faults);
    hunt::hunt(quarry, &strikers, &options, &tell, stop).map_err(Failure::input)
}

fn quarry(args: &HuntArgs) -> Result<Quarry, Failure> {
    let mut protocol = args.protocol.as_str();
    let has = |protocol: &str, name: &str| {
        registry::protocol(protocol).is_some_and(|row| row.variants.iter().any(|variant| variant.name == name))
    };
    if let Some(variant) = args.variant.as_deref().filter(|variant| !has(protocol, variant)) {
        // The engine has no switch for its mistakes; the Raft that is there to be read has.
        let study = format!("{protocol}-study");
        if !has(&study, variant) {
            return Err(Failure::Input(unknown_variant(protocol, variant)));
        }
        if !args.quiet {
            eprintln!(
                "note: {protocol} cannot be broken in this way; this hunts {study}, the same protocol to be read"
            );
        }
        protocol = PROTOCOLS.iter().map(|row| row.id).find(|id| *id == study).unwrap_or(protocol);
    }
    let mut quarry = Quarry { strikes_for: args.strikes_for, nodes: args.nodes, ..Quarry::new(protocol) };
    quarry.knobs.extend(args.knobs.iter().cloned());
    if let Some(variant) = &args.variant {
        quarry = quarry.with(VARIANT_KNOB, variant);
    }
    quarry.check().map_err(|error| Failure::Input(explain(&error)))?;
    let promised = quarry.promised();
    quarry.checks = match args.check.contains(&Wanted::All) {
        true => promised,
        false => args.check.iter().filter_map(|wanted| wanted.one()).collect(),
    };
    Ok(quarry)
}

fn unknown_variant(protocol: &str, variant: &str) -> String {
    let known: Vec<_> = PROTOCOLS
        .iter()
        .filter(|row| row.id == protocol || row.id.strip_suffix("-study") == Some(protocol))
        .flat_map(|row| row.variants)
        .map(|variant| variant.name)
        .collect();
    match did_you_mean(variant, known.iter().copied()) {
        Some(meant) => format!("{protocol} has no variant `{variant}`; did you mean `{meant}`?"),
        None if known.is_empty() => format!("{protocol} has no variants; `faultline protocols` lists those that have"),
        None => format!("{protocol} has no variant `{variant}`; there are {}", known.join(", ")),
    }
}

fn explain(error: &SpecError) -> String {
    match error {
        SpecError::UnknownProtocol { name, .. } => match did_you_mean(name, PROTOCOLS.iter().map(|row| row.id)) {
            Some(meant) => format!("{error}; did you mean `{meant}`?"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}

fn record_all(report: &HuntReport, quarry: &Quarry, args: &HuntArgs) -> Result<Vec<PathBuf>, Failure> {
    if report.found.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::create_dir_all(&args.out).map_err(|why| {
        Failure::Input(format!(
            "cannot make the folder for recordings: {why}; choose another with --out: {}",
            args.out.display()
        ))
    })?;
    let name = args.name(quarry);
    report.found.iter().map(|found| record(found, quarry, &args.out, &name)).collect()
}

fn record(found: &Found, quarry: &Quarry, folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(format!("{name}-seed{}.faultline", found.seed));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    hunt::record(&found.shrunk.trial, &quarry.checks, &path, since.as_millis() as u64).map_err(Failure::input)?;
    Ok(path)
}

impl HuntArgs {
    fn name(&self, quarry: &Quarry) -> String {
        match quarry.knobs.get(VARIANT_KNOB) {
            Some(variant) => format!("{}-{variant}", quarry.protocol),
            None => quarry.protocol.clone(),
        }
    }
}

impl Wanted {
    fn one(self) -> Option<Check> {
        match self {
            Self::All => None,
            Self::One(check) => Some(check),
        }
    }
}

/// Reads `1..1000` or `7`.
fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.trim().trim_start_matches('=').parse::<u64>().ok();
    let range = match text.split_once("..") {
        Some((from, to)) => number(from).zip(number(to)),
        None => number(text).map(|seed| (seed, seed)),
    };
    let range = range.filter(|(from, to)| from <= to);
    range.map(|(from, to)| from..=to).ok_or_else(|| "write the first and the last, such as 1..1000, or one".to_owned())
}

fn check(text: &str) -> Result<Wanted, String> {
    match text.trim() {
        "all" => Ok(Wanted::All),
        word => Check::from_word(word).map(Wanted::One).ok_or_else(|| {
            let words: Vec<_> = Check::ALL.iter().map(|check| check.word()).collect();
            format!("there are all, {}", words.join(", "))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_with_both_ends_or_one() {
        assert_eq!(seeds("1..1000"), Ok(1..=1000));
        assert_eq!(seeds("1..=20"), Ok(1..=20));
        assert_eq!(seeds("7"), Ok(7..=7));
        for wrong in ["", "5..1", "a..b", "1..", "-1..2"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mistyped_variant_is_told_with_the_nearest() {
        assert!(unknown_variant("raft", "stale-reads").contains("`stale-read`"));
    }
}
