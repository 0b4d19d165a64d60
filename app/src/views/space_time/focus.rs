//! What is looked at: one event with its past and future, or two and how they stand to each other.

use std::{collections::BTreeMap, ops::Range};

use cluster_core::{
    ids::{Endpoint, Seq},
    time::Timestamp,
    trace::{
        TraceStore,
        causality::{Causality, Chain, ChainError, Cone, Lane, Order},
    },
};

use crate::theme::space_time as sizes;

/// Until when a lane's events are of the past, and from when they are of the future.
pub(super) type Reach = (Option<Timestamp>, Option<Timestamp>);

/// What is looked at.
#[derive(Default)]
pub(super) struct Focus {
    cone: Option<Cone>,
    /// What the cone was made of.
    made_of: Option<(Seq, Range<Seq>)>,
    reach: BTreeMap<Endpoint, Reach>,
    /// The second event, if two are compared.
    pub(super) second: Option<Seq>,
    compared: Option<Compared>,
}

/// Two events, and how they stand to each other.
pub(super) struct Compared {
    pub(super) pair: (Seq, Seq),
    pub(super) order: Option<Order>,
    /// The way from the earlier to the later one, if there is one.
    pub(super) chain: Option<Result<Chain, ChainError>>,
}

impl Focus {
    /// Looks at an event, as far as it lies in a range that is seen; at nothing if there is none.
    pub(super) fn look(&mut self, store: &TraceStore, causality: &Causality, first: Option<Seq>, range: &Range<Seq>) {
        let wanted = first.map(|first| (first, range.clone()));
        if self.made_of != wanted {
            self.cone = first.and_then(|first| causality.cone(first, range.clone()));
            self.reach = self.cone.as_ref().map(|cone| reach(store, causality, cone)).unwrap_or_default();
            self.made_of = wanted;
        }
    }

    /// Compares two events; remembers the answer until it is about others.
    pub(super) fn compare(&mut self, causality: &Causality, pair: Option<(Seq, Seq)>) {
        let Some((a, b)) = pair else {
            self.compared = None;
            return;
        };
        // An event that was not taken over yet may be by the next frame.
        if self.compared.as_ref().is_some_and(|known| known.pair == (a, b) && known.order.is_some()) {
            return;
        }
        let order = causality.order(a, b);
        let chain = match order {
            Some(Order::Before) => Some(causality.chain(a, b)),
            Some(Order::After) => Some(causality.chain(b, a)),
            Some(Order::Same | Order::Concurrent) | None => None,
        };
        self.compared = Some(Compared { pair: (a, b), order, chain });
    }

    pub(super) fn compared(&self) -> Option<&Compared> {
        self.compared.as_ref()
    }

    pub(super) fn cone(&self) -> Option<&Cone> {
        self.cone.as_ref()
    }

    /// Returns how strongly something is drawn that has these events.
    pub(super) fn strength(&self, causality: &Causality, seq: Seq, end: Option<Seq>) -> f32 {
        let Some(cone) = &self.cone else { return sizes::CALM };
        let related = |seq: Seq| cone.order_of(causality, seq) != Order::Concurrent;
        // A message is of the future if it was sent there, and of the past if it arrived there.
        let sent = cone.order_of(causality, seq);
        let shown = match (sent, end) {
            (Order::Before | Order::Same, _) => true,
            (_, Some(end)) => matches!(cone.order_of(causality, end), Order::After | Order::Same),
            (_, None) => related(seq),
        };
        if shown { 1.0 } else { sizes::FADED }
    }

    /// Returns whether one of these events is what is looked at, or lies on the way between the two that are.
    pub(super) fn is_looked_at(&self, seq: Seq, end: Option<Seq>) -> bool {
        let is = |seq: Seq| self.cone.as_ref().is_some_and(|cone| cone.origin() == seq) || self.second == Some(seq);
        let on_the_way = self.compared.as_ref().and_then(|compared| compared.chain.as_ref()).is_some_and(|chain| {
            chain
                .as_ref()
                .is_ok_and(|chain| chain.events.contains(&seq) && end.is_some_and(|end| chain.events.contains(&end)))
        });
        is(seq) || end.is_some_and(is) || on_the_way
    }

    /// Returns until when a lane's events are in the past of what is looked at, and from when in its future.
    pub(super) fn reach(&self, end: Endpoint) -> Reach {
        self.reach.get(&end).copied().unwrap_or_default()
    }
}

/// Returns how far a cone reaches on each lane, in time.
fn reach(store: &TraceStore, causality: &Causality, cone: &Cone) -> BTreeMap<Endpoint, Reach> {
    let at = |seq: Seq| store.event(seq).map(|event| event.at);
    let of = |(number, lane): (usize, &Lane)| match lane {
        Lane::Outside => None,
        Lane::At(end) => {
            let past = cone.past_end(number).0.checked_sub(1).and_then(|last| at(Seq(last)));
            Some((*end, (past, cone.future_start(number).and_then(at))))
        }
    };
    causality.lanes().iter().enumerate().filter_map(of).collect()
}
