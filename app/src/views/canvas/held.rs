//! One message under the pointer: it stands still for the eye, shows what it says, and can be taken by hand. And those
//! that are held: a queue with a pin on their link.

use std::collections::BTreeMap;

use cluster_core::{
    event::{EventKind, TraceEvent},
    fault::LinkId,
    ids::MsgId,
    trace::{ClusterState, Flight},
};
use egui::{Popup, Pos2, Rect, Response, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, vec2};

use super::{
    CanvasView, Scene,
    frames::{self, Spot},
    glyphs::Pen,
    menu,
};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::SPACE,
    widgets::by_hand,
};

/// Held messages stand before this share of their way: short of their receiver.
pub(super) const HELD_AT: f32 = 0.8;
/// How many fields and bytes the card shows.
const FIELDS_SHOWN: usize = 8;
const BYTES_SHOWN: usize = 64;
/// The card is this wide at most.
const CARD_WIDTH: f32 = 320.0;

/// A message that the pointer is on: where it stood when the pointer came.
pub(super) struct Stopped {
    spot: Spot,
    flight: Flight,
    /// The event by which it was sent, with its bytes.
    sent: Option<TraceEvent>,
}

impl CanvasView {
    /// Stops the message under the pointer, for the eye: in the cluster it goes on.
    pub(super) fn on_message(&mut self, ui: &Ui, ctx: &ViewCtx<'_>, spots: &mut [Spot], ground: &Response) {
        // While a menu is open, what it is about stays where it is.
        if !Popup::is_any_open(ui.ctx()) {
            let pointer = ui.input(|input| input.pointer.hover_pos());
            let pointer = pointer.filter(|at| ground.rect.contains(*at) && self.lasso.is_empty());
            let stays = |stopped: &Stopped| {
                pointer.is_some_and(|at| frames::pick(std::slice::from_ref(&stopped.spot), at).is_some())
            };
            if !self.stopped.as_ref().is_some_and(stays) {
                let spot = pointer.and_then(|at| frames::pick(spots, at)).copied();
                self.stopped = spot.and_then(|spot| {
                    let flight = *ctx.state.flights.get(&spot.msg)?;
                    Some(Stopped { spot, flight, sent: ctx.store.event(flight.seq) })
                });
            }
        }
        if let Some(stopped) = &self.stopped
            && let Some(spot) = spots.iter_mut().find(|spot| spot.msg == stopped.spot.msg)
        {
            spot.at = stopped.spot.at;
        }
    }

    /// Returns the messages but the stopped one.
    pub(super) fn others(&self, spots: &[Spot]) -> Vec<Spot> {
        let stopped = self.stopped.as_ref().map(|stopped| stopped.spot.msg);
        spots.iter().filter(|spot| Some(spot.msg) != stopped).copied().collect()
    }

    /// Makes the stopped message a thing to click, with its card.
    pub(super) fn stopped_ui(&self, ui: &Ui, ctx: &ViewCtx<'_>) {
        let Some(stopped) = &self.stopped else { return };
        let (response, menu_open) = message_ui(ui, ctx, &stopped.spot, &stopped.flight);
        if !menu_open && !Popup::is_any_open(ui.ctx()) {
            // A name of its own: under that of the message is its menu.
            let id = response.id.with("card");
            egui::Tooltip::always_open(ui.ctx().clone(), response.layer_id, id, &response)
                .show(|ui| card_ui(ui, ctx, stopped));
        }
    }

    /// Rings the stopped message, and shows it even if it has ended meanwhile.
    pub(super) fn paint_stopped(&self, pen: &Pen<'_>, ctx: &ViewCtx<'_>) {
        let Some(Stopped { spot, flight, .. }) = &self.stopped else { return };
        let color = pen.theme.family(flight.info.family);
        if !ctx.state.flights.contains_key(&spot.msg) {
            pen.painter.circle_stroke(spot.at, spot.radius, Stroke::new(1.5, color));
        }
        pen.painter.circle_stroke(spot.at, spot.radius + 3.0, Stroke::new(1.5, pen.theme.text));
    }
}

