//! The checker that goes along with a run says the same as the one that has all of it.

use std::collections::BTreeMap;

use cluster_core::{
    check::{Budget, HistoryFold, Model, OnlineCheck, is_linearizable},
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, OpId, Seq},
    request::{Answer, Condition, Key, Request, Value},
    time::Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What clients of a random run ask for.
#[derive(Clone, Copy)]
struct Mix {
    clients: usize,
    keys: u64,
    operations: u64,
    /// Whether values come again, and keys are removed, counted and appended to.
    edits: bool,
    /// From which operation on that is so.
    edits_from: u64,
    /// How many of a thousand answers are lost.
    lost: u32,
    /// How many of a thousand reads see something old.
    stale: u32,
}

/// Makes the events of a run: each operation takes effect at one instant, or, if it is stale, sees what was there before.
fn run(mix: Mix, seed: u64) -> Vec<TraceEvent> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut map: BTreeMap<Key, (Option<Value>, Option<Value>)> = BTreeMap::new();
    let mut open: Vec<Option<(OpId, Request, Option<Outcome>)>> = vec![None; mix.clients];
    let mut events: Vec<TraceEvent> = Vec::new();
    let mut next = 0;
    while next < mix.operations || open.iter().any(Option::is_some) {
        let at = rng.random_range(0..open.len());
        let kind = match open[at].take() {
            None if next == mix.operations => continue,
            None => {
                next += 1;
                let request = ask(&mut rng, mix, next);
                open[at] = Some((OpId(next), request.clone(), None));
                EventKind::OpInvoked { op: OpId(next), client: ClientId(at as u16), request }
            }
            Some((op, request, None)) => {
                let outcome = carry_out(&mut rng, mix, &mut map, &request);
                open[at] = Some((op, request, Some(outcome)));
                continue;
            }
            Some((op, _, Some(outcome))) => EventKind::OpReturned { op, outcome, node: None },
        };
        let seq = Seq(events.len() as u64);
        events.push(TraceEvent { seq, at: Timestamp(seq.0 * 1000), cause: None, kind });
    }
    events
}

fn ask(rng: &mut ChaCha8Rng, mix: Mix, number: u64) -> Request {
    let key: Key = format!("k{}", rng.random_range(0..mix.keys)).into();
    let edits = mix.edits && number > mix.edits_from;
    let value = match edits {
        true => rng.random_range(0..3).to_string().into(),
        false => format!("v{number}").into(),
    };
    match rng.random_range(0..if edits { 9 } else { 2 }) {
        0 => Request::Put { key, value },
        1..=3 => Request::Get { key },
        4 => Request::Delete { key },
        5 => Request::Increment { key, by: rng.random_range(-2..3) },
        6 => Request::Append { key, value },
        7 => {
            let when = [Condition::Always, Condition::Absent, Condition::Present][rng.random_range(0..3)];
            Request::PutIf { key, value, when, tells_old: rng.random_bool(0.5) }
        }
        _ => Request::PutMany { pairs: (0..mix.keys).map(|key| (format!("k{key}").into(), value.clone())).collect() },
    }
}

fn carry_out(
    rng: &mut ChaCha8Rng,
    mix: Mix,
    map: &mut BTreeMap<Key, (Option<Value>, Option<Value>)>,
    request: &Request,
) -> Outcome {
    let at = LogIndex(1);
    let outcome = match request {
        Request::Get { key } => {
            let (now, before) = map.get(key).cloned().unwrap_or_default();
            let stale = rng.random_ratio(mix.stale, 1000);
            Outcome::Value { value: if stale { before } else { now }, at }
        }
        Request::PutMany { pairs } => {
            pairs.iter().for_each(|(key, value)| set(map, key, Some(value.clone())));
            Outcome::Written { at }
        }
        other => {
            let key = other.key().expect("it has one").clone();
            let old = map.get(&key).and_then(|(now, _)| now.clone());
            let (next, outcome) = change(other, old.clone(), at);
            if next != old {
                set(map, &key, next);
            }
            outcome
        }
    };
    if rng.random_ratio(mix.lost, 1000) { Outcome::NoAnswer } else { outcome }
}

