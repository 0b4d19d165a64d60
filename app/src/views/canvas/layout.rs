//! Where everything in the picture is: pure geometry, the same for the same cluster and size.

use std::f32::consts::{PI, TAU};

use cluster_core::{
    fault::DropReason,
    ids::{ClientId, Endpoint, MsgId, NodeId},
    time::Timestamp,
    trace::{AFTERGLOW, Dropped},
};
use egui::{Pos2, Rect, Vec2, pos2, vec2};

/// Up to this many nodes each has its log and numbers beside it.
pub(super) const CARDS_MAX: usize = 12;
/// Up to this many nodes, every word in the picture can be read, numbers and all.
pub(super) const DETAIL_MAX: usize = 7;
/// Up to this many nodes idle links are drawn.
pub(super) const IDLE_LINKS_MAX: usize = 20;
/// The width of what is written beside a node.
pub(super) const BLOCK_WIDTH: f32 = 130.0;
/// From the rim of a node to what is written beside it.
pub(super) const BLOCK_GAP: f32 = 16.0;
/// From the line of the role to the top of a block (room for badges) and to its bottom: two lines of waiting, or, where
/// there are too many nodes for words, its log.
const BLOCK_TOP: f32 = 27.0;
const BLOCK_BOTTOM: f32 = 70.0;
const BLOCK_BOTTOM_SHORT: f32 = 30.0;
/// From the center of a node to the line of the role, by the side on which the block is.
const ROLE_BESIDE: f32 = -25.0;
const ROLE_BESIDE_SHORT: f32 = -8.0;
const ROLE_RAISED: f32 = -56.0;
const ROLE_ABOVE: f32 = -136.0;
const ROLE_BELOW: f32 = 74.0;
/// How far a block above or below a node reaches toward the middle from the node's center.
const BLOCK_INNER: f32 = 12.0;
/// Up to this many nodes, blocks of the outer ones are above and below them: a narrow picture has room there.
const STACKED_MAX: usize = 5;
/// The air at the left and right edge of the picture.
const EDGE: f32 = 6.0;
/// From the edge of a node to the rim where frames leave and arrive: beyond the arc of its timer.
pub(super) const RIM: f32 = 11.0;
/// Half the distance between the two directions of a link.
const LANE: f32 = 4.0;

/// On which side of a node its log and numbers are: outward, where no link passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    /// Right, above the link to the next node: at the top of the circle links leave to both sides.
    Raised,
    Above,
    Below,
}

/// A node in its place, in world units around the center of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) id: NodeId,
    pub(super) center: Pos2,
    pub(super) side: Side,
}

/// All places, in world units around the center of the picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// Points per world unit when everything fits.
    pub(super) scale: f32,
    /// Whether each node has its log beside it.
    pub(super) cards: bool,
    /// Whether it has its numbers, too.
    pub(super) detail: bool,
    /// The radius of a node.
    pub(super) radius: f32,
    pub(super) nodes: Vec<Placed>,
    pub(super) clients: Vec<(ClientId, Pos2)>,
    pub(super) client_size: Vec2,
    /// How much larger clients are drawn than nodes, so that their numbers can be read in a crowd, too.
    pub(super) client_zoom: f32,
    middle: Pos2,
    node_slots: Vec<u16>,
    client_slots: Vec<u16>,
}

const NOWHERE: u16 = u16::MAX;
const CARD_RADIUS: f32 = 37.0;
const DOT_RADIUS: f32 = 15.0;
/// The length of ring that a node without a card takes.
const DOT_PITCH: f32 = 45.0;
const CLIENT_SIZE: Vec2 = vec2(112.0, 42.0);
const SMALL_CLIENT: Vec2 = vec2(40.0, 22.0);
/// The room beside a crowd of nodes and under it, in points: a name, a short role.
const CROWD_MARGIN: f32 = 66.0;
const CROWD_FOOT: f32 = 26.0;
/// The most points per world unit: a small cluster in a large window does not become a poster.
const SCALE_MAX: f32 = 1.7;

