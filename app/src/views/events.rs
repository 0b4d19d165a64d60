//! Every event of the run in a table that can be filtered and searched; a click selects, a double click seeks.

use cluster_core::{
    event::TraceEvent,
    ids::{Endpoint, Seq},
};
use egui::{Align, Color32, Key, Label, Layout, Response, RichText, Sense, TextEdit, Ui, WidgetInfo};
use egui_extras::{Column, TableBuilder, TableRow};

use super::{
    View,
    event_index::{EventIndex, Filter, KindFamily, kind_words, places, text},
};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme::table as sizes,
};

/// How many events are filtered, and how many searched, in one frame at most.
const EVENTS_PER_FRAME: u64 = 8192;
/// How many places the filter offers, at most.
const PLACES_MAX: usize = 200;

/// The view.
#[derive(Default)]
pub struct EventsView {
    filter: Filter,
    query: String,
    index: EventIndex,
    hit: Option<usize>,
    scroll_to: Option<usize>,
    seen_next: Option<Seq>,
    seen_selection: Selection,
}

impl View for EventsView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        self.index.advance(ctx.store, &self.filter, &self.query, EVENTS_PER_FRAME);
        let narrow = ui.available_width() < sizes::NARROW_PX;
        if narrow {
            // Beside a picture there is room for one line above the table: the kinds fold into a menu.
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = sizes::MARK_PX;
                ui.menu_button("Kinds", |ui| self.kinds_ui(ui));
                self.place_ui(ui, ctx);
                self.search_ui(ui, ctx, narrow);
            });
        } else {
            ui.horizontal_wrapped(|ui| {
                self.kinds_ui(ui);
                self.place_ui(ui, ctx);
            });
            ui.horizontal_wrapped(|ui| self.search_ui(ui, ctx, narrow));
        }
        if self.index.progress(ctx.store) < 1.0 {
            ui.ctx().request_repaint();
        }
        if self.index.is_empty() {
            let words = if ctx.store.is_empty() { "Nothing has happened yet" } else { "No event passes the filter" };
            ui.centered_and_justified(|ui| ui.label(RichText::new(words).color(ctx.theme.text_weak)));
            return;
        }
        self.follow(ctx);
        self.table_ui(ui, ctx, narrow);
    }
}

impl EventsView {
    fn kinds_ui(&mut self, ui: &mut Ui) {
        let all = self.filter.families.iter().all(|on| *on);
        if ui.selectable_label(all, "All").clicked() {
            self.filter.families = [true; KindFamily::ALL.len()];
        }
        for family in KindFamily::ALL {
            let on = self.filter.families[family as usize];
            if ui.selectable_label(on && !all, family.word()).clicked() {
                if all {
                    // From "all", a click means "only this".
                    self.filter.families = [false; KindFamily::ALL.len()];
                }
                self.filter.families[family as usize] = all || !on;
                if self.filter.families.iter().all(|on| !on) {
                    self.filter.families = [true; KindFamily::ALL.len()];
                }
            }
        }
    }

