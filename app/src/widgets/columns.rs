//! From the bins of a line to at most one point per column of pixels.

use egui::Pos2;

use super::series::Series;

/// One point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// When.
    pub secs: f64,
    /// How much; `NAN` where there is no value.
    pub value: f64,
    /// On what it stands.
    pub base: f64,
}

/// Returns the points of a line in a range of time: of the bins that share a column of pixels, areas keep the mean and
/// lines the greatest, so that no peak gets lost.
pub fn layout_columns(series: &Series, bin_secs: f64, (from, to): (f64, f64), width_px: usize) -> Vec<Column> {
    let count = series.values.len();
    let first = ((from / bin_secs) as usize).saturating_sub(1).min(count);
    let last = ((to / bin_secs) as usize + 2).min(count);
    let per_column = (last - first).div_ceil(width_px.max(1)).max(1);
    // Columns begin at multiples of their width, or a moving window would make the line shiver.
    let first = first / per_column * per_column;
    let base = |bin: usize| series.base.as_ref().map_or(0.0, |base| base[bin]);
    let columns = (first..last).step_by(per_column).map(|start| {
        let bins = start..(start + per_column).min(last);
        let middle = (start as f64 + bins.len() as f64 / 2.0) * bin_secs;
        let present = bins.clone().filter(|bin| !series.values[*bin].is_nan());
        let number = present.clone().count() as f64;
        let value = if number == 0.0 {
            f64::NAN
        } else if series.base.is_some() {
            present.clone().map(|bin| series.values[bin]).sum::<f64>() / number
        } else {
            present.clone().map(|bin| series.values[bin]).fold(f64::NEG_INFINITY, f64::max)
        };
        Column { secs: middle, value, base: present.map(base).sum::<f64>() / number.max(1.0) }
    });
    columns.collect()
}

/// Returns the greatest and the least values of several lines, each as a line: what is drawn of lines that nobody asked
/// for, however many they are.
pub fn envelope(lines: &[&Series]) -> Option<(Series, Series)> {
    let first = *lines.first()?;
    let count = lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let (mut most, mut least) = (vec![f64::NAN; count], vec![f64::NAN; count]);
    for line in lines {
        for ((value, most), least) in line.values.iter().zip(&mut most).zip(&mut least) {
            // Of a number and none, both return the number.
            (*most, *least) = (most.max(*value), least.min(*value));
        }
    }
    Some((Series { values: most, ..first.clone() }, Series { values: least, ..first.clone() }))
}

/// Leaves points out that lie on a level line between their neighbors: most lines are level most of the time, and each
/// point costs when it is painted.
pub fn corners(points: &[Pos2]) -> Vec<Pos2> {
    let bends = |at: usize| {
        let (before, after) = (at.checked_sub(1).and_then(|before| points.get(before)), points.get(at + 1));
        before.zip(after).is_none_or(|(before, after)| before.y != points[at].y || points[at].y != after.y)
    };
    (0..points.len()).filter(|at| bends(*at)).map(|at| points[at]).collect()
}

#[cfg(test)]
mod tests {
    use egui::{Color32, pos2};

    use super::*;
    use crate::widgets::dash::Dash;

    fn line(values: Vec<f64>, base: Option<Vec<f64>>) -> Series {
        Series { name: "x".into(), color: Color32::WHITE, values, base, dash: Dash::Solid }
    }

    #[test]
    fn a_long_line_keeps_its_peak_in_few_points() {
        let mut values = vec![0.0; 10_000];
        values[4321] = 9.0;
        let columns = layout_columns(&line(values, None), 0.1, (0.0, 1000.0), 200);
        assert!(columns.len() <= 201);
        assert_eq!(columns.iter().map(|column| column.value).fold(0.0, f64::max), 9.0);
    }

    #[test]
    fn an_area_keeps_the_mean_so_that_rates_stay_true() {
        let columns = layout_columns(&line(vec![2.0, 4.0, 6.0, 8.0], Some(vec![0.0; 4])), 1.0, (0.0, 4.0), 2);
        assert_eq!(columns.iter().map(|column| column.value).collect::<Vec<_>>(), [3.0, 7.0]);
    }

    #[test]
    fn only_the_seen_part_of_a_line_is_laid_out() {
        let columns = layout_columns(&line(vec![1.0; 1000], None), 1.0, (500.0, 510.0), 100);
        assert!((10..=14).contains(&columns.len()));
    }

    #[test]
    fn many_lines_are_told_by_their_greatest_and_least_values() {
        let lines = [line(vec![1.0, f64::NAN, 5.0], None), line(vec![3.0, 2.0], None)];
        let (most, least) = envelope(&lines.each_ref()).unwrap();
        assert_eq!((most.values, least.values), (vec![3.0, 2.0, 5.0], vec![1.0, 2.0, 5.0]));
        assert!(envelope(&[]).is_none());
    }

    #[test]
    fn of_a_level_line_only_its_ends_are_kept() {
        let points: Vec<Pos2> =
            [1.0, 1.0, 1.0, 5.0, 1.0, 1.0].iter().zip(0..).map(|(y, x)| pos2(x as f32, *y)).collect();
        let kept: Vec<f32> = corners(&points).iter().map(|point| point.x).collect();
        assert_eq!(kept, [0.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(corners(&[]).is_empty());
    }

    #[test]
    fn an_empty_line_has_no_points() {
        assert!(layout_columns(&line(Vec::new(), None), 1.0, (0.0, 10.0), 100).is_empty());
    }
}
