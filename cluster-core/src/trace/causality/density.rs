//! How much went on at each lane, in buckets over the whole run: what a picture of a million events is drawn from.

use crate::{
    event::{EventKind, TraceEvent},
    time::Timestamp,
};

/// How many buckets there are, at most: more than a screen has pixels.
const BUCKETS_MAX: usize = 2048;
/// The width of a bucket at the beginning.
const BUCKET_NANOS: u64 = 10_000_000;
/// Only so many lanes are counted apart.
const LANES_MAX: usize = 2048;

/// The counts of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// How many events happened there, per bucket; the latest buckets may be missing.
    pub events: Vec<u32>,
}

/// The counts of all lanes.
#[derive(Clone, Debug)]
pub struct Density {
    bucket_nanos: u64,
    lanes: Vec<LaneCounts>,
}

impl Default for Density {
    fn default() -> Self {
        Self { bucket_nanos: BUCKET_NANOS, lanes: Vec::new() }
    }
}

impl Density {
    pub(super) fn apply(&mut self, lane: u16, event: &TraceEvent) {
        let lane = usize::from(lane);
        // What nodes show of themselves is told of other events.
        let told = matches!(event.kind, EventKind::ViewChanged { .. } | EventKind::LogSpliced { .. });
        if told || lane >= LANES_MAX {
            return;
        }
        while self.bucket(event.at) >= BUCKETS_MAX {
            self.halve();
        }
        let bucket = self.bucket(event.at);
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, LaneCounts::default);
        }
        let counts = &mut self.lanes[lane].events;
        if counts.len() <= bucket {
            counts.resize(bucket + 1, 0);
        }
        counts[bucket] = counts[bucket].saturating_add(1);
    }

    pub(super) fn lane(&self, lane: u16) -> Option<&LaneCounts> {
        self.lanes.get(usize::from(lane))
    }

    pub(super) fn bucket_nanos(&self) -> u64 {
        self.bucket_nanos
    }

    fn bucket(&self, at: Timestamp) -> usize {
        (at.0 / self.bucket_nanos) as usize
    }

    fn halve(&mut self) {
        self.bucket_nanos *= 2;
        for lane in &mut self.lanes {
            let sum = |pair: &[u32]| pair.iter().fold(0_u32, |sum, count| sum.saturating_add(*count));
            lane.events = lane.events.chunks(2).map(sum).collect();
        }
    }
}
