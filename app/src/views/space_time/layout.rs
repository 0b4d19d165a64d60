//! Where lanes, messages and events are. Pure: no painting, no input.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::{
    event::Family,
    ids::{Endpoint, Seq},
};
use egui::{Pos2, Rangef, Rect, pos2};

use super::{
    axis::Axis,
    items::{Items, Mark, MarkKind, Message, OpEnd, Operation},
};
use crate::theme::space_time as sizes;

/// More messages than this are not drawn one by one.
pub(super) const MESSAGES_MAX: usize = 3000;

/// What is drawn, by kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    /// Families of messages, in the order of [`Family::ALL`].
    pub(super) families: [bool; Family::ALL.len()],
    /// Whether clients have lanes.
    pub(super) clients: bool,
    /// Whether heartbeats are drawn as ticks at whoever sends them, and not as messages.
    pub(super) collapse: bool,
    /// Whether quiet stretches are folded.
    pub(super) fold: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self { families: [true; Family::ALL.len()], clients: false, collapse: true, fold: false }
    }
}

impl Filter {
    pub(super) fn shows(&self, family: Family) -> bool {
        Family::ALL.iter().position(|known| *known == family).is_none_or(|at| self.families[at])
            && !(self.collapse && family == Family::Heartbeat)
    }
}

/// The parts of the diagram.
pub(super) struct Scene {
    pub(super) names: Rect,
    pub(super) ruler: Rect,
    pub(super) flags: Rect,
    pub(super) lanes: Rect,
    pub(super) rows: Vec<Row>,
    pub(super) axis: Axis,
    /// The height of a lane.
    pub(super) lane_px: f32,
    by_end: BTreeMap<Endpoint, usize>,
}

/// A lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) end: Endpoint,
    pub(super) y: f32,
}

/// The frame around the lanes: names to the left, ruler and flags above.
pub(super) struct Frame {
    pub(super) names: Rect,
    pub(super) ruler: Rect,
    pub(super) flags: Rect,
    pub(super) lanes: Rect,
}

/// Divides the room.
pub(super) fn layout_frame(rect: Rect) -> Frame {
    let left = rect.left() + sizes::NAMES_PX.min(rect.width() / 3.0);
    let right = (rect.right() - sizes::RIGHT_PX).max(left + 1.0);
    let row = |top: f32, height: f32| Rect::from_min_max(pos2(left, top), pos2(right, top + height));
    let ruler = row(rect.top(), sizes::RULER_PX);
    let flags = row(ruler.bottom(), sizes::FLAGS_PX);
    let lanes = Rect::from_min_max(pos2(left, flags.bottom()), pos2(right, rect.bottom().max(flags.bottom() + 1.0)));
    let names = Rect::from_min_max(pos2(rect.left(), lanes.top()), pos2(left, lanes.bottom()));
    Frame { names, ruler, flags, lanes }
}

/// Lays the lanes out, clients above nodes; `scroll` is how far they are scrolled, and is brought within its bounds.
pub(super) fn layout_scene(frame: Frame, ends: &[Endpoint], axis: Axis, scroll: &mut f32) -> Scene {
    let Frame { names, ruler, flags, lanes } = frame;
    let count = ends.len().max(1) as f32;
    let lane_px = (lanes.height() / count).clamp(sizes::LANE_MIN_PX, sizes::LANE_MAX_PX);
    let content = lane_px * count;
    *scroll = scroll.clamp(0.0, (content - lanes.height()).max(0.0));
    // Few lanes stand in the middle of their room.
    let top = lanes.top() + ((lanes.height() - content) / 2.0).max(0.0) - *scroll;
    let row = |(at, end): (usize, &Endpoint)| Row { end: *end, y: top + (at as f32 + 0.5) * lane_px };
    let rows: Vec<Row> = ends.iter().enumerate().map(row).collect();
    let by_end = rows.iter().enumerate().map(|(at, row)| (row.end, at)).collect();
    Scene { names, ruler, flags, lanes, rows, axis, lane_px, by_end }
}

