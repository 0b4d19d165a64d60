//! Nodes: role by shape and word, epoch by tint, patience by an arc, and four different pictures of being broken.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::{
    event::RoleKind,
    ids::{LogIndex, NodeId},
    registry,
    time::Timestamp,
    trace::{ClusterState, NodeState, NodeStatus},
};
use egui::{Align2, Color32, Pos2, Stroke, vec2};

use super::{
    Scene, ailments, crowd,
    glyphs::{Pen, mix, on_circle},
    layout::{BLOCK_WIDTH, Placed, RIM, Side},
    logs,
    opinions::{self, Said},
};
use crate::{ctx::ViewCtx, theme::Theme, widgets::machine};

/// What is true of nodes although none of them may know it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Believe to lead, and reach no majority.
    pub(super) powerless: BTreeSet<NodeId>,
    /// Reach nobody, or are reached by nobody.
    pub(super) isolated: BTreeSet<NodeId>,
    /// Have applied as much as another and have another state.
    pub(super) diverged: BTreeSet<NodeId>,
    /// Of whom others say that they are suspect, or dead.
    pub(super) said: BTreeMap<NodeId, Said>,
}

/// Beyond this many nodes, majorities are not counted for the picture.
const COUNTED_MAX: usize = 200;

impl Truth {
    /// Returns what is true of nodes that replicate one state, or have one each.
    pub(super) fn of(state: &ClusterState, replicates: bool) -> Self {
        if state.nodes.len() > COUNTED_MAX {
            return Self::default();
        }
        if !replicates {
            return Self { isolated: isolated(state), ..Self::default() };
        }
        let powerless = state.leaders().map(|(node, _)| node).filter(|node| !state.quorum_connected(*node)).collect();
        Self { powerless, isolated: isolated(state), diverged: diverged(state), said: Said::of(state) }
    }
}

fn isolated(state: &ClusterState) -> BTreeSet<NodeId> {
    let cut = state.links.iter().filter(|(_, link)| link.rules.cut);
    let mut apart: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
    for ((from, to), _) in cut {
        if let (Some(a), Some(b)) = (from.node(), to.node()) {
            apart.entry(a).or_default().insert(b);
            apart.entry(b).or_default().insert(a);
        }
    }
    let all = state.nodes.len().saturating_sub(1);
    apart.into_iter().filter(|(_, from)| all > 0 && from.len() == all).map(|(node, _)| node).collect()
}

fn diverged(state: &ClusterState) -> BTreeSet<NodeId> {
    let mut by_index: BTreeMap<LogIndex, Vec<(NodeId, u64)>> = BTreeMap::new();
    for (node, at) in state.nodes.iter().filter(|(_, at)| at.status.is_running()) {
        by_index.entry(at.view.applied_index).or_default().push((*node, at.view.state_hash));
    }
    let mut diverged = BTreeSet::new();
    for group in by_index.values() {
        let alike = |hash: u64| group.iter().filter(|(_, other)| *other == hash).count();
        // Whoever is with more than half is what the others differ from.
        let odd = group.iter().filter(|(_, hash)| 2 * alike(*hash) <= group.len());
        if group.iter().any(|(_, hash)| *hash != group[0].1) {
            diverged.extend(odd.map(|(node, _)| *node));
        }
    }
    diverged
}

/// Returns the label by which screen readers and tests find a node.
pub(super) fn label(ctx: &ViewCtx<'_>, node: NodeId, state: &NodeState) -> String {
    let spec_protocol = &ctx.store.spec().protocol;
    let status = match &state.status {
        NodeStatus::Up => role_word(state),
        NodeStatus::Starting
        | NodeStatus::Frozen
        | NodeStatus::Crashed
        | NodeStatus::PoweredOff
        | NodeStatus::Stopped
        | NodeStatus::Failed(_) => state.status.word(),
    };
    let mut words = format!("node {}, {status}, {}", ctx.names.full(node), epoch_or_state(spec_protocol, state));
    for ailment in machine::ailments(state) {
        words = format!("{words}, {ailment}");
    }
    words + &opinions::doubts(state, ctx.names)
}

