//! Frames under way: one mesh of textured quads, however many there are; and frames that fall where they were dropped.

use std::collections::BTreeMap;

use cluster_core::{
    event::{Family, MessageInfo},
    fault::{DropReason, LinkId},
    ids::MsgId,
    trace::{Dropped, Flight},
};
use egui::{
    Align2, Color32, ColorImage, Mesh, Pos2, Rect, Shape, TextureHandle, TextureId, TextureOptions, Vec2,
    epaint::Vertex, pos2, vec2,
};

use super::{
    Scene,
    glyphs::Pen,
    held,
    layout::{Fall, fall, progress},
};
use crate::{action::Selection, ctx::ViewCtx};

/// Beyond this many frames in flight, none has a trail.
const TRAILS_MAX: usize = 2000;
/// Up to this many frames each is a thing of its own for screen readers.
pub(super) const WIDGETS_MAX: usize = 150;
/// Up to this many endpoints, the frames of each link are counted.
const COUNTED_ENDS_MAX: usize = 64;
/// This many waiting frames are drawn one behind the other.
const QUEUE_SHOWN: u16 = 14;
const REASONS_MAX: usize = 8;
/// This many frames fall at one place at most; older ones would pile up.
const FALLING_MAX: usize = 3;

/// How many frames each direction carries.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    ends: usize,
    under_way: Vec<u16>,
}

impl Traffic {
    pub(super) fn of(ctx: &ViewCtx<'_>, scene: &Scene) -> Self {
        let ends = scene.layout.ends();
        if ends > COUNTED_ENDS_MAX {
            return Self::default();
        }
        let mut traffic = Self { ends, under_way: vec![0; ends * ends] };
        for flight in ctx.state.flights.values() {
            if let Some(at) = traffic.at(scene, (flight.from, flight.to)) {
                traffic.under_way[at] = traffic.under_way[at].saturating_add(1);
            }
        }
        traffic
    }

    /// Returns how many frames a direction carries; 0 where they are not counted.
    pub(super) fn count(&self, scene: &Scene, link: LinkId) -> u16 {
        self.at(scene, link).map_or(0, |at| self.under_way[at])
    }

    fn at(&self, scene: &Scene, (from, to): LinkId) -> Option<usize> {
        (self.ends > 0).then_some(())?;
        Some(scene.layout.slot(from)? * self.ends + scene.layout.slot(to)?)
    }
}

/// Where a frame is on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) msg: MsgId,
    pub(super) at: Pos2,
    pub(super) radius: f32,
}

/// Returns where each frame under way is. Frames that wait at a receiver stand in a queue, the oldest first.
pub(super) fn spots(ctx: &ViewCtx<'_>, scene: &Scene) -> Vec<Spot> {
    let ends = scene.layout.ends();
    let mut queues = vec![0u16; if ends <= COUNTED_ENDS_MAX { ends * ends } else { 0 }];
    let mut held_queues = BTreeMap::new();
    let mut spots = Vec::with_capacity(ctx.state.flights.len());
    for (msg, flight) in &ctx.state.flights {
        let Some([from, to]) = scene.layout.lane(flight.from, flight.to) else { continue };
        let held = ctx.state.is_held(*msg);
        let end = if held { held::HELD_AT } else { 1.0 };
        let share = progress(flight.sent, flight.due, ctx.at).min(end);
        let mut at = from + (to - from) * share;
        if held && share >= end {
            let before = held_queues.entry((flight.from, flight.to)).or_insert(0u16);
            at -= (to - from).normalized() * f32::from((*before).min(QUEUE_SHOWN)) * 7.0;
            *before += 1;
        } else if share >= 1.0
            && !queues.is_empty()
            && let (Some(a), Some(b)) = (scene.layout.slot(flight.from), scene.layout.slot(flight.to))
        {
            let queue = &mut queues[a * ends + b];
            at -= (to - from).normalized() * f32::from((*queue).min(QUEUE_SHOWN)) * 7.0;
            *queue += 1;
        }
        let at = scene.camera.screen(at);
        spots.push(Spot { msg: *msg, at, radius: dot_radius(flight.bytes, scene) });
    }
    spots
}

fn dot_radius(bytes: u32, scene: &Scene) -> f32 {
    let units = (3.4 + 0.75 * (1.0 + bytes as f32 / 48.0).log2()).min(9.0);
    let units = if scene.layout.cards { units } else { units * 0.62 };
    (units * scene.camera.scale).max(1.5)
}

