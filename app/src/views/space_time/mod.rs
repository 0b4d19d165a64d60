//! The space-time diagram: nodes as lanes, messages as arrows, and of any event its past and its future.

mod axis;
mod bar;
mod focus;
mod input;
mod items;
mod layout;
mod lines;
mod marks;
mod paint;

use std::{collections::BTreeMap, ops::Range};

use cluster_core::{
    ids::{Endpoint, Seq},
    registry,
    time::Timestamp,
    trace::{TraceStore, causality::Causality},
};
use egui::{Align2, FontId, Rect, RichText, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

use self::{
    axis::{Axis, Window},
    focus::Focus,
    input::{Chosen, Moves},
    items::{EVENTS_MAX, Items},
    layout::{Filter, Scene, busy, layout_frame, layout_scene},
    paint::Pen,
};
use super::View;
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme::{self, space_time as sizes},
    widgets::{event_words::text, run_mark::RunMark},
};

/// How many events are taken over into the order of the run in one frame, at most.
const EVENTS_PER_FRAME: u64 = 60_000;
/// How far before the stretch that is seen a message may have been sent and still be drawn.
const LOOK_BACK: std::time::Duration = std::time::Duration::from_secs(2);
const LOOK_BACK_EVENTS: u64 = 20_000;
/// Only so many clients have lanes.
const CLIENTS_MAX: usize = 24;

/// The view.
#[derive(Default)]
pub struct SpaceTimeView {
    causality: Causality,
    run: RunMark,
    window: Window,
    filter: Filter,
    items: Items,
    scroll: f32,
    focus: Focus,
    hovered: Option<Seq>,
    /// The moment that the diagram was first seen at; before that it stands where it was made.
    begun: bool,
}

impl View for SpaceTimeView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        if !self.run.is_of(ctx.store) {
            let filter = std::mem::take(&mut self.filter);
            *self = Self { filter, ..Self::default() };
        }
        let whole = self.causality.advance(ctx.store, EVENTS_PER_FRAME);
        self.run.mark(ctx.store, self.causality.end());
        if !whole {
            ui.ctx().request_repaint();
        }
        let end = ctx.store.end().max(if ctx.cursor.live { ctx.at } else { Timestamp::ZERO }).as_secs_f64();
        bar::controls_ui(ui, ctx, &mut self.filter, &mut self.window, end);
        if !std::mem::replace(&mut self.begun, true) && !ctx.commandable && ctx.cursor.next == Seq(0) {
            self.window.from = 0.0;
        }
        self.window.follow(ctx.at.as_secs_f64(), ctx.cursor.live);
        let words_px = 2.0 * ui.text_style_height(&egui::TextStyle::Body) + theme::SPACE;
        let size = vec2(ui.available_width(), (ui.available_height() - words_px).max(80.0));
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        if ui.is_rect_visible(rect) {
            self.diagram_ui(ui, ctx, rect, end);
        }
        let sentence = if whole {
            bar::sentence(ctx, &self.causality, &self.focus, &self.items, self.window)
        } else {
            let share = self.causality.end().0 as f64 / ctx.store.len().0 as f64;
            format!("Reading the run… {:.0} %", 100.0 * share)
        };
        ui.add(egui::Label::new(RichText::new(sentence).color(ctx.theme.text_weak)).wrap());
    }
}

impl SpaceTimeView {
    /// Shows the whole of a run that ends at a moment, as its button does.
    pub fn show_whole_run(&mut self, end: Timestamp) {
        self.window.whole(end.as_secs_f64());
        self.window.follows = false;
    }

