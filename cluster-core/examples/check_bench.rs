//! Measures the checkers in CPU time, beside todc-utils' Wing–Gong–Lowe search on the same histories in the same run.
//!
//! `cargo run --release -p cluster-core --example check_bench [FOLDER]`: the folder has histories and their verdicts in
//! `expected.tsv`; those of the tests if none is named.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

use cluster_core::{
    check::{
        Budget, Datum, DatumId, Ending, Function, History, HistoryBuilder, Model, OnlineCheck, Operation, Said,
        Verdict,
        format::{self, Format},
        linearizable,
    },
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, OpId, Seq},
    request::Request,
    time::Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use todc_utils::{
    linearizability::{
        WGLChecker,
        history::{Action, History as TheirHistory},
    },
    specifications::Specification,
};

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SEED: u64 = 1;
const ROUNDS: usize = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = std::env::args().nth(1).map_or(own, PathBuf::from);
    let histories = read(&folder)?;
    let of = |model: Model| histories.iter().filter(move |history| history.model == model);
    compare("register files", of(Model::Register), their_register);
    compare("key-value files", of(Model::KvAppend), their_texts);
    alone("20,000 operations of 20 clients, one register", &register(20, 20_000, SEED), Model::Register);
    alone("100,000 operations of 20 clients, one register", &register(20, 100_000, SEED), Model::Register);
    let (good, bad) = (texts(50, 10, 3_000, SEED, false), texts(50, 10, 3_000, SEED, true));
    alone("3,000 operations of 50 clients, 10 texts", &good, Model::KvAppend);
    alone("the same with a read that lost its end", &bad, Model::KvAppend);
    let known = [("good", good, true), ("bad", bad, false)].map(|(path, history, holds)| Known {
        path: path.to_owned(),
        history,
        model: Model::KvAppend,
        holds,
    });
    compare("50 clients, 10 texts", known.iter(), their_texts);
    online(5_000, 1);
    online(60_000, 8);
    println!("peak memory {:>60} MiB", peak_mib());
    Ok(())
}

struct Known {
    path: String,
    history: History,
    model: Model,
    holds: bool,
}

fn read(folder: &Path) -> Result<Vec<Known>, Box<dyn Error>> {
    let mut all = Vec::new();
    for line in fs::read_to_string(folder.join("expected.tsv"))?.lines() {
        let (path, verdict) = line.split_once('\t').ok_or("a line is a path, a tab and a verdict")?;
        let bytes = fs::read(folder.join(path))?;
        let format = Format::guess(&bytes[..bytes.len().min(4096)]).ok_or("unknown format")?;
        let history = format::read(format, &bytes[..])?;
        let model = if format == Format::PorcupineKv { Model::KvAppend } else { Model::Register };
        all.push(Known { path: path.to_owned(), history, model, holds: verdict == "linearizable" });
    }
    Ok(all)
}

/// Checks each history with both, in turns, and prints the sums of each one's best times.
fn compare<'a>(
    what: &str,
    histories: impl Iterator<Item = &'a Known>,
    theirs: impl Fn(&History) -> Option<Vec<Box<dyn Fn() -> bool>>>,
) {
    let (mut ours_all, mut theirs_all, mut files, mut wrong) = (Duration::ZERO, Duration::ZERO, 0, 0);
    let (mut slowest, mut ratios) = ((0.0_f64, String::new()), Vec::new());
    for known in histories {
        let Some(parts) = theirs(&known.history) else { continue };
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (verdict, took) = timed(|| linearizable_only(&known.history, known.model));
            ours.push(took);
            wrong += usize::from(verdict != known.holds);
            let (holds, took) = timed(|| parts.iter().all(|part| part()));
            peer.push(took);
            assert_eq!(holds, known.holds, "{}: todc-utils is wrong", known.path);
        }
        // The least of several is what a busy machine disturbs least.
        let least = |times: Vec<Duration>| times.into_iter().min().unwrap_or_default();
        let (ours, peer) = (least(ours), least(peer));
        (ours_all, theirs_all, files) = (ours_all + ours, theirs_all + peer, files + 1);
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        ratios.push(ratio);
        if ratio > slowest.0 {
            slowest = (ratio, known.path.clone());
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "{what}: {files} files, {wrong} wrong verdicts; ours {:.3} ms, todc-utils {:.1} ms: 1/{:.0}; per file median {:.3}, worst {:.3} ({})",
        ours_all.as_secs_f64() * 1e3,
        theirs_all.as_secs_f64() * 1e3,
        theirs_all.as_secs_f64() / ours_all.as_secs_f64(),
        ratios.get(ratios.len() / 2).copied().unwrap_or(0.0),
        slowest.0,
        slowest.1,
    );
}

