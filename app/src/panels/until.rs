//! The menu beside “Step”: what the run is let go until, and what is under way to there.

use cluster_core::{
    ids::NodeId,
    until::{NAMES, Until},
};
use egui::{Button, RichText, TextEdit, Ui};

use crate::{action::Selection, ctx::ViewCtx, theme::SPACE, travel::TravelAction};

/// What the menu opens with, as an example that means something in every protocol.
const EXAMPLE: &str = "leaders.size() > 1";

/// The condition that was written last.
#[derive(Clone, Debug, PartialEq)]
pub struct UntilForm {
    condition: String,
}

impl Default for UntilForm {
    fn default() -> Self {
        Self { condition: EXAMPLE.to_owned() }
    }
}

/// Lays the menu out, and what is under way.
pub(super) fn until_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, form: &mut UntilForm) {
    // What is under way takes the place of the menu: the line at the top is full.
    if let Some(words) = ctx.travel.and_then(|travel| travel.under_way()) {
        ui.add(egui::Spinner::new().size(2.0 * SPACE));
        if ui.button("Stop").on_hover_text(format!("Under way until {words}")).clicked() {
            ctx.travel(TravelAction::Stop);
        }
        return;
    }
    let menu = ui.menu_button("Until…", |ui| {
        ui.set_min_width(34.0 * SPACE);
        let live = ctx.commandable && ctx.cursor.live;
        ui.weak(match (live, ctx.store.origin().is_simulated()) {
            (true, true) => "Simulated time goes on as fast as it can until",
            (true, false) => "The cluster is paused, and goes on step by step until",
            (false, _) => "The cursor moves on to",
        });
        choice_ui(ui, ctx, "The next event", Some(Until::Event), "");
        let node = selected_node(ctx);
        let name =
            node.map_or_else(|| "The next event at a node".to_owned(), |node| format!("The next event at {node}"));
        choice_ui(ui, ctx, &name, node.map(Until::At), "Select a node first");
        let link = if let Selection::Link(link) = ctx.selection { Some(*link) } else { None };
        let name = link.map_or_else(
            || "The next arrival on a link".to_owned(),
            |(from, to)| format!("The next arrival from {from} at {to}"),
        );
        choice_ui(ui, ctx, &name, link.map(Until::Delivery), "Select a link first");
        choice_ui(ui, ctx, "Another leader, or none", Some(Until::LeaderChanges), "");
        choice_ui(ui, ctx, "The next finding", Some(Until::Finding), "");
        ui.separator();
        condition_ui(ui, ctx, form);
    });
    menu.response.on_hover_text("Let the run go until something happens (U: until the leader changes)");
}

fn choice_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, name: &str, until: Option<Until>, why_not: &str) {
    let button = ui.add_enabled(until.is_some(), Button::new(name).frame(false));
    if button.on_disabled_hover_text(why_not).clicked()
        && let Some(until) = until
    {
        ctx.travel(TravelAction::Until(until));
        ui.close();
    }
}

fn condition_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, form: &mut UntilForm) {
    ui.label("A condition becomes true");
    ui.horizontal(|ui| {
        let edit =
            TextEdit::singleline(&mut form.condition).desired_width(26.0 * SPACE).font(egui::TextStyle::Monospace);
        let edit = ui.add(edit).on_hover_ui(names_ui);
        let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        if ui.button("Go").clicked() || entered {
            ctx.travel(TravelAction::Until(Until::Holds(form.condition.trim().to_owned())));
            ui.close();
        }
    });
    ui.weak(RichText::new("In CEL, such as nodes.exists(n, n.leads && n.epoch > 2)").small());
}

/// Lists what a condition can name.
fn names_ui(ui: &mut Ui) {
    egui::Grid::new("names").num_columns(2).spacing([2.0 * SPACE, 0.25 * SPACE]).show(ui, |ui| {
        for (name, about) in NAMES {
            ui.monospace(*name);
            ui.label(*about);
            ui.end_row();
        }
    });
}

fn selected_node(ctx: &ViewCtx<'_>) -> Option<NodeId> {
    match ctx.selection {
        Selection::Nodes(nodes) => nodes.first().copied(),
        Selection::Nothing
        | Selection::Link(_)
        | Selection::Message(_)
        | Selection::Client(_)
        | Selection::Op(_)
        | Selection::Event(_) => None,
    }
}
