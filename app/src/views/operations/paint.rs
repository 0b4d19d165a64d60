//! Draws operations: bars by outcome, the instants at which they took effect, faults behind them.

use cluster_core::ids::ClientId;
use egui::{Align2, Color32, FontId, Painter, Pos2, Rangef, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use super::{
    Placed,
    index::{Bar, End, Lane},
};
use crate::{
    ctx::ViewCtx,
    theme::{Theme, chart as sizes, operations as looks},
    widgets::{axis::time_ticks, faults::FaultGroup},
};

/// Where the picture is, and which part of the run it shows.
pub(super) struct Plot {
    pub(super) rect: Rect,
    pub(super) time: (f64, f64),
    pub(super) row_px: f32,
    /// The end of the run, in seconds.
    pub(super) end: f64,
}

impl Plot {
    pub(super) fn x(&self, secs: f64) -> f32 {
        let (from, to) = self.time;
        self.rect.left() + ((secs - from) / (to - from)) as f32 * self.rect.width()
    }

    pub(super) fn secs(&self, x: f32) -> f64 {
        let (from, to) = self.time;
        from + f64::from((x - self.rect.left()) / self.rect.width()) * (to - from)
    }

    /// Returns where a bar is within the band of its lane.
    pub(super) fn layout_bar(&self, band: Rect, bar: &Bar) -> Rect {
        let left = self.x(bar.from).max(self.rect.left());
        let right = self.x(bar.until.unwrap_or(self.end)).min(self.rect.right()).max(left + looks::BAR_MIN_PX);
        let top = band.top() + f32::from(bar.row) * self.row_px + looks::LANE_GAP_PX / 2.0;
        let gap = if self.row_px > looks::ROW_MIN_PX + 1.0 { looks::ROW_GAP_PX } else { 0.0 };
        Rect::from_min_max(pos2(left, top), pos2(right, top + self.row_px - gap))
    }

    /// Whole stretches of time in which something was broken, under everything else.
    pub(super) fn paint_faults(&self, painter: &Painter, theme: &Theme, faults: &[FaultGroup]) {
        let font = FontId::proportional(sizes::FAULT_TEXT_PX);
        let mut free = f32::NEG_INFINITY;
        for fault in faults {
            let (left, right) = (self.x(fault.from), self.x(fault.until.unwrap_or(self.end)));
            if right < self.rect.left() || left > self.rect.right() {
                continue;
            }
            let left = left.max(self.rect.left());
            let shade = Rect::from_x_y_ranges(Rangef::new(left, right.min(self.rect.right())), self.rect.y_range());
            painter.rect_filled(shade, 0.0, theme.fault_shade);
            painter.vline(left, self.rect.y_range(), Stroke::new(1.0, theme.bad.gamma_multiply(sizes::BAR_STRENGTH)));
            if left >= free {
                let text = painter.layout_no_wrap(fault.label.clone(), font.clone(), theme.bad);
                free = left + text.size().x + sizes::LABEL_GAP_PX;
                painter.galley(pos2(left + 3.0, self.rect.bottom() - text.size().y - 1.0), text, theme.bad);
            }
        }
    }

    pub(super) fn paint_name(&self, painter: &Painter, theme: &Theme, band: Rect, client: ClientId) {
        let line = Stroke::new(1.0, theme.line.gamma_multiply(sizes::GRID_STRENGTH));
        painter.hline(self.rect.x_range(), band.bottom(), line);
        let at = pos2(self.rect.left() - sizes::LABEL_GAP_PX, band.center().y);
        let name = if client == ClientId(0) { "you".to_owned() } else { client.to_string() };
        painter.text(at, Align2::RIGHT_CENTER, name, FontId::proportional(sizes::TEXT_PX), theme.text_weak);
    }

    /// One operation. Shape and glyph tell its outcome, the color helps.
    pub(super) fn paint_bar(
        &self,
        painter: &Painter,
        theme: &Theme,
        placed: &Placed,
        (selected, accused): (bool, bool),
        name: Option<&str>,
    ) {
        let (bar, rect) = (&placed.bar, placed.rect);
        paint_shape(painter, theme, rect, bar.writes, bar.end);
        if let Some(point) = bar.point.filter(|_| rect.width() >= looks::POINT_FROM_PX) {
            paint_point(painter, theme, pos2(self.x(point), rect.center().y), rect.height());
        }
        if let Some(name) = name.filter(|_| rect.height() >= looks::TEXT_FROM_PX) {
            let font = FontId::proportional((rect.height() - 3.0).min(sizes::TEXT_PX));
            let color = if bar.end == End::Ok && bar.writes { theme.background } else { theme.text };
            let clip = painter.with_clip_rect(rect.shrink2(vec2(3.0, 0.0)).intersect(painter.clip_rect()));
            clip.text(pos2(rect.left() + 4.0, rect.center().y), Align2::LEFT_CENTER, name, font, color);
        }
        let frame = match (accused, selected) {
            (true, _) => Some(Stroke::new(looks::FRAME_PX, theme.bad)),
            (false, true) => Some(Stroke::new(looks::FRAME_PX, theme.text)),
            (false, false) => None,
        };
        if let Some(stroke) = frame {
            painter.rect_stroke(rect.expand(1.0), sizes::ROUNDING_PX, stroke, StrokeKind::Outside);
        }
    }

    /// The mark of an operation that took effect more than once.
    pub(super) fn paint_times(&self, painter: &Painter, theme: &Theme, rect: Rect, times: u32) {
        let font = FontId::proportional(sizes::TEXT_PX);
        let at = pos2(rect.right() - looks::FRAME_PX, rect.center().y);
        let text = painter.layout_no_wrap(format!("×{times}"), font, theme.background);
        let place = Align2::RIGHT_CENTER.anchor_size(at, text.size());
        painter.rect_filled(place.expand2(vec2(looks::FRAME_PX, 0.0)), sizes::ROUNDING_PX, theme.bad);
        painter.galley(place.min, text, theme.background);
    }

    /// Too many to be told apart: how many began in each column, and where some did not go well.
    pub(super) fn paint_dense(&self, painter: &Painter, theme: &Theme, band: Rect, lane: &Lane) {
        let columns = (self.rect.width() / looks::COLUMN_PX).max(1.0) as usize;
        let (from, to) = self.time;
        let edge = |at: usize| from + (to - from) * at as f64 / columns as f64;
        let begun = |at: usize| lane.bars.partition_point(|bar| bar.from < edge(at));
        let edges: Vec<usize> = (0..=columns).map(begun).collect();
        let most = edges.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1).max(1);
        let room = band.height() - looks::LANE_GAP_PX;
        for (at, pair) in edges.windows(2).enumerate() {
            let x = Rangef::new(self.x(edge(at)), self.x(edge(at + 1)));
            let count = pair[1] - pair[0];
            if count > 0 {
                let height = (room * count as f32 / most as f32).max(1.0);
                let y = Rangef::new(
                    band.bottom() - looks::LANE_GAP_PX / 2.0 - height,
                    band.bottom() - looks::LANE_GAP_PX / 2.0,
                );
                painter.rect_filled(
                    Rect::from_x_y_ranges(x, y),
                    0.0,
                    theme.accent.gamma_multiply(looks::DENSE_STRENGTH),
                );
            }
            if let Some(worst) = lane.bad_between(edge(at), edge(at + 1)).iter().map(|(_, end)| *end).max() {
                let top = band.top() + looks::LANE_GAP_PX / 2.0;
                let tick = Rect::from_x_y_ranges(x, Rangef::new(top, top + looks::TICK_PX.min(room)));
                painter.rect_filled(tick, 0.0, end_color(theme, worst));
            }
        }
    }

    pub(super) fn paint_axis(&self, painter: &Painter, theme: &Theme, axis: Rect) {
        let count = (self.rect.width() / sizes::TICK_PX).max(2.0) as usize;
        let font = FontId::proportional(sizes::TEXT_PX);
        for (secs, label) in time_ticks(self.time, count) {
            let at = pos2(self.x(secs), axis.top() + sizes::LABEL_GAP_PX);
            painter.text(at, Align2::CENTER_TOP, label, font.clone(), theme.text_weak);
        }
    }

    pub(super) fn paint_cursor(&self, painter: &Painter, ctx: &ViewCtx<'_>) {
        let x = self.x(ctx.at.as_secs_f64());
        if self.rect.x_range().expand(0.5).contains(x) {
            let strength = if ctx.cursor.live { sizes::LIVE_STRENGTH } else { 1.0 };
            painter.vline(
                x,
                self.rect.y_range(),
                Stroke::new(sizes::LINE_PX, ctx.theme.accent.gamma_multiply(strength)),
            );
        }
    }
}