fn change(request: &Request, old: Option<Value>, at: LogIndex) -> (Option<Value>, Outcome) {
    let answered = |answer| Outcome::Answered { answer, at };
    match request {
        Request::Put { value, .. } => (Some(value.clone()), Outcome::Written { at }),
        Request::Delete { .. } => (None, Outcome::Written { at }),
        Request::Increment { by, .. } => {
            let number = match &old {
                None => Some(0),
                Some(old) => {
                    std::str::from_utf8(&old.0).ok().filter(|text| plain(text)).and_then(|text| text.parse().ok())
                }
            };
            match number.and_then(|number: i64| number.checked_add(*by)) {
                Some(sum) => (Some(sum.to_string().into()), answered(Answer::Number(sum))),
                None => (old, answered(Answer::Misfit(cluster_core::request::Misfit::NotInteger))),
            }
        }
        Request::Append { value, .. } => {
            let next = [old.as_ref().map_or(&b""[..], |old| &old.0), &value.0].concat();
            let length = next.len() as i64;
            (Some(Value(next.into())), answered(Answer::Number(length)))
        }
        Request::PutIf { value, when, tells_old, .. } => {
            let written = match when {
                Condition::Always => true,
                Condition::Absent => old.is_none(),
                Condition::Present => old.is_some(),
            };
            let told = old.clone().filter(|_| *tells_old);
            (if written { Some(value.clone()) } else { old }, answered(Answer::Put { written, old: told }))
        }
        other => panic!("no change: {other}"),
    }
}

fn plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || digits.starts_with(|first: char| ('1'..='9').contains(&first))
}

fn set(map: &mut BTreeMap<Key, (Option<Value>, Option<Value>)>, key: &Key, value: Option<Value>) {
    let entry = map.entry(key.clone()).or_default();
    entry.1 = std::mem::replace(&mut entry.0, value);
}

/// Returns how often both said no.
fn agree(mix: Mix, seeds: std::ops::Range<u64>) -> usize {
    let mut violated = 0;
    for seed in seeds {
        let events = run(mix, seed);
        let (mut online, mut fold) = (OnlineCheck::default(), HistoryFold::default());
        for event in &events {
            online.apply(event);
            fold.apply(event).expect("a sound history");
        }
        let whole = is_linearizable(&fold.finish(), Model::Kv, &Budget::default()).expect("it fits");
        if online.lost() == 0 {
            assert_eq!(Some(online.violations().is_empty()), whole, "at seed {seed}: {:?}", online.violations());
        }
        violated += usize::from(whole == Some(false));
    }
    violated
}

const PLAIN: Mix = Mix { clients: 5, keys: 2, operations: 60, edits: false, edits_from: 0, lost: 0, stale: 0 };

#[test]
fn runs_without_mistakes_are_never_accused() {
    assert_eq!(agree(PLAIN, 0..200), 0);
    assert_eq!(agree(Mix { lost: 50, ..PLAIN }, 0..200), 0);
    assert_eq!(agree(Mix { clients: 20, keys: 1, operations: 400, lost: 1, ..PLAIN }, 0..20), 0);
    assert_eq!(agree(Mix { edits: true, lost: 50, ..PLAIN }, 0..500), 0);
    assert_eq!(agree(Mix { edits: true, edits_from: 30, lost: 50, ..PLAIN }, 0..500), 0);
    assert_eq!(agree(Mix { clients: 20, keys: 1, operations: 5000, lost: 1, ..PLAIN }, 0..3), 0);
}

#[test]
fn stale_reads_are_found_by_both_or_by_neither() {
    assert!(agree(Mix { stale: 100, lost: 20, ..PLAIN }, 0..300) > 30);
    assert!(agree(Mix { stale: 100, lost: 20, edits: true, ..PLAIN }, 0..300) > 30);
    assert!(agree(Mix { stale: 100, lost: 20, edits: true, edits_from: 30, ..PLAIN }, 0..300) > 30);
}
