//! What clients saw: operations per second and latency, over the whole run.

use egui::Ui;

use super::View;
use crate::{
    ctx::ViewCtx,
    widgets::{
        faults::FaultWords,
        legend::{layout_legend, legend_ui},
        series::{Chart, latency_chart, throughput_chart},
        time_plot::{TimePlot, time_plot_ui},
    },
};

/// Operations per second: answered, refused, unanswered, and how many were asked.
#[derive(Default)]
pub struct ThroughputView {
    faults: FaultWords,
}

impl View for ThroughputView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let chart = throughput_chart(ctx.store.timeline(), ctx.store.end(), ctx.theme);
        chart_ui(ui, ctx, &chart, &mut self.faults, |_| {});
    }
}

/// How long clients waited for answers.
#[derive(Default)]
pub struct LatencyView {
    log: bool,
    faults: FaultWords,
}

impl View for LatencyView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let chart = latency_chart(ctx.store.timeline(), ctx.store.end(), self.log, ctx.theme);
        chart_ui(ui, ctx, &chart, &mut self.faults, |ui| {
            ui.checkbox(&mut self.log, "Logarithmic");
            ui.separator();
        });
    }
}

fn chart_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, chart: &Chart, faults: &mut FaultWords, switches_ui: impl FnOnce(&mut Ui)) {
    let bin = chart.bin(ctx.at.as_secs_f64());
    let named = layout_legend(chart, bin);
    let mut emphasized = None;
    ui.horizontal_wrapped(|ui| {
        switches_ui(ui);
        emphasized = legend_ui(ui, ctx.theme, chart, &named, bin);
    });
    let note = chart.is_empty().then_some("No operation has ended yet");
    let faults = faults.groups(ctx.store);
    time_plot_ui(ui, ctx, &TimePlot { chart, faults: &faults, named: &named, emphasized, note });
}
