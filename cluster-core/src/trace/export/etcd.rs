//! Lines for the TLA+ trace validation of etcd's Raft: what each node's state machine did, with its state at that moment.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Value, json};

use super::Exporter;
use crate::{
    event::{EventKind, Milestone, RoleKind, TraceEvent, ViewChange},
    ids::{LogIndex, MsgId, NodeId},
    name::Name,
    spec::ClusterSpec,
};

/// Lists the fields of a message from its bytes, as the protocol that ran can.
pub type FieldsOf = fn(&[u8]) -> Option<Vec<(Name, String)>>;

/// What a node is, as far as these lines tell it.
#[derive(Clone, Debug, Default)]
struct Machine {
    role: RoleKind,
    term: u64,
    vote: u64,
    commit: u64,
    applied: u64,
    log: u64,
}

/// Writes etcd's lines, of a run of Raft.
///
/// Names and fields are those of etcd's tracer. What it tells besides (`Ready`, the persisting of a batch) happens inside
/// an engine and is in no recording; a validation that asks for it must be told to do without.
#[derive(Debug)]
pub struct EtcdNdjson {
    fields: FieldsOf,
    machines: BTreeMap<NodeId, Machine>,
    voters: Vec<NodeId>,
    frames: BTreeMap<MsgId, (NodeId, Value, &'static str)>,
}

/// Frames that never end must not fill the memory.
const OPEN_MAX: usize = 262_144;

impl EtcdNdjson {
    /// Makes a writer; `fields` reads the messages of the protocol that ran.
    pub fn new(fields: FieldsOf) -> Self {
        Self { fields, machines: BTreeMap::new(), voters: Vec::new(), frames: BTreeMap::new() }
    }
}

impl Exporter for EtcdNdjson {
    fn begin(&mut self, spec: &ClusterSpec, _: &mut dyn Write) -> io::Result<()> {
        self.voters = spec.nodes.clone();
        Ok(())
    }

