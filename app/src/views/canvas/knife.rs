//! The knife: a stroke across links cuts every direction that it crosses.

use cluster_core::{
    command::Command,
    fault::{Fault, LinkId},
};
use egui::{Align2, CursorIcon, FontId, Key, PointerButton, Pos2, Rect, Response, Shape, Stroke, Ui, Vec2, vec2};

use super::{Scene, glyphs::Pen};
use crate::{ctx::ViewCtx, tools::Tool};

/// A stroke that is being drawn, and what it would cut.
#[derive(Default)]
pub(super) struct Knife {
    stroke: Vec<Pos2>,
    doomed: Vec<Crossing>,
    one_way: bool,
}

/// Where a stroke meets a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crossing {
    pub(super) link: LinkId,
    pub(super) at: Pos2,
}

/// Points of a stroke are at least this far apart.
const STEP: f32 = 3.0;
/// Around the words beside a stroke.
const WORDS_PAD: Vec2 = vec2(6.0, 3.0);

impl Knife {
    /// Returns whether a stroke is being drawn.
    pub(super) fn is_drawn(&self) -> bool {
        !self.stroke.is_empty()
    }

    /// Draws the stroke, and cuts when it ends.
    pub(super) fn on_pointer(
        &mut self,
        ui: &Ui,
        ctx: &ViewCtx<'_>,
        scene: &Scene,
        links: &[LinkId],
        ground: &Response,
    ) {
        let in_hand = ctx.tools.tool == Tool::Knife;
        let (shift, alt, space, origin, escape) = ui.input(|input| {
            let modifiers = input.modifiers;
            let space = input.key_down(Key::Space);
            (modifiers.shift, modifiers.alt, space, input.pointer.press_origin(), input.key_pressed(Key::Escape))
        });
        if in_hand && ground.contains_pointer() || self.is_drawn() {
            ui.set_cursor_icon(CursorIcon::Crosshair);
        }
        if ctx.commandable && ground.drag_started_by(PointerButton::Primary) && (in_hand || shift) && !space {
            self.stroke = origin.into_iter().collect();
        }
        if !self.is_drawn() {
            return;
        }
        if escape {
            *self = Self::default();
            return;
        }
        if let Some(at) = ground.interact_pointer_pos()
            && self.stroke.last().is_none_or(|last| last.distance(at) >= STEP)
        {
            self.stroke.push(at);
        }
        self.one_way = alt;
        let open = links.iter().copied().filter(|(from, to)| ctx.state.linked(*from, *to));
        let lanes = open.filter_map(|link| {
            let [from, to] = scene.layout.lane(link.0, link.1)?;
            Some((link, [scene.camera.screen(from), scene.camera.screen(to)]))
        });
        self.doomed = crossed(&self.stroke, lanes, alt);
        if ground.drag_stopped() {
            let cuts: Vec<Fault> = self.doomed.iter().map(|crossing| Fault::cut(crossing.link)).collect();
            if !cuts.is_empty() {
                ctx.command(Command::Inject(cuts));
            }
            *self = Self::default();
        }
    }

    /// Paints the stroke, and marks what it would cut.
    pub(super) fn paint(&self, pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene) {
        let bad = pen.theme.bad;
        for Crossing { link, at } in &self.doomed {
            let Some([from, to]) = scene.layout.lane(link.0, link.1) else { continue };
            let lane = [scene.camera.screen(from), scene.camera.screen(to)];
            pen.painter.line_segment(lane, Stroke::new(pen.px(5.0), bad.gamma_multiply(0.3)));
            pen.painter.line_segment(lane, Stroke::new(pen.px(1.5), bad));
            pen.painter.circle_filled(*at, 3.0, bad);
        }
        if !self.stroke.is_empty() {
            pen.painter.add(Shape::line(self.stroke.clone(), Stroke::new(1.5, pen.theme.text)));
            let words = stroke_words(self.doomed.len(), self.one_way, ctx.tools.staging);
            let galley = pen.painter.layout_no_wrap(words, FontId::proportional(12.0), bad);
            let rect = words_rect(scene, &self.stroke, galley.size() + 2.0 * WORDS_PAD);
            pen.painter.rect_filled(rect, 4.0, pen.theme.surface.gamma_multiply(0.92));
            pen.painter.galley(rect.min + WORDS_PAD, galley, bad);
        }
    }
}

/// Returns where the words go: beside the end of the stroke, or its beginning, where they cover neither node nor client.
fn words_rect(scene: &Scene, stroke: &[Pos2], size: Vec2) -> Rect {
    let corners = [
        (Align2::LEFT_BOTTOM, vec2(14.0, -10.0)),
        (Align2::RIGHT_BOTTOM, vec2(-14.0, -10.0)),
        (Align2::LEFT_TOP, vec2(14.0, 14.0)),
        (Align2::RIGHT_TOP, vec2(-14.0, 14.0)),
    ];
    let ends = [stroke.last(), stroke.first()].into_iter().flatten();
    let beside = |end: &Pos2| corners.map(|(align, aside)| align.anchor_size(*end + aside, size));
    let rects: Vec<Rect> = ends.flat_map(beside).collect();
    let nodes = scene.layout.nodes.iter().map(|node| scene.layout.disc(node));
    let clients = scene.layout.clients.iter().map(|(_, at)| Rect::from_center_size(*at, scene.layout.client_size));
    let taken: Vec<Rect> = nodes.chain(clients).map(|world| scene.camera.screen_rect(world)).collect();
    let free = rects.iter().find(|rect| !taken.iter().any(|other| other.intersects(**rect)));
    free.or(rects.first()).copied().unwrap_or(Rect::NOTHING)
}

