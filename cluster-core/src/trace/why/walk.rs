//! Follows the causes that events carry, one sentence a link.

use std::time::Duration;

use super::{Because, BecauseKind, LINKS_MAX};
use crate::{
    command::Command,
    event::{EventKind, Family, MemberStatus, Milestone, TraceEvent, ViewChange},
    fault::{ByHand, DropReason},
    ids::{Endpoint, MsgId, NodeId, Seq},
    time::Timestamp,
    trace::{Broken, ClusterState, TraceStore, by_hand, line, sentence},
};

/// How many events are read at once when something is looked for from the end.
const CHUNK: u64 = 16_384;

/// A walk back through the causes.
pub(super) struct Walk<'a> {
    pub(super) store: &'a TraceStore,
    /// Events from here on are not known.
    pub(super) end: Seq,
    /// The protocol's word for its epochs.
    pub(super) word: &'a str,
    links: Vec<Because>,
}

/// A frame that was sent.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) seq: Seq,
    pub(super) cause: Option<Seq>,
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    pub(super) name: &'static str,
    pub(super) family: Family,
}

impl<'a> Walk<'a> {
    pub(super) fn new(store: &'a TraceStore, end: Seq, word: &'a str) -> Self {
        Self { store, end, word, links: Vec::new() }
    }

    /// Returns the links, each before what led to it.
    pub(super) fn finish(self) -> Vec<Because> {
        self.links
    }

    /// Returns an event that is known at the cursor.
    pub(super) fn event(&self, seq: Seq) -> Option<TraceEvent> {
        (seq < self.end).then(|| self.store.event(seq))?
    }

    /// Returns the state before an event.
    pub(super) fn state(&self, before: Seq) -> ClusterState {
        self.store.state_at(before)
    }

    /// Adds a link, unless its event has one already. Returns whether it was added.
    pub(super) fn add(&mut self, seq: Seq, at: Timestamp, kind: BecauseKind, sentence: String) -> bool {
        let new = !self.tells(seq) && self.links.len() < LINKS_MAX;
        if new {
            self.links.push(Because { seq, at, kind, sentence });
        }
        new
    }

    /// Puts a link before all others.
    pub(super) fn add_first(&mut self, seq: Seq, at: Timestamp, kind: BecauseKind, sentence: String) {
        self.links.retain(|link| link.seq != seq);
        self.links.insert(0, Because { seq, at, kind, sentence });
    }

    fn tells(&self, seq: Seq) -> bool {
        self.links.iter().any(|link| link.seq == seq)
    }

    /// Returns the sentence of an event, as the story tells it.
    pub(super) fn said(&self, seq: Seq) -> Option<String> {
        let event = self.event(seq)?;
        sentence(&event, &self.state(seq), self.word)
    }

    /// Follows causes from an event to the root.
    pub(super) fn follow(&mut self, from: Option<Seq>) {
        let mut next = from;
        while let Some(seq) = next {
            let Some(event) = self.event(seq) else { return };
            let before = self.links.len();
            next = self.step(&event).filter(|cause| *cause < seq);
            // What is explained already is explained to its root; what adds no link of its own goes on.
            let known = self.tells(seq) && self.links.len() == before;
            if known || self.links.len() >= LINKS_MAX {
                return;
            }
        }
    }

    /// Returns the last event before another of which `wanted` is true.
    pub(super) fn last_before(&self, before: Seq, wanted: impl Fn(&TraceEvent) -> bool) -> Option<Seq> {
        let mut until = before.min(self.end).0;
        while until > 0 {
            let from = until.saturating_sub(CHUNK);
            let mut found = None;
            self.store.each(Seq(from)..Seq(until), &mut |event| {
                if wanted(event) {
                    found = Some(event.seq);
                }
            });
            if found.is_some() {
                return found;
            }
            until = from;
        }
        None
    }

    /// Returns the frame that an event sent, delivered or dropped.
    pub(super) fn sent(&self, event: &TraceEvent) -> Option<Sent> {
        let of = |event: &TraceEvent| match event.kind {
            EventKind::FrameSent { from, to, info, .. } => Some(Sent {
                seq: event.seq,
                cause: event.cause,
                from,
                to,
                name: info.name.as_str(),
                family: info.family,
            }),
            // Only frames are sent.
            _ => None,
        };
        of(event).or_else(|| of(&self.store.event(event.cause?)?))
    }

