//! Linearizability while the history grows: a verdict with every event of a run, at a small cost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::{
    deed::{Certainty, Deed, deed, keys},
    linear::{End, Growing, GrowingState},
    linearizable,
    model::{Model, Step},
    trace::HistoryFold,
    verdict::{Budget, Verdict},
    zones::{Fits, Zones},
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, NodeId, OpId, Seq},
    request::{Key, Request, Value},
    time::Timestamp,
    trace::Recent,
};

/// What an online checker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnlineNews {
    /// The operations of this key fit no order.
    Violated {
        /// The key.
        key: Key,
        /// The operation at whose end it became certain.
        op: OpId,
        /// The event that showed it.
        seq: Seq,
        /// Since when.
        at: Timestamp,
        /// What shows it; none if too much of the past would be needed.
        why: Option<Box<OnlineWitness>>,
    },
    /// This key became too much to follow: its operations are unknown from here on.
    Lost {
        /// The key.
        key: Key,
        /// Since which event.
        seq: Seq,
    },
}

/// What shows that the operations of a key fit no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlineWitness {
    /// One plain sentence.
    pub sentence: String,
    /// The smallest set found that cannot be, in the order in which they began.
    pub ops: Vec<OpId>,
    /// The longest order that could be built.
    pub order: Vec<OpId>,
    /// The events by which those of the smallest set began.
    pub began: Vec<Seq>,
    /// When the first of the smallest set began.
    pub from: Timestamp,
    /// When the operation that fits nowhere ended.
    pub until: Timestamp,
    /// Who answered it.
    pub node: Option<NodeId>,
}

/// Follows the operations of every key of a run. Each key is judged as far as the outcomes of its operations are known: an
/// operation that is open holds back what began after it, until its client hears or gives up.
///
/// What the search may cost is earned by the operations that end: a key whose orders are too many to follow is given up,
/// and that is told.
pub struct OnlineCheck {
    keys: BTreeMap<Key, Followed>,
    /// What is open: what was asked, by the beginning's event, and, for each key that is followed, the number there.
    open: Recent<OpId, (TraceEvent, Vec<(Key, u64)>), OPEN>,
    violated: Vec<OnlineNews>,
    lost: usize,
    ended: u64,
    credit: u64,
}

struct Followed {
    engine: Engine,
    /// Which operation has which number there, as far as it matters.
    ops: BTreeMap<u64, OpId>,
    told: bool,
    /// What happened since the value was last known for certain.
    kept: VecDeque<TraceEvent>,
    /// That value; none while more happened since than is kept.
    since: Option<Option<Value>>,
}

/// How a key is judged.
enum Engine {
    /// All values are different: then little is to be compared.
    Zones(Box<Zones>),
    /// Anything goes: every way in which it can have happened is carried on.
    Search(Box<Growing>),
}

/// How many steps of the search each ended operation earns: at a thousand operations a second well below 5 % of a core.
const CREDIT_EACH: u64 = 2_000;
/// How many steps can be saved up: some milliseconds.
const CREDIT_MAX: u64 = 1_000_000;
/// How many of the latest operations are found without a search.
const OPEN: usize = 1 << 10;
/// How many keys are followed.
const KEYS_MAX: usize = 20_000;
/// How many events of all keys together are kept to explain a violation with.
const KEPT_ALL: usize = 200_000;
/// How many of one key are kept at least, and at most.
const KEPT_LEAST: usize = 64;
const KEPT_MOST: usize = 4096;
/// What explaining a violation may cost: it is done where the cluster runs.
const EXPLAIN_STEPS: u64 = 50_000;
/// How many violations are explained: the first says what is wrong.
const EXPLAINED: usize = 4;

impl Default for OnlineCheck {
    fn default() -> Self {
        let (keys, open) = (BTreeMap::new(), Recent::default());
        Self { keys, open, violated: Vec::new(), lost: 0, ended: 0, credit: CREDIT_MAX }
    }
}

