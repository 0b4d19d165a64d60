//! Which events a filter lets through and a search finds, worked out a bounded number of events at a time.

use cluster_core::{
    event::{EventKind, TraceEvent},
    ids::{Endpoint, Seq},
    trace::TraceStore,
};

pub use crate::widgets::event_words::text;
use crate::widgets::{event_words::sent, run_mark::RunMark};

/// Families of kinds of events, as the filter offers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindFamily {
    /// What was asked of the cluster.
    Commands,
    /// Nodes that start, die, freeze.
    Nodes,
    /// Rules and connections.
    Links,
    /// Frames sent, arrived, dropped.
    Frames,
    /// What the literature has a name for.
    Milestones,
    /// What the checkers found.
    Findings,
    /// Logs and what nodes show of themselves.
    State,
    /// What clients do.
    Operations,
    /// Timers and syncs.
    Timers,
}

impl KindFamily {
    /// Every family, in the order of the filter.
    pub const ALL: [Self; 9] = [
        Self::Commands,
        Self::Nodes,
        Self::Links,
        Self::Frames,
        Self::Milestones,
        Self::Findings,
        Self::State,
        Self::Operations,
        Self::Timers,
    ];

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Commands => "Commands",
            Self::Nodes => "Nodes",
            Self::Links => "Links",
            Self::Frames => "Frames",
            Self::Milestones => "Milestones",
            Self::Findings => "Findings",
            Self::State => "State",
            Self::Operations => "Operations",
            Self::Timers => "Timers",
        }
    }
}

/// Returns the family of a kind, and the kind in words.
pub fn kind_words(kind: &EventKind) -> (KindFamily, &'static str) {
    match kind {
        EventKind::CommandIssued { .. } => (KindFamily::Commands, "command"),
        EventKind::CommandRefused { .. } => (KindFamily::Commands, "command refused"),
        EventKind::ClockChanged { .. } => (KindFamily::Commands, "clock changed"),
        EventKind::NodeStarted { .. } => (KindFamily::Nodes, "node started"),
        EventKind::NodeCrashed { .. } => (KindFamily::Nodes, "node crashed"),
        EventKind::NodeLostPower { .. } => (KindFamily::Nodes, "node lost power"),
        EventKind::NodeStopped { .. } => (KindFamily::Nodes, "node stopped"),
        EventKind::NodeFroze { .. } => (KindFamily::Nodes, "node froze"),
        EventKind::NodeUnfroze { .. } => (KindFamily::Nodes, "node unfroze"),
        EventKind::DiskWiped { .. } => (KindFamily::Nodes, "disk wiped"),
        EventKind::NodeFailed { .. } => (KindFamily::Nodes, "node failed"),
        EventKind::NodeFaultsChanged { .. } => (KindFamily::Nodes, "machine changed"),
        EventKind::NodeFaultsCounted { .. } => (KindFamily::Nodes, "machine counted"),
        EventKind::DiskHarmed { .. } => (KindFamily::Nodes, "disk harmed"),
        EventKind::LinkChanged { .. } => (KindFamily::Links, "link changed"),
        EventKind::ConnectionOpened { .. } => (KindFamily::Links, "connected"),
        EventKind::ConnectionLost { .. } => (KindFamily::Links, "connection lost"),
        EventKind::ConnectionReset { .. } => (KindFamily::Links, "connection reset"),
        EventKind::ConnectionHalfOpened { .. } => (KindFamily::Links, "half-open"),
        EventKind::FaultsTried { .. } => (KindFamily::Commands, "faults tried"),
        EventKind::KnobChanged { .. } => (KindFamily::Commands, "knob turned"),
        EventKind::KnobTaken { .. } => (KindFamily::Nodes, "knob taken over"),
        EventKind::LinkActed { .. } => (KindFamily::Frames, "link acted"),
        EventKind::FrameSent { .. } => (KindFamily::Frames, "frame sent"),
        EventKind::FrameDelivered { .. } => (KindFamily::Frames, "frame arrived"),
        EventKind::FrameDropped { .. } => (KindFamily::Frames, "frame dropped"),
        EventKind::FrameRejected { .. } => (KindFamily::Frames, "frame rejected"),
        EventKind::FrameHeld { .. } => (KindFamily::Frames, "frame held"),
        EventKind::FrameReleased { .. } => (KindFamily::Frames, "frame released"),
        EventKind::TrapSet { .. } => (KindFamily::Frames, "trap set"),
        EventKind::TrapSprung { .. } => (KindFamily::Frames, "trap sprung"),
        EventKind::TrapRemoved { .. } => (KindFamily::Frames, "trap removed"),
        EventKind::Milestone { .. } => (KindFamily::Milestones, "milestone"),
        EventKind::Found { .. } => (KindFamily::Findings, "finding"),
        EventKind::LogSpliced { .. } => (KindFamily::State, "log changed"),
        EventKind::ViewChanged { .. } => (KindFamily::State, "state changed"),
        EventKind::ClientChanged { .. } => (KindFamily::Operations, "client changed"),
        EventKind::DoorOpened { .. } => (KindFamily::Nodes, "door opened"),
        EventKind::VisitorCame { .. } => (KindFamily::Operations, "visitor came"),
        EventKind::VisitorLeft { .. } => (KindFamily::Operations, "visitor left"),
        EventKind::OpInvoked { .. } => (KindFamily::Operations, "operation began"),
        EventKind::OpReturned { .. } => (KindFamily::Operations, "operation ended"),
        EventKind::TimerFired { .. } => (KindFamily::Timers, "timer"),
        EventKind::DiskSynced { .. } => (KindFamily::Timers, "disk synced"),
    }
}

