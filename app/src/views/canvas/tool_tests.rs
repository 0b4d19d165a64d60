//! Tests of the tools on the picture: the knife, copied rules, shapes, and the menus that keys open.

use std::{cell::RefCell, rc::Rc, time::Duration};

use cluster_core::{
    command::Command,
    fault::{Fault, Flap, Heal, LinkFault, LinkId, LinkRules, Shape, flap_phase},
    ids::NodeId,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{ClusterState, TraceStore},
};
use egui::{Modifiers, Pos2, vec2};
use egui_kittest::{Harness, kittest::Queryable};

use super::{CanvasView, testing};
use crate::{
    action::{Action, Selection},
    ctx::ViewCtx,
    playback::Cursor,
    theme::Theme,
    tools::{Menu, Tool, ToolAction, Tools, links_of},
    views::View,
};

/// A window with nothing but the picture and the tools in the user's hand.
struct Window {
    harness: Harness<'static>,
    actions: Rc<RefCell<Vec<Action>>>,
    tools: Rc<RefCell<Tools>>,
}

impl Window {
    fn of(tools: Tools, selection: Selection) -> Self {
        Self::on(testing::steady(5), tools, selection)
    }

    fn on(state: ClusterState, tools: Tools, selection: Selection) -> Self {
        let actions: Rc<RefCell<Vec<Action>>> = Rc::default();
        let tools = Rc::new(RefCell::new(tools));
        let (pushed, in_hand) = (actions.clone(), tools.clone());
        let (store, theme) = (TraceStore::new(ClusterSpec::default()), Theme::dark());
        let mut view = CanvasView::default();
        let cursor = Cursor { at: testing::now(), ..Cursor::default() };
        let harness = Harness::builder().with_size(vec2(1000.0, 640.0)).with_context_setup(crate::theme::install);
        let harness = harness.build_ui(move |ui| {
            let tools = in_hand.borrow().clone();
            let mut ctx = ViewCtx::new(&store, &state, cursor, &selection, &theme, &pushed);
            ctx.tools = &tools;
            view.ui(ui, &ctx);
            in_hand.borrow_mut().menu = None;
        });
        let mut window = Self { harness, actions, tools };
        window.harness.run();
        window
    }

    fn with_tool(tool: Tool) -> Self {
        Self::of(Tools { tool, ..Tools::default() }, Selection::Nothing)
    }

    fn at(&self, label: &str) -> Pos2 {
        self.harness.get_by_label(label).rect().center()
    }

    /// Draws a stroke, with these modifiers held from its beginning to its end.
    fn stroke(&mut self, from: Pos2, to: Pos2, modifiers: Modifiers) {
        self.harness.event(egui::Event::ModifiersChanged(modifiers));
        self.press(from, egui::PointerButton::Primary, true, modifiers);
        self.harness.run();
        for share in [0.25, 0.5, 0.75, 1.0] {
            self.harness.hover_at(from + (to - from) * share);
            self.harness.run();
        }
        self.press(to, egui::PointerButton::Primary, false, modifiers);
        self.harness.event(egui::Event::ModifiersChanged(Modifiers::NONE));
        self.harness.run();
    }

    fn press(&self, pos: Pos2, button: egui::PointerButton, pressed: bool, modifiers: Modifiers) {
        self.harness.event(egui::Event::PointerButton { pos, button, pressed, modifiers });
    }

    /// A stroke straight across the level link between the lower two nodes, a third of the way from n4.
    fn across(&self, beyond: f32) -> (Pos2, Pos2) {
        let (near, far) = (self.at("link n4 to n3"), self.at("link n3 to n4"));
        let at = near + (far - near) * 0.25;
        (at - vec2(0.0, 30.0), at + vec2(0.0, beyond))
    }

    fn choose(&mut self, label: &str, entries: &[&str]) {
        self.harness.get_by_label(label).click_secondary();
        self.harness.run();
        for entry in entries {
            self.harness.get_by_label(entry).click();
            self.harness.run();
        }
    }

    fn pushed(&self) -> Vec<Action> {
        self.actions.borrow().clone()
    }
}

fn link(from: u16, to: u16) -> LinkId {
    (NodeId(from).into(), NodeId(to).into())
}

fn cut(links: &[LinkId]) -> Action {
    Action::Command(Command::Inject(links.iter().copied().map(Fault::cut).collect()))
}

