//! What is staged, in the picture: dashed and in the accent, so that nobody takes it for what is broken.

use std::f32::consts::TAU;

use egui::{Align2, Shape, Stroke, Vec2, vec2};

use super::{Scene, glyphs::Pen};
use crate::ctx::ViewCtx;

/// From the disc of a node to the ring that says that it is staged.
const RING_GAP: f32 = 7.0;
/// The corners of that ring.
const RING_STEPS: usize = 48;

/// Marks the links and nodes that the stage would strike.
pub(super) fn paint_staged(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene) {
    if ctx.tools.staged.is_empty() {
        return;
    }
    let accent = pen.theme.accent;
    let sketch = ctx.tools.sketch(ctx.state);
    for (link, rules) in &sketch.links {
        let Some([from, to]) = scene.layout.lane(link.0, link.1) else { continue };
        let lane = [scene.camera.screen(from), scene.camera.screen(to)];
        pen.painter.extend(Shape::dashed_line(&lane, Stroke::new(pen.px(2.2), accent), pen.px(5.0), pen.px(5.0)));
        if rules.cut {
            // A small open cross where the cut would be: a cut that is there has two solid bars.
            let (at, arm) = (lane[0] + (lane[1] - lane[0]) * 0.5, pen.px(4.0));
            for end in [vec2(arm, arm), vec2(arm, -arm)] {
                pen.painter.line_segment([at - end, at + end], Stroke::new(1.2, accent));
            }
        }
    }
    for placed in scene.layout.nodes.iter().filter(|placed| sketch.nodes.contains(&placed.id)) {
        let disc = scene.camera.screen_rect(scene.layout.disc(placed));
        let radius = disc.width() / 2.0 + pen.px(RING_GAP);
        let ring: Vec<_> = (0..=RING_STEPS)
            .map(|step| disc.center() + Vec2::angled(TAU * step as f32 / RING_STEPS as f32) * radius)
            .collect();
        pen.painter.extend(Shape::dashed_line(&ring, Stroke::new(pen.px(2.0), accent), pen.px(5.0), pen.px(4.0)));
        if scene.layout.cards {
            let at = disc.center() + vec2(0.0, radius + pen.px(9.0));
            pen.pill(at, Align2::CENTER_CENTER, 11.0, accent, "staged");
        }
    }
}