/// Paints all frames under way.
pub(super) fn paint_flights(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, spots: &[Spot], atlas: TextureId) {
    let mut dots = Dots::new(atlas, spots.len() * if spots.len() > TRAILS_MAX { 1 } else { 2 });
    let busy = ctx.state.flights.values().any(|flight| flight.info.family != Family::Heartbeat);
    // Spots keep the order of the flights, so both are walked side by side.
    let mut next = spots.iter().peekable();
    for (msg, flight) in &ctx.state.flights {
        let Some(spot) = next.next_if(|spot| spot.msg == *msg) else { continue };
        if !pen.painter.clip_rect().expand(20.0).contains(spot.at) {
            continue;
        }
        let color = flight_color(pen, flight, busy);
        if spots.len() <= TRAILS_MAX
            && !ctx.reduced_motion
            && ctx.at < flight.due
            && let Some([from, to]) = scene.layout.lane(flight.from, flight.to)
        {
            let long = (scene.camera.scale * 26.0).min(scene.camera.screen(from).distance(spot.at));
            dots.trail(spot.at, (to - from).normalized() * long, spot.radius * 0.8, color.gamma_multiply(0.55));
        }
        dots.dot(spot.at, spot.radius, family_cell(flight.info), color, 0.0);
        if *ctx.selection == Selection::Message(*msg) {
            pen.painter.circle_stroke(spot.at, spot.radius + 4.0, egui::Stroke::new(2.0, pen.theme.accent));
        }
    }
    pen.painter.add(Shape::mesh(dots.mesh));
}

fn flight_color(pen: &Pen<'_>, flight: &Flight, busy: bool) -> Color32 {
    let color = pen.theme.family(flight.info.family);
    if busy && flight.info.family == Family::Heartbeat { color.gamma_multiply(0.6) } else { color }
}

/// Paints the frames that were dropped a moment ago: each turns and falls at the place of its end.
pub(super) fn paint_drops(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, atlas: TextureId) {
    let mut dots = Dots::new(atlas, ctx.state.drops.len());
    let mut falling: BTreeMap<LinkId, usize> = BTreeMap::new();
    // The youngest first: its reason is the one that is written.
    for drop in ctx.state.drops.iter().rev() {
        let (Some([from, to]), Some(fall)) = (scene.layout.lane(drop.flight.from, drop.flight.to), fall(drop, ctx.at))
        else {
            continue;
        };
        let (from, to) = (scene.camera.screen(from), scene.camera.screen(to));
        let radius = dot_radius(drop.flight.bytes, scene);
        let color = pen.theme.family(drop.flight.info.family);
        let (share, age) = match fall {
            Fall::OnItsWay(share) => {
                dots.dot(from + (to - from) * share, radius, family_cell(drop.flight.info), color, 0.0);
                continue;
            }
            Fall::Falling(share, age) => (share, if ctx.reduced_motion { 0.2 } else { age }),
        };
        let place = drop_site(drop);
        let before = falling.get(&place).copied().unwrap_or(0);
        if scene.layout.cards && before >= FALLING_MAX {
            continue;
        }
        falling.insert(place, before + 1);
        // All but the youngest make room.
        let fading = (1.0 - age).powf(if before == 0 { 0.8 } else { 2.5 });
        let met = from + (to - from) * share;
        let at = met + vec2(0.0, pen.px(52.0) * age * age);
        let color = super::glyphs::mix(color, pen.theme.bad, 0.65).gamma_multiply(fading);
        dots.dot(at, radius, family_cell(drop.flight.info), color, age * 4.0);
        if scene.layout.cards && before == 0 && falling.len() <= REASONS_MAX {
            paint_reason(pen, scene, drop, met, fading);
        }
    }
    pen.painter.add(Shape::mesh(dots.mesh));
}

/// Returns where a frame fell: on a link, whatever the direction, or at the node that could not take or send it.
fn drop_site(drop: &Dropped) -> LinkId {
    let (from, to) = (drop.flight.from, drop.flight.to);
    match drop.reason {
        DropReason::Cut
        | DropReason::Loss
        | DropReason::Flap
        | DropReason::Burst
        | DropReason::QueueFull
        | DropReason::ByHand => (from.min(to), from.max(to)),
        DropReason::SenderDown => (from, from),
        DropReason::ReceiverDown
        | DropReason::BufferFull
        | DropReason::Reset
        | DropReason::Corrupt
        | DropReason::HalfOpen => (to, to),
    }
}

/// The room of a reason below a node.
const REASON_ROOM: Vec2 = vec2(84.0, 16.0);