/// What a stroke cut, in order of links: which direction it meets first does not matter here.
fn cut_links(actions: &[Action]) -> Vec<LinkId> {
    let [Action::Command(Command::Inject(faults))] = actions else { panic!("one command, not {actions:?}") };
    let mut links: Vec<LinkId> = faults
        .iter()
        .map(|fault| if let Fault::Link(link, LinkFault::Cut) = fault { *link } else { panic!("{fault:?}") })
        .collect();
    links.sort_unstable();
    links
}

#[test]
fn the_knife_cuts_both_directions_of_a_link_by_one_command() {
    let mut window = Window::with_tool(Tool::Knife);
    let (from, to) = window.across(30.0);
    window.stroke(from, to, Modifiers::NONE);
    assert_eq!(cut_links(&window.pushed()), [link(3, 4), link(4, 3)]);
}

#[test]
fn shift_and_drag_is_the_knife_too_and_a_drag_without_is_the_lasso() {
    let mut window = Window::with_tool(Tool::Pointer);
    let (from, to) = window.across(30.0);
    window.stroke(from, to, Modifiers::SHIFT);
    assert_eq!(cut_links(&window.pushed()), [link(3, 4), link(4, 3)]);
    let mut window = Window::with_tool(Tool::Pointer);
    window.stroke(from, to, Modifiers::NONE);
    assert_eq!(window.pushed(), [Action::Select(Selection::Nothing)]);
}

#[test]
fn with_alt_the_knife_cuts_only_the_direction_that_it_meets_first() {
    let mut window = Window::with_tool(Tool::Knife);
    let (from, to) = window.across(30.0);
    window.stroke(from, to, Modifiers::ALT);
    let down = window.pushed();
    window.actions.borrow_mut().clear();
    window.stroke(to, from, Modifiers::ALT);
    let up = window.pushed();
    assert_eq!((cut_links(&down).len(), cut_links(&up).len()), (1, 1));
    assert_ne!(down, up, "from the other side the other direction comes first");
}

#[test]
fn a_stroke_across_nothing_asks_for_nothing_and_escape_calls_a_stroke_off() {
    let mut window = Window::with_tool(Tool::Knife);
    window.stroke(egui::pos2(20.0, 300.0), egui::pos2(40.0, 330.0), Modifiers::NONE);
    assert_eq!(window.pushed(), []);
    let (from, to) = window.across(30.0);
    window.harness.drag_at(from);
    window.harness.run();
    window.harness.hover_at(to);
    window.harness.run();
    window.harness.key_press(egui::Key::Escape);
    window.harness.run();
    window.harness.drop_at(to);
    window.harness.run();
    assert_eq!(window.pushed(), []);
}

#[test]
fn a_node_is_given_a_shape_from_its_menu() {
    let mut window = Window::with_tool(Tool::Pointer);
    window.choose("node n2, follower, term 2", &["Partition", "One hub left n2"]);
    let nodes: Vec<NodeId> = (1..=5).map(NodeId).collect();
    let faults = Shape::Hub.faults(&nodes, Some(NodeId(1)), Some(NodeId(2))).expect("five nodes");
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(faults))]);
}

#[test]
fn the_empty_ground_has_the_menu_of_shapes_for_who_leads() {
    let mut window = Window::with_tool(Tool::Pointer);
    let ground = egui::pos2(20.0, 300.0);
    window.harness.hover_at(ground);
    for pressed in [true, false] {
        window.press(ground, egui::PointerButton::Secondary, pressed, Modifiers::NONE);
    }
    window.harness.run();
    for entry in ["Partition", "Deaf leader"] {
        window.harness.get_by_label(entry).click();
        window.harness.run();
    }
    assert_eq!(window.pushed(), [cut(&[link(2, 1), link(3, 1), link(4, 1), link(5, 1)])]);
}

#[test]
fn copied_rules_are_given_to_links_and_to_all_links_of_a_node() {
    let rules = LinkRules { cut: true, ..LinkRules::default() };
    let tools = Tools { tool: Tool::Paste, copied: Some((link(1, 2), rules)), ..Tools::default() };
    let mut window = Window::of(tools, Selection::Nothing);
    window.harness.get_by_label("link n3 to n4").click();
    window.harness.run();
    window.harness.get_by_label("node n2, follower, term 2").click();
    window.harness.run();
    let all = links_of(NodeId(2), &testing::steady(5));
    let paste = |links: Vec<LinkId>| Action::Tool(ToolAction::Paste(links));
    assert_eq!(window.pushed(), [paste(vec![link(3, 4)]), paste(all)]);
}