/// Places nodes and clients in a picture of that size.
pub(super) fn layout(nodes: &[NodeId], clients: &[ClientId], view: Vec2) -> Layout {
    let view = view.max(vec2(50.0, 50.0));
    let cards = nodes.len() <= CARDS_MAX;
    let smallest = if cards { vec2(630.0, 540.0) } else { vec2(520.0, 340.0) };
    let mut last = None;
    for growth in 0..80 {
        let wanted = smallest * (1.0 + 0.06 * growth as f32);
        let scale = (view.x / wanted.x).min(view.y / wanted.y).min(SCALE_MAX);
        let placed = place(nodes, clients, view / scale, scale, cards);
        if !placed.crowded(growth) {
            return placed;
        }
        last = Some(placed);
    }
    last.unwrap_or_else(|| place(nodes, clients, view, 1.0, cards))
}

fn place(nodes: &[NodeId], clients: &[ClientId], size: Vec2, scale: f32, cards: bool) -> Layout {
    let client_zoom = scale.recip().max(1.0);
    let client_size = if clients.len() <= 6 { CLIENT_SIZE } else { SMALL_CLIENT } * client_zoom;
    let (client_places, rows_height) = client_places(clients, client_size, size);
    let radius = if cards { CARD_RADIUS } else { DOT_RADIUS };
    let (centers, middle) = if cards {
        circle(nodes.len(), size, rows_height, radius)
    } else {
        let (margin, top, bottom) = (CROWD_MARGIN / scale, 62.0, rows_height + 2.0 * radius + CROWD_FOOT / scale);
        let room = Rect::from_min_max(
            pos2(margin - size.x / 2.0, top - size.y / 2.0),
            pos2(size.x / 2.0 - margin, size.y / 2.0 - bottom),
        );
        let beside = |at: Pos2| (at, if at.x < -1.0 { Side::Left } else { Side::Right });
        (rings(nodes.len(), room).into_iter().map(beside).collect(), room.center())
    };
    let placed = |(id, (center, side)): (&NodeId, (Pos2, Side))| Placed { id: *id, center, side };
    Layout {
        scale,
        cards,
        detail: nodes.len() <= DETAIL_MAX,
        radius,
        nodes: nodes.iter().zip(centers).map(placed).collect(),
        clients: client_places,
        client_size,
        client_zoom,
        middle,
        node_slots: slots(nodes.iter().map(|node| node.0)),
        client_slots: slots(clients.iter().map(|client| client.0)),
    }
}

/// Clients stand in rows at the bottom, outside the circle. Returns the height of the rows, too.
fn client_places(clients: &[ClientId], size: Vec2, world: Vec2) -> (Vec<(ClientId, Pos2)>, f32) {
    let pitch = size + vec2(14.0, 10.0);
    let per_row = ((world.x * 0.9 / pitch.x) as usize).max(1);
    let rows = clients.len().div_ceil(per_row);
    let place = |(i, id): (usize, &ClientId)| {
        let (row, column) = (i / per_row, i % per_row);
        let in_row = (clients.len() - row * per_row).min(per_row);
        let x = (column as f32 - (in_row as f32 - 1.0) / 2.0) * pitch.x;
        let y = world.y / 2.0 - 8.0 - size.y / 2.0 - (rows - 1 - row) as f32 * pitch.y;
        (*id, pos2(x, y))
    };
    (clients.iter().enumerate().map(place).collect(), rows as f32 * pitch.y)
}

