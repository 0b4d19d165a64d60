//! The furniture around the views: run controls, time tape, inspector, what is broken, messages to the user.

mod about;
mod hint;
mod inspector;
mod inventory;
mod messages;
mod new_cluster;
mod open_file;
mod promises;
mod staged;
mod tape;
mod toasts;
mod tool_banner;
mod top_bar;
mod why;

pub use about::About;
pub use hint::hint_ui;
pub use inspector::Inspector;
pub use inventory::Inventory;
pub use new_cluster::{Draft, new_cluster_ui, open_new_cluster};
pub use open_file::{open_file, open_file_ui};
pub use promises::Lost;
pub use tape::Tape;
pub use toasts::Toasts;
pub use tool_banner::tool_banner_ui;
pub use top_bar::{Chrome, rates, top_bar_ui};
pub use why::{WhyPanel, subject_of};

use crate::views::ViewRow;

/// The furniture that is docked like a view.
pub const PANELS: &[ViewRow] = &[
    ViewRow { id: "inspector", title: "Inspector", make: || Box::<Inspector>::default() },
    ViewRow { id: "about", title: "About", make: || Box::<About>::default() },
    ViewRow { id: "why", title: "Causes", make: || Box::<WhyPanel>::default() },
    ViewRow { id: "inventory", title: "What is broken now", make: || Box::<Inventory>::default() },
];
