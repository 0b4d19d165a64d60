//! What the mouse and the keyboard do in the diagram.

use cluster_core::{
    ids::Seq,
    time::Timestamp,
    trace::causality::{Causality, Lane},
};
use egui::{EventFilter, Key, Response, Sense, Ui, WidgetInfo};

use super::{
    axis::Window,
    layout::{Arrow, Point, Scene, event_at},
};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme::space_time as sizes,
    widgets::event_words::text,
};

/// Events that have a place of their own in the accessibility tree, at most; more would slow readers down.
const LABELS_MAX: usize = 250;
/// How far the neighbor of an event is looked for.
const NEIGHBOR_REACH: u64 = 200_000;

/// What the user pointed at or chose in this frame.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) hovered: Option<Seq>,
    pub(super) clicked: Option<Seq>,
    /// Whether the click is about the second of two events.
    pub(super) second: bool,
}

/// The parts of a view that input moves.
pub(super) struct Moves<'a> {
    pub(super) window: &'a mut Window,
    pub(super) scroll: &'a mut f32,
    /// The end of the run, in seconds.
    pub(super) end: f64,
}

/// Reacts to the mouse on the lanes and the ruler. Returns what was chosen, and whether the lanes have the focus.
pub(super) fn on_mouse(
    ui: &Ui,
    ctx: &ViewCtx<'_>,
    scene: &Scene,
    (points, arrows): (&[Point], &[Arrow<'_>]),
    moves: &mut Moves<'_>,
) -> (Chosen, Response) {
    let id = ui.scope_id();
    let response = ui.interact(scene.lanes, id.with("lanes"), Sense::click_and_drag());
    let words = format!("space-time diagram, {} lanes", scene.rows.len());
    response.widget_info(|| WidgetInfo::slider(true, ctx.at.as_secs_f64(), &words));
    let ruler = ui.interact(scene.ruler.union(scene.flags), id.with("ruler"), Sense::click_and_drag());
    ruler.widget_info(|| WidgetInfo::labeled(egui::Role::ScrollBar, true, "time of the diagram"));
    let mut chosen = Chosen { second: ui.input(|input| input.modifiers.shift), ..Chosen::default() };
    if let Some(at) = ruler.interact_pointer_pos().filter(|_| ruler.dragged() || ruler.clicked()) {
        seek(ctx, scene.axis.secs(at.x), moves.end);
    }
    if response.dragged() {
        let by = response.drag_delta();
        moves.window.pan(-f64::from(by.x) * scene.axis.secs_per_px(), moves.end);
        *moves.scroll -= by.y;
    }
    if response.double_clicked() {
        moves.window.whole(moves.end);
    }
    labels(ui, ctx, points, &mut chosen);
    let pointer = ui.input(|input| input.pointer.latest_pos()).filter(|at| scene.lanes.contains(*at));
    let over = pointer.filter(|_| ui.rect_contains_pointer(scene.lanes));
    if let Some(at) = over {
        wheel(ui, scene, at, moves);
        if !response.dragged() {
            chosen.hovered = event_at(points, arrows, at);
        }
    }
    if response.clicked() {
        let at = response.interact_pointer_pos();
        match at.and_then(|at| event_at(points, arrows, at)) {
            Some(seq) => chosen.clicked = Some(seq),
            None => {
                if let Some(at) = at {
                    seek(ctx, scene.axis.secs(at.x), moves.end);
                }
            }
        }
    }
    (chosen, response)
}

/// Gives events a place in the accessibility tree, where they can be found and clicked.
fn labels(ui: &Ui, ctx: &ViewCtx<'_>, points: &[Point], chosen: &mut Chosen) {
    if points.len() > LABELS_MAX {
        return;
    }
    for point in points {
        let rect = egui::Rect::from_center_size(point.at, egui::Vec2::splat(sizes::NEAR_PX));
        let response = ui.interact(rect, ui.scope_id().with(("event", point.seq.0)), Sense::CLICK);
        let selected = *ctx.selection == Selection::Event(point.seq);
        response.widget_info(|| {
            let event = ctx.store.event(point.seq);
            let words = event.map_or_else(String::new, |event| text(ctx.store, &event));
            WidgetInfo::selected(egui::Role::Button, true, selected, format!("event {}, {words}", point.seq.0))
        });
        if response.clicked() {
            chosen.clicked = Some(point.seq);
        }
    }
}

fn wheel(ui: &Ui, scene: &Scene, at: egui::Pos2, moves: &mut Moves<'_>) {
    let (scroll, pinch, sideways) =
        ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta(), input.modifiers.shift));
    let factor = f64::from(1.0 / pinch) * f64::from(-scroll.y * sizes::ZOOM_PER_PX).exp();
    if (factor - 1.0).abs() > 1e-4 && !sideways {
        moves.window.zoom(factor, scene.axis.secs(at.x), moves.end);
        moves.window.follows = false;
    } else if scroll.x.abs() > 0.1 {
        moves.window.pan(-f64::from(scroll.x) * scene.axis.secs_per_px(), moves.end);
    }
}