/// Returns places on a circle, on which side of each its block is, and the middle.
///
/// Even numbers of nodes leave the top and the bottom of the circle free, odd numbers begin at the top.
fn circle(count: usize, size: Vec2, rows_height: f32, radius: f32) -> (Vec<(Pos2, Side)>, Pos2) {
    let start = if count.is_multiple_of(2) { -PI / 2.0 - PI / count.max(1) as f32 } else { -PI / 2.0 };
    let angles: Vec<f32> = (0..count).map(|i| start + TAU * i as f32 / count as f32).collect();
    let sides: Vec<Side> = angles.iter().map(|angle| side(*angle, count)).collect();
    let above = sides.first().or(sides.last()) == Some(&Side::Above);
    let top = if above { BLOCK_TOP - ROLE_ABOVE } else { radius + 50.0 };
    let below = sides.contains(&Side::Below);
    let bottom = rows_height + if below { ROLE_BELOW + BLOCK_BOTTOM } else { radius + 24.0 };
    let (top, bottom) = (top - size.y / 2.0, size.y / 2.0 - bottom);
    let middle = pos2(0.0, (top + bottom) / 2.0);
    if count <= 1 {
        return (vec![(middle, Side::Right); count], middle);
    }
    let wide = angles.iter().zip(&sides).filter(|(angle, _)| angle.cos().abs() > 0.05).map(|(angle, side)| {
        let beside = match side {
            Side::Left | Side::Right | Side::Raised => radius + BLOCK_GAP + BLOCK_WIDTH,
            Side::Above | Side::Below => BLOCK_WIDTH - BLOCK_INNER,
        };
        (size.x / 2.0 - EDGE - beside) / angle.cos().abs()
    });
    let wide = wide.fold(f32::INFINITY, f32::min).max(1.0);
    let (low, high) = angles.iter().map(|a| a.sin()).fold((1.0f32, -1.0f32), |(l, h), s| (l.min(s), h.max(s)));
    let height = (bottom - top).max(1.0);
    let tall = if high - low > 0.1 { height / (high - low) } else { height / 2.0 };
    let wide = wide.min(tall * 1.6);
    let tall = tall.min(wide * 1.5);
    let center = middle.y - tall * (low + high) / 2.0;
    let places = angles.iter().map(|a| pos2(wide * a.cos(), center + tall * a.sin()));
    (places.zip(sides).collect(), middle)
}

/// Returns on which side of a node its block is: outward, where no link passes.
fn side(angle: f32, count: usize) -> Side {
    let (sin, cos) = angle.sin_cos();
    if count <= STACKED_MAX && sin.abs() < 0.75 && count > 1 {
        if sin < 0.05 { Side::Above } else { Side::Below }
    } else if cos < -0.01 {
        Side::Left
    } else if cos < 0.01 && sin < 0.0 && count > 1 {
        Side::Raised
    } else {
        Side::Right
    }
}

/// Rings from the outside in, each as full as the others.
fn rings(count: usize, room: Rect) -> Vec<Pos2> {
    let ring_count = count.div_ceil(100);
    let shrink = |ring: usize| 1.0 - 0.75 * ring as f32 / ring_count as f32;
    let total: f32 = (0..ring_count).map(shrink).sum();
    let mut places = Vec::with_capacity(count);
    for ring in 0..ring_count {
        let left = count - places.len();
        let share = (count as f32 * shrink(ring) / total).round() as usize;
        let here = if ring + 1 == ring_count { left } else { share.min(left) };
        let (wide, tall) = (room.width().max(1.0), room.height().max(1.0));
        // Rounder than the window: on a flat ring, links would run along the nodes.
        let half = vec2(wide.min(tall * 1.4), tall.min(wide * 1.4)) / 2.0 * shrink(ring);
        places.extend(along_ellipse(here, half).into_iter().map(|at| room.center() + at));
    }
    places
}

/// Points at equal distances along an ellipse, from the top clockwise.
fn along_ellipse(count: usize, half: Vec2) -> Vec<Vec2> {
    const STEPS: usize = 2048;
    let at = |step: usize| {
        let angle = TAU * step as f32 / STEPS as f32 - PI / 2.0;
        vec2(half.x * angle.cos(), half.y * angle.sin())
    };
    let length: f32 = (0..STEPS).map(|step| (at(step + 1) - at(step)).length()).sum();
    let mut places = Vec::with_capacity(count);
    let mut walked = 0.0;
    for step in 0..STEPS {
        while places.len() < count && walked >= length * places.len() as f32 / count as f32 - 1e-3 {
            places.push(at(step));
        }
        walked += (at(step + 1) - at(step)).length();
    }
    places.resize(count, at(0));
    places
}

fn slots(ids: impl Iterator<Item = u16>) -> Vec<u16> {
    let mut slots = Vec::new();
    for (slot, id) in ids.enumerate() {
        let at = usize::from(id);
        if slots.len() <= at {
            slots.resize(at + 1, NOWHERE);
        }
        slots[at] = slot as u16;
    }
    slots
}

impl Layout {
    /// Returns the number of an endpoint among all: nodes first, then clients.
    pub(super) fn slot(&self, end: Endpoint) -> Option<usize> {
        let (slots, id, before) = match end {
            Endpoint::Node(node) => (&self.node_slots, node.0, 0),
            Endpoint::Client(client) => (&self.client_slots, client.0, self.nodes.len()),
        };
        let slot = *slots.get(usize::from(id))?;
        (slot != NOWHERE).then(|| before + usize::from(slot))
    }

