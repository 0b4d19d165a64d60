//! From the timeline of a run to the lines of its charts; the window and the files draw the same.

use cluster_core::{
    ids::NodeId,
    time::Timestamp,
    trace::{Lag, Service, Timeline},
};
use egui::Color32;

use super::{
    axis::{Unit, ValueAxis},
    dash::Dash,
};
use crate::{names::Names, theme::Theme};

/// Service is told in bins of at least this width: at a few operations a second, shorter ones are all or nothing.
const SERVICE_BIN_MIN_NANOS: u64 = 1_000_000_000;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its color.
    pub color: Color32,
    /// One value per bin; `NAN` where there is none.
    pub values: Vec<f64>,
    /// What it stands on, per bin, if it is an area stacked on others.
    pub base: Option<Vec<f64>>,
    /// How it is broken; a line that is broken is thinner, too.
    pub dash: Dash,
}

impl Series {
    /// Returns its own value in a bin (without what it stands on).
    pub fn value(&self, bin: usize) -> Option<f64> {
        let base = self.base.as_ref().and_then(|base| base.get(bin)).copied().unwrap_or(0.0);
        self.values.get(bin).map(|top| top - base)
    }
}

/// The lines of one chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows, in words.
    pub title: &'static str,
    /// The width of a bin in seconds.
    pub bin_secs: f64,
    /// Its lines.
    pub series: Vec<Series>,
    /// What its values are.
    pub unit: Unit,
    /// Whether the vertical axis is logarithmic.
    pub log: bool,
}

impl Chart {
    /// Returns the bin of a moment.
    pub fn bin(&self, secs: f64) -> usize {
        (secs / self.bin_secs).max(0.0) as usize
    }

    /// Returns the vertical axis that holds the values of the bins in a range of seconds.
    pub fn value_axis(&self, (from, to): (f64, f64)) -> ValueAxis {
        let (first, last) = (self.bin(from), self.bin(to));
        let seen = self.series.iter().flat_map(|series| series.values.iter().skip(first).take(last + 1 - first));
        let (mut min, mut max) = (f64::INFINITY, 0_f64);
        for value in seen.filter(|value| value.is_finite()) {
            max = max.max(*value);
            if *value > 0.0 {
                min = min.min(*value);
            }
        }
        if self.log { ValueAxis::decades(min, max) } else { ValueAxis::linear(max, self.unit) }
    }

    /// Returns whether no line has a value.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().all(|value| value.is_nan()))
    }
}

/// What replication lag is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Entries.
    #[default]
    Entries,
    /// Bytes.
    Bytes,
    /// The age of the oldest entry that is missing.
    Seconds,
}

impl Measure {
    /// Every measure, in the order of the switch.
    pub const ALL: [Self; 3] = [Self::Entries, Self::Bytes, Self::Seconds];

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Entries => "Entries",
            Self::Bytes => "Bytes",
            Self::Seconds => "Seconds",
        }
    }

    fn of(self, lag: &Lag) -> f64 {
        match self {
            Self::Entries => lag.entries as f64,
            Self::Bytes => lag.bytes as f64,
            Self::Seconds => lag.nanos as f64 / 1e9,
        }
    }
}

/// Returns how far each follower is behind the leader.
pub fn lag_chart(timeline: &Timeline, measure: Measure, names: &Names, theme: &Theme) -> Chart {
    let line = |(node, lag): (&NodeId, &Vec<Lag>)| Series {
        name: names.short(*node),
        color: theme.node(*node),
        values: lag.iter().map(|lag| measure.of(lag)).collect(),
        base: None,
        dash: Dash::of(*node),
    };
    let unit = match measure {
        Measure::Entries => Unit::Count,
        Measure::Bytes => Unit::Bytes,
        Measure::Seconds => Unit::Seconds,
    };
    let title = match measure {
        Measure::Entries => "Replication lag in entries",
        Measure::Bytes => "Replication lag in bytes",
        Measure::Seconds => "Replication lag in seconds",
    };
    let series = timeline.lag.iter().map(line).collect();
    Chart { title, bin_secs: bin_secs(timeline.bucket_nanos), series, unit, log: false }
}

/// Returns what clients got, per second: stacked areas, and what they asked for as a line.
pub fn throughput_chart(timeline: &Timeline, end: Timestamp, theme: &Theme) -> Chart {
    let (nanos, bins) = service_bins(timeline, end);
    let secs = bin_secs(nanos);
    let rates = |of: fn(&Service) -> u32| bins.iter().map(|bin| f64::from(of(bin)) / secs).collect::<Vec<_>>();
    let mut floor = vec![0.0; bins.len()];
    let mut stacked = |name: &str, color, values: Vec<f64>| {
        let top: Vec<f64> = values.iter().zip(&floor).map(|(value, floor)| value + floor).collect();
        let base = Some(std::mem::replace(&mut floor, top.clone()));
        Series { name: name.to_owned(), color, values: top, base, dash: Dash::Solid }
    };
    let mut series = vec![
        stacked("ok", theme.good, rates(|bin| bin.ok)),
        stacked("refused", theme.warn, rates(|bin| bin.failed)),
        stacked("no answer", theme.bad, rates(|bin| bin.unanswered)),
    ];
    let offered = rates(|bin| bin.invoked);
    let name = "asked".to_owned();
    series.push(Series { name, color: theme.text_weak, values: offered, base: None, dash: Dash::Dashed });
    if bins.is_empty() {
        series.clear();
    }
    Chart { title: "Operations per second", bin_secs: secs, series, unit: Unit::PerSecond, log: false }
}