    /// Adds what an event says, and returns what led to it.
    fn step(&mut self, event: &TraceEvent) -> Option<Seq> {
        match &event.kind {
            EventKind::FrameDelivered { msg } => self.delivered(event, *msg),
            EventKind::FrameSent { .. } => {
                let sent = self.sent(event)?;
                self.add(
                    event.seq,
                    event.at,
                    BecauseKind::Message,
                    format!("{} sent {} {}", sent.from, sent.to, sent.name),
                );
                self.before_sending(sent)
            }
            EventKind::FrameDropped { reason, .. } => self.dropped(event, *reason),
            EventKind::TimerFired { node, timer } => match self.milestone_beside(event.seq, *node, self.end) {
                Some(milestone) => Some(milestone.seq).and_then(|_| self.step(&milestone)),
                None => {
                    self.add(event.seq, event.at, BecauseKind::Timer, format!("The timer {timer} of {node} ran out"));
                    None
                }
            },
            EventKind::DiskSynced { node } => self.before_sync(event.seq, *node),
            EventKind::Milestone { node, milestone } => {
                let said = self.said(event.seq).unwrap_or_else(|| line(&event.kind));
                if !self.add(event.seq, event.at, BecauseKind::Protocol, said) {
                    return None;
                }
                self.before_milestone(event, *node, milestone)
            }
            EventKind::ViewChanged { node, changes } => {
                let of_office = |change: &&ViewChange| {
                    let kinds = matches!(change, ViewChange::Role(..) | ViewChange::Epoch(_) | ViewChange::Leader(_));
                    kinds || matches!(change, ViewChange::VotedFor(_))
                };
                let of_office: Vec<_> = changes.iter().filter(of_office).cloned().collect();
                let changes = if of_office.is_empty() { changes.clone() } else { of_office };
                let words = line(&EventKind::ViewChanged { node: *node, changes });
                self.add(event.seq, event.at, BecauseKind::Protocol, words);
                event.cause
            }
            EventKind::LogSpliced { .. } => {
                self.add(event.seq, event.at, BecauseKind::Protocol, line(&event.kind));
                event.cause
            }
            EventKind::OpReturned { op, outcome, .. } => self.returned(event, *op, outcome),
            EventKind::OpInvoked { client, request, .. } => {
                self.add(event.seq, event.at, BecauseKind::Client, format!("{client} asked for {request}"));
                event.cause
            }
            EventKind::CommandIssued { .. } => {
                let said = self.said(event.seq).unwrap_or_else(|| line(&event.kind));
                self.add(event.seq, event.at, BecauseKind::Command, said);
                None
            }
            EventKind::LinkChanged { rules, .. } => {
                let kind = if rules.is_healthy() { BecauseKind::Command } else { BecauseKind::Fault };
                let more = self.other_links(event);
                self.add(event.seq, event.at, kind, format!("{}{more}", line(&event.kind)));
                event.cause
            }
            EventKind::NodeCrashed { .. }
            | EventKind::NodeLostPower { .. }
            | EventKind::NodeStopped { .. }
            | EventKind::NodeFroze { .. }
            | EventKind::NodeFailed { .. }
            | EventKind::DiskWiped { .. } => self.told(event, BecauseKind::Fault),
            EventKind::FrameHeld { msg, by: Some(trap) } => {
                let words = by_hand::caught_sentence(*msg, *trap, &self.state(event.seq));
                self.add(event.seq, event.at, BecauseKind::Fault, words);
                // That the trap sprang says the same.
                event.cause.and_then(|sprung| self.event(sprung)?.cause)
            }
            EventKind::FrameHeld { by: None, .. }
            | EventKind::FrameReleased { .. }
            | EventKind::TrapSet { .. }
            | EventKind::TrapSprung { .. }
            | EventKind::TrapRemoved { .. }
            | EventKind::FrameRejected { .. }
            | EventKind::ConnectionLost { .. }
            | EventKind::ConnectionReset { .. }
            | EventKind::ConnectionHalfOpened { .. }
            | EventKind::LinkActed { .. }
            | EventKind::NodeFaultsCounted { .. }
            | EventKind::DiskHarmed { .. }
            | EventKind::Found { .. } => self.told(event, BecauseKind::Fault),
            EventKind::NodeFaultsChanged { part, faults, .. } => {
                let kind = if faults.is_healthy(*part) { BecauseKind::Command } else { BecauseKind::Fault };
                self.told(event, kind)
            }
            EventKind::CommandRefused { .. }
            | EventKind::NodeStarted { .. }
            | EventKind::NodeUnfroze { .. }
            | EventKind::ConnectionOpened { .. }
            | EventKind::ClientChanged { .. }
            | EventKind::DoorOpened { .. }
            | EventKind::VisitorCame { .. }
            | EventKind::VisitorLeft { .. }
            | EventKind::FaultsTried { .. }
            | EventKind::KnobChanged { .. }
            | EventKind::KnobTaken { .. }
            | EventKind::ClockChanged { .. } => self.told(event, BecauseKind::Command),
        }
    }

