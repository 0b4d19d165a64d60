//! Log strips: the same position in the log stands in the same column at every node.

use std::collections::BTreeMap;

use cluster_core::{
    ids::{LogIndex, NodeId},
    time::Timestamp,
    trace::{AFTERGLOW, LogTail, NodeState},
};
use egui::{Pos2, Rect, Shape, Stroke, StrokeKind, vec2};

use super::{
    glyphs::{Pen, mix},
    layout::BLOCK_WIDTH,
};

/// How many positions a strip shows.
pub(super) const CELLS: u64 = 16;
const PITCH: f32 = BLOCK_WIDTH / CELLS as f32;
const HEIGHT: f32 = 15.0;

/// The positions that all strips show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The first.
    pub(super) first: u64,
    /// The last entry of the longest log.
    pub(super) longest: u64,
}

impl Window {
    /// Returns the window that shows the end of the longest log.
    pub(super) fn of(nodes: &BTreeMap<NodeId, NodeState>) -> Self {
        let longest = nodes.values().map(|node| node.log.last().0).max().unwrap_or(0);
        Self { first: (longest + 1).saturating_sub(CELLS).max(1), longest }
    }
}

/// What a cell of a strip shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Known to be committed, made in this epoch.
    Committed(u64),
    /// In the log, not known to be committed.
    Pending(u64),
    /// In a snapshot, not in the log any more.
    Compacted,
    /// Others have it.
    Missing,
    /// Nobody has it.
    Empty,
}

/// Returns what the cell of a position shows.
pub(super) fn cell(window: &Window, node: &NodeState, index: u64) -> Cell {
    let log: &LogTail = &node.log;
    match log.get(LogIndex(index)) {
        Some(entry) if index <= node.view.commit_index.0 => Cell::Committed(entry.epoch.0),
        Some(entry) => Cell::Pending(entry.epoch.0),
        None if index <= log.last().0 => Cell::Compacted,
        None if index <= window.longest => Cell::Missing,
        None => Cell::Empty,
    }
}

/// Paints the strip of one node; `min` is its upper left corner.
pub(super) fn paint_strip(pen: &Pen<'_>, at: Timestamp, window: &Window, node: &NodeState, min: Pos2) {
    let dim = if node.status.is_running() { 1.0 } else { 0.4 };
    for column in 0..CELLS {
        let index = window.first + column;
        let rect = cell_rect(pen, min, column);
        paint_cell(pen, rect, cell(window, node, index), dim);
    }
    if let Some((when, count)) = node.erased {
        paint_erased(pen, window, node, min, at.since(when).as_secs_f32() / AFTERGLOW.as_secs_f32(), count);
    }
}

fn cell_rect(pen: &Pen<'_>, min: Pos2, column: u64) -> Rect {
    let at = min + vec2(pen.px(column as f32 * PITCH), 0.0);
    Rect::from_min_size(at, vec2(pen.px(PITCH) - pen.px(1.6).max(1.0), pen.px(HEIGHT)))
}

fn paint_cell(pen: &Pen<'_>, rect: Rect, cell: Cell, dim: f32) {
    let theme = pen.theme;
    let corner = pen.px(1.5);
    match cell {
        Cell::Committed(epoch) => {
            pen.painter.rect_filled(rect, corner, theme.epoch(epoch).gamma_multiply(dim));
        }
        Cell::Pending(epoch) => {
            let color = theme.epoch(epoch).gamma_multiply(dim);
            let fill = mix(theme.background, color, 0.12);
            pen.painter.rect(rect, corner, fill, Stroke::new(pen.px(1.3).max(1.0), color), StrokeKind::Inside);
        }
        Cell::Compacted => {
            let middle = Rect::from_center_size(rect.center(), vec2(rect.width(), pen.px(3.0)));
            pen.painter.rect_filled(middle, 0.0, theme.down.gamma_multiply(dim));
        }
        Cell::Missing => {
            let stroke = Stroke::new(pen.px(1.0).max(1.0), theme.text_weak.gamma_multiply(0.7 * dim));
            let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
            pen.painter.extend(Shape::dashed_line(&corners, stroke, pen.px(2.2), pen.px(2.2)));
        }
        Cell::Empty => {
            let foot = Rect::from_min_max(rect.left_bottom() - vec2(0.0, 1.0), rect.right_bottom());
            pen.painter.rect_filled(foot, 0.0, theme.line.gamma_multiply(dim));
        }
    }
}

