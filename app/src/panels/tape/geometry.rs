//! Where things are on the tape. Pure: no painting, no input.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::{
    ids::{NodeId, Seq},
    time::Timestamp,
    trace::{Broken, Lag, MarkKind, Span, Timeline},
};
use egui::{Rect, pos2};

use crate::theme::SPACE;

/// Time along the width of the tape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) left: f32,
    pub(crate) right: f32,
    /// The first moment shown, in seconds.
    pub(crate) from: f64,
    /// The last one.
    pub(crate) to: f64,
}

impl Axis {
    pub(crate) fn x(&self, at: Timestamp) -> f32 {
        self.x_of(at.as_secs_f64())
    }

    pub(crate) fn x_of(&self, secs: f64) -> f32 {
        let share = (secs - self.from) / (self.to - self.from);
        self.left + (share * f64::from(self.right - self.left)) as f32
    }

    pub(crate) fn secs(&self, x: f32) -> f64 {
        let share = f64::from((x - self.left) / (self.right - self.left));
        (self.from + share * (self.to - self.from)).clamp(self.from, self.to)
    }

    /// Returns the round step between two labels of the axis, in seconds.
    pub(crate) fn tick_secs(&self) -> f64 {
        let per_label = 90.0 * (self.to - self.from) / f64::from((self.right - self.left).max(1.0));
        let magnitude = 10f64.powf(per_label.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0];
        steps.into_iter().map(|step| step * magnitude).find(|step| *step >= per_label).unwrap_or(10.0 * magnitude)
    }
}

/// The rows of the tape, from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lanes {
    /// Where time begins: left of it are the names of the rows.
    pub(crate) left: f32,
    /// Who leads.
    pub(crate) bands: Rect,
    /// Where goals of a lab were decided; empty without a lab.
    pub(crate) goals: Rect,
    /// Moments.
    pub(crate) marks: Rect,
    /// What is broken.
    pub(crate) faults: Rect,
    /// How far followers are behind.
    pub(crate) lag: Rect,
    /// The labels of the axis.
    pub(crate) ticks: Rect,
}

/// The room of the names of the rows, left of where time begins.
pub(crate) const NAMES_WIDTH: f32 = 56.0;

/// Lays the rows out; the lane of faults is as high as the faults need, the rest is for the lag. There is a lane for who leads
/// only where somebody can, and one for goals only in a lab.
pub(crate) fn layout_lanes(place: Rect, bars: &[FaultBar], led: bool, lab: bool) -> Lanes {
    let left = place.left() + NAMES_WIDTH;
    let row = |top: f32, height: f32| Rect::from_min_max(pos2(left, top), pos2(place.right(), top + height));
    let gap = 0.5 * SPACE;
    let below = |above: Rect| if above.height() > 0.0 { above.bottom() + gap } else { above.top() };
    let bands = row(place.top(), if led { 2.25 * SPACE } else { 0.0 });
    let goals = row(below(bands), if lab { 1.75 * SPACE } else { 0.0 });
    let marks = row(below(goals), 1.5 * SPACE);
    let ticks = row(place.bottom() - 1.75 * SPACE, 1.75 * SPACE);
    let rows = bars.iter().map(|bar| bar.row + 1).max().unwrap_or(1);
    let faults = row(marks.bottom() + gap, rows as f32 * FAULT_ROW);
    let lag = Rect::from_min_max(pos2(left, faults.bottom() + gap), pos2(place.right(), ticks.top() - gap));
    Lanes { left, bands, goals, marks, faults, lag, ticks }
}

/// Moves labels apart that stand at these heights (the greater is lower), the highest first. Those that find no room
/// above `bottom` are left out.
pub(crate) fn layout_labels(wanted: &[f32], (top, bottom): (f32, f32), height: f32) -> Vec<Option<f32>> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = vec![None; wanted.len()];
    let mut free = top + height;
    for label in order {
        let at = wanted[label].max(free);
        if at <= bottom {
            places[label] = Some(at);
            free = at + height;
        }
    }
    places
}

/// How many faults can stand above each other; more share the last row.
pub(crate) const FAULT_ROWS: usize = 3;
/// The height of one.
pub(crate) const FAULT_ROW: f32 = 14.0;

