//! Guided labs: data under `labs/`, with goals that are evaluated over what happens.
//!
//! A folder is read into a [`Lab`], or into mistakes with their places. [`LabProgress`] follows the goals of one phase from the
//! events of its run. [`Lab::verify`] shows that the golden script passes, and that nothing else does.

mod acts;
mod attempt;
mod build;
mod build_goals;
mod build_hints;
mod build_scripts;
mod draw;
mod error;
pub mod evidence;
pub mod expr;
mod goal;
mod load;
mod model;
mod ops;
pub mod pack;
mod palette;
mod play;
mod progress;
mod schedule;
mod score;
mod sight;
#[cfg(test)]
mod sight_tests;
mod so_far;
mod source;
mod spoken;
#[cfg(test)]
mod tests;
mod text;
mod toml_words;
mod verify;
mod views;
mod votes;

pub use attempt::{Attempt, Deed, Did, Journal, Outcome, Segment};
pub use draw::drawn;
pub use error::LabError;
pub use goal::Verdict;
pub use load::labs_in;
pub use model::{
    Action, Answer, Ask, Goal, Hint, Lab, Moment, Param, Pattern, Phase, Scheduled, Script, Step, StepKind, Verify,
};
pub use palette::Palette;
pub use play::{Play, filled_in};
pub use progress::{GoalState, LabProgress};
pub use schedule::Schedule;
pub use score::Score;
pub use so_far::SoFar;
pub use verify::{LabReport, ScriptReport, Stage};
