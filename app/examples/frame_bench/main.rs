//! Measures the CPU time of one frame (taking events over, layout, interaction, painting, tessellation): of the whole
//! window on real Raft runs that go on meanwhile, of the picture of the cluster, of the tape, and of many operations.
//!
//! `cargo run --release --example frame_bench`; with the word `space-time` behind it, only that view.

mod cpu_clock;
mod paced;
#[path = "../../../cluster-core/src/trace/synthetic.rs"]
mod synthetic;
#[path = "../../src/views/canvas/testing.rs"]
mod testing;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

use cluster_core::{
    event::{EventKind, Outcome, TraceEvent},
    ids::{ClientId, LogIndex, NodeId, OpId, Seq},
    request::Request,
    sim::Sim,
    spec::{ClientSpec, ClusterSpec, Load},
    time::Timestamp,
    trace::{ClusterState, TraceStore},
};
use egui::{Context, Ui, vec2};
use faultline::{
    action::{Action, Selection},
    app::App,
    ctx::ViewCtx,
    offscreen,
    panels::Tape,
    playback::Cursor,
    settings::Settings,
    theme::Theme,
    views::{View, canvas::CanvasView, operations::OperationsView, space_time::SpaceTimeView},
    widgets::{axis::TimeWindow, time_plot::set_time_window},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many frames are measured, and how many come before.
const FRAMES: usize = 600;
const WARM_UP: usize = 60;
/// A run goes on for so long before anybody looks at it.
const BEFORE: Duration = Duration::from_secs(10);
const FRAME: Duration = Duration::from_nanos(16_666_667);
/// How long the trace under the tape is.
const LONG: usize = 1_000_000;

fn main() {
    println!("CPU time of one frame at 1280x800, in milliseconds, {FRAMES} frames each, 60 a second");
    println!("{:<66} {:>8} {:>8} {:>8}", "", "median", "p95", "most");
    if std::env::args().nth(1).as_deref() == Some("space-time") {
        [5, 100].into_iter().for_each(space_time);
        return;
    }
    let few = Run::of(5, 4, 25.5);
    for view in ["lag", "throughput", "latency", "events"] {
        few.window(view);
    }
    drop(few);
    let many = Run::of(50, 4, 22.7);
    for view in ["lag", "events"] {
        many.window(view);
    }
    drop(many);
    canvas("the cluster alone, 50 nodes", &testing::busy(50, 10_400));
    tape();
    operations();
    [5, 100].into_iter().for_each(space_time);
}

/// A simulated run of real Raft nodes: what came before, and what happens while it is measured.
struct Run {
    spec: ClusterSpec,
    events: Vec<TraceEvent>,
    /// Frames a second.
    rate: u64,
}

impl Run {
    fn of(nodes: u16, clients: u16, rate_hz: f64) -> Self {
        let load = Load::Open { rate_hz };
        let client = |id| ClientSpec { id: ClientId(id), load, read_share: 0.0, ..ClientSpec::default() };
        let spec = ClusterSpec {
            nodes: (1..=nodes).map(NodeId).collect(),
            clients: (1..=clients).map(client).collect(),
            ..ClusterSpec::default()
        };
        let mut sim = Sim::start(&spec).expect("the cluster can be");
        sim.run_for(BEFORE + FRAME * (WARM_UP + FRAMES) as u32);
        let events = sim.trace().events(Seq(0)..sim.trace().len());
        let from = Timestamp::ZERO + BEFORE;
        let sent = |event: &&TraceEvent| matches!(event.kind, EventKind::FrameSent { .. }) && event.at >= from;
        let span = sim.trace().end().since(from).as_secs_f64();
        let rate = (events.iter().filter(sent).count() as f64 / span) as u64;
        Self { spec, events, rate }
    }

    /// Measures the whole window, with the view in front beside the usual ones and the leader in the inspector.
    fn window(&self, view: &'static str) {
        let now = Rc::new(Cell::new(Timestamp::ZERO + BEFORE));
        let source = paced::Paced::new(TraceStore::new(self.spec.clone()), &self.events, Rc::clone(&now));
        let theme = Theme::dark();
        let mut app = App::new(Box::new(source), Settings { hint_seen: true, ..Settings::default() });
        let context = offscreen::context(&theme);
        let mut first = true;
        let times = measure(&context, |ui| {
            app.logic(ui.ctx());
            if std::mem::take(&mut first) {
                let leader = app.store().latest().leader().unwrap_or(NodeId(1));
                app.act(Action::Select(Selection::node(leader)), ui.ctx());
                app.act(Action::ShowView(view), ui.ctx());
            }
            app.root_ui(ui);
            now.set(now.get() + FRAME);
        });
        let (nodes, rate) = (self.spec.nodes.len(), self.rate);
        print_row(&format!("the window, {nodes} nodes, {rate} messages/s, `{view}` in front"), times);
    }
}

fn canvas(title: &str, state: &ClusterState) {
    let (store, theme) = (TraceStore::new(ClusterSpec::default()), Theme::dark());
    let actions = RefCell::new(Vec::new());
    let mut view = CanvasView::default();
    let mut cursor = Cursor { at: testing::now(), ..Cursor::default() };
    let times = measure(&offscreen::context(&theme), |ui| {
        cursor.at.0 += 50_000;
        view.ui(ui, &ViewCtx::new(&store, state, cursor, &Selection::Nothing, &theme, &actions));
    });
    print_row(&format!("{title}, {} messages under way", state.flights.len()), times);
}

/// Measures the tape under a long run that goes on: 200 events come with each frame.
fn tape() {
    let mut run = synthetic::Synthetic::new(5, 1);
    let mut events = VecDeque::new();
    while events.len() < LONG + 200 * (WARM_UP + FRAMES) {
        events.extend(run.batch());
    }
    let mut store = TraceStore::new(ClusterSpec::default());
    while store.len() < Seq(LONG as u64) {
        store.append(events.drain(..1000).collect());
    }
    let timeline = store.timeline();
    let (bands, marks, spans) = (timeline.bands.len(), timeline.marks.len(), timeline.spans.len());
    let theme = Theme::dark();
    let actions = RefCell::new(Vec::new());
    let mut tape = Tape::default();
    let times = measure(&offscreen::context(&theme), |ui| {
        store.append(events.drain(..200).collect());
        let cursor = Cursor { at: store.end(), next: store.len(), ..Cursor::default() };
        let context = ViewCtx::new(&store, store.latest(), cursor, &Selection::Nothing, &theme, &actions);
        let panel = egui::Panel::bottom("tape").exact_size(faultline::theme::TAPE_HEIGHT);
        panel.show(ui, |ui| tape.ui(ui, &context));
    });
    print_row(&format!("the tape of {} events ({bands} reigns, {marks} marks, {spans} faults)", store.len().0), times);
}

/// Measures the picture of 100,000 operations: all of them, and a part in which each is a bar of its own.
fn operations() {
    let mut events = Vec::new();
    let mut push = |at: u64, kind| {
        events.push(TraceEvent { seq: Seq(events.len() as u64), at: Timestamp(at), cause: None, kind });
    };
    for number in 0..OPERATIONS {
        let (op, client) = (OpId(number), ClientId(1 + (number % 20) as u16));
        let key = format!("k{}", number % 8).into();
        let request = Request::Put { key, value: format!("v{number}").into() };
        push(number * 1_000_000, EventKind::OpInvoked { op, client, request });
        if let Some(ended) = number.checked_sub(12) {
            let lost = ended % 97 == 0;
            let outcome = if lost { Outcome::NoAnswer } else { Outcome::Written { at: LogIndex(ended) } };
            push(number * 1_000_000, EventKind::OpReturned { op: OpId(ended), outcome, node: Some(NodeId(1)) });
        }
    }
    let mut store = TraceStore::new(ClusterSpec::default());
    store.append(events);
    let (theme, actions) = (Theme::dark(), RefCell::new(Vec::new()));
    for (title, width_secs) in [("all", None), ("the last second", Some(1.0))] {
        let mut view = OperationsView::default();
        let cursor = Cursor { at: store.end(), next: store.len(), ..Cursor::default() };
        let times = measure(&offscreen::context(&theme), |ui| {
            let window = width_secs.map_or(TimeWindow::Whole, |width_secs| TimeWindow::Latest { width_secs });
            set_time_window(ui, window);
            let context = ViewCtx::new(&store, store.latest(), cursor, &Selection::Nothing, &theme, &actions);
            view.ui(ui, &context);
        });
        print_row(&format!("{OPERATIONS} operations of 20 clients, {title}"), times);
    }
}

/// How many operations there are in the picture of them.
const OPERATIONS: u64 = 100_000;

/// Measures the space-time diagram of a long run that goes on: with an event looked at at its end, and as a whole.
fn space_time(nodes: u16) {
    let mut run = synthetic::Synthetic::new(nodes, 1);
    let mut events = VecDeque::new();
    while events.len() < LONG + 200 * (WARM_UP + FRAMES) {
        events.extend(run.batch());
    }
    let spec = ClusterSpec { nodes: (1..=nodes).map(NodeId).collect(), ..ClusterSpec::default() };
    let mut store = TraceStore::new(spec);
    while store.len() < Seq(LONG as u64) {
        store.append(events.drain(..1000).collect());
    }
    let theme = Theme::dark();
    let actions = RefCell::new(Vec::new());
    let looked_at = Selection::Event(Seq(store.len().0 - 500));
    let mut view = SpaceTimeView::default();
    let context = offscreen::context(&theme);
    // The order of the run is taken over a part at a time, as the window does it, before anything is measured.
    for frame in 0..2 * LONG / 60_000 {
        let cursor = Cursor { at: store.end(), next: store.len(), ..Cursor::default() };
        let taking = ViewCtx::new(&store, store.latest(), cursor, &Selection::Nothing, &theme, &actions);
        let mut output = context.run_ui(offscreen::input(vec2(1280.0, 800.0), 1.0, frame), |ui| view.ui(ui, &taking));
        output.textures_delta.clear();
    }
    let times = measure(&context, |ui| {
        store.append(events.drain(..200).collect());
        let cursor = Cursor { at: store.end(), next: store.len(), ..Cursor::default() };
        view.ui(ui, &ViewCtx::new(&store, store.latest(), cursor, &looked_at, &theme, &actions));
    });
    print_row(&format!("space-time, {nodes} lanes, {} events, an event looked at", store.len().0), times);
    view.show_whole_run(store.end());
    let times = measure(&context, |ui| {
        let cursor = Cursor { at: store.end(), next: store.len(), live: false, ..Cursor::default() };
        view.ui(ui, &ViewCtx::new(&store, store.latest(), cursor, &Selection::Nothing, &theme, &actions));
    });
    print_row(&format!("space-time, {nodes} lanes, the whole run of {} events", store.len().0), times);
}

/// Lays out and tessellates frame after frame; returns how long each took, the shortest first.
fn measure(context: &Context, mut ui: impl FnMut(&mut Ui)) -> Vec<Duration> {
    let mut times = Vec::with_capacity(FRAMES);
    for frame in 0..WARM_UP + FRAMES {
        let input = offscreen::input(vec2(1280.0, 800.0), 1.0, frame);
        let began = cpu_clock::now();
        let mut output = context.run_ui(input, &mut ui);
        let shapes = std::mem::take(&mut output.shapes);
        std::hint::black_box(context.tessellate(shapes, output.pixels_per_point));
        let took = cpu_clock::now() - began;
        if frame >= WARM_UP {
            times.push(took);
        }
        output.textures_delta.clear();
    }
    times.sort_unstable();
    times
}

fn print_row(title: &str, times: Vec<Duration>) {
    let ms = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{title:<66} {:>8.2} {:>8.2} {:>8.2}", ms(0.5), ms(0.95), ms(1.0));
}
