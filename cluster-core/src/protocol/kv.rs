//! The key-value map that the protocols replicate, with the memory of operations that makes retries harmless.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::done::Done;
use crate::{
    ids::{LogIndex, OpId},
    name::Name,
    request::{Answer, Condition, Key, Misfit, Request, Response, VALUE_MAX, Value},
};

/// How many operations are remembered, so that one that is asked again is not done again.
const REMEMBERED_MAX: usize = 10_000;
/// The longest value before a write whose answer is remembered: what is remembered travels in snapshots.
const REMEMBERED_BYTES: usize = 64;
/// How many bytes all keys and values have at most: a snapshot must fit into one frame.
const MAP_MAX: usize = 12 << 20;
/// How many bytes of values one answer has at most.
const ANSWER_MAX: usize = 8 << 20;

/// A map whose state is a function of the writes applied to it, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvMap {
    entries: BTreeMap<Key, Value>,
    /// The sum of the hashes of all pairs: equal maps have equal sums, whatever their history.
    hash: u64,
    done: Done,
    order: VecDeque<OpId>,
    /// What was answered, of operations whose answer is more than where they stand. Encoded behind the map.
    #[serde(skip)]
    answers: BTreeMap<OpId, Remembered>,
    /// How many bytes all keys and values have. Counted anew when a map is read.
    #[serde(skip)]
    bytes: usize,
}

/// An answer that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Remembered {
    Whole(Answer),
    /// It was too long to be kept.
    TooLong,
}

impl KvMap {
    /// Returns the value of a key.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Returns what was answered to the operation, if it was applied before.
    pub fn answered(&self, op: OpId) -> Option<Response> {
        let at = *self.done.get(&op)?;
        Some(match self.answers.get(&op) {
            None => Response::Written { at },
            Some(Remembered::Whole(answer)) => Response::Answer { answer: answer.clone(), at },
            Some(Remembered::TooLong) => Response::Unknown { why: Name::new("done, but its answer was not kept") },
        })
    }

    /// Returns the answer to a read, as of `at`. A write reads nothing.
    pub fn read(&self, request: &Request, at: LogIndex) -> Response {
        let answer = match request {
            Request::Get { key } => return Response::Value { value: self.get(key).cloned(), at },
            Request::GetMany { keys } => {
                let bytes: usize = keys.iter().filter_map(|key| self.get(key)).map(|value| value.0.len()).sum();
                match bytes > ANSWER_MAX {
                    true => Answer::Misfit(Misfit::TooLong),
                    false => Answer::Values(keys.iter().map(|key| self.get(key).cloned()).collect()),
                }
            }
            Request::Exists { keys } => {
                Answer::Number(keys.iter().filter(|key| self.get(key).is_some()).count() as i64)
            }
            Request::Put { .. }
            | Request::Delete { .. }
            | Request::Admin(_)
            | Request::PutMany { .. }
            | Request::DeleteMany { .. }
            | Request::Increment { .. }
            | Request::Append { .. }
            | Request::PutIf { .. } => return Response::Refused(crate::request::Refusal::Unsupported),
        };
        Response::Answer { answer, at }
    }

    /// Forgets that an operation was applied, so that it can be applied again: what no correct protocol asks for.
    pub(super) fn forget(&mut self, op: OpId) {
        self.done.remove(&op);
        self.answers.remove(&op);
    }

