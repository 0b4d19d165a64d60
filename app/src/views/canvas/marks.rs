//! What a hint points at: rings around nodes and clients, a broad line along links.

use egui::{Pos2, Rect, Stroke, StrokeKind, vec2};

use super::{Scene, glyphs::Pen, pointer};
use crate::{ctx::ViewCtx, theme::guide as look};

/// Paints what the hints that are shown point at.
pub(super) fn paint_marks(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene) {
    let Some(marks) = ctx.marks else { return };
    let stroke = Stroke::new(look::RING_PX, pen.theme.accent);
    for placed in scene.layout.nodes.iter().filter(|placed| marks.nodes.contains(&placed.id)) {
        let disc = scene.camera.screen_rect(scene.layout.disc(placed));
        ring(pen, disc.center(), 0.5 * disc.width() + look::RING_GAP_PX + look::RING_PX, stroke);
    }
    for (_, place) in scene.layout.clients.iter().filter(|(client, _)| marks.clients.contains(client)) {
        let rect = scene.camera.screen_rect(Rect::from_center_size(*place, scene.layout.client_size));
        pen.painter.rect_stroke(rect.expand(look::RING_GAP_PX), look::RING_GAP_PX, stroke, StrokeKind::Outside);
    }
    for link in &marks.links {
        if let Some(at) = pointer::handle(scene, *link) {
            ring(pen, at, 2.0 * look::RING_GAP_PX, stroke);
        }
    }
}

/// A ring with four ticks outwards, so that it is not taken for the ring of a role.
fn ring(pen: &Pen<'_>, center: Pos2, radius: f32, stroke: Stroke) {
    pen.painter.circle_stroke(center, radius, stroke);
    for way in [vec2(1.0, 0.0), vec2(-1.0, 0.0), vec2(0.0, 1.0), vec2(0.0, -1.0)] {
        let from = center + way * radius;
        pen.painter.line_segment([from, from + way * look::RING_GAP_PX], stroke);
    }
}
