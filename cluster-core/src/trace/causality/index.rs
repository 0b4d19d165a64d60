//! The order of a whole run in eight bytes an event: its lane, and the earlier event that it follows from.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use super::{Density, Lane, Lives, Places};
use crate::{
    event::TraceEvent,
    ids::{Endpoint, Seq},
    trace::TraceStore,
};

/// The latest events are known, up to so many: 128 MiB.
const EVENTS_MAX: usize = 1 << 24;

/// An event that happens on no lane.
pub(super) const NO_LANE: u16 = u16::MAX;
/// The lane of whoever strikes the cluster.
const OUTSIDE: u16 = 0;

/// What is kept of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// How many events before this one its cause is; 0 if it has none, or one too old.
    before: u32,
    pub(super) lane: u16,
}

/// The happened-before order of a run, taken over event by event.
#[derive(Clone, Debug)]
pub struct Causality {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    lanes: Vec<Lane>,
    known: BTreeMap<Lane, u16>,
    places: Places,
    lives: Lives,
    density: Density,
    events_max: usize,
}

impl Default for Causality {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            lanes: vec![Lane::Outside],
            known: BTreeMap::from([(Lane::Outside, OUTSIDE)]),
            places: Places::default(),
            lives: Lives::default(),
            density: Density::default(),
            events_max: EVENTS_MAX,
        }
    }
}

impl Causality {
    /// Takes up to `budget` more events of a run over. Returns whether that was all of them.
    pub fn advance(&mut self, store: &TraceStore, budget: u64) -> bool {
        let until = Seq(self.end().0.saturating_add(budget)).min(store.len());
        store.each(self.end()..until, &mut |event| self.push(event));
        self.end() >= store.len()
    }

    /// Takes the next event over.
    pub fn push(&mut self, event: &TraceEvent) {
        let lane = self.places.next(event);
        let number = lane.map_or(NO_LANE, |lane| self.number(lane));
        let before = event.cause.and_then(|cause| event.seq.0.checked_sub(cause.0)).unwrap_or(0);
        self.entries.push_back(Entry { before: u32::try_from(before).unwrap_or(0), lane: number });
        if let Some(Lane::At(end)) = lane {
            self.lives.apply(end, event);
        }
        self.density.apply(number, event);
        if self.entries.len() > self.events_max + self.events_max / 16 {
            let surplus = self.entries.len() - self.events_max;
            self.entries.drain(..surplus);
            self.first += surplus as u64;
        }
    }

    /// Returns the number of the first event that is known; older ones were too many.
    pub fn start(&self) -> Seq {
        Seq(self.first)
    }

    /// Returns the number after the last event that is known.
    pub fn end(&self) -> Seq {
        Seq(self.first + self.entries.len() as u64)
    }

    /// Returns every lane so far, in the order in which they came.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// Returns the lane on which an event happened; `None` if it happened on a link, or is not known.
    pub fn lane(&self, seq: Seq) -> Option<Lane> {
        self.entry(seq).and_then(|entry| self.lanes.get(usize::from(entry.lane))).copied()
    }

    /// Returns the earlier event that led to one, as it was recorded.
    pub fn cause(&self, seq: Seq) -> Option<Seq> {
        let before = self.entry(seq)?.before;
        (before > 0).then(|| Seq(seq.0 - u64::from(before)))
    }

    /// Returns the next event on the lane of another one, or the one before it; looks at up to `reach` events.
    pub fn neighbor(&self, seq: Seq, forward: bool, reach: u64) -> Option<Seq> {
        let lane = self.entry(seq)?.lane;
        let same = |at: &u64| self.entry(Seq(*at)).is_some_and(|entry| entry.lane == lane);
        if forward {
            (seq.0 + 1..self.end().0.min(seq.0 + 1 + reach)).find(same).map(Seq)
        } else {
            (self.first.max(seq.0.saturating_sub(reach))..seq.0).rev().find(same).map(Seq)
        }
    }

    /// Returns how nodes fared over time.
    pub fn lives(&self) -> &Lives {
        &self.lives
    }

    /// Returns how much went on at a node or client, in buckets over the whole run.
    pub fn density(&self, end: Endpoint) -> Option<&super::LaneCounts> {
        self.density.lane(*self.known.get(&Lane::At(end))?)
    }

    /// Returns the width of a bucket of [`Causality::density`], in nanoseconds.
    pub fn bucket_nanos(&self) -> u64 {
        self.density.bucket_nanos()
    }

    pub(super) fn entry(&self, seq: Seq) -> Option<Entry> {
        self.entries.get(usize::try_from(seq.0.checked_sub(self.first)?).ok()?).copied()
    }

    /// Returns the entries of a range, with their numbers, as far as they are known.
    pub(super) fn range(&self, range: &Range<Seq>) -> impl DoubleEndedIterator<Item = (Seq, Entry)> {
        let from = range.start.0.max(self.first);
        let to = range.end.0.min(self.end().0).max(from);
        let within = (from - self.first) as usize..(to - self.first) as usize;
        let first = self.first;
        within.clone().zip(self.entries.range(within)).map(move |(at, entry)| (Seq(first + at as u64), *entry))
    }

    fn number(&mut self, lane: Lane) -> u16 {
        if let Some(known) = self.known.get(&lane) {
            return *known;
        }
        // Thousands of visitors may come and go; lanes without a number have no order, which claims nothing false.
        let number = self.lanes.len() as u16;
        if self.lanes.len() >= usize::from(NO_LANE) {
            return NO_LANE;
        }
        self.lanes.push(lane);
        self.known.insert(lane, number);
        number
    }

    #[cfg(test)]
    pub(super) fn keep_only(&mut self, events_max: usize) {
        self.events_max = events_max;
    }
}

impl Entry {
    pub(super) fn cause(self, seq: Seq) -> Option<Seq> {
        (self.before > 0).then(|| Seq(seq.0 - u64::from(self.before)))
    }
}
