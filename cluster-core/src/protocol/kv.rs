//! The key-value map that the protocols replicate, with the memory of operations that makes retries harmless.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::done::Done;
use crate::{
    ids::{LogIndex, OpId},
    request::{Key, Request, Value},
};

/// How many operations are remembered, so that one that is asked again is not done again.
const REMEMBERED_MAX: usize = 10_000;

/// A map whose state is a function of the writes applied to it, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvMap {
    entries: BTreeMap<Key, Value>,
    /// The sum of the hashes of all pairs: equal maps have equal sums, whatever their history.
    hash: u64,
    done: Done,
    order: VecDeque<OpId>,
}

impl KvMap {
    /// Returns the value of a key.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Returns where the operation took effect, if it did.
    pub fn done_at(&self, op: OpId) -> Option<LogIndex> {
        self.done.get(&op).copied()
    }

    /// Applies a write that stands at `at`; a write that was applied before changes nothing. Returns where it took effect.
    pub fn apply(&mut self, op: OpId, request: &Request, at: LogIndex) -> LogIndex {
        if let Some(earlier) = self.done_at(op) {
            return earlier;
        }
        match request {
            Request::Put { key, value } => self.put(key.clone(), value.clone()),
            Request::Delete { key } => self.delete(key),
            Request::Get { .. } | Request::Admin(_) => {}
        }
        self.done.insert(op, at);
        self.order.push_back(op);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.done.remove(&oldest);
        }
        at
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
        postcard::to_allocvec(self).expect("a map in memory always encodes").into()
    }

    /// Reads a map from a snapshot's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    fn put(&mut self, key: Key, value: Value) {
        self.hash = self.hash.wrapping_add(pair_hash(&key, &value));
        if let Some(old) = self.entries.insert(key.clone(), value) {
            self.hash = self.hash.wrapping_sub(pair_hash(&key, &old));
        }
    }

    fn delete(&mut self, key: &Key) {
        if let Some(old) = self.entries.remove(key) {
            self.hash = self.hash.wrapping_sub(pair_hash(key, &old));
        }
    }
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
        assert_eq!(map.apply(OpId(1), &put("x", "1"), LogIndex(3)), LogIndex(1));
        assert_eq!(map.get(&"x".into()), Some(&"2".into()));
    }

    #[test]
    fn a_snapshot_gives_the_same_map_back() {
        let mut map = KvMap::default();
        map.apply(OpId(1), &put("x", "1"), LogIndex(1));
        assert_eq!(KvMap::from_bytes(&map.to_bytes()), Some(map));
    }
}