/// Returns how long clients waited for operations that succeeded.
pub fn latency_chart(timeline: &Timeline, end: Timestamp, log: bool, theme: &Theme) -> Chart {
    let (nanos, bins) = service_bins(timeline, end);
    let line = |name: &str, color, of: fn(&Service) -> u64| {
        let value = |bin: &Service| if bin.ok == 0 { f64::NAN } else { of(bin) as f64 / 1e9 };
        let values = bins.iter().map(value).collect();
        Series { name: name.to_owned(), color, values, base: None, dash: Dash::Solid }
    };
    let series = vec![
        line("median", theme.accent, |bin| bin.p50_nanos),
        line("99th percentile", theme.warn, |bin| bin.p99_nanos),
    ];
    Chart { title: "Latency of operations", bin_secs: bin_secs(nanos), series, unit: Unit::Seconds, log }
}

fn bin_secs(nanos: u64) -> f64 {
    nanos.max(1_000_000) as f64 / 1e9
}

/// Joins buckets to bins that are wide enough. The bin that is still filling is left out: it would always dip.
fn service_bins(timeline: &Timeline, end: Timestamp) -> (u64, Vec<Service>) {
    let bucket = timeline.bucket_nanos.max(1);
    let per_bin = SERVICE_BIN_MIN_NANOS.div_ceil(bucket).max(1);
    let nanos = bucket * per_bin;
    let mut bins: Vec<Service> = timeline.service.chunks(per_bin as usize).map(join).collect();
    let complete = (end.0 / nanos) as usize;
    bins.truncate(complete.max(1));
    (nanos, bins)
}

fn join(buckets: &[Service]) -> Service {
    let mut all = Service::default();
    for bucket in buckets {
        all.invoked += bucket.invoked;
        all.ok += bucket.ok;
        all.failed += bucket.failed;
        all.unanswered += bucket.unanswered;
        all.frames += bucket.frames;
        all.dropped += bucket.dropped;
        all.p99_nanos = all.p99_nanos.max(bucket.p99_nanos);
    }
    // The median of the medians, each counted as often as it has operations.
    let mut medians: Vec<(u64, u32)> = buckets.iter().map(|bucket| (bucket.p50_nanos, bucket.ok)).collect();
    medians.sort_unstable();
    let mut seen = 0;
    for (nanos, ok) in medians {
        seen += ok;
        if seen * 2 >= all.ok && seen > 0 {
            all.p50_nanos = nanos;
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(ok: u32, p50_nanos: u64) -> Service {
        Service { invoked: ok + 1, ok, failed: 1, p50_nanos, p99_nanos: p50_nanos * 2, ..Service::default() }
    }

    fn timeline(service: Vec<Service>) -> Timeline {
        Timeline { bucket_nanos: 500_000_000, service, ..Timeline::default() }
    }

    #[test]
    fn narrow_buckets_are_joined_to_bins_of_a_second() {
        let timeline = timeline(vec![service(4, 10), service(2, 90), service(1, 50), service(1, 50)]);
        let chart = throughput_chart(&timeline, Timestamp(2_000_000_000), &Theme::dark());
        assert_eq!(chart.bin_secs, 1.0);
        assert_eq!(chart.series[0].values, [6.0, 2.0]);
        assert_eq!(chart.series[1].value(0), Some(2.0), "refused operations stand on those that succeeded");
        assert_eq!(chart.series[3].values, [8.0, 4.0]);
    }

    #[test]
    fn the_bin_that_is_still_filling_is_left_out() {
        let timeline = timeline(vec![service(4, 10), service(2, 90), service(1, 50)]);
        assert_eq!(throughput_chart(&timeline, Timestamp(1_200_000_000), &Theme::dark()).series[0].values, [6.0]);
    }

    #[test]
    fn latency_has_a_gap_where_nothing_succeeded() {
        let nothing = Service::default();
        let timeline = timeline(vec![service(4, 10_000_000), service(2, 90), nothing, nothing]);
        let chart = latency_chart(&timeline, Timestamp(2_000_000_000), false, &Theme::dark());
        assert_eq!(chart.series[0].values[0], 0.01, "the median is of all operations of the bin");
        assert!(chart.series[0].values[1].is_nan());
        assert!(!chart.is_empty());
    }

    #[test]
    fn each_measure_of_lag_is_its_own_chart() {
        let lag = vec![Lag { entries: 3, bytes: 300, nanos: 2_000_000_000 }];
        let timeline = Timeline { lag: [(NodeId(2), lag)].into(), ..timeline(Vec::new()) };
        let value = |measure| lag_chart(&timeline, measure, &Names::default(), &Theme::dark()).series[0].values[0];
        assert_eq!(Measure::ALL.map(value), [3.0, 300.0, 2.0]);
    }
}
