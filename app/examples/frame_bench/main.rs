//! Measures the CPU time of one frame of the canvas (layout, interaction, painting, tessellation) for growing clusters.

#[path = "../src/views/canvas/testing.rs"]
mod testing;

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use cluster_core::{
    spec::ClusterSpec,
    trace::{ClusterState, TraceStore},
};
use egui::vec2;
use faultline::{
    action::Selection,
    ctx::ViewCtx,
    offscreen,
    playback::Cursor,
    theme::Theme,
    views::{View, canvas::CanvasView},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FRAMES: usize = 300;

fn main() {
    // At links of 40 ms, 2,000 frames a second are 80 under way, and 20,000 a second are 800.
    let rows = [
        ("5 nodes, 2,000 frames/s", testing::busy(5, 80)),
        ("50 nodes, 20,000 frames/s", testing::busy(50, 800)),
        ("50 nodes, 10,000 frames under way", testing::busy(50, 10_400)),
    ];
    println!("{:<36} {:>10} {:>10}", "1280x800, CPU of one frame", "median ms", "p95 ms");
    for (title, state) in rows {
        let times = measure(&state);
        let ms = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("{title:<36} {:>10.2} {:>10.2}", ms(0.5), ms(0.95));
    }
}

fn measure(state: &ClusterState) -> Vec<Duration> {
    let (store, theme) = (TraceStore::new(ClusterSpec::default()), Theme::dark());
    let actions = RefCell::new(Vec::new());
    let context = offscreen::context(&theme);
    let mut view = CanvasView::default();
    let mut times = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let mut cursor = Cursor { at: testing::now(), ..Cursor::default() };
        cursor.at.0 += frame as u64 * 100_000;
        let began = Instant::now();
        let mut output = context.run_ui(offscreen::input(vec2(1280.0, 800.0), 1.0, frame), |ui| {
            view.ui(ui, &ViewCtx::new(&store, state, cursor, &Selection::Nothing, &theme, &actions));
        });
        let shapes = std::mem::take(&mut output.shapes);
        std::hint::black_box(context.tessellate(shapes, output.pixels_per_point));
        times.push(began.elapsed());
        output.textures_delta.clear();
    }
    times.drain(..FRAMES / 10);
    times.sort_unstable();
    times
}