/// Returns where an event happened: one end, or from and to.
pub fn places(store: &TraceStore, event: &TraceEvent) -> (Option<Endpoint>, Option<Endpoint>) {
    match &event.kind {
        EventKind::CommandIssued { .. }
        | EventKind::CommandRefused { .. }
        | EventKind::ClockChanged { .. }
        | EventKind::FaultsTried { .. }
        | EventKind::KnobChanged { .. }
        // Neither knows its ends: they stand with the frame.
        | EventKind::FrameHeld { .. }
        | EventKind::FrameReleased { .. }
        | EventKind::TrapSprung { .. }
        | EventKind::TrapRemoved { .. } => (None, None),
        EventKind::TrapSet { what, .. } => (what.from, what.to),
        EventKind::NodeStarted { node, .. }
        | EventKind::NodeCrashed { node }
        | EventKind::NodeLostPower { node, .. }
        | EventKind::NodeStopped { node }
        | EventKind::NodeFroze { node }
        | EventKind::NodeUnfroze { node }
        | EventKind::DiskWiped { node }
        | EventKind::NodeFailed { node, .. }
        | EventKind::NodeFaultsChanged { node, .. }
        | EventKind::NodeFaultsCounted { node, .. }
        | EventKind::DiskHarmed { node, .. }
        | EventKind::KnobTaken { node, .. }
        | EventKind::FrameRejected { node, .. }
        | EventKind::DoorOpened { node, .. }
        | EventKind::TimerFired { node, .. }
        | EventKind::DiskSynced { node }
        | EventKind::Milestone { node, .. }
        | EventKind::LogSpliced { node, .. }
        | EventKind::ViewChanged { node, .. } => (Some((*node).into()), None),
        EventKind::LinkChanged { from, to, .. }
        | EventKind::ConnectionOpened { from, to }
        | EventKind::ConnectionLost { from, to }
        | EventKind::ConnectionReset { from, to }
        | EventKind::ConnectionHalfOpened { from, to, .. }
        | EventKind::FrameSent { from, to, .. } => (Some(*from), Some(*to)),
        EventKind::VisitorCame { client, node, .. } => (Some((*client).into()), Some((*node).into())),
        EventKind::ClientChanged { client, .. }
        | EventKind::VisitorLeft { client }
        | EventKind::OpInvoked { client, .. } => (Some((*client).into()), None),
        EventKind::FrameDelivered { .. } | EventKind::FrameDropped { .. } | EventKind::LinkActed { .. } => {
            match sent(store, event).map(|e| e.kind) {
                Some(EventKind::FrameSent { from, to, .. }) => (Some(from), Some(to)),
                _ => (None, None), // The cause is no sending: the recording does not know where.
            }
        }
        EventKind::OpReturned { node, .. } => (node.map(Endpoint::from), None),
        EventKind::Found { finding } => (finding.nodes.first().copied().map(Endpoint::from), None),
    }
}