    /// Applies a write that stands at `at`; a write that was applied before changes nothing. Returns the answer to it.
    pub fn apply(&mut self, op: OpId, request: &Request, at: LogIndex) -> Response {
        if let Some(earlier) = self.answered(op) {
            return earlier;
        }
        let answer = self.carry_out(request).unwrap_or_else(|misfit| Some(Answer::Misfit(misfit)));
        self.done.insert(op, at);
        self.order.push_back(op);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.done.remove(&oldest);
            self.answers.remove(&oldest);
        }
        let Some(answer) = answer else { return Response::Written { at } };
        let long = matches!(&answer, Answer::Put { old: Some(old), .. } if old.0.len() > REMEMBERED_BYTES);
        self.answers.insert(op, if long { Remembered::TooLong } else { Remembered::Whole(answer.clone()) });
        Response::Answer { answer, at }
    }

    /// Changes the map, and says what is to be answered beyond that it was done.
    fn carry_out(&mut self, request: &Request) -> Result<Option<Answer>, Misfit> {
        match request {
            Request::Put { key, value } => {
                self.put(key, value.clone())?;
                Ok(None)
            }
            Request::Delete { key } => {
                self.delete(key);
                Ok(None)
            }
            Request::PutMany { pairs } => self.put_many(pairs),
            Request::DeleteMany { keys } => {
                Ok(Some(Answer::Number(keys.iter().filter(|key| self.delete(key)).count() as i64)))
            }
            Request::Increment { key, by } => self.increment(key, *by),
            Request::Append { key, value } => {
                let old = self.get(key).map_or(&[][..], |old| &old.0);
                let next = [old, &value.0].concat();
                let length = next.len() as i64;
                self.put(key, Value(next.into()))?;
                Ok(Some(Answer::Number(length)))
            }
            Request::PutIf { key, value, when, tells_old } => {
                let old = self.get(key).cloned();
                let written = match when {
                    Condition::Always => true,
                    Condition::Absent => old.is_none(),
                    Condition::Present => old.is_some(),
                };
                if written {
                    self.put(key, value.clone())?;
                }
                Ok(Some(Answer::Put { written, old: old.filter(|_| *tells_old) }))
            }
            Request::Get { .. } | Request::Admin(_) | Request::GetMany { .. } | Request::Exists { .. } => Ok(None),
        }
    }

    /// All of them, or none.
    fn put_many(&mut self, pairs: &[(Key, Value)]) -> Result<Option<Answer>, Misfit> {
        // A key that is named twice is counted twice: that errs on the side of less.
        let more: usize = pairs.iter().map(|(key, value)| key.0.len() + value.0.len()).sum();
        if pairs.iter().any(|(_, value)| value.0.len() > VALUE_MAX) {
            return Err(Misfit::TooLong);
        }
        if self.bytes + more > MAP_MAX {
            return Err(Misfit::Full);
        }
        for (key, value) in pairs {
            self.put(key, value.clone())?;
        }
        Ok(None)
    }

    fn increment(&mut self, key: &Key, by: i64) -> Result<Option<Answer>, Misfit> {
        let old = self.get(key).map_or(Some(0), |old| integer(&old.0)).ok_or(Misfit::NotInteger)?;
        let sum = old.checked_add(by).ok_or(Misfit::Overflow)?;
        self.put(key, sum.to_string().into())?;
        Ok(Some(Answer::Number(sum)))
    }

    /// Returns how many keys it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns a hash of all pairs.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns the pairs, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.entries.iter()
    }

    /// Returns the map as bytes, for a snapshot.
    pub fn to_bytes(&self) -> Bytes {
        let map = postcard::to_allocvec(self).expect("a map in memory always encodes");
        // A map without such answers has the bytes that it had before there were any.
        if self.answers.is_empty() {
            return map.into();
        }
        postcard::to_extend(&self.answers, map).expect("a map in memory always encodes").into()
    }

    /// Reads a map from a snapshot's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mut map, rest): (Self, _) = postcard::take_from_bytes(bytes).ok()?;
        if !rest.is_empty() {
            map.answers = postcard::from_bytes(rest).ok()?;
        }
        map.bytes = map.entries.iter().map(|(key, value)| key.0.len() + value.0.len()).sum();
        Some(map)
    }

    /// Writes a key, if there is room for it.
    fn put(&mut self, key: &Key, value: Value) -> Result<(), Misfit> {
        if value.0.len() > VALUE_MAX {
            return Err(Misfit::TooLong);
        }
        let old = self.entries.get_mut(key);
        let freed = old.as_ref().map_or(0, |old| key.0.len() + old.0.len());
        let bytes = self.bytes - freed + key.0.len() + value.0.len();
        if bytes > MAP_MAX && bytes > self.bytes {
            return Err(Misfit::Full);
        }
        self.bytes = bytes;
        self.hash = self.hash.wrapping_add(pair_hash(key, &value));
        match old {
            Some(old) => {
                self.hash = self.hash.wrapping_sub(pair_hash(key, old));
                *old = value;
            }
            None => drop(self.entries.insert(key.clone(), value)),
        }
        Ok(())
    }

    /// Removes a key. Returns whether it had a value.
    fn delete(&mut self, key: &Key) -> bool {
        let Some(old) = self.entries.remove(key) else { return false };
        self.hash = self.hash.wrapping_sub(pair_hash(key, &old));
        self.bytes -= key.0.len() + old.0.len();
        true
    }
}