/// Only the verdict: what explains it costs extra, and the peer does not have it.
fn linearizable_only(history: &History, model: Model) -> bool {
    cluster_core::check::is_linearizable(history, model, &Budget::default()).expect("the history fits") == Some(true)
}

fn alone(what: &str, history: &History, model: Model) {
    let began = now();
    let verdict = cluster_core::check::is_linearizable(history, model, &Budget::default()).expect("the history fits");
    let took = now() - began;
    let began = now();
    let explained = match linearizable(history, model, &Budget::default()).expect("the history fits") {
        Verdict::Violated(witness) => format!("witness of {} operations after", witness.operations.len()),
        Verdict::Holds | Verdict::Unknown(_) => "again in".to_owned(),
    };
    let again = now() - began;
    println!("{what}: {verdict:?} in {:.1} ms, {explained} {:.1} ms", millis(took), millis(again));
}

/// What one operation costs the online checker, and so a thousand a second.
fn online(count: u64, keys: u64) {
    let events = operations(count, keys);
    let mut check = OnlineCheck::default();
    let began = now();
    for event in &events {
        check.apply(event);
    }
    let each = (now() - began).as_secs_f64() / count as f64;
    assert_eq!((check.violations().len(), check.lost()), (0, 0));
    println!(
        "online, {keys} keys, 20 clients, {count} operations: {:.0} ns each, {:.3} % of a core at 1,000 a second",
        each * 1e9,
        each * 1e3 * 100.0
    );
}

fn operations(count: u64, keys: u64) -> Vec<TraceEvent> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut values = vec![None; keys as usize];
    let mut open: Vec<Option<(OpId, u64, Option<Outcome>)>> = vec![None; 20];
    let mut events = Vec::new();
    let mut next = 0;
    let push = |events: &mut Vec<TraceEvent>, kind| {
        let seq = Seq(events.len() as u64);
        events.push(TraceEvent { seq, at: Timestamp(seq.0 * 500_000), cause: None, kind });
    };
    let mut asked: BTreeMap<OpId, Request> = BTreeMap::new();
    while next < count || open.iter().any(Option::is_some) {
        let at = rng.random_range(0..open.len());
        match open[at].take() {
            None if next == count => {}
            None => {
                next += 1;
                let key = rng.random_range(0..keys);
                let name = format!("k{key}").into();
                let request = match rng.random_bool(0.5) {
                    true => Request::Get { key: name },
                    false => Request::Put { key: name, value: format!("c{at}-{next}").into() },
                };
                asked.insert(OpId(next), request.clone());
                push(&mut events, EventKind::OpInvoked { op: OpId(next), client: ClientId(at as u16), request });
                open[at] = Some((OpId(next), key, None));
            }
            Some((op, key, None)) => {
                let outcome = match &asked[&op] {
                    Request::Put { value, .. } => {
                        values[key as usize] = Some(value.clone());
                        if rng.random_bool(0.001) { Outcome::NoAnswer } else { Outcome::Written { at: LogIndex(0) } }
                    }
                    _ => Outcome::Value { value: values[key as usize].clone(), at: LogIndex(0) },
                };
                open[at] = Some((op, key, Some(outcome)));
            }
            Some((op, _, Some(outcome))) => {
                push(&mut events, EventKind::OpReturned { op, outcome, node: None });
            }
        }
    }
    events
}

