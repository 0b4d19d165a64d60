//! What nodes say to each other, by the names of the paper and of the engine.

use std::fmt::Display;

use bytes::Bytes;
use omnipaxos::{
    ballot_leader_election::Ballot,
    messages::{ballot_leader_election::HeartbeatMsg, sequence_paxos::PaxosMsg},
    util::LogSync,
};
use serde::{Deserialize, Serialize};

use super::{link::Numbers, log::Command};
use crate::{
    event::{Family, MessageInfo},
    ids::Epoch,
    name::Name,
};

/// A message, and its numbers on its link.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(super) numbers: Numbers,
    pub(super) said: Said,
}

/// What a message says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// Ballot leader election.
    Heartbeat(HeartbeatMsg),
    /// Sequence Paxos.
    Paxos(PaxosMsg<Command>),
    /// The map, for who asks for entries that are in the log no more.
    Snapshot(Snapshot),
}

/// A map, and what it stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(super) index: u64,
    pub(super) epoch: Epoch,
    pub(super) map: Bytes,
}

/// The names that messages have here.
pub(crate) const MESSAGES: &[&str] = &[
    "HBRequest",
    "HBReply",
    "PrepareReq",
    "Prepare",
    "Promise",
    "AcceptSync",
    "AcceptDecide",
    "Accepted",
    "NotAccepted",
    "Decide",
    "Snapshot",
];

impl Said {
    pub(super) fn is_heartbeat(&self) -> bool {
        matches!(self, Self::Heartbeat(_))
    }

    /// Says what it is.
    pub(super) fn info(&self) -> MessageInfo {
        let (name, family) = match self {
            Self::Heartbeat(HeartbeatMsg::Request(_)) => ("HBRequest", Family::Heartbeat),
            Self::Heartbeat(HeartbeatMsg::Reply(_)) => ("HBReply", Family::Heartbeat),
            Self::Paxos(message) => paxos_name(message),
            Self::Snapshot(_) => ("Snapshot", Family::Snapshot),
        };
        MessageInfo { name: Name::new(name), family, refuses: name == "NotAccepted" }
    }

    /// Lists its fields.
    pub(super) fn fields(&self) -> Vec<(Name, String)> {
        match self {
            Self::Heartbeat(HeartbeatMsg::Request(request)) => vec![field("round", request.round)],
            Self::Heartbeat(HeartbeatMsg::Reply(reply)) => vec![
                field("round", reply.round),
                field("ballot", ballot_words(reply.ballot)),
                field("leader", ballot_words(reply.leader)),
                field("happy", if reply.happy { "yes" } else { "no" }),
            ],
            Self::Paxos(message) => paxos_fields(message),
            Self::Snapshot(snapshot) => vec![
                field("last_included_index", snapshot.index),
                field("last_included_ballot", snapshot.epoch),
                field("data", format_args!("{} bytes", snapshot.map.len())),
            ],
        }
    }
}

fn paxos_name(message: &PaxosMsg<Command>) -> (&'static str, Family) {
    match message {
        PaxosMsg::PrepareReq(_) => ("PrepareReq", Family::Vote),
        PaxosMsg::Prepare(_) => ("Prepare", Family::Vote),
        PaxosMsg::Promise(_) => ("Promise", Family::Vote),
        PaxosMsg::AcceptSync(_) => ("AcceptSync", Family::Append),
        PaxosMsg::AcceptDecide(_) => ("AcceptDecide", Family::Append),
        PaxosMsg::Accepted(_) => ("Accepted", Family::Reply),
        PaxosMsg::NotAccepted(_) => ("NotAccepted", Family::Reply),
        PaxosMsg::Decide(_) => ("Decide", Family::Append),
        // The rest is never sent: operations are not forwarded, and the members do not change.
        PaxosMsg::ProposalForward(_) => ("ProposalForward", Family::Append),
        PaxosMsg::Compaction(_) => ("Compaction", Family::Append),
        PaxosMsg::AcceptStopSign(_) => ("AcceptStopSign", Family::Append),
        PaxosMsg::ForwardStopSign(_) => ("ForwardStopSign", Family::Append),
    }
}

fn paxos_fields(message: &PaxosMsg<Command>) -> Vec<(Name, String)> {
    let ballot = |ballot| field("n", ballot_words(ballot));
    match message {
        PaxosMsg::PrepareReq(request) => vec![ballot(request.n)],
        PaxosMsg::Prepare(prepare) => vec![
            ballot(prepare.n),
            field("n_accepted", ballot_words(prepare.n_accepted)),
            field("accepted_idx", prepare.accepted_idx),
            field("decided_idx", prepare.decided_idx),
        ],
        PaxosMsg::Promise(promise) => {
            let mut fields = vec![
                ballot(promise.n),
                field("n_accepted", ballot_words(promise.n_accepted)),
                field("accepted_idx", promise.accepted_idx),
                field("decided_idx", promise.decided_idx),
            ];
            fields.extend(promise.log_sync.as_ref().map(sync_field));
            fields
        }
        PaxosMsg::AcceptSync(sync) => {
            vec![ballot(sync.n), field("decided_idx", sync.decided_idx), sync_field(&sync.log_sync)]
        }
        PaxosMsg::AcceptDecide(accept) => vec![
            ballot(accept.n),
            field("decided_idx", accept.decided_idx),
            field("entries", entries_text(None, &accept.entries)),
        ],
        PaxosMsg::Accepted(accepted) => vec![ballot(accepted.n), field("accepted_idx", accepted.accepted_idx)],
        PaxosMsg::NotAccepted(refusal) => vec![ballot(refusal.n)],
        PaxosMsg::Decide(decide) => vec![ballot(decide.n), field("decided_idx", decide.decided_idx)],
        PaxosMsg::ProposalForward(_)
        | PaxosMsg::Compaction(_)
        | PaxosMsg::AcceptStopSign(_)
        | PaxosMsg::ForwardStopSign(_) => Vec::new(), // never sent
    }
}

fn field(name: &'static str, value: impl Display) -> (Name, String) {
    (Name::new(name), value.to_string())
}

/// Says a ballot: its number, and whose it is.
pub(super) fn ballot_words(ballot: Ballot) -> String {
    if ballot == Ballot::default() { "none".to_owned() } else { format!("({}, n{})", ballot.n, ballot.pid) }
}

fn sync_field(sync: &LogSync<Command>) -> (Name, String) {
    field("log_sync", format!("after {}: {}", sync.sync_idx, entries_text(Some(sync.sync_idx), &sync.suffix)))
}

fn entries_text(before: Option<usize>, entries: &[Command]) -> String {
    if entries.is_empty() {
        return "none".to_owned();
    }
    let text = |(nth, entry): (usize, &Command)| match before {
        Some(before) => format!("{}: {}", before + nth + 1, entry.request),
        None => entry.request.to_string(),
    };
    entries.iter().enumerate().map(text).collect::<Vec<_>>().join("\n")
}
