//! The furniture around the views: run controls, time tape, inspector, what is broken, messages to the user.

mod about;
mod compare;
mod guide;
mod hint;
mod inspector;
mod inventory;
mod kept;
mod messages;
mod new_cluster;
mod open_file;
mod promises;
mod reading;
mod runs;
mod staged;
mod tape;
mod toasts;
mod tool_banner;
mod top_bar;
mod until;
mod why;

pub use about::About;
pub use compare::Compare;
pub use guide::{GuidePanel, demo_frame_ui, labs_ui};
pub use hint::hint_ui;
pub use inspector::Inspector;
pub use inventory::Inventory;
pub use kept::Kept;
pub use new_cluster::{Draft, new_cluster_ui, open_new_cluster};
pub use open_file::{open_file, open_file_ui};
pub use promises::Lost;
pub use reading::reading_ui;
pub use runs::Runs;
pub use tape::Tape;
pub use toasts::Toasts;
pub use tool_banner::{banner_ui, tool_banner_ui};
pub use top_bar::{Chrome, rates, top_bar_ui};
pub use until::UntilForm;
pub use why::{WhyPanel, subject_of};

use crate::views::ViewRow;

/// The furniture that is docked like a view.
pub const PANELS: &[ViewRow] = &[
    ViewRow { id: "inspector", title: "Inspector", make: || Box::<Inspector>::default() },
    ViewRow { id: "guide", title: "Guide", make: || Box::<GuidePanel>::default() },
    ViewRow { id: "about", title: "About", make: || Box::<About>::default() },
    ViewRow { id: "why", title: "Causes", make: || Box::<WhyPanel>::default() },
    ViewRow { id: "promises", title: "Promises", make: || Box::<Kept>::default() },
    ViewRow { id: "inventory", title: "What is broken now", make: || Box::<Inventory>::default() },
    ViewRow { id: "runs", title: "Runs", make: || Box::<Runs>::default() },
    ViewRow { id: "compare", title: "Compare", make: || Box::<Compare>::default() },
];
