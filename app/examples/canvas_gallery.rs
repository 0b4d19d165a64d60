//! Paints the picture of the cluster in interesting states, in both themes, to `target/gallery`.

#[path = "../src/views/canvas/testing.rs"]
mod testing;

use std::{cell::RefCell, path::Path};

use cluster_core::{spec::ClusterSpec, trace::ClusterState, trace::TraceStore};
use egui::{Vec2, vec2};
use faultline::{
    action::Selection,
    ctx::ViewCtx,
    offscreen,
    playback::Cursor,
    theme::Theme,
    views::{View, canvas::CanvasView},
};

fn main() -> anyhow::Result<()> {
    let folder = Path::new("target/gallery");
    std::fs::create_dir_all(folder)?;
    let only = std::env::args().nth(1).unwrap_or_default();
    let node = |id| Selection::node(cluster_core::ids::NodeId(id));
    let pictures = [
        ("steady", testing::steady(5), vec2(1280.0, 800.0), node(2)),
        ("steady_small", testing::steady(5), vec2(760.0, 460.0), Selection::Nothing),
        ("election", testing::election(), vec2(1000.0, 640.0), Selection::Nothing),
        ("partition", testing::partition(), vec2(1000.0, 640.0), Selection::Nothing),
        ("broken", testing::broken(), vec2(1280.0, 800.0), Selection::Nothing),
        ("three", testing::steady(3), vec2(760.0, 460.0), Selection::Nothing),
        ("twelve", testing::steady(12), vec2(1280.0, 800.0), Selection::Nothing),
        ("fifty", testing::busy(50, 600), vec2(1280.0, 800.0), Selection::Nothing),
        ("hundred", testing::busy(100, 5000), vec2(1280.0, 800.0), Selection::Nothing),
    ];
    for (name, state, size, selection) in pictures {
        if !name.starts_with(only.as_str()) {
            continue;
        }
        for theme in [Theme::dark(), Theme::light()] {
            let file = folder.join(format!("{name}_{}.png", if theme.dark { "dark" } else { "light" }));
            let began = std::time::Instant::now();
            let image = picture(&state, size, &selection, &theme);
            println!("{}: {:?}", file.display(), began.elapsed());
            image.save(file)?;
        }
    }
    Ok(())
}

fn picture(state: &ClusterState, size: Vec2, selection: &Selection, theme: &Theme) -> image::RgbaImage {
    let store = TraceStore::new(ClusterSpec::default());
    let actions = RefCell::new(Vec::new());
    let cursor = Cursor { at: testing::now(), ..Cursor::default() };
    let mut view = CanvasView::default();
    offscreen::render(size, 1.0, theme, 2, |ui| {
        let ctx = ViewCtx::new(&store, state, cursor, selection, theme, &actions);
        view.ui(ui, &ctx);
    })
}
