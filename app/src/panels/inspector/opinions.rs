//! Whom a node holds for alive, in the inspector, and how it is as a watcher.

use cluster_core::event::{MemberStatus, NodeView};
use egui::{RichText, Ui};

use super::rows;
use crate::{ctx::ViewCtx, format, theme::SPACE};

/// Lists what a node thinks of the others, if its protocol is about that.
pub(super) fn opinions_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, view: &NodeView) {
    let Some(detector) = view.detector else { return };
    rows::section(ui, "As a watcher");
    rows::grid(ui, "watcher", |grid| {
        grid.row("Incarnation", detector.incarnation.to_string());
        let doubt = (detector.self_doubt > 0).then_some(ctx.theme.warn);
        grid.colored("Self-doubt", format!("{} of 8", detector.self_doubt), doubt);
        grid.row("Rumors", format::count(u64::from(detector.rumors)));
    });
    rows::section(ui, "Whom it holds for alive");
    let grid = egui::Grid::new("opinions").num_columns(3).spacing([2.0 * SPACE, 0.4 * SPACE]);
    grid.show(ui, |ui| {
        for (of, opinion) in &view.opinions {
            let (sign, color) = match opinion.status {
                MemberStatus::Alive => ("⏺", ctx.theme.good),
                MemberStatus::Suspect => ("○", ctx.theme.warn),
                MemberStatus::Dead => ("❌", ctx.theme.bad),
            };
            ui.label(RichText::new(ctx.names.short(*of)).monospace().small());
            ui.colored_label(color, RichText::new(format!("{sign} {}", opinion.status.word())).small());
            let about = "The life of the other, and how often it objected in it";
            ui.label(RichText::new(opinion.incarnation.to_string()).monospace().small()).on_hover_text(about);
            ui.end_row();
        }
    });
}
