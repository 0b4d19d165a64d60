//! A crowd of nodes: signs instead of cards, names where they find room, and a summary that leaves nobody out.

use std::collections::BTreeMap;

use cluster_core::{
    event::RoleKind,
    ids::NodeId,
    trace::{ClusterState, NodeState, NodeStatus},
};
use egui::{Align2, Color32, FontId, Pos2, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use super::{
    Scene,
    glyphs::Pen,
    layout::{BLOCK_GAP, Placed},
    nodes::{paint_sign, status_word},
};
use crate::{ctx::ViewCtx, format, theme::CANVAS_TEXT_MIN};

/// Up to this size a disc has no room for its node's name.
const INSIDE_MIN: f32 = 9.0;
const INSIDE: f32 = 9.5;
/// The air around words.
const AIR: f32 = 2.0;
/// One node in so many is named, even if there is nothing to say about it.
const NAMED_EVERY: u16 = 5;

/// Paints what is inside the disc of a node among many: its sign if it needs one, else its name where there is room.
pub(super) fn paint_small(pen: &Pen<'_>, name: &str, radius: f32, center: Pos2, state: &NodeState) {
    let signed = paint_sign(pen, center, radius * 0.9, state);
    if !signed && named_inside(pen) {
        pen.text(center, Align2::CENTER_CENTER, 10.5, pen.theme.text, name);
    }
}

fn named_inside(pen: &Pen<'_>) -> bool {
    pen.px(INSIDE) >= INSIDE_MIN
}

/// Words beside a node, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Words {
    at: Pos2,
    align: Align2,
    size: egui::Vec2,
}

impl Words {
    fn rect(&self) -> Rect {
        self.align.anchor_size(self.at, self.size)
    }
}

/// Picks the words that find room: inside the picture and clear of those picked before. The first come first.
fn layout_words(wanted: &[Words], room: Rect) -> Vec<bool> {
    let mut taken: Vec<Rect> = Vec::new();
    let picked = wanted.iter().map(|words| {
        let rect = words.rect();
        let free = room.contains_rect(rect) && !taken.iter().any(|other| other.intersects(rect));
        if free {
            taken.push(rect.expand(AIR));
        }
        free
    });
    picked.collect()
}

/// Writes the names and roles of nodes beside them: first of those that stand out, then of some of the others.
pub(super) fn paint_names(pen: &Pen<'_>, ctx: &ViewCtx<'_>, scene: &Scene, room: Rect) {
    let inside = named_inside(pen);
    let mut wanted = Vec::new();
    for placed in &scene.layout.nodes {
        let Some(state) = ctx.state.nodes.get(&placed.id) else { continue };
        let rank = rank(state);
        let (word, color) = status_word(pen.theme, state);
        if rank < Rank::Ordinary {
            wanted.push((rank, placed, format!("{} {word}", ctx.names.short(placed.id)), color));
            wanted.push((Rank::NameOnly, placed, ctx.names.short(placed.id), color));
        } else if !inside && (placed.id.0.is_multiple_of(NAMED_EVERY) || placed.id.0 == 1) {
            wanted.push((rank, placed, ctx.names.short(placed.id), pen.theme.text_weak));
        }
    }
    wanted.sort_by_key(|(rank, placed, ..)| (*rank, placed.id));
    let font = FontId::proportional(CANVAS_TEXT_MIN.max((pen.px(10.5) * 4.0).round() / 4.0));
    let galleys: Vec<_> = wanted
        .iter()
        .map(|(_, _, words, color)| pen.painter.layout_no_wrap(words.clone(), font.clone(), *color))
        .collect();
    let words = wanted.iter().zip(&galleys).map(|((rank, placed, ..), galley)| {
        let (at, align) = beside(pen, scene, placed, *rank == Rank::Leader);
        Words { at, align, size: galley.size() }
    });
    let words: Vec<Words> = words.collect();
    let picked = layout_words(&words, room);
    for ((words, galley), _) in words.iter().zip(galleys).zip(picked).filter(|(_, picked)| *picked) {
        pen.painter.galley(words.rect().min, galley, Color32::PLACEHOLDER);
    }
}

/// Who is named first if not all can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Leader,
    Broken,
    Asking,
    NameOnly,
    Ordinary,
}

fn rank(state: &NodeState) -> Rank {
    match (&state.status, state.view.role) {
        (NodeStatus::Up | NodeStatus::Frozen, RoleKind::Leader) => Rank::Leader,
        (NodeStatus::Up, RoleKind::Candidate) => Rank::Asking,
        (NodeStatus::Up, RoleKind::Follower | RoleKind::Learner) => Rank::Ordinary,
        (NodeStatus::Starting, _) => Rank::Ordinary,
        (
            NodeStatus::Frozen
            | NodeStatus::Crashed
            | NodeStatus::PoweredOff
            | NodeStatus::Stopped
            | NodeStatus::Failed(_),
            _,
        ) => Rank::Broken,
    }
}

