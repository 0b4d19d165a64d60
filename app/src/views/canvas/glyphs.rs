//! The pen: small shapes and words, sized in world units, drawn in points.

use egui::{
    Align2, Color32, FontFamily, FontId, Painter, Pos2, Rect, Shape, Stroke, Vec2,
    epaint::PathShape,
    pos2,
    text::{LayoutJob, TextFormat, TextWrapping},
    vec2,
};

use crate::theme::Theme;
pub(super) use crate::theme::mix;

/// What paints at one scale.
pub(super) struct Pen<'a> {
    pub(super) painter: &'a Painter,
    pub(super) theme: &'a Theme,
    /// Points per world unit.
    pub(super) scale: f32,
    /// Words are never smaller than this, in points, whatever the scale.
    pub(super) smallest: f32,
}

/// Words smaller than this on the screen are left out: they would only be dirt.
const TEXT_MIN: f32 = 6.5;
/// A name is not made smaller than this share of its size.
const NAME_SHRINKS_TO: f32 = 0.5;
/// From this size on, names can be heavier than text.
const BOLD_MIN: f32 = 12.0;

impl Pen<'_> {
    /// Returns world units in points.
    pub(super) fn px(&self, units: f32) -> f32 {
        units * self.scale
    }

    /// Makes a stroke that never gets thinner than can be seen.
    pub(super) fn stroke(&self, units: f32, color: Color32) -> Stroke {
        Stroke::new(self.px(units).max(0.75), color)
    }

    /// Writes a line; returns where it went.
    pub(super) fn text(&self, at: Pos2, align: Align2, units: f32, color: Color32, text: &str) -> Rect {
        self.write(at, align, FontId::proportional(self.px(units)), color, text, (f32::INFINITY, 1))
    }

    /// Writes a line with figures of equal width.
    pub(super) fn figures(&self, at: Pos2, align: Align2, units: f32, color: Color32, text: &str) -> Rect {
        self.write(at, align, FontId::monospace(self.px(units)), color, text, (f32::INFINITY, 1))
    }

    /// Writes one line or two, and cuts what is longer short with an ellipsis.
    pub(super) fn text_wrapped(
        &self,
        at: Pos2,
        align: Align2,
        units: f32,
        color: Color32,
        text: &str,
        width: f32,
    ) -> Rect {
        self.write(at, align, FontId::proportional(self.px(units)), color, text, (self.px(width), 2))
    }

    fn write(&self, at: Pos2, align: Align2, font: FontId, color: Color32, text: &str, room: (f32, usize)) -> Rect {
        let font = FontId::new(font.size.max(self.smallest), font.family);
        if text.is_empty() || font.size < TEXT_MIN {
            return Rect::from_min_size(at, Vec2::ZERO);
        }
        // Sizes in steps, so that zooming does not fill the font texture with every size between.
        let font = FontId::new((font.size * 4.0).round() / 4.0, font.family);
        let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
        let (max_width, max_rows) = room;
        job.wrap = TextWrapping { max_width, max_rows, ..TextWrapping::default() };
        if max_rows > 1 {
            job.halign = align.x();
        }
        let galley = self.painter.layout_job(job);
        let rect = align.anchor_size(at, galley.size());
        // On whole pixels, or one word would be crisp and the next one smeared.
        let pixels = self.painter.pixels_per_point();
        let rect = rect.translate((rect.min.to_vec2() * pixels).round() / pixels - rect.min.to_vec2());
        // A galley that is aligned to the right reaches left of its origin.
        let origin = rect.min - galley.rect.min.to_vec2();
        self.painter.galley(origin, galley, color);
        rect
    }

    /// Writes large words in the heavier of the two faces.
    pub(super) fn name(&self, at: Pos2, align: Align2, units: f32, color: Color32, text: &str) -> Rect {
        let font = FontId::new(self.px(units), FontFamily::Proportional);
        let rect = self.write(at, align, font.clone(), color, text, (f32::INFINITY, 1));
        // The bundled face has one weight; a second pass one pixel aside gives the names theirs. Small words only smear.
        if self.px(units).max(self.smallest) < BOLD_MIN {
            return rect;
        }
        let aside = vec2(1.0 / self.painter.pixels_per_point(), 0.0);
        self.write(rect.min + aside, Align2::LEFT_TOP, font, color, text, (f32::INFINITY, 1));
        rect
    }

    /// Writes a name as large as that, or as small as it must be to fit into a width.
    pub(super) fn name_within(
        &self,
        at: Pos2,
        align: Align2,
        (units, width): (f32, f32),
        color: Color32,
        text: &str,
    ) -> Rect {
        let font = FontId::proportional(self.px(units));
        let wide = self.painter.layout_no_wrap(text.to_owned(), font, color).size().x;
        let share = (self.px(width) / wide.max(1.0)).clamp(NAME_SHRINKS_TO, 1.0);
        self.name(at, align, units * share, color, text)
    }

    /// Draws part of a circle; turns count clockwise from 12 o'clock.
    pub(super) fn arc(&self, center: Pos2, radius: f32, from: f32, to: f32, stroke: Stroke) {
        let radius = self.px(radius);
        let steps = (((to - from).abs() * radius.max(4.0)).ceil() as usize + 2).min(96);
        let points = (0..=steps).map(|i| on_circle(center, radius, from + (to - from) * i as f32 / steps as f32));
        self.painter.add(Shape::line(points.collect(), stroke));
    }

    /// Draws a circle in `count` parts; `share` of each is drawn.
    pub(super) fn broken_ring(&self, center: Pos2, radius: f32, count: usize, share: f32, stroke: Stroke) {
        for i in 0..count {
            let from = i as f32 / count as f32;
            self.arc(center, radius, from, from + share / count as f32, stroke);
        }
    }

    /// Draws a crown that stands on `foot`.
    pub(super) fn crown(&self, foot: Pos2, width: f32, color: Color32, solid: bool) {
        let points =
            [(-0.5, 0.0), (-0.56, -0.62), (-0.24, -0.3), (0.0, -0.78), (0.24, -0.3), (0.56, -0.62), (0.5, 0.0)];
        let at = |(x, y): (f32, f32)| foot + vec2(x, y) * self.px(width);
        if solid {
            // A crown is not convex; its three peaks are.
            for peak in [[0, 1, 2], [2, 3, 4], [4, 5, 6]] {
                let mut part: Vec<Pos2> = peak.iter().map(|i| at(points[*i])).collect();
                // Neighbors overlap, or their soft edges would show as seams.
                let (left, right) = ((points[peak[0]].0 - 0.05).max(-0.5), (points[peak[2]].0 + 0.05).min(0.5));
                part.extend([at((right, 0.0)), at((left, 0.0))]);
                part.dedup();
                self.painter.add(PathShape::convex_polygon(part, color, Stroke::NONE));
            }
            for tip in [points[1], points[3], points[5]] {
                self.painter.circle_filled(at(tip), self.px(width * 0.07), color);
            }
        } else {
            let outline = points.iter().map(|point| at(*point)).collect();
            self.painter.add(PathShape::closed_line(outline, self.stroke(1.6, color)));
        }
    }

    /// Draws a cross.
    pub(super) fn cross(&self, center: Pos2, size: f32, stroke: Stroke) {
        let half = self.px(size / 2.0);
        self.painter.line_segment([center - Vec2::splat(half), center + Vec2::splat(half)], stroke);
        self.painter.line_segment([center + vec2(-half, half), center + vec2(half, -half)], stroke);
    }

    /// Draws the sign of a power switch.
    pub(super) fn power(&self, center: Pos2, size: f32, stroke: Stroke) {
        self.arc(center, size / 2.0, 0.12, 0.88, stroke);
        self.painter.line_segment([center - vec2(0.0, self.px(size * 0.62)), center], stroke);
    }

    /// Draws a clock whose hand stands still at a share of its turn, with frost around.
    pub(super) fn stopped_clock(&self, center: Pos2, size: f32, turn: f32, stroke: Stroke) {
        self.painter.circle_stroke(center, self.px(size / 2.0), stroke);
        self.painter.line_segment([center, on_circle(center, self.px(size * 0.34), turn)], stroke);
        self.painter.circle_filled(center, self.px(size * 0.07), stroke.color);
    }

    /// Draws six crystals of frost outside a circle.
    pub(super) fn frost(&self, center: Pos2, radius: f32, stroke: Stroke) {
        for i in 0..12 {
            let turn = (i as f32 + 0.5) / 12.0;
            let (inner, outer) = (self.px(radius - 3.0), self.px(radius + if i % 2 == 0 { 5.0 } else { 2.0 }));
            self.painter.line_segment([on_circle(center, inner, turn), on_circle(center, outer, turn)], stroke);
        }
    }

    /// Draws an hourglass.
    pub(super) fn hourglass(&self, center: Pos2, size: f32, color: Color32) {
        let (x, y) = (self.px(size * 0.34), self.px(size * 0.5));
        let upper = vec![center + vec2(-x, -y), center + vec2(x, -y), center];
        let lower = vec![center + vec2(x, y), center + vec2(-x, y), center];
        self.painter.add(PathShape::convex_polygon(upper, color.gamma_multiply(0.35), self.stroke(1.2, color)));
        self.painter.add(PathShape::convex_polygon(lower, color, self.stroke(1.2, color)));
    }

    /// Returns how wide words are on a pill.
    pub(super) fn width(&self, units: f32, text: &str) -> f32 {
        let font = FontId::proportional((self.px(units) * 4.0).round() / 4.0);
        self.painter.layout_no_wrap(text.to_owned(), font, self.theme.text).size().x
    }

    /// Writes words on a pill; returns where it is.
    pub(super) fn pill(&self, at: Pos2, align: Align2, units: f32, color: Color32, text: &str) -> Rect {
        if self.px(units) < TEXT_MIN {
            return Rect::from_min_size(at, Vec2::ZERO);
        }
        let font = FontId::proportional((self.px(units) * 4.0).round() / 4.0);
        let galley = self.painter.layout_no_wrap(text.to_owned(), font, color);
        let padding = vec2(self.px(5.0), self.px(1.5));
        let rect = align.anchor_size(at, galley.size() + padding * 2.0);
        self.painter.rect(
            rect,
            rect.height() / 2.0,
            mix(self.theme.background, color, 0.14),
            Stroke::new(1.0, color.gamma_multiply(0.7)),
            egui::StrokeKind::Inside,
        );
        self.painter.galley(rect.min + padding, galley, color);
        rect
    }

    /// Draws a picture of a number: equal numbers have equal pictures.
    pub(super) fn identicon(&self, min: Pos2, size: f32, hash: u64, color: Color32) {
        let cell = self.px(size / 5.0);
        let bits = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        for row in 0..5u64 {
            for column in 0..5u64 {
                let mirrored = column.min(4 - column);
                if bits >> (row * 3 + mirrored) & 1 == 1 {
                    let at = min + vec2(column as f32, row as f32) * cell;
                    self.painter.rect_filled(Rect::from_min_size(at, Vec2::splat(cell)), 0.0, color);
                }
            }
        }
    }
}

/// Returns a point of a circle; turns count clockwise from 12 o'clock.
pub(super) fn on_circle(center: Pos2, radius: f32, turn: f32) -> Pos2 {
    let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
    pos2(center.x + radius * sin, center.y - radius * cos)
}