/// Reads a whole number in its only spelling: no sign but a minus, no leading zeros, no blanks.
fn integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = text == "0" || digits.starts_with(|first: char| ('1'..='9').contains(&first));
    if plain { text.parse().ok() } else { None }
}

/// FNV-1a over key and value in words of eight bytes, each behind its length, then mixed so that sums do not cancel by
/// accident. A byte at a time would be the dearest step of applying a write.
fn pair_hash(key: &Key, value: &Value) -> u64 {
    let mut hash = absorb(absorb(0xcbf2_9ce4_8422_2325, &key.0), &value.0);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ hash >> 33
}

fn absorb(hash: u64, bytes: &[u8]) -> u64 {
    // The high bits of a word reach the low bits of the hash only by the shift.
    let mix = |hash: u64, word: u64| {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(mix(hash, bytes.len() as u64), |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
    if rest.is_empty() { hash } else { mix(hash, last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Request {
        Request::Put { key: key.into(), value: value.into() }
    }

    #[test]
    fn equal_maps_hash_equally_whatever_their_history() {
        let (mut a, mut b) = (KvMap::default(), KvMap::default());
        a.apply(OpId(1), &put("x", "old"), LogIndex(1));
        a.apply(OpId(2), &put("x", "1"), LogIndex(2));
        a.apply(OpId(3), &put("y", "2"), LogIndex(3));
        b.apply(OpId(4), &put("y", "2"), LogIndex(1));
        b.apply(OpId(5), &put("x", "1"), LogIndex(2));
        assert_eq!(a.hash(), b.hash());
        a.apply(OpId(6), &Request::Delete { key: "x".into() }, LogIndex(4));
        assert_ne!(a.hash(), b.hash());
    }

    /// Without it, a client that asks again after a lost answer could undo a later write.
    #[test]
    fn an_operation_asked_twice_is_done_once() {
        let mut map = KvMap::default();
        map.apply(OpId(1), &put("x", "1"), LogIndex(1));
        map.apply(OpId(2), &put("x", "2"), LogIndex(2));
        assert_eq!(map.apply(OpId(1), &put("x", "1"), LogIndex(3)), Response::Written { at: LogIndex(1) });
        assert_eq!(map.get(&"x".into()), Some(&"2".into()));
    }

    /// Applies a write behind all others.
    fn ask(map: &mut KvMap, request: &Request) -> Answer {
        let next = map.order.len() as u64 + 1;
        match map.apply(OpId(next), request, LogIndex(next)) {
            Response::Answer { answer, at } if at == LogIndex(next) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_increment_counts_from_nothing_and_up_to_the_last_number() {
        let mut map = KvMap::default();
        let add = |by| Request::Increment { key: "n".into(), by };
        assert_eq!(ask(&mut map, &add(1)), Answer::Number(1));
        assert_eq!(ask(&mut map, &add(i64::MAX - 1)), Answer::Number(i64::MAX));
        assert_eq!(ask(&mut map, &add(1)), Answer::Misfit(Misfit::Overflow));
        assert_eq!(map.get(&"n".into()), Some(&i64::MAX.to_string().into()));
    }

    #[test]
    fn only_the_usual_spelling_is_a_whole_number() {
        assert_eq!(["0", "-7", "42"].map(|text| integer(text.as_bytes())), [Some(0), Some(-7), Some(42)]);
        for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "x", "9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_conditional_put_tells_what_was_there_and_whether_it_took_place() {
        let mut map = KvMap::default();
        let put_if = |value: &str, when| Request::PutIf { key: "x".into(), value: value.into(), when, tells_old: true };
        let answer = |written, old: Option<&str>| Answer::Put { written, old: old.map(Value::from) };
        assert_eq!(ask(&mut map, &put_if("1", Condition::Present)), answer(false, None));
        assert_eq!(ask(&mut map, &put_if("2", Condition::Absent)), answer(true, None));
        assert_eq!(ask(&mut map, &put_if("3", Condition::Absent)), answer(false, Some("2")));
        assert_eq!(ask(&mut map, &put_if("4", Condition::Always)), answer(true, Some("2")));
    }

    #[test]
    fn several_keys_are_one_operation() {
        let mut map = KvMap::default();
        let pairs = vec![("x".into(), "1".into()), ("y".into(), "2".into())];
        assert_eq!(map.apply(OpId(1), &Request::PutMany { pairs }, LogIndex(1)), Response::Written { at: LogIndex(1) });
        let keys = || ["y", "no", "x", "x"].map(Key::from).to_vec();
        let read = |map: &KvMap, request: &Request| map.read(request, LogIndex(1));
        let values = vec![Some("2".into()), None, Some("1".into()), Some("1".into())];
        let at = LogIndex(1);
        let found = Response::Answer { answer: Answer::Values(values), at };
        assert_eq!(read(&map, &Request::GetMany { keys: keys() }), found);
        let three = Response::Answer { answer: Answer::Number(3), at };
        assert_eq!(read(&map, &Request::Exists { keys: keys() }), three);
        assert_eq!(ask(&mut map, &Request::DeleteMany { keys: keys() }), Answer::Number(2));
        assert!(map.is_empty() && map.hash() == 0 && map.bytes == 0);
    }

    /// Without it, a client that asks again after a lost answer would count twice.
    #[test]
    fn an_increment_asked_twice_is_answered_as_before_even_from_a_snapshot() {
        let mut map = KvMap::default();
        let add = Request::Increment { key: "n".into(), by: 5 };
        let first = map.apply(OpId(1), &add, LogIndex(1));
        let mut map = KvMap::from_bytes(&map.to_bytes()).expect("a map");
        assert_eq!(map.apply(OpId(1), &add, LogIndex(2)), first);
        assert_eq!(map.get(&"n".into()), Some(&"5".into()));
    }

    /// Without it, one client could make a map that no snapshot can carry to a follower.
    #[test]
    fn a_full_map_takes_no_more_but_still_shrinks_and_is_read() {
        let mut map = KvMap::default();
        let big = Value(vec![b'v'; VALUE_MAX].into());
        for nth in 0..11 {
            let request = Request::Put { key: format!("k{nth}").into(), value: big.clone() };
            assert!(matches!(map.apply(OpId(nth), &request, LogIndex(nth)), Response::Written { .. }));
        }
        let put = |key: &str| Request::Put { key: key.into(), value: big.clone() };
        let (one_more, again) = (map.apply(OpId(90), &put("more"), LogIndex(90)), put("k0"));
        assert_eq!(one_more, Response::Answer { answer: Answer::Misfit(Misfit::Full), at: LogIndex(90) });
        assert_eq!(map.apply(OpId(91), &again, LogIndex(91)), Response::Written { at: LogIndex(91) });
        let append = Request::Append { key: "k0".into(), value: "x".into() };
        let too_long = map.apply(OpId(92), &append, LogIndex(92));
        assert_eq!(too_long, Response::Answer { answer: Answer::Misfit(Misfit::TooLong), at: LogIndex(92) });
        map.apply(OpId(93), &Request::Delete { key: "k1".into() }, LogIndex(93));
        assert!(matches!(map.apply(OpId(94), &put("more"), LogIndex(94)), Response::Written { .. }));
    }

    #[test]
    fn a_snapshot_gives_the_same_map_back() {
        let mut map = KvMap::default();
        map.apply(OpId(1), &put("x", "1"), LogIndex(1));
        assert_eq!(KvMap::from_bytes(&map.to_bytes()), Some(map));
    }
}
