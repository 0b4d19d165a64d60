//! Session guarantees while the run goes on: a client sees its own writes, does not go back in time, sees the writes of another
//! client in their order, and sees what a writer had read before it wrote (Terry et al. 1994, "Session guarantees for weakly
//! consistent replicated data").

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::deed::{Certainty, Deed, deed, keys};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, OpId, Seq},
    request::{Key, Request, Value},
};

/// How many writes are remembered, to tell from where a value comes.
const WRITES_KEPT: usize = 100_000;
/// Of how many pairs of a client and a key it is remembered what the client wrote or saw there.
const PLACES_KEPT: usize = 50_000;
/// How many reads of one client and one key are remembered, to tell what it had read before a write.
const READS_KEPT: usize = 16;
/// Of how many other clients it is remembered which of their writes a client saw: those of whom it saw the oldest are forgotten.
const WRITERS_KEPT: usize = 64;
/// How many keys may be written in ways that tell nothing.
const MIXED_KEPT: usize = 20_000;

/// A session guarantee that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which.
    pub(crate) promise: Guarantee,
    pub(crate) key: Key,
    pub(crate) client: ClientId,
    /// The write that was not seen any more, and the write whose value was read.
    pub(crate) newer: OpId,
    pub(crate) older: Option<OpId>,
    pub(crate) read: OpId,
    /// What was read.
    pub(crate) value: Option<Value>,
    /// The event by which the newer write began.
    pub(crate) since: Seq,
}

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    /// §3.1.
    ReadYourWrites,
    /// §3.2.
    MonotonicReads,
    /// §3.3: of the write that was seen, by whom the newer value had been read before.
    WritesFollowReads { seen: OpId, writer: ClientId },
    /// §3.4: of the client that wrote both.
    MonotonicWrites { writer: ClientId },
}

impl Guarantee {
    /// Returns its name.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic-reads",
            Self::WritesFollowReads { .. } => "writes-follow-reads",
            Self::MonotonicWrites { .. } => "monotonic-writes",
        }
    }
}

/// Follows what each client wrote and saw. Only plain writes of values that nobody else wrote count: of others it cannot be
/// told what a read saw. What it remembers is bounded; what is forgotten accuses nobody.
pub(crate) struct Guarantees {
    /// Every write, by its value; the same value twice makes both useless.
    writes: Bounded<(Key, Value), (Write, bool)>,
    /// Keys whose values came about in other ways: of these nothing can be told. None if these became too many.
    mixed: Option<BTreeSet<Key>>,
    open: BTreeMap<OpId, (ClientId, Request, u64, Seq)>,
    places: Bounded<(ClientId, Key), Place>,
    /// The latest write that a client saw of each other client.
    followed: BTreeMap<ClientId, BTreeMap<ClientId, Write>>,
    position: u64,
}

/// What a client knows of a key.
#[derive(Default)]
struct Place {
    /// The latest write that it made.
    made: Option<Write>,
    /// The latest write that it saw.
    saw: Option<Write>,
    /// What it read lately: when the read had ended, and the write that it saw.
    reads: VecDeque<(u64, Write)>,
}

/// A write in the order of the run.
#[derive(Clone, Copy, Debug)]
struct Write {
    op: OpId,
    client: ClientId,
    begun: u64,
    ended: u64,
    seq: Seq,
}

impl Default for Guarantees {
    fn default() -> Self {
        Self {
            writes: Bounded::new(WRITES_KEPT),
            mixed: Some(BTreeSet::new()),
            open: BTreeMap::new(),
            places: Bounded::new(PLACES_KEPT),
            followed: BTreeMap::new(),
            position: 0,
        }
    }
}