    fn diagram_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, rect: Rect, end: f64) {
        let range = self.range(ctx.store, end);
        let one_by_one = range.end.0 - range.start.0 <= EVENTS_MAX;
        if one_by_one {
            self.items.show(ctx.store, range.clone());
        } else {
            self.items.clear();
        }
        let frame = layout_frame(rect);
        let stretch = (self.window.from, self.window.to());
        let busy = (self.filter.fold && one_by_one).then(|| busy(&self.items, &self.filter, stretch));
        let axis = Axis::layout(stretch, frame.lanes.x_range(), busy.as_deref());
        let scene = layout_scene(frame, &ends(ctx, self.filter.clients), axis, &mut self.scroll);
        let arrows = layout::layout_arrows(&self.items, &self.filter, &scene, end);
        let too_many = match &arrows {
            Ok(_) if one_by_one => None,
            Ok(_) => Some((range.end.0 - range.start.0) as usize),
            Err(count) => Some(*count),
        };
        let arrows = arrows.unwrap_or_default();
        let close = too_many.is_none();
        let marks = layout::layout_marks(&self.items, &scene, close && arrows.len() < 600);
        let bars = if close { layout::layout_operations(&self.items, &scene, end) } else { Vec::new() };
        let points = layout::layout_points(&arrows, &marks, &bars, &scene);

        let mut moves = Moves { window: &mut self.window, scroll: &mut self.scroll, end };
        let (mut chosen, response) = input::on_mouse(ui, ctx, &scene, (&points, &arrows), &mut moves);
        let first = selected(ctx);
        if response.has_focus() {
            let second = chosen.second;
            let from = if second { self.focus.second.or(first) } else { first };
            let gone = input::on_keys(ui, ctx, &response, (&scene, &points, &self.causality), (from, &mut moves));
            chosen.clicked = chosen.clicked.or(gone);
        }
        names_ui(ui, ctx, &scene);
        choose(&mut self.focus, ctx, &chosen, first);
        self.hovered = chosen.hovered;
        let looked_at = first.or(self.hovered);
        let around = Seq(range.start.0.saturating_sub(EVENTS_MAX / 8))..range.end;
        self.focus.look(ctx.store, &self.causality, looked_at, &around);
        self.focus.compare(&self.causality, first.zip(self.focus.second));

        let painter = ui.painter_at(rect);
        let (focus, causality) = (&self.focus, &self.causality);
        let pen = Pen { painter: &painter, ctx, scene: &scene, causality, focus, now: end };
        pen.ground();
        match too_many {
            Some(count) => {
                pen.density(&columns(&self.items, causality, &scene));
                many_note(&painter, ctx, &scene, count);
            }
            None => {
                pen.heartbeats(&self.items, &self.filter);
                pen.operations(&bars);
                pen.arrows(&arrows);
            }
        }
        let inside = painter.with_clip_rect(scene.lanes);
        marks::paint_marks(&inside, ctx.theme, focus, causality, &marks, scene.lane_px);
        pen.flags();
        pen.cursor();
        for (seq, letter) in [(first, "A"), (self.focus.second, "B")] {
            let at = seq.and_then(|seq| points.iter().find(|point| point.seq == seq));
            if let Some(point) = at {
                badge(&inside, ctx, point.at, letter, self.focus.second.is_some());
            }
        }
        if response.has_focus() {
            let stroke = Stroke::new(1.0, ctx.theme.accent);
            painter.rect_stroke(scene.lanes.shrink(0.5), theme::RADIUS, stroke, StrokeKind::Inside);
        }
        if let Some(event) = self.hovered.and_then(|seq| ctx.store.event(seq)) {
            let words = format!("{}\n{} · event {}", text(ctx.store, &event), event.at, event.seq.0);
            response.on_hover_text_at_pointer(words);
        }
    }

    /// Returns which events may be seen: those of the stretch, and what was sent a little before it.
    fn range(&self, store: &TraceStore, end: f64) -> Range<Seq> {
        let from = Timestamp::from_secs_f64(self.window.from);
        let first = store.seq_at(from);
        let earlier = store.seq_at(from - LOOK_BACK);
        let first = earlier.max(Seq(first.0.saturating_sub(LOOK_BACK_EVENTS)));
        let to = if self.window.to() >= end {
            store.len()
        } else {
            store.seq_at(Timestamp::from_secs_f64(self.window.to()))
        };
        first..to.max(first)
    }
}

/// Carries out what was clicked: the first event is everybody's selection, the second one is the diagram's own.
fn choose(focus: &mut Focus, ctx: &ViewCtx<'_>, chosen: &Chosen, first: Option<Seq>) {
    let Some(seq) = chosen.clicked else {
        if first.is_none() {
            focus.second = None;
        }
        return;
    };
    if chosen.second && first.is_some() {
        focus.second = (first != Some(seq)).then_some(seq);
    } else {
        focus.second = None;
        ctx.act(Action::Select(Selection::Event(seq)));
    }
}

/// Returns the event that is selected, if one is.
fn selected(ctx: &ViewCtx<'_>) -> Option<Seq> {
    match ctx.selection {
        Selection::Event(seq) => Some(*seq),
        Selection::Message(msg) => ctx.state.flights.get(msg).map(|flight| flight.seq),
        Selection::Nothing | Selection::Nodes(_) | Selection::Link(_) | Selection::Client(_) | Selection::Op(_) => None,
    }
}