/// A message as a thing to click. Returns whether its menu is open, too.
pub(super) fn message_ui(ui: &Ui, ctx: &ViewCtx<'_>, spot: &Spot, flight: &Flight) -> (Response, bool) {
    let rect = Rect::from_center_size(spot.at, Vec2::splat(spot.radius.max(5.0) * 2.0));
    // Not in the order of the Tab key: there are too many, and they move. A key of its own goes from one to the next.
    let response = ui.interact(rect, ui.scope_id().with(("message", spot.msg)), Sense::CLICK);
    let selected = *ctx.selection == Selection::Message(spot.msg);
    let held = if ctx.state.is_held(spot.msg) { ", held" } else { "" };
    let label = || format!("{}{held}", frames::label(flight));
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, label()));
    if response.clicked() {
        ctx.act(Action::Select(Selection::Message(spot.msg)));
    }
    let menu = response.context_menu(|ui| menu_ui(ui, ctx, spot.msg, flight));
    (response, menu.is_some())
}

/// What can be done with a message.
fn menu_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, msg: MsgId, flight: &Flight) {
    ui.set_min_width(150.0);
    ui.weak(format!("{} {} to {}", flight.info.name, flight.from, flight.to));
    for verb in by_hand::verbs(ctx, msg) {
        let about = crate::keys::hint(verb.about, verb.key);
        menu::entry_ui(ui, ctx, verb.title, &about, verb.possible.map(cluster_core::command::Command::Message));
    }
}

/// Says what a message says.
fn card_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, stopped: &Stopped) {
    let Stopped { spot, flight, sent } = stopped;
    ui.set_max_width(CARD_WIDTH);
    frames::tooltip_ui(ui, ctx, flight);
    if ctx.state.is_held(spot.msg) {
        ui.colored_label(ctx.theme.warn, "held");
    } else if !ctx.state.flights.contains_key(&spot.msg) {
        ui.weak("it has ended meanwhile");
    }
    let Some(EventKind::FrameSent { payload, .. }) = sent.as_ref().map(|event| &event.kind) else { return };
    ui.add_space(0.5 * SPACE);
    match by_hand::fields(ctx, (flight.from, flight.to), payload) {
        Some(fields) => {
            egui::Grid::new("fields").num_columns(2).spacing([SPACE, 0.25 * SPACE]).show(ui, |ui| {
                for (name, value) in fields.iter().take(FIELDS_SHOWN) {
                    ui.weak(name.as_str());
                    ui.add(egui::Label::new(RichText::new(value).monospace().small()).truncate());
                    ui.end_row();
                }
            });
        }
        None => drop(ui.weak("The bytes are cut short in the recording")),
    }
    let shown = &payload[..payload.len().min(BYTES_SHOWN)];
    ui.label(RichText::new(format::hex(shown)).monospace().small());
    if payload.len() > shown.len() {
        ui.weak(format!("{} more", format::bytes((payload.len() - shown.len()) as u64)));
    }
}

/// How many messages each direction holds.
pub(super) fn queues(state: &ClusterState) -> BTreeMap<LinkId, u16> {
    let mut queues = BTreeMap::new();
    for held in &state.held {
        let queue: &mut u16 = queues.entry((held.flight.from, held.flight.to)).or_default();
        *queue = queue.saturating_add(1);
    }
    queues
}

/// Paints a pin where held messages stand, and how many they are.
pub(super) fn paint_pins(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene) {
    for ((from, to), count) in queues(ctx.state) {
        let Some([start, end]) = scene.layout.lane(from, to) else { continue };
        let (start, end) = (scene.camera.screen(start), scene.camera.screen(end));
        let at = start + (end - start) * HELD_AT;
        let head = at + pin_way(start, end) * pen.px(16.0).max(10.0);
        let stroke = Stroke::new(pen.px(1.8).max(1.2), pen.theme.warn);
        pen.painter.line_segment([at, head], stroke);
        pen.painter.circle_filled(head, pen.px(4.0).max(3.0), pen.theme.warn);
        let words = at + pin_way(start, end) * pen.px(28.0).max(18.0);
        pen.text(words, egui::Align2::CENTER_CENTER, 10.5, pen.theme.warn, &format!("{count} held"));
    }
}

/// Returns to which side of a lane its pin stands: away from the other direction.
fn pin_way(start: Pos2, end: Pos2) -> Vec2 {
    let along = (end - start).normalized();
    vec2(-along.y, along.x)
}