    /// Returns how many endpoints there are.
    pub(super) fn ends(&self) -> usize {
        self.nodes.len() + self.clients.len()
    }

    /// Returns where an endpoint is.
    pub(super) fn center(&self, end: Endpoint) -> Option<Pos2> {
        let slot = self.slot(end)?;
        match slot.checked_sub(self.nodes.len()) {
            None => Some(self.nodes[slot].center),
            Some(client) => Some(self.clients[client].1),
        }
    }

    /// Returns one direction of a link from rim to rim: each direction keeps to its right.
    pub(super) fn lane(&self, from: Endpoint, to: Endpoint) -> Option<[Pos2; 2]> {
        let (a, b) = (self.center(from)?, self.center(to)?);
        let along = (b - a).normalized();
        let aside = vec2(-along.y, along.x) * LANE.min(self.radius * 0.2);
        let (leave, arrive) = (self.rim(from, along), self.rim(to, -along));
        Some([a + along * leave + aside, b - along * arrive + aside])
    }

    /// Returns how far from its center frames leave an endpoint in a direction.
    fn rim(&self, end: Endpoint, along: Vec2) -> f32 {
        match end {
            Endpoint::Node(_) => self.radius + RIM * (self.radius / CARD_RADIUS).max(0.45),
            Endpoint::Client(_) => {
                let half = self.client_size / 2.0 + Vec2::splat(4.0);
                (half.x / along.x.abs().max(1e-3)).min(half.y / along.y.abs().max(1e-3))
            }
        }
    }

    /// Returns the rectangle beside a node in which its log and numbers are.
    pub(super) fn block(&self, node: &Placed) -> Rect {
        let role = self.role_line(node);
        let (gap, x) = (self.radius + BLOCK_GAP, node.center.x);
        let outer = if x < 0.0 { x + BLOCK_INNER - BLOCK_WIDTH } else { x - BLOCK_INNER };
        let left = match node.side {
            Side::Right | Side::Raised => x + gap,
            Side::Left => x - gap - BLOCK_WIDTH,
            Side::Above | Side::Below => outer,
        };
        let below = if self.detail { BLOCK_BOTTOM } else { BLOCK_BOTTOM_SHORT };
        Rect::from_x_y_ranges(left..=left + BLOCK_WIDTH, role - BLOCK_TOP..=role + below)
    }

    /// Returns the height at which the role of a node is written.
    pub(super) fn role_line(&self, node: &Placed) -> f32 {
        let below_center = match node.side {
            Side::Left | Side::Right if self.detail => ROLE_BESIDE,
            Side::Left | Side::Right => ROLE_BESIDE_SHORT,
            Side::Raised => ROLE_RAISED,
            Side::Above => ROLE_ABOVE,
            Side::Below => ROLE_BELOW,
        };
        node.center.y + below_center
    }

    /// Returns the rectangle around a node with its arc and crown.
    pub(super) fn disc(&self, node: &Placed) -> Rect {
        Rect::from_center_size(node.center, Vec2::splat(2.0 * (self.radius + RIM * 0.6)))
    }

    /// Returns the direction from the middle of the picture to a node.
    pub(super) fn outward(&self, node: &Placed) -> Vec2 {
        let outward = (node.center - self.middle).normalized();
        if outward == Vec2::ZERO { vec2(0.0, -1.0) } else { outward }
    }

    fn crowded(&self, growth: usize) -> bool {
        if !self.cards {
            // Neighbors on a ring are next to each other in the list, so looking at a few of them is enough.
            let near = |i: usize| self.nodes[i + 1..].iter().take(3).any(|b| self.near(&self.nodes[i], b));
            let ends = self.nodes.first().zip(self.nodes.last()).is_some_and(|(a, b)| self.near(a, b));
            return ends || (0..self.nodes.len()).any(near);
        }
        let extent = |node: &Placed| [self.disc(node), self.block(node)];
        let clients: Vec<Rect> =
            self.clients.iter().map(|(_, at)| Rect::from_center_size(*at, self.client_size)).collect();
        // A picture with more clients than fit beside the nodes stays as it is.
        let clients: &[Rect] = if growth > 40 { &[] } else { &clients };
        self.nodes.iter().enumerate().any(|(i, node)| {
            let mine = extent(node);
            let others = self.nodes[i + 1..].iter().flat_map(extent).chain(clients.iter().copied());
            others.into_iter().any(|other| mine.iter().any(|rect| rect.intersects(other)))
        })
    }

