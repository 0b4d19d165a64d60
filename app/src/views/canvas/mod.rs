//! The picture of the cluster: nodes, links, frames under way, logs and clients, at one moment.

mod ailments;
mod clients;
mod crowd;
mod frames;
mod glyphs;
mod held;
mod knife;
mod layout;
mod links;
mod logs;
mod marks;
mod menu;
mod nodes;
mod opinions;
mod pointer;
mod staged;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tool_tests;

use std::rc::Rc;

use cluster_core::{
    fault::LinkId,
    ids::{ClientId, NodeId},
    registry,
};
use egui::{
    Align2, FontId, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, TextureHandle, Ui, Vec2, WidgetInfo,
};

use self::{
    frames::{Spot, Traffic},
    glyphs::Pen,
    knife::Knife,
    layout::{Camera, IDLE_LINKS_MAX, Layout},
    logs::Window,
    nodes::Truth,
};
use super::View;
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    theme,
};

/// Beyond this many nodes, none is a widget of its own.
const NODE_WIDGETS_MAX: usize = 1000;
/// Up to this many nodes each direction of each link is a widget of its own.
const LINK_WIDGETS_MAX: usize = layout::CARDS_MAX;

/// Shows the cluster. It keeps how it is looked at, and nothing of the cluster.
pub struct CanvasView {
    zoom: f32,
    pan: Vec2,
    lasso: Vec<Pos2>,
    knife: Knife,
    menu_link: Option<LinkId>,
    /// The message under the pointer.
    stopped: Option<held::Stopped>,
    atlas: Option<TextureHandle>,
    placed: Option<Placement>,
}

/// Places last as long as the size and those who are placed.
struct Placement {
    nodes: Vec<NodeId>,
    clients: Vec<ClientId>,
    size: Vec2,
    layout: Rc<Layout>,
}

/// What is needed to draw one frame.
struct Scene {
    layout: Rc<Layout>,
    camera: Camera,
    truth: Truth,
    window: Window,
}

impl Default for CanvasView {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            pan: Vec2::ZERO,
            lasso: Vec::new(),
            knife: Knife::default(),
            menu_link: None,
            stopped: None,
            atlas: None,
            placed: None,
        }
    }
}

impl View for CanvasView {
    fn ui(&mut self, ui: &mut Ui, ctx: &ViewCtx<'_>) {
        let rect = ui.available_rect_before_wrap();
        let ground = ui.allocate_rect(rect, Sense::click_and_drag());
        ground.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "cluster"));
        self.on_camera(ui, &ground);
        let scene = self.scene(ctx, rect);
        let links = links::shown(ctx, &scene);
        let mut spots = frames::spots(ctx, &scene);
        self.knife.on_pointer(ui, ctx, &scene, &links, &ground);
        self.on_message(ui, ctx, &mut spots, &ground);
        self.on_lasso(ui, ctx, &scene, &ground);
        self.on_ground(ctx, &scene, &links, &spots, &ground);
        let focused = interact(ui, ctx, &scene, &links, &self.others(&spots));
        self.stopped_ui(ui, ctx);
        self.paint(ui, ctx, &scene, &links, &spots, rect);
        if let Some(focused) = focused {
            ui.painter_at(rect).rect_stroke(
                focused.expand(3.0),
                6.0,
                Stroke::new(2.0, ctx.theme.accent),
                StrokeKind::Outside,
            );
        }
    }
}

impl CanvasView {
    fn scene(&mut self, ctx: &ViewCtx<'_>, rect: Rect) -> Scene {
        let layout = self.layout(ctx, rect.size());
        let camera = Camera { scale: layout.scale * self.zoom, origin: rect.center() + self.pan };
        let replicates = registry::protocol(&ctx.store.spec().protocol).is_none_or(|row| row.replicates);
        let truth = Truth::of(ctx.state, replicates);
        Scene { layout, camera, truth, window: Window::of(&ctx.state.nodes) }
    }

