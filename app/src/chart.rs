//! Charts as files: lag, throughput and latency over one axis of time, with the faults shaded behind, as SVG or PNG.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use cluster_core::trace::TraceStore;
use egui::Color32;
use plotters::{
    coord::Shift,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::{
    names::Names,
    theme::{Theme, chart as sizes},
    widgets::{
        axis::{TimeWindow, ValueAxis, time_ticks},
        columns::layout_columns,
        dash::Dash,
        faults::{FaultGroup, FaultWords, broken_stretches, layout_faults},
        legend::layout_legend,
        series::{Chart, Measure, Series, lag_chart, latency_chart, throughput_chart},
    },
};

/// The smallest and the largest side of a picture.
const SIDE_PX: std::ops::RangeInclusive<u32> = 240..=8000;
/// How much finer than the picture a bitmap is drawn, to be shrunk: lines of the drawing library have jagged edges.
const PNG_FINE: u32 = 2;
/// How much finer an SVG is drawn: its library knows whole coordinates only.
const SVG_FINE: u32 = 8;
const FONT: &str = "sans-serif";

/// Why no chart was written.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// Neither SVG nor PNG.
    #[error("a chart is written as .svg or .png; give a name that ends so: {}", .0.display())]
    Extension(PathBuf),
    /// Too small or too large.
    #[error("a chart of {0}×{1} pixels cannot be drawn; give sides of {min} to {max}", min = SIDE_PX.start(), max = SIDE_PX.end())]
    Size(u32, u32),
    /// The file cannot be written.
    #[error("cannot write the chart ({source}): {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The picture could not be drawn or encoded.
    #[error("the chart cannot be drawn: {0}")]
    Draw(String),
}

/// Writes the charts of a run to a file; its name says whether as SVG or PNG.
pub fn write_chart(store: &TraceStore, out: &Path, size: (u32, u32), dark: bool) -> Result<(), ChartError> {
    if !SIDE_PX.contains(&size.0) || !SIDE_PX.contains(&size.1) {
        return Err(ChartError::Size(size.0, size.1));
    }
    let theme = if dark { Theme::dark() } else { Theme::light() };
    let extension = out.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let bytes = match extension.as_deref() {
        Some("svg") => svg(store, size, &theme)?.into_bytes(),
        Some("png") => png(store, size, &theme)?,
        _ => return Err(ChartError::Extension(out.to_owned())), // Any other name, or none.
    };
    std::fs::write(out, bytes).map_err(|source| ChartError::Write { path: out.to_owned(), source })
}