/// Writes why a frame fell: beside the place on a link, under a node.
fn paint_reason(pen: &Pen<'_>, scene: &Scene, drop: &Dropped, met: Pos2, fading: f32) {
    let color = pen.theme.bad.gamma_multiply(fading);
    let (one, other) = drop_site(drop);
    let (at, align) = match scene.layout.center(one) {
        Some(center) if one == other => {
            let away = scene.layout.radius + 13.0;
            let words = Rect::from_center_size(center + vec2(0.0, away + 8.0), REASON_ROOM);
            let client = |(_, at): &(_, Pos2)| Rect::from_center_size(*at, scene.layout.client_size).intersects(words);
            // Below, unless clients stand there.
            match scene.layout.clients.iter().any(client) {
                true => (scene.camera.screen(center - vec2(0.0, away)), Align2::CENTER_BOTTOM),
                false => (scene.camera.screen(center + vec2(0.0, away)), Align2::CENTER_TOP),
            }
        }
        Some(_) | None => (met + vec2(pen.px(9.0), pen.px(9.0)), Align2::LEFT_CENTER),
    };
    pen.text(at, align, 11.0, color, drop.reason.words());
}

/// Quads of one texture, collected into one mesh.
pub(super) struct Dots {
    mesh: Mesh,
}

impl Dots {
    pub(super) fn new(texture: TextureId, expected: usize) -> Self {
        let mut mesh = Mesh::with_texture(texture);
        mesh.vertices.reserve(expected * 4);
        mesh.indices.reserve(expected * 6);
        Self { mesh }
    }

    /// Adds a dot; `turned` is in radians.
    pub(super) fn dot(&mut self, at: Pos2, radius: f32, cell: (usize, usize), color: Color32, turned: f32) {
        let reach = radius * REACH;
        let right = if turned == 0.0 { vec2(reach, 0.0) } else { Vec2::angled(turned) * reach };
        self.quad(at, right, vec2(-right.y, right.x), cell, color);
    }

    /// Adds what a dot leaves behind along its way.
    fn trail(&mut self, tip: Pos2, way: Vec2, half_width: f32, color: Color32) {
        let aside = vec2(-way.y, way.x).normalized() * half_width;
        self.quad(tip - way / 2.0, way / 2.0, aside, TRAIL, color);
    }

    pub(super) fn into_shape(self) -> Shape {
        Shape::mesh(self.mesh)
    }

    fn quad(&mut self, center: Pos2, right: Vec2, down: Vec2, (column, row): (usize, usize), color: Color32) {
        let first = self.mesh.vertices.len() as u32;
        let inset = 0.5 / CELL as f32;
        let u = |share: f32| (column as f32 + share) / COLUMNS as f32;
        let v = |share: f32| (row as f32 + share) / ROWS as f32;
        let (near, far) = (inset, 1.0 - inset);
        let mut vertex =
            |pos: Pos2, s: f32, t: f32| self.mesh.vertices.push(Vertex { pos, uv: pos2(u(s), v(t)), color });
        vertex(center - right - down, near, near);
        vertex(center + right - down, far, near);
        vertex(center + right + down, far, far);
        vertex(center - right + down, near, far);
        self.mesh.indices.extend([first, first + 1, first + 2, first, first + 2, first + 3]);
    }
}

const CELL: usize = 32;
const COLUMNS: usize = 8;
const ROWS: usize = 2;
const TRAIL: (usize, usize) = (7, 0);
/// A cell reaches this much farther than the radius of its dot.
const REACH: f32 = 1.25;

/// The families in the order of the texture.
pub(super) const FAMILIES: [Family; 7] = Family::ALL;

/// Returns the place of a message's shape in the texture. What says no is hollow.
pub(super) fn family_cell(info: MessageInfo) -> (usize, usize) {
    let column = FAMILIES.iter().position(|family| *family == info.family).unwrap_or(0);
    (column, usize::from(info.refuses))
}

/// Makes the texture of all shapes.
pub(super) fn atlas(context: &egui::Context) -> TextureHandle {
    let mut pixels = vec![Color32::TRANSPARENT; COLUMNS * CELL * ROWS * CELL];
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            for y in 0..CELL {
                for x in 0..CELL {
                    let center = CELL as f32 / 2.0;
                    let at = (vec2(x as f32 + 0.5, y as f32 + 0.5) - vec2(center, center)) / center * REACH;
                    let cover = coverage(column, row, at);
                    let pixel = (row * CELL + y) * COLUMNS * CELL + column * CELL + x;
                    pixels[pixel] = Color32::from_white_alpha((cover * 255.0) as u8);
                }
            }
        }
    }
    let image = ColorImage::new([COLUMNS * CELL, ROWS * CELL], pixels);
    context.load_texture("frames in flight", image, TextureOptions::LINEAR)
}

