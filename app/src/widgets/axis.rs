//! Axes of charts: what part of the run is seen, where the ticks are, and how values are written.

/// The shortest run that fills a chart: shorter ones leave room on the right.
const WHOLE_MIN_SECS: f64 = 10.0;
/// The narrowest part of a run that can be looked at.
const WIDTH_MIN_SECS: f64 = 0.2;

/// The part of the run that all charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum TimeWindow {
    /// All of it.
    #[default]
    Whole,
    /// Its last seconds, moving along.
    Latest {
        /// How many.
        width_secs: f64,
    },
    /// A part that stands still.
    Fixed {
        /// From.
        from: f64,
        /// To.
        to: f64,
    },
}

impl TimeWindow {
    /// Returns the seconds shown of a run that is `end` long so far.
    pub fn range(self, end: f64) -> (f64, f64) {
        let whole = end.max(WHOLE_MIN_SECS);
        match self {
            Self::Whole => (0.0, whole),
            Self::Latest { width_secs } => ((end - width_secs).max(0.0), (end - width_secs).max(0.0) + width_secs),
            Self::Fixed { from, to } => (from, to),
        }
    }

    /// Returns the window seen after shrinking it by `factor` around the moment `at`.
    pub fn zoomed(self, end: f64, factor: f64, at: f64) -> Self {
        let (from, to) = self.range(end);
        Self::between(end, at - (at - from) * factor, at + (to - at) * factor)
    }

    /// Returns the window moved by `secs`.
    pub fn panned(self, end: f64, secs: f64) -> Self {
        let (from, to) = self.range(end);
        let width = to - from;
        let from = (from + secs).clamp(0.0, (end.max(WHOLE_MIN_SECS) - width).max(0.0));
        Self::between(end, from, from + width)
    }

    fn between(end: f64, from: f64, to: f64) -> Self {
        let whole = end.max(WHOLE_MIN_SECS);
        let width = (to - from).max(WIDTH_MIN_SECS);
        let from = from.max(0.0);
        let to = from + width;
        if from <= 0.0 && to >= whole {
            Self::Whole
        } else if to >= end {
            Self::Latest { width_secs: width.min(whole) }
        } else {
            Self::Fixed { from, to }
        }
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds, written in the unit that fits.
    Seconds,
    /// Things a second.
    PerSecond,
}

impl Unit {
    /// Returns a value as it is written.
    pub fn text(self, value: f64) -> String {
        if value.is_nan() {
            return "none".to_owned();
        }
        match self {
            Self::Count => digits(value),
            Self::PerSecond => format!("{}/s", digits(value)),
            Self::Bytes if value >= 1e9 => format!("{} GB", digits(value / 1e9)),
            Self::Bytes if value >= 1e6 => format!("{} MB", digits(value / 1e6)),
            Self::Bytes if value >= 1e3 => format!("{} kB", digits(value / 1e3)),
            Self::Bytes => format!("{} B", digits(value)),
            Self::Seconds if value == 0.0 => "0 ms".to_owned(),
            Self::Seconds if value >= 0.9995 => format!("{} s", digits(value)),
            Self::Seconds if value >= 0.9995e-3 => format!("{} ms", digits(value * 1e3)),
            Self::Seconds => format!("{} µs", digits(value * 1e6)),
        }
    }