impl Scene {
    /// Returns the height of a lane, if it has one.
    pub(super) fn y(&self, end: Endpoint) -> Option<f32> {
        self.by_end.get(&end).map(|at| self.rows[*at].y)
    }

    /// Returns whether a lane is seen, and not scrolled away.
    pub(super) fn sees(&self, y: f32) -> bool {
        self.lanes.y_range().expand(self.lane_px).contains(y)
    }

    pub(super) fn x_range(&self) -> Rangef {
        self.lanes.x_range()
    }
}

/// What became of a message that is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrived,
    Dropped,
    UnderWay,
    Held,
}

/// A message as it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrow<'a> {
    pub(super) message: &'a Message,
    pub(super) tail: Pos2,
    pub(super) tip: Pos2,
    pub(super) fate: Fate,
}

/// Something that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) seq: Seq,
    pub(super) at: Pos2,
}

/// Returns the messages that are seen, or how many they are if they are too many to be drawn one by one. `now` is how far
/// the run is known, in seconds.
pub(super) fn layout_arrows<'a>(
    items: &'a Items,
    filter: &Filter,
    scene: &Scene,
    now: f64,
) -> Result<Vec<Arrow<'a>>, usize> {
    let seen = |arrow: &Arrow<'_>| {
        let (left, right) = (arrow.tail.x.min(arrow.tip.x), arrow.tail.x.max(arrow.tip.x));
        let within = right >= scene.lanes.left() && left <= scene.lanes.right();
        within && (scene.sees(arrow.tail.y) || scene.sees(arrow.tip.y))
    };
    let wanted = items.messages.iter().filter(|message| filter.shows(message.family));
    let arrows: Vec<_> =
        wanted.filter_map(|message| arrow(message, scene, now)).filter(seen).take(MESSAGES_MAX + 1).collect();
    if arrows.len() <= MESSAGES_MAX {
        return Ok(arrows);
    }
    let (from, to) = (scene.axis.secs(scene.lanes.left()), scene.axis.secs(scene.lanes.right()));
    let before = |secs: f64| items.messages.partition_point(|message| message.sent_at.as_secs_f64() < secs);
    Err(before(to) - before(from))
}

fn arrow<'a>(message: &'a Message, scene: &Scene, now: f64) -> Option<Arrow<'a>> {
    let (from, to) = (scene.y(message.from)?, scene.y(message.to)?);
    let (sent, due) = (message.sent_at.as_secs_f64(), message.due.as_secs_f64());
    let x = |secs: f64| scene.axis.x(secs);
    let tail = pos2(x(sent), from);
    let part = |share: f32| tail.lerp(pos2(x(due), to), share);
    let way = |secs: f64| if due > sent { ((secs - sent) / (due - sent)) as f32 } else { 1.0 };
    let (tip, fate) = match message.end {
        Some(end) if end.dropped.is_none() => (pos2(x(end.at.as_secs_f64()), to), Fate::Arrived),
        // What is cut as it is sent still leaves its sender: a stump that shows where it was to go.
        Some(end) => (part(way(end.at.as_secs_f64()).clamp(0.35, 0.85)), Fate::Dropped),
        None if message.held => (part(0.88), Fate::Held),
        None => (part(way(now).clamp(0.02, 0.95)), Fate::UnderWay),
    };
    Some(Arrow { message, tail, tip, fate })
}

/// Returns the marks that are seen, with where they are.
pub(super) fn layout_marks<'a>(items: &'a Items, scene: &Scene, all: bool) -> Vec<(&'a Mark, Pos2)> {
    let place = |mark: &'a Mark| {
        let at = pos2(scene.axis.x(mark.at.as_secs_f64()), scene.y(mark.place)?);
        (scene.x_range().contains(at.x) && scene.sees(at.y)).then_some((mark, at))
    };
    let wanted = |mark: &&Mark| all || !matches!(mark.kind, MarkKind::Committed | MarkKind::Timer);
    items.marks.iter().filter(wanted).filter_map(place).collect()
}

/// An operation as it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar<'a> {
    pub(super) operation: &'a Operation,
    pub(super) rect: Rect,
    pub(super) end: Option<OpEnd>,
}

