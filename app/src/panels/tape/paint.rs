//! Paints the tape.

use std::collections::BTreeSet;

use cluster_core::{ids::NodeId, registry, trace::MarkKind};
use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use super::geometry::{self, Axis, FAULT_ROW, FaultBar, Lanes};
use crate::{
    ctx::ViewCtx,
    format,
    theme::{self, NODE_COLORS, SMALL_SIZE, SPACE},
    widgets::{columns::corners, dash::Dash},
};

/// Paints the tape; `end` is the last moment of the run, in seconds.
pub(crate) fn paint_tape(
    painter: &Painter,
    ctx: &ViewCtx<'_>,
    lanes: &Lanes,
    axis: &Axis,
    bars: &[(FaultBar, String)],
    end: f64,
) {
    paint_names(painter, ctx, lanes);
    paint_ticks(painter, ctx, lanes, axis);
    let inside = Rect::from_min_max(lanes.bands.min, lanes.ticks.max);
    let clipped = painter.with_clip_rect(inside.intersect(painter.clip_rect()));
    paint_bands(&clipped, ctx, lanes, axis, end);
    paint_faults(&clipped, ctx, lanes, axis, bars, end);
    paint_lag(&clipped, ctx, lanes, axis);
    paint_marks(&clipped, ctx, lanes, axis);
    paint_cursor(&clipped, ctx, lanes, axis);
}

/// How strong the ground under labels of lines is.
const LABEL_GROUND: f32 = 0.85;
/// So far from the cursor, labels of the axis do not run into its own.
const CURSOR_CLEAR_PX: f32 = 52.0;

fn small() -> FontId {
    FontId::proportional(SMALL_SIZE)
}

fn digits() -> FontId {
    FontId::monospace(SMALL_SIZE - 1.0)
}

fn paint_names(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes) {
    let follow = registry::protocol(&ctx.store.spec().protocol).is_none_or(|row| row.replicates);
    let lag = if ctx.store.timeline().lag.is_empty() || !follow { "" } else { "lag" };
    let leader = ctx.leader_word();
    let goals = if lanes.goals.height() > 0.0 { "goals" } else { "" };
    let names = [
        (lanes.bands, leader),
        (lanes.goals, goals),
        (lanes.marks, "events"),
        (lanes.faults, "faults"),
        (lanes.lag, lag),
    ];
    for (lane, name) in names {
        let at = pos2(lane.left() - 1.25 * SPACE, lane.center().y);
        painter.text(at, Align2::RIGHT_CENTER, name, small(), ctx.theme.text_weak);
    }
}

fn paint_ticks(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, axis: &Axis) {
    let step = axis.tick_secs();
    let decimals = usize::from(step < 1.0) + usize::from(step < 0.1);
    let first = (axis.from / step).ceil() as u64;
    for tick in (first..).take_while(|tick| *tick as f64 * step <= axis.to).take(64) {
        let secs = tick as f64 * step;
        let x = axis.x_of(secs);
        let line = Stroke::new(1.0, theme::mix(ctx.theme.surface, ctx.theme.line, 0.6));
        painter.vline(x, lanes.bands.bottom()..=lanes.ticks.top(), line);
        let text = format!("{secs:.decimals$} s");
        let align = if tick == 0 { Align2::LEFT_CENTER } else { Align2::CENTER_CENTER };
        // The cursor says its own time where it stands.
        let hidden = (x - axis.x(ctx.at)).abs() < CURSOR_CLEAR_PX;
        if x + 20.0 < lanes.ticks.right() && !hidden {
            painter.text(pos2(x, lanes.ticks.center().y), align, text, digits(), ctx.theme.text_weak);
        }
    }
}

