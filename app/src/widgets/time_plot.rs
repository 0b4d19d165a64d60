//! A chart over the time of the run: lines, shaded faults, the cursor; a click seeks, the wheel zooms, all charts alike.

use cluster_core::time::Timestamp;
use egui::{
    Align2, Color32, EventFilter, FontId, Id, Key, Mesh, Pos2, Rangef, Rect, Response, Sense, Shape, Stroke, Ui,
    WidgetInfo, pos2, vec2,
};

use super::{
    axis::{TimeWindow, ValueAxis, time_ticks},
    columns::{corners, envelope, layout_columns},
    dash::Dash,
    faults::{FaultGroup, broken_stretches, layout_faults},
    legend::value_text,
    series::{Chart, Series},
};
use crate::{
    action::Action,
    ctx::ViewCtx,
    theme::{Theme, chart as sizes},
};

/// What is drawn besides the chart's own lines.
pub struct TimePlot<'a> {
    /// The lines.
    pub chart: &'a Chart,
    /// What was broken.
    pub faults: &'a [FaultGroup],
    /// The lines that are named; the others are drawn faintly.
    pub named: &'a [usize],
    /// A line to be put before the others.
    pub emphasized: Option<usize>,
    /// A sentence in the middle of a picture in which nothing stands out.
    pub note: Option<&'a str>,
}

/// Where the parts of a plot are.
struct Frame {
    plot: Rect,
    lanes: Rect,
    time: (f64, f64),
    values: ValueAxis,
}

impl Frame {
    fn x(&self, secs: f64) -> f32 {
        let (from, to) = self.time;
        self.plot.left() + ((secs - from) / (to - from)) as f32 * self.plot.width()
    }

    fn secs(&self, x: f32) -> f64 {
        let (from, to) = self.time;
        from + f64::from((x - self.plot.left()) / self.plot.width()) * (to - from)
    }

    fn y(&self, value: f64) -> f32 {
        self.plot.bottom() - self.values.fraction(value).clamp(0.0, 1.0) * self.plot.height()
    }
}

/// Returns the part of the run that all charts show.
pub fn time_window(ui: &Ui) -> TimeWindow {
    ui.data(|data| data.get_temp(window_id())).unwrap_or_default()
}

/// Lets all charts show that part of the run.
pub fn set_time_window(ui: &Ui, window: TimeWindow) {
    ui.data_mut(|data| data.insert_temp(window_id(), window));
}

fn window_id() -> Id {
    Id::unique("time window of charts")
}

/// Returns the end of the run as charts show it.
pub fn end_secs(ctx: &ViewCtx<'_>) -> f64 {
    ctx.store.end().max(if ctx.cursor.live { ctx.at } else { Timestamp::ZERO }).as_secs_f64()
}

/// Lays out, reacts and paints in all of the room that is left.
pub fn time_plot_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, plot: &TimePlot<'_>) {
    let end = end_secs(ctx);
    let size = ui.available_size().max(vec2(sizes::MIN_WIDTH_PX, sizes::MIN_HEIGHT_PX));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    if !ui.is_rect_visible(rect) {
        return;
    }
    let time = time_window(ui).range(end);
    let frame = layout_frame(rect, time, plot);
    let response = interact(ui, ctx, plot, &frame, end);
    let painter = ui.painter_at(rect);
    paint_grid(&painter, ctx.theme, plot.chart, &frame);
    paint_faults(&painter, ctx.theme, plot.faults, &frame, end);
    let inside = painter.with_clip_rect(frame.plot.expand(sizes::LINE_PX));
    paint_lines(&inside, ctx.theme, plot, &frame);
    if let Some(note) = plot.note {
        let font = FontId::proportional(sizes::NOTE_PX);
        painter.text(frame.plot.center(), Align2::CENTER_CENTER, note, font, ctx.theme.text_weak);
    }
    paint_cursor(&painter, ctx, &frame);
    if response.has_focus() {
        painter.rect_stroke(
            frame.plot.expand(2.0),
            sizes::ROUNDING_PX,
            Stroke::new(1.0, ctx.theme.accent),
            egui::StrokeKind::Outside,
        );
    }
    if let Some(at) = response.hover_pos().filter(|at| frame.plot.contains(*at)) {
        paint_readout(&painter, ctx.theme, plot, &frame, at, end);
    }
}