fn epoch_word(protocol: &str) -> &'static str {
    registry::protocol(protocol).map_or("term", |row| row.epoch_word)
}

/// Returns the epoch of a node; of a server on its own, what it holds.
fn epoch_or_state(protocol: &str, state: &NodeState) -> String {
    if registry::protocol(protocol).is_none_or(|row| row.replicates) {
        return format!("{} {}", epoch_word(protocol), state.view.epoch);
    }
    if let Some(detector) = state.view.detector {
        return detector.incarnation.to_string();
    }
    extra(state, "holds").chars().take(HELD_SHOWN).collect()
}

/// How wide a name may be in its circle, in radii.
const NAME_WIDTH: f32 = 1.6;
/// How much of what a server holds fits into its circle.
const HELD_SHOWN: usize = 14;

/// Returns what a node shows of itself by that name; nothing if it does not.
fn extra<'s>(state: &'s NodeState, name: &str) -> &'s str {
    state.view.extra.iter().find(|(known, _)| known.as_str() == name).map_or("", |(_, value)| value)
}

fn role_word(state: &NodeState) -> &'static str {
    match (state.view.role_name.as_str(), state.view.role) {
        ("", RoleKind::Follower) => "follower",
        ("", RoleKind::Candidate) => "candidate",
        ("", RoleKind::Leader) => "leader",
        ("", RoleKind::Learner) => "learner",
        (word, _) => word,
    }
}

/// Says in words what the picture shows of a node, and what has no room in it.
pub(super) fn tooltip_ui(ui: &mut egui::Ui, ctx: &ViewCtx<'_>, node: NodeId) {
    let Some(state) = ctx.state.nodes.get(&node) else { return };
    ui.strong(label(ctx, node, state));
    match &state.status {
        NodeStatus::Failed(failure) => drop(ui.label(failure.to_string())),
        NodeStatus::Up if !state.view.waiting_for.is_empty() => drop(ui.label(ctx.names.told(&state.view.waiting_for))),
        NodeStatus::Up => {}
        NodeStatus::Starting
        | NodeStatus::Frozen
        | NodeStatus::Crashed
        | NodeStatus::PoweredOff
        | NodeStatus::Stopped => {
            ui.label(format!("since {}", state.since));
        }
    }
    if let Some(leader) = state.view.leader.filter(|leader| *leader != node) {
        ui.label(format!("believes that {} leads", ctx.names.full(leader)));
    }
    ui.weak("Right-click to break it");
}

/// Paints one node with everything that belongs to it.
pub(super) fn paint_node(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, placed: &Placed, state: &NodeState) {
    let center = scene.camera.screen(placed.center);
    let radius = scene.layout.radius;
    let tint = pen.theme.epoch(state.view.epoch.0);
    if ctx.selection.has_node(placed.id) {
        pen.painter.circle_stroke(center, pen.px(radius + 0.75 * RIM), Stroke::new(2.0, pen.theme.accent));
    }
    paint_body(pen, center, radius, tint, state);
    paint_arc(pen, ctx.at, (center, radius, scene.layout.cards), tint, state);
    ailments::paint_snail_ring(pen, center, radius, state, timer_left(state, ctx.at));
    ailments::paint_rim(pen, ctx.at, center, radius, state);
    if state.view.role == RoleKind::Leader && state.status.is_running() {
        let solid = !scene.truth.powerless.contains(&placed.id);
        pen.crown(center - vec2(0.0, pen.px(radius + radius * 0.28)), radius * 0.72, tint, solid);
    }
    if scene.layout.cards {
        paint_inside(pen, ctx, (center, radius), placed.id, state);
        opinions::paint_opinions(pen, scene, center, placed.id, state);
        paint_block(pen, ctx, scene, placed, state);
    } else {
        crowd::paint_small(pen, &ctx.names.short(placed.id), radius, center, state);
    }
}