/// Reacts to the keys while the lanes have the focus. Returns the event that was gone to.
pub(super) fn on_keys(
    ui: &Ui,
    ctx: &ViewCtx<'_>,
    response: &Response,
    (scene, points, causality): (&Scene, &[Point], &Causality),
    (from, moves): (Option<Seq>, &mut Moves<'_>),
) -> Option<Seq> {
    let arrows = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    let pressed = |key: Key| ui.input(|input| input.key_pressed(key));
    let at = ctx.at.as_secs_f64();
    if pressed(Key::Plus) || pressed(Key::Equals) {
        moves.window.zoom(0.5, at, moves.end);
    }
    if pressed(Key::Minus) {
        moves.window.zoom(2.0, at, moves.end);
    }
    if pressed(Key::Home) {
        moves.window.whole(moves.end);
    }
    if pressed(Key::End) {
        ctx.act(Action::GoLive);
    }
    if pressed(Key::PageUp) || pressed(Key::PageDown) {
        let by = if pressed(Key::PageUp) { -0.8 } else { 0.8 };
        moves.window.pan(by * moves.window.width, moves.end);
    }
    let way = [Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown].into_iter().find(|key| pressed(*key))?;
    let seen = |seq: Seq| points.iter().find(|point| point.seq == seq);
    let Some(from) = from else {
        // Nothing is chosen yet: begin near the cursor.
        let x = scene.axis.x(at);
        return points.iter().min_by(|a, b| (a.at.x - x).abs().total_cmp(&(b.at.x - x).abs())).map(|point| point.seq);
    };
    match way {
        Key::ArrowLeft | Key::ArrowRight => neighbor_seen(causality, points, from, way == Key::ArrowRight),
        _ => {
            // Up and down go to the nearest event on the next lane that has one.
            let here = seen(from)?;
            let up = way == Key::ArrowUp;
            let beyond = points
                .iter()
                .filter(|point| if up { point.at.y < here.at.y - 1.0 } else { point.at.y > here.at.y + 1.0 });
            let lane = beyond.clone().map(|point| (point.at.y - here.at.y).abs()).min_by(f32::total_cmp)?;
            let there = beyond.filter(|point| (point.at.y - here.at.y).abs() < lane + 1.0);
            there
                .min_by(|a, b| (a.at.x - here.at.x).abs().total_cmp(&(b.at.x - here.at.x).abs()))
                .map(|point| point.seq)
        }
    }
}

/// Returns the next event of a lane that is drawn, or the next one at all if none is.
fn neighbor_seen(causality: &Causality, points: &[Point], from: Seq, forward: bool) -> Option<Seq> {
    let lane = causality.lane(from);
    let same = |point: &&Point| lane.is_some() && causality.lane(point.seq) == lane;
    let drawn = points.iter().filter(same).map(|point| point.seq);
    let next = if forward { drawn.filter(|seq| *seq > from).min() } else { drawn.filter(|seq| *seq < from).max() };
    next.or_else(|| match lane {
        Some(Lane::At(_) | Lane::Outside) => causality.neighbor(from, forward, NEIGHBOR_REACH),
        None => None,
    })
}

fn seek(ctx: &ViewCtx<'_>, secs: f64, end: f64) {
    ctx.act(Action::Seek(Timestamp::from_secs_f64(secs.clamp(0.0, end))));
}