/// Returns what a lane is called: a log of others has names of its own.
fn name_of(ctx: &ViewCtx<'_>, end: Endpoint) -> String {
    const LONGEST: usize = 12;
    let spec = ctx.store.spec();
    let own = end.to_string();
    match spec.knobs.get(&own).filter(|_| registry::protocol(&spec.protocol).is_none()) {
        Some(name) if name.chars().count() > LONGEST => name.chars().take(LONGEST - 1).chain(['…']).collect(),
        Some(name) => name.clone(),
        None => ctx.names.end(end),
    }
}

/// Returns who has a lane, clients first.
fn ends(ctx: &ViewCtx<'_>, clients: bool) -> Vec<Endpoint> {
    let latest = ctx.store.latest();
    let known = latest.clients.keys().map(|client| Endpoint::from(*client)).take(CLIENTS_MAX);
    let nodes = ctx.store.spec().nodes.iter().chain(latest.nodes.keys()).map(|node| Endpoint::from(*node));
    let mut nodes: Vec<_> = nodes.collect();
    nodes.sort_unstable();
    nodes.dedup();
    // Where nothing is known of nodes, the clients are all there is.
    if clients || nodes.is_empty() { known.chain(nodes).collect() } else { nodes }
}

/// Makes the names of lanes clickable: a click shows the node or client in the inspector.
fn names_ui(ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene) {
    for row in scene.rows.iter().filter(|row| scene.lanes.y_range().contains(row.y)) {
        let size = vec2(scene.names.width(), scene.lane_px - 1.0);
        let rect = Rect::from_center_size(egui::pos2(scene.names.center().x, row.y), size);
        let response = ui.interact(rect, ui.scope_id().with(("lane", row.end)), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("lane of {}", row.end)));
        if response.clicked() {
            ctx.act(Action::Select(match row.end {
                Endpoint::Node(node) => Selection::node(node),
                Endpoint::Client(client) => Selection::Client(client),
            }));
        }
    }
}

/// Returns how much goes on at each lane, per column of the diagram.
fn columns(items: &Items, causality: &Causality, scene: &Scene) -> BTreeMap<Endpoint, Vec<f32>> {
    let count = (scene.lanes.width() / sizes::COLUMN_PX).ceil().max(1.0) as usize;
    let mut columns: BTreeMap<_, _> = scene.rows.iter().map(|row| (row.end, vec![0.0; count])).collect();
    let mut add = |end: Endpoint, secs: f64, many: f32| {
        let x = scene.axis.x(secs) - scene.lanes.left();
        if x >= 0.0
            && let Some(column) = columns.get_mut(&end).and_then(|lane| lane.get_mut((x / sizes::COLUMN_PX) as usize))
        {
            *column += many;
        }
    };
    for message in &items.messages {
        add(message.from, message.sent_at.as_secs_f64(), 1.0);
        if let Some(ended) = message.end.filter(|ended| ended.dropped.is_none()) {
            add(message.to, ended.at.as_secs_f64(), 1.0);
        }
    }
    if items.messages.is_empty() {
        let width = causality.bucket_nanos() as f64 / 1e9;
        for row in &scene.rows {
            let Some(counts) = causality.density(row.end) else { continue };
            for (bucket, events) in counts.events.iter().enumerate().filter(|(_, events)| **events > 0) {
                add(row.end, (bucket as f64 + 0.5) * width, *events as f32);
            }
        }
    }
    columns
}

/// Says that messages are not drawn one by one.
fn many_note(painter: &egui::Painter, ctx: &ViewCtx<'_>, scene: &Scene, count: usize) {
    let words = format!("{} — zoom in to see each", crate::format::counted(count as u64, "event"));
    let galley = painter.layout_no_wrap(words, FontId::proportional(sizes::TEXT_PX), ctx.theme.text);
    let place = Align2::RIGHT_BOTTOM.anchor_size(scene.lanes.right_bottom() - vec2(14.0, 10.0), galley.size());
    painter.rect_filled(place.expand2(vec2(8.0, 4.0)), theme::RADIUS, ctx.theme.raised);
    painter.galley(place.min, galley, ctx.theme.text);
}

/// Marks an event that is looked at: a ring, and a letter if there are two.
fn badge(painter: &egui::Painter, ctx: &ViewCtx<'_>, at: egui::Pos2, letter: &str, two: bool) {
    painter.circle_stroke(at, 2.0 * sizes::MARK_PX, Stroke::new(2.0, ctx.theme.accent));
    if two {
        let center = at + vec2(0.0, -3.6 * sizes::MARK_PX);
        painter.circle_filled(center, 8.0, ctx.theme.accent);
        painter.text(center, Align2::CENTER_CENTER, letter, FontId::proportional(11.0), ctx.theme.background);
    }
}
