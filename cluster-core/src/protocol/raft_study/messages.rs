//! The remote procedure calls of Figure 2 and Figure 13, and their answers.

use std::fmt::Display;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::log::Entry;
use crate::{
    event::{Family, MessageInfo},
    ids::{Epoch, LogIndex, NodeId},
    name::Name,
};

/// What the nodes say to each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// §5.2: a candidate asks for a vote.
    RequestVote {
        term: Epoch,
        candidate_id: NodeId,
        last_log_index: LogIndex,
        last_log_term: Epoch,
    },
    RequestVoteReply {
        term: Epoch,
        vote_granted: bool,
    },
    /// §5.3: the leader replicates entries; without entries it is the heartbeat of §5.2.
    AppendEntries {
        term: Epoch,
        leader_id: NodeId,
        prev_log_index: LogIndex,
        prev_log_term: Epoch,
        entries: Vec<Entry>,
        leader_commit: LogIndex,
        /// §8: reads up to this round wait for the answer. The paper speaks of an exchange of heartbeats.
        round: u64,
    },
    /// `match_index` is, of a success, the last entry that is certainly equal; of a refusal, the last that may be (§5.3,
    /// on reducing the number of rejected calls).
    AppendEntriesReply {
        term: Epoch,
        success: bool,
        prev_log_index: LogIndex,
        match_index: LogIndex,
        round: u64,
    },
    /// §7: the leader sends what it no longer has as entries, all in one chunk.
    InstallSnapshot {
        term: Epoch,
        leader_id: NodeId,
        last_included_index: LogIndex,
        last_included_term: Epoch,
        data: Bytes,
    },
    InstallSnapshotReply {
        term: Epoch,
        last_included_index: LogIndex,
    },
}

/// The names that messages have here.
pub(crate) const MESSAGES: &[&str] = &[
    "RequestVote",
    "RequestVoteReply",
    "AppendEntries",
    "AppendEntriesReply",
    "Heartbeat",
    "InstallSnapshot",
    "InstallSnapshotReply",
];

impl Message {
    /// Returns the sender's term: every message has one (Figure 2).
    pub(super) fn term(&self) -> Epoch {
        match self {
            Self::RequestVote { term, .. }
            | Self::RequestVoteReply { term, .. }
            | Self::AppendEntries { term, .. }
            | Self::AppendEntriesReply { term, .. }
            | Self::InstallSnapshot { term, .. }
            | Self::InstallSnapshotReply { term, .. } => *term,
        }
    }

    /// Says what it is.
    pub(super) fn info(&self) -> MessageInfo {
        let (name, family, refuses) = match self {
            Self::RequestVote { .. } => ("RequestVote", Family::Vote, false),
            Self::RequestVoteReply { vote_granted, .. } => ("RequestVoteReply", Family::Vote, !vote_granted),
            Self::AppendEntries { entries, .. } if entries.is_empty() => ("Heartbeat", Family::Heartbeat, false),
            Self::AppendEntries { .. } => ("AppendEntries", Family::Append, false),
            Self::AppendEntriesReply { success, .. } => ("AppendEntriesReply", Family::Reply, !success),
            Self::InstallSnapshot { .. } => ("InstallSnapshot", Family::Snapshot, false),
            Self::InstallSnapshotReply { .. } => ("InstallSnapshotReply", Family::Snapshot, false),
        };
        MessageInfo { name: Name::new(name), family, refuses }
    }

    /// Lists its fields, by the names of the paper.
    pub(super) fn fields(&self) -> Vec<(Name, String)> {
        let mut fields = vec![field("term", self.term())];
        match self {
            Self::RequestVote { candidate_id, last_log_index, last_log_term, .. } => fields.extend([
                field("candidate_id", candidate_id),
                field("last_log_index", last_log_index),
                field("last_log_term", last_log_term),
            ]),
            Self::RequestVoteReply { vote_granted, .. } => fields.push(field("vote_granted", yes_no(*vote_granted))),
            Self::AppendEntries { leader_id, prev_log_index, prev_log_term, entries, leader_commit, round, .. } => {
                fields.extend([
                    field("leader_id", leader_id),
                    field("prev_log_index", prev_log_index),
                    field("prev_log_term", prev_log_term),
                    field("entries", entries_text(*prev_log_index, entries)),
                    field("leader_commit", leader_commit),
                    field("round", round),
                ]);
            }
            Self::AppendEntriesReply { success, prev_log_index, match_index, round, .. } => fields.extend([
                field("success", yes_no(*success)),
                field("prev_log_index", prev_log_index),
                field("match_index", match_index),
                field("round", round),
            ]),
            Self::InstallSnapshot { leader_id, last_included_index, last_included_term, data, .. } => fields.extend([
                field("leader_id", leader_id),
                field("last_included_index", last_included_index),
                field("last_included_term", last_included_term),
                field("data", format_args!("{} bytes", data.len())),
            ]),
            Self::InstallSnapshotReply { last_included_index, .. } => {
                fields.push(field("last_included_index", last_included_index));
            }
        }
        fields
    }
}

fn field(name: &'static str, value: impl Display) -> (Name, String) {
    (Name::new(name), value.to_string())
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn entries_text(prev: LogIndex, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "none".to_owned();
    }
    let text = |(index, entry): (u64, &Entry)| match &entry.command {
        Some((_, request)) => format!("{index}: {request}"),
        None => format!("{index}: no-op"),
    };
    (prev.0 + 1..).zip(entries).map(text).collect::<Vec<_>>().join("\n")
}
