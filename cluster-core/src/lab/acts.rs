//! What was done to the cluster, by whom, and to whom: told once it had an effect.

use super::expr::{Cell, Row, vocabulary::ACT};
use crate::{
    command::{Author, Command},
    event::{EventKind, TraceEvent},
    fault::{FAULTS, Fault, FaultKind},
    ids::{NodeId, Seq},
    trace::ClusterState,
};

/// An act: its verb, and its row.
pub(super) type Act = (&'static str, Row);

/// The acts that a command will have been, once something comes of it.
#[derive(Debug, Default)]
pub(super) struct Acts {
    pending: Option<(Seq, Vec<Act>)>,
}

impl Acts {
    /// Takes an event over; `state` is the cluster before it. Returns the acts that it shows to be done.
    pub(super) fn next(&mut self, event: &TraceEvent, state: &ClusterState, at: f64) -> Vec<Act> {
        match &event.kind {
            EventKind::CommandIssued { by, command } => {
                let acts = acts(*by, command, state, at);
                self.pending = (!acts.is_empty()).then_some((event.seq, acts));
                Vec::new()
            }
            EventKind::CommandRefused { .. } => {
                self.pending = None;
                Vec::new()
            }
            // Whatever comes of a command shows that it was no empty one.
            _ => match self.pending.take_if(|(seq, _)| event.cause == Some(*seq)) {
                Some((_, acts)) => acts,
                None => Vec::new(),
            },
        }
    }
}

fn acts(by: Author, command: &Command, state: &ClusterState, at: f64) -> Vec<Act> {
    let down = || state.nodes.iter().filter(|(_, node)| !node.status.is_running()).map(|(node, _)| *node);
    let told = |verb: &'static str, node: Option<NodeId>, told: Told<'_>| (verb, row(verb, by, node, told, state, at));
    let act = |verb: &'static str, node: Option<NodeId>| told(verb, node, Told::default());
    match command {
        Command::Inject(faults) => {
            let mut acts: Vec<(FaultKind, Option<NodeId>)> = Vec::new();
            for fault in faults {
                let it = (fault.kind(), struck(fault));
                // Links that are cut together are one cut.
                if !acts.contains(&it) {
                    acts.push(it);
                }
            }
            acts.into_iter().map(|(kind, node)| act(verb(kind), node)).collect()
        }
        Command::Heal(_) => vec![act("heal", None)],
        Command::Restart(node) => vec![act("restart", Some(*node))],
        Command::RestartWiped(node) => vec![told("restart", Some(*node), Told { wiped: true, ..Told::default() })],
        Command::SetKnob { knob, value } => vec![told("set", None, Told { knob, value, wiped: false })],
        Command::RestartAll => down().map(|node| act("restart", Some(node))).collect(),
        Command::Unfreeze(node) => vec![act("unfreeze", Some(*node))],
        Command::SetLinks(_)
        | Command::AddNode(_)
        | Command::Submit { .. }
        | Command::Ask { .. }
        | Command::SetClient(_)
        | Command::RemoveClient(_)
        | Command::Message(_)
        | Command::Pause
        | Command::Resume
        | Command::Step
        | Command::SetRate(_)
        | Command::Restore { .. } => Vec::new(),
    }
}

fn struck(fault: &Fault) -> Option<NodeId> {
    match fault {
        Fault::Crash(node)
        | Fault::PowerLoss(node)
        | Fault::Stop(node)
        | Fault::Freeze(node)
        | Fault::Wipe(node)
        | Fault::Node(node, _) => Some(*node),
        Fault::Link(..) | Fault::Partition(_) => None,
    }
}

pub(super) fn verb(kind: FaultKind) -> &'static str {
    FAULTS.iter().find(|row| row.kind == kind).map_or("", |row| row.verb)
}

/// What some acts tell beyond whom they struck.
#[derive(Clone, Copy, Default)]
struct Told<'a> {
    knob: &'a str,
    value: &'a str,
    wiped: bool,
}

fn row(verb: &str, by: Author, node: Option<NodeId>, told: Told<'_>, state: &ClusterState, at: f64) -> Row {
    let by = match by {
        Author::User | Author::Script => "learner",
        Author::Lab => "lab",
        Author::Nemesis => "nemesis",
    };
    let view = node.and_then(|node| state.nodes.get(&node)).map(|node| &node.view);
    Row::new(
        &ACT,
        &[
            verb.into(),
            by.into(),
            node.map_or_else(String::new, |node| node.to_string()).into(),
            view.map_or("", |view| view.role_name.as_str()).into(),
            Cell::count(view.map_or(0, |view| view.epoch.0)),
            at.into(),
            told.knob.into(),
            told.value.into(),
            told.wiped.into(),
        ],
    )
}
