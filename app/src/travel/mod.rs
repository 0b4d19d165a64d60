//! Moving in time and between runs: bookmarks, errands, forks, the family of a run, and another run to compare with.

mod acts;
mod bookmarks;
mod errand;
mod family;
mod twin;

use std::path::{Path, PathBuf};

use cluster_core::{
    event::TraceEvent,
    ids::Seq,
    time::Timestamp,
    trace::{Recipe, Sameness, TraceStore, are_same},
    until::Until,
};

pub use bookmarks::{Bookmark, Bookmarks};
pub use errand::{Errand, Goal};
pub use family::{Family, Kin, kin_in};
pub(crate) use twin::metrics;
pub use twin::{Align, Twin};

use crate::source::{Source, Start};
use cluster_core::origin::Branch;

/// What a jump of the cursor goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JumpTo {
    /// A leader elected, or an election begun.
    #[default]
    Elections,
    /// Something that an observer concluded.
    Findings,
    /// Something broken or mended.
    Faults,
    /// A bookmark.
    Bookmarks,
    /// An event whose line holds what is searched for.
    Search,
    /// Any event.
    Events,
}

impl JumpTo {
    /// Every kind, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Elections, Self::Findings, Self::Faults, Self::Bookmarks, Self::Search, Self::Events];

    /// Returns it, or the faults where nobody is ever elected.
    pub fn or_faults(self, has_leaders: bool) -> Self {
        if self == Self::Elections && !has_leaders { Self::Faults } else { self }
    }

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Elections => "Elections",
            Self::Findings => "Findings",
            Self::Faults => "Faults",
            Self::Bookmarks => "Bookmarks",
            Self::Search => "Search",
            Self::Events => "Events",
        }
    }
}

/// What the user meant with time, and with other runs.
#[derive(Clone, Debug, PartialEq)]
pub enum TravelAction {
    /// Let the run go until something, or move the cursor there.
    Until(Until),
    /// Stop what is under way to somewhere.
    Stop,
    /// Move the cursor to the next (or the one before) of a kind.
    Jump(JumpTo, bool),
    /// Make the jumps go to this kind.
    SetJump(JumpTo),
    /// Search for this text.
    SetSearch(String),
    /// Set a bookmark at the cursor, or remove the one there.
    ToggleBookmark,
    /// Give a bookmark another name.
    RenameBookmark(Seq, String),
    /// Remove a bookmark.
    RemoveBookmark(Seq),
    /// Play this stretch over and over, or no stretch.
    Loop(Option<(Timestamp, Timestamp)>),
    /// Go on differently from the cursor.
    Fork,
    /// Execute the run again from its beginning.
    RunAgain,
    /// Show another run.
    Open(PathBuf),
    /// Lay another run beside this one, or none.
    Compare(Option<PathBuf>),
    /// Take two moments for the same.
    Align(Align),
}

/// Where the window is in time and among runs.
#[derive(Default)]
pub struct Travel {
    /// The file of the run that is shown, if it has one.
    pub file: Option<PathBuf>,
    /// The bookmarks of this run.
    pub bookmarks: Bookmarks,
    /// What jumps go to.
    pub jump: JumpTo,
    /// What is searched for.
    pub search: String,
    /// What is under way to somewhere.
    pub errand: Option<Errand>,
    /// What the cluster itself is let go until.
    pub waiting: Option<Until>,
    /// The other runs that are at hand.
    pub family: Family,
    /// The run beside this one.
    pub twin: Option<Twin>,
    /// The last event that a fork must have in common with the run it left.
    promise: Option<TraceEvent>,
}

impl Travel {
    /// Looks around from the run of a source.
    pub(crate) fn of(source: &dyn Source) -> Self {
        let file = source.recording().map(Path::to_owned);
        let bookmarks = file.as_deref().map(Bookmarks::of).unwrap_or_default();
        let family = file.as_deref().map(Family::of).unwrap_or_default();
        Self { file, bookmarks, family, ..Self::default() }
    }

    /// Looks at the runs at hand again: one of them may have ended.
    pub(crate) fn look_around(&mut self) {
        self.family = self.file.as_deref().map(Family::of).unwrap_or_default();
    }

    /// Returns what is wrong with a fork, once: it is not the run that it left.
    pub(crate) fn broken_promise(&mut self, store: &TraceStore) -> Option<String> {
        let promised = self.promise.as_ref().filter(|promised| promised.seq < store.len())?;
        let same = store.event(promised.seq).is_some_and(|event| are_same(Sameness::Exact, &event, promised));
        self.promise = None;
        (!same).then(|| {
            "This fork is not the run that it left: that was recorded by another version of this program".to_owned()
        })
    }
}

/// Returns what makes a fork at a moment: the recipe up to there and where it leaves the run.
///
/// A run that cannot be forked is refused with the reason.
pub fn fork_of(store: &TraceStore, file: Option<&Path>, next: Seq, at: Timestamp) -> Result<Start, String> {
    if !store.origin().is_simulated() {
        return Err("A live run cannot be forked: real time is never twice the same. Start it simulated to go on \
                    differently, or run this one again with the same commands"
            .to_owned());
    }
    if store.is_empty() {
        return Err("Nothing has happened yet: there is no moment to go on from".to_owned());
    }
    cluster_core::registry::check(store.spec())
        .map_err(|why| format!("This run cannot be executed by this program: {why}"))?;
    let run = file.and_then(Path::file_name).map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let recipe = Recipe::of(store).until(next, at);
    Ok(Start::Fork(Box::new(recipe), Branch { run, next, at }))
}
