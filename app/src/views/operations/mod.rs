//! What each client asked, over time: a lane a client, a bar an operation, faults behind them.

mod index;
mod paint;

use std::collections::BTreeMap;

use cluster_core::{
    event::EventKind,
    ids::{ClientId, Seq},
    time::Timestamp,
};
use egui::{Rect, Response, ScrollArea, Sense, Ui, WidgetInfo, containers::scroll_area::ScrollSource, pos2, vec2};

use self::{
    index::{Bar, End, Lane, Operations, ROWS_MAX},
    paint::Plot,
};
use super::View;
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    format,
    theme::{chart as sizes, operations as looks},
    widgets::{
        faults::FaultWords,
        time_plot::{end_secs, set_time_window, time_window, zoom_on_hover},
    },
};

/// How many events are read in one frame.
const EVENTS_A_FRAME: u64 = 50_000;
/// How many bars have a place of their own in the accessibility tree.
const NAMED_MAX: usize = 400;
/// How many requests are remembered in words.
const WORDS_MAX: usize = 4096;
/// The part of the run that is shown first: as much as lets single operations be seen.
const FIRST_SECS: f64 = 10.0;

/// The view.
#[derive(Default)]
pub struct OperationsView {
    operations: Operations,
    faults: FaultWords,
    words: BTreeMap<Seq, String>,
}

/// A bar and where it is on the screen.
struct Placed {
    bar: Bar,
    client: ClientId,
    rect: Rect,
}

impl View for OperationsView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        if self.operations.advance(ctx.store, EVENTS_A_FRAME) {
            ui.ctx().request_repaint();
        }
        self.head_ui(ui, ctx);
        if self.operations.lanes().is_empty() {
            ui.weak("No client has asked for anything yet");
            return;
        }
        let (end, window) = (end_secs(ctx), time_window(ui));
        let time = window.range(end);
        let all = ui.available_rect_before_wrap();
        let axis = Rect::from_min_max(pos2(all.left(), all.bottom() - sizes::BOTTOM_PX), all.max);
        let lanes = self.operations.lanes();
        let room = (all.height() - sizes::BOTTOM_PX) / lanes.len().max(1) as f32;
        let row_px = layout_row_px(room, lanes.values().map(|lane| lane.rows).max().unwrap_or(1));
        let height = |lane: &Lane| lane.rows.clamp(1, ROWS_MAX) as f32 * row_px + looks::LANE_GAP_PX;
        let total: f32 = lanes.values().map(height).sum();
        let size = vec2(all.width(), (all.height() - sizes::BOTTOM_PX).max(sizes::MIN_HEIGHT_PX));
        let faults = self.faults.groups(ctx.store);
        let mut plot = Plot { rect: Rect::NOTHING, time, row_px, end };
        let scroll = ScrollArea::vertical().max_height(size.y).auto_shrink(false);
        // The wheel zooms, as in every chart.
        scroll.scroll_source(ScrollSource::SCROLL_BAR).show(ui, |ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(size.x, total.max(size.y)), Sense::hover());
            plot.rect = Rect::from_min_max(
                pos2(rect.left() + looks::NAMES_PX, rect.top()),
                pos2(rect.right() - sizes::RIGHT_PX, rect.bottom()),
            );
            let response = interact(ui, ctx, &plot, end);
            let painter = ui.painter_at(rect);
            plot.paint_faults(&painter, ctx.theme, &faults);
            let mut placed = Vec::new();
            let mut y = rect.top();
            for (client, lane) in self.operations.lanes() {
                let band = Rect::from_min_size(pos2(plot.rect.left(), y), vec2(plot.rect.width(), height(lane)));
                y += height(lane);
                if ui.is_rect_visible(band) {
                    plot.paint_name(&painter, ctx.theme, band, *client);
                    lane_ui(&painter, ctx, &plot, band, (*client, lane), &mut placed);
                }
            }
            plot.paint_cursor(&painter, ctx);
            self.bars_ui(ui, ctx, &plot, &response, &placed);
        });
        plot.paint_axis(&ui.painter_at(axis.expand(1.0)), ctx.theme, axis);
    }
}

impl OperationsView {
    /// How many operations there are, and what their looks mean.
    fn head_ui(&self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        ui.horizontal_wrapped(|ui| {
            ui.label(format::counted(self.operations.len() as u64, "operation"));
            if self.operations.hidden() > 0 {
                ui.weak(format!("{} earlier ones are not shown", format::count(self.operations.hidden())));
            }
            for (writes, word) in [(true, "write"), (false, "read")] {
                paint::swatch_ui(ui, ctx.theme, writes, End::Ok, word);
            }
            for end in End::ALL.into_iter().skip(1) {
                paint::swatch_ui(ui, ctx.theme, true, end, end.word());
            }
            paint::point_swatch_ui(ui, ctx.theme);
            if ui.small_button("Latest").on_hover_text("The last ten seconds, moving along").clicked() {
                set_time_window(ui, crate::widgets::axis::TimeWindow::Latest { width_secs: FIRST_SECS });
            }
            if ui.small_button("Whole run").on_hover_text("Double-click does the same").clicked() {
                set_time_window(ui, crate::widgets::axis::TimeWindow::Whole);
            }
        });
    }