/// Draws a history of a register that works, with values that repeat.
fn register(clients: u32, count: usize, seed: u64) -> History {
    let mut value = Datum::Nil;
    draw(
        clients,
        count,
        seed,
        |rng| {
            let write = rng.random_bool(0.5);
            let number = Datum::Int(rng.random_range(0..100));
            (None, if write { Function::Write } else { Function::Read }, if write { number } else { Datum::Nil })
        },
        |_, function, asked| {
            if function == Function::Write {
                value = asked.clone();
            }
            value.clone()
        },
    )
}

/// Draws a history of texts that grow; `spoiled` if one read late in it loses its end.
fn texts(clients: u32, keys: i64, count: usize, seed: u64, spoiled: bool) -> History {
    let mut texts: BTreeMap<Datum, String> = BTreeMap::new();
    let (mut made, mut reads) = (0, 0);
    draw(
        clients,
        count,
        seed,
        |rng| {
            made += 1;
            let key = Some(Datum::Int(rng.random_range(0..keys)));
            let value = Datum::text(&format!("x {} {made} y", rng.random_range(0..clients)));
            match rng.random_range(0..10) {
                0..5 => (key, Function::Read, Datum::Nil),
                5..6 => (key, Function::Write, value),
                _ => (key, Function::Append, value),
            }
        },
        |key, function, asked| {
            let text = texts.entry(key.clone().unwrap_or_default()).or_default();
            match function {
                Function::Write => *text = asked.words().unwrap_or_default().to_owned(),
                Function::Append => text.push_str(asked.words().unwrap_or_default()),
                _ => {
                    reads += 1;
                    if spoiled && reads > count / 3 && text.len() > 40 {
                        return Datum::text(&text[..text.len() - 20]);
                    }
                }
            }
            Datum::text(text)
        },
    )
}

fn draw(
    clients: u32,
    count: usize,
    seed: u64,
    mut ask: impl FnMut(&mut ChaCha8Rng) -> (Option<Datum>, Function, Datum),
    mut answer: impl FnMut(&Option<Datum>, Function, &Datum) -> Datum,
) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut builder = HistoryBuilder::default();
    let mut open: Vec<Option<(Said, Option<Datum>)>> = vec![None; clients as usize];
    let mut line = 0;
    while builder.len() < count || open.iter().any(Option::is_some) {
        let at = rng.random_range(0..clients);
        let process = builder.process(&at.to_string());
        match open[at as usize].take() {
            None if builder.len() >= count => {}
            None => {
                line += 1;
                let (key, function, value) = ask(&mut rng);
                let said = Said { line, at: None, process, function, key, value };
                builder.begin(said.clone()).expect("it is drawn right");
                open[at as usize] = Some((said, None));
            }
            Some((said, None)) => {
                let heard = answer(&said.key, said.function, &said.value);
                open[at as usize] = Some((said, Some(heard)));
            }
            Some((said, Some(value))) => {
                line += 1;
                builder.end(Said { line, value, ..said }, Ending::Ok).expect("it is drawn right");
            }
        }
    }
    builder.finish()
}

/// The register as todc-utils is told of it: what was asked with the answer that came.
#[derive(Clone, Copy, Debug)]
enum Told {
    Asked,
    Read(DatumId),
    Write(DatumId),
    Cas(DatumId, DatumId),
    Refused(DatumId),
    /// It may have been done, or not.
    Perhaps(DatumId, DatumId),
}

struct TheirRegister;

impl Specification for TheirRegister {
    type State = DatumId;
    type Operation = Told;
    fn init() -> DatumId {
        DatumId::NIL
    }
    fn apply(told: &Told, state: &DatumId) -> (bool, DatumId) {
        match *told {
            Told::Asked => (false, *state),
            Told::Read(value) => (*state == value, *state),
            Told::Write(value) => (true, value),
            Told::Cas(from, to) => (*state == from, if *state == from { to } else { *state }),
            Told::Refused(from) => (*state != from, *state),
            Told::Perhaps(from, to) => (true, if *state == from { to } else { *state }),
        }
    }
}

