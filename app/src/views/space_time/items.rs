//! What happens in the stretch that is seen: messages with both their ends, marks, and operations.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use cluster_core::{
    event::{EventKind, Family, MemberStatus, Milestone, Outcome, TraceEvent, ViewChange},
    fault::DropReason,
    ids::{Endpoint, MsgId, OpId, Seq},
    name::Name,
    time::Timestamp,
    trace::{TraceStore, import::LOGGED},
};

/// More events than this are not looked at one by one.
pub(super) const EVENTS_MAX: u64 = 150_000;

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) sent: Seq,
    pub(super) sent_at: Timestamp,
    pub(super) due: Timestamp,
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    pub(super) name: Name,
    pub(super) family: Family,
    pub(super) refuses: bool,
    pub(super) held: bool,
    pub(super) end: Option<End>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    /// Why it was dropped; `None` if it arrived.
    pub(super) dropped: Option<DropReason>,
}

/// Something that happened at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) place: Endpoint,
    pub(super) kind: MarkKind,
}

/// Kinds of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    Campaign,
    Elected,
    SteppedDown,
    Vote,
    Committed,
    Erased,
    Snapshot,
    Up,
    Down,
    Timer,
    News,
}

/// An operation of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) began: Seq,
    pub(super) from: Timestamp,
    pub(super) client: Endpoint,
    pub(super) end: Option<(Seq, Timestamp, OpEnd)>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpEnd {
    Ok,
    Failed,
    NoAnswer,
}

/// What is seen, taken over event by event as the stretch moves along.
#[derive(Default)]
pub(super) struct Items {
    range: Range<Seq>,
    pub(super) messages: VecDeque<Message>,
    pub(super) marks: VecDeque<Mark>,
    pub(super) operations: VecDeque<Operation>,
    /// Where the open ones stand, counted from the first that ever was in its list.
    flights: BTreeMap<MsgId, u64>,
    ops: BTreeMap<OpId, u64>,
    /// How many left their list at its front.
    gone: (u64, u64),
}

impl Items {
    /// Takes over what happens in a range of events.
    pub(super) fn show(&mut self, store: &TraceStore, range: Range<Seq>) {
        let goes_on = self.range.start <= range.start && range.start < self.range.end && self.range.end <= range.end;
        if !goes_on && range != self.range {
            *self = Self { range: range.start..range.start, ..Self::default() };
        }
        let from = self.range.end;
        store.each(from..range.end, &mut |event| self.push(event));
        self.range = range;
        self.forget();
    }

    /// Forgets everything: the run is another one.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, event: &TraceEvent) {
        let (seq, at) = (event.seq, event.at);
        match &event.kind {
            EventKind::FrameSent { msg, from, to, info, due, .. } => {
                self.flights.insert(*msg, self.gone.0 + self.messages.len() as u64);
                let (name, family, refuses) = (info.name, info.family, info.refuses);
                let (from, to, due, held, end) = (*from, *to, *due, false, None);
                let message = Message { sent: seq, sent_at: at, due, from, to, name, family, refuses, held, end };
                self.messages.push_back(message);
            }
            EventKind::FrameDelivered { msg } => self.end(*msg, End { seq, at, dropped: None }),
            EventKind::FrameDropped { msg, reason } => self.end(*msg, End { seq, at, dropped: Some(*reason) }),
            EventKind::FrameHeld { msg, .. } => self.hold(*msg, true),
            EventKind::FrameReleased { msg } => self.hold(*msg, false),
            EventKind::OpInvoked { op, client, .. } => {
                self.ops.insert(*op, self.gone.1 + self.operations.len() as u64);
                let operation = Operation { began: seq, from: at, client: (*client).into(), end: None };
                self.operations.push_back(operation);
            }
            EventKind::OpReturned { op, outcome, .. } => {
                let Some(place) = self.ops.remove(op).and_then(|place| place.checked_sub(self.gone.1)) else { return };
                let end = match outcome {
                    Outcome::NoAnswer => OpEnd::NoAnswer,
                    Outcome::Failed(_) => OpEnd::Failed,
                    Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => {
                        OpEnd::Ok
                    }
                };
                if let Some(operation) = self.operations.get_mut(place as usize) {
                    operation.end = Some((seq, at, end));
                }
            }
            kind => {
                if let Some((kind, place)) = mark(kind) {
                    self.marks.push_back(Mark { seq, at, place, kind });
                }
            }
        }
    }

    fn end(&mut self, msg: MsgId, end: End) {
        if let Some(message) = self.flights.remove(&msg).and_then(|place| self.message_mut(place)) {
            message.end = Some(end);
        }
    }

    fn hold(&mut self, msg: MsgId, held: bool) {
        if let Some(message) = self.flights.get(&msg).copied().and_then(|place| self.message_mut(place)) {
            message.held = held;
        }
    }

    fn message_mut(&mut self, place: u64) -> Option<&mut Message> {
        self.messages.get_mut(place.checked_sub(self.gone.0)? as usize)
    }

    /// Lets go of what began before the range; messages that are long under way go with it.
    fn forget(&mut self) {
        let start = self.range.start;
        let before = self.messages.partition_point(|message| message.sent < start);
        self.messages.drain(..before);
        self.gone.0 += before as u64;
        let before = self.marks.partition_point(|mark| mark.seq < start);
        self.marks.drain(..before);
        let before = self.operations.partition_point(|operation| operation.began < start);
        self.operations.drain(..before);
        self.gone.1 += before as u64;
        let (messages, operations) = self.gone;
        if self.flights.len() > self.messages.len() {
            self.flights.retain(|_, place| *place >= messages);
        }
        if self.ops.len() > self.operations.len() {
            self.ops.retain(|_, place| *place >= operations);
        }
    }
}