/// A bar in the lane of faults: what broke together and was healed together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FaultBar {
    pub(crate) from: Timestamp,
    pub(crate) until: Option<Timestamp>,
    pub(crate) row: usize,
    pub(crate) first: Broken,
    /// The event by which the first began.
    pub(crate) seq: Seq,
    /// The event by which the last one began.
    pub(crate) last: Seq,
    pub(crate) count: usize,
}

/// Packs the faults that are seen into rows. What broke at one moment and was healed at one moment is one bar.
pub(crate) fn layout_faults(spans: &[Span], axis: &Axis) -> Vec<FaultBar> {
    let mut bars: Vec<FaultBar> = Vec::new();
    let mut row_ends = [Timestamp::ZERO; FAULT_ROWS];
    // A bar thinner than a pixel is not worth one of its own, so their number is bounded by the width.
    let pixel = (axis.to - axis.from) / f64::from((axis.right - axis.left).max(1.0));
    for span in spans {
        let ends = span.until.map_or(f64::INFINITY, Timestamp::as_secs_f64);
        if ends < axis.from || span.from.as_secs_f64() > axis.to {
            continue;
        }
        if let Some(last) = bars.last_mut() {
            let together = alike(last.first, span.what)
                && span.from.since(last.from).as_secs_f64() < pixel.max(0.002)
                && last.until.is_some() == span.until.is_some()
                && span
                    .until
                    .zip(last.until)
                    .is_none_or(|(a, b)| a.since(b).max(b.since(a)).as_secs_f64() < pixel.max(0.002));
            if together {
                (last.last, last.count) = (span.seq, last.count + 1);
                continue;
            }
        }
        let row = row_ends.iter().position(|end| *end <= span.from).unwrap_or(FAULT_ROWS - 1);
        row_ends[row] = row_ends[row].max(span.until.unwrap_or(Timestamp(u64::MAX)));
        let Span { what, from, until, seq } = *span;
        bars.push(FaultBar { from, until, row, first: what, seq, last: seq, count: 1 });
    }
    bars
}

/// One name must fit all that a bar stands for: parts of machines ail each in its own way.
fn alike(a: Broken, b: Broken) -> bool {
    match (a, b) {
        (Broken::Machine(_, a), Broken::Machine(_, b)) => a == b,
        (Broken::Machine(..), Broken::Node(_) | Broken::Link(_)) => false,
        (Broken::Node(_) | Broken::Link(_), Broken::Machine(..)) => false,
        (Broken::Node(_) | Broken::Link(_), Broken::Node(_) | Broken::Link(_)) => true,
    }
}

/// Says what is broken, in short.
pub(crate) fn broken_words(what: Broken) -> String {
    match what {
        Broken::Node(node) | Broken::Machine(node, _) => node.to_string(),
        Broken::Link((from, to)) => format!("{from} → {to}"),
    }
}

