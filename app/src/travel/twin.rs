//! Another run beside the one that is shown, with one cursor for both.

use std::path::{Path, PathBuf};

use cluster_core::{
    ids::Seq,
    time::Timestamp,
    trace::{ClusterState, Differ, Difference, MarkKind, Sameness, TraceStore},
};

use crate::{
    playback::Cursor,
    source::{Recording, Source as _},
};

/// How many events are compared in one frame, at most.
const EVENTS_PER_FRAME: u64 = 16_384;

/// Which two moments are taken for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The beginnings.
    Start,
    /// The first time that a leader was elected.
    Leader,
    /// The first fault.
    Fault,
    /// The events in which the runs differ first.
    Difference,
    /// What is shown, after moving the other run by so many events.
    Nudge(i64),
}

impl Align {
    /// The moments that have names, in the order in which they are offered.
    pub const NAMED: [Self; 4] = [Self::Start, Self::Leader, Self::Fault, Self::Difference];

    /// Returns it in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "their beginnings",
            Self::Leader => "their first elections",
            Self::Fault => "their first faults",
            Self::Difference => "their first difference",
            Self::Nudge(_) => "moments chosen by hand",
        }
    }
}

/// Another run, and how it is laid beside the one that is shown.
pub struct Twin {
    /// Its file.
    pub file: PathBuf,
    /// The run.
    pub store: TraceStore,
    /// Its state at the moment that corresponds to the cursor.
    pub state: ClusterState,
    /// That moment.
    pub cursor: Cursor,
    /// Which moments are taken for the same.
    pub align: Align,
    /// Those two moments, of the run that is shown and of this one.
    anchor: (Timestamp, Timestamp),
    differ: Differ,
}

impl Twin {
    /// Lays the run of a recording beside another.
    pub fn of(mut recording: Recording, file: &Path, shown: &TraceStore) -> Self {
        let store = recording.store();
        Self {
            file: file.to_owned(),
            state: ClusterState::before(store.spec()),
            cursor: Cursor { live: false, ..Cursor::default() },
            align: Align::Start,
            anchor: (Timestamp::ZERO, Timestamp::ZERO),
            differ: Differ::new(sameness(shown, &store), Default::default()),
            store,
        }
    }

    /// Returns the first difference, if it is known.
    pub fn difference(&self) -> Option<&Difference> {
        self.differ.found()
    }

    /// Returns whether it is known how the runs differ.
    pub fn is_compared(&self) -> bool {
        self.differ.is_done()
    }

    /// Returns whether the two can be the same in every bit.
    pub fn is_exact(&self, shown: &TraceStore) -> bool {
        sameness(shown, &self.store) == Sameness::Exact
    }

    /// Goes on comparing, and follows the cursor. Returns whether it is still comparing.
    pub fn follow(&mut self, shown: &TraceStore, cursor: Cursor) -> bool {
        let comparing = !self.differ.is_done() && !self.differ.advance(shown, &self.store, EVENTS_PER_FRAME);
        let (next, at) = self.moment(shown, cursor);
        if (self.cursor.next, self.cursor.at) != (next, at) || self.state.next != next {
            self.cursor = Cursor { live: false, next, at, ..cursor };
            self.state = self.store.state_at(next);
        }
        comparing
    }

    /// Takes two moments for the same, or says why they are not there.
    pub fn align(&mut self, align: Align, shown: &TraceStore, cursor: Cursor) -> Result<(), String> {
        let both = |kind: MarkKind| Some((first(shown, kind)?, first(&self.store, kind)?));
        let anchor = match align {
            Align::Start => Some((Timestamp::ZERO, Timestamp::ZERO)),
            Align::Leader => both(MarkKind::Leader),
            Align::Fault => both(MarkKind::Command),
            Align::Difference => self.difference().and_then(|it| Some((it.one.as_ref()?.at, it.other.as_ref()?.at))),
            Align::Nudge(by) => {
                let event = self.cursor.next.0.saturating_add_signed(by).clamp(1, self.store.len().0.max(1)) - 1;
                self.store.event(Seq(event)).map(|event| (cursor.at, event.at))
            }
        };
        match anchor {
            Some(anchor) => {
                (self.align, self.anchor) = (align, anchor);
                Ok(())
            }
            None => Err(format!("The runs cannot be aligned at {}: one of them has none", align.words())),
        }
    }

