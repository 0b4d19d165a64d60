//! Ctrl-C and `kill`: the first ends in good order, the second at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The exit code after an interrupt that could not wait.
const INTERRUPTED: i32 = 130;

/// Returns a flag that becomes true when the program is asked to end.
pub(super) fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&flag);
    let set = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    });
    if let Err(error) = set {
        log::warn!("Ctrl-C ends the program at once: {error}");
    }
    flag
}