    /// Returns the least top of an axis, so that nearly nothing is not drawn as a mountain.
    pub fn least_top(self) -> f64 {
        match self {
            Self::Count => 4.0,
            Self::PerSecond => 1.0,
            Self::Bytes => 100.0,
            Self::Seconds => 0.01,
        }
    }
}

/// Three significant digits at least, thousands apart, no trailing zeros.
fn digits(value: f64) -> String {
    let places = if value >= 100.0 || value == value.round() {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.places$}");
    if places > 0 {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let mut grouped = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The vertical axis: values to fractions of the height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueAxis {
    /// The value at the bottom.
    pub bottom: f64,
    /// The value at the top.
    pub top: f64,
    /// Whether each step is ten times the one below.
    pub log: bool,
    step: f64,
}

impl ValueAxis {
    /// Makes an axis from zero to a round number that holds `max`.
    pub fn linear(max: f64, unit: Unit) -> Self {
        let max = if max.is_finite() { max.max(unit.least_top()) } else { unit.least_top() };
        let step = nice_step(max / 4.0, &[1.0, 2.0, 2.5, 5.0]);
        let step = if unit == Unit::Count { step.max(1.0).ceil() } else { step };
        // A little headroom: a line along the very top would look cut off.
        let top = (max * 1.04 / step).ceil() * step;
        Self { bottom: 0.0, top, log: false, step }
    }

    /// Makes an axis of whole decades that holds `min` (above zero) to `max`.
    pub fn decades(min: f64, max: f64) -> Self {
        let min = if min.is_finite() && min > 0.0 { min } else { 1e-3 };
        let low = min.log10().floor();
        let high = max.max(min * 1.001).log10().ceil().max(low + 1.0);
        Self { bottom: 10_f64.powf(low), top: 10_f64.powf(high), log: true, step: 10.0 }
    }

    /// Returns where a value is: 0 at the bottom, 1 at the top.
    pub fn fraction(&self, value: f64) -> f32 {
        let of = |value: f64| if self.log { value.max(self.bottom).log10() } else { value };
        ((of(value) - of(self.bottom)) / (of(self.top) - of(self.bottom))) as f32
    }

    /// Returns the values that have a grid line.
    pub fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        let mut at = self.bottom;
        while at <= self.top * 1.0001 && ticks.len() < 20 {
            ticks.push(at);
            at = if self.log { at * self.step } else { at + self.step };
        }
        ticks
    }
}

/// Returns the moments that have a grid line, at most about `count`, with their labels.
pub fn time_ticks((from, to): (f64, f64), count: usize) -> Vec<(f64, String)> {
    const STEPS: [f64; 12] = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 18_000.0, 36_000.0];
    let rough = (to - from) / count.max(1) as f64;
    let step = if rough <= 10.0 {
        nice_step(rough, &[1.0, 2.0, 5.0])
    } else {
        STEPS.into_iter().find(|step| *step >= rough).unwrap_or_else(|| nice_step(rough, &[1.0, 2.0, 5.0]))
    };
    let first = (from / step).ceil() as u64;
    let moments = (first..).map(|n| n as f64 * step).take_while(|at| *at <= to).take(64);
    moments.map(|at| (at, time_label(at, step))).collect()
}

fn time_label(at: f64, step: f64) -> String {
    if step < 1.0 {
        let places = (-step.log10()).ceil().clamp(1.0, 3.0) as usize;
        return format!("{at:.places$} s");
    }
    let secs = at.round() as u64;
    match (secs / 3600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, minutes, secs) => format!("{minutes}:{secs:02}"),
        (hours, minutes, secs) => format!("{hours}:{minutes:02}:{secs:02}"),
    }
}

fn nice_step(rough: f64, mantissas: &[f64]) -> f64 {
    let magnitude = 10_f64.powf(rough.max(1e-9).log10().floor());
    let fits = |mantissa: &&f64| **mantissa * magnitude >= rough * 0.999;
    mantissas.iter().find(fits).map_or(10.0 * magnitude, |mantissa| mantissa * magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_the_unit_that_fits() {
        let cases = [
            (Unit::Count, 12_431.0, "12,431"),
            (Unit::PerSecond, 7.5, "7.5/s"),
            (Unit::Bytes, 212.0, "212 B"),
            (Unit::Bytes, 1_500_000.0, "1.5 MB"),
            (Unit::Seconds, 0.0, "0 ms"),
            (Unit::Seconds, 0.0421, "42.1 ms"),
            (Unit::Seconds, 2.0, "2 s"),
            (Unit::Seconds, 0.000_25, "250 µs"),
            (Unit::Seconds, f64::NAN, "none"),
        ];
        for (unit, value, text) in cases {
            assert_eq!(unit.text(value), text);
        }
    }

    #[test]
    fn a_linear_axis_holds_its_greatest_value_with_few_round_ticks() {
        for max in [0.0, 1.0, 3.0, 17.0, 99.0, 100.0, 54_321.0] {
            let axis = ValueAxis::linear(max, Unit::Count);
            assert!(axis.top >= max && axis.fraction(max) <= 1.0);
            assert!((3..=7).contains(&axis.ticks().len()), "{max}: {:?}", axis.ticks());
        }
    }

    #[test]
    fn a_logarithmic_axis_gives_each_decade_the_same_height() {
        let axis = ValueAxis::decades(0.02, 3.0);
        assert_eq!(axis.ticks().len(), 4);
        assert!((axis.fraction(0.1) - 1.0 / 3.0).abs() < 1e-5);
    }

    #[test]
    fn time_ticks_are_round_at_every_length() {
        let labels = |to: f64| time_ticks((0.0, to), 6).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(10.0), ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]);
        assert_eq!(labels(1.0)[1], "0.2 s");
        assert_eq!(labels(300.0), ["0 s", "1:00", "2:00", "3:00", "4:00", "5:00"]);
    }

    #[test]
    fn zooming_out_ends_at_the_whole_run_and_zooming_at_the_end_follows_it() {
        let end = 100.0;
        let near = TimeWindow::Whole.zoomed(end, 0.1, 100.0);
        assert_eq!(near.range(end), (90.0, 100.0));
        assert_eq!(near.range(200.0), (190.0, 200.0));
        let early = TimeWindow::Whole.zoomed(end, 0.1, 20.0);
        assert_eq!(early.range(200.0), early.range(end));
        assert_eq!(early.zoomed(end, 1000.0, 20.0), TimeWindow::Whole);
    }
}