impl Guarantees {
    /// Takes an event over, and returns what it shows.
    pub(crate) fn apply(&mut self, event: &TraceEvent) -> Vec<Broken> {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                self.position += 1;
                self.open.insert(*op, (*client, request.clone(), self.position, event.seq));
                let (begun, ended) = (self.position, u64::MAX);
                self.begin(request, Write { op: *op, client: *client, begun, ended, seq: event.seq });
                Vec::new()
            }
            EventKind::OpReturned { op, outcome, .. } => {
                self.position += 1;
                let Some((client, request, begun, seq)) = self.open.remove(op) else { return Vec::new() };
                let this = Write { op: *op, client, begun, ended: self.position, seq };
                keys(&request).into_iter().flat_map(|key| self.end(key, &request, outcome, this)).collect()
            }
            // Nothing else is seen by a client.
            _ => Vec::new(),
        }
    }

    /// A value can be read as soon as its write has begun.
    fn begin(&mut self, request: &Request, write: Write) {
        for key in keys(request) {
            match deed(request, key, &Outcome::NoAnswer) {
                None => {}
                Some((Deed::Write(Some(value)), _)) => {
                    let fresh = || (write, false);
                    let (kept, useless) = self.writes.entry((key.clone(), Value(value)), fresh);
                    *useless |= kept.op != write.op;
                }
                // Removals cannot be told from each other, nor edits from what they edit.
                Some((Deed::Write(None) | Deed::Read(_) | Deed::Edit(_), _)) => self.mix(key),
            }
        }
    }

    fn mix(&mut self, key: &Key) {
        let Some(mixed) = &mut self.mixed else { return };
        if !mixed.contains(key) {
            mixed.insert(key.clone());
        }
        if mixed.len() > MIXED_KEPT {
            self.mixed = None;
        }
    }

    fn end(&mut self, key: &Key, request: &Request, outcome: &Outcome, this: Write) -> Vec<Broken> {
        let mixed = self.mixed.as_ref().is_none_or(|mixed| mixed.contains(key));
        match deed(request, key, outcome) {
            Some((Deed::Write(Some(value)), Certainty::Done)) => {
                if let Some((write, _)) = self.writes.get_mut(&(key.clone(), Value(value)))
                    && write.op == this.op
                {
                    write.ended = this.ended;
                }
                let place = self.places.entry((this.client, key.clone()), Place::default);
                newest(&mut place.made, this);
                Vec::new()
            }
            Some((Deed::Read(value), Certainty::Done)) if !mixed => {
                let value = value.map(Value);
                let source = match &value {
                    None => None,
                    Some(value) => match self.writes.get_mut(&(key.clone(), value.clone())) {
                        Some((write, false)) => Some(*write),
                        // Written twice, or too long ago to be remembered.
                        Some((_, true)) | None => return Vec::new(),
                    },
                };
                let broken = self.judge(key, value.as_ref(), source, this);
                if let Some(source) = source {
                    self.saw(key, source, this);
                }
                broken
            }
            _ => Vec::new(), // Who heard nothing saw nothing.
        }
    }

    fn judge(&mut self, key: &Key, value: Option<&Value>, source: Option<Write>, read: Write) -> Vec<Broken> {
        // What came before must have been known when the read began, and what was read replaced by then.
        let replaced = |newer: &Write| {
            newer.ended < read.begun && source.is_none_or(|older| older.ended < newer.begun && older.op != newer.op)
        };
        let mut broken: Vec<(Guarantee, Write)> = Vec::new();
        if let Some(place) = self.places.get_mut(&(read.client, key.clone())) {
            broken.extend(place.made.filter(replaced).map(|newer| (Guarantee::ReadYourWrites, newer)));
            if let Some(newer) = place.saw.filter(replaced) {
                broken.push((Guarantee::MonotonicReads, newer));
                if source.is_some_and(|older| older.client == newer.client) {
                    broken.push((Guarantee::MonotonicWrites { writer: newer.client }, newer));
                }
            }
        }
        for (writer, seen) in self.followed.get(&read.client).into_iter().flatten() {
            // What was seen counts from when it was seen.
            let Some(place) = self.places.get_mut(&(*writer, key.clone())) else { continue };
            let before = place.reads.iter().rev().find(|(ended, _)| *ended < seen.begun);
            if let Some((_, newer)) = before.filter(|(_, newer)| seen.ended < read.begun && replaced(newer)) {
                broken.push((Guarantee::WritesFollowReads { seen: seen.op, writer: *writer }, *newer));
            }
        }
        let told = |(promise, newer): (Guarantee, Write)| Broken {
            promise,
            key: key.clone(),
            client: read.client,
            newer: newer.op,
            older: source.map(|older| older.op),
            read: read.op,
            value: value.cloned(),
            since: newer.seq,
        };
        broken.into_iter().map(told).collect()
    }

    /// What was seen counts from when it was seen.
    fn saw(&mut self, key: &Key, source: Write, read: Write) {
        let seen = Write { ended: read.ended, ..source };
        let place = self.places.entry((read.client, key.clone()), Place::default);
        newest(&mut place.saw, seen);
        place.reads.push_back((read.ended, source));
        if place.reads.len() > READS_KEPT {
            place.reads.pop_front();
        }
        let followed = self.followed.entry(read.client).or_default();
        let mut latest = followed.get(&source.client).copied();
        newest(&mut latest, seen);
        followed.extend(latest.map(|latest| (source.client, latest)));
        if followed.len() > WRITERS_KEPT
            && let Some(oldest) = followed.iter().min_by_key(|(_, seen)| seen.begun).map(|(writer, _)| *writer)
        {
            followed.remove(&oldest);
        }
    }
}

