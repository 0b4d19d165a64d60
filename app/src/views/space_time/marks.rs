//! Paints marks on lanes: each kind of news has a shape of its own.

use egui::{Color32, Painter, Pos2, Shape, Stroke, pos2, vec2};

use super::{
    focus::Focus,
    items::{Mark, MarkKind},
    paint::crown,
};
use crate::theme::{Theme, space_time as sizes};

/// Paints marks, most of them small, so that an election stands out.
pub(super) fn paint_marks(
    painter: &Painter,
    theme: &Theme,
    focus: &Focus,
    causality: &cluster_core::trace::causality::Causality,
    marks: &[(&Mark, Pos2)],
    lane_px: f32,
) {
    let scale = (lane_px / 40.0).clamp(0.5, 1.25);
    for (mark, at) in marks {
        let strength = focus.strength(causality, mark.seq, None);
        paint_mark(painter, theme, mark.kind, *at, scale, strength);
    }
}

fn paint_mark(painter: &Painter, theme: &Theme, kind: MarkKind, at: Pos2, scale: f32, strength: f32) {
    let r = sizes::MARK_PX * scale;
    let ink = |color: Color32| color.gamma_multiply(strength);
    let ground = theme.background;
    let outlined = |points: Vec<Pos2>, color: Color32| {
        painter.add(Shape::convex_polygon(points, ground, Stroke::new(1.8, ink(color))));
    };
    match kind {
        MarkKind::Campaign => {
            outlined(vec![at + vec2(-r, r * 0.8), at + vec2(0.0, -r), at + vec2(r, r * 0.8)], theme.warn);
        }
        MarkKind::Elected => {
            painter.circle(at, r * 1.9, ground, Stroke::new(2.0, ink(theme.text)));
            crown(painter, pos2(at.x, at.y + r * 0.8), r * 2.1, ink(theme.text));
        }
        MarkKind::SteppedDown => {
            outlined(vec![at + vec2(-r, -r * 0.8), at + vec2(r, -r * 0.8), at + vec2(0.0, r)], theme.text_weak);
        }
        MarkKind::Vote => {
            painter.circle(
                at,
                r * 0.75,
                ink(theme.family(cluster_core::event::Family::Vote)),
                Stroke::new(1.5, ground),
            );
        }
        MarkKind::Committed => {
            let stroke = Stroke::new(1.6, ink(theme.good));
            painter.line_segment([at + vec2(-r * 0.55, r * 1.1), at + vec2(-r * 0.1, r * 1.6)], stroke);
            painter.line_segment([at + vec2(-r * 0.1, r * 1.6), at + vec2(r * 0.7, r * 0.7)], stroke);
        }
        MarkKind::Erased => {
            painter.circle(at, r, ground, Stroke::new(1.8, ink(theme.bad)));
            painter.line_segment([at - vec2(r * 0.6, 0.0), at + vec2(r * 0.6, 0.0)], Stroke::new(1.8, ink(theme.bad)));
        }
        MarkKind::Snapshot => {
            let square = egui::Rect::from_center_size(at, vec2(1.7 * r, 1.7 * r));
            painter.rect(square, 2.0, ground, Stroke::new(1.8, ink(theme.accent)), egui::StrokeKind::Middle);
        }
        MarkKind::Up => {
            painter.circle(at, r * 0.9, ink(theme.good), Stroke::new(1.5, ground));
        }
        MarkKind::Down => {
            let stroke = Stroke::new(2.6, ink(theme.bad));
            painter.line_segment([at - vec2(r, r), at + vec2(r, r)], stroke);
            painter.line_segment([at + vec2(-r, r), at + vec2(r, -r)], stroke);
        }
        MarkKind::Timer => {
            painter.circle(at, r * 0.7, ground, Stroke::new(1.2, ink(theme.text_weak)));
            painter.line_segment([at, at - vec2(0.0, r * 0.5)], Stroke::new(1.2, ink(theme.text_weak)));
        }
        MarkKind::News => {
            let points = vec![at - vec2(r, 0.0), at - vec2(0.0, r), at + vec2(r, 0.0), at + vec2(0.0, r)];
            outlined(points, theme.accent);
        }
    }
}