/// Returns the bars of operations; those of one client that overlap share its lane's height.
pub(super) fn layout_operations<'a>(items: &'a Items, scene: &Scene, now: f64) -> Vec<Bar<'a>> {
    let height = (0.6 * scene.lane_px).min(sizes::OP_PX);
    let bar = |operation: &'a Operation| {
        let y = scene.y(operation.client)?;
        let until = operation.end.map_or(now, |(_, at, _)| at.as_secs_f64());
        let (left, right) = (scene.axis.x(operation.from.as_secs_f64()), scene.axis.x(until));
        let seen = right >= scene.lanes.left() && left <= scene.lanes.right() && scene.sees(y);
        let rect = Rect::from_min_max(pos2(left, y - height / 2.0), pos2(right.max(left + 2.0), y + height / 2.0));
        seen.then_some(Bar { operation, rect, end: operation.end.map(|(_, _, end)| end) })
    };
    items.operations.iter().filter_map(bar).take(MESSAGES_MAX).collect()
}

/// Returns everything that can be pointed at, each event once.
pub(super) fn layout_points(
    arrows: &[Arrow<'_>],
    marks: &[(&Mark, Pos2)],
    bars: &[Bar<'_>],
    scene: &Scene,
) -> Vec<Point> {
    let mut seen = BTreeSet::new();
    let mut points = Vec::new();
    let mut push = |seq: Seq, at: Pos2| {
        if scene.lanes.contains(at) && seen.insert(seq) {
            points.push(Point { seq, at });
        }
    };
    marks.iter().for_each(|(mark, at)| push(mark.seq, *at));
    for arrow in arrows {
        push(arrow.message.sent, arrow.tail);
        if let Some(end) = arrow.message.end {
            push(end.seq, arrow.tip);
        }
    }
    for bar in bars {
        push(bar.operation.began, bar.rect.left_center());
        if let Some((seq, ..)) = bar.operation.end {
            push(seq, bar.rect.right_center());
        }
    }
    points
}

/// Returns the event at a place: a point nearby, or the nearer end of a message that passes there.
pub(super) fn event_at(points: &[Point], arrows: &[Arrow<'_>], at: Pos2) -> Option<Seq> {
    let near = points.iter().map(|point| (point.at.distance(at), point.seq));
    let near = near.filter(|(distance, _)| *distance <= sizes::NEAR_PX).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, seq)) = near {
        return Some(seq);
    }
    let passing = arrows.iter().map(|arrow| (distance_to(arrow.tail, arrow.tip, at), arrow));
    let (distance, arrow) = passing.min_by(|a, b| a.0.total_cmp(&b.0))?;
    if distance > 0.7 * sizes::NEAR_PX {
        return None;
    }
    let at_tip = arrow.tip.distance(at) < arrow.tail.distance(at);
    Some(arrow.message.end.filter(|_| at_tip).map_or(arrow.message.sent, |end| end.seq))
}

fn distance_to(a: Pos2, b: Pos2, at: Pos2) -> f32 {
    let along = b - a;
    let share = ((at - a).dot(along) / along.length_sq().max(1e-6)).clamp(0.0, 1.0);
    (a + along * share).distance(at)
}

/// Returns the moments at which something drawn happens, in order, for folding.
pub(super) fn busy(items: &Items, filter: &Filter, (from, to): (f64, f64)) -> Vec<f64> {
    let messages = items.messages.iter().filter(|message| filter.shows(message.family));
    let sent = messages.clone().map(|message| message.sent_at.as_secs_f64());
    let ended = messages.filter_map(|message| message.end).map(|end| end.at.as_secs_f64());
    let marks = items.marks.iter().filter(|mark| mark.kind != MarkKind::Timer).map(|mark| mark.at.as_secs_f64());
    let mut busy: Vec<f64> = sent.chain(ended).chain(marks).filter(|at| (from..=to).contains(at)).collect();
    busy.sort_unstable_by(f64::total_cmp);
    busy
}

#[cfg(test)]
mod tests {
    use cluster_core::{ids::NodeId, trace::TraceStore};

    use super::*;
    use crate::testing::plausible_run;

    fn scene(nodes: u16, scroll: &mut f32, (from, to): (f64, f64)) -> Scene {
        let frame = layout_frame(Rect::from_min_max(Pos2::ZERO, pos2(1000.0, 500.0)));
        let ends: Vec<Endpoint> = (1..=nodes).map(|node| NodeId(node).into()).collect();
        let axis = Axis::layout((from, to), frame.lanes.x_range(), None);
        layout_scene(frame, &ends, axis, scroll)
    }

    fn items() -> Items {
        let (spec, events) = plausible_run();
        let mut store = TraceStore::new(spec);
        store.append(events);
        let mut items = Items::default();
        items.show(&store, Seq(0)..store.len());
        items
    }

    #[test]
    fn a_hundred_lanes_are_scrolled_and_five_are_not() {
        let mut scroll = 1e6;
        let few = scene(5, &mut scroll, (0.0, 1.0));
        assert_eq!(scroll, 0.0);
        assert!(few.rows.iter().all(|row| few.lanes.y_range().contains(row.y)));
        scroll = 1e6;
        let many = scene(100, &mut scroll, (0.0, 1.0));
        assert!(scroll > 0.0 && many.lane_px >= sizes::LANE_MIN_PX);
        assert!(many.lanes.y_range().contains(many.rows[99].y) && !many.sees(many.rows[0].y));
    }

    #[test]
    fn arrows_go_from_the_lane_and_moment_of_the_sending_to_those_of_the_arrival() {
        let (items, scene) = (items(), scene(5, &mut 0.0, (0.0, 8.0)));
        let arrows = layout_arrows(&items, &Filter::default(), &scene, 30.0).unwrap();
        assert!(!arrows.is_empty());
        for arrow in arrows.iter().filter(|arrow| arrow.fate == Fate::Arrived) {
            assert_eq!(Some(arrow.tail.y), scene.y(arrow.message.from));
            assert_eq!(Some(arrow.tip.y), scene.y(arrow.message.to));
            assert!(arrow.tip.x >= arrow.tail.x, "time never runs backwards");
        }
    }

    #[test]
    fn a_dropped_message_ends_between_the_lanes() {
        let (items, scene) = (items(), scene(5, &mut 0.0, (18.0, 26.0)));
        let arrows = layout_arrows(&items, &Filter::default(), &scene, 30.0).unwrap();
        let dropped = arrows.iter().find(|arrow| arrow.fate == Fate::Dropped).unwrap();
        let (from, to) = (dropped.tail.y, scene.y(dropped.message.to).unwrap());
        assert!((dropped.tip.y - from).abs() > 1.0 && (dropped.tip.y - to).abs() > 1.0);
    }

    #[test]
    fn a_family_that_is_filtered_out_leaves_no_arrow_behind() {
        let (items, scene) = (items(), scene(5, &mut 0.0, (0.0, 30.0)));
        let mut filter = Filter { families: [false; 7], ..Filter::default() };
        filter.families[0] = true;
        let arrows = layout_arrows(&items, &filter, &scene, 30.0).unwrap();
        assert!(!arrows.is_empty() && arrows.iter().all(|arrow| arrow.message.family == Family::Vote));
    }

    #[test]
    fn pointing_at_either_half_of_an_arrow_finds_the_event_of_that_half() {
        let (items, scene) = (items(), scene(5, &mut 0.0, (0.0, 2.0)));
        let arrows = layout_arrows(&items, &Filter::default(), &scene, 30.0).unwrap();
        let arrow = arrows.iter().find(|arrow| arrow.fate == Fate::Arrived).unwrap();
        let points = layout_points(&arrows, &[], &[], &scene);
        assert_eq!(event_at(&points, &arrows, arrow.tail), Some(arrow.message.sent));
        let ends: Vec<_> =
            arrows.iter().filter(|other| other.tip == arrow.tip).filter_map(|it| it.message.end).collect();
        let found = event_at(&points, &arrows, arrow.tip).unwrap();
        assert!(ends.iter().any(|end| end.seq == found));
        assert_eq!(event_at(&points, &arrows, pos2(-500.0, -500.0)), None);
    }
}