fn newest(known: &mut Option<Write>, write: Write) {
    if known.is_none_or(|known| known.begun < write.begun) {
        *known = Some(write);
    }
}

/// A map that forgets what it has had longest once it is full.
struct Bounded<K, V> {
    most: usize,
    map: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Ord + Clone, V> Bounded<K, V> {
    fn new(most: usize) -> Self {
        Self { most, map: BTreeMap::new(), order: VecDeque::new() }
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// Returns what is kept under that key, anew if there is nothing.
    fn entry(&mut self, key: K, fresh: impl FnOnce() -> V) -> &mut V {
        if !self.map.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
        }
        self.map.entry(key).or_insert_with(fresh)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, seq::IndexedRandom};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        check::{Budget, HistoryFold, Model, Promise, Verdict, check},
        ids::LogIndex,
        time::Timestamp,
    };

    #[derive(Default)]
    struct Run {
        guarantees: Guarantees,
        history: HistoryFold,
        next: u64,
        broken: Vec<(&'static str, u64)>,
    }

    impl Run {
        fn push(&mut self, kind: EventKind) {
            let event = TraceEvent { seq: Seq(self.next), at: Timestamp(self.next), cause: None, kind };
            self.next += 1;
            let found = self.guarantees.apply(&event);
            self.broken.extend(found.iter().map(|broken| (broken.promise.id(), broken.read.0)));
            self.history.apply(&event).expect("the run is in order");
        }

        fn ask(&mut self, client: u16, op: u64, request: Request) {
            self.push(EventKind::OpInvoked { op: OpId(op), client: ClientId(client), request });
        }

        fn answer(&mut self, op: u64, outcome: Outcome) {
            self.push(EventKind::OpReturned { op: OpId(op), outcome, node: None });
        }

        fn put(&mut self, client: u16, op: u64, value: &str) {
            self.put_at(client, op, "k", value);
        }

        fn put_at(&mut self, client: u16, op: u64, key: &str, value: &str) {
            self.ask(client, op, Request::Put { key: key.into(), value: value.into() });
            self.answer(op, Outcome::Written { at: LogIndex(1) });
        }

        fn read(&mut self, client: u16, op: u64, value: Option<&str>) {
            self.read_at(client, op, "k", value);
        }

        fn read_at(&mut self, client: u16, op: u64, key: &str, value: Option<&str>) {
            self.ask(client, op, Request::Get { key: key.into() });
            self.answer(op, Outcome::Value { value: value.map(Value::from), at: LogIndex(1) });
        }
    }

    #[test]
    fn a_client_that_does_not_see_its_own_write_and_one_that_does() {
        let mut run = Run::default();
        run.put(1, 1, "a");
        run.put(1, 2, "b");
        run.read(1, 3, Some("b"));
        run.read(2, 4, Some("a"));
        assert_eq!(run.broken, []);
        run.read(1, 5, Some("a"));
        assert_eq!(run.broken, [("read-your-writes", 5), ("monotonic-reads", 5), ("monotonic-writes", 5)]);
    }

    #[test]
    fn a_client_that_goes_back_in_time_and_one_that_only_lags() {
        let mut run = Run::default();
        run.put(1, 1, "a");
        run.put(1, 2, "b");
        run.read(2, 3, Some("a"));
        run.read(2, 4, Some("b"));
        assert_eq!(run.broken, []);
        run.read(2, 5, None);
        assert_eq!(run.broken, [("monotonic-reads", 5)]);
    }

