//! The lines that etcd's Raft writes for its TLA+ trace validation, as a run of Raft.

use std::{
    collections::{BTreeMap, VecDeque},
    io::BufRead,
};

use serde::Deserialize;

use super::{EVENTS_MAX, Foreign, ImportError, LOGGED, lines::Lines};
use crate::{
    event::{EntryBrief, EntryKind, EventKind, Family, MessageInfo, Milestone, RoleKind, TraceEvent, ViewChange},
    ids::{Epoch, LogIndex, MsgId, NodeId, Seq},
    name::Name,
    spec::ClusterSpec,
    time::Timestamp,
};

/// As many nodes as can be looked at.
const NODES_MAX: usize = 1000;
/// Messages that never arrive must not fill the memory.
const UNDER_WAY_MAX: usize = 262_144;
/// A node's log is shown up to so many entries at once.
const ENTRIES_MAX: u64 = 4096;

/// A line that is about a state machine. Whatever else it says is left aside: its logger adds what it likes.
#[derive(Deserialize)]
struct Line {
    ts: Option<f64>,
    event: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    name: String,
    nid: String,
    state: Option<State>,
    role: Option<String>,
    log: Option<u64>,
    msg: Option<Message>,
}

#[derive(Deserialize)]
struct State {
    term: u64,
    vote: String,
    commit: u64,
}

#[derive(Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    term: u64,
    from: String,
    to: String,
    #[serde(default)]
    entries: u64,
    #[serde(default)]
    log_term: u64,
    #[serde(default)]
    index: u64,
    #[serde(default)]
    commit: u64,
    #[serde(default)]
    reject: bool,
}

#[derive(Default)]
struct Known {
    started: u32,
    role: Option<RoleKind>,
    term: u64,
    vote: u64,
    commit: u64,
    log: u64,
}

#[derive(Default)]
struct Reader {
    events: Vec<TraceEvent>,
    nodes: BTreeMap<String, NodeId>,
    known: BTreeMap<NodeId, Known>,
    under_way: BTreeMap<Message, VecDeque<(MsgId, Seq)>>,
    waiting: usize,
    msgs: u64,
    began: Option<f64>,
    at: Timestamp,
}

/// Reads the lines. Those that are about no state machine are passed over, as the validation does.
pub fn read_etcd(input: impl BufRead) -> Result<Foreign, ImportError> {
    let mut lines = Lines::new(input);
    let mut reader = Reader::default();
    let mut last = 0;
    while let Some((line, text)) = lines.next_line()? {
        last = line;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |reason: String| ImportError { line, reason };
        let parsed: Line = serde_json::from_str(text)
            .map_err(|why| wrong(format!("no line of etcd's tracer ({why}); mend it or take it out")))?;
        if let Some(told) = parsed.event {
            reader.take(parsed.ts, &told).map_err(wrong)?;
        }
    }
    if reader.nodes.is_empty() {
        let reason =
            "no line is about a state machine (none has an `event` with `name` and `nid`); choose another file";
        return Err(ImportError { line: last.max(1), reason: reason.to_owned() });
    }
    let nodes: Vec<_> = reader.nodes.values().copied().collect();
    let knobs = reader.nodes.iter().map(|(name, node)| (node.to_string(), name.clone()));
    // A node whose name is its number needs no other.
    let knobs = knobs.filter(|(node, name)| node.trim_start_matches('n') != name).collect();
    let spec = ClusterSpec { protocol: "etcd".to_owned(), nodes, knobs, clients: Vec::new(), ..ClusterSpec::default() };
    Ok(Foreign { spec, events: reader.events })
}

impl Reader {
    fn push(&mut self, cause: Option<Seq>, kind: EventKind) -> Seq {
        let seq = Seq(self.events.len() as u64);
        self.events.push(TraceEvent { seq, at: self.at, cause, kind });
        seq
    }

    fn node(&mut self, name: &str) -> Result<NodeId, String> {
        if let Some(node) = self.nodes.get(name) {
            return Ok(*node);
        }
        if self.nodes.len() >= NODES_MAX {
            return Err(format!("the log has more than {NODES_MAX} nodes; cut it"));
        }
        // Small numbers stay what they are; others get the next one that is free.
        let taken = |node: &NodeId| self.nodes.values().any(|known| known == node);
        let own = name.parse().ok().filter(|number| (1..=NODES_MAX as u16).contains(number)).map(NodeId);
        let free = (1..=u16::MAX).rev().map(NodeId).find(|node| !taken(node)).unwrap_or(NodeId(u16::MAX));
        let node = own.filter(|node| !taken(node)).unwrap_or(free);
        self.nodes.insert(name.to_owned(), node);
        Ok(node)
    }

    fn take(&mut self, ts: Option<f64>, told: &Told) -> Result<(), String> {
        if self.events.len() >= EVENTS_MAX {
            return Err(format!("the log has more than {EVENTS_MAX} events; cut it by time, and open a part"));
        }
        let node = self.node(&told.nid)?;
        if let Some(ts) = ts {
            let began = *self.began.get_or_insert(ts);
            // Clocks of several machines may step back; a trace never does.
            self.at = self.at.max(Timestamp::from_secs_f64(ts - began));
        } else {
            self.at.0 += 1_000_000;
        }
        let started = self.known.get(&node).is_none_or(|known| known.started == 0);
        if told.name == "InitState" || started {
            let known = self.known.entry(node).or_default();
            let incarnation = known.started;
            known.started += 1;
            (known.role, known.term) = (None, 0);
            self.push(None, EventKind::NodeStarted { node, incarnation, port: 0 });
        }
        let arrived = match &told.msg {
            Some(message) if told.name.starts_with("Receive") => self.arrive(node, message),
            _ => None,
        };
        self.change(node, told, arrived)?;
        if let Some(message) =
            told.msg.as_ref().filter(|message| told.name.starts_with("Send") && message.from != message.to)
        {
            let to = self.node(&message.to)?;
            self.send(node, to, message);
        }
        Ok(())
    }

