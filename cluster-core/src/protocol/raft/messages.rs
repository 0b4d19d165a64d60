//! What Raft nodes say to each other, by the names of the paper, and which of it is accepted from the wire.

use std::fmt;

use protobuf::{CodedOutputStream, Message as _};
use raft::eraftpb::{Message, MessageType};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::{
    event::{Family, MessageInfo},
    ids::NodeId,
    name::Name,
};

/// A message of the engine; travels as its protobuf bytes.
#[derive(Debug)]
pub(crate) struct RaftMessage(pub(crate) Message);

impl Serialize for RaftMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self.0.compute_size() as usize;
        let (mut short, mut long) = ([0; SHORT], Vec::new());
        let bytes = match short.get_mut(..length) {
            Some(bytes) => bytes,
            None => {
                long.resize(length, 0);
                &mut long[..]
            }
        };
        let mut stream = CodedOutputStream::bytes(bytes);
        self.0.write_to_with_cached_sizes(&mut stream).map_err(ser::Error::custom)?;
        stream.check_eof();
        drop(stream);
        serializer.serialize_bytes(bytes)
    }
}

/// Most messages are no longer than this: their bytes need no memory of their own before they are sent.
const SHORT: usize = 256;

impl<'de> Deserialize<'de> for RaftMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = RaftMessage;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the bytes of a Raft message")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<RaftMessage, E> {
                Message::parse_from_bytes(bytes).map(RaftMessage).map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// Returns whether a message may come from another node at all.
///
/// The engine takes a message without a term for its own, and trusts forwarded proposals and reads to be well formed:
/// nobody sends such here.
pub(super) fn may_come_from(message: &Message, from: NodeId, me: NodeId) -> bool {
    message.from == u64::from(from.0) && message.to == u64::from(me.0) && message.term > 0 && travels(message.msg_type)
}

fn travels(kind: MessageType) -> bool {
    match kind {
        MessageType::MsgAppend
        | MessageType::MsgAppendResponse
        | MessageType::MsgRequestVote
        | MessageType::MsgRequestVoteResponse
        | MessageType::MsgRequestPreVote
        | MessageType::MsgRequestPreVoteResponse
        | MessageType::MsgSnapshot
        | MessageType::MsgHeartbeat
        | MessageType::MsgHeartbeatResponse
        | MessageType::MsgTimeoutNow => true,
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgPropose
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum
        | MessageType::MsgTransferLeader
        | MessageType::MsgReadIndex
        | MessageType::MsgReadIndexResp => false,
    }
}

/// The names that messages have here.
pub(crate) const MESSAGES: &[&str] = &[
    "AppendEntries",
    "AppendEntriesReply",
    "RequestVote",
    "RequestVoteReply",
    "PreVote",
    "PreVoteReply",
    "InstallSnapshot",
    "Heartbeat",
    "HeartbeatReply",
    "TimeoutNow",
];

/// Says what a message is.
pub(super) fn describe(message: &Message) -> MessageInfo {
    let (name, family) = match message.msg_type {
        MessageType::MsgAppend => ("AppendEntries", Family::Append),
        MessageType::MsgAppendResponse => ("AppendEntriesReply", Family::Reply),
        MessageType::MsgRequestVote => ("RequestVote", Family::Vote),
        MessageType::MsgRequestVoteResponse => ("RequestVoteReply", Family::Vote),
        MessageType::MsgRequestPreVote => ("PreVote", Family::Vote),
        MessageType::MsgRequestPreVoteResponse => ("PreVoteReply", Family::Vote),
        MessageType::MsgSnapshot => ("InstallSnapshot", Family::Snapshot),
        MessageType::MsgHeartbeat => ("Heartbeat", Family::Heartbeat),
        MessageType::MsgHeartbeatResponse => ("HeartbeatReply", Family::Heartbeat),
        MessageType::MsgTimeoutNow => ("TimeoutNow", Family::Control),
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgPropose
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum
        | MessageType::MsgTransferLeader
        | MessageType::MsgReadIndex
        | MessageType::MsgReadIndexResp => ("Local", Family::Control),
    };
    MessageInfo { name: Name::new(name), family, refuses: message.reject }
}

/// Lists a message's fields by the names of the paper.
pub(super) fn fields(message: &Message) -> Vec<(Name, String)> {
    let mut fields = vec![(Name::new("term"), message.term.to_string())];
    let mut field = |name: &'static str, value: String| fields.push((Name::new(name), value));
    match message.msg_type {
        MessageType::MsgAppend => {
            field("prev_log_index", message.index.to_string());
            field("prev_log_term", message.log_term.to_string());
            field("entries", entries(message));
            field("leader_commit", message.commit.to_string());
        }
        MessageType::MsgAppendResponse => {
            field("success", yes_no(!message.reject));
            if message.reject {
                field("rejected_index", message.index.to_string());
                field("hint_index", message.reject_hint.to_string());
                field("hint_term", message.log_term.to_string());
                if message.request_snapshot > 0 {
                    field("wants_snapshot_from", message.request_snapshot.to_string());
                }
            } else {
                field("match_index", message.index.to_string());
            }
            field("commit", message.commit.to_string());
        }
        MessageType::MsgRequestVote | MessageType::MsgRequestPreVote => {
            field("last_log_index", message.index.to_string());
            field("last_log_term", message.log_term.to_string());
            field("commit", message.commit.to_string());
            if !message.context.is_empty() {
                field("because", String::from_utf8_lossy(&message.context).into_owned());
            }
        }
        MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse => {
            field("vote_granted", yes_no(!message.reject));
        }
        MessageType::MsgSnapshot => {
            let meta = message.get_snapshot().get_metadata();
            field("last_included_index", meta.index.to_string());
            field("last_included_term", meta.term.to_string());
            field("members", format!("{:?}", meta.get_conf_state().voters));
            field("bytes", message.get_snapshot().data.len().to_string());
        }
        MessageType::MsgHeartbeat | MessageType::MsgHeartbeatResponse => {
            field("commit", message.commit.to_string());
            if !message.context.is_empty() {
                field("confirms_reads", yes_no(true));
            }
        }
        // Only what never travels is left, and a transfer, which says nothing but its name.
        _ => {}
    }
    fields
}

fn entries(message: &Message) -> String {
    match (message.entries.first(), message.entries.last()) {
        (Some(first), Some(last)) if first.index != last.index => {
            format!("{} ({} to {})", message.entries.len(), first.index, last.index)
        }
        (Some(first), Some(_)) => format!("1 ({})", first.index),
        _ => "0".to_owned(),
    }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
