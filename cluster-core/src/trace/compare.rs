//! Two runs beside each other: where they begin to differ, and in what.

use std::collections::BTreeMap;

use super::{ClusterState, TraceStore, file::PAYLOAD_KEPT, line};
use crate::{
    event::{EventKind, TraceEvent},
    ids::Seq,
};

/// By what two events are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// By everything: for runs that one recipe makes, bit for bit.
    Exact,
    /// By what they tell, whenever that was; frames, timers, and the numbers of everything are left out: for runs whose
    /// timing is not the same.
    Story,
}

/// The first events in which two runs differ; one of them may have ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The event of the one run.
    pub one: Option<TraceEvent>,
    /// The event of the other.
    pub other: Option<TraceEvent>,
}

/// Looks for the first difference of two runs, a bounded number of events at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Differ {
    sameness: Sameness,
    next: (Seq, Seq),
    found: Option<Difference>,
    ended: bool,
}

impl Differ {
    /// Begins at one event of each run, which are taken for the same moment.
    pub fn new(sameness: Sameness, from: (Seq, Seq)) -> Self {
        Self { sameness, next: from, found: None, ended: false }
    }

    /// Looks at up to about `most` more events. Returns whether the answer is known.
    pub fn advance(&mut self, one: &TraceStore, other: &TraceStore, most: u64) -> bool {
        let mut left = most;
        while !self.is_done() && left > 0 {
            let count = left.min(CHUNK);
            let (a, b) = (self.told(one, self.next.0, count), self.told(other, self.next.1, count));
            self.compare((one, &a), (other, &b), count);
            left -= count;
        }
        self.is_done()
    }

    /// Returns whether the answer is known.
    pub fn is_done(&self) -> bool {
        self.found.is_some() || self.ended
    }

    /// Returns the difference, if one was found.
    pub fn found(&self) -> Option<&Difference> {
        self.found.as_ref()
    }

    /// Returns up to where the runs are known to be the same.
    pub fn same_until(&self) -> (Seq, Seq) {
        self.next
    }

    /// Returns the next events that count.
    fn told(&self, store: &TraceStore, from: Seq, count: u64) -> Vec<TraceEvent> {
        let mut told = store.events(from..Seq(from.0.saturating_add(count)));
        if self.sameness == Sameness::Story {
            told.retain(|event| is_story(&event.kind));
        }
        told
    }

    fn compare(&mut self, one: (&TraceStore, &[TraceEvent]), other: (&TraceStore, &[TraceEvent]), count: u64) {
        let ((one, a), (other, b)) = (one, other);
        let same = a.iter().zip(b).take_while(|(a, b)| are_same(self.sameness, a, b)).count();
        // What both have of this chunk is the same up to there; the rest is looked at again, beside what comes next.
        let behind = |store: &TraceStore, from: Seq, told: &[TraceEvent]| {
            told.get(same).map_or_else(|| Seq(from.0.saturating_add(count)).min(store.len()), |left| left.seq)
        };
        self.next = (behind(one, self.next.0, a), behind(other, self.next.1, b));
        if let (Some(a), Some(b)) = (a.get(same), b.get(same)) {
            self.found = Some(Difference { one: Some(a.clone()), other: Some(b.clone()) });
            return;
        }
        let ended = (self.next.0 >= one.len(), self.next.1 >= other.len());
        if ended.0 || ended.1 {
            let left = (self.rest(one, self.next.0), self.rest(other, self.next.1));
            self.ended = true;
            self.found = (left.0.is_some() || left.1.is_some()).then_some(Difference { one: left.0, other: left.1 });
        }
    }

    /// Returns the first event that counts of what only one run has.
    fn rest(&self, store: &TraceStore, from: Seq) -> Option<TraceEvent> {
        let mut next = from;
        while next < store.len() {
            if let Some(first) = self.told(store, next, CHUNK).into_iter().next() {
                return Some(first);
            }
            next = Seq(next.0 + CHUNK);
        }
        None
    }
}

/// How many events of each run are looked at together.
const CHUNK: u64 = 2048;

/// Returns whether two events are the same. Payloads count as far as recordings keep them.
pub fn are_same(sameness: Sameness, one: &TraceEvent, other: &TraceEvent) -> bool {
    match sameness {
        Sameness::Exact => {
            (one.seq, one.at, one.cause) == (other.seq, other.at, other.cause) && same_kind(&one.kind, &other.kind)
        }
        Sameness::Story => line(&one.kind) == line(&other.kind),
    }
}