fn end_color(theme: &Theme, end: End) -> Color32 {
    match end {
        End::Ok => theme.accent,
        End::Open => theme.text_weak,
        End::Refused => theme.warn,
        End::NoAnswer => theme.bad,
    }
}

/// A full bar is a write that was acknowledged, a hollow one a read; a cross ends what was refused, and what nobody
/// answered has no end.
fn paint_shape(painter: &Painter, theme: &Theme, rect: Rect, writes: bool, end: End) {
    let color = end_color(theme, end);
    let stroke = Stroke::new(1.25, color);
    let hollow = color.gamma_multiply(looks::HOLLOW_STRENGTH);
    match end {
        End::Ok if writes => drop(painter.rect_filled(rect, sizes::ROUNDING_PX, color)),
        End::Ok => {
            painter.rect(rect, sizes::ROUNDING_PX, hollow, stroke, StrokeKind::Inside);
        }
        End::Open => {
            painter.rect_filled(rect, sizes::ROUNDING_PX, hollow);
            painter.vline(rect.left() + 0.5, rect.y_range(), stroke);
        }
        End::Refused => {
            painter.rect_filled(rect, sizes::ROUNDING_PX, hollow);
            let half = (rect.height() / 2.0).min(looks::GLYPH_PX);
            let at = pos2((rect.right() - half).max(rect.left()), rect.center().y);
            painter.line_segment([at + vec2(-half, -half), at + vec2(half, half)], stroke);
            painter.line_segment([at + vec2(half, -half), at + vec2(-half, half)], stroke);
        }
        End::NoAnswer => {
            painter.rect_filled(rect, sizes::ROUNDING_PX, hollow);
            let line = |y: f32| [pos2(rect.left(), y), pos2(rect.right(), y)];
            for y in [rect.top() + 0.5, rect.bottom() - 0.5] {
                painter.add(Shape::Vec(Shape::dashed_line(&line(y), stroke, sizes::DASH_PX, sizes::DASH_PX)));
            }
            painter.vline(rect.left() + 0.5, rect.y_range(), stroke);
        }
    }
}