    fn told(&mut self, event: &TraceEvent, kind: BecauseKind) -> Option<Seq> {
        let said = self.said(event.seq).unwrap_or_else(|| line(&event.kind));
        self.add(event.seq, event.at, kind, said);
        event.cause
    }

    fn delivered(&mut self, event: &TraceEvent, msg: MsgId) -> Option<Seq> {
        let sent = self.sent(event)?;
        let travelled = self.event(sent.seq).map_or(Duration::ZERO, |sent| event.at.since(sent.at));
        let words = format!("{} of {} reached {} after {} s", sent.name, sent.from, sent.to, clock(travelled));
        self.add(event.seq, event.at, BecauseKind::Message, words);
        self.held_between(sent.seq, event.seq, msg);
        self.before_sending(sent)
    }

    /// A message that was held on its way: by whom, and who let it go.
    fn held_between(&mut self, sent: Seq, delivered: Seq, msg: MsgId) {
        let mut hold = Vec::new();
        self.store.each(sent..delivered, &mut |event| match event.kind {
            EventKind::FrameHeld { msg: held, .. } | EventKind::FrameReleased { msg: held } if held == msg => {
                hold.push(event.seq);
            }
            // Nothing else holds a message up.
            _ => {}
        });
        for seq in hold {
            self.follow(Some(seq));
        }
    }

    /// Returns what led a node or a client to send a frame, and tells the milestone beside it.
    fn before_sending(&mut self, sent: Sent) -> Option<Seq> {
        let Endpoint::Node(node) = sent.from else { return sent.cause };
        let cause = sent.cause?;
        let after_sync = self.event(cause).is_some_and(|event| matches!(event.kind, EventKind::DiskSynced { .. }));
        if sent.family == Family::Reply && after_sync {
            // What is acknowledged was written first; it came from who hears the answer.
            return self.last_of(sent.to, node, cause, |family| family != Family::Vote).or(Some(cause));
        }
        if sent.family != Family::Vote {
            return Some(cause);
        }
        if let Some(milestone) = self.milestone_beside(cause, node, self.end) {
            return Some(milestone.seq);
        }
        if after_sync {
            // A vote is written before it is given or asked for: the step before that is what led to it.
            let campaign = self.last_before(cause, |event| {
                matches!(&event.kind, EventKind::Milestone { node: n, milestone } if *n == node && is_of_election(milestone))
            });
            return campaign.max(self.last_vote_of(sent.to, node, cause)).or(Some(cause));
        }
        Some(cause)
    }

    /// Returns when a node last received a message about votes from another end.
    fn last_vote_of(&self, from: Endpoint, node: NodeId, before: Seq) -> Option<Seq> {
        self.last_of(from, node, before, |family| family == Family::Vote)
    }

    /// Returns when a node last received a message of a wanted family from another end.
    fn last_of(&self, from: Endpoint, node: NodeId, before: Seq, wanted: impl Fn(Family) -> bool) -> Option<Seq> {
        let came = |sent: Sent| wanted(sent.family) && sent.from == from && sent.to == node.into();
        self.last_before(before, |event| {
            matches!(event.kind, EventKind::FrameDelivered { .. }) && self.sent(event).is_some_and(came)
        })
    }

