//! The pointer: select, lasso, pan, zoom, and what lies under it.

use std::collections::BTreeSet;

use cluster_core::{
    fault::LinkId,
    ids::{Endpoint, NodeId},
};
use egui::{Key, PointerButton, Pos2, Response, Shape, Stroke, Ui, Vec2};

use super::{
    CanvasView, Scene,
    frames::{self, Spot},
    layout::{distance_to_segment, inside, lasso_outline},
    menu,
};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    tools::{Tool, ToolAction, links_of},
    widgets::break_menu::break_menu_ui,
};

const ZOOM_MIN: f32 = 0.25;
const ZOOM_MAX: f32 = 12.0;
/// A pointer this near to a link means the link.
const LINK_REACH: f32 = 5.0;

impl CanvasView {
    /// Zooms, pans and fits.
    pub(super) fn on_camera(&mut self, ui: &Ui, response: &Response) {
        let holding_space = ui.input(|input| input.key_down(Key::Space));
        let panning =
            response.dragged_by(PointerButton::Middle) || holding_space && response.dragged_by(PointerButton::Primary);
        if panning {
            self.pan += response.drag_delta();
        }
        if response.double_clicked() {
            (self.zoom, self.pan) = (1.0, Vec2::ZERO);
        }
        if let Some(at) = response.hover_pos().filter(|_| response.contains_pointer()) {
            let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta.y, input.zoom_delta()));
            let zoom = (self.zoom * (scroll / 240.0).exp() * pinch).clamp(ZOOM_MIN, ZOOM_MAX);
            // What is under the pointer stays under it.
            let from_center = at - response.rect.center();
            self.pan = from_center - (from_center - self.pan) * (zoom / self.zoom);
            self.zoom = zoom;
        }
    }

    /// Draws and closes the lasso.
    pub(super) fn on_lasso(&mut self, ui: &Ui, ctx: &ViewCtx<'_>, scene: &Scene, response: &Response) {
        let (holding_space, origin) = ui.input(|input| (input.key_down(Key::Space), input.pointer.press_origin()));
        if response.drag_started_by(PointerButton::Primary) && !holding_space && !self.knife.is_drawn() {
            self.lasso = origin.into_iter().collect();
        }
        if self.lasso.is_empty() {
            return;
        }
        if let Some(at) = response.interact_pointer_pos()
            && self.lasso.last().is_none_or(|last| last.distance(at) > 2.0)
        {
            self.lasso.push(at);
        }
        if response.drag_stopped() {
            let outline = lasso_outline(&std::mem::take(&mut self.lasso));
            ctx.act(Action::Select(caught(scene, &outline)));
        }
    }

    /// Paints the lasso while it is drawn.
    pub(super) fn paint_lasso(&self, ui: &Ui, ctx: &ViewCtx<'_>) {
        if self.lasso.len() > 1 {
            let accent = ctx.theme.accent;
            let outline = lasso_outline(&self.lasso);
            let mut closed = outline.clone();
            closed.extend(outline.first());
            ui.painter().extend(Shape::dashed_line(&closed, Stroke::new(1.5, accent), 6.0, 4.0));
        }
    }

    /// Clicks on what is no widget of its own: links by their whole length, frames, and the empty ground.
    pub(super) fn on_ground(
        &mut self,
        ctx: &ViewCtx<'_>,
        scene: &Scene,
        links: &[LinkId],
        spots: &[Spot],
        response: &Response,
    ) {
        let under = |at: Pos2| (frames::pick(spots, at), pick_link(scene, links, at));
        if response.secondary_clicked() {
            self.menu_link = response.interact_pointer_pos().and_then(|at| under(at).1);
        }
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            match under(at) {
                (_, Some(link)) if ctx.tools.tool == Tool::Paste => on_link(ctx, link),
                (Some(spot), _) => ctx.act(Action::Select(Selection::Message(spot.msg))),
                (None, Some(link)) => on_link(ctx, link),
                (None, None) => ctx.act(Action::Select(Selection::Nothing)),
            }
        }
        if let Some(link) = self.menu_link {
            let shown = response.context_menu(|ui| menu::link_menu_ui(ui, ctx, link));
            if shown.is_none() {
                self.menu_link = None;
            }
        } else {
            response.context_menu(|ui| break_menu_ui(ui, ctx));
        }
        if self.menu_link.is_none()
            && self.lasso.is_empty()
            && !self.knife.is_drawn()
            && let Some(at) = response.hover_pos()
        {
            match under(at) {
                // A message has its own card.
                (Some(_), _) => {}
                (None, Some(link)) => {
                    response.clone().on_hover_ui_at_pointer(|ui| link_tooltip_ui(ui, ctx, link));
                }
                (None, None) => {}
            }
        }
    }
}

