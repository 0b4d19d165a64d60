//! The window and the command line of Faultline, as a library so that tests can drive them. See `app/README.md`.

pub mod action;
#[cfg(not(target_arch = "wasm32"))]
pub mod chart;
pub mod ctx;
pub mod playback;
pub mod theme;
pub mod views;
pub mod widgets;