    fn layout(&mut self, ctx: &ViewCtx<'_>, size: Vec2) -> Rc<Layout> {
        let kept = self.placed.as_ref().filter(|placed| {
            placed.size == size
                && placed.nodes.iter().eq(ctx.state.nodes.keys())
                && placed.clients.iter().eq(ctx.state.clients.keys())
        });
        if let Some(placed) = kept {
            return placed.layout.clone();
        }
        let nodes: Vec<NodeId> = ctx.state.nodes.keys().copied().collect();
        let clients: Vec<ClientId> = ctx.state.clients.keys().copied().collect();
        let layout = Rc::new(layout::layout(&nodes, &clients, size));
        self.placed = Some(Placement { nodes, clients, size, layout: layout.clone() });
        layout
    }

    fn paint(&mut self, ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, links: &[LinkId], spots: &[Spot], rect: Rect) {
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 0.0, ctx.theme.background);
        // Few nodes have room for words that can be read; who zooms out wants the whole, not the words.
        let smallest = if scene.layout.cards { theme::CANVAS_TEXT_MIN * self.zoom.min(1.0) } else { 0.0 };
        let pen = Pen { painter: &painter, theme: ctx.theme, scale: scene.camera.scale, smallest };
        let atlas = self.atlas.get_or_insert_with(|| frames::atlas(ui.ctx())).id();
        links::paint_links(&pen, ctx, scene, links, &Traffic::of(ctx, scene));
        clients::paint_visits(&pen, ctx, scene);
        // Below the nodes, so that names and logs stay readable whatever passes.
        frames::paint_flights(&pen, ctx, scene, spots, atlas);
        held::paint_pins(&pen, ctx, scene);
        self.paint_stopped(&pen, ctx);
        for placed in &scene.layout.nodes {
            if let Some(state) = ctx.state.nodes.get(&placed.id) {
                nodes::paint_node(&pen, ctx, scene, placed, state);
            }
        }
        let open = clients::open_ops(ctx.state);
        for place in &scene.layout.clients {
            if let Some(client) = ctx.state.clients.get(&place.0) {
                clients::paint_client(&pen, ctx, scene, *place, client, open.get(&place.0).copied().unwrap_or(0));
            }
        }
        staged::paint_staged(&pen, ctx, scene);
        marks::paint_marks(&pen, ctx, scene);
        self.knife.paint(&pen, ctx, scene);
        frames::paint_drops(&pen, ctx, scene, atlas);
        if !scene.layout.cards {
            crowd::paint_names(&pen, ctx, scene, rect);
            crowd::summary_ui(ui, &pen, ctx, rect);
        }
        frames::paint_legend(&pen, ctx, legend_corner(scene, rect), atlas);
        paint_counts(&pen, ctx, rect);
        self.paint_lasso(ui, ctx);
    }
}

/// Returns where the legend is: where no node has its numbers. Two and four nodes leave the top free, and need the corners.
fn legend_corner(scene: &Scene, rect: Rect) -> Pos2 {
    let count = scene.layout.nodes.len();
    if matches!(count, 2 | 4) { rect.center_top() - egui::vec2(frames::LEGEND_WIDTH / 2.0, 0.0) } else { rect.min }
}

/// Writes how many frames there are: above some number nobody can count dots.
fn paint_counts(pen: &Pen<'_>, ctx: &ViewCtx<'_>, rect: Rect) {
    let (flights, drops) = (ctx.state.flights.len(), ctx.state.drops.len());
    let words = match (ctx.state.nodes.is_empty(), flights, drops) {
        (true, ..) => vec!["No nodes yet".to_owned()],
        (false, 0, 0) => return,
        (false, _, 0) => vec![format!("{flights} in flight")],
        // Two lines: side by side they would reach the clients.
        (false, ..) => vec![format!("{drops} just dropped"), format!("{flights} in flight")],
    };
    let mut at = rect.right_bottom() - egui::vec2(12.0, 10.0);
    for line in words.into_iter().rev() {
        let font = FontId::proportional(11.0);
        let line = pen.painter.text(at, Align2::RIGHT_BOTTOM, line, font, pen.theme.text_weak);
        at.y = line.top();
    }
}