    /// Returns what a node did last, of those things that make it write, before a sync was done.
    fn before_sync(&self, sync: Seq, node: NodeId) -> Option<Seq> {
        self.last_before(sync, |event| match &event.kind {
            EventKind::FrameDelivered { .. } => self.sent(event).is_some_and(|sent| sent.to == node.into()),
            EventKind::Milestone { node: n, milestone } => *n == node && is_of_election(milestone),
            EventKind::NodeStarted { node: n, .. } => *n == node,
            // Nothing else makes it write.
            _ => false,
        })
    }

    /// Returns the milestone of an election that a node reached in the step that `cause` began.
    fn milestone_beside(&self, cause: Seq, node: NodeId, until: Seq) -> Option<TraceEvent> {
        let mut found = None;
        let until = until.min(self.end).min(Seq(cause.0 + CHUNK));
        self.store.each(cause..until, &mut |event| {
            if found.is_none()
                && event.cause == Some(cause)
                && let EventKind::Milestone { node: n, milestone } = &event.kind
                && *n == node
                && (is_of_election(milestone)
                    || matches!(milestone, Milestone::Suspected { .. } | Milestone::SteppedDown { .. }))
            {
                found = Some(event.clone());
            }
        });
        found
    }

    fn before_milestone(&mut self, event: &TraceEvent, node: NodeId, milestone: &Milestone) -> Option<Seq> {
        let cause = event.cause.and_then(|cause| self.event(cause));
        let by_timer = cause.as_ref().is_none_or(|cause| matches!(cause.kind, EventKind::TimerFired { .. }));
        if let Milestone::VoteGranted { to, epoch } = milestone {
            // The vote was written before it was given: the cause at hand may be the disk.
            let asked = if *to == node {
                self.last_before(event.seq, |event| match &event.kind {
                    EventKind::Milestone { node: n, milestone: Milestone::ElectionStarted { epoch: e } } => {
                        (n, e) == (&node, epoch)
                    }
                    // Only its own candidacy makes a node vote for itself.
                    _ => false,
                })
            } else {
                self.last_vote_of((*to).into(), node, event.seq)
            };
            return asked.or(event.cause);
        }
        if !by_timer {
            return event.cause;
        }
        match milestone {
            Milestone::PreVoteStarted { .. } | Milestone::ElectionStarted { .. } => self.no_leader_heard(event, node),
            Milestone::Suspected { peer } => self.silence(event, node, *peer),
            Milestone::MemberViewChanged { subject, status: MemberStatus::Suspect | MemberStatus::Dead, .. } => {
                self.silence(event, node, *subject)
            }
            Milestone::SteppedDown { .. } | Milestone::ModeChanged { .. } => self.nobody_heard(event, node),
            Milestone::LeaderElected { .. } => {
                if let Some(cause) = cause {
                    self.add(cause.seq, cause.at, BecauseKind::Timer, line(&cause.kind));
                }
                // It had begun when the node held another one for dead, or asked for votes.
                self.last_before(event.seq, |event| {
                    matches!(&event.kind, EventKind::Milestone { node: n, milestone } if *n == node && begins_campaign(milestone))
                })
            }
            Milestone::VoteGranted { .. }
            | Milestone::EntriesErased { .. }
            | Milestone::SnapshotTaken { .. }
            | Milestone::SnapshotSent { .. }
            | Milestone::SnapshotInstalled { .. }
            | Milestone::MembersChanged { .. }
            | Milestone::TransferStarted { .. }
            | Milestone::Fenced { .. }
            | Milestone::Applied { .. }
            | Milestone::Recovered { .. }
            | Milestone::MemberViewChanged { status: MemberStatus::Alive, .. }
            | Milestone::Refuted { .. }
            | Milestone::LogSynced { .. } => {
                let cause = cause?;
                let words = line(&cause.kind);
                self.add(cause.seq, cause.at, BecauseKind::Timer, words);
                None
            }
        }
    }

