//! How requests and answers travel between clients and nodes, and what they are called in the picture.

use bytes::Bytes;
use serde::Serialize;

use crate::{
    event::{Family, MessageInfo},
    ids::{LogIndex, OpId},
    name::Name,
    request::{Admin, Request, Response},
};

/// Room for everything of a frame but key and value.
const FIXED_BYTES: usize = 32;

/// Encodes a request; behind it stands the last log position that its client knows of, unless it knows of none.
pub fn encode_request(op: OpId, request: &Request, after: LogIndex) -> Bytes {
    if after == LogIndex(0) {
        return encode(&(op, request), request.content_bytes());
    }
    encode(&(op, request, after), request.content_bytes())
}

/// Reads a request, and the last log position that its client knows of, 0 if it said none; `None` if the bytes are none.
pub fn decode_request(payload: &[u8]) -> Option<(OpId, Request, LogIndex)> {
    let ((op, request), rest) = postcard::take_from_bytes(payload).ok()?;
    let after = if rest.is_empty() { LogIndex(0) } else { postcard::from_bytes(rest).ok()? };
    Some((op, request, after))
}

/// Encodes an answer.
pub fn encode_response(op: OpId, response: &Response) -> Bytes {
    let content = match response {
        Response::Value { value, .. } => value.as_ref().map_or(0, |value| value.0.len()),
        Response::Answer { answer, .. } => answer.content_bytes(),
        Response::Written { .. } | Response::Done | Response::Refused(_) | Response::Unknown { .. } => 0,
    };
    encode(&(op, response), content)
}

/// Reads an answer; `None` if the bytes are none.
pub fn decode_response(payload: &[u8]) -> Option<(OpId, Response)> {
    postcard::from_bytes(payload).ok()
}

/// The names that requests and answers have.
pub const MESSAGES: &[&str] = &["Get", "Put", "Delete", "Admin", "Reply", "Refusal"];

/// Says what a request is, for those who look at the wire.
pub fn request_info(request: &Request) -> MessageInfo {
    let name = match request {
        Request::Get { .. } => "Get",
        Request::Put { .. } => "Put",
        Request::Delete { .. } => "Delete",
        Request::Admin(_) => "Admin",
        Request::GetMany { .. } => "GetMany",
        Request::Exists { .. } => "Exists",
        Request::PutMany { .. } => "PutMany",
        Request::DeleteMany { .. } => "DeleteMany",
        Request::Increment { .. } => "Increment",
        Request::Append { .. } => "Append",
        Request::PutIf { .. } => "PutIf",
    };
    MessageInfo { name: Name::new(name), family: Family::Client, refuses: false }
}

/// Says what an answer is.
pub fn response_info(response: &Response) -> MessageInfo {
    let refuses = matches!(response, Response::Refused(_));
    let name = if refuses { "Refusal" } else { "Reply" };
    MessageInfo { name: Name::new(name), family: Family::Client, refuses }
}

/// Lists the fields of a request's bytes for the inspector; `None` if they are none, or cut short.
pub fn request_fields(payload: &[u8]) -> Option<Vec<(Name, String)>> {
    let (op, request, after) = decode_request(payload)?;
    let mut fields = vec![field("op", op), field("verb", request.verb())];
    if after > LogIndex(0) {
        fields.push(field("has seen", after));
    }
    fields.extend(request.key().map(|key| field("key", key)));
    match &request {
        Request::Put { value, .. } | Request::Append { value, .. } | Request::PutIf { value, .. } => {
            fields.push(field("value", value));
        }
        Request::Increment { by, .. } => fields.push(field("by", by)),
        Request::GetMany { keys } | Request::Exists { keys } | Request::DeleteMany { keys } => {
            fields.push(field("keys", keys.len()));
        }
        Request::PutMany { pairs } => fields.push(field("keys", pairs.len())),
        Request::Admin(
            Admin::TransferLeadership { to: node }
            | Admin::AddMember { node }
            | Admin::AddLearner { node }
            | Admin::RemoveMember { node },
        ) => fields.push(field("node", node)),
        Request::Get { .. } | Request::Delete { .. } | Request::Admin(Admin::Campaign | Admin::Promote) => {}
    }
    Some(fields)
}