#[test]
fn the_menu_of_a_link_copies_its_rules() {
    let mut window = Window::with_tool(Tool::Pointer);
    window.choose("link n1 to n2", &["Copy its rules"]);
    assert_eq!(window.pushed(), [Action::Tool(ToolAction::Copy(link(1, 2)))]);
}

#[test]
fn the_menu_of_a_selected_node_opens_by_a_key_and_is_walked_by_keys() {
    let mut window = Window::of(Tools::default(), Selection::node(NodeId(2)));
    window.tools.borrow_mut().menu = Some(Menu::Selected);
    window.harness.run();
    window.harness.key_press(egui::Key::Tab);
    window.harness.run();
    assert!(window.harness.get_by_label("Crash").is_focused(), "Tab goes from the node into its menu");
    window.harness.key_press(egui::Key::Enter);
    window.harness.run();
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(vec![Fault::Crash(NodeId(2))]))]);
}

/// Paints a cluster; counts the pixels of a color.
fn painted(tools: &Tools, state: &ClusterState, at: Timestamp, color: fn(&Theme) -> egui::Color32) -> usize {
    let (store, actions, theme) = (TraceStore::new(ClusterSpec::default()), RefCell::default(), Theme::dark());
    let mut view = CanvasView::default();
    let cursor = Cursor { at, ..Cursor::default() };
    let image = crate::offscreen::render(vec2(600.0, 400.0), 1.0, &theme, 2, |ui| {
        let mut ctx = ViewCtx::new(&store, state, cursor, &Selection::Nothing, &theme, &actions);
        ctx.tools = tools;
        view.ui(ui, &ctx);
    });
    let [r, g, b, _] = color(&theme).to_array();
    image.pixels().filter(|pixel| pixel.0[..3] == [r, g, b]).count()
}

#[test]
fn what_is_staged_is_painted_and_what_is_not_is_not() {
    let paint = |staged: Vec<Fault>| {
        let tools = Tools { staged, ..Tools::default() };
        painted(&tools, &testing::steady(5), testing::now(), |theme| theme.accent)
    };
    assert!(paint(vec![Fault::cut(link(4, 3)), Fault::Crash(NodeId(2))]) > paint(Vec::new()) + 50);
}

#[test]
fn a_link_that_flaps_is_seen_to_be_up_and_to_be_down() {
    let flap = Flap { up: Duration::from_secs(2), down: Duration::from_secs(2) };
    let mut state = testing::steady(5);
    state.links.entry(link(4, 3)).or_default().rules.flap = Some(flap);
    let phase = flap_phase(ClusterSpec::default().seed, link(4, 3));
    let moments: Vec<Timestamp> = (0..4).map(|secs| testing::now() + Duration::from_secs(secs)).collect();
    let (up, down): (Vec<_>, Vec<_>) = moments.into_iter().partition(|at| flap.is_up(phase, *at));
    let paint = |at: &Timestamp| painted(&Tools::default(), &state, *at, |theme| theme.bad);
    let (up, down): (Vec<_>, Vec<_>) = (up.iter().map(paint).collect(), down.iter().map(paint).collect());
    assert!(down.iter().min() > up.iter().max(), "up {up:?}, down {down:?}");
}

#[test]
fn a_half_open_link_says_so_and_is_healed_from_its_menu() {
    let mut state = testing::steady(5);
    state.links.entry(link(1, 2)).or_default().half_open = Some(testing::now() + Duration::from_secs(9));
    let mut window = Window::on(state, Tools::default(), Selection::Nothing);
    window.choose("link n1 to n2, half-open", &["Heal"]);
    assert_eq!(window.pushed(), [Action::Command(Command::Heal(Heal::Link(link(1, 2))))]);
}

#[test]
fn the_menu_of_a_link_offers_every_fault_and_says_what_contradicts() {
    let mut window = Window::with_tool(Tool::Pointer);
    window.choose("link n1 to n2", &["TCP stream", "Half-open connection 10 s"]);
    let half_open = Fault::Link(link(1, 2), LinkFault::HalfOpen(Duration::from_secs(10)));
    assert_eq!(window.pushed(), [Action::Command(Command::Inject(vec![half_open]))]);
    let mut state = testing::steady(5);
    state.links.entry(link(1, 2)).or_default().rules.cut = true;
    let mut window = Window::on(state, Tools::default(), Selection::Nothing);
    window.choose("link n1 to n2, cut", &["Frames", "Flap 2 s up, 500 ms down"]);
    assert_eq!(window.pushed(), [], "what is cut cannot flap");
}