fn layout_frame(rect: Rect, time: (f64, f64), plot: &TimePlot<'_>) -> Frame {
    let lanes_px = if plot.faults.is_empty() { 0.0 } else { sizes::LANES as f32 * sizes::LANE_PX };
    let lanes_px = if rect.height() < 2.0 * sizes::MIN_HEIGHT_PX { lanes_px.min(sizes::LANE_PX) } else { lanes_px };
    let inner = Rect::from_min_max(
        pos2(rect.left() + sizes::LEFT_PX, rect.top() + sizes::TOP_PX),
        pos2(rect.right() - sizes::RIGHT_PX, rect.bottom() - sizes::BOTTOM_PX),
    );
    let (lanes, plot_rect) = inner.split_top_bottom_at_y(inner.top() + lanes_px);
    Frame { plot: plot_rect, lanes, time, values: plot.chart.value_axis(time) }
}

fn interact(ui: &Ui, ctx: &ViewCtx<'_>, plot: &TimePlot<'_>, frame: &Frame, end: f64) -> Response {
    let id = ui.scope_id().with(plot.chart.title);
    let response = ui.interact(frame.plot.union(frame.lanes), id, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::slider(true, ctx.at.as_secs_f64(), summary(plot, ctx.at.as_secs_f64())));
    if response.double_clicked() {
        set_time_window(ui, TimeWindow::Whole);
    } else if (response.clicked() || response.dragged())
        && let Some(at) = response.interact_pointer_pos()
    {
        seek(ctx, frame.secs(at.x), end);
    }
    zoom_on_hover(ui, &response, end, &|x| frame.secs(x));
    if response.has_focus() {
        on_keys(ui, ctx, &response, frame, end);
    }
    response
}

/// Zooms and pans the part of the run that all charts show by wheel and pinch over a plot; `secs` is the moment at a place.
pub fn zoom_on_hover(ui: &Ui, response: &Response, end: f64, secs: &dyn Fn(f32) -> f64) {
    let Some(at) = response.hover_pos() else { return };
    let window = time_window(ui);
    let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
    let factor = f64::from(1.0 / pinch) * f64::from(-scroll.y * sizes::ZOOM_PER_PX).exp();
    if (factor - 1.0).abs() > 1e-4 {
        set_time_window(ui, window.zoomed(end, factor, secs(at.x)));
    } else if scroll.x.abs() > 0.1 {
        set_time_window(ui, window.panned(end, secs(0.0) - secs(scroll.x)));
    }
}

fn on_keys(ui: &Ui, ctx: &ViewCtx<'_>, response: &Response, frame: &Frame, end: f64) {
    let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    let (back, forth, near, far) = ui.input(|input| {
        let pressed = |key| input.key_pressed(key);
        let near = pressed(Key::Plus) || pressed(Key::Equals);
        (pressed(Key::ArrowLeft), pressed(Key::ArrowRight), near, pressed(Key::Minus))
    });
    let at = ctx.at.as_secs_f64();
    let step = (frame.time.1 - frame.time.0) / 100.0;
    if back {
        seek(ctx, at - step, end);
    }
    if forth {
        seek(ctx, at + step, end);
    }
    if near || far {
        set_time_window(ui, time_window(ui).zoomed(end, if near { 0.5 } else { 2.0 }, at));
    }
}

fn seek(ctx: &ViewCtx<'_>, secs: f64, end: f64) {
    ctx.act(Action::Seek(Timestamp::from_secs_f64(secs.min(end))));
}

