//! The knobs of the protocol that can be turned while the cluster runs.

use cluster_core::{command::Command, protocol::Knob, protocol::KnobValues, registry};
use egui::{RichText, Ui};

use super::{super::new_cluster::knob_ui, rows};
use crate::{ctx::ViewCtx, theme::SPACE};

/// A value that is typed and not sent yet, with its knob.
#[derive(Default)]
pub(super) struct KnobEdit(Option<(&'static str, String)>);

/// Lists them with their values; what is chosen is asked of the cluster, and shown once it is so.
pub(super) fn knobs_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, edit: &mut KnobEdit) {
    let spec = ctx.store.spec();
    let Some(row) = registry::protocol(&spec.protocol) else { return };
    let live = registry::live_knobs(row.id);
    if live.is_empty() {
        return;
    }
    rows::section(ui, "Knobs that turn while it runs");
    for knob in row.knobs.iter().filter(|knob| live.contains(&knob.name)) {
        let set = ctx.state.knobs.iter().find(|(name, _)| name.as_str() == knob.name);
        let value = set.map_or(knob.default, |(_, value)| value.as_str());
        one_ui(ui, ctx, knob, value, edit);
    }
}

fn one_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, knob: &Knob, value: &str, edit: &mut KnobEdit) {
    let typed = edit.0.take_if(|(name, _)| *name == knob.name);
    let mut wanted = typed.map_or_else(|| value.to_owned(), |(_, typed)| typed);
    let turn = |value: &str| Command::SetKnob { knob: knob.name.to_owned(), value: value.to_owned() };
    let refusal = ctx.check(Ok(turn(value))).err();
    ui.horizontal(|ui| {
        let label = ui.label(RichText::new(knob.name).monospace()).on_hover_text(knob.about);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let control =
                ui.add_enabled_ui(refusal.is_none(), |ui| knob_ui(ui, knob, &mut wanted).labelled_by(label.id));
            let response = match &refusal {
                Some(why) => control.inner.on_disabled_hover_text(why),
                None => control.inner,
            };
            let done = match knob.values {
                KnobValues::Flag | KnobValues::OneOf(_) => true,
                KnobValues::Number(..) | KnobValues::Duration => response.lost_focus(),
            };
            if wanted != value && done {
                // What it cannot be, the cluster refuses with the reason.
                ctx.command(turn(&wanted));
            } else if response.has_focus() {
                edit.0 = Some((knob.name, wanted.clone()));
            }
        });
    });
    ui.add_space(0.25 * SPACE);
}