fn stroke_words(count: usize, one_way: bool, staging: bool) -> String {
    let verb = if staging { "Stages the cut of" } else { "Cuts" };
    match (count, one_way) {
        (0, _) => "Cuts nothing yet".to_owned(),
        (1, _) => format!("{verb} 1 direction"),
        (count, false) => format!("{verb} {count} directions"),
        (count, true) => format!("{verb} {count} directions, one way"),
    }
}

/// Returns the directions that a stroke crosses, each once, where it meets it first. With `one_way`, of the two directions
/// of a link only the one that is met first.
pub(super) fn crossed(
    stroke: &[Pos2],
    lanes: impl Iterator<Item = (LinkId, [Pos2; 2])>,
    one_way: bool,
) -> Vec<Crossing> {
    let mut met: Vec<(f32, Crossing)> = lanes
        .filter_map(|(link, lane)| {
            let meets = |(nth, part): (usize, &[Pos2])| {
                let (along, at) = crossing([part[0], part[1]], lane)?;
                Some((nth as f32 + along, Crossing { link, at }))
            };
            stroke.windows(2).enumerate().find_map(meets)
        })
        .collect();
    met.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut crossings: Vec<Crossing> = Vec::new();
    for (_, crossing) in met {
        let (from, to) = crossing.link;
        if !(one_way && crossings.iter().any(|earlier| earlier.link == (to, from))) {
            crossings.push(crossing);
        }
    }
    crossings
}

/// Returns where two segments cross: the share of the first at which they do, and the point.
pub(super) fn crossing([a, b]: [Pos2; 2], [c, d]: [Pos2; 2]) -> Option<(f32, Pos2)> {
    let (along, other, between) = (b - a, d - c, c - a);
    let cross = |u: egui::Vec2, v: egui::Vec2| u.x * v.y - u.y * v.x;
    let turn = cross(along, other);
    // Parallel segments touch along a stretch or not at all; neither is a cut across.
    if turn.abs() < 1e-6 {
        return None;
    }
    let (share, of_other) = (cross(between, other) / turn, cross(between, along) / turn);
    let within = (0.0..=1.0).contains(&share) && (0.0..=1.0).contains(&of_other);
    within.then(|| (share, a + along * share))
}

#[cfg(test)]
mod tests {
    use cluster_core::ids::NodeId;
    use egui::pos2;

    use super::*;

    fn link(from: u16, to: u16) -> LinkId {
        (NodeId(from).into(), NodeId(to).into())
    }

    /// Two directions of one link, eight points apart, from left to right and back.
    fn lanes() -> [(LinkId, [Pos2; 2]); 2] {
        let (left, right) = (0.0, 100.0);
        [(link(1, 2), [pos2(left, 54.0), pos2(right, 54.0)]), (link(2, 1), [pos2(right, 46.0), pos2(left, 46.0)])]
    }

    fn cuts(stroke: &[Pos2], one_way: bool) -> Vec<LinkId> {
        crossed(stroke, lanes().into_iter(), one_way).into_iter().map(|crossing| crossing.link).collect()
    }

    #[test]
    fn two_segments_cross_where_both_are() {
        let level = [pos2(0.0, 0.0), pos2(10.0, 0.0)];
        let (share, at) = crossing([pos2(4.0, -2.0), pos2(4.0, 6.0)], level).expect("they cross");
        assert_eq!((share, at), (0.25, pos2(4.0, 0.0)));
        assert_eq!(crossing([pos2(4.0, 1.0), pos2(4.0, 6.0)], level), None, "it ends before");
        assert_eq!(crossing([pos2(12.0, -1.0), pos2(12.0, 1.0)], level), None, "it passes beside");
        assert_eq!(crossing([pos2(0.0, 1.0), pos2(10.0, 1.0)], level), None, "it runs along");
        assert!(crossing([pos2(10.0, 0.0), pos2(10.0, 5.0)], level).is_some(), "ends that touch cross");
    }

    #[test]
    fn a_stroke_across_a_link_cuts_both_directions_and_one_that_ends_between_them_one() {
        assert_eq!(cuts(&[pos2(50.0, 0.0), pos2(50.0, 100.0)], false), [link(2, 1), link(1, 2)]);
        assert_eq!(cuts(&[pos2(50.0, 0.0), pos2(52.0, 50.0)], false), [link(2, 1)]);
        assert_eq!(cuts(&[pos2(50.0, 0.0), pos2(60.0, 40.0)], false), []);
    }

    #[test]
    fn one_way_a_stroke_cuts_the_direction_that_it_meets_first() {
        assert_eq!(cuts(&[pos2(50.0, 0.0), pos2(50.0, 100.0)], true), [link(2, 1)]);
        assert_eq!(cuts(&[pos2(50.0, 100.0), pos2(50.0, 0.0)], true), [link(1, 2)]);
    }

    #[test]
    fn a_stroke_that_crosses_a_direction_twice_cuts_it_once_where_it_met_it_first() {
        let zigzag = [pos2(20.0, 0.0), pos2(30.0, 50.0), pos2(40.0, 0.0)];
        let crossings = crossed(&zigzag, lanes().into_iter(), false);
        assert_eq!(crossings.len(), 1);
        assert!(crossings[0].at.x < 30.0);
    }
}
