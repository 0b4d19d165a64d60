//! What is known of things that are numbered one after the other, such as frames and operations, until it is forgotten.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::{Index, RangeFrom},
};

use crate::ids::{MsgId, OpId};

/// A map by number, in order.
///
/// Numbers grow, and most of what they stand for ends soon: the latest `REACH` numbers stand in a row, where one is found
/// without a search. The few that last longer move to a tree.
#[derive(Debug)]
pub struct Recent<K, T, const REACH: usize> {
    /// The number of the first in the row; those in the tree are lower.
    first: u64,
    row: VecDeque<(K, Option<T>)>,
    older: BTreeMap<K, T>,
    len: usize,
}

/// A number of its own for each thing of a kind, mostly one more than that of the one before.
pub trait Numbered: Copy + Ord {
    /// Returns the number.
    fn number(self) -> u64;
    /// Returns what has that number.
    fn numbered(number: u64) -> Self;
}

impl Numbered for MsgId {
    fn number(self) -> u64 {
        self.0
    }

    fn numbered(number: u64) -> Self {
        Self(number)
    }
}

impl Numbered for OpId {
    fn number(self) -> u64 {
        self.0
    }

    fn numbered(number: u64) -> Self {
        Self(number)
    }
}

impl<K: Numbered, T, const REACH: usize> Recent<K, T, REACH> {
    /// Adds one, or puts it in the place of the one of that number.
    pub fn insert(&mut self, key: K, value: T) {
        if self.row.is_empty() {
            self.first = self
                .older
                .last_key_value()
                .map_or(key.number(), |(last, _)| key.number().max(last.number().saturating_add(1)));
        }
        let Some(place) = key.number().checked_sub(self.first) else {
            self.len += usize::from(self.older.insert(key, value).is_none());
            return;
        };
        if place > (self.row.len() + REACH) as u64 {
            // Nobody leaves such gaps, but what is damaged may.
            let rest = self.row.drain(..).filter_map(|(key, value)| Some((key, value?)));
            self.older.extend(rest);
            self.first = key.number();
        }
        let place = (key.number() - self.first) as usize;
        while self.row.len() <= place {
            self.row.push_back((K::numbered(self.first + self.row.len() as u64), None));
        }
        self.len += usize::from(self.row[place].1.replace(value).is_none());
        while self.row.len() > REACH {
            if let Some((key, Some(value))) = self.row.pop_front() {
                self.older.insert(key, value);
            }
            self.first = self.first.saturating_add(1);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        let value = match key.number().checked_sub(self.first) {
            Some(place) => self.row.get_mut(usize::try_from(place).ok()?)?.1.take(),
            None => self.older.remove(key),
        };
        self.len -= usize::from(value.is_some());
        self.trim();
        value
    }

    /// Returns one.
    pub fn get(&self, key: &K) -> Option<&T> {
        match key.number().checked_sub(self.first) {
            Some(place) => self.row.get(usize::try_from(place).ok()?)?.1.as_ref(),
            None => self.older.get(key),
        }
    }

    /// Returns one, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        match key.number().checked_sub(self.first) {
            Some(place) => self.row.get_mut(usize::try_from(place).ok()?)?.1.as_mut(),
            None => self.older.get_mut(key),
        }
    }

    /// Returns whether one is there.
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Keeps those of which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut T) -> bool) {
        self.older.retain(|key, value| keep(key, value));
        for (key, value) in &mut self.row {
            if value.as_mut().is_some_and(|value| !keep(key, value)) {
                *value = None;
            }
        }
        self.len = self.older.len() + self.row.iter().filter(|(_, value)| value.is_some()).count();
        self.trim();
    }

    /// Returns all with their numbers, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &T)> {
        let row = self.row.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        self.older.iter().chain(row)
    }

    /// Returns those from a number on, in order.
    pub fn range(&self, from: RangeFrom<K>) -> impl Iterator<Item = (&K, &T)> {
        let skipped = usize::try_from(from.start.number().saturating_sub(self.first)).unwrap_or(usize::MAX);
        let row = self.row.range(skipped.min(self.row.len())..);
        self.older.range(from).chain(row.filter_map(|(key, value)| Some((key, value.as_ref()?))))
    }

    /// Returns the numbers, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// Returns all, in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns all, in order, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.older.values_mut().chain(self.row.iter_mut().filter_map(|(_, value)| value.as_mut()))
    }

    /// What ended at the front of the row is forgotten.
    fn trim(&mut self) {
        while let Some((_, None)) = self.row.front() {
            self.row.pop_front();
            self.first = self.first.saturating_add(1);
        }
    }
}

