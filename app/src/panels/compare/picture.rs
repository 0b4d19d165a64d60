//! The cluster in small: who leads, who is down, how far each has come, what is under way; what differs from the other run
//! has a ring.

use std::{collections::BTreeSet, f32::consts::TAU};

use cluster_core::{
    event::RoleKind,
    ids::{Endpoint, NodeId},
    trace::{ClusterState, NodeState, NodeStatus},
};
use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme::{SMALL_SIZE, SPACE, TEXT_SIZE, mix},
};

/// The radius of a node in a cluster of a few, and the least that can be seen.
const RADIUS_PX: (f32, f32) = (22.0, 5.0);
/// How many frames under way are painted; no more could be told apart.
const FLIGHTS_MAX: usize = 400;
/// Below this radius, nodes have no words beside them.
const WORDS_MIN_PX: f32 = 12.0;

/// Lays the picture out over the room that is left. A click selects a node in both runs.
pub(super) fn picture_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, other: &ClusterState) {
    let place = ui.available_rect_before_wrap();
    ui.advance_cursor_after_rect(place);
    let painter = ui.painter_at(place);
    let places = layout_nodes(ctx.state, place);
    for ((from, to), link) in &ctx.state.links {
        if let (Some(from), Some(to)) = (end(&places, *from), end(&places, *to))
            && !link.rules.is_healthy()
        {
            paint_broken(&painter, ctx, from, to, link.rules.cut);
        }
    }
    for flight in ctx.state.flights.values().take(FLIGHTS_MAX) {
        if let (Some(from), Some(to)) = (end(&places, flight.from), end(&places, flight.to)) {
            let whole = flight.due.since(flight.sent).as_secs_f32().max(f32::EPSILON);
            let share = (ctx.at.since(flight.sent).as_secs_f32() / whole).clamp(0.0, 1.0);
            painter.circle_filled(from + (to - from) * share, 2.5, ctx.theme.family(flight.info.family));
        }
    }
    let differing = differing(ctx.state, other);
    let words = places.radius >= WORDS_MIN_PX;
    for (node, center) in &places.centers {
        let Some(state) = ctx.state.nodes.get(node) else { continue };
        let differs = differing.contains(node);
        paint_node(&painter, ctx, *node, state, (*center, places.radius), differs);
        if words {
            paint_words(&painter, ctx, state, (*center, places.radius));
        }
        let touch = Rect::from_center_size(*center, vec2(2.0, 2.0) * places.radius);
        let response = ui.interact(touch, ui.scope_id().with(node), Sense::click());
        let word = if differs { "differs" } else { "is the same" };
        let label = format!("{node}, {}, {word} in the other run", state.status.word());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &label));
        if response.clicked() {
            ctx.act(Action::Select(Selection::node(*node)));
        }
        response.on_hover_text(label);
    }
}

/// Where the nodes are, on a ring.
struct Places {
    centers: Vec<(NodeId, Pos2)>,
    radius: f32,
}

fn layout_nodes(state: &ClusterState, place: Rect) -> Places {
    let count = state.nodes.len().max(1) as f32;
    // Room for crowns above the outermost nodes, and for the words below them.
    let mut inner = place.shrink2(vec2(6.5 * SPACE, 4.5 * SPACE));
    inner.max.y -= 3.5 * SPACE;
    let (width, height) = (inner.width().max(8.0 * SPACE) / 2.0, inner.height().max(8.0 * SPACE) / 2.0);
    let radius = (1.6 * width.min(height) / count).clamp(RADIUS_PX.1, RADIUS_PX.0);
    let center = |at: usize| {
        let angle = TAU * (at as f32 / count - 0.25);
        inner.center() + vec2(angle.cos() * width, angle.sin() * height)
    };
    Places { centers: state.nodes.keys().enumerate().map(|(at, node)| (*node, center(at))).collect(), radius }
}

fn end(places: &Places, end: Endpoint) -> Option<Pos2> {
    let Endpoint::Node(node) = end else { return None };
    places.centers.iter().find(|(known, _)| *known == node).map(|(_, center)| *center)
}

