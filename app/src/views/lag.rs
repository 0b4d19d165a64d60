//! Replication lag: how far each follower is behind the leader, over the whole run.

use cluster_core::registry::{self, ProtocolRow};
use egui::Ui;

use super::View;
use crate::{
    ctx::ViewCtx,
    widgets::{
        faults::FaultWords,
        legend::{layout_legend, legend_ui},
        series::{Chart, Measure, lag_chart},
        time_plot::{TimePlot, end_secs, time_plot_ui, time_window},
    },
};

/// The view.
#[derive(Default)]
pub struct LagView {
    measure: Measure,
    faults: FaultWords,
}

impl View for LagView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let protocol = registry::protocol(&ctx.store.spec().protocol);
        if let Some(row) = protocol.filter(|row| !row.replicates) {
            none_ui(ui, row);
            return;
        }
        let chart = lag_chart(ctx.store.timeline(), self.measure, ctx.names, ctx.theme);
        let bin = chart.bin(ctx.at.as_secs_f64());
        let named = layout_legend(&chart, bin);
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal(|ui| {
            for measure in Measure::ALL {
                ui.selectable_value(&mut self.measure, measure, measure.word());
            }
        });
        let emphasized = ui.horizontal_wrapped(|ui| legend_ui(ui, ctx.theme, &chart, &named, bin)).inner;
        let note = note(&chart, time_window(ui).range(end_secs(ctx)));
        let faults = self.faults.groups(ctx.store);
        time_plot_ui(ui, ctx, &TimePlot { chart: &chart, faults: &faults, named: &named, emphasized, note });
    }
}

/// Says why there is no lag where nobody follows anybody.
fn none_ui(ui: &mut Ui, row: &ProtocolRow) {
    ui.centered_and_justified(|ui| {
        ui.weak(format!("There is no lag in {}: its nodes keep no copies of one log", row.title));
    });
}

/// Returns the sentence for a picture without a line that stands out.
fn note(chart: &Chart, (from, to): (f64, f64)) -> Option<&'static str> {
    if chart.is_empty() {
        return Some("No follower has shown its log yet");
    }
    let (first, last) = (chart.bin(from), chart.bin(to));
    let seen = |values: &Vec<f64>| values.iter().skip(first).take(last + 1 - first).all(|value| *value == 0.0);
    chart.series.iter().all(|series| seen(&series.values)).then_some("All followers are level")
}
