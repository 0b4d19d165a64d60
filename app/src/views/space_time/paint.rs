//! Paints the diagram: lanes with how their nodes fared, messages, operations, the ruler and the cursor.

use std::collections::BTreeMap;

use cluster_core::{
    command::Command,
    event::{EventKind, Family, RoleKind},
    ids::Endpoint,
    time::Timestamp,
    trace::{
        Broken, MarkKind as TapeMark, NodeStatus,
        causality::{Causality, Life},
        line,
    },
};
use egui::{Align2, Color32, FontId, Painter, Rangef, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

use super::{
    focus::Focus,
    items::{Items, OpEnd},
    layout::{Arrow, Bar, Fate, Filter, Row, Scene},
    lines::Lines,
};
use crate::{
    ctx::ViewCtx,
    theme::{self, space_time as sizes},
    widgets::axis::time_ticks,
};

/// What paints one frame of the diagram.
pub(super) struct Pen<'a> {
    pub(super) painter: &'a Painter,
    pub(super) ctx: &'a ViewCtx<'a>,
    pub(super) scene: &'a Scene,
    pub(super) causality: &'a Causality,
    /// What is looked at, if anything is.
    pub(super) focus: &'a Focus,
    /// How far the run is known, in seconds.
    pub(super) now: f64,
}

