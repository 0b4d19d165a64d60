//! About the protocol that runs: what it promises, how to break it, and how its knobs are set here.

use cluster_core::{registry, registry::ProtocolRow};
use egui::{RichText, ScrollArea, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

use crate::{ctx::ViewCtx, theme::SPACE, views::View};

/// The panel; it keeps what the text was made into.
#[derive(Default)]
pub struct About {
    cache: CommonMarkCache,
}

impl View for About {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let spec = ctx.store.spec();
        let Some(row) = registry::protocol(&spec.protocol) else {
            ui.weak(format!("This program knows no protocol {}", spec.protocol));
            return;
        };
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            if let Some(variant) = registry::variant(spec) {
                ui.heading(RichText::new(registry::title(spec)).color(ctx.theme.bad));
                ui.label(variant.paper);
                ui.label(variant.breaks);
                ui.separator();
            }
            CommonMarkViewer::new().show(ui, &mut self.cache, row.about);
            ui.add_space(2.0 * SPACE);
            ui.heading("How it is set here");
            knobs_ui(ui, ctx, row);
        });
    }
}

/// Lists the knobs with their values; one that was turned stands out.
fn knobs_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, row: &ProtocolRow) {
    for knob in row.knobs {
        ui.add_space(0.5 * SPACE);
        let set = ctx.state.knobs.iter().find(|(name, _)| name.as_str() == knob.name).map(|(_, value)| value.as_str());
        ui.horizontal(|ui| {
            ui.label(RichText::new(knob.name).monospace());
            match set.filter(|value| *value != knob.default) {
                Some(value) => {
                    ui.label(RichText::new(value).monospace().strong().color(ctx.theme.accent));
                    ui.weak(format!("usually {}", knob.default));
                }
                None => drop(ui.weak(RichText::new(knob.default).monospace())),
            }
        });
        ui.weak(RichText::new(knob.about).small());
    }
}