/// Returns what a screen reader says: the title and the value of each named line at the cursor.
fn summary(plot: &TimePlot<'_>, secs: f64) -> String {
    let chart = plot.chart;
    let mut parts = vec![chart.title.to_owned()];
    for at in plot.named {
        let series = &chart.series[*at];
        parts.push(format!("{} {}", series.name, value_text(chart, series, chart.bin(secs))));
    }
    parts.extend(plot.note.map(str::to_owned));
    parts.join(", ")
}

fn paint_grid(painter: &egui::Painter, theme: &Theme, chart: &Chart, frame: &Frame) {
    let font = FontId::proportional(sizes::TEXT_PX);
    let stroke = Stroke::new(1.0, theme.line.gamma_multiply(sizes::GRID_STRENGTH));
    let mut lowest_free = f32::INFINITY;
    for value in frame.values.ticks() {
        let y = frame.y(value);
        painter.hline(frame.plot.x_range(), y, stroke);
        if y <= lowest_free {
            let at = pos2(frame.plot.left() - sizes::LABEL_GAP_PX, y);
            painter.text(at, Align2::RIGHT_CENTER, chart.unit.text(value), font.clone(), theme.text_weak);
            lowest_free = y - sizes::TEXT_PX * 1.3;
        }
    }
    let count = (frame.plot.width() / sizes::TICK_PX).max(2.0) as usize;
    for (secs, label) in time_ticks(frame.time, count) {
        let x = frame.x(secs);
        painter.vline(x, Rangef::new(frame.plot.bottom(), frame.plot.bottom() + sizes::LABEL_GAP_PX / 2.0), stroke);
        let at = pos2(x, frame.plot.bottom() + sizes::LABEL_GAP_PX);
        painter.text(at, Align2::CENTER_TOP, label, font.clone(), theme.text_weak);
    }
}

fn paint_faults(painter: &egui::Painter, theme: &Theme, faults: &[FaultGroup], frame: &Frame, end: f64) {
    let (left, right) = (frame.plot.left(), frame.plot.right());
    for (from, until) in broken_stretches(faults, end) {
        let (from, until) = (frame.x(from).max(left), frame.x(until).min(right));
        if until >= from {
            let shade = Rect::from_x_y_ranges(Rangef::new(from, until.max(from + 1.0)), frame.plot.y_range());
            painter.rect_filled(shade, 0.0, theme.fault_shade);
        }
    }
    let font = FontId::proportional(sizes::FAULT_TEXT_PX);
    let width = |text: &str| painter.layout_no_wrap(text.to_owned(), font.clone(), theme.text).size().x;
    let lanes = (frame.lanes.height() / sizes::LANE_PX).round() as usize;
    let x_of = |secs: f64| frame.x(secs.min(end));
    let (bars, hidden) = layout_faults(faults, x_of, (left, right.min(frame.x(end)).max(left + 1.0)), lanes, width);
    for bar in bars {
        let top = frame.lanes.top() + bar.lane as f32 * sizes::LANE_PX;
        let rect = Rect::from_min_max(pos2(bar.left, top), pos2(bar.right, top + sizes::LANE_PX - 2.0));
        painter.rect_filled(rect, sizes::ROUNDING_PX, theme.bad.gamma_multiply(sizes::BAR_STRENGTH));
        painter.vline(bar.left, rect.y_range(), Stroke::new(sizes::LINE_PX, theme.bad));
        let at = pos2(bar.text_x, rect.center().y);
        painter.text(at, Align2::LEFT_CENTER, bar.label, font.clone(), theme.text);
    }
    if hidden > 0 {
        let at = pos2(frame.lanes.right() + 2.0, frame.lanes.top());
        painter.text(at, Align2::LEFT_TOP, format!("+{hidden}"), font, theme.text_weak);
    }
}