/// Lists the fields of an answer's bytes for the inspector; `None` if they are none, or cut short.
pub fn response_fields(payload: &[u8]) -> Option<Vec<(Name, String)>> {
    let (op, response) = decode_response(payload)?;
    let mut fields = vec![field("op", op)];
    match response {
        Response::Value { value: Some(value), at } => fields.extend([field("value", value), field("at", at)]),
        Response::Value { value: None, at } => fields.extend([field("value", "none"), field("at", at)]),
        Response::Written { at } => fields.push(field("at", at)),
        Response::Done => fields.push(field("outcome", "done")),
        Response::Refused(refusal) => fields.push(field("refused", refusal)),
        Response::Unknown { why } => fields.push(field("unknown", why)),
        Response::Answer { answer, at } => fields.extend([field("answer", answer), field("at", at)]),
    }
    Some(fields)
}

fn field(name: &'static str, value: impl ToString) -> (Name, String) {
    (Name::new(name), value.to_string())
}

fn encode(message: &impl Serialize, content: usize) -> Bytes {
    let room = Vec::with_capacity(FIXED_BYTES + content);
    postcard::to_extend(message, room).expect("a message in memory always encodes").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::NodeId,
        request::{Answer, Condition, Refusal},
    };

    #[test]
    fn every_kind_of_request_survives_the_wire() {
        let key = || "x".into();
        for request in [
            Request::Get { key: key() },
            Request::Put { key: key(), value: "1".into() },
            Request::Delete { key: key() },
            Request::Admin(Admin::TransferLeadership { to: NodeId(2) }),
            Request::GetMany { keys: vec![key(), key()] },
            Request::PutMany { pairs: vec![(key(), "1".into())] },
            Request::Increment { key: key(), by: -1 },
            Request::PutIf { key: key(), value: "1".into(), when: Condition::Absent, tells_old: true },
        ] {
            for after in [LogIndex(0), LogIndex(900)] {
                let payload = encode_request(OpId(300), &request, after);
                assert_eq!(crate::request::op_of(&payload), Some(OpId(300)));
                assert_eq!(decode_request(&payload), Some((OpId(300), request.clone(), after)));
                assert!(request_fields(&payload).is_some_and(|fields| fields.len() > 2));
            }
        }
    }

    #[test]
    fn every_kind_of_answer_survives_the_wire() {
        let at = LogIndex(7);
        for response in [
            Response::Value { value: Some("1".into()), at },
            Response::Value { value: None, at },
            Response::Written { at },
            Response::Done,
            Response::Refused(Refusal::NotLeader { leader: Some(NodeId(3)) }),
            Response::Unknown { why: Name::new("deposed") },
            Response::Answer { answer: Answer::Values(vec![None, Some("1".into())]), at },
        ] {
            let payload = encode_response(OpId(1), &response);
            assert_eq!(decode_response(&payload), Some((OpId(1), response)));
            assert!(response_fields(&payload).is_some_and(|fields| fields.len() > 1));
        }
    }

    #[test]
    fn only_a_refusal_says_no() {
        assert!(response_info(&Response::Refused(Refusal::Unsupported)).refuses);
        assert!(!response_info(&Response::Done).refuses);
    }

    #[test]
    fn bytes_cut_short_are_no_request() {
        let payload = encode_request(OpId(1), &Request::Put { key: "x".into(), value: "12345".into() }, LogIndex(0));
        assert_eq!(decode_request(&payload[..payload.len() - 1]), None);
        assert_eq!(request_fields(&payload[..payload.len() - 1]), None);
    }
}
