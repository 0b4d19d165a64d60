//! The line of controls above the diagram, and the sentence below it.

use cluster_core::{
    event::Family,
    ids::{Endpoint, Seq},
    trace::{
        TraceStore,
        causality::{Causality, Lane, Order},
    },
};
use egui::{Button, RichText, Ui, WidgetInfo};

use super::{axis::Window, focus::Focus, items::Items, layout::Filter};
use crate::{ctx::ViewCtx, theme::SPACE, widgets::event_words::text};

/// Lays the controls out.
pub(super) fn controls_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, filter: &mut Filter, window: &mut Window, end: f64) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 0.5 * SPACE;
        for (family, word) in ctx.families() {
            family_ui(ui, ctx, filter, family, word);
        }
        ui.add_space(SPACE);
        let toggle = |ui: &mut Ui, on: &mut bool, word: &str, about: &str| {
            if ui.selectable_label(*on, word).on_hover_text(about).clicked() {
                *on = !*on;
            }
        };
        toggle(ui, &mut filter.collapse, "Collapse heartbeats", "Heartbeats are ticks at whoever sends them");
        toggle(ui, &mut filter.fold, "Fold quiet", "Stretches in which nothing happens are drawn narrow");
        toggle(ui, &mut filter.clients, "Clients", "Clients have lanes, too");
        ui.add_space(SPACE);
        let middle = (window.from + window.to()) / 2.0;
        let around = if window.follows && ctx.cursor.live { end } else { middle };
        for (sign, about, factor) in [("−", "Zoom out (−)", 2.0), ("+", "Zoom in (+)", 0.5)] {
            let response = ui.add(Button::new(sign).min_size(egui::vec2(26.0, 0.0)));
            response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, about));
            if response.on_hover_text(about).clicked() {
                window.zoom(factor, around, end);
            }
        }
        if ui.button("Whole run").on_hover_text("Show all of it (Home)").clicked() {
            window.whole(end);
        }
    });
}

/// One family: on, off; from all on, a click means "only this".
fn family_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, filter: &mut Filter, family: Family, word: &str) {
    let at = Family::ALL.iter().position(|known| *known == family).unwrap_or(0);
    let on = filter.families[at];
    let color = if on { ctx.theme.family(family) } else { ctx.theme.text_weak.gamma_multiply(0.6) };
    let name = capitalized(word);
    let label = RichText::new(format!("{} {name}", ctx.theme.family_glyph(family, word))).color(color);
    let all = filter.families.iter().all(|on| *on);
    let response = ui.selectable_label(on && !all, label);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, on, format!("messages, {word}")));
    if response.on_hover_text(format!("{name} messages; click for only these, click more to add them")).clicked() {
        if all {
            filter.families = [false; Family::ALL.len()];
        }
        filter.families[at] = all || !on;
        if filter.families.iter().all(|on| !on) {
            filter.families = [true; Family::ALL.len()];
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Returns the sentence below the diagram: what is looked at, and how it stands to the rest, or to a second event.
pub(super) fn sentence(
    ctx: &ViewCtx<'_>,
    causality: &Causality,
    focus: &Focus,
    items: &Items,
    window: Window,
) -> String {
    if let Some(compared) = focus.compared() {
        let (a, b) = compared.pair;
        let (first, second) = (named(ctx.store, a), named(ctx.store, b));
        let Some(order) = compared.order else {
            return format!("{first} and {second} cannot be compared: one of them is too long ago");
        };
        let way = match &compared.chain {
            Some(Ok(chain)) => way(causality, &chain.events, chain.hops),
            Some(Err(why)) => format!("; {why}"),
            None if order == Order::Concurrent => ": neither can have known of the other".to_owned(),
            None => String::new(),
        };
        return format!("{first} {} {second}{way}", order.words());
    }
    let Some(cone) = focus.cone() else {
        return "Click an event: what led to it and what came of it stand out. Shift-click another to compare the two"
            .to_owned();
    };
    let ends = items
        .messages
        .iter()
        .flat_map(|message| [Some((message.sent, message.sent_at)), message.end.map(|end| (end.seq, end.at))]);
    let all = ends.flatten().chain(items.marks.iter().map(|mark| (mark.seq, mark.at)));
    let seen = all.filter(|(_, at)| (window.from..=window.to()).contains(&at.as_secs_f64()));
    let (mut before, mut after, mut beside) = (0_usize, 0_usize, 0_usize);
    for (seq, _) in seen {
        match cone.order_of(causality, seq) {
            // The cone says how its origin stands to the other.
            Order::After => before += 1,
            Order::Before => after += 1,
            Order::Concurrent => beside += 1,
            Order::Same => {}
        }
    }
    let what = named(ctx.store, cone.origin());
    format!(
        "{what}. Of what is seen, {before} events precede it, {after} follow from it, {beside} are concurrent with it"
    )
}

fn named(store: &TraceStore, seq: Seq) -> String {
    let event = store.event(seq);
    event.map_or_else(|| seq.to_string(), |event| format!("{seq} ({}, {})", text(store, &event), event.at))
}

/// Returns by what way one event may have influenced another.
fn way(causality: &Causality, events: &[Seq], hops: u32) -> String {
    let mut places: Vec<Endpoint> = Vec::new();
    for seq in events {
        if let Some(Lane::At(end)) = causality.lane(*seq)
            && places.last() != Some(&end)
        {
            places.push(end);
        }
    }
    match (hops, &places[..]) {
        (0, [place, ..]) => format!(", both at {place}"),
        (_, places) => {
            let words: Vec<_> = places.iter().map(Endpoint::to_string).collect();
            format!(", by way of {} ({hops} {})", words.join(" → "), if hops == 1 { "hop" } else { "hops" })
        }
    }
}
