//! Linearizability of a register whose values are all different, at a few comparisons an operation, however many are open.
//!
//! A write and the reads of its value stand together in any order (a cluster). From the first end among them to the last
//! beginning they cover a zone: forward if that end comes first, else backward. An order exists if and only if no two
//! forward zones overlap and no backward zone lies within a forward one (Gibbons and Korach 1997, "Testing shared
//! memories"; Golab, Li and Shah 2011, "Analyzing consistency properties for fun and profit", §3).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::history::Position;

/// How many clusters are kept before those are forgotten that nobody can read any more without breaking the promise.
const CLUSTERS_KEPT: usize = 2048;

/// What a value is known by; none before anything was written.
type Value = Option<Bytes>;

/// A register that grows.
#[derive(Debug)]
pub(crate) struct Zones {
    clusters: BTreeMap<Value, Cluster>,
    /// Where each forward zone begins: its end, and its value.
    forward: BTreeMap<Position, (Position, Value)>,
    /// Where each backward zone begins: its end, and its value.
    backward: BTreeMap<Position, (Position, Value)>,
    /// The beginnings of what is open, by number.
    open: BTreeMap<u64, Position>,
    open_since: BTreeSet<Position>,
    position: Position,
    numbers: u64,
    /// Writes that nobody answered and nobody read.
    loose: usize,
    /// The value of which an operation began last among those that ended, and the two whose first end came last.
    begun_last: (Position, Value),
    ended_last: [(Position, Value); 2],
}

/// A write and the reads of its value.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    /// The first end among them; the greatest position while none has ended.
    end: Position,
    /// The last beginning among them.
    begin: Position,
    /// Whether the write was refused: nobody may read it.
    refused: bool,
}

/// Whether an order exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fits {
    Yes,
    No,
}

impl Zones {
    /// Begins with a value that was there before.
    pub(crate) fn new(first: Value) -> Self {
        let cluster = Cluster { end: 0, begin: 0, refused: false };
        Self {
            clusters: BTreeMap::from([(first.clone(), cluster)]),
            forward: BTreeMap::new(),
            backward: BTreeMap::new(),
            open: BTreeMap::new(),
            open_since: BTreeSet::new(),
            position: 0,
            numbers: 0,
            loose: 0,
            begun_last: (0, first.clone()),
            ended_last: [(0, first.clone()), (0, first)],
        }
    }

    /// Takes the beginning of an operation over, which writes `value` if it is a write. Returns its number; none if the
    /// value was there before, so that it cannot be told from it.
    pub(crate) fn begin(&mut self, value: Option<&Bytes>) -> Option<u64> {
        if let Some(value) = value {
            let begin = self.position + 1;
            let known = self.clusters.contains_key(&Some(value.clone()));
            if known {
                return None;
            }
            self.clusters.insert(Some(value.clone()), Cluster { end: Position::MAX, begin, refused: false });
            self.loose += 1;
        }
        self.position += 1;
        self.numbers += 1;
        self.open.insert(self.numbers, self.position);
        self.open_since.insert(self.position);
        Some(self.numbers)
    }

    /// Takes over that an operation had no effect, or none that is known.
    pub(crate) fn pass(&mut self, number: u64) {
        self.close(number);
    }

    /// Takes over that a write was acknowledged.
    pub(crate) fn wrote(&mut self, number: u64, value: &Bytes) -> Fits {
        let begun = self.close(number);
        self.grow(&Some(value.clone()), begun)
    }

    /// Takes over that a write was refused.
    pub(crate) fn refused(&mut self, number: u64, value: &Bytes) -> Fits {
        self.close(number);
        let Some(cluster) = self.clusters.get_mut(&Some(value.clone())) else { return Fits::Yes };
        cluster.refused = true;
        if cluster.end == Position::MAX {
            self.loose -= 1;
            return Fits::Yes;
        }
        Fits::No
    }

    /// Takes over that a read found a value.
    pub(crate) fn read(&mut self, number: u64, value: &Value) -> Fits {
        let begun = self.close(number);
        match self.clusters.get(value) {
            Some(cluster) if !cluster.refused => self.grow(value, begun),
            // Nobody wrote it, or others have certainly come in its place.
            Some(_) | None => Fits::No,
        }
    }

    /// Returns the value, if nothing is open and it can be only one.
    pub(crate) fn settled(&self) -> Option<&Value> {
        let (begun, value) = &self.begun_last;
        let other = self.ended_last.iter().find(|(_, other)| other != value);
        let is_last = other.is_none_or(|(end, _)| end < begun);
        (self.open.is_empty() && self.loose == 0 && is_last).then_some(value)
    }