fn paint_lines(painter: &egui::Painter, theme: &Theme, plot: &TimePlot<'_>, frame: &Frame) {
    let series = &plot.chart.series;
    let rest = series.iter().enumerate().filter(|(at, _)| !plot.named.contains(at)).map(|(_, line)| line);
    paint_rest(painter, theme, plot.chart.bin_secs, frame, &rest.collect::<Vec<_>>());
    let mut order: Vec<usize> = Vec::with_capacity(plot.named.len());
    // The first in front: where stacked areas have no height, their edges lie on the one below.
    order.extend(plot.named.iter().rev());
    if let Some(front) = plot.emphasized {
        order.retain(|at| *at != front);
        order.push(front);
    }
    for at in order {
        let faint = plot.emphasized.is_some_and(|front| front != at);
        let strength = if faint { sizes::FAINT_STRENGTH } else { 1.0 };
        let line = &series[at];
        paint_series(painter, line, line.color.gamma_multiply(strength), plot.chart.bin_secs, frame);
    }
}

/// Lines without a name are one band: a hundred of them would be neither legible nor cheap.
fn paint_rest(painter: &egui::Painter, theme: &Theme, bin_secs: f64, frame: &Frame, rest: &[&Series]) {
    let Some((most, least)) = envelope(rest) else { return };
    let columns = |line: &Series| layout_columns(line, bin_secs, frame.time, frame.plot.width() as usize);
    let (most, least) = (columns(&most), columns(&least));
    let color = theme.text_weak.gamma_multiply(sizes::FAINT_STRENGTH);
    let known: Vec<_> = most.iter().zip(&least).filter(|(most, _)| !most.value.is_nan()).collect();
    let top: Vec<Pos2> = known.iter().map(|(most, _)| pos2(frame.x(most.secs), frame.y(most.value))).collect();
    let floor: Vec<f32> = known.iter().map(|(_, least)| frame.y(least.value)).collect();
    painter.add(area(&top, &floor, color.gamma_multiply(sizes::AREA_STRENGTH)));
    painter.line(corners(&top), Stroke::new(sizes::LINE_PX * 0.8, color));
}

fn paint_series(painter: &egui::Painter, series: &Series, color: Color32, bin_secs: f64, frame: &Frame) {
    let columns = layout_columns(series, bin_secs, frame.time, frame.plot.width() as usize);
    let thin = series.dash != Dash::Solid;
    let stroke = Stroke::new(if thin { sizes::LINE_PX * 0.8 } else { sizes::LINE_PX }, color);
    for run in columns.split(|column| column.value.is_nan()).filter(|run| !run.is_empty()) {
        let points: Vec<Pos2> = run.iter().map(|column| pos2(frame.x(column.secs), frame.y(column.value))).collect();
        if series.base.is_some() {
            let floor: Vec<f32> = run.iter().map(|column| frame.y(column.base)).collect();
            painter.add(area(&points, &floor, color.gamma_multiply(sizes::AREA_STRENGTH)));
            // An area of nothing has no edge: else the top one's color would cover the one below.
            let seen = points.iter().zip(&floor).any(|(top, floor)| floor - top.y > 0.5);
            if !seen {
                continue;
            }
        }
        if points.len() == 1 {
            painter.circle_filled(points[0], sizes::LINE_PX * 1.3, color);
        } else {
            painter.add(series.dash.line(corners(&points), stroke));
        }
    }
}

fn area(top: &[Pos2], floor: &[f32], color: Color32) -> Mesh {
    let mut mesh = Mesh::default();
    for (at, (point, floor)) in top.iter().zip(floor).enumerate() {
        mesh.colored_vertex(*point, color);
        mesh.colored_vertex(pos2(point.x, *floor), color);
        if at > 0 {
            let first = 2 * (at as u32 - 1);
            mesh.add_triangle(first, first + 1, first + 2);
            mesh.add_triangle(first + 1, first + 2, first + 3);
        }
    }
    mesh
}

