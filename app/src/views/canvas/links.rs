//! Links: two half-arrows, one a direction. What is wrong with a direction is seen in its own pattern.

use cluster_core::{
    fault::{LinkFault, LinkId, LinkRules, flap_phase},
    ids::Endpoint,
    trace::LinkState,
};
use egui::{Align2, Color32, Pos2, Shape, Stroke, Vec2, epaint::PathShape, vec2};

use super::{
    Scene,
    frames::Traffic,
    glyphs::{Pen, mix},
    layout::IDLE_LINKS_MAX,
};
use crate::{action::Selection, ctx::ViewCtx, names::Names};

/// A link carries something "now" while its last frame is not older than this.
const RECENT_SECS: f32 = 0.6;
/// From this many broken links on, each is drawn fainter.
const BROKEN_LOUD: f32 = 40.0;
/// From this many healthy ones on, too.
const QUIET_FROM: f32 = 150.0;
/// The length of the switch in a link that flaps.
const SWITCH: f32 = 22.0;
/// Where along a link that flaps its words are, so that the open switch does not reach them.
const BESIDE_SWITCH: f32 = 0.27;

/// Returns the directions that are drawn: all of a small cluster, of a large one those that carry or lack something.
pub(super) fn shown(ctx: &ViewCtx<'_>, scene: &Scene) -> Vec<LinkId> {
    let nodes = &scene.layout.nodes;
    let mut links = Vec::new();
    if nodes.len() <= IDLE_LINKS_MAX {
        for a in nodes {
            links.extend(nodes.iter().filter(|b| a.id != b.id).map(|b| (Endpoint::Node(a.id), Endpoint::Node(b.id))));
        }
    }
    let small = nodes.len() <= IDLE_LINKS_MAX;
    let told = ctx.state.links.iter().filter(|((from, to), link)| {
        let between_nodes = from.node().is_some() && to.node().is_some();
        !(small && between_nodes) && (!is_whole(link) || activity(ctx, link) > 0.0)
    });
    links.extend(told.map(|(id, _)| *id));
    links
}

/// Returns whether nothing is wrong with a direction.
pub(super) fn is_whole(link: &LinkState) -> bool {
    link.rules.is_healthy() && link.half_open.is_none()
}

fn activity(ctx: &ViewCtx<'_>, link: &LinkState) -> f32 {
    link.last_sent.map_or(0.0, |sent| 1.0 - ctx.at.since(sent).as_secs_f32() / RECENT_SECS).max(0.0)
}

/// Returns the label by which screen readers and tests find a direction.
pub(super) fn label((from, to): LinkId, link: &LinkState, names: &Names) -> String {
    let mut label = format!("link {} to {}", names.end(from), names.end(to));
    if link.half_open.is_some() {
        label += ", half-open";
    }
    for part in link.rules.parts() {
        label += &match part {
            LinkFault::Delay(delay) => format!(", delayed by {delay}"),
            LinkFault::Loss(loss) => format!(", loses {loss}"),
            other => format!(", {other}"), // the rest is named by its verb
        };
    }
    label
}

/// Paints every direction that is shown.
pub(super) fn paint_links(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, links: &[LinkId], traffic: &Traffic) {
    let healthy = LinkState::default();
    let broken = links.iter().filter(|link| ctx.state.links.get(link).is_some_and(|link| !is_whole(link))).count();
    let loud = (BROKEN_LOUD / broken.max(1) as f32).clamp(0.12, 1.0);
    let quiet = (QUIET_FROM / (links.len() - broken).max(1) as f32).clamp(0.2, 1.0);
    for id in links {
        let Some([from, to]) = scene.layout.lane(id.0, id.1) else { continue };
        let lane = [scene.camera.screen(from), scene.camera.screen(to)];
        let link = ctx.state.links.get(id).unwrap_or(&healthy);
        let apart = |end: Endpoint| end.node().is_some_and(|node| scene.truth.isolated.contains(&node));
        let look = Look {
            rules: link.rules,
            half_open: link.half_open.is_some(),
            up: link.rules.flap.is_none_or(|flap| flap.is_up(flap_phase(ctx.store.spec().seed, *id), ctx.at)),
            activity: activity(ctx, link),
            load: traffic.count(scene, *id),
            strength: if apart(id.0) || apart(id.1) { 0.45 } else { 1.0 } * if is_whole(link) { quiet } else { loud },
            selected: *ctx.selection == Selection::Link(*id),
            client: id.0.client().is_some() || id.1.client().is_some(),
            arrows: scene.layout.cards,
            words: scene.layout.cards && broken <= 24,
        };
        paint_link(pen, lane, &look);
    }
}