    /// Of a value that was written twice nobody can tell which write a read saw.
    #[test]
    fn a_value_that_was_written_twice_accuses_nobody() {
        let mut run = Run::default();
        run.put(1, 1, "a");
        run.put(1, 2, "b");
        run.put(1, 3, "a");
        run.read(1, 4, Some("a"));
        run.put(1, 5, "c");
        run.read(1, 6, Some("a"));
        assert_eq!(run.broken, []);
    }

    #[test]
    fn two_writes_of_one_client_seen_in_the_wrong_order_and_those_of_two_clients() {
        let mut run = Run::default();
        run.put(1, 1, "a");
        run.put(1, 2, "b");
        run.put(3, 3, "c");
        run.read(2, 4, Some("c"));
        run.read(2, 5, Some("b"));
        assert_eq!(run.broken, [("monotonic-reads", 5)]);
        run.read(4, 6, Some("b"));
        run.read(4, 7, Some("a"));
        assert_eq!(run.broken[1..], [("monotonic-reads", 7), ("monotonic-writes", 7)]);
    }

    /// Client 2 answers a question that it read; client 3 sees the answer and not the question.
    #[test]
    fn an_answer_that_is_seen_without_its_question_and_one_with_it() {
        let mut run = Run::default();
        run.put_at(1, 1, "question", "why?");
        run.read_at(2, 2, "question", Some("why?"));
        run.put_at(2, 3, "answer", "because");
        run.read_at(3, 4, "answer", Some("because"));
        run.read_at(3, 5, "question", Some("why?"));
        run.read_at(4, 6, "question", None);
        assert_eq!(run.broken, []);
        run.read_at(4, 7, "answer", Some("because"));
        run.read_at(4, 8, "question", None);
        assert_eq!(run.broken, [("writes-follow-reads", 8)]);
    }

    #[test]
    fn what_is_broken_while_the_run_goes_on_is_broken_in_the_whole_history() {
        let mut accused = BTreeMap::<&str, usize>::new();
        for seed in 0..400 {
            let run = random(seed);
            let history = run.history.finish();
            for (promise, read) in run.broken {
                *accused.entry(promise).or_default() += 1;
                let named = Promise::named(promise).expect("every guarantee is a promise");
                let verdict = check(&history, Model::Kv, named, &Budget::default()).expect("the history is whole");
                assert!(matches!(verdict, Verdict::Violated(_)), "seed {seed}: {promise} at read {read}: {verdict:?}");
            }
        }
        assert_eq!(accused.len(), 4, "{accused:?}");
    }

    /// Four clients and two keys; what is read is any value that was written, so little holds.
    fn random(seed: u64) -> Run {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut run, mut open) = (Run::default(), BTreeMap::<u16, (u64, Request)>::new());
        let mut written = BTreeMap::<Key, Vec<Option<Value>>>::new();
        for op in 0..24 {
            let client = rng.random_range(1..=4);
            if let Some((op, request)) = open.remove(&client) {
                let values = |key: &Key| written.get(key).cloned().unwrap_or_else(|| vec![None]);
                let at = LogIndex(1);
                run.answer(
                    op,
                    match &request {
                        Request::Get { key } => {
                            Outcome::Value { value: values(key).choose(&mut rng).cloned().flatten(), at }
                        }
                        _ if rng.random_bool(0.1) => Outcome::NoAnswer,
                        _ => Outcome::Written { at },
                    },
                );
                continue;
            }
            let key: Key = if rng.random_bool(0.5) { "x".into() } else { "y".into() };
            let request = if rng.random_bool(0.5) {
                let value: Value = format!("v{op}").as_str().into();
                written.entry(key.clone()).or_insert_with(|| vec![None]).push(Some(value.clone()));
                Request::Put { key, value }
            } else {
                Request::Get { key }
            };
            run.ask(client, op, request.clone());
            open.insert(client, (op, request));
        }
        run
    }

    #[test]
    fn what_is_forgotten_accuses_nobody() {
        let mut few = Bounded::<u8, u8>::new(2);
        for key in 0..3 {
            *few.entry(key, || key) += 1;
        }
        assert_eq!(
            [few.get_mut(&0).copied(), few.get_mut(&1).copied(), few.get_mut(&2).copied()],
            [None, Some(2), Some(3)]
        );
    }
}