/// Returns what mark an event leaves, and where.
fn mark(kind: &EventKind) -> Option<(MarkKind, Endpoint)> {
    let (mark, node) = match kind {
        EventKind::Milestone { node, milestone } => (of_milestone(milestone)?, node),
        EventKind::ViewChanged { node, changes }
            if changes.iter().any(|change| matches!(change, ViewChange::CommitIndex(_))) =>
        {
            (MarkKind::Committed, node)
        }
        EventKind::ViewChanged { node, changes } if changes.iter().any(is_logged) => (MarkKind::News, node),
        EventKind::NodeCrashed { node }
        | EventKind::NodeLostPower { node, .. }
        | EventKind::NodeStopped { node }
        | EventKind::NodeFailed { node, .. }
        | EventKind::NodeFroze { node } => (MarkKind::Down, node),
        EventKind::NodeStarted { node, .. } | EventKind::NodeUnfroze { node } => (MarkKind::Up, node),
        EventKind::TimerFired { node, .. } => (MarkKind::Timer, node),
        EventKind::DiskWiped { node } | EventKind::DiskHarmed { node, .. } => (MarkKind::News, node),
        // The rest is read in the list of events.
        _ => return None,
    };
    Some((mark, (*node).into()))
}

/// Returns whether a change is what a log of others says of an event.
fn is_logged(change: &ViewChange) -> bool {
    matches!(change, ViewChange::Extra(extra) if extra.iter().any(|(name, _)| *name == LOGGED))
}

fn of_milestone(milestone: &Milestone) -> Option<MarkKind> {
    Some(match milestone {
        Milestone::PreVoteStarted { .. } | Milestone::ElectionStarted { .. } => MarkKind::Campaign,
        Milestone::VoteGranted { .. } => MarkKind::Vote,
        Milestone::LeaderElected { .. } => MarkKind::Elected,
        Milestone::SteppedDown { .. } => MarkKind::SteppedDown,
        Milestone::EntriesErased { .. } => MarkKind::Erased,
        Milestone::SnapshotTaken { .. } | Milestone::SnapshotSent { .. } | Milestone::SnapshotInstalled { .. } => {
            MarkKind::Snapshot
        }
        Milestone::MembersChanged { .. }
        | Milestone::TransferStarted { .. }
        | Milestone::ModeChanged { .. }
        | Milestone::Suspected { .. }
        | Milestone::Fenced { .. }
        | Milestone::Refuted { .. }
        | Milestone::LogSynced { .. } => MarkKind::News,
        // Who was never doubted is no news.
        Milestone::MemberViewChanged { status, .. } => match status {
            MemberStatus::Suspect | MemberStatus::Dead => MarkKind::News,
            MemberStatus::Alive => return None,
        },
        // As often as commits, and right after them.
        Milestone::Applied { .. } | Milestone::Recovered { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use cluster_core::spec::ClusterSpec;

    use super::*;
    use crate::testing::plausible_run;

    fn store() -> TraceStore {
        let (spec, events) = plausible_run();
        let mut store = TraceStore::new(spec);
        store.append(events);
        store
    }

    fn told(items: &Items) -> Vec<(Seq, Option<Seq>)> {
        let messages = items.messages.iter().map(|message| (message.sent, message.end.map(|end| end.seq)));
        let marks = items.marks.iter().map(|mark| (mark.seq, None));
        messages.chain(marks).chain(items.operations.iter().map(|operation| (operation.began, None))).collect()
    }

    #[test]
    fn a_stretch_that_moves_along_shows_the_same_as_one_that_is_looked_at_anew() {
        let store = store();
        let mut moving = Items::default();
        for start in (0..store.len().0).step_by(37) {
            let range = Seq(start)..Seq(start + 200).min(store.len());
            moving.show(&store, range.clone());
            let mut fresh = Items::default();
            fresh.show(&store, range);
            assert_eq!(told(&moving), told(&fresh), "from {start}");
        }
    }

    #[test]
    fn a_message_has_both_its_ends_and_a_dropped_one_its_reason() {
        let store = store();
        let mut items = Items::default();
        items.show(&store, Seq(0)..store.len());
        assert!(items.messages.iter().any(|message| message.end.is_some_and(|end| end.dropped.is_none())));
        assert!(
            items.messages.iter().any(|message| message.end.is_some_and(|end| end.dropped == Some(DropReason::Cut)))
        );
        assert!(items.messages.iter().any(|message| message.end.is_none()), "some are still under way");
        items.show(&TraceStore::new(ClusterSpec::default()), Seq(0)..Seq(0));
        assert!(items.messages.is_empty());
    }
}
