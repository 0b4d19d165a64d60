//! Waits for a file that the window reads on another thread.

use std::time::{Duration, Instant};

use egui_kittest::Harness;
use faultline::app::App;

/// Draws frames until no file is being read any more.
pub(crate) fn until_read(harness: &mut Harness<'_, App>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while harness.state().is_reading() {
        assert!(Instant::now() < deadline, "the file is still being read");
        harness.run_steps(1);
    }
    harness.run_steps(2);
}