fn paint_bands(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, axis: &Axis, end: f64) {
    if lanes.bands.height() <= 0.0 {
        return;
    }
    painter.rect_filled(lanes.bands, 3.0, ctx.theme.background);
    let bands = &ctx.store.timeline().bands;
    for (at, band) in bands.iter().enumerate() {
        let until = bands.get(at + 1).map_or(end, |next| next.from.as_secs_f64());
        let (left, right) = (axis.x(band.from).max(lanes.left), axis.x_of(until).min(axis.right));
        if right < lanes.left || left > axis.right || right - left < 0.5 {
            continue;
        }
        let place = Rect::from_x_y_ranges(left..=right, lanes.bands.y_range());
        let Some(leader) = band.leader else { continue };
        let tint = ctx.theme.epoch(band.epoch.0);
        painter.rect_filled(place, 3.0, theme::mix(ctx.theme.surface, tint, 0.32));
        painter.rect_filled(Rect::from_min_size(place.min, vec2(2.0, place.height())), 1.0, tint);
        let label = |text: String| painter.layout_no_wrap(text, small(), ctx.theme.text);
        let full = label(format!("{} · {} {}", ctx.names.short(leader), super::epoch_word(ctx), band.epoch));
        let galley = if full.size().x + 1.5 * SPACE < place.width() { full } else { label(ctx.names.short(leader)) };
        if galley.size().x + SPACE < place.width() {
            let at = pos2(place.left() + SPACE, place.center().y - galley.size().y / 2.0);
            painter.galley(at, galley, ctx.theme.text);
        }
    }
}

fn paint_faults(
    painter: &Painter,
    ctx: &ViewCtx<'_>,
    lanes: &Lanes,
    axis: &Axis,
    bars: &[(FaultBar, String)],
    end: f64,
) {
    for (bar, words) in bars {
        let top = lanes.faults.top() + bar.row as f32 * FAULT_ROW;
        let until = bar.until.map_or(end, |until| until.as_secs_f64());
        let (left, right) = (axis.x(bar.from), axis.x_of(until).max(axis.x(bar.from) + 2.0));
        let place = Rect::from_x_y_ranges(left..=right, top..=top + FAULT_ROW - 2.0);
        let shade = Rect::from_x_y_ranges(left..=right, place.bottom()..=lanes.lag.bottom());
        painter.rect_filled(shade, 0.0, ctx.theme.fault_shade);
        painter.rect_filled(place, 2.0, theme::mix(ctx.theme.surface, ctx.theme.bad, 0.55));
        let galley = painter.layout_no_wrap(
            ctx.names.told(words).into_owned(),
            FontId::proportional(SMALL_SIZE - 1.0),
            ctx.theme.text,
        );
        if galley.size().x + SPACE < place.width() {
            let at = pos2(place.left().max(lanes.left) + 0.5 * SPACE, place.center().y - galley.size().y / 2.0);
            painter.galley(at, galley, ctx.theme.text);
        }
    }
}

fn paint_lag(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, axis: &Axis) {
    let timeline = ctx.store.timeline();
    let top = timeline.lag.values().flatten().map(|lag| lag.entries).max().unwrap_or(0).max(4);
    let mut labels = Vec::new();
    let own = geometry::layout_followers(&timeline.lag, NODE_COLORS);
    paint_other_lags(painter, ctx, lanes, axis, &own, top);
    for (node, lags) in timeline.lag.iter().filter(|(node, _)| own.contains(node)) {
        let values = lags.iter().map(|lag| lag.entries);
        let points = geometry::layout_series(values, timeline.bucket_nanos.max(1), axis);
        let y = |value: u64| lanes.lag.bottom() - 1.0 - (value as f32 / top as f32) * (lanes.lag.height() - 4.0);
        let line: Vec<Pos2> = points.iter().map(|(x, value)| pos2(*x, y(*value))).collect();
        painter.add(Dash::of(*node).line(corners(&line), Stroke::new(1.25, ctx.theme.node(*node))));
        let behind = lags.last().is_some_and(|lag| lag.entries > top / 8);
        if let (true, Some((x, value))) = (behind, points.last()) {
            labels.push((*node, pos2(*x, y(*value)), *value));
        }
    }
    paint_lag_labels(painter, ctx, lanes, &labels);
}