struct Look {
    rules: LinkRules,
    /// Whether the far end of its connection is gone.
    half_open: bool,
    /// Whether it is up at this moment; only a link that flaps is ever not.
    up: bool,
    /// 1 when a frame was sent this moment, 0 when none was for a while.
    activity: f32,
    /// Frames under way.
    load: u16,
    strength: f32,
    selected: bool,
    client: bool,
    arrows: bool,
    words: bool,
}

fn paint_link(pen: &Pen<'_>, lane: [Pos2; 2], look: &Look) {
    let [from, to] = lane;
    let along = (to - from).normalized();
    if (to - from).length() < 4.0 {
        return;
    }
    if look.selected {
        pen.painter.line_segment(lane, Stroke::new(pen.px(6.0), pen.theme.accent.gamma_multiply(0.35)));
    }
    let color = link_color(pen, look);
    let width = if look.client { 0.8 } else { 1.0 } + 0.5 * look.activity + 0.3 * f32::from(look.load.min(8));
    let stroke = pen.stroke(if look.arrows { width } else { width * 0.6 }, color);
    if look.rules.cut {
        paint_cut(pen, lane, along, stroke);
        return;
    }
    if look.half_open || look.rules.flap.is_some() {
        if look.half_open {
            paint_half_open(pen, lane, along, stroke)
        } else {
            paint_switch(pen, lane, along, stroke, look.up)
        }
        if look.words {
            paint_words(pen, lane, along, look);
        }
        return;
    }
    match (look.rules.delay.is_some(), look.rules.loss.is_some()) {
        (false, false) => {
            pen.painter.line_segment(lane, stroke);
        }
        (true, false) => pen.painter.extend(Shape::dashed_line(&lane, stroke, pen.px(11.0), pen.px(5.0))),
        (false, true) => pen.painter.extend(Shape::dashed_line(&lane, stroke, pen.px(2.5), pen.px(5.0))),
        (true, true) => {
            let (dashes, gaps) = ([pen.px(11.0), pen.px(2.5)], [pen.px(5.0), pen.px(5.0)]);
            pen.painter.extend(Shape::dashed_line_with_offset(&lane, stroke, &dashes, &gaps, 0.0));
        }
    }
    if look.arrows {
        paint_half_arrow(pen, to, along, color);
    }
    if look.words {
        paint_words(pen, lane, along, look);
    }
}

fn link_color(pen: &Pen<'_>, look: &Look) -> Color32 {
    let theme = pen.theme;
    let color = if look.rules.cut || look.half_open || !look.up {
        theme.bad.gamma_multiply(0.9)
    } else if !look.rules.is_healthy() {
        theme.warn.gamma_multiply(0.85)
    } else {
        let idle = theme.line.gamma_multiply(if look.client { 0.5 } else { 0.8 });
        mix(idle, theme.text_weak.gamma_multiply(0.42), look.activity)
    };
    color.gamma_multiply(look.strength)
}

/// Up to the gap the way is open; beyond it nothing comes. Two bars close the gap.
fn paint_cut(pen: &Pen<'_>, [from, to]: [Pos2; 2], along: Vec2, stroke: Stroke) {
    let middle = from + (to - from) * 0.5;
    let gap = along * pen.px(6.0);
    let aside = vec2(-along.y, along.x) * pen.px(5.0);
    let thin = Stroke::new(stroke.width.min(pen.px(1.2)).max(0.75), stroke.color.gamma_multiply(0.75));
    pen.painter.line_segment([from, middle - gap], thin);
    let beyond = Stroke::new(thin.width, stroke.color.gamma_multiply(0.4));
    pen.painter.extend(Shape::dashed_line(&[middle + gap, to], beyond, pen.px(3.0), pen.px(5.0)));
    let bar = Stroke::new(pen.px(2.2).max(1.0), stroke.color);
    for at in [middle - gap, middle + gap] {
        pen.painter.line_segment([at - aside, at + aside], bar);
    }
}

