//! Guided labs in the window: the lab that is open, the attempt at it, what is kept of it, and the list of labs.
//!
//! A [`Lesson`] is one lab with one attempt. It holds no cluster: the cluster of a phase is the source of the window, as any
//! other. Its goals are followed by a thread from the same events that the views show.

mod acts;
mod allow;
mod glossary;
mod hints;
mod keep;
mod lesson;
mod marks;
mod phase;
mod reload;
mod shelf;
mod stage;
mod steps;
mod text;
mod watcher;

use std::path::PathBuf;

use cluster_core::origin::BackendKind;

pub use allow::Allowed;
pub use glossary::{Entry, Glossary};
pub use hints::{Offer, Shown};
pub use keep::{Bookmark, Keeper, Kept, Record};
pub use lesson::{Lesson, words_in};
pub use marks::Marks;
pub use phase::{Ended, PhaseRun, ShownAct, Told};
pub use reload::{Content, Files, Reading};
pub use shelf::{About, Shelf, Volume};
pub use text::{Piece, Section, words_of};

/// What the user meant with a lab.
#[derive(Clone, Debug, PartialEq)]
pub enum GuideAction {
    /// Show the list of labs.
    ShowLabs,
    /// Hide it.
    HideLabs,
    /// Open the lab in a folder, on this backend.
    Open(PathBuf, BackendKind),
    /// Leave the lab that is open.
    Close,
    /// Begin another attempt at the lab that is open.
    StartOver,
    /// Begin another attempt at it on this backend.
    StartOverOn(BackendKind),
    /// Choose an answer.
    Choose(String, String),
    /// Give the answers of this step: a prediction is sealed, an observation is marked.
    Commit,
    /// Write a thought.
    Reflect(String),
    /// Go on to the next step; what this one leaves undone stays undone.
    GoOn,
    /// Look at an earlier step again, or come back.
    Look(usize),
    /// Begin the phase again, on a fresh cluster.
    Retry,
    /// Show the next level of a hint, by its place in the lab.
    Hint(usize),
    /// Show how it is done, up to the goal of a hint.
    Demonstrate(usize),
    /// Move the cursor to where an answer can be seen.
    ShowAnswer(String),
    /// Show the folder in which the evidence is.
    ShowFolder,
    /// Explain a word.
    Explain(Option<String>),
}

/// The labs in a window: those there are, the one that is open, and what is kept of all of them.
pub struct Guide {
    /// The labs there are.
    pub shelf: Shelf,
    /// Whether their list is shown.
    pub labs_shown: bool,
    /// The lab that is open.
    pub lesson: Option<Lesson>,
    /// The word that is being explained, and since which frame.
    pub explained: Option<String>,
    /// What is kept from one day to the next.
    pub keeper: Keeper,
}

impl Guide {
    /// Makes the guide of the labs in a folder; what learners did is kept in another one, or forgotten.
    pub fn new(labs: PathBuf, home: Option<PathBuf>) -> Self {
        let keeper = Keeper::open(home);
        let mut shelf = Shelf::new(labs);
        if shelf.folder.is_file()
            && let Some(home) = keeper.home()
        {
            shelf.unpack(home);
        }
        Self { shelf, labs_shown: false, lesson: None, explained: None, keeper }
    }
}