impl OnlineCheck {
    /// Takes an event over, and returns what it shows that was not known before.
    pub fn apply(&mut self, event: &TraceEvent) -> Vec<OnlineNews> {
        match &event.kind {
            EventKind::OpInvoked { op, request, .. } => {
                self.begin(*op, request, event);
                Vec::new()
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let Some((begun, parts)) = self.open.remove(op) else { return Vec::new() };
                let EventKind::OpInvoked { request, .. } = &begun.kind else { return Vec::new() };
                self.ended += 1;
                self.credit = (self.credit + CREDIT_EACH).min(CREDIT_MAX);
                let news = parts.into_iter().filter_map(|part| self.end((*op, request), part, outcome, event));
                news.collect()
            }
            // Nothing else is seen by a client.
            _ => Vec::new(),
        }
    }

    /// Returns every violation so far.
    pub fn violations(&self) -> &[OnlineNews] {
        &self.violated
    }

    /// Returns how many keys are not followed any more.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Returns how many operations have ended.
    pub fn ended(&self) -> u64 {
        self.ended
    }

    /// Returns how many beginnings and ends wait for the outcome of an earlier operation.
    pub fn waiting(&self) -> usize {
        self.keys.values().map(Followed::waiting).sum()
    }

    fn begin(&mut self, op: OpId, request: &Request, event: &TraceEvent) {
        let mut parts = Vec::new();
        for key in keys(request) {
            if !self.keys.contains_key(key) && self.keys.len() >= KEYS_MAX {
                continue;
            }
            let followed = self.keys.entry(key.clone()).or_insert_with(Followed::new);
            if followed.told {
                continue;
            }
            if let Some(number) = followed.begin(key, request) {
                followed.ops.insert(number, op);
                followed.kept.push_back(event.clone());
                parts.push((key.clone(), number));
            } else {
                followed.kept.push_back(event.clone());
                let numbers = followed.search(key);
                // What is open on this key has other numbers from here on.
                for (op, number) in &numbers {
                    let place =
                        self.open.get_mut(op).and_then(|(_, parts)| parts.iter_mut().find(|part| part.0 == *key));
                    if let Some(place) = place {
                        place.1 = *number;
                    }
                }
                parts.extend(numbers.get(&op).map(|number| (key.clone(), *number)));
            }
        }
        if !parts.is_empty() {
            self.open.insert(op, (event.clone(), parts));
        }
    }

    fn end(
        &mut self,
        asked: (OpId, &Request),
        part: (Key, u64),
        outcome: &Outcome,
        event: &TraceEvent,
    ) -> Option<OnlineNews> {
        let ((op, request), (key, number)) = (asked, part);
        let kept_max = (KEPT_ALL / self.keys.len().max(1)).clamp(KEPT_LEAST, KEPT_MOST);
        let followed = self.keys.get_mut(&key)?;
        if followed.told {
            return None;
        }
        followed.kept.push_back(event.clone());
        let news = match followed.end(number, &key, request, outcome, &mut self.credit) {
            GrowingState::Holds => {
                followed.forget(kept_max);
                return None;
            }
            GrowingState::Violated(at) => {
                let op = followed.ops.get(&at).copied().unwrap_or(op);
                let why = (self.violated.len() < EXPLAINED).then(|| followed.explain(&key)).flatten();
                let news = OnlineNews::Violated { key, op, seq: event.seq, at: event.at, why: why.map(Box::new) };
                self.violated.push(news.clone());
                news
            }
            GrowingState::Lost => {
                self.lost += 1;
                OnlineNews::Lost { key, seq: event.seq }
            }
        };
        *followed = Followed { told: true, ..Followed::new() };
        Some(news)
    }
}

impl Followed {
    fn new() -> Self {
        Self {
            engine: Engine::Zones(Box::new(Zones::new(None))),
            ops: BTreeMap::new(),
            told: false,
            kept: VecDeque::new(),
            since: Some(None),
        }
    }

    /// Takes the beginning of an operation over and returns its number; none if it needs a search.
    fn begin(&mut self, key: &Key, request: &Request) -> Option<u64> {
        match &mut self.engine {
            Engine::Search(growing) => Some(growing.begin()),
            Engine::Zones(zones) => match request {
                Request::Get { .. } | Request::GetMany { .. } => zones.begin(None),
                Request::Put { .. } | Request::PutMany { .. } => zones.begin(written(request, key).as_ref()),
                // Removals are not told apart, and what an edit leaves depends on what was there.
                _ => None,
            },
        }
    }