fn paint_body(pen: &Pen<'_>, center: Pos2, radius: f32, tint: Color32, state: &NodeState) {
    let theme = pen.theme;
    let (disc, thin) = (pen.px(radius), radius / 22.0);
    let fill = |share: f32| pen.painter.circle_filled(center, disc, mix(theme.surface, tint, share));
    let ringed = |share: f32, ring| pen.painter.circle(center, disc, mix(theme.surface, tint, share), ring);
    let weight = if theme.dark { 1.0 } else { 0.75 };
    match (&state.status, state.view.role) {
        (NodeStatus::Up, RoleKind::Leader) => {
            ringed(0.34 * weight, pen.stroke(thin * 3.0, tint));
        }
        (NodeStatus::Up, RoleKind::Follower) => {
            ringed(0.17 * weight, pen.stroke(thin, tint));
        }
        (NodeStatus::Up, RoleKind::Candidate) => {
            fill(0.17 * weight);
            paint_votes(pen, center, radius, tint, state);
        }
        (NodeStatus::Up, RoleKind::Learner) => {
            fill(0.1 * weight);
            pen.broken_ring(center, radius, 26, 0.3, pen.stroke(thin * 1.6, tint));
        }
        (NodeStatus::Frozen, _) => {
            pen.painter.circle_filled(center, disc, mix(theme.surface, theme.frost, 0.16));
            pen.painter.circle_stroke(center, disc, pen.stroke(thin * 1.4, theme.frost));
            pen.frost(center, radius, pen.stroke(thin * 0.9, theme.frost));
        }
        (NodeStatus::Starting, _) => pen.broken_ring(center, radius, 12, 0.4, pen.stroke(thin, theme.down)),
        (NodeStatus::Crashed | NodeStatus::PoweredOff | NodeStatus::Stopped | NodeStatus::Failed(_), _) => {
            pen.painter.circle(center, disc, theme.background, pen.stroke(thin, theme.down));
        }
    }
}

/// One part of the ring for each voter, filled for each vote.
fn paint_votes(pen: &Pen<'_>, center: Pos2, radius: f32, tint: Color32, state: &NodeState) {
    let voters = state.view.voters.len().max(state.view.votes.len()).max(3);
    let part = 1.0 / voters as f32;
    for i in 0..voters {
        let (from, to) = (i as f32 * part + part * 0.1, (i as f32 + 0.9) * part);
        if i < state.view.votes.len() {
            pen.arc(center, radius, from, to, pen.stroke(radius / 7.0, tint));
        } else {
            let dashes = 3;
            for dash in 0..dashes {
                let start = from + (to - from) * dash as f32 / dashes as f32;
                pen.arc(
                    center,
                    radius,
                    start,
                    start + (to - from) * 0.55 / dashes as f32,
                    pen.stroke(radius / 22.0, tint),
                );
            }
        }
    }
}

/// What is left of the node's patience, from 12 o'clock clockwise. A frozen node's clock stands still.
fn paint_arc(
    pen: &Pen<'_>,
    at: Timestamp,
    (center, radius, detailed): (Pos2, f32, bool),
    tint: Color32,
    state: &NodeState,
) {
    let (now, color) = match state.status {
        NodeStatus::Up => (at, mix(pen.theme.text_weak, tint, 0.25)),
        NodeStatus::Frozen => (state.since, pen.theme.frost),
        NodeStatus::Starting
        | NodeStatus::Crashed
        | NodeStatus::PoweredOff
        | NodeStatus::Stopped
        | NodeStatus::Failed(_) => return,
    };
    let Some(left) = timer_left(state, now) else { return };
    let ring = radius + radius * 0.17;
    let stroke = pen.stroke(radius / 17.0, color.gamma_multiply(0.85));
    pen.arc(center, ring, 0.0, left, stroke);
    // A crowd has no room for more than the arc itself.
    if detailed {
        pen.painter.circle_stroke(center, pen.px(ring), pen.stroke(radius / 40.0, color.gamma_multiply(0.16)));
        pen.painter.circle_filled(on_circle(center, pen.px(ring), left), pen.px(radius / 15.0).max(1.2), color);
    }
}

