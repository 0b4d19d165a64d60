//! The views: each a function of (store, cursor) that can only push actions. One file a view, one row in [`VIEWS`].

pub mod canvas;
pub mod event_index;
pub mod events;
pub mod lag;
pub mod narration;
pub mod operations;
pub mod service;
pub mod space_time;

use crate::ctx::ViewCtx;

/// One way of looking at the run.
pub trait View {
    /// Lays out, reacts and paints. `self` holds looks only: zoom, scroll, what is unfolded.
    fn ui(&mut self, ui: &mut egui::Ui, ctx: &ViewCtx<'_>);
}

/// One row of the table of views.
pub struct ViewRow {
    /// The id in layouts and flags.
    pub id: &'static str,
    /// The title of its tab.
    pub title: &'static str,
    /// Makes one.
    pub make: fn() -> Box<dyn View>,
}

/// Every view, once.
pub const VIEWS: &[ViewRow] = &[
    ViewRow { id: "canvas", title: "Cluster", make: || Box::new(canvas::CanvasView::default()) },
    ViewRow { id: "space-time", title: "Space-time", make: || Box::new(space_time::SpaceTimeView::default()) },
    ViewRow { id: "lag", title: "Lag", make: || Box::new(lag::LagView::default()) },
    ViewRow { id: "throughput", title: "Throughput", make: || Box::new(service::ThroughputView::default()) },
    ViewRow { id: "latency", title: "Latency", make: || Box::new(service::LatencyView::default()) },
    ViewRow { id: "operations", title: "Operations", make: || Box::new(operations::OperationsView::default()) },
    ViewRow { id: "events", title: "Events", make: || Box::new(events::EventsView::default()) },
    ViewRow { id: "story", title: "What happened", make: || Box::new(narration::NarrationView::default()) },
];