    fn place_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let chosen = self.filter.place.map_or_else(|| "Everywhere".to_owned(), |place| format!("At {place}"));
        let combo = egui::ComboBox::from_id_salt("place").selected_text(chosen).show_ui(ui, |ui| {
            ui.selectable_value(&mut self.filter.place, None, "Everywhere");
            let nodes = ctx.store.latest().nodes.keys().map(|node| Endpoint::from(*node));
            let clients = ctx.store.latest().clients.keys().map(|client| Endpoint::from(*client));
            for place in nodes.chain(clients).take(PLACES_MAX) {
                ui.selectable_value(&mut self.filter.place, Some(place), place.to_string());
            }
        });
        combo.response.on_hover_text("Where it happened");
    }

    fn search_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, narrow: bool) {
        let width = if narrow { ui.available_width() } else { sizes::SEARCH_PX };
        let edit = TextEdit::singleline(&mut self.query).hint_text("Search").desired_width(width);
        let response = ui.add(edit).on_hover_text("Search the text of events; Enter finds the next");
        let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let back = entered && ui.input(|input| input.modifiers.shift);
        let found = !self.index.hits().is_empty();
        let button = |ui: &mut Ui, name| {
            let shown = |ui: &mut Ui| ui.add_enabled(found, egui::Button::new(name));
            !narrow && shown(ui).on_disabled_hover_text("Nothing found").clicked()
        };
        let (previous, next) = (button(ui, "Previous"), button(ui, "Next"));
        if response.changed() {
            self.hit = None;
        }
        if found && (previous || back) {
            self.step(ctx, false);
        } else if found && (next || entered) {
            self.step(ctx, true);
        }
        if entered {
            response.request_focus();
        }
        let status = self.status(ctx);
        if narrow {
            response.on_hover_text(status);
        } else {
            ui.label(RichText::new(status).color(ctx.theme.text_weak));
        }
    }

    fn status(&self, ctx: &ViewCtx<'_>) -> String {
        let progress = self.index.progress(ctx.store);
        let events = grouped(self.index.len());
        let events = if self.index.len() == 1 { "1 event".to_owned() } else { format!("{events} events") };
        let done = if progress < 1.0 { format!(", searching… {:.0} %", progress * 100.0) } else { String::new() };
        if self.query.trim().is_empty() {
            return format!("{events}{done}");
        }
        let hits = grouped(self.index.hits().len());
        match self.hit {
            Some(hit) => format!("{} of {hits} found in {events}{done}", grouped(hit + 1)),
            None => format!("{hits} found in {events}{done}"),
        }
    }

    /// Goes to the next hit, or the one before; after the last comes the first.
    fn step(&mut self, ctx: &ViewCtx<'_>, forward: bool) {
        let hits = self.index.hits();
        let from = self.hit.map(|hit| if forward { hit + 1 } else { hit + hits.len() - 1 });
        let hit = from.unwrap_or_else(|| if forward { 0 } else { hits.len() - 1 }) % hits.len();
        let row = hits[hit];
        (self.hit, self.scroll_to) = (Some(hit), Some(row));
        if let Some(seq) = self.index.seq(row) {
            self.select(ctx, seq);
        }
    }

    fn select(&mut self, ctx: &ViewCtx<'_>, seq: Seq) {
        self.seen_selection = Selection::Event(seq);
        ctx.act(Action::Select(Selection::Event(seq)));
    }

    /// Brings what was chosen elsewhere into view: the cursor, or an event.
    fn follow(&mut self, ctx: &ViewCtx<'_>) {
        if !ctx.cursor.live && self.seen_next != Some(ctx.cursor.next) {
            self.scroll_to = Some(self.index.row_at(ctx.cursor.next).saturating_sub(1));
        }
        self.seen_next = Some(ctx.cursor.next);
        if *ctx.selection != self.seen_selection {
            self.seen_selection = ctx.selection.clone();
            if let Selection::Event(seq) = ctx.selection {
                self.scroll_to = Some(self.index.row_at(*seq));
            }
        }
    }

    fn table_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>, narrow: bool) {
        let rows = self.index.len();
        let titles: &[&str] = if narrow { &["Time", "What"] } else { &["#", "Time", "Kind", "Where", "What"] };
        let mut table = TableBuilder::new(ui)
            .striped(false)
            .sense(Sense::click())
            .auto_shrink(false)
            .stick_to_bottom(ctx.cursor.live)
            .animate_scrolling(!ctx.reduced_motion)
            .cell_layout(Layout::left_to_right(Align::Center));
        if !narrow {
            table = table.column(Column::exact(sizes::NUMBER_PX));
        }
        table = table.column(Column::exact(sizes::TIME_PX));
        let resizable = |width| Column::initial(width).at_least(sizes::KIND_MIN_PX).resizable(true).clip(true);
        if !narrow {
            table = table.column(resizable(sizes::KIND_PX)).column(resizable(sizes::PLACE_PX));
        }
        table = table.column(Column::remainder().clip(true));
        if let Some(row) = self.scroll_to.take() {
            table = table.scroll_to_row(row.min(rows.saturating_sub(1)), Some(Align::Center));
        }
        let mut clicked = None;
        table
            .header(sizes::ROW_PX, |mut header| {
                for title in titles {
                    header.col(|ui| {
                        drop(ui.label(RichText::new(*title).size(sizes::TEXT_PX).color(ctx.theme.text_weak)))
                    });
                }
            })
            .body(|body| {
                body.rows(sizes::ROW_PX, rows, |mut row| {
                    let at = row.index();
                    let Some(event) = self.index.seq(at).and_then(|seq| ctx.store.event(seq)) else { return };
                    let found = self.index.hits().binary_search(&at).is_ok();
                    let response = row_ui(&mut row, ctx, &event, (found, narrow));
                    if response.double_clicked() {
                        ctx.act(Action::SeekEvent(event.seq));
                    } else if response.clicked() {
                        clicked = Some(event.seq);
                    }
                });
            });
        if let Some(seq) = clicked {
            self.select(ctx, seq);
        }
    }
}

fn row_ui(
    row: &mut TableRow<'_, '_>,
    ctx: &ViewCtx<'_>,
    event: &TraceEvent,
    (found, narrow): (bool, bool),
) -> Response {
    let theme = ctx.theme;
    let selected = *ctx.selection == Selection::Event(event.seq);
    row.set_selected(selected);
    let what = text(ctx.store, event);
    let ahead = event.seq >= ctx.cursor.next && !ctx.cursor.live;
    let ink = |color: Color32| if ahead { color.gamma_multiply(sizes::AHEAD_STRENGTH) } else { color };
    let cell = |ui: &mut Ui, text: RichText| {
        ui.add(Label::new(text.size(sizes::TEXT_PX)).selectable(false).truncate());
    };
    let weak = ink(theme.text_weak);
    if !narrow {
        row.col(|ui| cell(ui, RichText::new(event.seq.0.to_string()).monospace().color(weak)));
    }
    row.col(|ui| cell(ui, RichText::new(event.at.to_string()).monospace().color(ink(theme.text))));
    if !narrow {
        row.col(|ui| cell(ui, RichText::new(kind_words(&event.kind).1).color(weak)));
    }
    // The sentence says where, too.
    if !narrow {
        row.col(|ui| match places(ctx.store, event) {
            (Some(from), Some(to)) => cell(ui, RichText::new(format!("{from} → {to}")).color(weak)),
            (Some(at), None) | (None, Some(at)) => {
                let color = at.node().map_or(theme.text_weak, |node| theme.node(node));
                cell(ui, RichText::new(at.to_string()).color(ink(color)));
            }
            (None, None) => {}
        });
    }
    row.col(|ui| {
        let color = if found { theme.accent } else { theme.text };
        let text = RichText::new(&what).color(ink(color));
        cell(ui, if found { text.underline() } else { text });
    });
    let response = row.response();
    let label = format!("event {}, {what}", event.seq.0);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Row, true, selected, &label));
    response
}

/// Returns a number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    groups.join(",")
}