/// Returns where the words of a node begin: outward, beyond its crown if it wears one.
fn beside(pen: &Pen<'_>, scene: &Scene, placed: &Placed, crowned: bool) -> (Pos2, Align2) {
    let outward = scene.layout.outward(placed);
    let radius = scene.layout.radius;
    let crown = if crowned && outward.y < -0.5 { radius * 0.9 } else { 0.0 };
    let at = scene.camera.screen(placed.center) + outward * pen.px(radius + BLOCK_GAP * 0.55 + crown);
    let align = match (outward.x, outward.y) {
        (x, _) if x > 0.35 => Align2::LEFT_CENTER,
        (x, _) if x < -0.35 => Align2::RIGHT_CENTER,
        (_, y) if y < 0.0 => Align2::CENTER_BOTTOM,
        _ => Align2::CENTER_TOP,
    };
    (at, align)
}

/// Counts nodes by what they are, the rarest first, and says how far their logs reach.
fn summary(state: &ClusterState, theme: &crate::theme::Theme) -> Vec<(String, Color32)> {
    // What nodes are is counted by what there is a plural of, and what befell them is not.
    let mut groups: BTreeMap<(&str, bool), (u64, NodeId, Color32)> = BTreeMap::new();
    for (node, at) in &state.nodes {
        let (word, color) = status_word(theme, at);
        groups.entry((word, at.status == NodeStatus::Up)).or_insert((0, *node, color)).0 += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(words, (count, ..))| (*count, *words));
    let line = |((word, role), (count, node, color)): ((&str, bool), (u64, NodeId, Color32))| match (count, role) {
        (1, _) => (format!("1 {word}  {node}"), color),
        (_, true) => (format!("{} {}", format::count(count), plural(word)), color),
        (_, false) => (format!("{} {word}", format::count(count)), color),
    };
    let mut lines: Vec<_> = groups.into_iter().map(line).collect();
    let longest = state.nodes.values().map(|node| node.log.last().0).max().unwrap_or(0);
    let behind: Vec<u64> =
        state.nodes.values().map(|node| longest - node.log.last().0).filter(|behind| *behind > 0).collect();
    if longest > 0 {
        lines.push((format!("longest log {}", format::count(longest)), theme.text_weak));
    }
    if let Some(most) = behind.iter().max() {
        let (count, most) = (format::count(behind.len() as u64), format::count(*most));
        lines.push((format!("{count} shorter, by up to {most}"), theme.text_weak));
    }
    lines
}

fn plural(word: &str) -> String {
    word.strip_suffix('y').map_or_else(|| format!("{word}s"), |stem| format!("{stem}ies"))
}

/// Writes the summary into the upper right corner.
pub(super) fn summary_ui(ui: &Ui, pen: &Pen<'_>, ctx: &ViewCtx<'_>, room: Rect) {
    let lines = summary(ctx.state, pen.theme);
    let font = FontId::proportional(CANVAS_TEXT_MIN);
    let mut at = room.right_top() + vec2(-14.0, 7.0);
    let mut around = Rect::from_min_size(at, egui::Vec2::ZERO);
    for (line, color) in &lines {
        let painted = pen.painter.text(at, Align2::RIGHT_TOP, line, font.clone(), *color);
        at = pos2(at.x, painted.bottom() + 1.5);
        around |= painted;
    }
    let response = ui.interact(around, ui.scope_id().with("summary"), Sense::hover());
    let words = lines.into_iter().map(|(line, _)| line).collect::<Vec<_>>().join(", ");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{theme::Theme, views::canvas::testing};

    fn words(x: f32, y: f32) -> Words {
        Words { at: pos2(x, y), align: Align2::LEFT_CENTER, size: vec2(60.0, 12.0) }
    }

    #[test]
    fn words_never_cover_each_other_and_never_leave_the_picture() {
        let room = Rect::from_min_size(Pos2::ZERO, vec2(200.0, 100.0));
        let picked = layout_words(&[words(10.0, 20.0), words(40.0, 25.0), words(10.0, 40.0), words(150.0, 60.0)], room);
        assert_eq!(picked, [true, false, true, false]);
    }

    #[test]
    fn the_summary_counts_everybody_and_names_who_is_alone() {
        let mut state = testing::steady(20);
        for node in [3, 4] {
            state.nodes.get_mut(&NodeId(node)).unwrap().status = NodeStatus::Crashed;
        }
        let lines: Vec<_> = summary(&state, &Theme::dark()).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines[..3], ["1 leader  n1", "2 crashed", "17 followers"]);
        assert!(lines[3].starts_with("longest log "));
    }
}