/// Returns the nodes that are in another state in the other run.
fn differing(one: &ClusterState, other: &ClusterState) -> BTreeSet<NodeId> {
    let told = |state: &NodeState| {
        let view = &state.view;
        (state.status.clone(), view.role, view.epoch, view.leader, view.commit_index, view.state_hash, state.log.last())
    };
    let differs = |(node, state): (&NodeId, &NodeState)| {
        let same = other.nodes.get(node).is_some_and(|other| told(other) == told(state));
        (!same).then_some(*node)
    };
    one.nodes.iter().filter_map(differs).collect()
}

fn paint_broken(painter: &Painter, ctx: &ViewCtx<'_>, from: Pos2, to: Pos2, cut: bool) {
    let color = if cut { ctx.theme.bad } else { ctx.theme.warn };
    let stroke = Stroke::new(1.25, color.gamma_multiply(0.7));
    painter.extend(Shape::dashed_line(&[from, to], stroke, 5.0, 6.0));
}

fn paint_node(
    painter: &Painter,
    ctx: &ViewCtx<'_>,
    node: NodeId,
    state: &NodeState,
    (center, radius): (Pos2, f32),
    differs: bool,
) {
    let theme = ctx.theme;
    let up = state.status.is_running();
    let tint = if up { theme.epoch(state.view.epoch.0) } else { theme.down };
    let leads = up && state.view.role == RoleKind::Leader;
    let fill = if up { mix(theme.background, tint, if leads { 0.5 } else { 0.22 }) } else { theme.background };
    painter.circle(center, radius, fill, Stroke::new(if leads { 3.0 } else { 1.5 }, tint));
    if differs {
        painter.circle_stroke(center, radius + 4.0, Stroke::new(1.5, theme.warn));
    }
    if ctx.selection.has_node(node) {
        painter.circle_stroke(center, radius + 7.0, Stroke::new(1.5, theme.accent));
    }
    if leads {
        paint_crown(painter, center - vec2(0.0, radius + 2.0), 0.8 * radius, tint);
    }
    let color = if up { theme.text } else { theme.text_weak };
    painter.text(center, Align2::CENTER_CENTER, node.to_string(), FontId::proportional(TEXT_SIZE.min(radius)), color);
    if !up {
        let (a, b) = (vec2(0.7, 0.7) * radius, vec2(0.7, -0.7) * radius);
        for arm in [a, b] {
            painter.line_segment([center - arm, center + arm], Stroke::new(1.5, theme.bad.gamma_multiply(0.8)));
        }
    }
    if state.status == NodeStatus::Frozen {
        painter.circle_stroke(center, radius - 3.0, Stroke::new(2.0, theme.frost));
    }
}

fn paint_crown(painter: &Painter, foot: Pos2, width: f32, color: Color32) {
    for peak in [-1.0, 0.0, 1.0_f32] {
        let middle = foot + vec2(peak * width / 3.0, 0.0);
        let points =
            vec![middle + vec2(-width / 5.0, 0.0), middle - vec2(0.0, width / 2.0), middle + vec2(width / 5.0, 0.0)];
        painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    }
}

/// What a node is and how far it has come, below it.
fn paint_words(painter: &Painter, ctx: &ViewCtx<'_>, state: &NodeState, (center, radius): (Pos2, f32)) {
    let role = if state.status.is_running() { state.view.role_name.as_str() } else { state.status.word() };
    let lines = [
        (role.to_owned(), ctx.theme.text),
        (format!("{} of {}", state.view.commit_index, state.log.last()), ctx.theme.text_weak),
    ];
    for (line, (text, color)) in lines.into_iter().enumerate() {
        let at = pos2(center.x, center.y + radius + SPACE + line as f32 * 1.25 * SMALL_SIZE);
        painter.text(at, Align2::CENTER_TOP, text, FontId::proportional(SMALL_SIZE), color);
    }
}