/// How much of a texel the shape covers; `at` runs from -1.25 to 1.25, the shape from about -1 to 1.
fn coverage(column: usize, row: usize, at: Vec2) -> f32 {
    if (column, row) == TRAIL {
        let along = (at.x / REACH + 1.0) / 2.0;
        return along * along * (1.0 - at.y.abs() / REACH).max(0.0);
    }
    let distance = FAMILIES.get(column).map_or(1.0, |family| shape_distance(*family, at));
    let edge = 2.0 * REACH / CELL as f32 * 1.5;
    let solid = (0.5 - distance / edge).clamp(0.0, 1.0);
    if row == 0 { solid } else { solid - (0.5 - (distance + 0.34) / edge).clamp(0.0, 1.0) }
}

/// Signed distance to the edge of a family's shape, negative inside.
fn shape_distance(family: Family, at: Vec2) -> f32 {
    let boxed = |x: f32, y: f32, round: f32| {
        let outside = vec2(at.x.abs() - x + round, at.y.abs() - y + round);
        outside.max(Vec2::ZERO).length() + outside.max_elem().min(0.0) - round
    };
    match family {
        Family::Vote => (at.x.abs() + at.y.abs() - 1.1) * std::f32::consts::FRAC_1_SQRT_2,
        Family::Append => boxed(0.82, 0.82, 0.22),
        Family::Heartbeat => at.length() - 0.7,
        Family::Reply => at.length() - 0.92,
        Family::Snapshot => (at.x.abs() * 0.866 + at.y.abs() * 0.5).max(at.y.abs()) - 0.92,
        Family::Client => (at.y - 0.7).max(at.x.abs() * 0.866 - at.y * 0.5 - 0.55),
        Family::Control => boxed(1.0, 0.34, 0.1).min(boxed(0.34, 1.0, 0.1)),
    }
}

/// Returns the label by which screen readers and tests find a frame.
pub(super) fn label(flight: &Flight) -> String {
    format!("message {} from {} to {}", flight.info.name, flight.from, flight.to)
}

/// Lists what is known of a frame.
pub(super) fn tooltip_ui(ui: &mut egui::Ui, ctx: &ViewCtx<'_>, flight: &Flight) {
    ui.strong(flight.info.name.as_str());
    let (from, to) = (ctx.names.end(flight.from), ctx.names.end(flight.to));
    ui.label(format!("{from} to {to}, {} bytes", flight.bytes));
    let age = ctx.at.since(flight.sent).as_millis();
    if ctx.at > flight.due {
        ui.label(format!("waits at {to} for {} ms", ctx.at.since(flight.due).as_millis()));
    } else {
        ui.label(format!("in flight for {age} ms"));
    }
    if flight.info.refuses {
        ui.label("says no");
    }
}

/// Returns the frame nearest to a place, if one is there.
pub(super) fn pick(spots: &[Spot], at: Pos2) -> Option<&Spot> {
    let near = spots.iter().filter(|spot| spot.at.distance(at) <= spot.radius.max(5.0) + 2.0);
    near.min_by(|a, b| a.at.distance(at).total_cmp(&b.at.distance(at)))
}

/// The width of the legend.
pub(super) const LEGEND_WIDTH: f32 = 160.0;

/// Writes which shape is which family, quietly, below and right of a corner.
pub(super) fn paint_legend(pen: &Pen<'_>, ctx: &ViewCtx<'_>, corner: Pos2, atlas: TextureId) {
    const PER_COLUMN: usize = 4;
    let families = ctx.families();
    let mut dots = Dots::new(atlas, families.len());
    for (place, (family, word)) in families.into_iter().enumerate() {
        let (column, row) = (place / PER_COLUMN, place % PER_COLUMN);
        let at = corner + vec2(14.0 + column as f32 * 78.0, 14.0 + row as f32 * 14.5);
        let tile = FAMILIES.iter().position(|known| *known == family).unwrap_or(0);
        dots.dot(at, 4.0, (tile, 0), pen.theme.family(family).gamma_multiply(0.8), 0.0);
        let at = at + vec2(9.0, 0.0);
        let font = egui::FontId::proportional(11.0);
        let color = pen.theme.text_weak.gamma_multiply(0.85);
        pen.painter.text(at, Align2::LEFT_CENTER, word, font, color);
    }
    pen.painter.add(dots.into_shape());
}