    fn arrive(&mut self, node: NodeId, message: &Message) -> Option<Seq> {
        if message.from == message.to {
            return None;
        }
        let sent = self.under_way.get_mut(message).and_then(VecDeque::pop_front);
        if self.under_way.get(message).is_some_and(VecDeque::is_empty) {
            self.under_way.remove(message);
        }
        let Some((msg, sent)) = sent else {
            let text = format!("{} of {} arrived; its sending is not in the log", message.kind, message.from);
            let changes = vec![ViewChange::Extra(vec![(LOGGED, text)])];
            return Some(self.push(None, EventKind::ViewChanged { node, changes }));
        };
        self.waiting -= 1;
        Some(self.push(Some(sent), EventKind::FrameDelivered { msg }))
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: &Message) {
        let (name, family) = name_of(&message.kind);
        let info = MessageInfo { name: Name::new(name), family, refuses: message.reject };
        self.msgs += 1;
        let (msg, due, payload) = (MsgId(self.msgs), self.at, bytes::Bytes::new());
        let frame = EventKind::FrameSent { msg, from: from.into(), to: to.into(), info, due, bytes: 0, payload };
        let seq = self.push(None, frame);
        if self.waiting < UNDER_WAY_MAX {
            self.waiting += 1;
            self.under_way.entry(message.clone()).or_default().push_back((msg, seq));
        }
    }

    /// Tells what the line says of the node that it did not say before.
    fn change(&mut self, node: NodeId, told: &Told, cause: Option<Seq>) -> Result<(), String> {
        let role = match told.role.as_deref() {
            Some("StateLeader") => Some(RoleKind::Leader),
            Some("StateCandidate" | "StatePreCandidate") => Some(RoleKind::Candidate),
            Some("StateFollower") => Some(RoleKind::Follower),
            Some(other) => {
                return Err(format!("`{other}` is no role; known are StateLeader, StateCandidate, StateFollower"));
            }
            None => None,
        };
        let vote = match told.state.as_ref().map(|state| state.vote.as_str()) {
            None | Some("" | "0") => None,
            Some(name) => Some(self.node(name)?),
        };
        let known = self.known.entry(node).or_default();
        let mut changes = Vec::new();
        let mut news = None;
        if let Some(state) = &told.state {
            if state.term != known.term {
                known.term = state.term;
                changes.push(ViewChange::Epoch(Epoch(state.term)));
            }
            let number = vote.map_or(0, |node| u64::from(node.0));
            if number != known.vote {
                known.vote = number;
                changes.push(ViewChange::VotedFor(vote));
            }
            if state.commit != known.commit {
                known.commit = state.commit;
                changes.push(ViewChange::CommitIndex(LogIndex(state.commit)));
            }
        }
        let term = Epoch(known.term);
        if let Some(role) = role.filter(|role| Some(*role) != known.role) {
            let (word, milestone) = match role {
                RoleKind::Leader => ("leader", Some(Milestone::LeaderElected { epoch: term })),
                RoleKind::Candidate => ("candidate", Some(Milestone::ElectionStarted { epoch: term })),
                RoleKind::Follower | RoleKind::Learner => ("follower", None),
            };
            changes.push(ViewChange::Role(role, Name::new(word)));
            known.role = Some(role);
            news = milestone;
        }
        let log = told.log.filter(|log| *log != known.log).map(|log| (std::mem::replace(&mut known.log, log), log));
        if let Some(milestone) = news {
            self.push(cause, EventKind::Milestone { node, milestone });
        }
        if !changes.is_empty() {
            self.push(cause, EventKind::ViewChanged { node, changes });
        }
        if let Some((before, log)) = log {
            let count = log.saturating_sub(before).min(ENTRIES_MAX);
            let entry = EntryBrief { epoch: term, op: None, kind: EntryKind::Put, bytes: 0 };
            let from = LogIndex(log - count + 1);
            self.push(cause, EventKind::LogSpliced { node, from, entries: vec![entry; count as usize] });
        }
        Ok(())
    }
}

fn name_of(kind: &str) -> (&'static str, Family) {
    match kind {
        "MsgApp" => ("AppendEntries", Family::Append),
        "MsgAppResp" => ("AppendEntriesReply", Family::Reply),
        "MsgVote" => ("RequestVote", Family::Vote),
        "MsgVoteResp" => ("RequestVoteReply", Family::Vote),
        "MsgHeartbeat" => ("Heartbeat", Family::Heartbeat),
        "MsgHeartbeatResp" => ("HeartbeatReply", Family::Heartbeat),
        "MsgSnap" => ("InstallSnapshot", Family::Snapshot),
        _ => ("Message", Family::Control), // A message that a later etcd has, and this program does not know.
    }
}
