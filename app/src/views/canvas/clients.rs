//! Clients: part of the picture, with what became of their operations.

use std::collections::BTreeMap;

use cluster_core::{
    event::Outcome,
    ids::ClientId,
    trace::{AFTERGLOW, ClientState, ClusterState},
};
use egui::{Align2, Color32, Pos2, Rect, Stroke, StrokeKind, vec2};

use super::{
    Scene,
    glyphs::{Pen, mix},
};
use crate::{action::Selection, ctx::ViewCtx, theme::Theme};

/// Returns how many operations of each client have no outcome yet.
pub(super) fn open_ops(state: &ClusterState) -> BTreeMap<ClientId, usize> {
    let mut open = BTreeMap::new();
    for op in state.ops.values() {
        *open.entry(op.client).or_default() += 1;
    }
    open
}

/// Returns the label by which screen readers and tests find a client.
pub(super) fn label(id: ClientId, client: &ClientState, open: usize) -> String {
    let ClientState { ok, failed, unanswered, visitor, .. } = client;
    let kind = visitor.as_ref().map_or("client".to_owned(), |visitor| format!("{} client", visitor.speaks));
    format!("{kind} {id}, {open} in flight, {ok} ok, {failed} refused, {unanswered} without answer")
}

/// Returns what a client is called in the picture: one from outside by what it calls itself, or what it speaks.
pub(super) fn name(id: ClientId, client: &ClientState) -> String {
    match &client.visitor {
        _ if id == ClientId(0) => "you".to_owned(),
        None => id.to_string(),
        Some(visitor) if visitor.name.is_empty() => visitor.speaks.to_string(),
        Some(visitor) => visitor.name.chars().take(NAME_SHOWN).collect(),
    }
}

/// How much of a visitor's name fits.
const NAME_SHOWN: usize = 9;

/// Paints one client.
pub(super) fn paint_client(
    pen: &Pen<'_>,
    ctx: &ViewCtx<'_>,
    scene: &Scene,
    (id, center): (ClientId, Pos2),
    client: &ClientState,
    open: usize,
) {
    let pen = &Pen { scale: pen.scale * scene.layout.client_zoom, ..*pen };
    let theme = pen.theme;
    let rect = scene.camera.screen_rect(Rect::from_center_size(center, scene.layout.client_size));
    let corner = rect.height() * 0.3;
    let flash = flash(ctx, client);
    let (color, glow) = flash.unwrap_or((theme.line, 0.0));
    let edge = Stroke::new(pen.px(1.2 + glow).max(1.0), mix(theme.line, color, glow));
    pen.painter.rect(rect, corner, mix(theme.surface, color, 0.16 * glow), edge, StrokeKind::Inside);
    if *ctx.selection == Selection::Client(id) {
        pen.painter.rect_stroke(rect.expand(pen.px(4.0)), corner, Stroke::new(2.0, theme.accent), StrokeKind::Middle);
    }
    let name = name(id, client);
    if scene.layout.client_size.y < 30.0 * scene.layout.client_zoom {
        pen.text(rect.center(), Align2::CENTER_CENTER, 11.0, theme.text, &name);
        return;
    }
    let row = |share: f32| rect.top() + rect.height() * share;
    let left = rect.left() + pen.px(11.0);
    pen.name(egui::pos2(left, row(0.31)), Align2::LEFT_CENTER, 13.0, theme.text, &name);
    let right = egui::pos2(rect.right() - pen.px(10.0), row(0.31));
    let waits = if open == 0 { "idle".to_owned() } else { format!("{open} in flight") };
    pen.text(right, Align2::RIGHT_CENTER, 11.5, theme.text_weak, &waits);
    paint_tallies(pen, theme, rect, row(0.7), client);
}

/// Paints the connections of clients from outside: what they carry is no frame of ours, but whose door it is can be seen.
pub(super) fn paint_visits(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene) {
    for (client, state) in &ctx.state.clients {
        let Some(visitor) = &state.visitor else { continue };
        if let Some(lane) = scene.layout.lane((*client).into(), visitor.node.into()) {
            let ends = lane.map(|end| scene.camera.screen(end));
            pen.painter.line_segment(ends, pen.stroke(1.0, pen.theme.line));
        }
    }
}

/// Ok, refused and unanswered: a sign, a number, a color.
fn paint_tallies(pen: &Pen<'_>, theme: &Theme, rect: Rect, y: f32, client: &ClientState) {
    let tallies = [(client.ok, theme.good), (client.failed, theme.warn), (client.unanswered, theme.bad)];
    let mut x = rect.left() + pen.px(15.0);
    let step = rect.width() / 3.2;
    for (i, (count, color)) in tallies.into_iter().enumerate() {
        let color = if count == 0 { theme.text_weak.gamma_multiply(0.6) } else { color };
        let sign = egui::pos2(x, y);
        let stroke = pen.stroke(1.6, color);
        match i {
            0 => {
                let tick = [vec2(-4.0, 0.0), vec2(-1.0, 3.0), vec2(4.0, -4.0)].map(|at| sign + at * pen.scale);
                pen.painter.line(tick.to_vec(), stroke);
            }
            1 => pen.cross(sign, 7.0, stroke),
            _ => {
                pen.text(sign, Align2::CENTER_CENTER, 12.0, color, "?");
            }
        }
        pen.figures(sign + vec2(pen.px(7.0), 0.0), Align2::LEFT_CENTER, 11.0, color, &short(count));
        x += step;
    }
}

/// Returns a number in at most four characters.
pub(super) fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// Returns the color of the latest outcome and how bright it still is.
fn flash(ctx: &ViewCtx<'_>, client: &ClientState) -> Option<(Color32, f32)> {
    let (when, _, outcome) = client.last.as_ref()?;
    let age = ctx.at.since(*when).as_secs_f32() / AFTERGLOW.as_secs_f32();
    let color = match outcome {
        Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => ctx.theme.good,
        Outcome::Failed(_) => ctx.theme.warn,
        Outcome::NoAnswer => ctx.theme.bad,
    };
    (age < 1.0).then_some((color, (1.0 - age).powi(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_at_most_four_characters() {
        let shorts = [0, 9_999, 10_000, 999_999, 1_000_000].map(short);
        assert_eq!(shorts, ["0", "9999", "10k", "999k", "1M"]);
    }
}