    /// Paints the bars that have room, names them, and lets them be clicked.
    fn bars_ui(&mut self, ui: &Ui, ctx: &ViewCtx<'_>, plot: &Plot, response: &Response, placed: &[Placed]) {
        let painter = ui.painter_at(plot.rect.expand(1.0));
        let hovered = response.hover_pos().and_then(|at| hit(placed, at)).map(|placed| placed.bar.op);
        let wide = placed.iter().filter(|placed| placed.rect.width() >= looks::NAMED_PX).count();
        for this in placed {
            let selected = *ctx.selection == Selection::Op(this.bar.op) || hovered == Some(this.bar.op);
            let (_, effects) = self.operations.attempts_and_effects(this.bar.op);
            let accused = self.operations.is_accused(this.bar.op) || effects > 1;
            // In the last row several lie over each other: words would, too.
            let apart = usize::from(this.bar.row) + 1 < ROWS_MAX;
            let room = apart && this.rect.width() >= looks::NAMED_PX && wide <= NAMED_MAX;
            let name = room.then(|| self.name(ctx, &this.bar));
            plot.paint_bar(&painter, ctx.theme, this, (selected, accused), name.as_deref());
            if effects > 1 {
                plot.paint_times(&painter, ctx.theme, this.rect, effects);
            }
        }
        if placed.len() <= NAMED_MAX {
            for this in placed {
                let (_, effects) = self.operations.attempts_and_effects(this.bar.op);
                let mut words = format!("{} {} {}", this.bar.op, self.name(ctx, &this.bar), this.bar.end.word());
                if effects > 1 {
                    words = format!("{words}, took effect {effects} times");
                }
                let bar = ui.interact(this.rect, ui.scope_id().with(this.bar.op), Sense::click());
                bar.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &words));
                if bar.clicked() {
                    go_to(ctx, &this.bar);
                }
                bar.on_hover_ui(|ui| self.tip_ui(ui, ctx, this));
            }
        } else if let Some(this) = response.hover_pos().and_then(|at| hit(placed, at)) {
            let response = response.clone().on_hover_ui_at_pointer(|ui| self.tip_ui(ui, ctx, this));
            if response.clicked() {
                go_to(ctx, &this.bar);
            }
        }
    }

    fn tip_ui(&self, ui: &mut Ui, ctx: &ViewCtx<'_>, this: &Placed) {
        let bar = &this.bar;
        let words = self.words.get(&bar.seq).cloned().unwrap_or_default();
        ui.label(format!("{} of {}  {words}", bar.op, this.client));
        let by = bar.node.map_or_else(String::new, |node| format!(" by {node}"));
        let span = |secs: f64| format::duration(std::time::Duration::from_secs_f64(secs.max(0.0)));
        let took = span(bar.until.unwrap_or_else(|| ctx.at.as_secs_f64()) - bar.from);
        ui.label(format!("{}{by} after {took}", bar.end.word()));
        if let Some(point) = bar.point {
            ui.weak(format!("Took effect {} after it began: applied there first", span(point - bar.from)));
        }
        let (attempts, effects) = self.operations.attempts_and_effects(bar.op);
        if attempts > 1 {
            ui.label(format!("Sent {attempts} times"));
        }
        if effects > 1 {
            ui.colored_label(ctx.theme.bad, format!("Took effect {effects} times"));
        }
        if self.operations.is_accused(bar.op) {
            ui.colored_label(ctx.theme.bad, "It cannot be put in any order with the others that are framed");
        }
    }

    fn name(&mut self, ctx: &ViewCtx<'_>, bar: &Bar) -> String {
        if self.words.len() > WORDS_MAX {
            self.words.clear();
        }
        let read = || match ctx.store.event(bar.seq).map(|event| event.kind) {
            Some(EventKind::OpInvoked { request, .. }) => request.to_string(),
            _ => String::new(), // Its file is gone.
        };
        self.words.entry(bar.seq).or_insert_with(read).clone()
    }
}

/// Lays one lane out: bars where there is room for them, else a picture of how many there were.
fn lane_ui(
    painter: &egui::Painter,
    ctx: &ViewCtx<'_>,
    plot: &Plot,
    band: Rect,
    (client, lane): (ClientId, &Lane),
    placed: &mut Vec<Placed>,
) {
    let bars = lane.between(plot.time.0, plot.time.1);
    if bars.len() as f32 > plot.rect.width() * looks::BARS_PER_PX {
        return plot.paint_dense(painter, ctx.theme, band, lane);
    }
    placed.extend(bars.iter().map(|bar| Placed { bar: *bar, client, rect: plot.layout_bar(band, bar) }));
}

/// Returns how high a row is: all lanes fit if they can.
fn layout_row_px(room: f32, rows: usize) -> f32 {
    ((room - looks::LANE_GAP_PX) / rows.max(1) as f32).clamp(looks::ROW_MIN_PX, looks::ROW_MAX_PX)
}

fn hit(placed: &[Placed], at: egui::Pos2) -> Option<&Placed> {
    placed.iter().rev().find(|placed| placed.rect.expand(looks::REACH_PX).contains(at))
}

fn go_to(ctx: &ViewCtx<'_>, bar: &Bar) {
    ctx.act(Action::SeekEvent(bar.seq));
    ctx.act(Action::Select(Selection::Op(bar.op)));
}

fn interact(ui: &Ui, ctx: &ViewCtx<'_>, plot: &Plot, end: f64) -> Response {
    let response = ui.interact(plot.rect, ui.scope_id().with("operations"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, ctx.at.as_secs_f64(), "Operations over time"));
    if response.double_clicked() {
        set_time_window(ui, crate::widgets::axis::TimeWindow::Whole);
    } else if response.dragged() {
        let secs = plot.secs(plot.rect.left()) - plot.secs(plot.rect.left() + response.drag_delta().x);
        set_time_window(ui, time_window(ui).panned(end, secs));
    } else if response.clicked()
        && let Some(at) = response.interact_pointer_pos()
    {
        ctx.act(Action::Seek(Timestamp::from_secs_f64(plot.secs(at.x).clamp(0.0, end))));
    }
    zoom_on_hover(ui, &response, end, &|x| plot.secs(x));
    response
}
