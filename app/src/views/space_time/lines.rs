//! Many thin lines in one mesh, soft at their edges.

use egui::{Color32, Mesh, Pos2, Shape, Stroke};

/// Lines that are painted together.
#[derive(Default)]
pub(super) struct Lines(Mesh);

impl Lines {
    /// Adds a line.
    pub(super) fn line(&mut self, a: Pos2, b: Pos2, stroke: Stroke) {
        let along = b - a;
        let length = along.length();
        if length < 0.01 {
            return;
        }
        // A line is full in its middle and nothing half a pixel outside: that is what makes it soft.
        let side = along.rot90() / length * (stroke.width / 2.0 + 0.5);
        let first = self.0.vertices.len() as u32;
        for at in [a, b] {
            self.0.colored_vertex(at - side, Color32::TRANSPARENT);
            self.0.colored_vertex(at, stroke.color);
            self.0.colored_vertex(at + side, Color32::TRANSPARENT);
        }
        for (p, q, r) in [(0, 1, 3), (1, 3, 4), (1, 2, 4), (2, 4, 5)] {
            self.0.add_triangle(first + p, first + q, first + r);
        }
    }

    /// Adds a line in dashes.
    pub(super) fn dashed(&mut self, a: Pos2, b: Pos2, stroke: Stroke, dash: f32) {
        let length = a.distance(b);
        let count = (length / (2.0 * dash)).ceil().clamp(1.0, 400.0);
        for part in 0..count as usize {
            let (from, to) = (part as f32 / count, (part as f32 + 0.5) / count);
            self.line(a.lerp(b, from), a.lerp(b, to), stroke);
        }
    }

    /// Adds the head of an arrow from `tail`, with its point at `tip`.
    pub(super) fn head(&mut self, tail: Pos2, tip: Pos2, size: f32, color: Color32) {
        let along = tip - tail;
        if along.length() < 1.0 {
            return;
        }
        let along = along.normalized();
        let (back, side) = (tip - along * size, along.rot90() * size * 0.42);
        let first = self.0.vertices.len() as u32;
        for at in [tip, back - side, back + side] {
            self.0.colored_vertex(at, color);
        }
        self.0.add_triangle(first, first + 1, first + 2);
    }

    /// Returns the shape of them all.
    pub(super) fn shape(self) -> Shape {
        Shape::mesh(self.0)
    }
}