    /// Returns the moment of this run that corresponds to the cursor.
    fn moment(&self, shown: &TraceStore, cursor: Cursor) -> (Seq, Timestamp) {
        let same = self.is_exact(shown) && self.anchor.0 == self.anchor.1;
        if same && cursor.next <= self.differ.same_until().0 && cursor.next <= self.store.len() {
            return (cursor.next, cursor.at.min(self.store.end()));
        }
        let at = match cursor.at >= self.anchor.0 {
            true => self.anchor.1 + cursor.at.since(self.anchor.0),
            false => self.anchor.1 - self.anchor.0.since(cursor.at),
        };
        let at = at.min(self.store.end());
        (self.store.seq_at(at), at)
    }
}

fn sameness(one: &TraceStore, other: &TraceStore) -> Sameness {
    let simulated = one.origin().is_simulated() && other.origin().is_simulated();
    if simulated && one.spec() == other.spec() { Sameness::Exact } else { Sameness::Story }
}

fn first(store: &TraceStore, kind: MarkKind) -> Option<Timestamp> {
    store.timeline().marks.iter().find(|mark| mark.kind == kind).map(|mark| mark.at)
}

/// What clients and links saw of a run up to a moment: what it is called, and how much it is.
pub(crate) fn metrics(store: &TraceStore, state: &ClusterState, at: Timestamp) -> Vec<(&'static str, String)> {
    let clients = || state.clients.values().chain([&state.departed]);
    let marks = &store.timeline().marks;
    let elections = marks.iter().take_while(|mark| mark.at <= at).filter(|mark| mark.kind == MarkKind::Leader).count();
    let committed = state.nodes.values().map(|node| node.view.commit_index.0).max().unwrap_or(0);
    let service = store.timeline().service.get(store.timeline().bucket(at));
    let count = |number: u64| crate::format::count(number);
    vec![
        ("Acknowledged", count(clients().map(|client| client.ok).sum())),
        ("Refused", count(clients().map(|client| client.failed).sum())),
        ("No answer", count(clients().map(|client| client.unanswered).sum())),
        ("Elections", count(elections as u64)),
        ("Committed", count(committed)),
        ("Messages sent", count(state.links.values().map(|link| link.sent).sum())),
        (
            "Median latency",
            service.filter(|it| it.ok > 0).map_or_else(
                || "–".to_owned(),
                |it| crate::format::duration(std::time::Duration::from_nanos(it.p50_nanos)),
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cluster_core::{
        headless::{Plan, simulate},
        script::Script,
        spec::ClusterSpec,
    };

    use super::*;

    struct Deaf;

    impl cluster_core::headless::Watch for Deaf {
        fn on_event(&mut self, _: &cluster_core::event::TraceEvent, _: &ClusterState) {}
        fn on_tick(&mut self, _: &ClusterState, _: cluster_core::headless::Phase) {}
        fn on_line(&mut self, _: &cluster_core::script::Timed, _: Timestamp) {}
    }

    fn recorded(file: &Path, script: &str) -> TraceStore {
        let script = Script::parse("test", script).expect("a script");
        let plan = Plan { run_for: Duration::from_secs(8), script, ..Plan::default() };
        let stop = std::sync::atomic::AtomicBool::new(false);
        simulate(&ClusterSpec::default(), plan, Some((file, 0)), &mut Deaf, &stop).expect("a run");
        TraceStore::open(file).expect("a recording")
    }

    #[test]
    fn two_runs_are_the_same_up_to_what_was_done_differently_and_one_cursor_moves_both() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let one = recorded(&folder.path().join("one"), "at 3s crash n1");
        recorded(&folder.path().join("two"), "at 3s crash n2");
        let file = folder.path().join("two");
        let mut twin = Twin::of(Recording::open(&file).expect("a recording"), &file, &one);
        let cursor = |at: Timestamp| Cursor { live: false, at, next: one.seq_at(at), ..Cursor::default() };
        while twin.follow(&one, cursor(Timestamp::ZERO)) {}
        let difference = twin.difference().cloned().expect("another node crashed");
        let parted = difference.one.expect("both go on").at;
        assert_eq!(parted, Timestamp::from_secs_f64(3.0));
        twin.follow(&one, cursor(Timestamp::from_secs_f64(2.5)));
        assert_eq!(twin.state, one.state_at(one.seq_at(Timestamp::from_secs_f64(2.5))));
        twin.follow(&one, cursor(Timestamp::from_secs_f64(5.0)));
        assert_ne!(twin.state, one.state_at(one.seq_at(Timestamp::from_secs_f64(5.0))));
        assert_eq!(twin.align(Align::Difference, &one, cursor(parted)), Ok(()));
    }
}