    /// Goes over to a search, from the last moment at which the value was known. Returns the numbers of what is open.
    fn search(&mut self, key: &Key) -> BTreeMap<OpId, u64> {
        let mut growing = Growing::new(Model::Kv);
        let (mut numbers, mut asked) = (BTreeMap::new(), BTreeMap::new());
        self.ops.clear();
        let mut credit = CREDIT_MAX;
        match &self.since {
            Some(None) => {}
            Some(Some(value)) => {
                let number = growing.begin();
                let step = Step::Write(growing.states().bytes_value(Some(&value.0)));
                growing.end(number, End::Did(step), &mut credit);
            }
            // Too long ago to be kept.
            None => growing.state = GrowingState::Lost,
        }
        for event in &self.kept {
            match &event.kind {
                EventKind::OpInvoked { op, request, .. } => {
                    let number = growing.begin();
                    self.ops.insert(number, *op);
                    numbers.insert(*op, number);
                    asked.insert(*op, request);
                }
                EventKind::OpReturned { op, outcome, .. } => {
                    let (Some(number), Some(request)) = (numbers.remove(op), asked.remove(op)) else { continue };
                    let end = end_of(&mut growing, request, key, outcome);
                    growing.end(number, end, &mut credit);
                }
                _ => {} // Nothing else is kept.
            }
        }
        self.engine = Engine::Search(Box::new(growing));
        numbers
    }

    fn end(&mut self, number: u64, key: &Key, request: &Request, outcome: &Outcome, credit: &mut u64) -> GrowingState {
        match &mut self.engine {
            Engine::Search(growing) => {
                let end = end_of(growing, request, key, outcome);
                growing.end(number, end, credit);
                if growing.state == GrowingState::Holds {
                    self.ops = self.ops.split_off(&growing.first_waiting());
                }
                growing.state
            }
            Engine::Zones(zones) => {
                let fits = match deed(request, key, outcome) {
                    Some((Deed::Read(value), Certainty::Done)) => zones.read(number, &value),
                    Some((Deed::Write(Some(value)), Certainty::Done)) => zones.wrote(number, &value),
                    None if request.is_write() => {
                        written(request, key).map_or(Fits::Yes, |value| zones.refused(number, &value))
                    }
                    _ => {
                        zones.pass(number);
                        Fits::Yes
                    }
                };
                self.ops.remove(&number);
                if fits == Fits::Yes { GrowingState::Holds } else { GrowingState::Violated(number) }
            }
        }
    }

    fn waiting(&self) -> usize {
        match &self.engine {
            Engine::Zones(_) => 0,
            Engine::Search(growing) => growing.waiting(),
        }
    }

    /// Returns the value, if nothing is open and it can be only one.
    fn settled(&self) -> Option<Option<Value>> {
        match &self.engine {
            Engine::Zones(zones) => zones.settled().map(|value| value.clone().map(Value)),
            Engine::Search(growing) => growing.settled().map(|value| value.map(|value| Value(value.to_vec().into()))),
        }
    }

    /// Forgets what is not needed to explain a violation to come.
    fn forget(&mut self, most: usize) {
        if self.kept.len() > KEPT_LEAST
            && let Some(value) = self.settled()
        {
            self.since = Some(value);
            self.kept.clear();
        }
        while self.kept.len() > most {
            self.kept.pop_front();
            self.since = None;
        }
    }

    /// Finds what shows that there is no order, by a search over what is kept.
    fn explain(&self, key: &Key) -> Option<OnlineWitness> {
        let mut fold = HistoryFold::of_key(key);
        let first = self.kept.front().map_or(Timestamp::ZERO, |event| event.at);
        for event in self.before(key, first).iter().chain(&self.kept) {
            fold.apply(event).ok()?;
        }
        let (history, ops) = fold.finish_with_ops();
        let budget = Budget { steps: EXPLAIN_STEPS, bytes: 16 << 20, stop: &|| false };
        let Ok(Verdict::Violated(witness)) = linearizable(&history, Model::Kv, &budget) else { return None };
        let named = |indexes: &[super::OperationIndex]| {
            indexes.iter().map(|index| ops[index.0 as usize]).filter(|op| *op < BEFORE).collect::<Vec<_>>()
        };
        let from = witness.operations.iter().map(|index| history.get(*index).invoked_at).min().unwrap_or(first);
        let real = witness.operations.iter().filter(|index| ops[index.0 as usize] < BEFORE);
        let began = real.map(|index| Seq(history.get(*index).line)).collect();
        let last = history.get(witness.last?);
        let (smallest, order) = (named(&witness.operations), named(&witness.longest));
        let (node, until) = (last.node, last.returned_at);
        Some(OnlineWitness { sentence: witness.sentence, ops: smallest, order, began, from, until, node })
    }

