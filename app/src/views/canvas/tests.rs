//! Tests of the picture: its geometry, what a pointer does to it, and that both themes can be painted.

use std::{cell::RefCell, rc::Rc};

use cluster_core::{
    command::Command,
    fault::{Ailment, ClockShift, ClockTurn, Drift, DropReason, Fault, Heal, LinkId, NodeFault, Slowness},
    ids::{ClientId, Endpoint, MsgId, NodeId},
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, NodeStatus, TraceStore},
};
use egui::{Modifiers, Pos2, Rect, pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable};

#[path = "held_tests.rs"]
mod held_tests;

use super::{
    CanvasView,
    layout::{self, CARDS_MAX, Fall, Layout, fall, inside, lasso_outline, progress},
    nodes::{Truth, timer_left},
    testing,
};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    offscreen,
    playback::Cursor,
    theme::Theme,
    views::View,
};

fn ids(count: u16) -> Vec<NodeId> {
    (1..=count).map(NodeId).collect()
}

fn placed(nodes: u16, clients: u16, size: egui::Vec2) -> Layout {
    layout::layout(&ids(nodes), &(1..=clients).map(ClientId).collect::<Vec<_>>(), size)
}

#[test]
fn no_two_nodes_overlap_from_one_to_a_hundred() {
    for size in [vec2(1280.0, 800.0), vec2(760.0, 460.0), vec2(500.0, 900.0)] {
        for count in 1..=100 {
            let layout = placed(count, 2, size);
            assert_eq!(layout.nodes.len(), usize::from(count));
            for (i, a) in layout.nodes.iter().enumerate() {
                for b in &layout.nodes[i + 1..] {
                    let apart = a.center.distance(b.center);
                    assert!(apart >= 2.0 * layout.radius, "{} and {} of {count} at {size}: {apart}", a.id, b.id);
                }
            }
        }
    }
}

#[test]
fn what_is_written_beside_a_node_touches_no_other_node_and_no_client() {
    for count in 1..=CARDS_MAX as u16 {
        let layout = placed(count, 3, vec2(1000.0, 620.0));
        for (i, a) in layout.nodes.iter().enumerate() {
            let block = layout.block(a);
            assert!(
                layout.clients.iter().all(|(_, at)| !block.intersects(Rect::from_center_size(*at, layout.client_size)))
            );
            for (_, b) in layout.nodes.iter().enumerate().filter(|(j, _)| *j != i) {
                assert!(!block.intersects(layout.block(b)), "{} and {} of {count}", a.id, b.id);
                assert!(!block.intersects(layout.disc(b)), "{} and {} of {count}", a.id, b.id);
            }
        }
    }
}

#[test]
fn everything_fits_into_the_picture() {
    for (count, size) in
        [(1, vec2(700.0, 500.0)), (5, vec2(1280.0, 800.0)), (7, vec2(600.0, 900.0)), (12, vec2(900.0, 500.0))]
    {
        let layout = placed(count, 2, size);
        let world = Rect::from_center_size(Pos2::ZERO, size / layout.scale).expand(0.5);
        for node in &layout.nodes {
            assert!(
                world.contains_rect(layout.disc(node)) && world.contains_rect(layout.block(node)),
                "{count} {size}"
            );
        }
    }
}

#[test]
fn the_same_cluster_is_always_placed_the_same() {
    assert_eq!(placed(9, 3, vec2(900.0, 600.0)), placed(9, 3, vec2(900.0, 600.0)));
}

#[test]
fn the_two_directions_of_a_link_keep_apart() {
    let layout = placed(5, 0, vec2(1000.0, 600.0));
    let (a, b) = (Endpoint::from(NodeId(1)), Endpoint::from(NodeId(3)));
    let ([start, end], [back_start, back_end]) = (layout.lane(a, b).unwrap(), layout.lane(b, a).unwrap());
    assert!(start.distance(back_end) > 5.0 && end.distance(back_start) > 5.0);
    assert_eq!(layout.lane(a, NodeId(99).into()), None);
}

#[test]
fn a_frame_is_where_its_time_says_and_waits_at_its_end() {
    let (sent, due) = (Timestamp(100), Timestamp(200));
    assert_eq!(progress(sent, due, Timestamp(125)), 0.25);
    assert_eq!(progress(sent, due, Timestamp(900)), 1.0);
    assert_eq!(progress(sent, sent, sent), 1.0);
    assert_eq!(progress(sent, due, Timestamp(50)), 0.0);
}

