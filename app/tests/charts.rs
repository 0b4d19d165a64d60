//! Lag, throughput, latency, events, story and chart files, on a run made by hand.

mod support;

use cluster_core::{ids::Seq, spec::ClusterSpec, time::Timestamp, trace::TraceStore};
use egui::{Key, vec2};
use egui_kittest::{Harness, kittest::Queryable as _};
use faultline::{
    action::{Action, Selection},
    chart::{ChartError, write_chart},
    theme::{Theme, install},
};
use support::{Stage, half_a_minute};

const VIEWS: [&str; 6] = ["lag", "throughput", "latency", "operations", "events", "story"];

fn harness(stage: Stage) -> Harness<'static, Stage> {
    Harness::builder()
        .with_size(vec2(900.0, 520.0))
        .with_theme(stage.theme.of_egui())
        .with_max_steps(64)
        .with_context_setup(install)
        .build_ui_state(|ui, stage: &mut Stage| stage.ui(ui), stage)
}

fn empty() -> TraceStore {
    TraceStore::new(ClusterSpec::default())
}

#[test]
fn every_view_shows_a_run_an_empty_run_and_a_recording_in_both_themes() {
    for id in VIEWS {
        for theme in [Theme::dark(), Theme::light()] {
            for store in [empty(), half_a_minute(5)] {
                let mut stage = Stage::new(id, store, theme.clone());
                stage.commandable = false;
                harness(stage).run();
            }
        }
    }
}

#[test]
fn every_view_shows_the_beginning_the_middle_and_a_moment_after_the_end() {
    for id in VIEWS {
        let mut harness = harness(Stage::new(id, half_a_minute(5), Theme::dark()));
        for secs in [0.0, 12.3, 1000.0] {
            harness.state_mut().seek(secs);
            harness.run();
        }
    }
}

#[test]
fn a_hundred_nodes_still_fit() {
    for id in VIEWS {
        harness(Stage::new(id, half_a_minute(100), Theme::light())).run();
    }
}

#[test]
fn a_click_on_a_chart_moves_the_cursor_there() {
    for (id, title) in [("throughput", "Operations per second"), ("latency", "Latency of operations")] {
        let mut harness = harness(Stage::new(id, half_a_minute(5), Theme::dark()));
        harness.run();
        harness.get_by(|node| node.label().is_some_and(|label| label.starts_with(title))).click();
        harness.run();
        let actions = harness.state().actions.borrow();
        let Some(Action::Seek(at)) = actions.last() else { panic!("a click seeks, not {actions:?}") };
        assert!(*at > Timestamp::from_secs_f64(10.0) && *at < Timestamp::from_secs_f64(20.0), "{at}");
    }
}

#[test]
fn the_arrow_keys_move_the_cursor_of_a_focused_chart() {
    let mut harness = harness(Stage::new("latency", half_a_minute(5), Theme::dark()));
    harness.run();
    harness.get_by(|node| node.label().is_some_and(|label| label.starts_with("Latency of operations"))).focus();
    harness.run();
    harness.key_press(Key::ArrowLeft);
    harness.run();
    let actions = harness.state().actions.borrow();
    assert!(matches!(actions.last(), Some(Action::Seek(at)) if *at < harness.state().store.end()), "{actions:?}");
}

#[test]
fn a_filter_shows_only_what_matches() {
    let mut harness = harness(Stage::new("events", half_a_minute(5), Theme::dark()));
    harness.run();
    harness.get_by_label("Commands").click();
    harness.run();
    harness.get_by(|node| node.label().is_some_and(|label| label.ends_with(", you: crash n3")));
    harness.get_by_label("1 event");
    assert!(
        harness.query_all_by(|node| node.label().is_some_and(|label| label.ends_with("n3 crashed"))).next().is_none()
    );
}

#[test]
fn a_click_on_an_event_selects_it() {
    let mut harness = harness(Stage::new("events", half_a_minute(5), Theme::dark()));
    harness.run();
    harness.get_by_label("Commands").click();
    harness.run();
    harness.get_by(|node| node.label().is_some_and(|label| label.ends_with("you: crash n3"))).click();
    harness.run();
    assert!(matches!(harness.state().selection, Selection::Event(_)));
}

#[test]
fn a_search_goes_from_one_event_to_the_next_and_around() {
    let mut harness = harness(Stage::new("events", half_a_minute(5), Theme::dark()));
    harness.run();
    harness.get_by_role(egui::Role::TextInput).focus();
    harness.run();
    harness.event(egui::Event::Text("n3 started".to_owned()));
    harness.run();
    let mut selected = Vec::new();
    for _ in 0..3 {
        harness.get_by_label("Next").click();
        harness.run();
        let Selection::Event(Seq(seq)) = harness.state().selection else { panic!("the hit is selected") };
        selected.push(seq);
    }
    assert!(selected[0] < selected[1]);
    assert_eq!(selected[0], selected[2]);
    harness.get_by_label("Previous").click();
    harness.run();
    assert_eq!(harness.state().selection, Selection::Event(Seq(selected[1])));
}

#[test]
fn a_click_on_a_sentence_goes_there() {
    let mut harness = harness(Stage::new("story", half_a_minute(5), Theme::dark()));
    harness.state_mut().seek(8.05);
    harness.run();
    harness
        .get_by(|node| node.label().is_some_and(|label| label.starts_with("8.000 s") && label.contains("n3 crashed")))
        .click();
    harness.run();
    let store = &harness.state().store;
    let crash = (0..store.len().0).map(Seq).find(|seq| {
        store.event(*seq).is_some_and(|event| matches!(event.kind, cluster_core::event::EventKind::NodeCrashed { .. }))
    });
    assert!(harness.state().asked(&Action::SeekEvent(crash.expect("the run has a crash"))));
}

#[test]
fn charts_are_written_as_svg_and_png_of_the_size_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in [empty(), half_a_minute(5)] {
        let (svg, png) = (folder.path().join("run.svg"), folder.path().join("run.PNG"));
        write_chart(&store, &svg, (900, 700), true).expect("an SVG");
        let text = std::fs::read_to_string(&svg).expect("text");
        assert!(text.contains("width=\"900\" height=\"700\"") && text.contains("Replication lag in entries"));
        write_chart(&store, &png, (640, 480), false).expect("a PNG");
        let picture =
            image::load_from_memory_with_format(&std::fs::read(&png).expect("bytes"), image::ImageFormat::Png);
        assert_eq!(picture.map(|picture| (picture.width(), picture.height())).ok(), Some((640, 480)));
    }
}

#[test]
fn a_chart_that_cannot_be_written_says_why_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, size| write_chart(&empty(), &folder.path().join(name), size, true);
    assert!(matches!(write("run.pdf", (900, 700)), Err(ChartError::Extension(_))));
    assert!(matches!(write("run", (900, 700)), Err(ChartError::Extension(_))));
    assert!(matches!(write("run.svg", (0, 700)), Err(ChartError::Size(0, 700))));
    assert!(matches!(write("no/such/folder/run.svg", (900, 700)), Err(ChartError::Write { .. })));
}
