//! Operations that failed, got no answer or took long: what became of each time that the client asked.

use std::collections::BTreeSet;

use super::{
    BecauseKind,
    walk::{Walk, clock, link_fault, machine_fault, node_fault},
};
use crate::{
    event::{EventKind, Outcome, RoleKind, TraceEvent},
    ids::{ClientId, Endpoint, MsgId, NodeId, OpId, Seq},
    trace::{line, sentence},
};

/// One time that a client asked a node.
#[derive(Clone, Copy, Debug)]
struct Ask {
    sent: Seq,
    msg: MsgId,
    to: NodeId,
    /// The event by which the question arrived.
    arrived: Option<Seq>,
    /// The event by which the question, or its answer, was dropped.
    dropped: Option<Seq>,
    /// The event by which somebody held the question or its answer.
    held: Option<Seq>,
}

impl Walk<'_> {
    /// Begins with an operation, ended or not.
    pub(super) fn start_op(&mut self, op: OpId) -> Option<String> {
        let returned =
            self.last_before(self.end, |event| matches!(event.kind, EventKind::OpReturned { op: o, .. } if o == op));
        if let Some(returned) = returned {
            self.follow(Some(returned));
            return Some(format!("Why did {op} end so?"));
        }
        self.invoked(op, self.end)?;
        self.trouble(op, self.end);
        Some(format!("Why has {op} no answer?"))
    }

    /// An operation ended: what led to that.
    pub(super) fn returned(&mut self, event: &TraceEvent, op: OpId, outcome: &Outcome) -> Option<Seq> {
        let said = sentence(event, &self.state(event.seq), self.word).unwrap_or_else(|| line(&event.kind));
        self.add(event.seq, event.at, BecauseKind::Client, said);
        match outcome {
            Outcome::Value { .. } | Outcome::Written { .. } | Outcome::Done | Outcome::Answered { .. } => event.cause,
            Outcome::NoAnswer => {
                self.trouble(op, event.seq);
                None
            }
            Outcome::Failed(_) => {
                let answer = event.cause.and_then(|cause| self.event(cause));
                let answered_by = answer.as_ref().and_then(|answer| self.sent(answer)).and_then(|sent| {
                    let by = sent.from.node()?;
                    Some((by, sent.seq))
                });
                let Some((node, sent)) = answered_by else { return event.cause };
                if let Some(answer) = answer {
                    let words = format!("{node} answered: {}", refusal(outcome));
                    self.add(answer.seq, answer.at, BecauseKind::Message, words);
                }
                self.why_refused(node, sent);
                None
            }
        }
    }

    /// Tells why an operation had no success before `until`: by the last time the client asked.
    pub(super) fn trouble(&mut self, op: OpId, until: Seq) {
        let Some((invoked, client)) = self.invoked(op, until) else { return };
        let asks = self.asks(invoked, client, until);
        // The last one that shows what is wrong; one that was answered well shows nothing.
        let told = asks.iter().rev().find(|ask| ask.dropped.is_some() || ask.held.is_some());
        let Some(ask) = told.or(asks.last()).copied() else {
            let at = self.event(invoked).map(|event| event.at).unwrap_or_default();
            let words = format!("{client} asked for {op}, and found no node to ask");
            self.add(invoked, at, BecauseKind::Client, words);
            return;
        };
        let Some(sent) = self.event(ask.sent) else { return };
        let waited = clock(self.since(sent.at, until));
        let words = match (ask.arrived, ask.dropped, ask.held) {
            (_, Some(_), _) => format!("{client} asked {}; its question or the answer was dropped", ask.to),
            (_, _, Some(_)) => format!("{client} asked {}; its question or the answer is held", ask.to),
            (Some(_), None, None) => format!("{client} asked {}, which had not answered after {waited} s", ask.to),
            (None, None, None) => format!("{client} asked {}; the question was under way for {waited} s", ask.to),
        };
        self.add(ask.sent, sent.at, BecauseKind::Client, words);
        self.follow(Some(invoked));
        if let Some(cause) = ask.dropped.or(ask.held) {
            self.follow(Some(cause));
            return;
        }
        match ask.arrived {
            Some(_) => self.why_refused(ask.to, until),
            None => {
                let state = self.state(until);
                let link = link_fault(&state, (Endpoint::Client(client), ask.to.into()));
                let fault = node_fault(&state, ask.to).or(link).or_else(|| machine_fault(&state, ask.to));
                self.follow(fault);
            }
        }
    }

    /// Why a node does not do what it is asked: it is broken, it does not lead, or too few answer it.
    fn why_refused(&mut self, node: NodeId, before: Seq) {
        let state = self.state(before);
        if let Some(fault) = node_fault(&state, node) {
            return self.follow(Some(fault));
        }
        let Some(known) = state.nodes.get(&node) else { return };
        if known.view.role != RoleKind::Leader {
            let role = self.of_node(node, &state, before);
            return self.follow(role);
        }
        let peers: Vec<NodeId> = state.nodes.keys().copied().filter(|peer| *peer != node).collect();
        let faults: BTreeSet<Seq> =
            peers.iter().filter_map(|peer| self.fault_between(node, *peer, &state, before)).collect();
        if faults.is_empty() {
            let role = self.of_node(node, &state, before);
            return self.follow(role);
        }
        self.follow_each(faults);
    }

    fn invoked(&self, op: OpId, before: Seq) -> Option<(Seq, ClientId)> {
        let seq =
            self.last_before(before, |event| matches!(event.kind, EventKind::OpInvoked { op: o, .. } if o == op))?;
        match self.event(seq)?.kind {
            EventKind::OpInvoked { client, .. } => Some((seq, client)),
            // It was just found to be one.
            _ => None,
        }
    }

    /// Returns each time that a client asked for what an event began, with what became of it.
    fn asks(&self, invoked: Seq, client: ClientId, until: Seq) -> Vec<Ask> {
        let me = Endpoint::Client(client);
        let mut asks: Vec<Ask> = Vec::new();
        // Events that lead to questions for this operation, and messages that answer it.
        let by_hand = self.event(invoked).and_then(|event| event.cause);
        let mut mine: BTreeSet<Seq> = [Some(invoked), by_hand].into_iter().flatten().collect();
        let mut answers: std::collections::BTreeMap<MsgId, usize> = std::collections::BTreeMap::new();
        self.store.each(invoked..until, &mut |event| match &event.kind {
            EventKind::FrameSent { msg, from, to: Endpoint::Node(to), .. }
                if *from == me && event.cause.is_some_and(|cause| mine.contains(&cause)) =>
            {
                let ask = Ask { sent: event.seq, msg: *msg, to: *to, arrived: None, dropped: None, held: None };
                asks.push(ask);
            }
            EventKind::FrameSent { msg, to, .. } if *to == me => {
                if let Some(at) = asks.iter().position(|ask| ask.arrived.is_some() && event.cause == ask.arrived) {
                    answers.insert(*msg, at);
                }
            }
            EventKind::FrameDelivered { msg } => {
                if let Some(ask) = asks.iter_mut().find(|ask| ask.msg == *msg) {
                    ask.arrived = Some(event.seq);
                }
                if answers.contains_key(msg) {
                    mine.insert(event.seq);
                }
            }
            EventKind::FrameDropped { msg, .. } => {
                let answered = answers.get(msg).copied();
                let at = asks.iter().position(|ask| ask.msg == *msg).or(answered);
                if let Some(ask) = at.and_then(|at| asks.get_mut(at)) {
                    ask.dropped = Some(event.seq);
                    mine.insert(event.seq);
                }
            }
            EventKind::FrameHeld { msg, .. } => {
                let answered = answers.get(msg).copied();
                let at = asks.iter().position(|ask| ask.msg == *msg).or(answered);
                if let Some(ask) = at.and_then(|at| asks.get_mut(at)) {
                    ask.held = Some(event.seq);
                }
            }
            // Nothing else becomes of a question.
            _ => {}
        });
        asks
    }
}

fn refusal(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(refusal) => refusal.to_string(),
        Outcome::Value { .. }
        | Outcome::Written { .. }
        | Outcome::Done
        | Outcome::Answered { .. }
        | Outcome::NoAnswer => String::new(),
    }
}
