//! Small reusable pieces of views.

pub mod axis;
pub mod break_menu;
pub mod by_hand;
pub mod columns;
pub mod command;
pub mod dash;
pub mod event_words;
pub mod faults;
pub mod legend;
pub mod machine;
pub mod run_mark;
pub mod series;
pub mod time_plot;
