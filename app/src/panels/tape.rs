//! The time tape: the whole run on one axis, with the cursor that the mouse drags.

mod geometry;
mod goals;
mod paint;
mod travel;
mod words;

use cluster_core::{
    registry,
    time::Timestamp,
    trace::{Band, MarkKind, Timeline},
};
use egui::{Sense, Ui};

use crate::{action::Action, ctx::ViewCtx, format, names::Names, theme::SPACE, travel::TravelAction};

pub(crate) use geometry::Axis;

/// The tape's looks: what stretch of the run it shows.
#[derive(Default)]
pub struct Tape {
    /// The stretch shown, in seconds, if not the whole run.
    zoom: Option<(f64, f64)>,
    /// Where a stretch begins that is being dragged, in seconds.
    dragged_from: Option<f64>,
    words: words::BarWords,
}

/// The shortest run that fills the tape: a run of a second would race across it.
const SHORTEST_SECS: f64 = 20.0;
/// The shortest stretch that can be zoomed to.
const ZOOM_MIN_SECS: f64 = 0.05;

impl Tape {
    /// Lays the tape out.
    pub fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let end = ctx.store.end().as_secs_f64().max(ctx.at.as_secs_f64());
        let (mut place, mut side) = (ui.available_rect_before_wrap(), ui.available_rect_before_wrap());
        place.set_right(place.right() - LIVE_WIDTH);
        side.set_left(place.right() + 1.5 * SPACE);
        let (from, to) = self.zoom.unwrap_or((0.0, end.max(SHORTEST_SECS) * 1.02));
        let axis = Axis { left: place.left() + geometry::NAMES_WIDTH, right: place.right(), from, to };
        let bars = geometry::layout_faults(&ctx.store.timeline().spans, &axis);
        let lesson = ctx.guide.and_then(|guide| guide.lesson.as_ref());
        let lanes = geometry::layout_lanes(place, &bars, ctx.has_leaders(), lesson.is_some());
        let bars = self.words.label(ctx.store, bars);
        let response = ui.interact(place, ui.scope_id().with("tape"), Sense::click_and_drag());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ScrollBar, true, "time tape"));
        paint::paint_tape(&ui.painter_at(place), ctx, &lanes, &axis, &bars, end);
        let dragged = response.interact_pointer_pos().zip(self.dragged_from);
        let dragged = dragged.and_then(|(at, from)| travel::stretch(&axis, from, at.x));
        travel::paint_travel(&ui.painter_at(place), ctx, &lanes, &axis, dragged);
        if let Some(lesson) = lesson {
            goals::goals_ui(ui, ctx, lesson, lanes.goals, &axis);
        }
        if !self.on_stretch(ui, ctx, &response, &axis, dragged) {
            self.on_mouse(ui, ctx, &response, &axis, end);
        }
        ui.scope_builder(egui::UiBuilder::new().max_rect(side), |ui| self.live_ui(ui, ctx));
    }

    /// Shift and drag: the stretch that is to be played over and over. Returns whether the mouse is at that.
    fn on_stretch(
        &mut self,
        ui: &Ui,
        ctx: &ViewCtx<'_>,
        response: &egui::Response,
        axis: &Axis,
        dragged: Option<(Timestamp, Timestamp)>,
    ) -> bool {
        if response.drag_started() && ui.input(|input| input.modifiers.shift) {
            let at = ui.input(|input| input.pointer.press_origin());
            self.dragged_from = at.map(|at| axis.secs(at.x));
        }
        if self.dragged_from.is_some() && response.drag_stopped() {
            self.dragged_from = None;
            ctx.travel(TravelAction::Loop(dragged));
            return true;
        }
        self.dragged_from.is_some() || (response.is_pointer_button_down_on() && ui.input(|input| input.modifiers.shift))
    }

    fn on_mouse(&mut self, ui: &Ui, ctx: &ViewCtx<'_>, response: &egui::Response, axis: &Axis, end: f64) {
        if let Some(at) = response.interact_pointer_pos()
            && (response.dragged() || response.clicked() || response.is_pointer_button_down_on())
            && !ui.input(|input| input.pointer.secondary_down())
        {
            ctx.act(Action::Seek(Timestamp::from_secs_f64(axis.secs(at.x).min(end))));
        }
        let Some(at) = response.hover_pos() else { return };
        let factor = ui.input(|input| f64::from(input.zoom_delta()));
        if factor != 1.0 {
            self.zoom = zoomed(axis, axis.secs(at.x), factor, end.max(SHORTEST_SECS) * 1.02);
        }
        if response.double_clicked() {
            self.zoom = None;
        }
        if !response.dragged() {
            let what = readout(ctx.store.timeline(), epoch_word(ctx), ctx.names, axis, at.x);
            response.clone().on_hover_text_at_pointer(what);
        }
    }

    fn live_ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        ui.vertical(|ui| {
            let word = super::top_bar::now_word(ctx);
            let color = if ctx.cursor.live { ctx.theme.good } else { ctx.theme.text };
            let button = egui::Button::new(egui::RichText::new(word).strong().color(color));
            let button = button.min_size(egui::vec2(ui.available_width(), 3.5 * SPACE)).selected(ctx.cursor.live);
            if ui.add(button).on_hover_text("Follow the end of the run (L)").clicked() {
                ctx.act(Action::GoLive);
            }
            travel::jumps_ui(ui, ctx);
            if self.zoom.is_some() && ui.button("All").on_hover_text("Show the whole run").clicked() {
                self.zoom = None;
            }
        });
    }
}

