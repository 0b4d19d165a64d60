//! Latencies of many operations in little memory, with percentiles that are right to an eighth.

/// A histogram whose buckets grow with what they hold: eight to an octave. Only buckets that hold something take room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Bucket and count, in order of buckets.
    counts: Vec<(u16, u32)>,
}

impl Latencies {
    /// Takes one latency over.
    pub fn add(&mut self, nanos: u64) {
        let bucket = bucket_of(nanos);
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(1),
            Err(at) => self.counts.insert(at, (bucket, 1)),
        }
    }

    /// Takes all latencies of another histogram over.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            match self.counts.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(*count),
                Err(at) => self.counts.insert(at, (*bucket, *count)),
            }
        }
    }

    /// Returns the latency that this share (0 to 1) of all do not exceed, in nanoseconds; 0 if there are none.
    pub fn percentile(&self, share: f64) -> u64 {
        let total: u64 = self.counts.iter().map(|(_, count)| u64::from(*count)).sum();
        let rank = ((total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            seen += u64::from(*count);
            if seen >= rank {
                return middle_of(*bucket);
            }
        }
        0
    }
}

fn bucket_of(nanos: u64) -> u16 {
    if nanos < 8 {
        return nanos as u16;
    }
    let octave = nanos.ilog2();
    ((octave - 2) * 8) as u16 + (nanos >> (octave - 3) & 7) as u16
}

fn middle_of(bucket: u16) -> u64 {
    if bucket < 8 {
        return u64::from(bucket);
    }
    let octave = u32::from(bucket / 8) + 2;
    let step = 1_u64 << (octave - 3);
    (1 << octave) + step * u64::from(bucket % 8) + step / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_an_eighth() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|millis| latencies.add(millis * 1_000_000));
        for (share, right) in [(0.5, 500e6), (0.99, 990e6), (0.0, 1e6), (1.0, 1000e6)] {
            let found = latencies.percentile(share) as f64;
            assert!((found / right - 1.0).abs() < 0.125, "{share}: {found}");
        }
    }

    #[test]
    fn no_latency_has_no_percentile() {
        assert_eq!(Latencies::default().percentile(0.5), 0);
    }

    #[test]
    fn merged_histograms_hold_what_both_held() {
        let (mut a, mut b, mut both) = (Latencies::default(), Latencies::default(), Latencies::default());
        for nanos in [0, 7, 8, 1_000, 1_000_000, u64::MAX] {
            a.add(nanos);
            b.add(nanos / 3);
            both.add(nanos);
            both.add(nanos / 3);
        }
        a.merge(&b);
        assert_eq!(a, both);
    }
}