    fn near(&self, a: &Placed, b: &Placed) -> bool {
        a.center.distance(b.center) < DOT_PITCH * 0.92
    }
}

/// How the world is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Camera {
    /// Points per world unit.
    pub(super) scale: f32,
    /// Where the center of the world is, in points.
    pub(super) origin: Pos2,
}

impl Camera {
    /// Returns the place on the screen.
    pub(super) fn screen(&self, world: Pos2) -> Pos2 {
        self.origin + world.to_vec2() * self.scale
    }

    /// Returns the rectangle on the screen.
    pub(super) fn screen_rect(&self, world: Rect) -> Rect {
        Rect::from_min_max(self.screen(world.min), self.screen(world.max))
    }
}

/// Returns how far a frame has come, 0 to 1.
pub(super) fn progress(sent: Timestamp, due: Timestamp, at: Timestamp) -> f32 {
    if at >= due {
        return 1.0;
    }
    (at.since(sent).as_secs_f64() / due.since(sent).as_secs_f64()) as f32
}

/// A dropped frame in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fall {
    /// Has come this far, and has not met its end.
    OnItsWay(f32),
    /// Falls at this share of its way; the second number runs from 0 to 1.
    Falling(f32, f32),
}

/// Returns where a dropped frame is. A link decides at once, but the eye must see the frame come to the place.
pub(super) fn fall(drop: &Dropped, at: Timestamp) -> Option<Fall> {
    let place = drop_place(drop.reason, drop.msg);
    let flight = &drop.flight;
    let way = flight.due.since(flight.sent).mul_f32(place).min(AFTERGLOW / 2);
    let met = (flight.sent + way).max(drop.at);
    if at < met {
        return Some(Fall::OnItsWay(progress(flight.sent, flight.due, at).min(place)));
    }
    let lasts = AFTERGLOW.saturating_sub(met.since(drop.at));
    let age = at.since(met).as_secs_f32() / lasts.as_secs_f32();
    (age < 1.0).then_some(Fall::Falling(place, age))
}

fn drop_place(reason: DropReason, msg: MsgId) -> f32 {
    match reason {
        DropReason::Cut | DropReason::Flap => 0.5,
        DropReason::ByHand => 0.8,
        // Looks random, and is the same whenever the moment is shown again.
        DropReason::Loss | DropReason::Burst => {
            0.3 + 0.4 * (msg.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u64 << 24) as f32
        }
        DropReason::SenderDown | DropReason::QueueFull => 0.0,
        DropReason::ReceiverDown
        | DropReason::BufferFull
        | DropReason::Reset
        | DropReason::Corrupt
        | DropReason::HalfOpen => 1.0,
    }
}

/// Returns the outline of a lasso: what was drawn, or, while it is hardly more than a stroke, the rectangle around it.
pub(super) fn lasso_outline(drawn: &[Pos2]) -> Vec<Pos2> {
    let around = Rect::from_points(drawn);
    let doubled: f32 =
        drawn.iter().zip(drawn.iter().cycle().skip(1)).map(|(a, b)| a.x * b.y - b.x * a.y).sum::<f32>().abs();
    if drawn.len() > 2 && doubled / 2.0 > 0.3 * around.area() {
        return drawn.to_vec();
    }
    vec![around.left_top(), around.right_top(), around.right_bottom(), around.left_bottom()]
}

/// Returns whether a point is inside a closed outline (even-odd rule).
pub(super) fn inside(outline: &[Pos2], at: Pos2) -> bool {
    let crossings = outline
        .iter()
        .zip(outline.iter().cycle().skip(1))
        .filter(|(a, b)| (a.y > at.y) != (b.y > at.y) && at.x < a.x + (b.x - a.x) * (at.y - a.y) / (b.y - a.y));
    crossings.count() % 2 == 1
}

/// Returns how far a point is from a line segment.
pub(super) fn distance_to_segment(at: Pos2, [a, b]: [Pos2; 2]) -> f32 {
    let along = b - a;
    let share = ((at - a).dot(along) / along.length_sq().max(1e-6)).clamp(0.0, 1.0);
    at.distance(a + along * share)
}