/// Returns which share of the timer is left.
pub(super) fn timer_left(state: &NodeState, now: Timestamp) -> Option<f32> {
    let timer = state.view.timer?;
    let whole = timer.until.since(timer.from).as_secs_f32();
    (whole > 0.0).then(|| (timer.until.since(now).as_secs_f32() / whole).clamp(0.0, 1.0))
}

/// Paints the sign of a node that does not run as it should. Returns whether there is one.
pub(super) fn paint_sign(pen: &Pen<'_>, at: Pos2, size: f32, state: &NodeState) -> bool {
    let theme = pen.theme;
    let bold = |color| pen.stroke(size / 7.0, color);
    match &state.status {
        NodeStatus::Up | NodeStatus::Starting => return false,
        NodeStatus::Crashed => pen.cross(at, size, bold(theme.bad)),
        NodeStatus::PoweredOff => pen.power(at, size, bold(theme.bad)),
        NodeStatus::Stopped => {
            let square = egui::Rect::from_center_size(at, egui::Vec2::splat(pen.px(size * 0.8)));
            pen.painter.rect_filled(square, pen.px(size * 0.1), theme.down);
        }
        NodeStatus::Frozen => {
            let turn = timer_left(state, state.since).unwrap_or(0.3);
            pen.stopped_clock(at, size, turn, pen.stroke(size / 9.0, theme.frost));
        }
        NodeStatus::Failed(_) => {
            let (x, y) = (pen.px(size * 0.55), pen.px(size * 0.5));
            let triangle = vec![at + vec2(-x, y), at + vec2(0.0, -y), at + vec2(x, y)];
            pen.painter.add(egui::epaint::PathShape::closed_line(triangle, bold(theme.bad)));
        }
    }
    true
}

fn paint_inside(pen: &Pen<'_>, ctx: &ViewCtx<'_>, (center, radius): (Pos2, f32), node: NodeId, state: &NodeState) {
    let theme = pen.theme;
    let at = |dy: f32| center + vec2(0.0, pen.px(dy));
    let name = ctx.names.short(node);
    let wide = NAME_WIDTH * radius;
    if paint_sign(pen, at(-11.0), 20.0, state) {
        let color = if state.status.is_running() { theme.text } else { theme.text_weak };
        pen.name_within(at(14.0), Align2::CENTER_CENTER, (17.0, wide), color, &name);
        return;
    }
    pen.name_within(at(-7.0), Align2::CENTER_CENTER, (22.0, wide), theme.text, &name);
    let mut epoch = epoch_or_state(&ctx.store.spec().protocol, state);
    if ctx.names.own(node).is_some() {
        epoch = format!("{node} · {epoch}");
    }
    pen.text(at(14.0), Align2::CENTER_CENTER, 12.0, theme.text, &epoch);
}

/// What is written beside a node: role, log, numbers, what it waits for.
fn paint_block(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, placed: &Placed, state: &NodeState) {
    let theme = pen.theme;
    let block = scene.camera.screen_rect(scene.layout.block(placed));
    let (near, align) = match placed.side {
        Side::Right | Side::Raised | Side::Above | Side::Below => (block.left(), Align2::LEFT_CENTER),
        Side::Left => (block.right(), Align2::RIGHT_CENTER),
    };
    let role = scene.camera.screen(egui::pos2(0.0, scene.layout.role_line(placed))).y;
    let at = |dy: f32| egui::pos2(near, role + pen.px(dy));
    let (word, color) = status_word(theme, state);
    pen.name(at(0.0), align, 13.5, color, word);
    let ailments_at = paint_badges(pen, scene, placed, at(-18.0), align);
    ailments::paint_badges(pen, ctx.at, ailments_at, align, state);
    if let Some(words) = opinions::words(state) {
        pen.text(at(16.5), align, 11.5, theme.text_weak, &words);
        return;
    }
    if !state.view.opinions.is_empty() {
        return;
    }
    paint_hash(pen, scene, placed, state, role, block);
    logs::paint_strip(pen, ctx.at, &scene.window, state, egui::pos2(block.left(), role + pen.px(11.5)));
    if !scene.layout.detail {
        return;
    }
    let (commit, applied) = (state.view.commit_index, state.view.applied_index);
    let numbers = match registry::protocol(&ctx.store.spec().protocol).is_none_or(|row| row.replicates) {
        true => format!("commit {commit}, applied {applied}"),
        // How many it can know at most is said where there is room.
        false => format!("executed {applied}, {} known", extra(state, "remembers").split(' ').next().unwrap_or("0")),
    };
    pen.text(at(36.0), align, 11.5, theme.text_weak, &numbers);
    let waits = if state.status == NodeStatus::Up { state.view.waiting_for.as_ref() } else { "" };
    let top = Align2([align.x(), egui::Align::Min]);
    pen.text_wrapped(at(43.5), top, 11.0, theme.text_weak, &ctx.names.told(waits), BLOCK_WIDTH);
}