    fn event(&mut self, event: &TraceEvent, out: &mut dyn Write) -> io::Result<()> {
        match &event.kind {
            EventKind::NodeStarted { node, .. } => {
                let known = self.machines.entry(*node).or_default();
                (known.role, known.vote) = (RoleKind::Follower, known.vote);
                self.put(out, event, "InitState", *node, None)
            }
            EventKind::ViewChanged { node, changes } => self.changed(out, event, *node, changes),
            EventKind::LogSpliced { node, from, entries } => {
                let machine = self.machines.entry(*node).or_default();
                let (first, last) = (machine.log, from.0.saturating_sub(1) + entries.len() as u64);
                // A leader's log grows by what it proposes; a follower's by what it was sent.
                let proposed = if machine.role == RoleKind::Leader { last.saturating_sub(first) } else { 0 };
                for index in first..first + proposed {
                    self.machines.entry(*node).or_default().log = index;
                    self.put(out, event, "Replicate", *node, None)?;
                }
                self.machines.entry(*node).or_default().log = last;
                Ok(())
            }
            EventKind::Milestone { milestone: Milestone::MembersChanged { voters, .. }, node } => {
                self.voters.clone_from(voters);
                let newconf: Vec<_> = voters.iter().map(|node| node.0.to_string()).collect();
                let prop = json!({"cc": {"newconf": newconf}});
                self.put(out, event, "ApplyConfChange", *node, Some(("prop", prop)))
            }
            EventKind::FrameSent { msg, from, to, info, payload, .. } => {
                let (Some(from), Some(to)) = (from.node(), to.node()) else { return Ok(()) };
                let Some((wire, stem)) = kind_of(info.name.as_str()) else { return Ok(()) };
                let fields = (self.fields)(payload).unwrap_or_default();
                let message = message(wire, (from, to), info.refuses, &fields);
                let (send, receive) = stem;
                self.put(out, event, send, from, Some(("msg", message.clone())))?;
                if self.frames.len() >= OPEN_MAX {
                    self.frames.pop_first();
                }
                self.frames.insert(*msg, (to, message, receive));
                Ok(())
            }
            EventKind::FrameDelivered { msg } => {
                let Some((to, message, receive)) = self.frames.remove(msg) else { return Ok(()) };
                self.put(out, event, receive, to, Some(("msg", message)))
            }
            EventKind::FrameDropped { msg, .. } => {
                self.frames.remove(msg);
                Ok(())
            }
            // The rest is outside of a state machine.
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl EtcdNdjson {
    fn changed(
        &mut self,
        out: &mut dyn Write,
        event: &TraceEvent,
        node: NodeId,
        changes: &[ViewChange],
    ) -> io::Result<()> {
        let machine = self.machines.entry(node).or_default();
        let before = machine.clone();
        for change in changes {
            match change {
                // Who only asks whether it could win is a follower yet, to the specification.
                ViewChange::Role(RoleKind::Candidate, word) if word.as_str().starts_with("pre") => {
                    machine.role = RoleKind::Follower;
                }
                ViewChange::Role(role, _) => machine.role = *role,
                ViewChange::Epoch(term) => (machine.term, machine.vote) = (term.0, 0),
                ViewChange::CommitIndex(LogIndex(index)) => machine.commit = *index,
                ViewChange::AppliedIndex(LogIndex(index)) => machine.applied = *index,
                // Below: a vote may be told before the term that it belongs to.
                _ => {}
            }
        }
        for change in changes {
            if let ViewChange::VotedFor(vote) = change {
                machine.vote = vote.map_or(0, |node| u64::from(node.0));
            }
        }
        let (role, term, commit) = (machine.role, machine.term, machine.commit);
        if role != before.role || term != before.term {
            let name = match role {
                RoleKind::Leader => "BecomeLeader",
                RoleKind::Candidate => "BecomeCandidate",
                RoleKind::Follower | RoleKind::Learner => "BecomeFollower",
            };
            self.put(out, event, name, node, None)?;
        }
        if commit > before.commit && role == RoleKind::Leader {
            self.put(out, event, "Commit", node, None)?;
        }
        Ok(())
    }

    fn put(
        &self,
        out: &mut dyn Write,
        event: &TraceEvent,
        name: &str,
        node: NodeId,
        more: Option<(&str, Value)>,
    ) -> io::Result<()> {
        let machine = self.machines.get(&node).cloned().unwrap_or_default();
        let role = match machine.role {
            RoleKind::Leader => "StateLeader",
            RoleKind::Candidate => "StateCandidate",
            RoleKind::Follower | RoleKind::Learner => "StateFollower",
        };
        let voters: Vec<_> = self.voters.iter().map(|node| node.0.to_string()).collect();
        let state = json!({"term": machine.term, "vote": machine.vote.to_string(), "commit": machine.commit});
        let mut told = json!({
            "name": name, "nid": node.0.to_string(), "state": state, "role": role, "log": machine.log,
            "conf": [voters, []], "applied": machine.applied,
        });
        if let Some((key, value)) = more {
            told[key] = value;
        }
        writeln!(out, "{}", json!({"ts": event.at.as_secs_f64(), "tag": "trace", "event": told}))
    }
}

/// Returns etcd's name of a message, and of its sending and its arrival.
fn kind_of(name: &str) -> Option<(&'static str, (&'static str, &'static str))> {
    const REQUEST: (&str, &str) = ("SendAppendEntriesRequest", "ReceiveAppendEntriesRequest");
    const REPLY: (&str, &str) = ("SendAppendEntriesResponse", "ReceiveAppendEntriesResponse");
    Some(match name {
        "AppendEntries" => ("MsgApp", REQUEST),
        "AppendEntriesReply" => ("MsgAppResp", REPLY),
        "Heartbeat" => ("MsgHeartbeat", REQUEST),
        "HeartbeatReply" => ("MsgHeartbeatResp", REPLY),
        "InstallSnapshot" => ("MsgSnap", REQUEST),
        "RequestVote" => ("MsgVote", ("SendRequestVoteRequest", "ReceiveRequestVoteRequest")),
        "RequestVoteReply" => ("MsgVoteResp", ("SendRequestVoteResponse", "ReceiveRequestVoteResponse")),
        // The specification knows no pre-vote and no transfer; etcd's tracer leaves them out, too.
        _ => return None,
    })
}

/// Returns a message with the fields of etcd's tracer. Those that a recording cut short are 0.
fn message(wire: &str, (from, to): (NodeId, NodeId), reject: bool, fields: &[(Name, String)]) -> Value {
    let number = |names: &[&str]| {
        let field = fields.iter().find(|(name, _)| names.contains(&name.as_str()));
        let digits = field.map(|(_, text)| text.split(' ').next().unwrap_or_default());
        digits.and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0)
    };
    json!({
        "type": wire, "term": number(&["term"]), "from": from.0.to_string(), "to": to.0.to_string(),
        "entries": number(&["entries", "last_included_index"]),
        "logTerm": number(&["prev_log_term", "last_log_term", "hint_term"]),
        "index": number(&["prev_log_index", "last_log_index", "match_index", "rejected_index"]),
        "commit": number(&["leader_commit", "commit"]), "vote": "0", "reject": reject,
        "rejectHint": number(&["hint_index"]),
    })
}
