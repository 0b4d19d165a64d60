//! What ails a machine, as pictures: a snail on the arc of a slow node, a clock that is wrong, a disk that is sick.

use std::f32::consts::TAU;

use cluster_core::{
    fault::{Ailment, ClockSkew},
    time::Timestamp,
    trace::NodeState,
};
use egui::{Align2, Color32, Pos2, Shape, Stroke, epaint::PathShape, vec2};

use super::{
    glyphs::{Pen, mix, on_circle},
    layout::BLOCK_WIDTH,
};
use crate::widgets::machine::short_words;

/// How wide a badge leaves room for its picture, in letters.
const ICON_ROOM: &str = "       ";
const BADGE_TEXT: f32 = 11.0;
/// Where a slow node's snail sits on the ring if no timer runs: at half past four.
const SNAIL_REST: f32 = 0.375;

/// Paints the ring of a slow node: dots that its snail has left behind, and the snail at the end.
pub(super) fn paint_snail_ring(pen: &Pen<'_>, center: Pos2, radius: f32, state: &NodeState, left: Option<f32>) {
    if state.faults.slow.is_none() || !state.status.is_running() {
        return;
    }
    let (ring, end) = (radius + radius * 0.17, left.unwrap_or(SNAIL_REST));
    let color = pen.theme.warn;
    let dots = 9;
    for dot in 1..=dots {
        let turn = end - 0.035 - 0.018 * dot as f32;
        let fade = 1.0 - dot as f32 / (dots + 2) as f32;
        pen.painter.circle_filled(
            on_circle(center, pen.px(ring), turn),
            pen.px(radius / 26.0).max(0.8),
            color.gamma_multiply(fade),
        );
    }
    let at = on_circle(center, pen.px(ring), end);
    let size = (radius * 0.52).max(10.0 / pen.scale);
    pen.painter.circle_filled(at, pen.px(size * 0.62), pen.theme.background);
    paint_snail(pen, at, size, color);
}

/// Paints the small signs at the rim of a node: what there is room for at any scale.
pub(super) fn paint_rim(pen: &Pen<'_>, at: Timestamp, center: Pos2, radius: f32, state: &NodeState) {
    let size = (radius * 0.62).max(11.0 / pen.scale);
    for (part, turn) in [(Ailment::Clock, 0.145), (Ailment::Disk, 0.855)] {
        if !state.faults.is_healthy(part) {
            let place = on_circle(center, pen.px(radius * 1.06), turn);
            pen.painter.circle_filled(place, pen.px(size * 0.66), pen.theme.background);
            paint_icon(pen, part, place, size, state, at);
        }
    }
}

/// Writes a badge for each part that ails, from `at` on; returns where the next badge would begin.
pub(super) fn paint_badges(pen: &Pen<'_>, now: Timestamp, at: Pos2, align: Align2, state: &NodeState) {
    let step = |width: f32| if align.x() == egui::Align::Max { -width } else { width };
    let (mut place, mut used) = (at, 0.0);
    for part in Ailment::ALL.into_iter().filter(|part| !state.faults.is_healthy(*part)) {
        let words = format!("{ICON_ROOM}{}", short_words(part, state, now));
        let width = pen.width(BADGE_TEXT, &words) + pen.px(14.0);
        if used > 0.0 && used + width > pen.px(BLOCK_WIDTH) {
            (place, used) = (egui::pos2(at.x, place.y - pen.px(18.0)), 0.0);
        }
        let color = color_of(pen, part);
        let rect = pen.pill(place, align, BADGE_TEXT, color, &words);
        if rect.width() > 0.0 {
            let icon = egui::pos2(rect.left() + pen.px(12.0), rect.center().y);
            paint_icon(pen, part, icon, 10.5, state, now);
        }
        place.x += step(rect.width() + pen.px(4.0));
        used += rect.width() + pen.px(4.0);
    }
}

fn color_of(pen: &Pen<'_>, part: Ailment) -> Color32 {
    match part {
        Ailment::Cpu | Ailment::Clock => pen.theme.warn,
        Ailment::Disk => pen.theme.bad,
    }
}

