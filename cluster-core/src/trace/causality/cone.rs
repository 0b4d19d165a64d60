//! The cone of an event: all that may have led to it, and all that it may have led to.

use std::{collections::BTreeSet, ops::Range};

use super::{Causality, index::NO_LANE};
use crate::ids::Seq;

/// How two events stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// They are one event.
    Same,
    /// The first happened before the second: it may have influenced it.
    Before,
    /// The first happened after the second.
    After,
    /// Neither can have influenced the other.
    Concurrent,
}

impl Order {
    /// Returns it in words that stand between two events.
    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "is the same event as",
            Self::Before => "happened before",
            Self::After => "happened after",
            Self::Concurrent => "is concurrent with",
        }
    }
}

/// What happened before an event and after it, within a range of events.
///
/// A lane's events that precede an event are the first ones of the lane, and those that follow it the last ones: so a cone
/// is one number a lane, however many events it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cone {
    origin: Seq,
    range: (Seq, Seq),
    /// Per lane, the number after the last event that precedes the origin.
    past: Vec<u64>,
    /// Per lane, the number of the first event that follows from the origin.
    future: Vec<u64>,
    /// The events on no lane that precede the origin.
    past_links: BTreeSet<Seq>,
}

impl Causality {
    /// Returns the cone of an event, as far as it lies in `range`; `None` if the event is not known.
    pub fn cone(&self, origin: Seq, range: Range<Seq>) -> Option<Cone> {
        let own = self.entry(origin)?;
        let lanes = self.lanes().len();
        let (from, to) = (range.start.min(origin), range.end.max(origin.next()));
        let mut cone = Cone {
            origin,
            range: (from, to),
            past: vec![0; lanes],
            future: vec![u64::MAX; lanes],
            past_links: BTreeSet::new(),
        };
        if let Some(past) = cone.past.get_mut(usize::from(own.lane)) {
            *past = origin.0;
        }
        cone.reach_back(self, own.cause(origin));
        for (seq, entry) in self.range(&(from..origin)).rev() {
            let reached = match cone.past.get(usize::from(entry.lane)) {
                Some(past) => seq.0 < *past,
                None => cone.past_links.contains(&seq),
            };
            if reached {
                cone.reach_back(self, entry.cause(seq));
            }
        }
        if let Some(future) = cone.future.get_mut(usize::from(own.lane)) {
            *future = origin.0 + 1;
        }
        // Links on which something follows, and whose effects have yet to come.
        let mut links = BTreeSet::from([origin]);
        for (seq, entry) in self.range(&(origin.next()..to)) {
            let follows =
                entry.cause(seq).is_some_and(|cause| links.contains(&cause) || cone.laned_in_future(self, cause));
            match cone.future.get_mut(usize::from(entry.lane)) {
                Some(future) if follows => *future = (*future).min(seq.0),
                Some(_) => {}
                None if follows && links.len() < LINKS_MAX => drop(links.insert(seq)),
                None => {}
            }
        }
        Some(cone)
    }

    /// Returns how two events stand to each other; `None` if one of them is not known.
    pub fn order(&self, first: Seq, second: Seq) -> Option<Order> {
        self.entry(second)?;
        let cone = self.cone(first, first.min(second)..first.max(second).next())?;
        Some(cone.order_of(self, second))
    }
}

/// Events on links of which something else may follow: drops and held frames, few of which have effects.
const LINKS_MAX: usize = 65_536;

impl Cone {
    /// Returns the event that it is the cone of.
    pub fn origin(&self) -> Seq {
        self.origin
    }

    /// Returns the number after the last event of a lane that precedes the origin, by the lane's number in
    /// [`Causality::lanes`]; 0 if none does.
    pub fn past_end(&self, lane: usize) -> Seq {
        Seq(self.past.get(lane).copied().unwrap_or(0))
    }

    /// Returns the first event of a lane that follows from the origin, if one does.
    pub fn future_start(&self, lane: usize) -> Option<Seq> {
        self.future.get(lane).copied().filter(|first| *first != u64::MAX).map(Seq)
    }

    /// Returns how the origin stands to another event of the range.
    pub fn order_of(&self, causality: &Causality, other: Seq) -> Order {
        if other == self.origin {
            return Order::Same;
        }
        let Some(entry) = causality.entry(other) else { return Order::Concurrent };
        if entry.lane == NO_LANE || usize::from(entry.lane) >= self.past.len() {
            return self.order_of_link(causality, other);
        }
        if other.0 < self.past[usize::from(entry.lane)] {
            Order::After
        } else if other.0 >= self.future[usize::from(entry.lane)] {
            Order::Before
        } else {
            Order::Concurrent
        }
    }

    /// An event on a link follows from its cause alone.
    fn order_of_link(&self, causality: &Causality, other: Seq) -> Order {
        if self.past_links.contains(&other) {
            return Order::After;
        }
        let mut at = other;
        while let Some(cause) = causality.cause(at).filter(|cause| *cause >= self.origin) {
            if cause == self.origin || self.laned_in_future(causality, cause) {
                return Order::Before;
            }
            if causality.entry(cause).is_none_or(|entry| entry.lane != NO_LANE) {
                break;
            }
            at = cause;
        }
        Order::Concurrent
    }

    fn laned_in_future(&self, causality: &Causality, seq: Seq) -> bool {
        let lane = causality.entry(seq).map(|entry| usize::from(entry.lane));
        lane.and_then(|lane| self.future.get(lane)).is_some_and(|future| seq.0 >= *future)
    }

    fn reach_back(&mut self, causality: &Causality, cause: Option<Seq>) {
        let Some(cause) = cause else { return };
        let Some(entry) = causality.entry(cause) else { return };
        match self.past.get_mut(usize::from(entry.lane)) {
            Some(past) => *past = (*past).max(cause.0 + 1),
            None => drop(self.past_links.insert(cause)),
        }
    }
}