/// Lists what one direction did so far.
pub(super) fn link_tooltip_ui(ui: &mut Ui, ctx: &ViewCtx<'_>, link: LinkId) {
    let state = ctx.state.links.get(&link).copied().unwrap_or_default();
    ui.strong(super::links::label(link, &state, ctx.names));
    ui.label(format!("{} frames sent, {} arrived", state.sent, state.delivered));
    let lost = state.did.stopped() - state.did.cut;
    let gone = [(state.did.cut, "stopped by the cut"), (lost, "lost"), (state.dropped, "dropped otherwise")];
    for (count, what) in gone.into_iter().filter(|(count, _)| *count > 0) {
        ui.label(format!("{count} {what}"));
    }
}

fn pick_link(scene: &Scene, links: &[LinkId], at: Pos2) -> Option<LinkId> {
    let distance = |link: &LinkId| {
        let [from, to] = scene.layout.lane(link.0, link.1)?;
        let lane = [scene.camera.screen(from), scene.camera.screen(to)];
        Some((distance_to_segment(at, lane), *link))
    };
    let near = links.iter().filter_map(distance).filter(|(distance, _)| *distance <= LINK_REACH);
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, link)| link)
}

/// What a lasso caught: nodes, or, if there are none, a client.
fn caught(scene: &Scene, outline: &[Pos2]) -> Selection {
    let within = |world: Pos2| inside(outline, scene.camera.screen(world));
    let nodes: BTreeSet<NodeId> =
        scene.layout.nodes.iter().filter(|node| within(node.center)).map(|node| node.id).collect();
    let client = scene.layout.clients.iter().find(|(_, at)| within(*at));
    match (nodes.is_empty(), client) {
        (false, _) => Selection::Nodes(nodes),
        (true, Some((client, _))) => Selection::Client(*client),
        (true, None) => Selection::Nothing,
    }
}

/// A click on a direction: selects it, or gives it the copied rules.
pub(super) fn on_link(ctx: &ViewCtx<'_>, link: LinkId) {
    ctx.act(match ctx.tools.tool {
        Tool::Paste => Action::Tool(ToolAction::Paste(vec![link])),
        Tool::Pointer | Tool::Knife => Action::Select(Selection::Link(link)),
    });
}

/// A click on a node: selects it, or with shift or control adds or removes it; or gives the copied rules to its links.
pub(super) fn on_node(ui: &Ui, ctx: &ViewCtx<'_>, node: NodeId, response: &Response) {
    if response.clicked() && ctx.tools.tool == Tool::Paste {
        ctx.act(Action::Tool(ToolAction::Paste(links_of(node, ctx.state))));
    } else if response.clicked() {
        let adding = ui.input(|input| input.modifiers.shift || input.modifiers.command);
        let selection = match ctx.selection {
            Selection::Nodes(nodes) if adding => {
                let mut nodes = nodes.clone();
                if !nodes.remove(&node) {
                    nodes.insert(node);
                }
                if nodes.is_empty() { Selection::Nothing } else { Selection::Nodes(nodes) }
            }
            Selection::Nodes(_)
            | Selection::Nothing
            | Selection::Link(_)
            | Selection::Message(_)
            | Selection::Client(_)
            | Selection::Op(_)
            | Selection::Event(_) => Selection::node(node),
        };
        ctx.act(Action::Select(selection));
    }
    let first = matches!(ctx.selection, Selection::Nodes(nodes) if nodes.first() == Some(&node));
    menu::open_by_key(ctx, response, first);
    menu::context_menu(response, |ui| menu::node_menu_ui(ui, ctx, node));
}

/// Returns where the handle of a direction is: nearer to its sender, so that the two of a link lie apart.
pub(super) fn handle(scene: &Scene, (from, to): (Endpoint, Endpoint)) -> Option<Pos2> {
    let [start, end] = scene.layout.lane(from, to)?;
    Some(scene.camera.screen(start + (end - start) * 0.3))
}