    /// Returns events that stand for what is not kept: the value is known, or may be any that is read later.
    fn before(&self, key: &Key, at: Timestamp) -> Vec<TraceEvent> {
        let puts: Vec<(Value, Outcome)> = match &self.since {
            Some(None) => Vec::new(),
            Some(Some(value)) => vec![(value.clone(), Outcome::Done)],
            None => {
                let read = |event: &TraceEvent| match &event.kind {
                    EventKind::OpReturned { outcome: Outcome::Value { value, .. }, .. } => value.clone(),
                    _ => None, // Only plain reads tell a whole value.
                };
                let values: BTreeSet<Value> = self.kept.iter().filter_map(read).collect();
                values.into_iter().map(|value| (value, Outcome::NoAnswer)).collect()
            }
        };
        let mut events = Vec::new();
        for (number, (value, outcome)) in puts.into_iter().enumerate() {
            let op = OpId(BEFORE.0 + number as u64);
            let request = Request::Put { key: key.clone(), value };
            let event = |kind| TraceEvent { seq: Seq(0), at, cause: None, kind };
            events.push(event(EventKind::OpInvoked { op, client: ClientId(u16::MAX), request }));
            events.push(event(EventKind::OpReturned { op, outcome, node: None }));
        }
        events
    }
}

/// The first number of operations that only stand for what is not kept.
const BEFORE: OpId = OpId(u64::MAX / 2);

/// Returns the value that a plain write leaves behind.
fn written(request: &Request, key: &Key) -> Option<Bytes> {
    match deed(request, key, &Outcome::NoAnswer) {
        Some((Deed::Write(value), _)) => value,
        _ => None, // Nothing else is a plain write.
    }
}

