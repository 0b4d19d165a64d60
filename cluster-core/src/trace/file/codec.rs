//! How events become bytes: postcard, with a shorter form for the two kinds that make up most of a trace.

use bytes::Bytes;
use postcard::ser_flavors::Flavor;

use super::PAYLOAD_KEPT;
use crate::{
    command::Command,
    event::{EventKind, Family, MessageInfo, Outcome, TraceEvent},
    ids::{ClientId, Endpoint, LogIndex, MsgId, NodeId, Seq},
    name::Name,
    request::Request,
    time::Timestamp,
};

/// The form of an event's kind, told by the byte before it.
const ANY: u8 = 0;
const SENT: u8 = 1;
const DELIVERED: u8 = 2;

/// A log that is told anew with more entries than this is told from a later entry on.
const ENTRIES_KEPT: usize = 1_000_000;

/// Encodes the events of one block. Numbers are told as differences, message names once a block.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    names: Vec<Name>,
    count: u32,
    first: Option<(Seq, Timestamp)>,
    last_at: Timestamp,
    last_msg: u64,
}

impl Encoder {
    /// Appends an event, which must be the next one.
    pub(crate) fn push(&mut self, event: &TraceEvent) {
        let (first, _) = *self.first.get_or_insert((event.seq, event.at));
        assert_eq!(event.seq.0, first.0 + u64::from(self.count), "events are recorded in order and without gaps");
        if self.count == 0 {
            self.last_at = event.at;
        }
        put_varint(&mut self.bytes, event.at.0.saturating_sub(self.last_at.0));
        self.last_at = self.last_at.max(event.at);
        put_varint(&mut self.bytes, event.cause.map_or(0, |cause| event.seq.0.saturating_sub(cause.0) + 1));
        self.push_kind(&event.kind, self.last_at);
        self.count += 1;
    }

    /// Returns how many events wait in it.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the encoded events so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns number and time of the first event, and the time of the last.
    pub(crate) fn range(&self) -> Option<(Seq, Timestamp, Timestamp)> {
        self.first.map(|(seq, at)| (seq, at, self.last_at))
    }

    /// Begins another block. Keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.names.clear();
        (self.count, self.first, self.last_msg) = (0, None, 0);
    }

    fn push_kind(&mut self, kind: &EventKind, at: Timestamp) {
        match kind {
            EventKind::FrameSent { msg, from, to, info, due, bytes, payload } => {
                self.bytes.push(SENT);
                self.push_msg(*msg);
                put_end(&mut self.bytes, *from);
                put_end(&mut self.bytes, *to);
                self.push_info(*info);
                put_signed(&mut self.bytes, due.0.wrapping_sub(at.0));
                put_varint(&mut self.bytes, u64::from(*bytes));
                let kept = &payload[..payload.len().min(PAYLOAD_KEPT)];
                put_varint(&mut self.bytes, kept.len() as u64);
                self.bytes.extend_from_slice(kept);
            }
            EventKind::FrameDelivered { msg } => {
                self.bytes.push(DELIVERED);
                self.push_msg(*msg);
            }
            other => {
                self.bytes.push(ANY);
                match shortened(other) {
                    Some(short) => put_any(&mut self.bytes, &short),
                    None => put_any(&mut self.bytes, other),
                }
            }
        }
    }

    fn push_msg(&mut self, msg: MsgId) {
        put_signed(&mut self.bytes, msg.0.wrapping_sub(self.last_msg));
        self.last_msg = msg.0;
    }

    fn push_info(&mut self, info: MessageInfo) {
        let known = self.names.iter().position(|name| *name == info.name);
        put_varint(&mut self.bytes, known.unwrap_or(self.names.len()) as u64);
        if known.is_none() {
            let word = info.name.as_str().as_bytes();
            put_varint(&mut self.bytes, word.len() as u64);
            self.bytes.extend_from_slice(word);
            self.names.push(info.name);
        }
        self.bytes.push(family_code(info.family) << 1 | u8::from(info.refuses));
    }
}

/// Returns about how many bytes an event needs, if it is one that may need many; else 0.
pub(super) fn heft(kind: &EventKind) -> usize {
    match kind {
        EventKind::LogSpliced { entries, .. } => entries.len() * 16,
        EventKind::OpInvoked { request: Request::Put { value, .. }, .. }
        | EventKind::CommandIssued { command: Command::Submit { request: Request::Put { value, .. }, .. }, .. }
        | EventKind::CommandIssued { command: Command::Ask { request: Request::Put { value, .. }, .. }, .. }
        | EventKind::OpReturned { outcome: Outcome::Value { value: Some(value), .. }, .. } => value.0.len(),
        EventKind::OpInvoked { request, .. } => request.content_bytes(),
        EventKind::OpReturned { outcome: Outcome::Answered { answer, .. }, .. } => answer.content_bytes(),
        // Everything else is small by its nature.
        _ => 0,
    }
}

