//! Who holds whom for alive: in each node a small picture of the cluster as it sees it, and beside a node what others say of it.

use std::{collections::BTreeMap, f32::consts::TAU};

use cluster_core::{
    event::MemberStatus,
    ids::NodeId,
    trace::{ClusterState, NodeState},
};
use egui::{Pos2, Vec2, vec2};

use super::{
    Scene,
    glyphs::{Pen, mix},
    layout::Placed,
};
use crate::names::Names;

/// How far from the middle of a node its picture of the others is, and how large one of them.
const RING: f32 = 29.0;
const DOT: f32 = 3.1;

/// What the nodes that run say of one: how many suspect it, how many hold it for dead, and how many have an opinion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    suspect: usize,
    dead: usize,
    all: usize,
}

impl Said {
    /// Returns what is said of each node of which anything bad is said.
    pub(super) fn of(state: &ClusterState) -> BTreeMap<NodeId, Self> {
        let mut said: BTreeMap<NodeId, Self> = BTreeMap::new();
        for node in state.nodes.values().filter(|node| node.status.is_running()) {
            for (of, opinion) in &node.view.opinions {
                let it = said.entry(*of).or_default();
                it.all += 1;
                match opinion.status {
                    MemberStatus::Alive => {}
                    MemberStatus::Suspect => it.suspect += 1,
                    MemberStatus::Dead => it.dead += 1,
                }
            }
        }
        said.retain(|_, it| it.suspect + it.dead > 0);
        said
    }

    /// Says it in a few words.
    pub(super) fn words(self) -> String {
        let of = |count: usize| if count == self.all { "all".to_owned() } else { format!("{count} of {}", self.all) };
        match (self.suspect, self.dead) {
            (suspect, 0) => format!("suspect to {}", of(suspect)),
            (0, dead) => format!("dead to {}", of(dead)),
            (suspect, dead) => format!("dead to {}, suspect to {suspect}", of(dead)),
        }
    }

    /// Returns whether anybody holds it for dead.
    pub(super) fn is_dead_to_some(self) -> bool {
        self.dead > 0
    }
}

/// Returns in which direction each other node lies from the middle of the picture: there is its dot, too.
fn directions(placed: &[Placed]) -> impl Iterator<Item = (NodeId, Vec2)> {
    let sum = placed.iter().fold(Vec2::ZERO, |sum, it| sum + it.center.to_vec2());
    let middle = sum / placed.len().max(1) as f32;
    placed.iter().enumerate().map(move |(at, it)| {
        let away = it.center.to_vec2() - middle;
        let turn = at as f32 / placed.len() as f32 * TAU;
        (it.id, if away.length() > 1.0 { away.normalized() } else { vec2(turn.sin(), -turn.cos()) })
    })
}

/// Paints a node's picture of the cluster into it: alive is a full dot, suspect a ring, dead a cross, itself a faint point.
pub(super) fn paint_opinions(pen: &Pen<'_>, scene: &Scene, center: Pos2, me: NodeId, state: &NodeState) {
    if state.view.opinions.is_empty() || !state.status.is_running() {
        return;
    }
    let theme = pen.theme;
    for (id, away) in directions(&scene.layout.nodes) {
        let at = center + away * pen.px(RING);
        match state.view.opinions.get(&id).map(|opinion| opinion.status) {
            _ if id == me => {
                pen.painter.circle_filled(at, pen.px(DOT * 0.5), theme.text_weak);
            }
            None => {
                pen.painter.circle_filled(at, pen.px(DOT * 0.5), theme.line);
            }
            Some(MemberStatus::Alive) => {
                pen.painter.circle_filled(at, pen.px(DOT), mix(theme.surface, theme.good, 0.85));
            }
            Some(MemberStatus::Suspect) => {
                pen.painter.circle(at, pen.px(DOT * 1.15), theme.surface, pen.stroke(1.9, theme.warn));
            }
            Some(MemberStatus::Dead) => pen.cross(at, DOT * 2.6, pen.stroke(2.1, theme.bad)),
        }
    }
}

/// Says how a node is as a watcher: its doubt about itself, and the rumors that it passes on.
pub(super) fn words(state: &NodeState) -> Option<String> {
    let detector = state.view.detector.filter(|_| state.status.is_running())?;
    let rumors = match detector.rumors {
        0 => "no rumors".to_owned(),
        1 => "1 rumor".to_owned(),
        count => format!("{count} rumors"),
    };
    Some(match detector.self_doubt {
        0 => rumors,
        doubt => format!("{rumors}, self-doubt {doubt}"),
    })
}

/// Says whom a node doubts, for its label; empty if it doubts nobody.
pub(super) fn doubts(state: &NodeState, names: &Names) -> String {
    let mut words = String::new();
    for status in [MemberStatus::Suspect, MemberStatus::Dead] {
        let of: Vec<_> = state.view.opinions.iter().filter(|(_, it)| it.status == status).collect();
        if !of.is_empty() {
            let names: Vec<_> = of.iter().map(|(node, _)| names.short(**node)).collect();
            words = format!("{words}, holds {} for {}", names.join(" "), status.word());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        event::{Incarnation, Opinion},
        spec::ClusterSpec,
        trace::NodeStatus,
    };

    use super::*;

    #[test]
    fn what_is_said_of_a_node_counts_only_those_that_run() {
        let mut state = ClusterState::before(&ClusterSpec::default());
        for (node, status) in [(1, MemberStatus::Dead), (2, MemberStatus::Suspect), (3, MemberStatus::Dead)] {
            let at = state.nodes.entry(NodeId(node)).or_default();
            at.status = if node == 3 { NodeStatus::Crashed } else { NodeStatus::Up };
            at.view.opinions.insert(NodeId(4), Opinion { status, incarnation: Incarnation::default() });
        }
        let said = Said::of(&state);
        assert_eq!(said[&NodeId(4)].words(), "dead to 1 of 2, suspect to 1");
        assert_eq!(doubts(&state.nodes[&NodeId(1)], &Names::default()), ", holds n4 for dead");
        assert!(!said.contains_key(&NodeId(5)));
    }
}