    fn close(&mut self, number: u64) -> Position {
        self.position += 1;
        let begun = self.open.remove(&number).unwrap_or_default();
        self.open_since.remove(&begun);
        begun
    }

    /// An operation on a value ended now, that began at `begun`.
    fn grow(&mut self, value: &Value, begun: Position) -> Fits {
        let now = self.position;
        let Some(cluster) = self.clusters.get_mut(value) else { return Fits::No };
        let before = *cluster;
        if cluster.end == Position::MAX {
            cluster.end = now;
            self.loose -= 1;
            let [last, _] = &self.ended_last;
            self.ended_last = [(now, value.clone()), last.clone()];
        }
        cluster.begin = cluster.begin.max(begun);
        let after = *cluster;
        if after.begin > self.begun_last.0 {
            self.begun_last = (after.begin, value.clone());
        }
        if before.end != Position::MAX {
            let zones = if before.end < before.begin { &mut self.forward } else { &mut self.backward };
            zones.remove(&before.end.min(before.begin));
        }
        let fits = self.fits(after);
        let (from, until) = (after.end.min(after.begin), after.end.max(after.begin));
        let zones = if after.end < after.begin { &mut self.forward } else { &mut self.backward };
        zones.insert(from, (until, value.clone()));
        if self.clusters.len() > 2 * CLUSTERS_KEPT {
            self.forget();
        }
        fits
    }

    fn fits(&self, cluster: Cluster) -> Fits {
        let fits = if cluster.end < cluster.begin {
            let (from, until) = (cluster.end, cluster.begin);
            let before = self.forward.range(..=from).next_back();
            let overlaps = before.is_some_and(|(_, (end, _))| *end > from);
            let mut within = self.backward.range(from..until);
            !overlaps && self.forward.range(from..until).next().is_none() && within.all(|(_, (end, _))| *end > until)
        } else {
            let (from, until) = (cluster.begin, cluster.end);
            let around = self.forward.range(..from).next_back();
            around.is_none_or(|(_, (end, _))| *end < until)
        };
        if fits { Fits::Yes } else { Fits::No }
    }

    /// Forgets values that nobody can read any more without breaking the promise: another one lies certainly between.
    fn forget(&mut self) {
        let oldest = self.open_since.first().copied().unwrap_or(self.position);
        let zones = self.forward.iter().chain(&self.backward);
        let over = zones.filter(|(_, (end, _))| *end < oldest).map(|(from, _)| *from).max().unwrap_or(0);
        self.clusters.retain(|_, cluster| cluster.end >= over && !cluster.refused);
        let kept = &self.clusters;
        self.forward.retain(|_, (_, value)| kept.contains_key(value));
        self.backward.retain(|_, (_, value)| kept.contains_key(value));
    }

    /// Returns how many clusters are kept.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.clusters.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(number: u64) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn a_read_of_a_value_that_was_replaced_does_not_fit_and_one_beside_a_write_does() {
        let mut zones = Zones::new(None);
        let first = zones.begin(Some(&value(1))).unwrap();
        assert_eq!(zones.wrote(first, &value(1)), Fits::Yes);
        let second = zones.begin(Some(&value(2))).unwrap();
        let beside = zones.begin(None).unwrap();
        assert_eq!(zones.read(beside, &Some(value(1))), Fits::Yes);
        assert_eq!(zones.wrote(second, &value(2)), Fits::Yes);
        assert_eq!(zones.settled(), None, "the read may have come before or after");
        let late = zones.begin(None).unwrap();
        assert_eq!(zones.read(late, &Some(value(1))), Fits::No);
    }

    #[test]
    fn a_long_run_with_a_writer_that_nobody_answered_is_followed_in_bounded_memory() {
        let mut zones = Zones::new(None);
        let lost = zones.begin(Some(&value(0))).unwrap();
        zones.pass(lost);
        for number in 1..20_000 {
            let write = zones.begin(Some(&value(number))).unwrap();
            assert_eq!(zones.wrote(write, &value(number)), Fits::Yes);
        }
        assert!(zones.len() <= 2 * CLUSTERS_KEPT + 1);
        let read = zones.begin(None).unwrap();
        assert_eq!(zones.read(read, &Some(value(0))), Fits::Yes, "it may take effect at any time");
        let again = zones.begin(None).unwrap();
        assert_eq!(zones.read(again, &Some(value(19_999))), Fits::No);
        let old = zones.begin(None).unwrap();
        assert_eq!(zones.read(old, &Some(value(7))), Fits::No);
    }
}