/// Returns what is kept of an event that would be too large for a block.
fn shortened(kind: &EventKind) -> Option<EventKind> {
    match kind {
        EventKind::LogSpliced { node, from, entries } if entries.len() > ENTRIES_KEPT => {
            let skipped = entries.len() - ENTRIES_KEPT;
            let from = LogIndex(from.0 + skipped as u64);
            Some(EventKind::LogSpliced { node: *node, from, entries: entries[skipped..].to_vec() })
        }
        // Everything else is small by its nature.
        _ => None,
    }
}

/// Decodes the events of a block. `None` if the bytes are not what an encoder makes.
pub(crate) fn decode(raw: &Bytes, count: u32, first: Seq, first_at: Timestamp) -> Option<Vec<TraceEvent>> {
    let mut decoder = Decoder { raw, at: 0, names: Vec::new(), last_at: first_at, last_msg: 0 };
    let mut events = Vec::with_capacity(count as usize);
    for nth in 0..u64::from(count) {
        events.push(decoder.event(Seq(first.0.checked_add(nth)?))?);
    }
    (decoder.at == raw.len()).then_some(events)
}

struct Decoder<'a> {
    raw: &'a Bytes,
    at: usize,
    names: Vec<Name>,
    last_at: Timestamp,
    last_msg: u64,
}

impl Decoder<'_> {
    fn event(&mut self, seq: Seq) -> Option<TraceEvent> {
        let at = Timestamp(self.last_at.0.checked_add(self.varint()?)?);
        self.last_at = at;
        let cause = match self.varint()? {
            0 => None,
            back => Some(Seq(seq.0.checked_sub(back - 1)?)),
        };
        let kind = match self.byte()? {
            ANY => self.any()?,
            SENT => self.sent(at)?,
            DELIVERED => EventKind::FrameDelivered { msg: self.msg()? },
            _ => return None,
        };
        Some(TraceEvent { seq, at, cause, kind })
    }

    fn any(&mut self) -> Option<EventKind> {
        let rest = &self.raw[self.at..];
        let (kind, left) = postcard::take_from_bytes(rest).ok()?;
        self.at += rest.len() - left.len();
        Some(kind)
    }

    fn sent(&mut self, at: Timestamp) -> Option<EventKind> {
        let msg = self.msg()?;
        let (from, to) = (self.end()?, self.end()?);
        let info = self.info()?;
        let due = Timestamp(at.0.wrapping_add(self.signed()?));
        let bytes = u32::try_from(self.varint()?).ok()?;
        let payload = self.taken()?;
        Some(EventKind::FrameSent { msg, from, to, info, due, bytes, payload })
    }

    fn info(&mut self) -> Option<MessageInfo> {
        let known = usize::try_from(self.varint()?).ok()?;
        if known == self.names.len() {
            let word = self.taken()?;
            self.names.push(Name::intern(std::str::from_utf8(&word).ok()?)?);
        }
        let name = *self.names.get(known)?;
        let code = self.byte()?;
        Some(MessageInfo { name, family: family_of(code >> 1)?, refuses: code & 1 == 1 })
    }

    fn msg(&mut self) -> Option<MsgId> {
        self.last_msg = self.last_msg.wrapping_add(self.signed()?);
        Some(MsgId(self.last_msg))
    }

    fn end(&mut self) -> Option<Endpoint> {
        let code = self.varint()?;
        let id = u16::try_from(code >> 1).ok()?;
        Some(if code & 1 == 0 { NodeId(id).into() } else { ClientId(id).into() })
    }

    /// Takes bytes that are preceded by their length; they share the memory of the block.
    fn taken(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (start, end) = (self.at, self.at.checked_add(length)?);
        (end <= self.raw.len()).then(|| {
            self.at = end;
            self.raw.slice(start..end)
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.raw.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<u64> {
        let coded = self.varint()?;
        Some((coded >> 1) ^ (coded & 1).wrapping_neg())
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Zigzag: differences are small in either direction.
fn put_signed(out: &mut Vec<u8>, value: u64) {
    put_varint(out, (value << 1) ^ ((value as i64 >> 63) as u64));
}

fn put_end(out: &mut Vec<u8>, end: Endpoint) {
    let code = match end {
        Endpoint::Node(node) => u64::from(node.0) << 1,
        Endpoint::Client(client) => u64::from(client.0) << 1 | 1,
    };
    put_varint(out, code);
}

fn put_any(out: &mut Vec<u8>, kind: &EventKind) {
    postcard::serialize_with_flavor(kind, Appending(out)).expect("a kind in memory always encodes");
}

struct Appending<'a>(&'a mut Vec<u8>);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

fn family_code(family: Family) -> u8 {
    match family {
        Family::Vote => 0,
        Family::Append => 1,
        Family::Heartbeat => 2,
        Family::Reply => 3,
        Family::Snapshot => 4,
        Family::Client => 5,
        Family::Control => 6,
    }
}

fn family_of(code: u8) -> Option<Family> {
    Some(match code {
        0 => Family::Vote,
        1 => Family::Append,
        2 => Family::Heartbeat,
        3 => Family::Reply,
        4 => Family::Snapshot,
        5 => Family::Client,
        6 => Family::Control,
        _ => return None,
    })
}