/// Makes everything that is painted a widget, as far as their number allows. Returns what has the keyboard.
fn interact(ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, links: &[LinkId], spots: &[Spot]) -> Option<Rect> {
    let mut focused = None;
    let mut see = |response: &Response| {
        if response.has_focus() {
            focused = Some(response.rect);
        }
    };
    let broken = |link: &LinkId| ctx.state.links.get(link).is_some_and(|state| !links::is_whole(state));
    let few = scene.layout.nodes.len() <= LINK_WIDGETS_MAX;
    let some = scene.layout.nodes.len() <= 5 * IDLE_LINKS_MAX;
    for link in links.iter().filter(|link| few || some && broken(link)).take(1000) {
        if let Some(response) = link_ui(ui, ctx, scene, *link) {
            see(&response);
        }
    }
    for (client, place) in &scene.layout.clients {
        see(&client_ui(ui, ctx, scene, *client, *place));
    }
    if scene.layout.nodes.len() <= NODE_WIDGETS_MAX {
        for placed in &scene.layout.nodes {
            see(&node_ui(ui, ctx, scene, placed));
        }
    }
    if spots.len() <= frames::WIDGETS_MAX {
        for spot in spots {
            if let Some(flight) = ctx.state.flights.get(&spot.msg) {
                held::message_ui(ui, ctx, spot, flight);
            }
        }
    }
    focused
}

fn node_ui(ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, placed: &layout::Placed) -> Response {
    let rect = scene.camera.screen_rect(scene.layout.disc(placed));
    let response = ui.interact(rect, ui.scope_id().with(("node", placed.id)), Sense::click());
    if let Some(state) = ctx.state.nodes.get(&placed.id) {
        let selected = ctx.selection.has_node(placed.id);
        response
            .widget_info(|| WidgetInfo::selected(Role::Button, true, selected, nodes::label(ctx, placed.id, state)));
    }
    pointer::on_node(ui, ctx, placed.id, &response);
    response.on_hover_ui(|ui| nodes::tooltip_ui(ui, ctx, placed.id))
}

fn client_ui(ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, client: ClientId, place: Pos2) -> Response {
    let rect = scene.camera.screen_rect(Rect::from_center_size(place, scene.layout.client_size));
    let response = ui.interact(rect, ui.scope_id().with(("client", client)), Sense::click());
    let selected = *ctx.selection == Selection::Client(client);
    response.widget_info(|| {
        let open = ctx.state.ops.values().filter(|op| op.client == client).count();
        let label = ctx.state.clients.get(&client).map(|state| clients::label(client, state, open));
        WidgetInfo::selected(Role::Button, true, selected, label.unwrap_or_default())
    });
    if response.clicked() {
        ctx.act(Action::Select(Selection::Client(client)));
    }
    menu::open_by_key(ctx, &response, selected);
    menu::context_menu(&response, |ui| menu::client_menu_ui(ui, ctx, client));
    response
}

/// The handle of one direction: a small part of it that the keyboard and a screen reader can reach.
fn link_ui(ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, link: LinkId) -> Option<Response> {
    let at = pointer::handle(scene, link)?;
    let rect = Rect::from_center_size(at, Vec2::splat(7.0));
    let response = ui.interact(rect, ui.scope_id().with(("link", link)), Sense::click());
    let state = ctx.state.links.get(&link).copied().unwrap_or_default();
    let selected = *ctx.selection == Selection::Link(link);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, links::label(link, &state, ctx.names)));
    if response.clicked() {
        pointer::on_link(ctx, link);
    }
    menu::open_by_key(ctx, &response, *ctx.selection == Selection::Link(link));
    menu::context_menu(&response, |ui| menu::link_menu_ui(ui, ctx, link));
    Some(response.on_hover_ui_at_pointer(|ui| pointer::link_tooltip_ui(ui, ctx, link)))
}
