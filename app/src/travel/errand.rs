//! Something to be found in a run, a bounded number of events at a time: the cursor goes there when it is.

use cluster_core::{
    event::{EventKind, TraceEvent},
    ids::Seq,
    trace::{ClusterState, TraceStore, line},
    until::{ConditionError, Until, Wait},
};

/// How many events are looked at in one frame, at most.
const EVENTS_PER_FRAME: u64 = 32_768;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Something that an observer concluded.
    Finding,
    /// An event whose line holds this text.
    Text(String),
}

impl Goal {
    fn is(&self, event: &TraceEvent) -> bool {
        match self {
            Self::Finding => matches!(event.kind, EventKind::Found { .. }),
            Self::Text(text) => line(&event.kind).to_lowercase().contains(text),
        }
    }

    /// Returns it in words.
    pub fn words(&self) -> String {
        match self {
            Self::Finding => "a finding".to_owned(),
            Self::Text(text) => format!("“{text}”"),
        }
    }
}

/// Something to be found.
#[derive(Debug)]
pub enum Errand {
    /// Recorded events are looked through from the cursor on, with the state behind each.
    Forward {
        /// What for.
        wait: Box<Wait>,
        /// The state behind the last one that was looked at.
        state: Box<ClusterState>,
    },
    /// Recorded events are looked through for something that each shows by itself.
    Search {
        /// What for.
        goal: Goal,
        /// Whether towards the end.
        forward: bool,
        /// The next event that is looked at; backwards, the one behind it.
        next: Seq,
    },
    /// A live cluster that stands still makes one step after the other.
    Steps {
        /// What for.
        wait: Box<Wait>,
        /// The state behind the last event that was looked at.
        state: Box<ClusterState>,
        /// Whether a step was asked for that has not shown yet.
        asked: bool,
    },
}

/// How far an errand is.
#[derive(Debug, PartialEq)]
pub enum Progress {
    /// Not at its end.
    UnderWay,
    /// A live cluster is to make its next step.
    Step,
    /// It is this event.
    Found(Seq),
    /// It is not there.
    NotThere(String),
}

impl Errand {
    /// Looks through recorded events from a state on.
    pub fn forward(until: Until, state: &ClusterState) -> Result<Self, ConditionError> {
        Ok(Self::Forward { wait: Box::new(Wait::new(until, state)?), state: Box::new(state.clone()) })
    }

    /// Steps a live cluster from its latest state on.
    pub fn steps(until: Until, state: &ClusterState) -> Result<Self, ConditionError> {
        Ok(Self::Steps { wait: Box::new(Wait::new(until, state)?), state: Box::new(state.clone()), asked: false })
    }

    /// Returns what it is for.
    pub fn words(&self) -> String {
        match self {
            Self::Forward { wait, .. } | Self::Steps { wait, .. } => wait.until().words(),
            Self::Search { goal, .. } => goal.words(),
        }
    }

    /// Goes on for one frame.
    pub fn advance(&mut self, store: &TraceStore) -> Progress {
        match self {
            Self::Forward { wait, state } => {
                if let Some(found) = listen(wait, state, store) {
                    return Progress::Found(found);
                }
                match state.next < store.len() {
                    true => Progress::UnderWay,
                    false => Progress::NotThere(format!("The run ends before {}", wait.until().words())),
                }
            }
            Self::Steps { wait, state, asked } => {
                let before = state.next;
                if let Some(found) = listen(wait, state, store) {
                    return Progress::Found(found);
                }
                // The event that tells of the step itself is not what it leads to.
                let moved = store.events(before..state.next).iter().any(|event| !is_of_a_step(&event.kind));
                if *asked && !moved {
                    return Progress::UnderWay;
                }
                *asked = true;
                Progress::Step
            }
            Self::Search { goal, forward: true, next } => {
                let (from, end) = (*next, Seq((next.0 + EVENTS_PER_FRAME).min(store.len().0)));
                *next = end;
                match store.events(from..end).iter().find(|event| goal.is(event)) {
                    Some(event) => Progress::Found(event.seq),
                    None if end < store.len() => Progress::UnderWay,
                    None => Progress::NotThere(format!("There is no more {}", goal.words())),
                }
            }
            Self::Search { goal, forward: false, next } => {
                let (from, end) = (Seq(next.0.saturating_sub(EVENTS_PER_FRAME)), *next);
                *next = from;
                match store.events(from..end).iter().rfind(|event| goal.is(event)) {
                    Some(event) => Progress::Found(event.seq),
                    None if from > Seq(0) => Progress::UnderWay,
                    None => Progress::NotThere(format!("There is no {} before", goal.words())),
                }
            }
        }
    }
}

/// Lets a wait hear what it has not heard, within a frame. Returns the event at which it is over.
fn listen(wait: &mut Wait, state: &mut ClusterState, store: &TraceStore) -> Option<Seq> {
    let until = Seq((state.next.0 + EVENTS_PER_FRAME).min(store.len().0));
    let mut found = None;
    store.each(state.next..until, &mut |event| {
        if found.is_none() && wait.hears(event, state) {
            found = Some(event.seq);
        }
    });
    // Events that cannot be read are not there to be found.
    state.next = if found.is_none() { state.next.max(until) } else { state.next };
    found
}

fn is_of_a_step(kind: &EventKind) -> bool {
    matches!(kind, EventKind::CommandIssued { .. } | EventKind::ClockChanged { .. })
}

#[cfg(test)]
mod tests {
    use cluster_core::{ids::NodeId, trace::TraceStore};

    use super::*;
    use crate::testing::plausible_run;

    fn store() -> TraceStore {
        let (spec, events) = plausible_run();
        let mut store = TraceStore::new(spec);
        store.append(events);
        store
    }

    fn goes(mut errand: Errand, store: &TraceStore) -> Progress {
        loop {
            match errand.advance(store) {
                Progress::UnderWay => {}
                done => return done,
            }
        }
    }

    #[test]
    fn the_cursor_finds_the_moment_at_which_the_leader_changes() {
        let store = store();
        let errand = Errand::forward(Until::LeaderChanges, &store.state_at(Seq(0))).expect("it makes sense");
        let Progress::Found(first) = goes(errand, &store) else { panic!("there is a leader") };
        let state = store.state_at(first.next());
        assert_eq!(state.leader(), Some(NodeId(1)));
        let errand = Errand::forward(Until::LeaderChanges, &state).expect("it makes sense");
        let Progress::Found(second) = goes(errand, &store) else { panic!("it crashes") };
        assert!(matches!(store.event(second).expect("there").kind, EventKind::NodeCrashed { .. }));
    }

    #[test]
    fn a_search_goes_both_ways_and_says_when_there_is_nothing() {
        let store = store();
        let search = |text: &str, forward, next| Errand::Search { goal: Goal::Text(text.to_owned()), forward, next };
        let Progress::Found(down) = goes(search("crashed", true, Seq(0)), &store) else { panic!("it crashed") };
        assert_eq!(goes(search("crashed", false, store.len()), &store), Progress::Found(down));
        assert!(matches!(goes(search("crashed", true, down.next()), &store), Progress::NotThere(_)));
        assert!(matches!(goes(search("no such words", false, store.len()), &store), Progress::NotThere(_)));
    }
}