    /// A frame was dropped: what dropped it.
    fn dropped(&mut self, event: &TraceEvent, reason: DropReason) -> Option<Seq> {
        let sent = self.sent(event)?;
        let words = format!("{} from {} to {} was dropped: {}", sent.name, sent.from, sent.to, reason.words());
        self.add(event.seq, event.at, BecauseKind::Fault, words);
        if reason == DropReason::ByHand {
            let EventKind::FrameDropped { msg, .. } = event.kind else { return None };
            return self.last_before(event.seq, |event| {
                matches!(event.kind, EventKind::CommandIssued { command: Command::Message(ByHand::Drop(m)), .. } if m == msg)
            });
        }
        let state = self.state(event.seq);
        let fault = match reason {
            DropReason::SenderDown => sent.from.node().and_then(|node| node_fault(&state, node)),
            DropReason::ReceiverDown => sent.to.node().and_then(|node| node_fault(&state, node)),
            // What became of a link or a buffer has its fault there, or at the receiver.
            _ => link_fault(&state, (sent.from, sent.to))
                .or_else(|| sent.to.node().and_then(|node| node_fault(&state, node)))
                .or_else(|| sent.to.node().and_then(|node| machine_fault(&state, node))),
        };
        // A node that is up again by now went down meanwhile.
        let went_down = || {
            let ends = [sent.from.node(), sent.to.node()];
            self.last_before(event.seq, |event| downs(&event.kind).is_some_and(|node| ends.contains(&Some(node))))
        };
        fault.or_else(went_down).filter(|fault| *fault < event.seq)
    }

    /// Says how many more directions the same command changed.
    fn other_links(&self, event: &TraceEvent) -> String {
        let Some(cause) = event.cause else { return String::new() };
        let mut others = 0;
        self.store.each(cause..Seq(cause.0 + 4096).min(self.end), &mut |other| {
            let same = other.cause == Some(cause) && other.seq != event.seq;
            others += u32::from(same && matches!(other.kind, EventKind::LinkChanged { .. }));
        });
        match others {
            0 => String::new(),
            1 => ", and 1 more direction".to_owned(),
            others => format!(", and {others} more directions"),
        }
    }
}

fn begins_campaign(milestone: &Milestone) -> bool {
    matches!(
        milestone,
        Milestone::PreVoteStarted { .. } | Milestone::ElectionStarted { .. } | Milestone::Suspected { .. }
    )
}

fn is_of_election(milestone: &Milestone) -> bool {
    matches!(
        milestone,
        Milestone::PreVoteStarted { .. }
            | Milestone::ElectionStarted { .. }
            | Milestone::VoteGranted { .. }
            | Milestone::LeaderElected { .. }
    )
}

/// Returns the node that an event takes down or stops.
pub(super) fn downs(kind: &EventKind) -> Option<NodeId> {
    match kind {
        EventKind::NodeCrashed { node }
        | EventKind::NodeLostPower { node, .. }
        | EventKind::NodeStopped { node }
        | EventKind::NodeFroze { node }
        | EventKind::NodeFailed { node, .. } => Some(*node),
        // Nothing else does.
        _ => None,
    }
}

/// Returns the event by which a node that does not run as it should came to that.
pub(super) fn node_fault(state: &ClusterState, node: NodeId) -> Option<Seq> {
    state.faults.iter().find(|fault| fault.what == Broken::Node(node)).map(|fault| fault.seq)
}

/// Returns the event since which the machine of a node ails. It runs, though: what is down or cut explains more.
pub(super) fn machine_fault(state: &ClusterState, node: NodeId) -> Option<Seq> {
    let of_node = |what: &Broken| matches!(what, Broken::Machine(machine, _) if *machine == node);
    state.faults.iter().find(|fault| of_node(&fault.what)).map(|fault| fault.seq)
}

/// Returns the event by which a direction broke.
pub(super) fn link_fault(state: &ClusterState, link: (Endpoint, Endpoint)) -> Option<Seq> {
    state.faults.iter().find(|fault| fault.what == Broken::Link(link)).map(|fault| fault.seq)
}

/// Writes seconds with the digits that matter.
pub(super) fn clock(time: Duration) -> String {
    let secs = time.as_secs_f64();
    if secs < 0.1 { format!("{secs:.4}") } else { format!("{secs:.2}") }
}
