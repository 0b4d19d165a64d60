//! Which views are where: a tree of tabs and splits that the user rearranges and the window remembers.

use std::collections::BTreeMap;

use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::{
    ctx::ViewCtx,
    panels::PANELS,
    theme,
    views::{VIEWS, View, ViewRow},
};

/// The arrangement of the views. Its panes are ids of views.
#[derive(Clone, Serialize, Deserialize)]
pub struct Layout {
    tree: Tree<String>,
}

/// The looks of the views: zoom, scroll, what is unfolded. Made when a view is shown first.
#[derive(Default)]
pub struct Looks(BTreeMap<&'static str, Box<dyn View>>);

/// Returns every view that can be docked: those of the table, and the furniture.
pub fn rows() -> impl Iterator<Item = &'static ViewRow> {
    VIEWS.iter().chain(PANELS)
}

fn row(id: &str) -> Option<&'static ViewRow> {
    rows().find(|row| row.id == id)
}

impl Default for Layout {
    /// Narration and what is broken on the left, the canvas alone in the middle, the inspector over charts on the right.
    fn default() -> Self {
        const LEFT: &[&[&str]] = &[&["story", "why", "guide", "about"], &["inventory", "promises", "runs"]];
        const RIGHT: &[&[&str]] = &[&["inspector"], &["lag", "throughput", "latency", "events"]];
        Self::columns("layout", LEFT, RIGHT, [0.23, 0.51, 0.26])
    }
}

impl Layout {
    /// Returns the arrangement for labs: the guide alone on the left, in a width that is read with ease.
    pub fn of_labs() -> Self {
        const LEFT: &[&[&str]] = &[&["guide"]];
        const RIGHT: &[&[&str]] = &[
            &["inspector", "about"],
            &["story", "why", "inventory", "promises", "lag", "throughput", "latency", "events"],
        ];
        Self::columns("lab layout", LEFT, RIGHT, [0.29, 0.47, 0.24])
    }

    /// Arranges three columns; a view that neither side names is a picture of the cluster, and shares the middle with the canvas.
    fn columns(id: &str, left: &[&[&str]], right: &[&[&str]], shares: [f32; 3]) -> Self {
        let id = egui::Id::unique(id);
        let mut tiles = Tiles::default();
        let placed = |id: &str| left.concat().contains(&id) || right.concat().contains(&id);
        let mut middle: Vec<_> = rows().map(|row| row.id).filter(|id| !placed(id)).collect();
        middle.sort_by_key(|id| *id != "canvas");
        let left: Vec<_> = left.iter().filter_map(|ids| tabs(&mut tiles, ids)).collect();
        let right: Vec<_> = right.iter().filter_map(|ids| tabs(&mut tiles, ids)).collect();
        let left = split(&mut tiles, LinearDir::Vertical, left, &[0.58, 0.42]);
        let right = split(&mut tiles, LinearDir::Vertical, right, &[0.61, 0.39]);
        let center = tabs(&mut tiles, &middle);
        let columns: Vec<_> = [(left, shares[0]), (center, shares[1]), (right, shares[2])]
            .into_iter()
            .filter_map(|(tile, share)| Some((tile?, share)))
            .collect();
        let shares: Vec<_> = columns.iter().map(|(_, share)| *share).collect();
        let columns = columns.into_iter().map(|(tile, _)| tile).collect();
        let root = split(&mut tiles, LinearDir::Horizontal, columns, &shares);
        Self { tree: root.map_or_else(|| Tree::empty(id), |root| Tree::new(id, root, tiles)) }
    }
}

fn tabs(tiles: &mut Tiles<String>, ids: &[&str]) -> Option<TileId> {
    let known: Vec<_> = ids.iter().filter(|id| row(id).is_some()).collect();
    let panes: Vec<_> = known.into_iter().map(|id| tiles.insert_pane((*id).to_owned())).collect();
    let first = *panes.first()?;
    let mut tabs = Tabs::new(panes);
    tabs.set_active(first);
    Some(tiles.insert_container(tabs))
}

fn split(tiles: &mut Tiles<String>, dir: LinearDir, parts: Vec<TileId>, shares: &[f32]) -> Option<TileId> {
    if parts.len() < 2 {
        return parts.first().copied();
    }
    let mut linear = Linear::new(dir, parts.clone());
    parts.iter().zip(shares).for_each(|(part, share)| linear.shares.set_share(*part, *share));
    Some(tiles.insert_container(linear))
}

impl Layout {
    /// Lays the views out.
    pub fn ui(&mut self, ui: &mut egui::Ui, looks: &mut Looks, ctx: &ViewCtx<'_>) {
        self.tree.ui(&mut Docking { looks, ctx }, ui);
    }