/// What is let through.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Which families, in the order of [`KindFamily::ALL`].
    pub families: [bool; KindFamily::ALL.len()],
    /// Only events at this end.
    pub place: Option<Endpoint>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { families: [true; KindFamily::ALL.len()], place: None }
    }
}

impl Filter {
    fn lets_all(&self) -> bool {
        *self == Self::default()
    }

    fn lets(&self, store: &TraceStore, event: &TraceEvent) -> bool {
        let family = kind_words(&event.kind).0;
        if !self.families[family as usize] {
            return false;
        }
        self.place.is_none_or(|place| {
            let (from, to) = places(store, event);
            from == Some(place) || to == Some(place)
        })
    }
}

/// The rows that a filter lets through, and those of them in which a text was found.
#[derive(Default)]
pub struct EventIndex {
    filter: Filter,
    rows: Vec<Seq>,
    scanned: Seq,
    query: String,
    hits: Vec<usize>,
    searched: usize,
    run: RunMark,
}

impl EventIndex {
    /// Takes up to `budget` more events over, of a run that may have grown or may be another one.
    pub fn advance(&mut self, store: &TraceStore, filter: &Filter, query: &str, budget: u64) {
        let query = query.trim().to_lowercase();
        if *filter != self.filter || !self.run.is_of(store) {
            *self = Self { filter: filter.clone(), ..Self::default() };
        }
        if query != self.query {
            (self.query, self.searched) = (query, 0);
            self.hits.clear();
        }
        let until = Seq(store.len().0.min(self.scanned.0 + budget));
        if self.filter.lets_all() {
            self.scanned = store.len();
        } else if self.scanned < until {
            let (filter, rows) = (&self.filter, &mut self.rows);
            store.each(self.scanned..until, &mut |event| {
                if filter.lets(store, event) {
                    rows.push(event.seq);
                }
            });
            self.scanned = until;
        }
        self.search(store, budget as usize);
        self.run.mark(store, self.scanned);
    }

    fn search(&mut self, store: &TraceStore, budget: usize) {
        if self.query.is_empty() {
            return;
        }
        let until = self.len().min(self.searched + budget);
        let found = |event: &TraceEvent| text(store, event).to_lowercase().contains(&self.query);
        let mut hits = Vec::new();
        if self.filter.lets_all() {
            store.each(Seq(self.searched as u64)..Seq(until as u64), &mut |event| {
                if found(event) {
                    hits.push(event.seq.0 as usize);
                }
            });
        } else {
            let rows = self.searched..until;
            let event = |row: usize| self.seq(row).and_then(|seq| store.event(seq));
            hits.extend(rows.filter(|row| event(*row).is_some_and(|event| found(&event))));
        }
        self.hits.extend(hits);
        self.searched = until;
    }

    /// Returns how many rows there are so far.
    pub fn len(&self) -> usize {
        if self.filter.lets_all() { self.scanned.0 as usize } else { self.rows.len() }
    }

    /// Returns whether there are no rows so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the event of a row.
    pub fn seq(&self, row: usize) -> Option<Seq> {
        if self.filter.lets_all() { Some(Seq(row as u64)) } else { self.rows.get(row).copied() }
    }

