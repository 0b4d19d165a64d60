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
    /// Which views are where while a lab is open.
    #[serde(default = "Layout::of_labs")]
    pub lab_layout: Layout,
    /// Whether a lab is open.
    #[serde(skip)]
    pub in_lab: bool,
}

impl Settings {
    /// Returns where the views are.
    pub fn layout(&self) -> &Layout {
        if self.in_lab { &self.lab_layout } else { &self.layout }
    }

    /// Returns where the views are, to be changed.
    pub fn layout_mut(&mut self) -> &mut Layout {
        if self.in_lab { &mut self.lab_layout } else { &mut self.layout }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let (layout, lab_layout) = (Layout::default(), Layout::of_labs());
        Self { dark: true, scale: 1.0, reduced_motion: false, hint_seen: false, layout, lab_layout, in_lab: false }
    }
}