impl Pen<'_> {
    /// Paints everything behind the messages.
    pub(super) fn ground(&self) {
        let theme = self.ctx.theme;
        let scene = self.scene;
        self.painter.rect_filled(scene.lanes.expand2(vec2(0.0, 1.0)), theme::RADIUS, theme.background);
        self.ticks();
        self.folds();
        let rows: Vec<&Row> = scene.rows.iter().filter(|row| scene.sees(row.y)).collect();
        let inside = self.painter.with_clip_rect(scene.lanes);
        let mut lines = Lines::default();
        for row in &rows {
            match row.end {
                Endpoint::Node(_) => self.life(&inside, &mut lines, row),
                Endpoint::Client(_) => {
                    let stroke = Stroke::new(1.0, theme.line);
                    lines.line(pos2(scene.lanes.left(), row.y), pos2(scene.lanes.right(), row.y), stroke);
                }
            }
        }
        self.broken(&mut lines);
        self.cones(&mut lines, &rows);
        inside.add(lines.shape());
        let beside = self.painter.with_clip_rect(scene.names);
        rows.iter().for_each(|row| self.name(&beside, row));
    }

    fn ticks(&self) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let font = FontId::proportional(sizes::TEXT_PX);
        let open = scene.axis.pieces.iter().filter(|piece| !piece.folded);
        for piece in open {
            let count = (piece.x.span() / sizes::TICK_PX).max(1.0) as usize;
            for (secs, label) in time_ticks((piece.from, piece.to), count) {
                let x = scene.axis.x(secs);
                let line = Stroke::new(1.0, theme.line.gamma_multiply(0.55));
                self.painter.vline(x, Rangef::new(scene.ruler.bottom() - 4.0, scene.lanes.bottom()), line);
                let at = pos2(x, scene.ruler.bottom() - 6.0);
                if scene.ruler.shrink2(vec2(12.0, 0.0)).x_range().contains(x) {
                    self.painter.text(at, Align2::CENTER_BOTTOM, label, font.clone(), theme.text_weak);
                }
            }
        }
    }

    fn folds(&self) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        for piece in scene.axis.pieces.iter().filter(|piece| piece.folded) {
            let rect = Rect::from_x_y_ranges(piece.x, scene.lanes.y_range());
            self.painter.rect_filled(rect.shrink2(vec2(2.0, 0.0)), 2.0, theme.raised.gamma_multiply(0.7));
            let text = crate::format::duration(std::time::Duration::from_secs_f64((piece.to - piece.from).max(0.0)));
            let font = FontId::proportional(sizes::TEXT_PX - 1.5);
            let at = pos2(rect.center().x, scene.ruler.bottom() - 6.0);
            self.painter.text(at, Align2::CENTER_BOTTOM, text, font, theme.text_weak);
        }
    }

    /// How a node fared: the tint of its epoch, the weight of its role, gaps where it was down.
    fn life(&self, painter: &Painter, lines: &mut Lines, row: &Row) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let view = (scene.axis.secs(scene.lanes.left()), scene.axis.secs(scene.lanes.right()));
        let (from, to) = (Timestamp::from_secs_f64(view.0), Timestamp::from_secs_f64(view.1.min(self.now)));
        let spans = self.causality.lives().within(row.end, from, to);
        let half = (scene.lane_px * 0.32).min(16.0);
        for (at, span) in spans.iter().enumerate() {
            let until = spans.get(at + 1).map_or(to, |next| next.from);
            let x = |at: Timestamp| scene.axis.x(at.as_secs_f64().clamp(view.0, view.1));
            let (left, right) = (x(span.from), x(until));
            let (a, b) = (pos2(left, row.y), pos2(right, row.y));
            let band = Rect::from_min_max(pos2(left, row.y - half), pos2(right, row.y + half));
            match span.life {
                Life::Up(role, epoch) => {
                    let color = if epoch.0 == 0 { theme.down } else { theme.epoch(epoch.0) };
                    match role {
                        RoleKind::Leader => {
                            painter.rect_filled(band, 0.0, color.gamma_multiply(sizes::BAND_STRENGTH));
                            lines.line(a, b, Stroke::new(sizes::LEADER_PX, color));
                        }
                        RoleKind::Candidate => lines.dashed(a, b, Stroke::new(sizes::LINE_PX + 1.0, color), 5.0),
                        RoleKind::Learner => lines.dashed(a, b, Stroke::new(sizes::LINE_PX, color), 2.0),
                        RoleKind::Follower => lines.line(a, b, Stroke::new(sizes::LINE_PX, color.gamma_multiply(0.8))),
                    }
                }
                Life::Frozen => {
                    painter.rect_filled(band, 3.0, theme.frost.gamma_multiply(2.0 * sizes::BAND_STRENGTH));
                    lines.dashed(a, b, Stroke::new(sizes::LINE_PX, theme.frost), 3.0);
                    self.span_word(painter, band, "frozen", theme.frost);
                }
                Life::Down => {
                    painter.rect_filled(band, 3.0, theme.fault_shade);
                    lines.dashed(a, b, Stroke::new(1.0, theme.down), 2.0);
                    self.span_word(painter, band, "down", theme.bad);
                }
            }
        }
    }

    /// A word in a band, if there is room for it.
    fn span_word(&self, painter: &Painter, band: Rect, word: &str, color: Color32) {
        let band = band.intersect(self.scene.lanes);
        if band.width() > 48.0 && band.height() > 12.0 {
            let font = FontId::proportional(sizes::TEXT_PX);
            let galley = painter.layout_no_wrap(word.to_owned(), font, color);
            let place = Rect::from_center_size(band.center(), galley.size() + vec2(10.0, 0.0));
            painter.rect_filled(place, 3.0, self.ctx.theme.background);
            painter.galley(place.min + vec2(5.0, 0.0), galley, color);
        }
    }

    /// Links that are broken: a red line under the lane of the node whose way out or in it is.
    fn broken(&self, lines: &mut Lines) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let below = (0.5 * scene.lane_px - 2.0).min(11.0);
        let view = (scene.axis.secs(scene.lanes.left()), scene.axis.secs(scene.lanes.right()));
        // Of many links of one node that are broken at once there is one line.
        let mut stretches: BTreeMap<Endpoint, Vec<(f64, f64)>> = BTreeMap::new();
        for span in &self.ctx.store.timeline().spans {
            let Broken::Link((from, to)) = span.what else { continue };
            let (began, ended) = (span.from.as_secs_f64(), span.until.map_or(self.now, Timestamp::as_secs_f64));
            if ended < view.0 || began > view.1 {
                continue;
            }
            for end in [from, to] {
                let of = stretches.entry(end).or_default();
                match of.last_mut().filter(|last| began <= last.1) {
                    Some(last) => last.1 = last.1.max(ended),
                    None => of.push((began, ended)),
                }
            }
        }
        for (end, stretches) in stretches {
            let Some(y) = scene.y(end).filter(|y| scene.sees(*y)) else { continue };
            for (began, ended) in stretches {
                let at = |secs: f64| pos2(scene.axis.x(secs.clamp(view.0, view.1)), y + below);
                lines.line(at(began), at(ended), Stroke::new(2.0, theme.bad.gamma_multiply(0.6)));
            }
        }
    }

    /// How far the past and the future of what is looked at reach on each lane.
    fn cones(&self, lines: &mut Lines, rows: &[&Row]) {
        if self.focus.cone().is_none() {
            return;
        }
        let (theme, scene) = (self.ctx.theme, self.scene);
        let stroke = |color: Color32| Stroke::new(sizes::CONE_PX, color.gamma_multiply(sizes::CONE_STRENGTH));
        for row in rows {
            let (past, future) = self.focus.reach(row.end);
            let x = |at: Timestamp| scene.axis.x(at.as_secs_f64());
            if let Some(past) = past.map(x).filter(|x| *x > scene.lanes.left()) {
                let to = past.min(scene.lanes.right());
                lines.line(pos2(scene.lanes.left(), row.y), pos2(to, row.y), stroke(theme.past));
            }
            if let Some(future) = future.map(x).filter(|x| *x < scene.lanes.right()) {
                let (from, to) = (future.max(scene.lanes.left()), scene.axis.x(self.now).min(scene.lanes.right()));
                lines.line(pos2(from, row.y), pos2(to.max(from), row.y), stroke(theme.future));
            }
        }
    }

    fn name(&self, painter: &Painter, row: &Row) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        // On low lanes names would lie over each other: only as many as have room.
        let every = (sizes::NAME_PX * 0.8 / scene.lane_px).ceil().max(1.0) as usize;
        let number = scene.rows.iter().position(|other| other.end == row.end).unwrap_or(0);
        if !number.is_multiple_of(every) {
            return;
        }
        let right = scene.names.right() - 12.0;
        let size = sizes::NAME_PX.min(scene.lane_px - 1.0);
        let (color, words, leads) = match row.end {
            Endpoint::Client(_) => (theme.family(Family::Client), None, false),
            Endpoint::Node(node) => {
                let state = self.ctx.state.nodes.get(&node);
                let view = state.filter(|state| state.status == NodeStatus::Up).map(|state| &state.view);
                let words = match (state.map(|state| &state.status), view) {
                    (_, Some(view)) if view.epoch.0 > 0 => Some(format!("{} · {}", view.role_name, view.epoch)),
                    (Some(NodeStatus::Frozen), _) => Some("frozen".to_owned()),
                    (Some(NodeStatus::Up) | None, _) => None,
                    (Some(_), _) => Some("down".to_owned()),
                };
                (theme.node(node), words, view.is_some_and(|view| view.role == RoleKind::Leader))
            }
        };
        let tall = scene.lane_px >= sizes::LANE_WORDS_PX && words.is_some();
        let y = if tall { row.y - 7.0 } else { row.y };
        let font = FontId::proportional(size);
        let place = painter.text(pos2(right, y), Align2::RIGHT_CENTER, super::name_of(self.ctx, row.end), font, color);
        if leads && scene.lane_px > 20.0 {
            crown(painter, pos2(place.left() - 12.0, y + 4.0), 13.0, theme.text);
        }
        if let Some(words) = words.filter(|_| tall) {
            let font = FontId::proportional(sizes::TEXT_PX - 0.5);
            painter.text(pos2(right, row.y + 9.0), Align2::RIGHT_CENTER, words, font, theme.text_weak);
        }
    }

    /// Paints messages one by one.
    pub(super) fn arrows(&self, arrows: &[Arrow<'_>]) {
        let inside = self.painter.with_clip_rect(self.scene.lanes);
        let theme = self.ctx.theme;
        let mut lines = Lines::default();
        let mut over = Lines::default();
        // Where there are many, heads get smaller before they cover each other.
        let head = sizes::HEAD_PX * if arrows.len() > 400 { 0.65 } else { 1.0 };
        for arrow in arrows {
            let strength =
                self.focus.strength(self.causality, arrow.message.sent, arrow.message.end.map(|end| end.seq));
            let looked_at = self.focus.is_looked_at(arrow.message.sent, arrow.message.end.map(|end| end.seq));
            let color = match arrow.fate {
                Fate::Held => theme.warn,
                Fate::Arrived | Fate::Dropped | Fate::UnderWay => theme.family(arrow.message.family),
            };
            let color = color.gamma_multiply(strength);
            let width = if looked_at { sizes::LOOKED_AT_PX } else { sizes::MESSAGE_PX };
            let stroke = Stroke::new(width, color);
            let lines = if looked_at { &mut over } else { &mut lines };
            match arrow.fate {
                Fate::Arrived => {
                    lines.line(arrow.tail, arrow.tip, stroke);
                    lines.head(arrow.tail, arrow.tip, head, color);
                }
                Fate::UnderWay => {
                    lines.line(arrow.tail, arrow.tip, stroke);
                    inside.circle_filled(arrow.tip, 3.5, color);
                }
                Fate::Held => {
                    lines.dashed(arrow.tail, arrow.tip, stroke, 3.0);
                    inside.rect_filled(Rect::from_center_size(arrow.tip, vec2(7.0, 7.0)), 1.0, color);
                }
                Fate::Dropped => {
                    lines.dashed(arrow.tail, arrow.tip, stroke, 4.0);
                    let bad = Stroke::new(2.0, theme.bad.gamma_multiply(strength.max(sizes::FADED)));
                    for (dx, dy) in [(4.0, 4.0), (4.0, -4.0)] {
                        lines.line(arrow.tip - vec2(dx, dy), arrow.tip + vec2(dx, dy), bad);
                    }
                }
            }
        }
        inside.add(lines.shape());
        inside.add(over.shape());
        for arrow in arrows {
            let strength =
                self.focus.strength(self.causality, arrow.message.sent, arrow.message.end.map(|end| end.seq));
            let color = theme.family(arrow.message.family).gamma_multiply(strength);
            inside.circle_filled(arrow.tail, sizes::EVENT_PX, color);
            if arrow.message.refuses && arrow.fate == Fate::Arrived {
                // A refusal has a hollow end, so that it is told from an agreement without its color.
                inside.circle(arrow.tip, 3.5, theme.background, Stroke::new(1.5, color));
            }
        }
        self.names_on_arrows(&inside, arrows);
    }

    /// Writes along the arrows what they are, where there is room.
    fn names_on_arrows(&self, painter: &Painter, arrows: &[Arrow<'_>]) {
        const MOST: usize = 70;
        let room = |arrow: &&Arrow<'_>| {
            let way = arrow.tip - arrow.tail;
            // Steep ones would be read with the head on the shoulder.
            way.x > 70.0 && way.length() > 110.0 && way.y.abs() < 2.2 * way.x
        };
        let strong = |arrow: &&Arrow<'_>| {
            let end = arrow.message.end.map(|end| end.seq);
            self.focus.strength(self.causality, arrow.message.sent, end) > 0.5
        };
        if arrows.iter().filter(room).count() > MOST {
            return;
        }
        for arrow in arrows.iter().filter(room).filter(strong) {
            let color = theme::mix(self.ctx.theme.family(arrow.message.family), self.ctx.theme.text, 0.25);
            let font = FontId::proportional(sizes::TEXT_PX - 1.0);
            let galley = painter.layout_no_wrap(arrow.message.name.to_string(), font, color);
            let way = arrow.tip - arrow.tail;
            if galley.size().x > 0.8 * way.length() {
                continue;
            }
            let turned = way.angle();
            let along = way.normalized();
            // Between the ends and a little above, but nearer the sender: replies write at the other end.
            let start = arrow.tail + along * (0.46 * (way.length() - galley.size().x));
            let above = egui::vec2(along.y, -along.x) * (galley.size().y + 1.0);
            painter.add(Shape::Text(egui::epaint::TextShape::new(start + above, galley, color).with_angle(turned)));
        }
    }

    /// Paints operations as bars on the lanes of their clients.
    pub(super) fn operations(&self, bars: &[Bar<'_>]) {
        let inside = self.painter.with_clip_rect(self.scene.lanes);
        let theme = self.ctx.theme;
        for bar in bars {
            let operation = bar.operation;
            let strength =
                self.focus.strength(self.causality, operation.began, operation.end.map(|(seq, ..)| seq)).max(0.3);
            let (color, open) = match bar.end {
                Some(OpEnd::Ok) => (theme.good, false),
                Some(OpEnd::Failed) => (theme.warn, false),
                Some(OpEnd::NoAnswer) => (theme.bad, true),
                None => (theme.text_weak, true),
            };
            let color = color.gamma_multiply(strength);
            inside.rect_filled(bar.rect, 3.0, color.gamma_multiply(0.32));
            inside.rect_stroke(bar.rect, 3.0, Stroke::new(1.0, color), StrokeKind::Inside);
            if open {
                // Nobody knows how it ended: its right side stays open.
                let gap = Rect::from_min_max(pos2(bar.rect.right() - 2.0, bar.rect.top()), bar.rect.max);
                inside.rect_filled(gap, 0.0, theme.background);
            }
            if bar.rect.width() > 60.0
                && bar.rect.height() > 11.0
                && let Some(event) = self.ctx.store.event(operation.began)
                && let EventKind::OpInvoked { request, .. } = &event.kind
            {
                let font = FontId::proportional(sizes::TEXT_PX - 1.5);
                let inner = inside.with_clip_rect(bar.rect.intersect(self.scene.lanes));
                let at = pos2(bar.rect.left().max(self.scene.lanes.left()) + 4.0, bar.rect.center().y);
                inner.text(at, Align2::LEFT_CENTER, request.to_string(), font, theme.text.gamma_multiply(strength));
            }
        }
    }

    /// Paints where heartbeats go out, one tick for those that go out together.
    pub(super) fn heartbeats(&self, items: &Items, filter: &Filter) {
        if !filter.collapse {
            return;
        }
        let (theme, scene) = (self.ctx.theme, self.scene);
        let mut lines = Lines::default();
        let mut last = None;
        let color = theme.family(Family::Heartbeat);
        for message in items.messages.iter().filter(|message| message.family == Family::Heartbeat) {
            let Some(y) = scene.y(message.from).filter(|y| scene.sees(*y)) else { continue };
            let x = scene.axis.x(message.sent_at.as_secs_f64());
            if !scene.x_range().contains(x) || last == Some((message.from, x.round() as i64)) {
                continue;
            }
            last = Some((message.from, x.round() as i64));
            let strength = 0.8 * self.focus.strength(self.causality, message.sent, None);
            let half = (0.3 * scene.lane_px).min(6.0);
            lines.line(pos2(x, y - half), pos2(x, y + half), Stroke::new(1.2, color.gamma_multiply(strength)));
        }
        self.painter.with_clip_rect(scene.lanes).add(lines.shape());
    }

    /// Paints how much goes on where the messages are too many to be drawn one by one: bars along each lane.
    pub(super) fn density(&self, columns: &BTreeMap<Endpoint, Vec<f32>>) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let inside = self.painter.with_clip_rect(scene.lanes);
        let seen = scene.rows.iter().filter(|row| scene.sees(row.y));
        let rows: Vec<_> = seen.filter_map(|row| Some((row, columns.get(&row.end)?))).collect();
        let most = columns.values().flatten().copied().fold(0.0, f32::max).max(1.0);
        let mut mesh = egui::Mesh::default();
        for (row, columns) in &rows {
            let color = match row.end {
                Endpoint::Node(node) => theme.node(node),
                Endpoint::Client(_) => theme.family(Family::Client),
            };
            let color = theme::mix(theme.background, color, 0.6);
            for (at, count) in columns.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                // The root, so that a quiet lane beside a busy one is still seen.
                let half = 0.42 * scene.lane_px * (count / most).sqrt();
                let left = scene.lanes.left() + at as f32 * sizes::COLUMN_PX;
                let (top, bottom) = (row.y - half.max(1.0), row.y + half.max(1.0));
                mesh.add_colored_rect(
                    Rect::from_min_max(pos2(left, top), pos2(left + sizes::COLUMN_PX - 1.0, bottom)),
                    color,
                );
            }
        }
        inside.add(Shape::mesh(mesh));
    }

    /// Paints what was done to the cluster: a flag above, a line down through the lanes.
    pub(super) fn flags(&self) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let marks = &self.ctx.store.timeline().marks;
        let view = (scene.axis.secs(scene.lanes.left()), scene.axis.secs(scene.lanes.right()));
        let (from, to) = (Timestamp::from_secs_f64(view.0), Timestamp::from_secs_f64(view.1));
        let first = marks.partition_point(|mark| mark.at < from);
        let mut free = scene.flags.left();
        for mark in marks[first..].iter().take_while(|mark| mark.at <= to) {
            if mark.kind != TapeMark::Command {
                continue;
            }
            let x = scene.axis.x(mark.at.as_secs_f64());
            let Some(event) = self.ctx.store.event(mark.seq) else { continue };
            let heals = matches!(
                &event.kind,
                EventKind::CommandIssued { command: Command::Heal(_) | Command::Restart(_) | Command::Unfreeze(_), .. }
            );
            let color = if heals { theme.good } else { theme.bad };
            let mut lines = Lines::default();
            let stroke = Stroke::new(1.2, color.gamma_multiply(0.7));
            lines.dashed(pos2(x, scene.flags.top() + 2.0), pos2(x, scene.lanes.bottom()), stroke, 4.0);
            self.painter.add(lines.shape());
            if x < free {
                continue;
            }
            let font = FontId::proportional(sizes::TEXT_PX);
            let galley = self.painter.layout_no_wrap(line(&event.kind), font, color);
            let left = (x + 4.0).min(scene.flags.right() - galley.size().x).max(scene.flags.left());
            free = left + galley.size().x + 12.0;
            self.painter.galley(pos2(left, scene.flags.top() + 2.0), galley, color);
        }
    }

    /// Paints the cursor, and veils what lies ahead of it.
    pub(super) fn cursor(&self) {
        let (theme, scene) = (self.ctx.theme, self.scene);
        let x = scene.axis.x(self.ctx.at.as_secs_f64());
        if x < scene.lanes.left() - 0.5 {
            if !self.ctx.cursor.live {
                self.painter.rect_filled(scene.lanes, 0.0, theme.background.gamma_multiply(sizes::AHEAD_STRENGTH));
            }
            return;
        }
        if x > scene.lanes.right() + 0.5 {
            return;
        }
        if !self.ctx.cursor.live {
            let ahead = Rect::from_x_y_ranges(Rangef::new(x, scene.lanes.right()), scene.lanes.y_range());
            self.painter.rect_filled(ahead, 0.0, theme.background.gamma_multiply(sizes::AHEAD_STRENGTH));
        }
        let color = theme.accent.gamma_multiply(if self.ctx.cursor.live { 0.55 } else { 1.0 });
        let top = scene.ruler.bottom() - 2.0;
        self.painter.vline(x, Rangef::new(top, scene.lanes.bottom()), Stroke::new(1.5, color));
        let head = vec![pos2(x - 5.0, top - 6.0), pos2(x + 5.0, top - 6.0), pos2(x, top + 2.0)];
        self.painter.add(Shape::convex_polygon(head, color, Stroke::NONE));
    }
}

/// Draws a crown that stands on `foot`.
pub(super) fn crown(painter: &Painter, foot: egui::Pos2, width: f32, color: Color32) {
    let at = |x: f32, y: f32| foot + vec2(x, y) * width;
    let parts = [
        [at(-0.5, 0.0), at(-0.5, -0.62), at(-0.2, 0.0)],
        [at(-0.32, 0.0), at(0.0, -0.78), at(0.32, 0.0)],
        [at(0.2, 0.0), at(0.5, -0.62), at(0.5, 0.0)],
    ];
    for part in parts {
        painter.add(Shape::convex_polygon(part.to_vec(), color, Stroke::NONE));
    }
}