/// A switch in the way: closed while the link is up, thrown open while it is down.
fn paint_switch(pen: &Pen<'_>, [from, to]: [Pos2; 2], along: Vec2, stroke: Stroke, up: bool) {
    let outward = vec2(-along.y, along.x);
    let hinge = from + (to - from) * 0.5 - along * pen.px(SWITCH / 2.0);
    let contact = hinge + along * pen.px(SWITCH);
    let lever = if up { along } else { (along + outward * 0.8).normalized() } * pen.px(SWITCH);
    let beyond = if up { stroke } else { Stroke::new(stroke.width, stroke.color.gamma_multiply(0.45)) };
    pen.painter.line_segment([from, hinge], stroke);
    pen.painter.line_segment([contact, to], beyond);
    pen.painter.line_segment([hinge, hinge + lever], Stroke::new(pen.px(2.2).max(1.0), stroke.color));
    for at in [hinge, contact] {
        pen.painter.circle_filled(at, pen.px(2.6).max(1.2), stroke.color);
    }
    paint_half_arrow(pen, to, along, beyond.color);
}

/// The sender's end is whole; where the receiver's was, there is an open end.
fn paint_half_open(pen: &Pen<'_>, [from, to]: [Pos2; 2], along: Vec2, stroke: Stroke) {
    let end = from + (to - from) * 0.72;
    pen.painter.line_segment([from, end], stroke);
    let faint = Stroke::new(stroke.width, stroke.color.gamma_multiply(0.35));
    let radius = pen.px(4.0).max(2.0);
    pen.painter.circle_stroke(end + along * radius, radius, Stroke::new(pen.px(1.6).max(1.0), stroke.color));
    pen.painter.extend(Shape::dashed_line(&[end + along * radius * 3.0, to], faint, pen.px(2.0), pen.px(6.0)));
}

/// Half an arrow, on the outer side of its lane.
fn paint_half_arrow(pen: &Pen<'_>, tip: Pos2, along: Vec2, color: Color32) {
    let outward = vec2(-along.y, along.x);
    let (back, out) = (along * pen.px(8.0), outward * pen.px(4.5));
    pen.painter.add(PathShape::convex_polygon(vec![tip, tip - back + out, tip - back], color, Stroke::NONE));
}

fn paint_words(pen: &Pen<'_>, [from, to]: [Pos2; 2], along: Vec2, look: &Look) {
    let half_open = look.half_open.then(|| "half-open".to_owned());
    let words: Vec<String> = half_open.into_iter().chain(look.rules.parts().iter().filter_map(short_words)).collect();
    if words.is_empty() {
        return;
    }
    let outward = vec2(-along.y, along.x);
    // Off the middle, so that the words of both directions do not meet.
    let share = if look.rules.flap.is_some() { BESIDE_SWITCH } else { 0.42 };
    let at = from + (to - from) * share + outward * pen.px(16.0);
    let color = if look.half_open || !look.up { pen.theme.bad } else { pen.theme.warn };
    let rect = pen.pill(at, Align2::CENTER_CENTER, 11.0, color, &words.join(", "));
    if look.rules.delay.is_some() {
        pen.hourglass(rect.left_center() - vec2(pen.px(9.0), 0.0), 13.0, color);
    }
}

/// A rule in as few words as a link has room for.
fn short_words(rule: &LinkFault) -> Option<String> {
    let share = |share: f64| format!("{:.0} %", share * 100.0);
    Some(match rule {
        LinkFault::Flap(_) => "flaps".to_owned(),
        LinkFault::Delay(delay) => format!("{} ms", delay.mean.as_millis()),
        LinkFault::Loss(loss) => format!("{} lost", share(loss.probability)),
        LinkFault::Burst(burst) => format!("{} in bursts", share(burst.share())),
        LinkFault::Duplicate(duplicate) => format!("{} twice", share(duplicate.share)),
        LinkFault::Reorder(reorder) => format!("{} overtaken", share(reorder.share)),
        LinkFault::Corrupt(corrupt) => format!("{} damaged", share(corrupt.share)),
        LinkFault::Bandwidth(pipe) => format!("{} kB/s", pipe.bytes_per_sec as f64 / 1000.0),
        LinkFault::SlowClose(_) => "closes late".to_owned(),
        // A cut is drawn, and blows are no rules.
        LinkFault::Cut | LinkFault::Reset | LinkFault::HalfOpen(_) => return None,
    })
}
