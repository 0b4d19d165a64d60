//! Session guarantees while the run goes on: a client sees its own writes, and does not go back in time (Terry et al. 1994,
//! "Session guarantees for weakly consistent replicated data").

use std::collections::{BTreeMap, VecDeque};

use super::deed::{Certainty, Deed, deed, keys};
use crate::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, OpId, Seq},
    request::{Key, Request, Value},
};

/// How many writes of one key are remembered, to tell from where a value comes.
const WRITES_KEPT: usize = 512;
/// How many keys are followed.
const KEYS_MAX: usize = 20_000;

/// A session guarantee that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Which: `read-your-writes` or `monotonic-reads`.
    pub(crate) promise: &'static str,
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

/// Follows what each client wrote and saw. Only plain writes of values that nobody else wrote count: of others it cannot be
/// told what a read saw.
#[derive(Default)]
pub(crate) struct Guarantees {
    keys: BTreeMap<Key, Writes>,
    open: BTreeMap<OpId, (ClientId, Request, u64, Seq)>,
    /// The latest write that a client made or saw, of each key: when it began, and which it was.
    made: BTreeMap<(ClientId, Key), Write>,
    saw: BTreeMap<(ClientId, Key), Write>,
    position: u64,
}

#[derive(Default)]
struct Writes {
    /// By value; the same value twice makes both useless.
    kept: VecDeque<(Value, Write, bool)>,
    /// Whether values came about in other ways: then nothing can be told.
    mixed: bool,
}

/// A write in the order of the run.
#[derive(Clone, Copy, Debug)]
struct Write {
    op: OpId,
    begun: u64,
    ended: u64,
    seq: Seq,
}

impl Guarantees {
    /// Takes an event over, and returns what it shows.
    pub(crate) fn apply(&mut self, event: &TraceEvent) -> Vec<Broken> {
        match &event.kind {
            EventKind::OpInvoked { op, client, request } => {
                self.position += 1;
                self.open.insert(*op, (*client, request.clone(), self.position, event.seq));
                self.begin(*op, request, event.seq);
                Vec::new()
            }
            EventKind::OpReturned { op, outcome, .. } => {
                self.position += 1;
                let Some((client, request, begun, seq)) = self.open.remove(op) else { return Vec::new() };
                let ended = Write { op: *op, begun, ended: self.position, seq };
                let parts = keys(&request).into_iter();
                parts.flat_map(|key| self.end(client, key, &request, outcome, ended)).collect()
            }
            // Nothing else is seen by a client.
            _ => Vec::new(),
        }
    }

    /// A value can be read as soon as its write has begun.
    fn begin(&mut self, op: OpId, request: &Request, seq: Seq) {
        let begun = self.position;
        for key in keys(request) {
            if !self.keys.contains_key(key) && self.keys.len() >= KEYS_MAX {
                continue;
            }
            let writes = self.keys.entry(key.clone()).or_default();
            match deed(request, key, &Outcome::NoAnswer) {
                None => {}
                Some((Deed::Write(Some(value)), _)) => {
                    let value = Value(value);
                    let twice = writes.kept.iter_mut().find(|(other, ..)| *other == value);
                    match twice {
                        Some((.., useless)) => *useless = true,
                        None => writes.kept.push_back((value, Write { op, begun, ended: u64::MAX, seq }, false)),
                    }
                    if writes.kept.len() > WRITES_KEPT {
                        writes.kept.pop_front();
                    }
                }
                // Removals cannot be told from each other, nor edits from what they edit.
                Some((Deed::Write(None) | Deed::Read(_) | Deed::Edit(_), _)) => writes.mixed = true,
            }
        }
    }

    fn end(&mut self, client: ClientId, key: &Key, request: &Request, outcome: &Outcome, this: Write) -> Vec<Broken> {
        let Some(writes) = self.keys.get_mut(key) else { return Vec::new() };
        match deed(request, key, outcome) {
            Some((Deed::Write(Some(_)), Certainty::Done)) => {
                if let Some((_, write, _)) = writes.kept.iter_mut().find(|(_, write, _)| write.op == this.op) {
                    write.ended = this.ended;
                }
                newest(&mut self.made, (client, key.clone()), this);
                Vec::new()
            }
            Some((Deed::Read(value), Certainty::Done)) if !writes.mixed => {
                let value = value.map(Value);
                let source = match &value {
                    None => None,
                    Some(value) => match writes.kept.iter().find(|(other, ..)| other == value) {
                        Some((_, write, false)) => Some(*write),
                        // Written twice, or too long ago to be remembered.
                        Some((.., true)) | None => return Vec::new(),
                    },
                };
                self.judge(client, key, value, source, this)
            }
            _ => Vec::new(), // Who heard nothing saw nothing.
        }
    }

    fn judge(
        &mut self,
        client: ClientId,
        key: &Key,
        value: Option<Value>,
        source: Option<Write>,
        read: Write,
    ) -> Vec<Broken> {
        let place = (client, key.clone());
        let mut broken = Vec::new();
        for (promise, known) in [("read-your-writes", &self.made), ("monotonic-reads", &self.saw)] {
            // What came before must have been known when the read began, and what was read replaced by then.
            let Some(newer) = known.get(&place).filter(|newer| newer.ended < read.begun) else { continue };
            let replaced = source.is_none_or(|older| older.ended < newer.begun);
            if replaced && source.is_none_or(|older| older.op != newer.op) {
                broken.push(Broken {
                    promise,
                    key: key.clone(),
                    client,
                    newer: newer.op,
                    older: source.map(|older| older.op),
                    read: read.op,
                    value: value.clone(),
                    since: newer.seq,
                });
            }
        }
        if let Some(source) = source {
            // What was seen counts from when it was seen.
            newest(&mut self.saw, place, Write { ended: read.ended, ..source });
        }
        broken
    }
}

fn newest(known: &mut BTreeMap<(ClientId, Key), Write>, place: (ClientId, Key), write: Write) {
    let latest = known.entry(place).or_insert(write);
    if latest.begun < write.begun {
        *latest = write;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::LogIndex, time::Timestamp};

    #[derive(Default)]
    struct Run {
        guarantees: Guarantees,
        next: u64,
        broken: Vec<(&'static str, u64)>,
    }

    impl Run {
        fn push(&mut self, kind: EventKind) {
            let event = TraceEvent { seq: Seq(self.next), at: Timestamp(self.next), cause: None, kind };
            self.next += 1;
            let found = self.guarantees.apply(&event);
            self.broken.extend(found.iter().map(|broken| (broken.promise, broken.read.0)));
        }

        fn put(&mut self, client: u16, op: u64, value: &str) {
            let request = Request::Put { key: "k".into(), value: value.into() };
            self.push(EventKind::OpInvoked { op: OpId(op), client: ClientId(client), request });
            self.push(EventKind::OpReturned {
                op: OpId(op),
                outcome: Outcome::Written { at: LogIndex(1) },
                node: None,
            });
        }

        fn read(&mut self, client: u16, op: u64, value: Option<&str>) {
            let request = Request::Get { key: "k".into() };
            self.push(EventKind::OpInvoked { op: OpId(op), client: ClientId(client), request });
            let outcome = Outcome::Value { value: value.map(Value::from), at: LogIndex(1) };
            self.push(EventKind::OpReturned { op: OpId(op), outcome, node: None });
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
        assert_eq!(run.broken, [("read-your-writes", 5), ("monotonic-reads", 5)]);
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
}