#[test]
fn a_frame_dropped_by_a_cut_comes_to_the_cut_and_falls_there() {
    let drop = *testing::partition().drops.front().unwrap();
    assert_eq!(drop.reason, DropReason::Cut);
    let at = |nanos: u64| fall(&drop, Timestamp(drop.at.0 + nanos));
    assert_eq!(at(0), Some(Fall::OnItsWay(0.0)));
    assert_eq!(at(10_000_000), Some(Fall::OnItsWay(0.25)));
    assert!(matches!(at(600_000_000), Some(Fall::Falling(share, age)) if share == 0.5 && age > 0.3 && age < 0.5));
    assert_eq!(at(1_600_000_000), None);
}

#[test]
fn a_lost_frame_always_falls_at_the_same_place() {
    let mut drop = *testing::partition().drops.front().unwrap();
    drop.reason = DropReason::Loss;
    let place = |msg| {
        let drop = cluster_core::trace::Dropped { msg, ..drop };
        match fall(&drop, Timestamp(drop.at.0 + 500_000_000)) {
            Some(Fall::Falling(share, _)) => share,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(place(MsgId(5)), place(MsgId(5)));
    assert_ne!(place(MsgId(5)), place(MsgId(6)));
    assert!((0..100).map(|n| place(MsgId(n))).all(|share| (0.3..=0.7).contains(&share)));
}

#[test]
fn a_stroke_is_a_rectangle_and_a_loop_is_itself() {
    let stroke = lasso_outline(&[pos2(0.0, 0.0), pos2(5.0, 5.2), pos2(10.0, 10.0)]);
    assert!(inside(&stroke, pos2(9.0, 1.0)));
    let circle: Vec<Pos2> =
        (0..40).map(|i| pos2(5.0, 5.0) + egui::Vec2::angled(i as f32 / 40.0 * std::f32::consts::TAU) * 5.0).collect();
    assert!(inside(&lasso_outline(&circle), pos2(5.0, 5.0)));
    assert!(!inside(&lasso_outline(&circle), pos2(9.5, 0.5)));
}

#[test]
fn a_leader_without_majority_is_told_apart_from_one_with() {
    let split = Truth::of(&testing::partition(), true);
    assert_eq!(split.powerless.into_iter().collect::<Vec<_>>(), [NodeId(1)]);
    assert!(Truth::of(&testing::steady(5), true).powerless.is_empty());
}

#[test]
fn only_who_is_cut_off_from_all_is_isolated() {
    assert_eq!(Truth::of(&testing::broken(), true).isolated.into_iter().collect::<Vec<_>>(), [NodeId(6)]);
    assert!(Truth::of(&testing::partition(), true).isolated.is_empty());
}

#[test]
fn replicas_differ_only_if_they_applied_as_much() {
    assert!(Truth::of(&testing::steady(5), true).diverged.is_empty());
    assert!(Truth::of(&testing::broken(), true).diverged.contains(&NodeId(7)));
}

#[test]
fn the_clock_of_a_node_runs_down() {
    let node = testing::follower(2);
    let timer = node.view.timer.unwrap();
    assert_eq!(timer_left(&node, timer.from), Some(1.0));
    assert_eq!(timer_left(&node, timer.until), Some(0.0));
}

#[test]
fn both_themes_can_be_painted_in_every_state() {
    let states =
        [testing::steady(1), testing::election(), testing::partition(), testing::broken(), testing::busy(60, 200)];
    for theme in [Theme::dark(), Theme::light()] {
        for state in &states {
            let (store, actions) = (TraceStore::new(ClusterSpec::default()), RefCell::default());
            let mut view = CanvasView::default();
            let cursor = Cursor { at: testing::now(), ..Cursor::default() };
            let image = offscreen::render(vec2(600.0, 400.0), 1.0, &theme, 2, |ui| {
                view.ui(ui, &ViewCtx::new(&store, state, cursor, &Selection::Nothing, &theme, &actions));
            });
            let [r, g, b, a] = theme.background.to_array();
            assert!(image.pixels().filter(|pixel| pixel.0 != [r, g, b, a]).count() > 2000);
        }
    }
}

/// A window with nothing but the picture; what it pushes is kept.
struct Window {
    harness: Harness<'static>,
    actions: Rc<RefCell<Vec<Action>>>,
}

impl Window {
    fn of(state: ClusterState, selection: Selection) -> Self {
        let actions: Rc<RefCell<Vec<Action>>> = Rc::default();
        let pushed = actions.clone();
        let (store, theme) = (TraceStore::new(ClusterSpec::default()), Theme::dark());
        let mut view = CanvasView::default();
        let cursor = Cursor { at: testing::now(), ..Cursor::default() };
        let harness = Harness::builder().with_size(vec2(1000.0, 640.0)).build_ui(move |ui| {
            view.ui(ui, &ViewCtx::new(&store, &state, cursor, &selection, &theme, &pushed));
        });
        let mut window = Self { harness, actions };
        window.harness.run();
        window
    }

    fn steady() -> Self {
        Self::of(testing::steady(5), Selection::Nothing)
    }

    fn choose(&mut self, label: &str, entry: &str) {
        self.harness.get_by_label(label).click_secondary();
        self.harness.run();
        self.harness.get_by_label(entry).click();
        self.harness.run();
    }

    fn choose_within(&mut self, label: &str, menu: &str, entry: &str) {
        self.harness.get_by_label(label).click_secondary();
        self.harness.run();
        self.harness.get_by_label_contains(menu).click();
        self.harness.run();
        self.harness.get_by_label(entry).click();
        self.harness.run();
        self.harness.key_press(egui::Key::Escape);
        self.harness.run();
    }

    fn pushed(&self) -> Vec<Action> {
        self.actions.borrow().clone()
    }
}

const LEADER: &str = "node n1, leader, term 2";
const FOLLOWER: &str = "node n2, follower, term 2";
const FOLLOWER_3: &str = "node n3, follower, term 2";

#[test]
fn a_click_selects_a_node() {
    let mut window = Window::steady();
    window.harness.get_by_label(FOLLOWER).click();
    window.harness.run();
    assert_eq!(window.pushed(), [Action::Select(Selection::node(NodeId(2)))]);
}

#[test]
fn a_click_with_shift_adds_to_the_selection() {
    let mut window = Window::of(testing::steady(5), Selection::node(NodeId(1)));
    window.harness.get_by_label(FOLLOWER).click_modifiers(Modifiers::SHIFT);
    window.harness.run();
    let both = Selection::Nodes([NodeId(1), NodeId(2)].into());
    assert_eq!(window.pushed(), [Action::Select(both)]);
}

#[test]
fn enter_selects_the_focused_node() {
    let mut window = Window::steady();
    window.harness.get_by_label(FOLLOWER).focus();
    window.harness.run();
    window.harness.key_press(egui::Key::Enter);
    window.harness.run();
    assert_eq!(window.pushed(), [Action::Select(Selection::node(NodeId(2)))]);
}

#[test]
fn the_menu_of_a_node_crashes_it() {
    let mut window = Window::steady();
    window.choose(LEADER, "Crash");
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(vec![Fault::Crash(NodeId(1))]))]);
}

