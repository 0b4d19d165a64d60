//! Causes that are absences: what was heard last, and which fault kept the rest away.

use std::{collections::BTreeSet, time::Duration};

use super::{
    BecauseKind,
    walk::{Walk, clock, downs, link_fault, machine_fault, node_fault},
};
use crate::{
    event::{EventKind, Milestone, TraceEvent, ViewChange},
    ids::{Endpoint, MsgId, NodeId, Seq},
    time::Timestamp,
    trace::ClusterState,
};

/// How far back the last message of a peer is looked for.
const LOOK_BACK: u64 = 200_000;
/// How many silent peers are told of one by one.
const PEERS_TOLD: usize = 4;

/// What one end heard of another, up to some moment.
#[derive(Default)]
struct Heard {
    /// The last message that came.
    last: Option<(Seq, Timestamp, &'static str)>,
    /// What broke between them after that.
    broke: Option<Seq>,
    /// Whether the other end gave up its office after that.
    stepped_down: Option<Seq>,
    /// How many messages were dropped after that.
    dropped: u32,
    /// A message that is held since then.
    held: Option<Seq>,
}

impl Walk<'_> {
    /// A node asks for votes because it heard of no leader.
    pub(super) fn no_leader_heard(&mut self, event: &TraceEvent, node: NodeId) -> Option<Seq> {
        let state = self.state(event.seq);
        let leader = state.nodes.get(&node).and_then(|known| known.view.leader);
        if let Some(leader) = leader.filter(|leader| *leader != node) {
            return self.silence(event, node, leader);
        }
        // It lost its leader earlier, or never had one.
        let lost = self.last_before(event.seq, |event| match &event.kind {
            EventKind::ViewChanged { node: n, changes } if *n == node => {
                changes.iter().any(|change| matches!(change, ViewChange::Leader(None)))
            }
            EventKind::NodeStarted { node: n, .. } => *n == node,
            // Nothing else loses a leader.
            _ => false,
        })?;
        let began = self.event(lost)?;
        if matches!(began.kind, EventKind::ViewChanged { .. }) {
            return Some(lost);
        }
        let waited = clock(event.at.since(began.at));
        let sentence = format!("{node} started, and heard of no leader for {waited} s: its election timer ran out");
        self.add(lost, began.at, BecauseKind::Silence, sentence);
        began.cause
    }

    /// A node did something because it did not hear from a peer: adds what it heard last. Returns what kept the rest away.
    pub(super) fn silence(&mut self, event: &TraceEvent, node: NodeId, peer: NodeId) -> Option<Seq> {
        let heard = self.heard(node.into(), peer, event.seq);
        let state = self.state(event.seq);
        let reason = heard
            .broke
            .or_else(|| node_fault(&state, peer))
            .or_else(|| link_fault(&state, (peer.into(), node.into())))
            .or(heard.held)
            .or(heard.stepped_down)
            // What slows or cuts the way there keeps the answers away, too.
            .or_else(|| link_fault(&state, (node.into(), peer.into())))
            .or_else(|| machine_fault(&state, peer));
        let dropped = match heard.dropped {
            0 => String::new(),
            1 => "; 1 message of it was dropped since".to_owned(),
            count => format!("; {count} messages of it were dropped since"),
        };
        let nothing = if reason.is_none() { "; nothing was broken between them" } else { "" };
        match heard.last {
            Some((seq, at, name)) => {
                let passed = clock(event.at.since(at));
                let words = format!("{node} heard {name} of {peer}, and nothing more for {passed} s{dropped}{nothing}");
                self.add(seq, at, BecauseKind::Silence, words);
            }
            None => {
                let since = self.last_start(node, event.seq);
                if let Some((seq, at)) = since {
                    let passed = clock(event.at.since(at));
                    let words = format!("{node} started, and never heard of {peer} for {passed} s{dropped}{nothing}");
                    self.add(seq, at, BecauseKind::Silence, words);
                }
            }
        }
        reason
    }