fn paint_cursor(painter: &egui::Painter, ctx: &ViewCtx<'_>, frame: &Frame) {
    let x = frame.x(ctx.at.as_secs_f64());
    if !frame.plot.x_range().expand(0.5).contains(x) {
        return;
    }
    if !ctx.cursor.live {
        // What lies ahead of the cursor is told, but quietly.
        let ahead = Rect::from_x_y_ranges(Rangef::new(x, frame.plot.right()), frame.plot.y_range());
        painter.rect_filled(ahead, 0.0, ctx.theme.surface.gamma_multiply(sizes::AHEAD_STRENGTH));
    }
    let strength = if ctx.cursor.live { sizes::LIVE_STRENGTH } else { 1.0 };
    let color = ctx.theme.accent.gamma_multiply(strength);
    let top = frame.lanes.top();
    painter.vline(x, Rangef::new(top, frame.plot.bottom()), Stroke::new(sizes::LINE_PX, color));
    let half = sizes::LABEL_GAP_PX * 0.7;
    let head = vec![pos2(x - half, top - half), pos2(x + half, top - half), pos2(x, top + half * 0.4)];
    painter.add(Shape::convex_polygon(head, color, Stroke::NONE));
}

fn paint_readout(painter: &egui::Painter, theme: &Theme, plot: &TimePlot<'_>, frame: &Frame, at: Pos2, end: f64) {
    let secs = frame.secs(at.x);
    if secs > end {
        return;
    }
    painter.vline(at.x, frame.plot.y_range(), Stroke::new(1.0, theme.text_weak.gamma_multiply(0.5)));
    let font = FontId::proportional(sizes::TEXT_PX);
    let mut rows = vec![(None, Timestamp::from_secs_f64(secs).to_string(), theme.text)];
    let chart = plot.chart;
    for at in plot.named {
        let series = &chart.series[*at];
        let text = format!("{}  {}", series.name, value_text(chart, series, chart.bin(secs)));
        rows.push((Some(series.color), text, theme.text));
    }
    let broken = plot.faults.iter().filter(|fault| fault.from <= secs && fault.until.is_none_or(|until| secs <= until));
    rows.extend(broken.take(sizes::READOUT_FAULTS).map(|fault| (None, fault.label.clone(), theme.bad)));

    let galleys: Vec<_> =
        rows.iter().map(|(_, text, color)| painter.layout_no_wrap(text.clone(), font.clone(), *color)).collect();
    let indent = sizes::SWATCH_PX + sizes::LEGEND_GAP_PX;
    let width = galleys.iter().map(|galley| galley.size().x).fold(0.0, f32::max) + indent;
    let row_px = sizes::TEXT_PX * 1.45;
    let size = vec2(width, row_px * rows.len() as f32) + 2.0 * vec2(sizes::PAD_PX, sizes::PAD_PX);
    let beside = if at.x + size.x + 16.0 < frame.plot.right() { at.x + 12.0 } else { at.x - 12.0 - size.x };
    let corner = pos2(beside, (at.y - size.y / 2.0).clamp(frame.lanes.top(), frame.plot.bottom().max(size.y) - size.y));
    let card = Rect::from_min_size(corner, size);
    painter.rect(card, sizes::CARD_ROUNDING_PX, theme.raised, Stroke::new(1.0, theme.line), egui::StrokeKind::Inside);
    for (row, (galley, (swatch, _, color))) in galleys.into_iter().zip(rows).enumerate() {
        let y = card.top() + sizes::PAD_PX + row as f32 * row_px;
        let x = card.left() + sizes::PAD_PX;
        if let Some(swatch) = swatch {
            let center = pos2(x + sizes::SWATCH_PX / 2.0, y + row_px / 2.0);
            painter.rect_filled(Rect::from_center_size(center, vec2(sizes::SWATCH_PX, 3.0)), 1.0, swatch);
        }
        let offset = if swatch.is_some() { indent } else { 0.0 };
        painter.galley(pos2(x + offset, y + (row_px - galley.size().y) / 2.0), galley, color);
    }
}