    /// Brings a view to the front; one that was closed comes back.
    pub fn show(&mut self, id: &str) {
        if self.is_open(id) || row(id).is_none() {
            self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if pane == id));
            return;
        }
        let pane = self.tree.tiles.insert_pane(id.to_owned());
        let home = self.widest_tabs();
        match home.and_then(|home| self.tree.tiles.get_mut(home)) {
            Some(Tile::Container(Container::Tabs(tabs))) => {
                tabs.add_child(pane);
                tabs.set_active(pane);
            }
            Some(Tile::Container(_) | Tile::Pane(_)) | None => {
                let children = self.tree.root.into_iter().chain([pane]).collect();
                self.tree.root = Some(self.tree.tiles.insert_tab_tile(children));
            }
        }
    }

    /// Returns whether a view is somewhere in the layout.
    pub fn is_open(&self, id: &str) -> bool {
        self.tree.tiles.tiles().any(|tile| matches!(tile, Tile::Pane(pane) if pane == id))
    }

    /// Returns the place of a view on the screen, if it is shown.
    pub fn rect(&self, id: &str) -> Option<egui::Rect> {
        let tile = self.tree.tiles.find_pane(&id.to_owned())?;
        self.tree.tiles.rect(tile)
    }

    fn widest_tabs(&self) -> Option<TileId> {
        let is_tabs = |tile: &Tile<String>| matches!(tile, Tile::Container(Container::Tabs(_)));
        let area = |id: TileId| self.tree.tiles.rect(id).map_or(0.0, |rect| rect.area());
        let tabs = self.tree.tiles.iter().filter(|(_, tile)| is_tabs(tile)).map(|(id, _)| *id);
        tabs.max_by(|a, b| area(*a).total_cmp(&area(*b)))
    }
}

struct Docking<'a, 'b> {
    looks: &'a mut Looks,
    ctx: &'a ViewCtx<'b>,
}

impl egui_tiles::Behavior<String> for Docking<'_, '_> {
    fn pane_ui(&mut self, ui: &mut egui::Ui, _: TileId, pane: &mut String) -> egui_tiles::UiResponse {
        let Some(row) = row(pane) else { return egui_tiles::UiResponse::None };
        let view = self.looks.0.entry(row.id).or_insert_with(row.make);
        // The picture of the cluster goes to the edge; everything else is read, and needs air.
        let (fill, margin) = match row.id {
            "canvas" => (self.ctx.theme.background, egui::Margin::ZERO),
            _ => (self.ctx.theme.surface, theme::PANE_MARGIN),
        };
        egui::Frame::new().fill(fill).inner_margin(margin).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.push_id(row.id, |ui| view.ui(ui, self.ctx));
        });
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &String) -> egui::WidgetText {
        row(pane).map_or("", |row| row.title).into()
    }

    /// A pane of an older or newer program that this one does not know goes away.
    fn retain_pane(&mut self, pane: &String) -> bool {
        row(pane).is_some()
    }

    fn is_tab_closable(&self, _: &Tiles<String>, _: TileId) -> bool {
        false
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        theme::TAB_HEIGHT
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        0.75 * theme::SPACE
    }

    fn min_size(&self) -> f32 {
        12.0 * theme::SPACE
    }

    fn tab_title_spacing(&self, _: &egui::Visuals) -> f32 {
        1.5 * theme::SPACE
    }

    fn tab_bar_color(&self, _: &egui::Visuals) -> egui::Color32 {
        self.ctx.theme.background
    }

    fn tab_bar_hline_stroke(&self, _: &egui::Visuals) -> egui::Stroke {
        egui::Stroke::NONE
    }

    fn tab_outline_stroke(
        &self,
        _: &egui::Visuals,
        _: &Tiles<String>,
        _: TileId,
        _: &egui_tiles::TabState,
    ) -> egui::Stroke {
        egui::Stroke::NONE
    }

    fn tab_text_color(
        &self,
        _: &egui::Visuals,
        _: &Tiles<String>,
        _: TileId,
        state: &egui_tiles::TabState,
    ) -> egui::Color32 {
        if state.active { self.ctx.theme.text } else { self.ctx.theme.text_weak }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layout_holds_every_view_there_is() {
        let layout = Layout::default();
        assert!(rows().all(|row| layout.is_open(row.id)));
    }

    #[test]
    fn a_layout_survives_being_written_and_read() {
        let text = serde_json::to_string(&Layout::default()).unwrap();
        let layout: Layout = serde_json::from_str(&text).unwrap();
        assert!(layout.is_open("inspector"));
    }

    #[test]
    fn a_view_that_was_lost_comes_back_when_it_is_asked_for() {
        let mut layout = Layout { tree: Tree::empty(egui::Id::unique("empty")) };
        layout.show("inspector");
        layout.show("no such view");
        assert!(layout.is_open("inspector") && !layout.is_open("no such view"));
    }
}