impl<K, T, const REACH: usize> Default for Recent<K, T, REACH> {
    fn default() -> Self {
        Self { first: 0, row: VecDeque::new(), older: BTreeMap::new(), len: 0 }
    }
}

impl<K: Numbered, T: Clone, const REACH: usize> Clone for Recent<K, T, REACH> {
    /// Many copies may be kept, of a row with many gaps: then the gaps are left out.
    fn clone(&self) -> Self {
        let (first, row, len) = (self.first, &self.row, self.len);
        if row.len() <= 4 * len {
            return Self { first, row: row.clone(), older: self.older.clone(), len };
        }
        let older = self.iter().map(|(key, value)| (*key, value.clone())).collect();
        Self { first: first.saturating_add(row.len() as u64), row: VecDeque::new(), older, len }
    }
}

impl<K: Numbered, T: PartialEq, const REACH: usize> PartialEq for Recent<K, T, REACH> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Numbered, T, const REACH: usize> Index<&K> for Recent<K, T, REACH> {
    type Output = T;

    fn index(&self, key: &K) -> &T {
        self.get(key).expect("something of that number is there")
    }
}

impl<'a, K: Numbered, T, const REACH: usize> IntoIterator for &'a Recent<K, T, REACH> {
    type Item = (&'a K, &'a T);
    type IntoIter = Box<dyn Iterator<Item = (&'a K, &'a T)> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With so short a row, everything that can happen to it does.
    type Short = Recent<MsgId, u64, 8>;

    fn all(recent: &Short) -> Vec<u64> {
        recent.keys().map(|msg| msg.0).collect()
    }

    #[test]
    fn what_is_numbered_is_found_until_it_is_taken_however_much_came_since() {
        let mut recent = Short::default();
        for msg in 1..=3000 {
            recent.insert(MsgId(msg), msg);
            // Only every hundredth stays.
            if msg % 100 != 0 {
                assert_eq!(recent.remove(&MsgId(msg)), Some(msg));
                assert_eq!(recent.remove(&MsgId(msg)), None);
            }
        }
        assert_eq!(recent.len(), 30);
        for msg in 1..=3000 {
            let expected = (msg % 100 == 0).then_some(msg);
            assert_eq!(recent.get(&MsgId(msg)).copied(), expected);
            assert_eq!(recent.remove(&MsgId(msg)), expected);
        }
        assert_eq!((recent.row.len(), recent.older.len(), recent.len()), (0, 0, 0));
        assert_eq!(recent.get(&MsgId(3001)), None);
    }

    /// Numbers of a damaged recording may be anything.
    #[test]
    fn numbers_in_any_order_are_kept_in_order() {
        let mut numbers = vec![5, 3, u64::MAX - 1, 4, 900, 7, 6, 901, 12, 1 << 40, 2, 910, 903, 902, 8];
        let mut recent = Short::default();
        for (at, msg) in numbers.iter().enumerate() {
            recent.insert(MsgId(*msg), *msg);
            let mut expected = numbers[..=at].to_vec();
            expected.sort_unstable();
            assert_eq!(all(&recent), expected);
            assert!(expected.iter().all(|msg| recent.get(&MsgId(*msg)) == Some(msg)));
            let from = recent.range(MsgId(6)..).map(|(msg, _)| msg.0).collect::<Vec<_>>();
            assert_eq!(from, expected.into_iter().filter(|msg| *msg >= 6).collect::<Vec<_>>());
        }
        recent.retain(|msg, _| msg.0 % 2 == 0);
        numbers.retain(|msg| msg % 2 == 0);
        numbers.sort_unstable();
        assert_eq!((all(&recent), recent.len()), (numbers.clone(), numbers.len()));
        recent.insert(MsgId(4), 40);
        assert_eq!((recent.len(), recent[&MsgId(4)]), (numbers.len(), 40));
    }

    #[test]
    fn a_copy_is_equal_and_leaves_gaps_out() {
        let mut recent = Short::default();
        (1..=8).for_each(|msg| recent.insert(MsgId(msg), msg));
        assert_eq!(recent.clone(), recent);
        for msg in 2..=8 {
            recent.remove(&MsgId(msg));
        }
        let mut copy = recent.clone();
        assert_eq!((&copy, copy.row.len()), (&recent, 0));
        copy.insert(MsgId(9), 9);
        assert_eq!(all(&copy), [1, 9]);
        assert_ne!(copy, recent);
    }
}
