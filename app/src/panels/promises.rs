//! What clients were promised: how much was acknowledged, and which of it is lost.

use cluster_core::{
    event::{Conclusion, Outcome},
    registry,
    trace::{Acknowledged, Ledger, Subject},
};
use egui::{RichText, ScrollArea, Ui};

use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::LIST_HEIGHT,
};

/// How many lost writes are listed; how many there are is always told.
const LISTED_MAX: usize = 200;

/// Acknowledged writes that are gone, as things stand at the end of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lost {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: Vec<Acknowledged>,
}

impl Lost {
    /// Reads them from the ledger.
    pub fn of(ledger: &mut Ledger) -> Self {
        Self { count: ledger.lost_so_far(), first: ledger.lost().take(LISTED_MAX).cloned().collect() }
    }
}

/// Lays out "acknowledged" and "lost", from right to left.
pub(super) fn promises_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lost: &Lost) {
    if registry::protocol(&ctx.store.spec().protocol).is_some_and(|row| !row.serves_clients) {
        // Nobody was promised a write where nobody can ask for one.
        return broken_ui(ui, ctx);
    }
    let acknowledged: u64 = ctx.state.clients.values().chain([&ctx.state.departed]).map(|client| client.ok).sum();
    let failing = ctx.state.clients.values().any(|client| matches!(client.last, Some((_, _, Outcome::NoAnswer))));
    if lost.count == 0 {
        ui.weak("lost 0").on_hover_text("No write that was acknowledged is lost");
    } else {
        let title = RichText::new(format!("lost {}", format::count(lost.count as u64))).color(ctx.theme.bad).strong();
        ui.menu_button(title, |ui| lost_ui(ui, ctx, lost)).response.on_hover_text("Which writes are lost");
    }
    broken_ui(ui, ctx);
    let color = if failing { ctx.theme.warn } else { ctx.theme.text_weak };
    ui.colored_label(color, format!("acknowledged {}", format::count(acknowledged)))
        .on_hover_text("Operations that clients were told succeeded");
}

/// Says whether every promise holds at the cursor, and leads to the list of them.
fn broken_ui(ui: &mut Ui, ctx: &ViewCtx<'_>) {
    let broken =
        ctx.state.promises.values().filter(|promise| promise.conclusion == Conclusion::Violated).count() as u64;
    let unknown = ctx.state.promises.len() as u64 - broken;
    let (text, color) = match (broken, unknown) {
        (0, 0) => ("✔ promises hold".to_owned(), ctx.theme.text_weak),
        (0, _) => (format!("? {} unknown", format::counted(unknown, "promise")), ctx.theme.warn),
        (_, _) => (format!("✖ {} broken", format::counted(broken, "promise")), ctx.theme.bad),
    };
    let button = egui::Button::new(RichText::new(text).color(color)).frame(false);
    if ui.add(button).on_hover_text("Which promises hold, and since when one does not").clicked() {
        ctx.act(Action::ShowView("promises"));
    }
}

fn lost_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, lost: &Lost) {
    ui.label(RichText::new("Acknowledged, and in no log that counts any more").strong());
    ScrollArea::vertical().max_height(LIST_HEIGHT).show(ui, |ui| {
        for write in &lost.first {
            let what = match &write.value {
                Some(value) => format!("put {}={value:.24}", write.key),
                None => format!("delete {}", write.key),
            };
            let line = format!("{}  {}  {what}, entry {}", write.at, write.client, write.index);
            if ui.button(RichText::new(line).monospace()).on_hover_text("Go to its acknowledgement").clicked() {
                ctx.act(Action::Select(Selection::Op(write.op)));
                ctx.act(Action::Seek(write.at));
                ui.close();
            }
            if ui.button(format!("Why is {} lost?", write.op)).clicked() {
                ctx.act(Action::Why(Subject::Lost(write.op)));
                ui.close();
            }
        }
    });
    if lost.count > lost.first.len() {
        ui.weak(format!("{} more", format::count((lost.count - lost.first.len()) as u64)));
    }
}
