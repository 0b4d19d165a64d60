//! Opening a file from the window: the dialog, and what a file that cannot be used leaves behind.

#[path = "support/reading.rs"]
mod reading;
#[path = "support/window.rs"]
mod window;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable as _};
use faultline::{
    app::App,
    settings::Settings,
    source::Recording,
    testing::{plausible_run, scripted_source},
};

/// Whether the file that takes for ever was given up.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

fn open_dialog() -> Harness<'static, App> {
    let mut harness = window::window(Box::new(scripted_source()), Settings { hint_seen: true, ..Settings::default() });
    harness.state_mut().set_opener(|path: &Path| {
        while path == Path::new("endless.log") && !GIVEN_UP.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        if path != Path::new("other.log") {
            return Err(format!("line 3: this is no log: {}", path.display()));
        }
        let (spec, events) = plausible_run();
        let mut store = cluster_core::trace::TraceStore::new(spec);
        store.append(events.into_iter().take(100).collect());
        Ok(Recording::new(store))
    });
    harness.key_press_modifiers(Modifiers::COMMAND, Key::O);
    harness.run_steps(3);
    harness
}

fn type_path(harness: &mut Harness<'static, App>, path: &str) {
    // The field has the focus as soon as the dialog is there.
    harness.event(egui::Event::Text(path.to_owned()));
    harness.run_steps(2);
    harness.get_by_label("Open").click();
    harness.run_steps(3);
}

#[test]
fn a_file_that_is_opened_takes_the_place_of_the_run() {
    let mut harness = open_dialog();
    let before = harness.state().store().len();
    type_path(&mut harness, "other.log");
    reading::until_read(&mut harness);
    assert_ne!(harness.state().store().len(), before);
    assert!(harness.query_by_label("Open a file").is_none(), "the dialog is gone");
}

#[test]
fn a_file_that_cannot_be_used_leaves_the_run_and_says_why() {
    let mut harness = open_dialog();
    let before = harness.state().store().len();
    type_path(&mut harness, "broken.log");
    reading::until_read(&mut harness);
    assert_eq!(harness.state().store().len(), before);
    harness.get_by_label_contains("line 3: this is no log");
}

/// A recording of gigabytes must not hold the window up.
#[test]
fn a_file_that_takes_long_leaves_the_window_at_work_and_can_be_given_up() {
    let mut harness = open_dialog();
    let before = harness.state().store().len();
    type_path(&mut harness, "endless.log");
    assert!(harness.state().is_reading());
    harness.get_by_label("endless.log");
    harness.get_by_label("Give it up").click();
    harness.run_steps(3);
    assert!(!harness.state().is_reading());
    assert!(harness.query_by_label("endless.log").is_none());
    assert_eq!(harness.state().store().len(), before);
    GIVEN_UP.store(true, Ordering::Relaxed);
}
