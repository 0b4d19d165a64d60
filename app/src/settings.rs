//! What the window remembers from one day to the next.

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

/// The key under which the settings are kept. An older key is not read, so its layout cannot harm.
pub const SETTINGS_KEY: &str = "faultline-settings-2";

/// What the window remembers.
#[derive(Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Whether the dark theme is used.
    pub dark: bool,
    /// Magnification; 1 is normal.
    pub scale: f32,
    /// Whether every motion is shown as its end state.
    pub reduced_motion: bool,
    /// Whether the first hint was taken or dismissed.
    pub hint_seen: bool,
    /// Which views are where.
    pub layout: Layout,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dark: true, scale: 1.0, reduced_motion: false, hint_seen: false, layout: Layout::default() }
    }
}
