//! The window and the command line of Faultline, as a library so that tests can drive them. See `app/README.md`.

pub mod action;
mod actions;
pub mod app;
#[cfg(not(target_arch = "wasm32"))]
pub mod chart;
#[cfg(all(feature = "live", not(target_arch = "wasm32")))]
pub mod cli;
pub mod ctx;
pub mod format;
pub mod guide;
pub mod keys;
pub mod layout;
#[cfg(all(feature = "live", not(target_arch = "wasm32")))]
pub mod live;
pub mod names;
#[cfg(not(target_arch = "wasm32"))]
pub mod offscreen;
pub mod panels;
pub mod playback;
pub mod reading;
#[cfg(all(feature = "live", not(target_arch = "wasm32")))]
pub mod recordings;
pub mod settings;
pub mod source;
pub mod testing;
pub mod theme;
pub mod tools;
pub mod travel;
pub mod views;
pub mod widgets;
#[cfg(not(target_arch = "wasm32"))]
pub mod window;
