//! One frame: what it says, byte for byte, and why it was sent.

use cluster_core::{
    event::{EventKind, MessageInfo, TraceEvent},
    ids::{Endpoint, MsgId, Seq},
    time::Timestamp,
};
use egui::{RichText, Ui};

use super::{cause_ui, rows, selection_of};
use crate::{action::Action, ctx::ViewCtx, format, theme::SPACE, widgets::by_hand};

/// The event by which the frame shown was sent: looked up once.
#[derive(Default)]
pub(super) struct Found(Option<(MsgId, TraceEvent)>);

/// How far back a frame is looked for that is neither under way nor just dropped.
const LOOK_BACK: u64 = 50_000;
/// How many bytes are shown at most.
const HEX_MAX: usize = 512;

struct Sent<'a> {
    from: Endpoint,
    to: Endpoint,
    info: MessageInfo,
    due: Timestamp,
    bytes: u32,
    payload: &'a [u8],
}

pub(super) fn message_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, msg: MsgId, found: &mut Found) {
    if found.0.as_ref().is_none_or(|(known, _)| *known != msg) {
        found.0 = find(ctx, msg).map(|event| (msg, event));
    }
    let Some((_, event)) = &found.0 else {
        ui.weak(format!("{msg} was not sent yet at this moment, or long ago"));
        return;
    };
    let EventKind::FrameSent { from, to, info, due, bytes, payload, .. } = &event.kind else { return };
    let sent = Sent { from: *from, to: *to, info: *info, due: *due, bytes: *bytes, payload };
    let refuses = if info.refuses { "refuses" } else { "" };
    rows::title(ui, ctx, info.name.as_str(), refuses);
    facts_ui(ui, ctx, msg, event.at, &sent);
    if ctx.commandable && ctx.state.flights.contains_key(&msg) {
        ui.horizontal_wrapped(|ui| by_hand::verbs_ui(ui, ctx, msg, "this message"));
    }
    cause_ui(ui, ctx, event.cause);
    payload_ui(ui, ctx, &sent);
}

fn facts_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, msg: MsgId, at: Timestamp, sent: &Sent<'_>) {
    ui.horizontal(|ui| {
        ui.colored_label(ctx.theme.family(sent.info.family), ctx.family_glyph(sent.info.family));
        for (end, sign) in [(sent.from, "→"), (sent.to, "")] {
            if ui.link(ctx.names.end(end)).clicked() {
                ctx.act(Action::Select(selection_of(end)));
            }
            ui.weak(sign);
        }
    });
    let dropped = ctx.state.drops.iter().find(|drop| drop.msg == msg);
    let (fate, bad) = match dropped {
        Some(drop) => (format!("dropped: {}", drop.reason.words()), Some(ctx.theme.bad)),
        None if ctx.state.is_held(msg) => ("held in front of its receiver".to_owned(), Some(ctx.theme.warn)),
        None if !ctx.state.flights.contains_key(&msg) => ("it has ended".to_owned(), None),
        None if ctx.at < sent.due => (format!("arrives in {}", format::duration(sent.due.since(ctx.at))), None),
        None => ("waits at the receiver".to_owned(), Some(ctx.theme.warn)),
    };
    rows::grid(ui, "frame", |grid| {
        grid.row("Frame", msg.to_string());
        grid.row("Sent", at.to_string());
        grid.colored("Now", fate, bad);
        grid.row("Travels for", format::duration(sent.due.since(at)));
        grid.row("On the wire", format::bytes(u64::from(sent.bytes)));
    });
}

fn payload_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, sent: &Sent<'_>) {
    rows::section(ui, "Fields");
    match by_hand::fields(ctx, (sent.from, sent.to), sent.payload) {
        Some(fields) => rows::grid(ui, "fields", |grid| {
            fields.iter().for_each(|(name, value)| grid.row(name.as_str(), value.as_str()));
        }),
        None => drop(ui.weak("The bytes are cut short in the recording")),
    }
    rows::section(ui, "Bytes");
    let shown = &sent.payload[..sent.payload.len().min(HEX_MAX)];
    ui.add(egui::Label::new(RichText::new(format::hex(shown)).monospace().size(10.5)).extend());
    if sent.payload.len() > shown.len() {
        ui.weak(format!("{} more", format::bytes((sent.payload.len() - shown.len()) as u64)));
    }
    ui.add_space(SPACE);
}

fn find(ctx: &ViewCtx<'_>, msg: MsgId) -> Option<TraceEvent> {
    let under_way = ctx.state.flights.get(&msg).map(|flight| flight.seq);
    let dropped = || ctx.state.drops.iter().find(|drop| drop.msg == msg).map(|drop| drop.flight.seq);
    if let Some(seq) = under_way.or_else(dropped) {
        return ctx.store.event(seq);
    }
    let sent = |event: &TraceEvent| matches!(event.kind, EventKind::FrameSent { msg: sent, .. } if sent == msg);
    let next = ctx.cursor.next;
    let mut events = ctx.store.events(Seq(next.0.saturating_sub(LOOK_BACK))..next);
    events.iter().rposition(sent).map(|at| events.swap_remove(at))
}
