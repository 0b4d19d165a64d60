//! What primaries and backups say to each other.

use serde::{Deserialize, Serialize};

use super::log::{Entry, Snapshot};
use crate::{
    event::{Family, MessageInfo},
    ids::{Epoch, LogIndex, NodeId},
    name::Name,
    time::Timestamp,
};

/// A message between nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    /// The epoch of the sender.
    pub(super) epoch: Epoch,
    pub(super) body: Body,
}

/// What a message says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Body {
    /// Primary to backup: after the entry at `prev_index`, the log goes on with these.
    Replicate { prev_index: LogIndex, prev_epoch: Epoch, entries: Vec<Entry>, commit: LogIndex },
    /// Backup to primary: everything through `match_index` is equal and on my disk; or, not `ok`, I do not have that
    /// predecessor, try after `match_index`.
    ReplicateReply { ok: bool, match_index: LogIndex },
    /// Primary to backup: I am here; I sent you everything through `through`.
    Heartbeat { commit: LogIndex, through: LogIndex, sent: Timestamp },
    /// Backup to primary: I heard what you sent at `sent`; of what you sent me I have everything through `have`.
    HeartbeatReply { sent: Timestamp, have: LogIndex, complete: bool },
    /// Primary to backup: take this for the beginning of your log.
    InstallSnapshot { snapshot: Snapshot },
    /// Suspicious backup to all: what do you have, and do you hear the primary?
    Status { last_epoch: Epoch, last_index: LogIndex },
    /// The answer.
    StatusReply { last_epoch: Epoch, last_index: LogIndex, hears: bool },
    /// To a deposed primary: there is a later epoch.
    StaleEpoch { primary: Option<NodeId> },
    /// Primary to backup: you have everything, take over.
    Promote,
}

/// The names that messages have here.
pub(crate) const MESSAGES: &[&str] = &[
    "Replicate",
    "ReplicateReply",
    "Heartbeat",
    "HeartbeatReply",
    "InstallSnapshot",
    "Status",
    "StatusReply",
    "StaleEpoch",
    "Promote",
];

impl Message {
    /// Says what it is.
    pub(super) fn info(&self) -> MessageInfo {
        let (name, family, refuses) = match &self.body {
            Body::Replicate { .. } => ("Replicate", Family::Append, false),
            Body::ReplicateReply { ok, .. } => ("ReplicateReply", Family::Reply, !ok),
            Body::Heartbeat { .. } => ("Heartbeat", Family::Heartbeat, false),
            Body::HeartbeatReply { .. } => ("HeartbeatReply", Family::Reply, false),
            Body::InstallSnapshot { .. } => ("InstallSnapshot", Family::Snapshot, false),
            Body::Status { .. } => ("Status", Family::Vote, false),
            Body::StatusReply { .. } => ("StatusReply", Family::Vote, false),
            Body::StaleEpoch { .. } => ("StaleEpoch", Family::Control, true),
            Body::Promote => ("Promote", Family::Control, false),
        };
        MessageInfo { name: Name::new(name), family, refuses }
    }

    /// Lists its fields.
    pub(super) fn fields(&self) -> Vec<(Name, String)> {
        let mut fields = vec![field("epoch", self.epoch)];
        match &self.body {
            Body::Replicate { prev_index, prev_epoch, entries, commit } => fields.extend([
                field("prev_index", prev_index),
                field("prev_epoch", prev_epoch),
                field("entries", entries_text(*prev_index, entries)),
                field("commit", commit),
            ]),
            Body::ReplicateReply { ok, match_index } => {
                fields.extend([field("ok", ok), field("match_index", match_index)]);
            }
            Body::Heartbeat { commit, through, sent } => {
                fields.extend([field("commit", commit), field("through", through), field("sent", sent)]);
            }
            Body::HeartbeatReply { sent, have, complete } => {
                fields.extend([field("sent", sent), field("have", have), field("complete", complete)]);
            }
            Body::InstallSnapshot { snapshot } => fields.extend([
                field("index", snapshot.index),
                field("entry_epoch", snapshot.epoch),
                field("state", format_args!("{} bytes", snapshot.state.len())),
            ]),
            Body::Status { last_epoch, last_index } => {
                fields.extend([field("last_epoch", last_epoch), field("last_index", last_index)]);
            }
            Body::StatusReply { last_epoch, last_index, hears } => fields.extend([
                field("last_epoch", last_epoch),
                field("last_index", last_index),
                field("hears", if *hears { "the primary" } else { "no primary" }),
            ]),
            Body::StaleEpoch { primary } => {
                fields.push(field("primary", primary.map_or("unknown".to_owned(), |node| node.to_string())));
            }
            Body::Promote => {}
        }
        fields
    }
}

fn field(name: &'static str, value: impl std::fmt::Display) -> (Name, String) {
    (Name::new(name), value.to_string())
}

fn entries_text(prev: LogIndex, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "none".to_owned();
    }
    let text = |(index, entry): (u64, &Entry)| match &entry.write {
        Some((_, request)) => format!("{index}: {request}"),
        None => format!("{index}: no-op"),
    };
    (prev.0 + 1..).zip(entries).map(text).collect::<Vec<_>>().join("\n")
}
