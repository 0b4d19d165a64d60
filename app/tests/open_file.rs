//! Opening a file from the window: the dialog, and what a file that cannot be used leaves behind.

#[path = "support/window.rs"]
mod window;

use std::path::Path;

use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable as _};
use faultline::{
    app::App,
    settings::Settings,
    source::{Recording, Source},
    testing::{plausible_run, scripted_source},
};

fn open_dialog() -> Harness<'static, App> {
    let mut harness = window::window(Box::new(scripted_source()), Settings { hint_seen: true, ..Settings::default() });
    harness.state_mut().set_opener(Box::new(|path: &Path| {
        if path != Path::new("other.log") {
            return Err(format!("line 3: this is no log: {}", path.display()));
        }
        let (spec, events) = plausible_run();
        let mut store = cluster_core::trace::TraceStore::new(spec);
        store.append(events.into_iter().take(100).collect());
        Ok(Box::new(Recording::new(store)) as Box<dyn Source>)
    }));
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
    assert_ne!(harness.state().store().len(), before);
    assert!(harness.query_by_label("Open a file").is_none(), "the dialog is gone");
}

#[test]
fn a_file_that_cannot_be_used_leaves_the_run_and_says_why() {
    let mut harness = open_dialog();
    let before = harness.state().store().len();
    type_path(&mut harness, "broken.log");
    assert_eq!(harness.state().store().len(), before);
    harness.get_by_label_contains("line 3: this is no log");
}