/// Picks at most one mark of each kind for each pixel, whatever their number.
pub(crate) fn layout_marks(timeline: &Timeline, axis: &Axis) -> Vec<(f32, MarkKind)> {
    let mut picked = Vec::new();
    let mut at = timeline.marks.partition_point(|mark| mark.at.as_secs_f64() < axis.from);
    while let Some(mark) = timeline.marks.get(at) {
        let x = axis.x(mark.at);
        if x > axis.right {
            break;
        }
        let pixel_end = Timestamp::from_secs_f64(axis.secs(x + 1.5));
        let rest = &timeline.marks[at..];
        let same = rest.partition_point(|mark| mark.at < pixel_end).max(1);
        // Looking at a few of a crowd is enough to know its kinds; all of them would be a million.
        let mut kinds: Vec<_> = rest[..same].iter().step_by(same.div_ceil(64)).map(|mark| mark.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let (kinds_len, elected) = (kinds.len(), kinds.contains(&MarkKind::Leader));
        // What came of it says more than that it was asked for.
        let more = |kind: &MarkKind| match kind {
            MarkKind::Command => kinds_len == 1,
            MarkKind::Election => !elected,
            MarkKind::Leader | MarkKind::Down | MarkKind::Up | MarkKind::Erased | MarkKind::Broken => true,
        };
        picked.extend(kinds.into_iter().filter(more).map(|kind| (x, kind)));
        at += same;
    }
    picked
}

/// Returns which followers have lines of their own: those that are furthest behind at the end, the first where several are.
pub(crate) fn layout_followers(lag: &BTreeMap<NodeId, Vec<Lag>>, count: usize) -> BTreeSet<NodeId> {
    let mut nodes: Vec<(u64, NodeId)> =
        lag.iter().map(|(node, lags)| (lags.last().map_or(0, |lag| lag.entries), *node)).collect();
    nodes.sort_by_key(|(behind, node)| (std::cmp::Reverse(*behind), *node));
    nodes.into_iter().take(count).map(|(_, node)| node).collect()
}

/// Returns the greatest value of a series for each pixel: (x, value).
pub(crate) fn layout_series(
    values: impl ExactSizeIterator<Item = u64>,
    bucket_nanos: u64,
    axis: &Axis,
) -> Vec<(f32, u64)> {
    let mut points: Vec<(f32, u64)> = Vec::new();
    for (at, value) in values.enumerate() {
        let x = axis.x(Timestamp(at as u64 * bucket_nanos));
        if x > axis.right + 1.0 {
            break;
        }
        match points.last_mut() {
            Some(last) if x - last.0 < 1.0 => last.1 = last.1.max(value),
            Some(_) | None => points.push((x, value)),
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use cluster_core::{fault::Ailment, ids::NodeId, trace::Mark};

    use super::*;

    const AXIS: Axis = Axis { left: 0.0, right: 1000.0, from: 0.0, to: 100.0 };

    fn secs(secs: f64) -> Timestamp {
        Timestamp::from_secs_f64(secs)
    }

    fn span(node: u16, from: f64, until: Option<f64>) -> Span {
        Span { what: Broken::Node(NodeId(node)), from: secs(from), until: until.map(secs), seq: Seq(0) }
    }

    #[test]
    fn a_place_on_the_axis_and_its_moment_belong_together() {
        assert_eq!(AXIS.x(secs(25.0)), 250.0);
        assert_eq!(AXIS.secs(250.0), 25.0);
        assert_eq!(AXIS.secs(-50.0), 0.0);
        assert_eq!(AXIS.tick_secs(), 10.0);
    }

    #[test]
    fn faults_that_overlap_stand_above_each_other_and_later_ones_move_up_again() {
        let bars = layout_faults(&[span(1, 10.0, Some(30.0)), span(2, 20.0, Some(40.0)), span(3, 50.0, None)], &AXIS);
        assert_eq!(bars.iter().map(|bar| bar.row).collect::<Vec<_>>(), [0, 1, 0]);
    }

    #[test]
    fn labels_of_lag_stand_apart_and_those_without_room_are_left_out() {
        assert_eq!(layout_labels(&[30.0, 32.0], (0.0, 50.0), 10.0), [Some(30.0), Some(40.0)]);
        assert_eq!(layout_labels(&[32.0, 5.0], (0.0, 50.0), 10.0), [Some(32.0), Some(10.0)]);
        assert_eq!(layout_labels(&[48.0, 49.0], (0.0, 50.0), 10.0), [Some(48.0), None]);
    }

    #[test]
    fn what_broke_and_was_healed_together_is_one_bar() {
        let bars = layout_faults(&[span(1, 10.0, Some(30.0)), span(2, 10.0, Some(30.0)), span(3, 10.0, None)], &AXIS);
        assert_eq!(bars.iter().map(|bar| bar.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn parts_of_machines_that_ail_differently_are_different_bars() {
        let machine = |node: u16, part| Span { what: Broken::Machine(NodeId(node), part), ..span(node, 10.0, None) };
        let spans = [machine(1, Ailment::Cpu), machine(2, Ailment::Cpu), machine(3, Ailment::Clock)];
        assert_eq!(layout_faults(&spans, &AXIS).iter().map(|bar| bar.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_million_marks_become_no_more_than_the_pixels_can_show() {
        let mark = |at: u64| Mark { at: Timestamp(at * 100_000), seq: Seq(at), kind: MarkKind::Command, node: None };
        let timeline = Timeline { marks: (0..1_000_000).map(mark).collect(), ..Timeline::default() };
        let picked = layout_marks(&timeline, &AXIS);
        assert!((400..=1000).contains(&picked.len()), "{}", picked.len());
    }

    #[test]
    fn a_peak_between_two_pixels_is_still_seen() {
        let values: Vec<u64> = (0..100_000).map(|at| if at == 54_321 { 9 } else { 1 }).collect();
        let points = layout_series(values.into_iter(), 1_000_000, &AXIS);
        assert!(points.len() <= 1001);
        assert_eq!(points.iter().filter(|(_, value)| *value == 9).count(), 1);
    }
}
