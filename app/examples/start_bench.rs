//! Measures how soon a large cluster lives in the window: real nodes, the window painted off the screen meanwhile.
//!
//! `cargo run --release --example start_bench [NODES]`

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use cluster_core::{
    ids::NodeId,
    origin::BackendKind,
    session::SessionOptions,
    spec::ClusterSpec,
    trace::{ClusterState, NodeStatus},
};
use egui::vec2;
use faultline::{
    app::App,
    live::Live,
    offscreen,
    settings::Settings,
    source::{Source, Start},
    theme,
    theme::Theme,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a start may take before it has failed.
const DEADLINE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let nodes = std::env::args().nth(1).map_or(Ok(100), |nodes| nodes.parse())?;
    let spec = ClusterSpec { nodes: (1..=nodes).map(NodeId).collect(), ..ClusterSpec::default() };
    let folder = tempfile::tempdir()?;
    let (wake, woken) = mpsc::channel();
    let options = SessionOptions {
        record: Some(folder.path().join("start.faultline")),
        wake: Some(Box::new(move || wake.send(()).unwrap_or_default())),
        ..SessionOptions::default()
    };
    let began = Instant::now();
    let live: Box<dyn Source> = Box::new(Live::start(Start::Cluster(BackendKind::Live, Box::new(spec)), options)?);
    let mut app = App::new(live, Settings::default());
    let context = offscreen::context(&Theme::dark());
    let mut milestones = Milestones::default();
    let mut frames = 0;
    while !milestones.complete() {
        ensure!(began.elapsed() < DEADLINE, "not all nodes were up and led after {DEADLINE:?}: {milestones:?}");
        // As in the window: a frame when events came, at most sixty a second.
        if woken.recv_timeout(DEADLINE).is_err() {
            bail!("the cluster sends no events");
        }
        std::thread::park_timeout(theme::FRAME);
        woken.try_iter().for_each(drop);
        let mut input = offscreen::input(vec2(1280.0, 800.0), 1.0, frames);
        input.time = Some(began.elapsed().as_secs_f64());
        let mut output = context.run_ui(input, |ui| {
            app.logic(ui.ctx());
            app.root_ui(ui);
        });
        let shapes = std::mem::take(&mut output.shapes);
        std::hint::black_box(context.tessellate(shapes, output.pixels_per_point));
        output.textures_delta.clear();
        frames += 1;
        milestones.look(app.store().latest(), began.elapsed());
    }
    println!("{nodes} Raft nodes in one window, seconds after the start ({frames} frames drawn, load {})", load());
    for (what, when) in milestones.named() {
        println!("{what:<40} {:>6.2}", when.unwrap_or_default().as_secs_f64());
    }
    app.finish().map_err(anyhow::Error::msg)
}

/// When what was first drawn.
#[derive(Debug, Default)]
struct Milestones {
    picture: Option<Duration>,
    up: Option<Duration>,
    elected: Option<Duration>,
    led: Option<Duration>,
}

impl Milestones {
    fn look(&mut self, state: &ClusterState, now: Duration) {
        let up = state.nodes.values().all(|node| node.status == NodeStatus::Up);
        let leader = state.leader();
        let follows = |node: NodeId, leads: NodeId| node == leads || state.nodes[&node].view.leader == Some(leads);
        let led = leader.is_some_and(|leads| state.nodes.keys().all(|node| follows(*node, leads)));
        for (when, reached) in [
            (&mut self.picture, true),
            (&mut self.up, up),
            (&mut self.elected, leader.is_some()),
            (&mut self.led, up && led),
        ] {
            if reached && when.is_none() {
                *when = Some(now);
            }
        }
    }

    fn complete(&self) -> bool {
        self.led.is_some()
    }

    fn named(&self) -> [(&'static str, Option<Duration>); 4] {
        [
            ("the first picture", self.picture),
            ("all nodes are up", self.up),
            ("one of them leads", self.elected),
            ("all follow it", self.led),
        ]
    }
}

fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    told.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}