const LIVE_WIDTH: f32 = 80.0 + 1.5 * SPACE;

/// Returns the stretch after zooming by `factor` around `at`; `None` is the whole run.
fn zoomed(axis: &Axis, at: f64, factor: f64, whole: f64) -> Option<(f64, f64)> {
    let from = at - (at - axis.from) / factor;
    let to = at + (axis.to - at) / factor;
    if to - from >= whole {
        return None;
    }
    let length = (to - from).max(ZOOM_MIN_SECS);
    let from = from.clamp(0.0, whole - length);
    Some((from, from + length))
}

/// Says what is on the tape under the mouse.
fn readout(timeline: &Timeline, word: &str, names: &Names, axis: &Axis, x: f32) -> String {
    let at = Timestamp::from_secs_f64(axis.secs(x));
    let mut lines = vec![at.to_string()];
    if let Some(band) = band_at(timeline, at) {
        lines.push(match band.leader {
            Some(leader) => format!("{} leads in {word} {}", names.full(leader), band.epoch),
            None => format!("nobody leads ({word} {})", band.epoch),
        });
    }
    let near = f64::from(axis.right - axis.left).recip() * (axis.to - axis.from) * 4.0;
    let (first, last) = (Timestamp::from_secs_f64(axis.secs(x) - near), Timestamp::from_secs_f64(axis.secs(x) + near));
    let from = timeline.marks.partition_point(|mark| mark.at < first);
    let marks = timeline.marks[from..].iter().take_while(|mark| mark.at <= last);
    for mark in marks.clone().take(4) {
        let node = mark.node.map_or(String::new(), |node| format!("{} ", names.full(node)));
        lines.push(format!("{node}{}", mark_words(mark.kind)));
    }
    let more = marks.skip(4).count() as u64;
    if more > 0 {
        lines.push(format!("{} more", format::count(more)));
    }
    let lasts = |span: &&cluster_core::trace::Span| span.from <= at && span.until.is_none_or(|until| at <= until);
    let faults = timeline.spans.iter().filter(lasts);
    let broken =
        |span: &cluster_core::trace::Span| format!("{} broken", names.told(&geometry::broken_words(span.what)));
    lines.extend(faults.clone().take(4).map(broken));
    let more = faults.skip(4).count() as u64;
    if more > 0 {
        lines.push(format!("{} broken", format::counted(more, "more thing")));
    }
    lines.join("\n")
}

/// Returns the protocol's word for an epoch.
fn epoch_word(ctx: &ViewCtx<'_>) -> &'static str {
    registry::protocol(&ctx.store.spec().protocol).map_or("epoch", |row| row.epoch_word)
}

fn band_at(timeline: &Timeline, at: Timestamp) -> Option<&Band> {
    timeline.bands.partition_point(|band| band.from <= at).checked_sub(1).map(|band| &timeline.bands[band])
}

fn mark_words(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Election => "asked for votes",
        MarkKind::Leader => "was elected",
        MarkKind::Down => "went down",
        MarkKind::Up => "came up",
        MarkKind::Erased => "erased entries",
        MarkKind::Command => "command",
        MarkKind::Broken => "a promise is broken",
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        ids::{Epoch, NodeId, Seq},
        trace::Mark,
    };

    use super::*;

    const AXIS: Axis = Axis { left: 100.0, right: 300.0, from: 0.0, to: 20.0 };

    #[test]
    fn the_readout_names_who_led_and_what_happened_there() {
        let at = Timestamp::from_secs_f64(10.0);
        let band = Band { from: Timestamp::ZERO, epoch: Epoch(3), leader: Some(NodeId(2)) };
        let mark = Mark { at, seq: Seq(7), kind: MarkKind::Down, node: Some(NodeId(2)) };
        let timeline = Timeline { bands: vec![band], marks: vec![mark], ..Timeline::default() };
        assert_eq!(
            readout(&timeline, "term", &Names::default(), &AXIS, 200.0),
            "10.000 s\nn2 leads in term 3\nn2 went down"
        );
        assert_eq!(readout(&timeline, "term", &Names::default(), &AXIS, 250.0), "15.000 s\nn2 leads in term 3");
    }

    #[test]
    fn zooming_keeps_the_moment_under_the_mouse_and_ends_with_the_whole_run() {
        let (from, to) = zoomed(&AXIS, 10.0, 2.0, 20.0).unwrap();
        assert_eq!((from, to), (5.0, 15.0));
        assert_eq!(zoomed(&Axis { from, to, ..AXIS }, 10.0, 0.5, 20.0), None);
    }
}
