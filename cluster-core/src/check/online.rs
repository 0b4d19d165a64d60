//! Linearizability while the history grows: a verdict with every event of a run, at a small cost.

use std::collections::BTreeMap;

use super::{
    linear::{End, Growing, GrowingState},
    model::{Model, Step},
    trace::{begun, keys_beyond},
};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{OpId, Seq},
    request::{Key, Request},
    time::Timestamp,
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
    },
    /// This key became too much to follow: its operations are unknown from here on.
    Lost {
        /// The key.
        key: Key,
        /// Since which event.
        seq: Seq,
    },
}

/// Follows the operations of every key of a run. Each key is judged as far as the outcomes of its operations are known: an
/// operation that is open holds back what began after it, until its client hears or gives up.
#[derive(Default)]
pub struct OnlineCheck {
    keys: BTreeMap<Key, Followed>,
    /// What is open: the key, the number there, and what was asked.
    open: BTreeMap<OpId, (Key, u64, Request)>,
    violated: Vec<OnlineNews>,
    lost: usize,
    ended: u64,
}

struct Followed {
    growing: Growing,
    /// Which operation has which number there, as far as it matters.
    ops: BTreeMap<u64, OpId>,
    told: bool,
}

impl OnlineCheck {
    /// Takes an event over, and returns what it shows that was not known before.
    pub fn apply(&mut self, event: &TraceEvent) -> Option<OnlineNews> {
        match &event.kind {
            EventKind::OpInvoked { op, request, .. } => {
                for key in keys_beyond(request) {
                    self.give_up(key);
                }
                if let (Some(_), Some(key)) = (begun(request), request.key()) {
                    self.begin(*op, key.clone(), request.clone());
                }
                None
            }
            EventKind::OpReturned { op, outcome, .. } => self.end(*op, outcome, event),
            // Nothing else is seen by a client.
            _ => None,
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
        self.keys.values().map(|key| key.growing.waiting()).sum()
    }

    fn followed(&mut self, key: &Key) -> &mut Followed {
        self.keys.entry(key.clone()).or_insert_with(|| Followed {
            growing: Growing::new(Model::Kv),
            ops: BTreeMap::new(),
            told: false,
        })
    }

    /// Follows a key no more: it is written in a way that the model does not know.
    fn give_up(&mut self, key: &Key) {
        let followed = self.followed(key);
        followed.ops.clear();
        if !std::mem::replace(&mut followed.told, true) {
            self.lost += 1;
        }
    }

    fn begin(&mut self, op: OpId, key: Key, request: Request) {
        let followed = self.followed(&key);
        if !followed.told {
            let number = followed.growing.begin();
            followed.ops.insert(number, op);
            self.open.insert(op, (key, number, request));
        }
    }

    fn end(&mut self, op: OpId, outcome: &Outcome, event: &TraceEvent) -> Option<OnlineNews> {
        let (key, number, request) = self.open.remove(&op)?;
        self.ended += 1;
        let followed = self.keys.get_mut(&key)?;
        if followed.told {
            return None;
        }
        let end = end_of(&mut followed.growing, &request, outcome);
        followed.growing.end(number, end);
        let news = match followed.growing.state {
            GrowingState::Holds => {
                let first = followed.growing.first_waiting();
                followed.ops = followed.ops.split_off(&first);
                return None;
            }
            GrowingState::Violated(at) => {
                let op = followed.ops.get(&at).copied().unwrap_or(op);
                let news = OnlineNews::Violated { key, op, seq: event.seq, at: event.at };
                self.violated.push(news.clone());
                news
            }
            GrowingState::Lost => {
                self.lost += 1;
                OnlineNews::Lost { key, seq: event.seq }
            }
        };
        followed.told = true;
        followed.ops.clear();
        Some(news)
    }
}

/// Returns what an operation did, as the object knows it.
fn end_of(growing: &mut Growing, request: &Request, outcome: &Outcome) -> End {
    let step = match (request, outcome) {
        (_, Outcome::Failed(_)) => return End::Nothing,
        (Request::Get { .. }, Outcome::Value { value, .. }) => {
            Step::Read(growing.states().bytes_value(value.as_ref().map(|value| &value.0[..])))
        }
        // A read without an answer did nothing that anybody could see.
        (Request::Get { .. }, _) => return End::Nothing,
        (Request::Put { value, .. }, _) => Step::Write(growing.states().bytes_value(Some(&value.0[..]))),
        (Request::Delete { .. }, _) => Step::Write(growing.states().bytes_value(None)),
        // No other request is followed, see `begun`.
        _ => return End::Nothing,
    };
    if matches!(outcome, Outcome::NoAnswer) { End::Perhaps(step) } else { End::Did(step) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ClientId, LogIndex};

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

        fn check(&self) -> (OnlineCheck, Vec<OnlineNews>) {
            let mut check = OnlineCheck::default();
            let news = self.0.iter().filter_map(|event| check.apply(event)).collect();
            (check, news)
        }
    }

    /// What the model does not know must not be held against those who read it.
    #[test]
    fn a_key_that_was_counted_up_is_judged_no_more() {
        let mut run = Run::default();
        run.put(1, "1");
        run.wrote(1);
        run.ask(2, Request::Increment { key: "k".into(), by: 1 });
        run.hear(2, Outcome::Done);
        run.get(3);
        run.read(3, "2");
        let (check, news) = run.check();
        assert_eq!((news.len(), check.violations().len(), check.lost()), (0, 0, 1));
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
        let expected = OnlineNews::Violated { key: "k".into(), op: OpId(3), seq: Seq(5), at: Timestamp(5000) };
        assert_eq!(news, [expected]);
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