    /// A leader gave up, or changed its ways, because too few answered: tells of each peer that a fault keeps away.
    pub(super) fn nobody_heard(&mut self, event: &TraceEvent, node: NodeId) -> Option<Seq> {
        let state = self.state(event.seq);
        let peers: Vec<NodeId> = state.nodes.keys().copied().filter(|peer| *peer != node).collect();
        let mut reasons = Vec::new();
        for peer in peers {
            if reasons.len() < PEERS_TOLD && self.fault_between(node, peer, &state, event.seq).is_some() {
                reasons.extend(self.silence(event, node, peer));
            }
        }
        self.follow_each(reasons);
        None
    }

    /// Follows several faults; what one command did is told once.
    pub(super) fn follow_each(&mut self, faults: impl IntoIterator<Item = Seq>) {
        let mut causes = BTreeSet::new();
        for fault in faults {
            let cause = self.event(fault).and_then(|event| event.cause);
            if cause.is_none_or(|cause| causes.insert(cause)) {
                self.follow(Some(fault));
            }
        }
    }

    /// Returns the fault that keeps a node and a peer from talking.
    pub(super) fn fault_between(&self, node: NodeId, peer: NodeId, state: &ClusterState, before: Seq) -> Option<Seq> {
        let fault = node_fault(state, peer)
            .or_else(|| link_fault(state, (peer.into(), node.into())))
            .or_else(|| link_fault(state, (node.into(), peer.into())));
        let ends = [(node.into(), peer.into()), (peer.into(), node.into())];
        let held = || state.held.iter().find(|held| ends.contains(&(held.flight.from, held.flight.to)));
        let held_by = |msg: MsgId| {
            self.last_before(before, |event| matches!(event.kind, EventKind::FrameHeld { msg: m, .. } if m == msg))
        };
        let fault = fault.or_else(|| held_by(held()?.msg)).or_else(|| machine_fault(state, peer));
        fault.filter(|fault| *fault < before)
    }

    /// Reads what one end heard of a node.
    fn heard(&self, end: Endpoint, peer: NodeId, before: Seq) -> Heard {
        let mut heard = Heard::default();
        let mut under_way: BTreeSet<(MsgId, &'static str)> = BTreeSet::new();
        let of = |under_way: &BTreeSet<(MsgId, &'static str)>, msg: MsgId| {
            under_way.range((msg, "")..).next().filter(|(m, _)| *m == msg).copied()
        };
        let link = (Endpoint::from(peer), end);
        self.store.each(Seq(before.0.saturating_sub(LOOK_BACK))..before, &mut |event| match &event.kind {
            EventKind::FrameSent { msg, from, to, info, .. } if (*from, *to) == link => {
                under_way.insert((*msg, info.name.as_str()));
            }
            EventKind::FrameDelivered { msg } => {
                if let Some(frame) = of(&under_way, *msg) {
                    under_way.remove(&frame);
                    heard = Heard { last: Some((event.seq, event.at, frame.1)), ..Heard::default() };
                }
            }
            EventKind::FrameDropped { msg, .. } => {
                if let Some(frame) = of(&under_way, *msg) {
                    under_way.remove(&frame);
                    heard.dropped += 1;
                }
            }
            EventKind::FrameHeld { msg, .. } if of(&under_way, *msg).is_some() => {
                heard.held.get_or_insert(event.seq);
            }
            EventKind::LinkChanged { from, to, rules } if (*from, *to) == link && !rules.is_healthy() => {
                heard.broke.get_or_insert(event.seq);
            }
            EventKind::Milestone { node, milestone: Milestone::SteppedDown { .. } } if *node == peer => {
                heard.stepped_down.get_or_insert(event.seq);
            }
            kind if downs(kind) == Some(peer) => drop(heard.broke.get_or_insert(event.seq)),
            // The rest does not lie between them.
            _ => {}
        });
        heard
    }

    fn last_start(&self, node: NodeId, before: Seq) -> Option<(Seq, Timestamp)> {
        let started = self
            .last_before(before, |event| matches!(event.kind, EventKind::NodeStarted { node: n, .. } if n == node))?;
        self.event(started).map(|event| (started, event.at))
    }

    /// Writes how long a message is under way.
    pub(super) fn since(&self, from: Timestamp, until: Seq) -> Duration {
        self.event(until).map_or_else(|| self.state(until).at, |event| event.at).since(from)
    }
}
