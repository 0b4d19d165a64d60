//! How lines are broken: what tells nodes apart whose colors are alike.

use cluster_core::ids::NodeId;
use egui::{Pos2, Shape, Stroke};

use crate::theme::{NODE_COLORS, chart as sizes};

/// How a line is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dash {
    /// Not at all.
    #[default]
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// A dash and a dot in turn.
    DashDotted,
}

impl Dash {
    /// Every dash, in the order in which nodes take them.
    pub const ALL: [Self; 4] = [Self::Solid, Self::Dashed, Self::Dotted, Self::DashDotted];

    /// Returns the dash of a node's lines: another one each time that the colors come again.
    pub fn of(node: NodeId) -> Self {
        let round = usize::from(node.0.saturating_sub(1)) / NODE_COLORS;
        Self::ALL[round % Self::ALL.len()]
    }

    /// Returns the lengths of what is drawn and of what is left out, in turn; nothing if the line is whole.
    pub fn lengths(self) -> Option<(&'static [f32], &'static [f32])> {
        const DASH: f32 = sizes::DASH_PX;
        const DOT: f32 = sizes::DOT_PX;
        match self {
            Self::Solid => None,
            Self::Dashed => Some((&[DASH], &[DASH])),
            Self::Dotted => Some((&[DOT], &[2.0 * DOT])),
            Self::DashDotted => Some((&[2.0 * DASH, DOT], &[DASH / 2.0, DASH / 2.0])),
        }
    }

    /// Returns the pieces of a line broken so, for painters other than the window's.
    pub fn pieces(self, points: &[(f64, f64)]) -> Vec<[(f64, f64); 2]> {
        let points: Vec<Pos2> = points.iter().map(|(x, y)| egui::pos2(*x as f32, *y as f32)).collect();
        let wide = |at: &Pos2| (f64::from(at.x), f64::from(at.y));
        match self.lengths() {
            None => points.windows(2).map(|pair| [wide(&pair[0]), wide(&pair[1])]).collect(),
            Some((dashes, gaps)) => {
                let shapes = Shape::dashed_line_with_offset(&points, Stroke::NONE, dashes, gaps, 0.0);
                let piece = |shape: &Shape| match shape {
                    Shape::LineSegment { points: [a, b], .. } => Some([wide(a), wide(b)]),
                    _ => None, // A dashed line is made of nothing else.
                };
                shapes.iter().filter_map(piece).collect()
            }
        }
    }

    /// Returns a line broken so.
    pub fn line(self, points: Vec<Pos2>, stroke: Stroke) -> Shape {
        match self.lengths() {
            None => Shape::line(points, stroke),
            Some((dashes, gaps)) => Shape::Vec(Shape::dashed_line_with_offset(&points, stroke, dashes, gaps, 0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::theme::Theme;

    #[test]
    fn a_dashed_line_is_drawn_for_half_of_its_way() {
        let pieces = Dash::Dashed.pieces(&[(0.0, 0.0), (80.0, 0.0)]);
        assert_eq!(pieces.iter().map(|[a, b]| b.0 - a.0).sum::<f64>(), 40.0);
        assert_eq!(Dash::Solid.pieces(&[(0.0, 0.0), (80.0, 0.0)]), [[(0.0, 0.0), (80.0, 0.0)]]);
    }

    #[test]
    fn thirty_two_nodes_have_thirty_two_kinds_of_lines() {
        for theme in [Theme::dark(), Theme::light()] {
            let looks = (1..=32).map(NodeId).map(|node| (theme.node(node).to_array(), Dash::of(node)));
            assert_eq!(looks.collect::<BTreeSet<_>>().len(), 32);
        }
    }
}
