//! What is staged and what strikes at random: the part of the inventory that is not broken yet.

use cluster_core::{fault::FAULTS, trace::fault_words};
use egui::{Button, RichText, Ui};

use crate::{
    action::Action, ctx::ViewCtx, keys::hint, theme::SPACE, tools::ToolAction, widgets::break_menu::gap_words,
};

/// Lists the stage, while it is on or holds something, and says which random faults strike.
pub(super) fn staged_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    if ctx.tools.striking {
        nemesis_ui(ui, ctx);
    }
    let staged = &ctx.tools.staged;
    if !ctx.tools.staging && staged.is_empty() {
        return;
    }
    ui.horizontal(|ui| {
        ui.colored_label(ctx.theme.accent, RichText::new(format!("Staged {}", staged.len())).strong());
        ui.weak(RichText::new(if ctx.tools.staging { "faults wait here" } else { "the stage is off" }).small());
    });
    egui::ScrollArea::vertical().id_salt("staged").max_height(18.0 * SPACE).auto_shrink([false, true]).show(ui, |ui| {
        for (at, fault) in staged.iter().enumerate() {
            let words = fault_words(fault);
            ui.horizontal(|ui| {
                let remove = ui.add(Button::new(RichText::new("✖").small()).frame(false));
                let name = format!("Unstage {words}");
                remove.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
                if remove.on_hover_text("Take it off the stage").clicked() {
                    ctx.act(Action::Tool(ToolAction::Unstage(at)));
                }
                ui.add(egui::Label::new(&words).truncate());
            });
        }
    });
    ui.horizontal(|ui| {
        let apply = ui.add_enabled(!staged.is_empty() && ctx.commandable, Button::new("Apply all at one instant"));
        if apply.on_hover_text(hint("Breaks everything that is staged, by one command", "A")).clicked() {
            ctx.act(Action::Tool(ToolAction::ApplyStage));
        }
        if ui.add_enabled(!staged.is_empty(), Button::new("Discard")).clicked() {
            ctx.act(Action::Tool(ToolAction::ClearStage));
        }
    });
    ui.separator();
}

fn nemesis_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let spec = &ctx.tools.nemesis;
    ui.horizontal(|ui| {
        ui.colored_label(ctx.theme.warn, "⚡");
        ui.strong(format!("Random faults: {}", spec.profile.row().title.to_lowercase()));
        let stop = ui.button(RichText::new("Stop").small());
        stop.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Stop random faults"));
        if stop.on_hover_text(hint("Stops them, and mends what they broke", "B")).clicked() {
            ctx.act(Action::Tool(ToolAction::StopNemesis));
        }
    });
    let kept = if spec.keep_majority { "; a majority stays up" } else { "" };
    ui.weak(RichText::new(format!("{} on average{kept}", gap_words(spec.gap))).small());
    let kinds = FAULTS.iter().filter(|row| ctx.tools.kinds.contains(&row.kind));
    // Titles such as "Clock drifts by" stand before numbers elsewhere.
    let titles = kinds.map(|row| row.title.trim_end_matches(" by").to_lowercase()).collect::<Vec<_>>();
    ui.add(egui::Label::new(RichText::new(titles.join(", ")).small().weak()).wrap());
    ui.add_space(0.75 * SPACE);
}