/// Returns where the latest erased entries most likely began: the entries that replaced them carry the last epoch.
pub(super) fn erased_from(node: &NodeState) -> u64 {
    let last = node.log.last();
    let Some(epoch) = node.log.get(last).map(|entry| entry.epoch) else { return last.0 + 1 };
    let replaced = node.log.iter().rev().take_while(|(_, entry)| entry.epoch == epoch).last();
    match replaced {
        Some((index, _)) if index > node.log.first() && index.0 + CELLS > last.0 => index.0,
        Some(_) | None => last.0 + 1,
    }
}

/// Erased entries fall out of the strip, crossed through.
fn paint_erased(pen: &Pen<'_>, window: &Window, node: &NodeState, min: Pos2, age: f32, count: u64) {
    if !(0.0..1.0).contains(&age) {
        return;
    }
    let color = pen.theme.bad.gamma_multiply((1.0 - age).powf(0.7));
    let stroke = Stroke::new(pen.px(1.3).max(1.0), color);
    let from = erased_from(node);
    for index in (from..from + count).filter(|index| (window.first..window.first + CELLS).contains(index)) {
        let rect =
            cell_rect(pen, min, index - window.first).translate(vec2(0.0, pen.px(HEIGHT * 0.45 + 18.0 * age * age)));
        let ground = pen.theme.background.gamma_multiply(1.0 - age);
        pen.painter.rect(rect, pen.px(1.5), ground, stroke, StrokeKind::Inside);
        pen.painter.line_segment([rect.left_bottom(), rect.right_top()], stroke);
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        event::{EntryBrief, EntryKind, NodeView},
        ids::Epoch,
    };

    use super::*;

    fn node(entries: &[u64], commit: u64) -> NodeState {
        let brief = |epoch: &u64| EntryBrief { epoch: Epoch(*epoch), op: None, kind: EntryKind::Put, bytes: 8 };
        let mut log = LogTail::default();
        log.splice(LogIndex(1), &entries.iter().map(brief).collect::<Vec<_>>());
        NodeState {
            log,
            view: NodeView { commit_index: LogIndex(commit), ..NodeView::default() },
            ..NodeState::default()
        }
    }

    #[test]
    fn a_cell_tells_committed_from_pending_from_missing() {
        let (long, short) = (node(&[1, 1, 2], 2), node(&[1], 1));
        let window = Window::of(&BTreeMap::from([(NodeId(1), long.clone()), (NodeId(2), short.clone())]));
        assert_eq!(cell(&window, &long, 2), Cell::Committed(1));
        assert_eq!(cell(&window, &long, 3), Cell::Pending(2));
        assert_eq!(cell(&window, &short, 3), Cell::Missing);
        assert_eq!(cell(&window, &short, 4), Cell::Empty);
    }

    #[test]
    fn the_window_shows_the_end_of_the_longest_log() {
        let window = Window::of(&BTreeMap::from([(NodeId(1), node(&[1; 90], 0)), (NodeId(2), node(&[1; 3], 0))]));
        assert_eq!(window, Window { first: 75, longest: 90 });
    }

    #[test]
    fn entries_were_erased_where_the_latest_epoch_begins() {
        assert_eq!(erased_from(&node(&[1, 1, 3, 3], 2)), 3);
        assert_eq!(erased_from(&node(&[1, 1], 2)), 3);
    }
}