pub(super) fn status_word(theme: &Theme, state: &NodeState) -> (&'static str, Color32) {
    match state.status {
        NodeStatus::Up => (role_word(state), theme.text),
        NodeStatus::Starting | NodeStatus::Stopped => (state.status.word(), theme.text_weak),
        NodeStatus::Frozen => (state.status.word(), theme.frost),
        NodeStatus::Crashed | NodeStatus::PoweredOff | NodeStatus::Failed(_) => (state.status.word(), theme.bad),
    }
}

/// Where belief and truth differ, the truth stands beside.
fn paint_badges(pen: &Pen<'_>, scene: &Scene, placed: &Placed, at: Pos2, align: Align2) -> Pos2 {
    let badges = [
        (scene.truth.powerless.contains(&placed.id), "no majority", pen.theme.warn),
        (scene.truth.isolated.contains(&placed.id), "isolated", pen.theme.bad),
        (scene.truth.diverged.contains(&placed.id), "other state", pen.theme.bad),
    ];
    let mut next = at;
    let said = scene.truth.said.get(&placed.id);
    let words = said.map(|said| said.words()).unwrap_or_default();
    let color = if said.is_some_and(|said| said.is_dead_to_some()) { pen.theme.bad } else { pen.theme.warn };
    let badges = badges.into_iter().chain([(said.is_some(), words.as_str(), color)]);
    for (_, word, color) in badges.filter(|badge| badge.0) {
        let rect = pen.pill(next, align, 12.5, color, word);
        let step = rect.width() + pen.px(4.0);
        next.x += if placed.side == Side::Left { -step } else { step };
    }
    // What ails the machine has a line of its own above.
    if next == at { at } else { at - vec2(0.0, pen.px(18.0)) }
}

/// The picture of the state's hash, at the far end of the line of the role.
fn paint_hash(pen: &Pen<'_>, scene: &Scene, placed: &Placed, state: &NodeState, y: f32, block: egui::Rect) {
    // Nothing has a hash, but no picture that anyone could compare.
    if !state.status.is_running() || state.view.keys == 0 || pen.px(11.0) < 5.0 {
        return;
    }
    let color = if scene.truth.diverged.contains(&placed.id) { pen.theme.bad } else { pen.theme.text_weak };
    let size = 11.0;
    // Digits that are too small to be read say no more than the picture does.
    let hex = if scene.layout.detail { format!("{:04x}", state.view.state_hash >> 48) } else { String::new() };
    let icon = match placed.side {
        Side::Right | Side::Raised | Side::Above | Side::Below => {
            let text = pen.figures(egui::pos2(block.right(), y), Align2::RIGHT_CENTER, 11.0, color, &hex);
            egui::pos2(text.left() - pen.px(size + 4.0), y - pen.px(size / 2.0))
        }
        Side::Left => {
            let text = pen.figures(egui::pos2(block.left(), y), Align2::LEFT_CENTER, 11.0, color, &hex);
            egui::pos2(text.right() + pen.px(4.0), y - pen.px(size / 2.0))
        }
    };
    pen.identicon(icon, size, state.view.state_hash, color);
}