/// Followers without lines of their own are one band, as high as the one furthest behind.
fn paint_other_lags(
    painter: &Painter,
    ctx: &ViewCtx<'_>,
    lanes: &Lanes,
    axis: &Axis,
    own: &BTreeSet<NodeId>,
    top: u64,
) {
    let timeline = ctx.store.timeline();
    let mut most = Vec::new();
    for (_, lags) in timeline.lag.iter().filter(|(node, _)| !own.contains(node)) {
        most.resize(most.len().max(lags.len()), 0);
        most.iter_mut().zip(lags).for_each(|(most, lag)| *most = lag.entries.max(*most));
    }
    let color = theme::mix(ctx.theme.surface, ctx.theme.text_weak, 0.35);
    let height = lanes.lag.height() - 4.0;
    let mut mesh = Mesh::default();
    for (at, (x, value)) in
        geometry::layout_series(most.into_iter(), timeline.bucket_nanos.max(1), axis).into_iter().enumerate()
    {
        let floor = lanes.lag.bottom() - 1.0;
        mesh.colored_vertex(pos2(x, floor - value as f32 / top as f32 * height), color);
        mesh.colored_vertex(pos2(x, floor), color);
        if let Some(first) = (2 * at as u32).checked_sub(2) {
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
    }
    painter.add(mesh);
}

fn paint_lag_labels(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, labels: &[(NodeId, Pos2, u64)]) {
    let wanted: Vec<f32> = labels.iter().map(|(_, at, _)| at.y).collect();
    let places = geometry::layout_labels(&wanted, (lanes.lag.top() - 2.0, lanes.lag.bottom()), SMALL_SIZE);
    for ((node, at, value), place) in labels.iter().zip(places) {
        let Some(y) = place else { continue };
        let text = format!("{} {}", ctx.names.short(*node), format::count(*value));
        let text = painter.layout_no_wrap(text, digits(), ctx.theme.node(*node));
        let place = Align2::RIGHT_BOTTOM.anchor_size(pos2(at.x - SPACE, y), text.size());
        // A line that runs through figures makes others of them.
        painter.rect_filled(place.expand2(vec2(2.0, -1.0)), 2.0, ctx.theme.surface.gamma_multiply(LABEL_GROUND));
        painter.galley(place.min, text, ctx.theme.text);
    }
}

fn paint_marks(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, axis: &Axis) {
    for (x, kind) in geometry::layout_marks(ctx.store.timeline(), axis) {
        paint_mark(painter, ctx, pos2(x, lanes.marks.center().y), kind);
    }
}

/// Each kind has its shape; color only helps.
fn paint_mark(painter: &Painter, ctx: &ViewCtx<'_>, at: Pos2, kind: MarkKind) {
    const R: f32 = 4.0;
    let theme = ctx.theme;
    let polygon = |points: &[(f32, f32)], color: Color32| {
        let points = points.iter().map(|(x, y)| at + vec2(*x, *y) * R).collect();
        painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    };
    match kind {
        MarkKind::Election => drop(painter.circle_stroke(at, R - 1.0, Stroke::new(1.25, theme.warn))),
        MarkKind::Leader => drop(painter.circle_filled(at, R, theme.accent)),
        MarkKind::Down => {
            let stroke = Stroke::new(1.75, theme.bad);
            painter.line_segment([at + vec2(-R, -R) * 0.8, at + vec2(R, R) * 0.8], stroke);
            painter.line_segment([at + vec2(R, -R) * 0.8, at + vec2(-R, R) * 0.8], stroke);
        }
        MarkKind::Up => polygon(&[(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)], theme.good),
        MarkKind::Erased => polygon(&[(-1.0, -0.35), (1.0, -0.35), (1.0, 0.35), (-1.0, 0.35)], theme.bad),
        MarkKind::Broken => {
            // An exclamation mark: what the user should look at first.
            polygon(&[(-0.45, -1.35), (0.45, -1.35), (0.2, 0.35), (-0.2, 0.35)], theme.bad);
            painter.circle_filled(at + vec2(0.0, 0.95 * R), 0.32 * R, theme.bad);
        }
        MarkKind::Command => polygon(&[(0.0, -1.0), (0.7, 0.0), (0.0, 1.0), (-0.7, 0.0)], theme.text_weak),
    }
}

fn paint_cursor(painter: &Painter, ctx: &ViewCtx<'_>, lanes: &Lanes, axis: &Axis) {
    let x = axis.x(ctx.at);
    painter.vline(x, lanes.bands.top()..=lanes.ticks.top(), Stroke::new(1.5, ctx.theme.accent));
    painter.circle_filled(pos2(x, lanes.bands.top() + 2.0), 3.5, ctx.theme.accent);
    let text = painter.layout_no_wrap(ctx.at.to_string(), digits(), ctx.theme.text);
    let left = (x - text.size().x / 2.0).clamp(lanes.left, (lanes.ticks.right() - text.size().x).max(lanes.left));
    let at = pos2(left, lanes.ticks.center().y - text.size().y / 2.0);
    let back = Rect::from_min_size(at, text.size()).expand2(vec2(0.5 * SPACE, 1.0));
    painter.rect_filled(back, 3.0, ctx.theme.raised);
    painter.galley(at, text, ctx.theme.text);
}