#[test]
fn a_node_that_is_down_can_be_restarted_and_not_crashed() {
    let mut state = testing::steady(5);
    state.nodes.get_mut(&NodeId(2)).unwrap().status = NodeStatus::Crashed;
    let mut window = Window::of(state, Selection::Nothing);
    window.choose("node n2, crashed, term 2", "Crash");
    assert_eq!(window.pushed(), []);
    window.choose("node n2, crashed, term 2", "Restart");
    assert_eq!(window.pushed(), [Action::Command(Command::Restart(NodeId(2)))]);
}

#[test]
fn the_menu_of_a_node_breaks_its_machine_by_as_much_as_is_chosen() {
    let mut window = Window::steady();
    window.choose_within(FOLLOWER, "Slow", "10×");
    window.choose_within(FOLLOWER, "Clock", "-50 %");
    window.choose_within(FOLLOWER, "Disk", "Fsync lies");
    let fault = |fault| Action::Command(Command::Inject(vec![Fault::Node(NodeId(2), fault)]));
    let slow = NodeFault::Slow(Slowness { factor: 10.0 });
    let drift = NodeFault::ClockDrift(Drift { ppm: -500_000 });
    assert_eq!(window.pushed(), [slow, drift, NodeFault::LyingSync].map(fault));
}