fn their_register(history: &History) -> Option<Vec<Box<dyn Fn() -> bool>>> {
    let told = |operation: &Operation| {
        let pair = history.data.get(operation.argument).list().map(|pair| {
            (history.data.find(&pair[0]).unwrap_or_default(), history.data.find(&pair[1]).unwrap_or_default())
        });
        match (operation.function, operation.ending, pair) {
            (Function::Read, Ending::Ok, _) => Some(Told::Read(operation.result)),
            (Function::Write, Ending::Ok | Ending::Unknown, _) => Some(Told::Write(operation.argument)),
            (Function::Cas, Ending::Ok, Some((from, to))) => Some(Told::Cas(from, to)),
            (Function::Cas, Ending::Unknown, Some((from, to))) => Some(Told::Perhaps(from, to)),
            (Function::Cas, Ending::Fail, Some((from, _))) => Some(Told::Refused(from)),
            _ => None, // What was refused or not answered in another way did nothing.
        }
    };
    let actions = actions(&history.operations, told, Told::Asked);
    Some(vec![Box::new(move || {
        WGLChecker::<TheirRegister>::is_linearizable(TheirHistory::from_actions(actions.clone()))
    })])
}

#[derive(Clone, Debug)]
enum Text {
    Asked,
    Read(String),
    Write(String),
    Append(String),
}

struct TheirText;

impl Specification for TheirText {
    type State = String;
    type Operation = Text;
    fn init() -> String {
        String::new()
    }
    fn apply(told: &Text, state: &String) -> (bool, String) {
        match told {
            Text::Asked => (false, state.clone()),
            Text::Read(value) => (state == value, state.clone()),
            Text::Write(value) => (true, value.clone()),
            Text::Append(value) => (true, format!("{state}{value}")),
        }
    }
}

fn their_texts(history: &History) -> Option<Vec<Box<dyn Fn() -> bool>>> {
    let text = |id| history.data.get(id).words().unwrap_or_default().to_owned();
    let told = |operation: &Operation| match operation.function {
        Function::Read => Some(Text::Read(text(operation.result))),
        Function::Write => Some(Text::Write(text(operation.argument))),
        Function::Append => Some(Text::Append(text(operation.argument))),
        _ => None, // Texts have nothing else.
    };
    let mut parts: Vec<Box<dyn Fn() -> bool>> = Vec::new();
    for operations in history.by_key().into_values() {
        let operations: Vec<Operation> = operations.into_iter().map(|index| *history.get(index)).collect();
        let actions = actions(&operations, told, Text::Asked);
        parts.push(Box::new(move || {
            WGLChecker::<TheirText>::is_linearizable(TheirHistory::from_actions(actions.clone()))
        }));
    }
    Some(parts)
}

/// Returns beginnings and ends in order; what was not answered ends behind everything.
fn actions<T: Clone>(
    operations: &[Operation],
    told: impl Fn(&Operation) -> Option<T>,
    asked: T,
) -> Vec<(usize, Action<T>)> {
    let mut moments = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        if let Some(told) = told(operation) {
            moments.push((operation.invoked, at, Action::Call(asked.clone())));
            moments.push((operation.returned, at, Action::Response(told)));
        }
    }
    moments.sort_by_key(|(position, at, _)| (*position, *at));
    moments.into_iter().map(|(_, at, action)| (at, action)).collect()
}

/// Returns the CPU time of this process where the system tells it (a busy machine does not spoil that), else real time.
fn now() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next().and_then(|nanos| nanos.parse().ok()));
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Times something: in real time if it is shorter than the system's tick of CPU time, else in CPU time.
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let (cpu, real) = (now(), Instant::now());
    let result = run();
    let (real, cpu) = (real.elapsed(), now() - cpu);
    (result, if real < Duration::from_millis(20) { real } else { cpu.min(real) })
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// Returns the most memory that this process had, where the system tells it.
fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