/// The instant at which an operation took effect.
fn paint_point(painter: &Painter, theme: &Theme, at: Pos2, height: f32) {
    let half = (height * 0.45).min(looks::POINT_PX);
    let corners = vec![at + vec2(0.0, -half), at + vec2(half, 0.0), at + vec2(0.0, half), at + vec2(-half, 0.0)];
    painter.add(Shape::convex_polygon(corners, theme.text, Stroke::new(1.0, theme.background)));
}

/// A look of the legend, with its word.
pub(super) fn swatch_ui(ui: &mut Ui, theme: &Theme, writes: bool, end: End, word: &str) {
    let (rect, _) = ui.allocate_exact_size(vec2(looks::SWATCH_PX, sizes::TEXT_PX), Sense::hover());
    paint_shape(ui.painter(), theme, rect.shrink2(vec2(0.0, 1.5)), writes, end);
    ui.weak(egui::RichText::new(word).small());
}

/// The look of the instant of effect.
pub(super) fn point_swatch_ui(ui: &mut Ui, theme: &Theme) {
    let (rect, _) = ui.allocate_exact_size(vec2(sizes::TEXT_PX, sizes::TEXT_PX), Sense::hover());
    paint_point(ui.painter(), theme, rect.center(), sizes::TEXT_PX);
    ui.weak(egui::RichText::new("took effect").small()).on_hover_text("When the first node applied it");
}
