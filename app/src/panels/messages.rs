//! Held messages and traps: what waits, since when, and how to let it go; and a row to set another trap.

use cluster_core::{
    command::Command,
    event::Family,
    fault::{ByHand, Times, Trap},
    ids::Endpoint,
    name::Name,
    registry,
    trace::HeldFrame,
    workload::wire,
};
use egui::{ComboBox, RichText, Ui};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::SPACE,
    widgets::by_hand,
};

/// How many held messages are listed; the rest is counted.
const LISTED: usize = 12;

/// What is chosen for the next trap and not set yet.
pub(super) struct TrapForm {
    times: Times,
    what: Option<Name>,
    from: Option<Endpoint>,
    to: Option<Endpoint>,
}

impl Default for TrapForm {
    fn default() -> Self {
        Self { times: Times::Once, what: None, from: None, to: None }
    }
}

/// Lists what is held and what will be.
pub(super) fn messages_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, form: &mut TrapForm) {
    ui.add_space(SPACE);
    ui.label(RichText::new("Held messages and traps").strong().small());
    for held in ctx.state.held.iter().take(LISTED) {
        ui.push_id(held.msg, |ui| held_ui(ui, ctx, held));
    }
    if ctx.state.held.len() > LISTED {
        ui.weak(format!("{} more", format::count((ctx.state.held.len() - LISTED) as u64)));
    }
    if ctx.state.held.len() > 1 {
        command_ui(ui, ctx, "Release all messages", ByHand::ReleaseAll);
    }
    for trap in &ctx.state.traps {
        ui.push_id(trap.id, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.colored_label(ctx.theme.warn, "⌖");
                ui.label(format!("{}: {}", trap.id, trap.trap));
                ui.weak(RichText::new(format!("caught {}", format::counted(trap.caught, "message"))).small());
                command_ui(ui, ctx, &format!("Remove trap {}", trap.id), ByHand::RemoveTrap(trap.id));
                if trap.caught > 0 {
                    command_ui(ui, ctx, &format!("Remove trap {} and release", trap.id), ByHand::ReleaseTrap(trap.id));
                }
            });
        });
    }
    if ctx.commandable {
        form_ui(ui, ctx, form);
    }
}

fn held_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, held: &HeldFrame) {
    let words = by_hand::words(ctx.state, held.msg);
    ui.horizontal_wrapped(|ui| {
        let flight = &held.flight;
        ui.colored_label(ctx.theme.family(flight.info.family), ctx.family_glyph(flight.info.family));
        if ui.link(&words).on_hover_text("Show it in the inspector").clicked() {
            ctx.act(Action::Select(Selection::Message(held.msg)));
        }
        let by = held.by.map_or_else(|| "by hand".to_owned(), |trap| format!("by trap {trap}"));
        ui.weak(RichText::new(format!("{by}, for {}", format::duration(ctx.at.since(held.since)))).small());
    });
    ui.horizontal_wrapped(|ui| by_hand::verbs_ui(ui, ctx, held.msg, &words));
}

fn command_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, title: &str, what: ByHand) {
    let button = ui.add_enabled(ctx.commandable, egui::Button::new(RichText::new(title).small()));
    if button.on_disabled_hover_text("A recording takes no commands").clicked() {
        ctx.command(Command::Message(what));
    }
}

/// The row that sets a trap.
fn form_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, form: &mut TrapForm) {
    ui.add_space(0.5 * SPACE);
    ui.horizontal_wrapped(|ui| {
        ui.weak("Hold the");
        let times = |times: Times| if times == Times::Once { "next" } else { "every" };
        choice_ui(
            ui,
            "how many to hold",
            times(form.times),
            &mut form.times,
            [Times::Once, Times::Always].map(|t| (times(t).to_owned(), t)),
        );
        let any = "message".to_owned();
        let names = names(ctx).map(|name| (name.to_owned(), Some(Name::new(name))));
        let shown = form.what.map_or("message", Name::as_str);
        choice_ui(ui, "which messages to hold", shown, &mut form.what, std::iter::once((any, None)).chain(names));
    });
    ui.horizontal_wrapped(|ui| {
        for (word, end) in [("from", &mut form.from), ("to", &mut form.to)] {
            ui.weak(word);
            let shown = end.map_or_else(|| "anybody".to_owned(), |end| end.to_string());
            let ends = ends(ctx).map(|end| (end.to_string(), Some(end)));
            let all = std::iter::once(("anybody".to_owned(), None)).chain(ends);
            choice_ui(ui, &format!("hold messages {word}"), &shown, end, all);
        }
        if ui.button("Set trap").on_hover_text("Messages that it catches wait in front of their receiver").clicked() {
            let TrapForm { times, what, from, to } = *form;
            ctx.command(Command::Message(ByHand::SetTrap(Trap { what, from, to, times })));
        }
    });
}

/// A list to choose from, with a label.
fn choice_ui<T: Copy + PartialEq>(
    ui: &mut Ui,
    label: &str,
    shown: &str,
    chosen: &mut T,
    all: impl IntoIterator<Item = (String, T)>,
) {
    let list = ComboBox::from_id_salt(label).selected_text(shown).width(0.0).show_ui(ui, |ui| {
        for (text, value) in all {
            ui.selectable_value(chosen, value, text);
        }
    });
    list.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, label));
}

fn names<'a>(ctx: &ViewCtx<'a>) -> impl Iterator<Item = &'static str> + use<'a> {
    let own = registry::message_names(&ctx.store.spec().protocol).iter().copied();
    own.chain(wire::MESSAGES.iter().copied()).chain(Family::ALL.map(Family::word))
}

fn ends<'a>(ctx: &ViewCtx<'a>) -> impl Iterator<Item = Endpoint> + use<'a> {
    let nodes = ctx.state.nodes.keys().map(|node| Endpoint::from(*node));
    nodes.chain(ctx.state.clients.keys().map(|client| Endpoint::from(*client)))
}