/// Returns what an operation did, as the object knows it.
fn end_of(growing: &mut Growing, request: &Request, key: &Key, outcome: &Outcome) -> End {
    let Some((deed, certainty)) = deed(request, key, outcome) else { return End::Nothing };
    let states = growing.states();
    let step = match &deed {
        Deed::Read(value) => Step::Read(states.bytes_value(value.as_deref())),
        Deed::Write(value) => Step::Write(states.bytes_value(value.as_deref())),
        Deed::Edit(edit) => match edit.overwrites() {
            Some(value) => Step::Write(states.bytes_value(value)),
            None if edit.only_looks() => Step::Look(states.edit(edit)),
            None => Step::Edit(states.edit(edit)),
        },
    };
    match certainty {
        Certainty::Done => End::Did(step),
        Certainty::Perhaps => End::Perhaps(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::LogIndex, request::Answer};

    /// Events of operations, numbered as they come.
    #[derive(Default)]
    struct Run(Vec<TraceEvent>);

    impl Run {
        fn push(&mut self, kind: EventKind) {
            let seq = Seq(self.0.len() as u64);
            self.0.push(TraceEvent { seq, at: Timestamp(seq.0 * 1000), cause: None, kind });
        }

        fn ask(&mut self, op: u64, request: Request) {
            self.push(EventKind::OpInvoked { op: OpId(op), client: ClientId(1), request });
        }

        fn put(&mut self, op: u64, value: &str) {
            self.ask(op, Request::Put { key: "k".into(), value: value.into() });
        }

        fn get(&mut self, op: u64) {
            self.ask(op, Request::Get { key: "k".into() });
        }

        fn hear(&mut self, op: u64, outcome: Outcome) {
            self.push(EventKind::OpReturned { op: OpId(op), outcome, node: None });
        }

        fn wrote(&mut self, op: u64) {
            self.hear(op, Outcome::Written { at: LogIndex(1) });
        }

        fn read(&mut self, op: u64, value: &str) {
            self.hear(op, Outcome::Value { value: Some(value.into()), at: LogIndex(1) });
        }

        fn counted(&mut self, op: u64, by: i64, sum: Option<i64>) {
            self.ask(op, Request::Increment { key: "k".into(), by });
            let number = |sum| Outcome::Answered { answer: Answer::Number(sum), at: LogIndex(1) };
            self.hear(op, sum.map_or(Outcome::NoAnswer, number));
        }

        fn check(&self) -> (OnlineCheck, Vec<OnlineNews>) {
            let mut check = OnlineCheck::default();
            let news = self.0.iter().flat_map(|event| check.apply(event)).collect();
            (check, news)
        }
    }

    /// A count is followed like any other write: a sum that does not come of the one before fits no order.
    #[test]
    fn counting_is_followed_through_lost_answers() {
        let mut run = Run::default();
        run.counted(1, 1, Some(1));
        run.counted(2, 5, None);
        run.counted(3, 1, Some(7));
        run.get(4);
        run.read(4, "7");
        assert_eq!(run.check().1, []);
        run.counted(5, 1, Some(7));
        assert_eq!(run.check().1.len(), 1);
    }

    #[test]
    fn an_operation_on_several_keys_is_followed_on_each() {
        let mut run = Run::default();
        run.ask(1, Request::PutMany { pairs: vec![("k".into(), "a".into()), ("l".into(), "b".into())] });
        run.wrote(1);
        run.ask(2, Request::DeleteMany { keys: vec!["k".into(), "l".into()] });
        run.hear(2, Outcome::Answered { answer: Answer::Number(2), at: LogIndex(1) });
        run.get(3);
        run.hear(3, Outcome::Value { value: None, at: LogIndex(1) });
        assert_eq!(run.check().1, []);
        run.get(4);
        run.read(4, "a");
        assert_eq!(run.check().1.len(), 1);
    }

    #[test]
    fn a_stale_read_is_told_when_it_ends() {
        let mut run = Run::default();
        run.put(1, "a");
        run.wrote(1);
        run.put(2, "b");
        run.wrote(2);
        run.get(3);
        run.read(3, "a");
        let (_, news) = run.check();
        let [OnlineNews::Violated { op: OpId(3), seq: Seq(5), at: Timestamp(5000), why: Some(why), .. }] = &news[..]
        else {
            panic!("{news:?}");
        };
        assert_eq!((why.ops.as_slice(), why.from), (&[OpId(2), OpId(3)][..], Timestamp(2000)));
        assert!(why.sentence.starts_with("this read of k returned a although b"), "{}", why.sentence);
    }

    #[test]
    fn a_read_beside_a_write_may_see_either() {
        let mut run = Run::default();
        run.put(1, "a");
        run.wrote(1);
        run.put(2, "b");
        run.get(3);
        run.read(3, "a");
        run.get(4);
        run.read(4, "b");
        run.wrote(2);
        assert_eq!(run.check().1, []);
    }

    /// A write without an answer may take effect much later, and only once.
    #[test]
    fn a_write_without_an_answer_may_show_later_but_not_come_back() {
        let mut run = Run::default();
        run.put(1, "a");
        run.hear(1, Outcome::NoAnswer);
        run.put(2, "b");
        run.wrote(2);
        run.get(3);
        run.read(3, "a");
        assert_eq!(run.check().1, []);
        run.put(4, "c");
        run.wrote(4);
        run.get(5);
        run.read(5, "a");
        assert_eq!(run.check().1.len(), 1);
    }

    #[test]
    fn many_writes_without_an_answer_and_a_long_run_are_followed_in_bounded_memory() {
        let mut run = Run::default();
        for op in 0..300 {
            run.put(op, &format!("lost {op}"));
            run.hear(op, Outcome::NoAnswer);
        }
        for op in 300..2_000 {
            run.put(op, &op.to_string());
            run.wrote(op);
        }
        run.get(2_000);
        run.read(2_000, "lost 7");
        let (check, news) = run.check();
        assert_eq!((news.len(), check.lost(), check.waiting()), (0, 0, 0));
        run.get(2_001);
        run.read(2_001, "300");
        assert_eq!(run.check().1.len(), 1);
    }
}