fn paint_icon(pen: &Pen<'_>, part: Ailment, at: Pos2, size: f32, state: &NodeState, now: Timestamp) {
    let color = color_of(pen, part);
    match part {
        Ailment::Cpu => paint_snail(pen, at, size * 1.15, color),
        Ailment::Clock => paint_clock(pen, at, size, color, &state.faults.clock, now),
        Ailment::Disk => paint_disk(pen, at, size, color),
    }
}

/// A shell with its spiral, a foot below and two feelers in front.
fn paint_snail(pen: &Pen<'_>, at: Pos2, size: f32, color: Color32) {
    let place = |x: f32, y: f32| at + vec2(pen.px(x * size), pen.px(y * size));
    let stroke = pen.stroke(size / 11.0, color);
    let shell = place(-0.1, -0.08);
    pen.painter.circle_filled(shell, pen.px(size * 0.29), mix(pen.theme.surface, color, 0.35));
    let spiral = (0..=28).map(|step| {
        let along = step as f32 / 28.0;
        let (sin, cos) = (along * TAU * 1.75).sin_cos();
        let reach = pen.px(size * (0.31 - 0.25 * along));
        shell + vec2(cos * reach, sin * reach)
    });
    pen.painter.add(Shape::line(spiral.collect(), stroke));
    let foot = [(-0.52, 0.3), (0.22, 0.3), (0.4, 0.2), (0.42, -0.02)].map(|(x, y)| place(x, y));
    pen.painter.add(Shape::line(foot.to_vec(), stroke));
    for tip in [(0.34, -0.26), (0.54, -0.22)] {
        pen.painter.line_segment([place(0.42, -0.02), place(tip.0, tip.1)], pen.stroke(size / 16.0, color));
    }
}

/// A face with two hands: the true time faint, what the node takes for it strong. The angle between them has the sign
/// of the skew.
fn paint_clock(pen: &Pen<'_>, at: Pos2, size: f32, color: Color32, clock: &ClockSkew, now: Timestamp) {
    let radius = size * 0.46;
    pen.painter.circle_filled(at, pen.px(radius), mix(pen.theme.surface, color, 0.12));
    pen.painter.circle_stroke(at, pen.px(radius), pen.stroke(size / 11.0, color));
    let hand = |turn: f32, reach: f32, stroke: Stroke| {
        pen.painter.line_segment([at, on_circle(at, pen.px(radius * reach), turn)], stroke);
    };
    hand(0.0, 0.72, pen.stroke(size / 14.0, pen.theme.text_weak));
    let ahead = clock.offset_at(now).nanos as f32 / 1e9;
    // A second is a tenth of a turn; whatever is far off points as far as can be told from the other side.
    let turn = (ahead / 10.0).clamp(-0.42, 0.42);
    hand(turn, 0.72, pen.stroke(size / 9.0, color));
}

/// A stack of plates with a crack.
fn paint_disk(pen: &Pen<'_>, at: Pos2, size: f32, color: Color32) {
    let (x, y, flat) = (pen.px(size * 0.4), pen.px(size * 0.34), pen.px(size * 0.14));
    let ellipse = |dy: f32, from: f32, to: f32| {
        let points = (0..=16).map(|step| {
            let (sin, cos) = ((from + (to - from) * step as f32 / 16.0) * TAU).sin_cos();
            at + vec2(cos * x, dy + sin * flat)
        });
        points.collect::<Vec<_>>()
    };
    let stroke = pen.stroke(size / 12.0, color);
    let fill = mix(pen.theme.surface, color, 0.16);
    let mut body = ellipse(y, 0.0, 0.5);
    body.extend([at + vec2(-x, -y), at + vec2(x, -y)]);
    pen.painter.add(PathShape::convex_polygon(body, fill, stroke));
    pen.painter.add(PathShape::convex_polygon(ellipse(-y, 0.0, 1.0), fill, stroke));
    pen.painter.add(Shape::line(ellipse(0.0, 0.0, 0.5), pen.stroke(size / 18.0, color)));
    let crack = [(0.04, -0.2), (-0.1, 0.04), (0.08, 0.12), (-0.04, 0.44)];
    let crack = crack.map(|(x, y)| at + vec2(pen.px(x * size), pen.px(y * size)));
    pen.painter.add(Shape::line(crack.to_vec(), pen.stroke(size / 9.0, color)));
}
