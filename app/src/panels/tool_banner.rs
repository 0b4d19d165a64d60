//! The line that says what the tool in the hand does, and how to put it away.

use cluster_core::trace::rules_words;

use crate::{
    action::Action,
    ctx::ViewCtx,
    theme::{SPACE, TAB_HEIGHT, mix},
    tools::{Tool, ToolAction},
};

/// Shows the line at the top of `place`, while another tool than the pointer is in the hand.
pub fn tool_banner_ui(egui: &egui::Context, ctx: &ViewCtx<'_>, place: egui::Rect) {
    let (name, words) = match (ctx.tools.tool, &ctx.tools.copied) {
        (Tool::Pointer, _) => return,
        (Tool::Knife, _) => ("Knife", "drag across links; Alt cuts one way".to_owned()),
        (Tool::Paste, None) => ("Copied rules", "none so far".to_owned()),
        (Tool::Paste, Some(((from, to), rules))) => {
            ("Copied rules", format!("click links or nodes for those of {from} → {to}: {}", rules_words(rules)))
        }
    };
    let away = ("Put the tool away", " (Esc)", Action::Tool(ToolAction::Take(ctx.tools.tool)));
    banner_ui(egui, ctx, place, (name, &words), away);
}

/// Shows a name and what there is to say of it at the top of `place`, with a button that ends it, and the key that does.
pub fn banner_ui(
    egui: &egui::Context,
    ctx: &ViewCtx<'_>,
    place: egui::Rect,
    (name, words): (&str, &str),
    (ends, key, action): (&str, &str, Action),
) {
    // Behind the tabs, so that it hides nothing of the picture.
    let at = egui::pos2(place.right() - SPACE, place.top() - 0.5 * TAB_HEIGHT);
    let area = egui::Area::new(egui::Id::unique(("banner", name))).pivot(egui::Align2::RIGHT_CENTER).fixed_pos(at);
    let fill = mix(ctx.theme.raised, ctx.theme.accent, 0.25);
    let frame = egui::Frame::new().fill(fill).corner_radius(2.0 * SPACE).inner_margin(egui::Margin::symmetric(14, 1));
    area.show(egui, |ui| {
        frame.show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.strong(name);
                ui.label(words);
                let away = ui.add(egui::Button::new("✖").frame(false));
                away.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, ends));
                if away.on_hover_text(format!("{ends}{key}")).clicked() {
                    ctx.act(action);
                }
            });
        });
    });
}