fn same_kind(one: &EventKind, other: &EventKind) -> bool {
    let (EventKind::FrameSent { payload: a, .. }, EventKind::FrameSent { payload: b, .. }) = (one, other) else {
        return one == other;
    };
    if a == b {
        return one == other;
    }
    let kept = a.len().min(b.len());
    let (mut one, mut other) = (one.clone(), other.clone());
    for kind in [&mut one, &mut other] {
        if let EventKind::FrameSent { payload, .. } = kind {
            payload.truncate(kept);
        }
    }
    kept >= PAYLOAD_KEPT && one == other
}

/// Returns whether an event is part of the story of a run, whatever its timing.
fn is_story(kind: &EventKind) -> bool {
    match kind {
        EventKind::CommandIssued { command, .. } => !super::Recipe::is_of_the_clock(command),
        EventKind::CommandRefused { .. }
        | EventKind::NodeCrashed { .. }
        | EventKind::NodeLostPower { .. }
        | EventKind::NodeStopped { .. }
        | EventKind::NodeFroze { .. }
        | EventKind::NodeUnfroze { .. }
        | EventKind::NodeFailed { .. }
        | EventKind::DiskWiped { .. }
        | EventKind::Milestone { .. } => true,
        // Everything else comes in another order in each run, or says what port the system gave.
        _ => false,
    }
}

/// One thing in which two states differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDifference {
    /// What, such as `n2 role`.
    pub what: String,
    /// How it is in the one state; empty if it is not there.
    pub one: String,
    /// How it is in the other.
    pub other: String,
}

/// Returns in what two states differ: nodes first, then links, clients and what is broken.
pub fn state_differences(one: &ClusterState, other: &ClusterState) -> Vec<StateDifference> {
    let (one, other) = (facts(one), facts(other));
    let whats: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let text = |facts: &BTreeMap<Place, String>, what| facts.get(what).cloned().unwrap_or_default();
    let differences = whats.into_iter().filter_map(|what| {
        let (one, other) = (text(&one, what), text(&other, what));
        (one != other).then(|| StateDifference { what: what.words(), one, other })
    });
    differences.collect()
}

/// Where a fact belongs, in the order in which facts are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Cluster(&'static str),
    Node(crate::ids::NodeId, &'static str),
    Client(crate::ids::ClientId, &'static str),
    Link(crate::fault::LinkId, &'static str),
}

impl Place {
    fn words(&self) -> String {
        match self {
            Self::Cluster(what) => (*what).to_owned(),
            Self::Node(node, what) => format!("{node} {what}"),
            Self::Client(client, what) => format!("{client} {what}"),
            Self::Link((from, to), what) => format!("{from} → {to} {what}"),
        }
    }
}

fn facts(state: &ClusterState) -> BTreeMap<Place, String> {
    let mut facts = BTreeMap::new();
    let leader = state.leader().map_or_else(|| "nobody".to_owned(), |leader| leader.to_string());
    facts.insert(Place::Cluster("leader"), leader);
    facts.insert(Place::Cluster("messages under way"), state.flights.len().to_string());
    facts.insert(Place::Cluster("operations under way"), state.ops.len().to_string());
    for (node, it) in &state.nodes {
        let view = &it.view;
        let leader = view.leader.map_or_else(|| "nobody".to_owned(), |leader| leader.to_string());
        let told = [
            ("status", it.status.word().to_owned()),
            ("role", view.role_name.to_string()),
            ("epoch", view.epoch.to_string()),
            ("follows", leader),
            ("log ends at", it.log.last().to_string()),
            ("committed", view.commit_index.to_string()),
            ("applied", view.applied_index.to_string()),
            ("state", format!("{} keys, {:04x}", view.keys, view.state_hash & 0xffff)),
        ];
        facts.extend(told.map(|(what, text)| (Place::Node(*node, what), text)));
    }
    for (client, it) in &state.clients {
        let told = [
            ("acknowledged", it.ok.to_string()),
            ("failed", it.failed.to_string()),
            ("unanswered", it.unanswered.to_string()),
        ];
        facts.extend(told.map(|(what, text)| (Place::Client(*client, what), text)));
    }
    for (link, it) in state.links.iter().filter(|(_, link)| !link.rules.is_healthy()) {
        facts.insert(Place::Link(*link, "rules"), super::rules_words(&it.rules));
    }
    facts
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