#[test]
fn a_node_whose_machine_ails_says_so_and_is_healed_part_by_part() {
    let mut window = Window::of(ailing(), Selection::Nothing);
    let label = "node n2, follower, term 2, 10× slower, clock +5.0 s, disk full";
    window.choose_within(label, "Clock", "Heal its clock");
    assert_eq!(window.pushed(), [Action::Command(Command::Heal(Heal::Ailment(NodeId(2), Ailment::Clock)))]);
    window.choose_within(FOLLOWER_3, "Clock", "Heal its clock");
    assert_eq!(window.pushed().len(), 1, "the clock of n3 is true");
}

fn ailing() -> ClusterState {
    let mut state = testing::steady(5);
    let node = state.nodes.get_mut(&NodeId(2)).unwrap();
    node.faults.slow = Some(Slowness { factor: 10.0 });
    let ahead = ClockTurn::Offset(ClockShift::ahead(std::time::Duration::from_secs(5)));
    node.faults.clock = node.faults.clock.turned(testing::now(), ahead);
    node.faults.disk.full = true;
    state
}

#[test]
fn several_selected_nodes_are_cut_off_together() {
    let mut window = Window::of(testing::steady(5), Selection::Nodes([NodeId(1), NodeId(2)].into()));
    window.choose(LEADER, "Cut around these");
    let group = vec![Endpoint::from(NodeId(1)), NodeId(2).into()];
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(vec![Fault::Partition(vec![group])]))]);
}

#[test]
fn the_menu_of_a_link_cuts_one_direction() {
    let mut window = Window::steady();
    window.choose("link n1 to n2", "Cut this direction");
    let link: LinkId = (NodeId(1).into(), NodeId(2).into());
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(vec![Fault::cut(link)]))]);
}

#[test]
fn a_link_can_be_clicked_along_its_whole_length() {
    let mut window = Window::steady();
    // The link between the lower two is level: from its handle, the other one is near its far end.
    let handle = |name| window.harness.get_by_label(name).rect().center();
    let (near, far) = (handle("link n4 to n3"), handle("link n3 to n4"));
    let at = pos2(near.x + (far.x - near.x) * 0.75, near.y);
    window.harness.drag_at(at);
    window.harness.drop_at(at);
    window.harness.run();
    let link: LinkId = (NodeId(4).into(), NodeId(3).into());
    assert_eq!(window.pushed(), [Action::Select(Selection::Link(link))]);
}

#[test]
fn a_lasso_selects_the_nodes_inside() {
    let mut window = Window::steady();
    let (a, b) =
        (window.harness.get_by_label(FOLLOWER).rect(), window.harness.get_by_label("node n3, follower, term 2").rect());
    let (from, to) = (a.union(b).left_top() - vec2(8.0, 8.0), a.union(b).right_bottom() + vec2(8.0, 8.0));
    window.harness.drag_at(from);
    window.harness.run();
    for share in [0.3, 0.6, 1.0] {
        window.harness.hover_at(from + (to - from) * share);
        window.harness.run();
    }
    window.harness.drop_at(to);
    window.harness.run();
    assert_eq!(window.pushed(), [Action::Select(Selection::Nodes([NodeId(2), NodeId(3)].into()))]);
}

#[test]
fn every_kind_of_thing_has_its_label() {
    let window = Window::of(testing::partition(), Selection::Nothing);
    window.harness.get_by_label("link n1 to n3, cut");
    window.harness.get_by_label("client c1, 1 in flight, 42 ok, 0 refused, 0 without answer");
    window.harness.get_by_label("message Put from c1 to n1");
}

#[test]
fn a_recording_takes_no_commands() {
    let actions = Rc::new(RefCell::new(Vec::new()));
    let pushed = actions.clone();
    let (store, theme, state) = (TraceStore::new(ClusterSpec::default()), Theme::dark(), testing::steady(3));
    let mut view = CanvasView::default();
    let mut harness = Harness::builder().with_size(vec2(1000.0, 640.0)).build_ui(move |ui| {
        let cursor = Cursor { at: testing::now(), ..Cursor::default() };
        let mut ctx = ViewCtx::new(&store, &state, cursor, &Selection::Nothing, &theme, &pushed);
        ctx.commandable = false;
        view.ui(ui, &ctx);
    });
    harness.get_by_label(LEADER).click_secondary();
    harness.run();
    harness.get_by_label("Crash").click();
    harness.run();
    assert_eq!(*actions.borrow(), []);
}