fn svg(store: &TraceStore, (width, height): (u32, u32), theme: &Theme) -> Result<String, ChartError> {
    let fine = (width * SVG_FINE, height * SVG_FINE);
    let mut text = String::new();
    draw(&SVGBackend::with_string(&mut text, fine).into_drawing_area(), store, theme, f64::from(SVG_FINE))?;
    // The view box keeps the fine coordinates; the size on the page is the one that was asked for.
    let drawn = format!("width=\"{}\" height=\"{}\"", fine.0, fine.1);
    Ok(text.replacen(&drawn, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

fn png(store: &TraceStore, (width, height): (u32, u32), theme: &Theme) -> Result<Vec<u8>, ChartError> {
    let fine = (width * PNG_FINE, height * PNG_FINE);
    let mut pixels = vec![0; fine.0 as usize * fine.1 as usize * 3];
    draw(&BitMapBackend::with_buffer(&mut pixels, fine).into_drawing_area(), store, theme, f64::from(PNG_FINE))?;
    let picture = image::RgbImage::from_raw(fine.0, fine.1, pixels)
        .ok_or_else(|| ChartError::Draw("the picture has another size than its pixels".to_owned()))?;
    let picture = image::imageops::resize(&picture, width, height, image::imageops::FilterType::Triangle);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(|error| ChartError::Draw(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// A canvas of the drawing library, with lengths in pixels of the finished picture.
struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    fine: f64,
}

/// A rectangle in pixels of the finished picture.
#[derive(Clone, Copy)]
struct Panel {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    store: &TraceStore,
    theme: &Theme,
    fine: f64,
) -> Result<(), ChartError> {
    static FONT_READY: LazyLock<bool> =
        LazyLock::new(|| register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());
    if !*FONT_READY {
        return Err(ChartError::Draw("the built-in font cannot be read".to_owned()));
    }
    let canvas = Canvas { area, fine };
    area.fill(&color(theme.surface)).map_err(failed)?;
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (f64::from(width) / fine, f64::from(height) / fine);
    let (timeline, end) = (store.timeline(), store.end());
    let charts = [
        lag_chart(timeline, Measure::Entries, &Names::default(), theme),
        throughput_chart(timeline, end, theme),
        latency_chart(timeline, end, false, theme),
    ];
    let faults = FaultWords::default().groups(store);
    let frame =
        Frame { theme, faults: &faults, time: TimeWindow::Whole.range(end.as_secs_f64()), end: end.as_secs_f64() };
    let margin = 16.0;
    canvas.text(&title(store), (margin, margin + 4.0), 15.0, theme.text, (HPos::Left, VPos::Center))?;
    let heading = margin * 2.0 + 4.0;
    let each = (height - heading - f64::from(sizes::BOTTOM_PX)) / charts.len() as f64;
    for (at, chart) in charts.iter().enumerate() {
        let top = heading + each * at as f64 + 24.0;
        let bottom = heading + each * (at + 1) as f64 - 8.0;
        let panel = Panel { left: f64::from(sizes::LEFT_PX) + 4.0, right: width - margin, top, bottom };
        draw_panel(&canvas, &frame, chart, panel, at == 0, at + 1 == charts.len())?;
    }
    area.present().map_err(failed)
}

fn title(store: &TraceStore) -> String {
    let spec = store.spec();
    let name = cluster_core::registry::title(spec);
    format!("{name}, {} nodes, seed {}", spec.nodes.len(), spec.seed)
}

/// What all panels have in common.
struct Frame<'a> {
    theme: &'a Theme,
    faults: &'a [FaultGroup],
    time: (f64, f64),
    end: f64,
}

fn draw_panel<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame<'_>,
    chart: &Chart,
    panel: Panel,
    with_labels: bool,
    with_time: bool,
) -> Result<(), ChartError> {
    let (from, to) = frame.time;
    let values = chart.value_axis(frame.time);
    let x = |secs: f64| panel.left + (secs - from) / (to - from) * (panel.right - panel.left);
    let lanes_px =
        if frame.faults.is_empty() || !with_labels { 0.0 } else { f64::from(sizes::LANE_PX) * sizes::LANES as f64 };
    let plot = Panel { top: panel.top + lanes_px, ..panel };
    let y = |value: f64| plot.bottom - f64::from(values.fraction(value).clamp(0.0, 1.0)) * (plot.bottom - plot.top);
    draw_faults(canvas, frame, panel, plot, with_labels, &x)?;
    draw_grid(canvas, frame, chart, &values, plot, with_time, &x)?;
    let bin = chart.bin(frame.end);
    let named = layout_legend(chart, bin);
    let others = (0..chart.series.len()).filter(|at| !named.contains(at));
    // The first in front: where stacked areas have no height, their edges lie on the one below.
    for at in others.chain(named.iter().rev().copied()) {
        let series = &chart.series[at];
        let ink = if named.contains(&at) { series.color } else { frame.theme.line };
        let width = plot.right - plot.left;
        draw_series(canvas, series, ink, chart.bin_secs, frame.time, width as usize, &x, &y)?;
    }
    draw_legend(canvas, frame.theme, chart, &named, panel)?;
    if chart.is_empty() {
        let middle = ((plot.left + plot.right) / 2.0, (plot.top + plot.bottom) / 2.0);
        canvas.text("nothing to show", middle, 13.0, frame.theme.text_weak, (HPos::Center, VPos::Center))?;
    }
    Ok(())
}

fn draw_faults<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame<'_>,
    panel: Panel,
    plot: Panel,
    with_labels: bool,
    x: &impl Fn(f64) -> f64,
) -> Result<(), ChartError> {
    for (from, until) in broken_stretches(frame.faults, frame.end) {
        canvas.rect(Panel { left: x(from), right: x(until).max(x(from) + 1.0), ..plot }, frame.theme.fault_shade)?;
    }
    if !with_labels {
        return Ok(());
    }
    let size = f64::from(sizes::FAULT_TEXT_PX);
    let room = (plot.left as f32, x(frame.end).max(plot.left + 1.0) as f32);
    let x_of = |secs: f64| x(secs.min(frame.end)) as f32;
    let width = |text: &str| canvas.text_width(&plain(text), size) as f32;
    let (bars, hidden) = layout_faults(frame.faults, x_of, room, sizes::LANES, width);
    for bar in bars {
        let top = panel.top + bar.lane as f64 * f64::from(sizes::LANE_PX);
        let bottom = top + f64::from(sizes::LANE_PX) - 2.0;
        let rect = Panel { left: bar.left.into(), right: bar.right.into(), top, bottom };
        canvas.rect(rect, frame.theme.bad.gamma_multiply(sizes::BAR_STRENGTH))?;
        let middle = (bar.text_x.into(), (top + bottom) / 2.0);
        canvas.text(&plain(&bar.label), middle, size, frame.theme.text, (HPos::Left, VPos::Center))?;
    }
    if hidden > 0 {
        let at = (panel.right, panel.top - 4.0);
        let words = format!("{hidden} more faults");
        canvas.text(&words, at, size, frame.theme.text_weak, (HPos::Right, VPos::Bottom))?;
    }
    Ok(())
}

/// Returns a label without the arrows, which the font of the files does not have.
fn plain(label: &str) -> String {
    label.replace(" → ", " to ").replace(" ↔ ", "–")
}

fn draw_grid<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame<'_>,
    chart: &Chart,
    values: &ValueAxis,
    plot: Panel,
    with_time: bool,
    x: &impl Fn(f64) -> f64,
) -> Result<(), ChartError> {
    let theme = frame.theme;
    let size = f64::from(sizes::TEXT_PX);
    let mut lowest_free = f64::INFINITY;
    for value in values.ticks() {
        let y = plot.bottom - f64::from(values.fraction(value)) * (plot.bottom - plot.top);
        canvas.line(&[(plot.left, y), (plot.right, y)], 1.0, theme.line.gamma_multiply(sizes::GRID_STRENGTH))?;
        if y <= lowest_free {
            let at = (plot.left - f64::from(sizes::LABEL_GAP_PX), y);
            canvas.text(&chart.unit.text(value), at, size, theme.text_weak, (HPos::Right, VPos::Center))?;
            lowest_free = y - size * 1.4;
        }
    }
    let count = ((plot.right - plot.left) / f64::from(sizes::TICK_PX)).max(2.0) as usize;
    for (secs, label) in time_ticks(frame.time, count) {
        let at = x(secs);
        canvas.line(&[(at, plot.bottom), (at, plot.bottom + 3.0)], 1.0, theme.line)?;
        if with_time {
            let below = (at, plot.bottom + f64::from(sizes::LABEL_GAP_PX));
            canvas.text(&label, below, size, theme.text_weak, (HPos::Center, VPos::Top))?;
        }
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a line, its looks, and the two axes")]
fn draw_series<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    series: &Series,
    ink: Color32,
    bin_secs: f64,
    time: (f64, f64),
    width_px: usize,
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) -> Result<(), ChartError> {
    let columns = layout_columns(series, bin_secs, time, width_px);
    let (from, to) = time;
    let seen: Vec<_> = columns.into_iter().filter(|column| (from..=to).contains(&column.secs)).collect();
    for run in seen.split(|column| column.value.is_nan()).filter(|run| !run.is_empty()) {
        let top: Vec<_> = run.iter().map(|column| (x(column.secs), y(column.value))).collect();
        if series.base.is_some() {
            let floor = run.iter().rev().map(|column| (x(column.secs), y(column.base)));
            let outline: Vec<_> = top.iter().copied().chain(floor).collect();
            canvas.area(&outline, ink.gamma_multiply(sizes::AREA_STRENGTH))?;
            if run.iter().all(|column| column.value <= column.base) {
                continue;
            }
        }
        if let [point] = top[..] {
            canvas.dot(point, f64::from(sizes::LINE_PX) * 1.3, ink)?;
        } else if series.dash == Dash::Solid {
            canvas.line(&top, f64::from(sizes::LINE_PX), ink)?;
        } else {
            series.dash.pieces(&top).iter().try_for_each(|piece| canvas.line(piece, 1.0, ink))?;
        }
    }
    Ok(())
}

/// Draws title and legend above a panel: the title at the left, the names of the lines at the right.
fn draw_legend<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    theme: &Theme,
    chart: &Chart,
    named: &[usize],
    panel: Panel,
) -> Result<(), ChartError> {
    let size = f64::from(sizes::TEXT_PX);
    let y = panel.top - 12.0;
    canvas.text(chart.title, (panel.left, y), size + 1.0, theme.text, (HPos::Left, VPos::Center))?;
    let mut right = panel.right;
    let more = chart.series.len() - named.len();
    if more > 0 {
        let words = format!("{more} more");
        canvas.text(&words, (right, y), size, theme.text_weak, (HPos::Right, VPos::Center))?;
        right -= canvas.text_width(&words, size) + 14.0;
    }
    for at in named.iter().rev() {
        let series = &chart.series[*at];
        canvas.text(&series.name, (right, y), size, theme.text, (HPos::Right, VPos::Center))?;
        right -= canvas.text_width(&series.name, size) + f64::from(sizes::LEGEND_GAP_PX);
        let swatch = f64::from(sizes::SWATCH_PX);
        canvas.line(&[(right - swatch, y), (right, y)], 2.5, series.color)?;
        right -= swatch + 14.0;
    }
    Ok(())
}

impl<B: DrawingBackend> Canvas<'_, B> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.fine).round() as i32, (y * self.fine).round() as i32)
    }

    fn style(&self, px: f64, ink: Color32, (h, v): (HPos, VPos)) -> TextStyle<'static> {
        (FONT, px * self.fine).into_font().color(&color(ink)).pos(Pos::new(h, v))
    }

    fn text(&self, text: &str, at: (f64, f64), px: f64, ink: Color32, anchor: (HPos, VPos)) -> Result<(), ChartError> {
        self.area.draw_text(text, &self.style(px, ink, anchor), self.at(at)).map_err(failed)
    }

    fn text_width(&self, text: &str, px: f64) -> f64 {
        let style = self.style(px, Color32::BLACK, (HPos::Left, VPos::Top));
        let size = self.area.estimate_text_size(text, &style);
        size.map_or(0.0, |(width, _)| f64::from(width) / self.fine)
    }

    fn line(&self, points: &[(f64, f64)], px: f64, ink: Color32) -> Result<(), ChartError> {
        let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
        let width = (px * self.fine).round().max(1.0) as u32;
        self.area.draw(&PathElement::new(points, color(ink).stroke_width(width))).map_err(failed)
    }

    fn rect(&self, panel: Panel, ink: Color32) -> Result<(), ChartError> {
        let corners = [self.at((panel.left, panel.top)), self.at((panel.right, panel.bottom))];
        self.area.draw(&Rectangle::new(corners, color(ink).filled())).map_err(failed)
    }

    fn area(&self, outline: &[(f64, f64)], ink: Color32) -> Result<(), ChartError> {
        let points: Vec<_> = outline.iter().map(|point| self.at(*point)).collect();
        self.area.draw(&Polygon::new(points, color(ink).filled())).map_err(failed)
    }

    fn dot(&self, at: (f64, f64), px: f64, ink: Color32) -> Result<(), ChartError> {
        let radius = (px * self.fine).round().max(1.0) as i32;
        self.area.draw(&Circle::new(self.at(at), radius, color(ink).filled())).map_err(failed)
    }
}

fn color(ink: Color32) -> RGBAColor {
    let [r, g, b, a] = ink.to_srgba_unmultiplied();
    RGBAColor(r, g, b, f64::from(a) / 255.0)
}

fn failed(error: impl std::error::Error) -> ChartError {
    ChartError::Draw(error.to_string())
}
