//! The legend of a chart: which line is whose, and its value at the cursor.

use egui::{Rect, RichText, Sense, Stroke, Ui, WidgetInfo, vec2};

use super::{
    dash::Dash,
    series::{Chart, Series},
};
use crate::theme::{Theme, chart as sizes};

/// How many lines are named, at most.
pub const NAMED_MAX: usize = 8;

/// Returns which lines are named: all if they are few, else those with the greatest values, in their order.
pub fn layout_legend(chart: &Chart, bin: usize) -> Vec<usize> {
    let mut named: Vec<usize> = (0..chart.series.len()).collect();
    if named.len() > NAMED_MAX {
        let value = |at: &usize| chart.series[*at].value(bin).unwrap_or(0.0);
        named.sort_by(|a, b| value(b).total_cmp(&value(a)));
        named.truncate(NAMED_MAX);
        named.sort_unstable();
    }
    named
}

/// Lays out the legend with values of the bin `bin`. Returns the line that the pointer is at.
pub fn legend_ui(ui: &mut Ui, theme: &Theme, chart: &Chart, named: &[usize], bin: usize) -> Option<usize> {
    let mut hovered = None;
    // Nobody clicks a line of it: it needs no height for fingers.
    ui.spacing_mut().interact_size.y = sizes::TEXT_PX * 1.4;
    for at in named {
        let series = &chart.series[*at];
        let text = value_text(chart, series, bin);
        // A row that wraps does not look into the group of swatch, name and value.
        let words = format!("{} {text}", series.name);
        let words = ui.painter().layout_no_wrap(words, egui::FontId::proportional(sizes::TEXT_PX), theme.text);
        let width = sizes::SWATCH_PX + 2.0 * sizes::LEGEND_GAP_PX + words.size().x;
        if ui.available_size_before_wrap().x < width {
            ui.end_row();
        }
        let response = ui
            .horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = sizes::LEGEND_GAP_PX;
                swatch(ui, series);
                ui.label(RichText::new(&series.name).size(sizes::TEXT_PX).color(theme.text));
                ui.label(RichText::new(&text).size(sizes::TEXT_PX).color(theme.text_weak));
            })
            .response;
        let response = response.interact(Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, format!("{} {text}", series.name)));
        if response.hovered() {
            hovered = Some(*at);
        }
    }
    let more = chart.series.len() - named.len();
    if more > 0 {
        ui.label(RichText::new(format!("{more} more")).size(sizes::TEXT_PX).color(theme.text_weak));
    }
    hovered
}

/// Returns the value of a line in a bin, or its last one, as text.
pub fn value_text(chart: &Chart, series: &Series, bin: usize) -> String {
    let last = series.values.len().saturating_sub(1);
    series.value(bin.min(last)).map_or_else(|| "none".to_owned(), |value| chart.unit.text(value))
}

fn swatch(ui: &mut Ui, series: &Series) {
    let (rect, _) = ui.allocate_exact_size(vec2(sizes::SWATCH_PX, sizes::TEXT_PX), Sense::hover());
    if series.base.is_some() {
        let area = Rect::from_center_size(rect.center(), vec2(sizes::SWATCH_PX, sizes::SWATCH_PX * 0.7));
        ui.painter().rect_filled(area, sizes::ROUNDING_PX, series.color);
    } else {
        let width = if series.dash == Dash::Solid { sizes::LINE_PX * 1.5 } else { sizes::LINE_PX };
        let points = vec![rect.left_center(), rect.right_center()];
        ui.painter().add(series.dash.line(points, Stroke::new(width, series.color)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widgets::axis::Unit;

    #[test]
    fn of_many_lines_those_furthest_behind_are_named() {
        let line = |n: usize| Series {
            name: format!("n{n}"),
            color: Theme::dark().accent,
            values: vec![n as f64],
            base: None,
            dash: Dash::Solid,
        };
        let series = (0..100).map(line).collect();
        let chart = Chart { title: "", bin_secs: 1.0, series, unit: Unit::Count, log: false };
        assert_eq!(layout_legend(&chart, 0), (92..100).collect::<Vec<_>>());
    }
}
