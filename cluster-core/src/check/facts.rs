//! What a trace tells about the moment of a violation: what was broken, and who had not heard from whom.

use std::collections::{BTreeMap, VecDeque};

use super::explain::milliseconds;
use crate::{
    command::Author,
    event::{EventKind, RoleKind, TraceEvent, ViewChange},
    ids::{Epoch, NodeId, Seq},
    time::Timestamp,
    trace::{Broken, broken_by},
};

/// How many faults that are over are remembered.
const OVER_KEPT: usize = 1024;

/// Follows a run as far as a sentence about a violation needs it. Costs nothing for frames, which are most of a run.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    nodes: BTreeMap<NodeId, Believed>,
    lasting: BTreeMap<Broken, Fault>,
    over: VecDeque<(Fault, Timestamp)>,
    command: Option<(Seq, Author)>,
}

/// What a node believes.
#[derive(Clone, Debug, Default)]
struct Believed {
    role: RoleKind,
    epoch: Epoch,
    heard: BTreeMap<NodeId, Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    what: Broken,
    from: Timestamp,
    seq: Seq,
    by: Option<Author>,
    /// Whether a link was cut, and not only made worse.
    cut: bool,
}

impl Facts {
    /// Takes an event over.
    pub fn apply(&mut self, event: &TraceEvent) {
        match &event.kind {
            EventKind::FrameSent { .. } | EventKind::FrameDelivered { .. } | EventKind::LogSpliced { .. } => {}
            EventKind::ViewChanged { node, changes } => self.on_view(*node, changes),
            EventKind::CommandIssued { by, .. } => {
                self.command = Some((event.seq, *by));
            }
            EventKind::NodeStarted { node, .. } => {
                self.nodes.remove(node);
                self.on_broken(event);
            }
            _ => self.on_broken(event), // Whatever else breaks or mends something.
        }
    }

    /// Returns the events by which faults began that lasted at any time between two moments.
    pub fn faults(&self, from: Timestamp, until: Timestamp) -> Vec<Seq> {
        let over = self.over.iter().filter(|(fault, end)| fault.from <= until && *end >= from).map(|(fault, _)| fault);
        let lasting = self.lasting.values().filter(|fault| fault.from <= until);
        let mut seqs: Vec<Seq> = over.chain(lasting).map(|fault| fault.seq).collect();
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    }

    /// Says what was wrong with a node that answered at a moment, if anything was; begins with `; `.
    pub fn about(&self, node: NodeId, at: Timestamp) -> Option<String> {
        self.silence(node, at).or_else(|| self.ailing(node, at)).map(|words| format!("; {words}"))
    }

    /// A node that does not lead and was cut off from who does, or that leads without knowing better.
    fn silence(&self, node: NodeId, at: Timestamp) -> Option<String> {
        let believed = self.nodes.get(&node)?;
        let leaders = self.nodes.iter().filter(|(_, other)| other.role == RoleKind::Leader);
        let (leader, latest) = leaders.max_by_key(|(_, other)| other.epoch)?;
        if *leader == node {
            return None;
        }
        let since = self.cut_off(*leader, node).map(|fault| {
            let ago = milliseconds(at.since(fault.from));
            let by = match fault.by {
                Some(Author::User) => "you ",
                Some(Author::Script) => "the script ",
                Some(Author::Lab) => "the lab ",
                Some(Author::Nemesis) => "the nemesis ",
                None => "",
            };
            let done = match (by.is_empty(), fault.cut) {
                (false, true) => "cut",
                (false, false) => "broke",
                (true, true) => "was cut",
                (true, false) => "broke",
            };
            match (fault.what, by.is_empty()) {
                (Broken::Link((from, to)), false) => format!("since {by}{done} {from}→{to} {ago} before"),
                (Broken::Link((from, to)), true) => format!("since {from}→{to} {done} {ago} before"),
                (Broken::Node(node) | Broken::Machine(node, _), _) => format!("since {node} broke {ago} before"),
            }
        });
        let heard = || {
            let last = believed.heard.get(leader)?;
            (at.since(*last) >= SILENT).then(|| format!("for {}", milliseconds(at.since(*last))))
        };
        let since = since.or_else(heard)?;
        let named = match believed.role {
            RoleKind::Leader => format!("{node} still led in {} and", believed.epoch),
            RoleKind::Follower | RoleKind::Candidate | RoleKind::Learner => node.to_string(),
        };
        Some(format!("{named} had not heard from {leader}, which leads in {}, {since}", latest.epoch))
    }

    fn ailing(&self, node: NodeId, at: Timestamp) -> Option<String> {
        let fault = self.lasting.values().find(|fault| match fault.what {
            Broken::Node(broken) | Broken::Machine(broken, _) => broken == node,
            Broken::Link((_, to)) => to == node.into(),
        })?;
        let since = milliseconds(at.since(fault.from));
        Some(match fault.what {
            Broken::Node(_) => format!("{node} had been broken for {since}"),
            Broken::Machine(_, part) => format!("the {} of {node} had been sick for {since}", part.part()),
            Broken::Link((from, to)) => format!("{from}→{to} had been broken for {since}"),
        })
    }

    /// Returns what keeps the words of one node from another.
    fn cut_off(&self, from: NodeId, to: NodeId) -> Option<Fault> {
        let link = self.lasting.get(&Broken::Link((from.into(), to.into())));
        let frozen = self.lasting.get(&Broken::Node(to));
        link.filter(|fault| fault.cut).or(frozen).or(link).copied()
    }

    fn on_view(&mut self, node: NodeId, changes: &[ViewChange]) {
        let believed = self.nodes.entry(node).or_default();
        for change in changes {
            match change {
                ViewChange::Role(role, _) => believed.role = *role,
                ViewChange::Epoch(epoch) => believed.epoch = *epoch,
                ViewChange::Peer(peer, Some(view)) => {
                    if let Some(heard) = view.last_heard {
                        believed.heard.insert(*peer, heard);
                    }
                }
                _ => {} // Nothing else is told of.
            }
        }
    }

    fn on_broken(&mut self, event: &TraceEvent) {
        let Some((what, broken)) = broken_by(&event.kind) else { return };
        if let (Broken::Node(node), true, false) = (what, broken, matches!(event.kind, EventKind::NodeFroze { .. })) {
            // Who is down believes nothing.
            self.nodes.remove(&node);
        }
        let cut = match &event.kind {
            EventKind::LinkChanged { rules, .. } => rules.cut,
            EventKind::NodeFroze { .. } => true,
            _ => false, // Who is down hears nothing, and answers nothing.
        };
        match (self.lasting.get_mut(&what), broken) {
            (Some(fault), true) => fault.cut |= cut,
            (None, true) => {
                let by = self.command.filter(|(seq, _)| event.cause == Some(*seq)).map(|(_, by)| by);
                self.lasting.insert(what, Fault { what, from: event.at, seq: event.seq, by, cut });
            }
            (Some(_), false) => {
                if let Some(fault) = self.lasting.remove(&what) {
                    self.over.push_back((fault, event.at));
                    if self.over.len() > OVER_KEPT {
                        self.over.pop_front();
                    }
                }
            }
            (None, false) => {}
        }
    }
}

/// A leader that was silent for less is nothing to speak of.
const SILENT: std::time::Duration = std::time::Duration::from_millis(500);