    /// Returns the first row whose event is not before `seq`.
    pub fn row_at(&self, seq: Seq) -> usize {
        if self.filter.lets_all() {
            (seq.0 as usize).min(self.len())
        } else {
            self.rows.partition_point(|row| *row < seq)
        }
    }

    /// Returns the rows in which the text was found so far.
    pub fn hits(&self) -> &[usize] {
        &self.hits
    }

    /// Returns how much of the work is done: 1 is all.
    pub fn progress(&self, store: &TraceStore) -> f32 {
        let share = |done: usize, all: usize| if all == 0 { 1.0 } else { done as f32 / all as f32 };
        let scanned = share(self.scanned.0 as usize, store.len().0 as usize);
        let searched = if self.query.is_empty() { 1.0 } else { share(self.searched, self.len()) };
        scanned * searched
    }
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        ids::{MsgId, NodeId},
        name::Name,
        spec::ClusterSpec,
        time::Timestamp,
    };

    use super::*;

    fn store(count: u64) -> TraceStore {
        let mut store = TraceStore::new(ClusterSpec::default());
        let kind = |seq: u64| match seq % 3 {
            0 => EventKind::NodeCrashed { node: NodeId(1) },
            1 => EventKind::TimerFired { node: NodeId(2), timer: Name::new("election") },
            _ => EventKind::FrameDelivered { msg: MsgId(seq) },
        };
        let event = |seq| TraceEvent { seq: Seq(seq), at: Timestamp(seq), cause: None, kind: kind(seq) };
        store.append((0..count).map(event).collect());
        store
    }

    fn only(family: KindFamily) -> Filter {
        let mut filter = Filter { families: [false; KindFamily::ALL.len()], place: None };
        filter.families[family as usize] = true;
        filter
    }

    #[test]
    fn without_a_filter_every_event_is_a_row_at_once() {
        let (store, mut index) = (store(300), EventIndex::default());
        index.advance(&store, &Filter::default(), "", 10);
        assert_eq!((index.len(), index.seq(299)), (300, Some(Seq(299))));
        assert_eq!(index.progress(&store), 1.0);
    }

    #[test]
    fn a_filter_works_through_the_run_a_bounded_step_at_a_time() {
        let (store, mut index) = (store(300), EventIndex::default());
        index.advance(&store, &only(KindFamily::Timers), "", 100);
        assert!(index.progress(&store) < 0.5);
        for _ in 0..2 {
            index.advance(&store, &only(KindFamily::Timers), "", 100);
        }
        assert_eq!((index.len(), index.seq(0), index.progress(&store)), (100, Some(Seq(1)), 1.0));
    }

    #[test]
    fn a_place_lets_only_its_own_events_through() {
        let (store, mut index) = (store(9), EventIndex::default());
        let filter = Filter { place: Some(NodeId(2).into()), ..Filter::default() };
        index.advance(&store, &filter, "", 100);
        assert_eq!((0..index.len()).filter_map(|row| index.seq(row)).collect::<Vec<_>>(), [Seq(1), Seq(4), Seq(7)]);
    }

    #[test]
    fn a_search_finds_rows_among_those_let_through_and_forgets_on_another_word() {
        let (store, mut index) = (store(9), EventIndex::default());
        index.advance(&store, &Filter::default(), "ELECTION", 100);
        assert_eq!(index.hits(), [1, 4, 7]);
        index.advance(&store, &Filter::default(), "crashed", 100);
        assert_eq!(index.hits(), [0, 3, 6]);
        index.advance(&store, &only(KindFamily::Timers), "crashed", 100);
        assert!(index.hits().is_empty());
    }

    #[test]
    fn another_run_begins_anew() {
        let mut index = EventIndex::default();
        index.advance(&store(9), &only(KindFamily::Nodes), "", 100);
        let other = TraceStore::new(ClusterSpec { seed: 2, ..ClusterSpec::default() });
        index.advance(&other, &only(KindFamily::Nodes), "", 100);
        assert!(index.is_empty());
    }
}
