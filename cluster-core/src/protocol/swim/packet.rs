//! What travels between members: the engine's packets, field by field, and what Lifeguard adds to them.

use std::fmt;

use bytes::{Buf, BufMut};
use foca::{Codec, Header, Identity, Member, Message as Kind, State};
use serde::{Deserialize, Serialize};

use crate::{
    event::{Family, MemberStatus, MessageInfo},
    ids::NodeId,
    name::Name,
};

/// A member in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Id {
    pub(super) node: NodeId,
    pub(super) life: u32,
}

impl Identity for Id {
    type Addr = NodeId;

    fn renew(&self) -> Option<Self> {
        self.life.checked_add(1).map(|life| Self { life, ..*self })
    }

    fn addr(&self) -> NodeId {
        self.node
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.life > adversary.life
    }
}

/// What travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message {
    /// A packet of SWIM.
    Packet(Packet),
    /// Lifeguard: who was asked to probe another has not heard from it either, but is here.
    Nack {
        /// The round of probes of who asked.
        probe: u8,
        /// Who does not answer.
        target: NodeId,
    },
}

/// A packet of SWIM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packet {
    pub(super) header: Header<Id>,
    /// The rumors that ride along.
    pub(super) updates: Vec<Member<Id>>,
    /// Lifeguard: whom the sender suspects by its own probes.
    pub(super) accuses: Vec<Accusation>,
    /// Lifeguard's buddy system: the receiver is suspected, in this incarnation.
    pub(super) doubted: Option<u16>,
}

/// A suspicion by one's own probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Accusation {
    pub(super) of: Id,
    pub(super) refutations: u16,
}

/// The names that messages have here.
pub(crate) const MESSAGES: &[&str] = &[
    "Ping",
    "Ack",
    "PingReq",
    "IndirectPing",
    "IndirectAck",
    "ForwardedAck",
    "Announce",
    "Feed",
    "Gossip",
    "TurnUndead",
    "Nack",
];

impl Message {
    /// Says what it is.
    pub(super) fn info(&self) -> MessageInfo {
        let (name, family, refuses) = match self {
            Self::Packet(packet) => packet.kind(),
            Self::Nack { .. } => ("Nack", Family::Reply, true),
        };
        MessageInfo { name: Name::new(name), family, refuses }
    }

    /// Lists its fields.
    pub(super) fn fields(&self) -> Vec<(Name, String)> {
        match self {
            Self::Packet(packet) => packet.fields(),
            Self::Nack { probe, target } => vec![field("probe", probe), field("target", target)],
        }
    }
}

impl Packet {
    /// Reads a packet that the engine wrote.
    pub(super) fn of_engine(mut data: &[u8]) -> Option<Self> {
        let header = Wire.decode_header(&mut data).ok()?;
        let count = if data.remaining() >= 2 { data.get_u16() } else { 0 };
        let updates = (0..count).map(|_| Wire.decode_member(&mut data)).collect::<Result<_, _>>().ok()?;
        Some(Self { header, updates, accuses: Vec::new(), doubted: None })
    }

    /// Writes it for the engine.
    pub(super) fn to_engine(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(HEADER_BYTES + 2 + self.updates.len() * MEMBER_BYTES);
        let written = Wire.encode_header(&self.header, &mut data);
        debug_assert!(written.is_ok(), "a vector has room");
        let bare = matches!(self.header.message, Kind::Announce | Kind::TurnUndead);
        if !bare || !self.updates.is_empty() {
            data.put_u16(u16::try_from(self.updates.len()).unwrap_or(u16::MAX));
            for update in &self.updates {
                let written = Wire.encode_member(update, &mut data);
                debug_assert!(written.is_ok(), "a vector has room");
            }
        }
        data
    }

    fn kind(&self) -> (&'static str, Family, bool) {
        match &self.header.message {
            Kind::Ping(_) => ("Ping", Family::Heartbeat, false),
            Kind::Ack(_) => ("Ack", Family::Reply, false),
            Kind::PingReq { .. } => ("PingReq", Family::Vote, false),
            Kind::IndirectPing { .. } => ("IndirectPing", Family::Heartbeat, false),
            Kind::IndirectAck { .. } => ("IndirectAck", Family::Reply, false),
            Kind::ForwardedAck { .. } => ("ForwardedAck", Family::Reply, false),
            Kind::Announce => ("Announce", Family::Control, false),
            Kind::Feed => ("Feed", Family::Snapshot, false),
            Kind::Gossip | Kind::Broadcast => ("Gossip", Family::Append, false),
            Kind::TurnUndead => ("TurnUndead", Family::Control, true),
        }
    }

    fn fields(&self) -> Vec<(Name, String)> {
        let Header { src, src_incarnation, dst, message } = &self.header;
        let mut fields =
            vec![field("incarnation", format_args!("{}.{src_incarnation}", src.life)), field("to_life", dst.life)];
        match message {
            Kind::Ping(probe) | Kind::Ack(probe) => fields.push(field("probe", probe)),
            Kind::PingReq { target, probe_number } | Kind::IndirectAck { target, probe_number } => {
                fields.extend([field("target", target.node), field("probe", probe_number)]);
            }
            Kind::IndirectPing { origin, probe_number } | Kind::ForwardedAck { origin, probe_number } => {
                fields.extend([field("origin", origin.node), field("probe", probe_number)]);
            }
            Kind::Announce | Kind::Feed | Kind::Gossip | Kind::Broadcast | Kind::TurnUndead => {}
        }
        fields.push(field("rumors", rumors(&self.updates)));
        if !self.accuses.is_empty() {
            let accused: Vec<_> = self.accuses.iter().map(|it| it.of.node.to_string()).collect();
            fields.push(field("accuses", accused.join(" ")));
        }
        if let Some(refutations) = self.doubted {
            fields.push(field("you_are_suspected", format_args!("{}.{refutations}", dst.life)));
        }
        fields
    }
}

fn rumors(updates: &[Member<Id>]) -> String {
    if updates.is_empty() {
        return "none".to_owned();
    }
    let text = |member: &Member<Id>| {
        let Id { node, life } = member.id();
        format!("{node} {} {life}.{}", status_of(member.state()).word(), member.incarnation())
    };
    updates.iter().map(text).collect::<Vec<_>>().join("\n")
}

fn field(name: &'static str, value: impl fmt::Display) -> (Name, String) {
    (Name::new(name), value.to_string())
}

/// Returns the engine's state in the words of the trace.
pub(super) fn status_of(state: State) -> MemberStatus {
    match state {
        State::Alive => MemberStatus::Alive,
        State::Suspect => MemberStatus::Suspect,
        State::Down => MemberStatus::Dead,
    }
}

/// How the engine writes: every header and every member has the same length, so that a limit of members is one of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire;

/// The length of a header.
pub(super) const HEADER_BYTES: usize = 22;
/// The length of a member.
pub(super) const MEMBER_BYTES: usize = 9;

/// The bytes are no packet, or there is no room for one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the bytes are no packet, or there is no room for one")]
pub(crate) struct Malformed;

impl Codec<Id> for Wire {
    type Error = Malformed;

    fn encode_header(&mut self, header: &Header<Id>, mut buf: impl BufMut) -> Result<(), Malformed> {
        if buf.remaining_mut() < HEADER_BYTES {
            return Err(Malformed);
        }
        put_id(header.src, &mut buf);
        buf.put_u16(header.src_incarnation);
        put_id(header.dst, &mut buf);
        let nobody = Id { node: NodeId(0), life: 0 };
        let (tag, other, probe) = match header.message {
            Kind::Ping(probe) => (0, nobody, probe),
            Kind::Ack(probe) => (1, nobody, probe),
            Kind::PingReq { target, probe_number } => (2, target, probe_number),
            Kind::IndirectPing { origin, probe_number } => (3, origin, probe_number),
            Kind::IndirectAck { target, probe_number } => (4, target, probe_number),
            Kind::ForwardedAck { origin, probe_number } => (5, origin, probe_number),
            Kind::Announce => (6, nobody, 0),
            Kind::Feed => (7, nobody, 0),
            Kind::Gossip => (8, nobody, 0),
            Kind::Broadcast => (9, nobody, 0),
            Kind::TurnUndead => (10, nobody, 0),
        };
        buf.put_u8(tag);
        put_id(other, &mut buf);
        buf.put_u8(probe);
        Ok(())
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Id>, Malformed> {
        if buf.remaining() < HEADER_BYTES {
            return Err(Malformed);
        }
        let (src, src_incarnation, dst) = (get_id(&mut buf), buf.get_u16(), get_id(&mut buf));
        let (tag, other, probe) = (buf.get_u8(), get_id(&mut buf), buf.get_u8());
        let message = match tag {
            0 => Kind::Ping(probe),
            1 => Kind::Ack(probe),
            2 => Kind::PingReq { target: other, probe_number: probe },
            3 => Kind::IndirectPing { origin: other, probe_number: probe },
            4 => Kind::IndirectAck { target: other, probe_number: probe },
            5 => Kind::ForwardedAck { origin: other, probe_number: probe },
            6 => Kind::Announce,
            7 => Kind::Feed,
            8 => Kind::Gossip,
            9 => Kind::Broadcast,
            10 => Kind::TurnUndead,
            _ => return Err(Malformed), // no kind of packet has a higher number
        };
        Ok(Header { src, src_incarnation, dst, message })
    }

    fn encode_member(&mut self, member: &Member<Id>, mut buf: impl BufMut) -> Result<(), Malformed> {
        if buf.remaining_mut() < MEMBER_BYTES {
            return Err(Malformed);
        }
        put_id(*member.id(), &mut buf);
        buf.put_u16(member.incarnation());
        buf.put_u8(match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        });
        Ok(())
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member<Id>, Malformed> {
        if buf.remaining() < MEMBER_BYTES {
            return Err(Malformed);
        }
        let (id, incarnation) = (get_id(&mut buf), buf.get_u16());
        let state = match buf.get_u8() {
            0 => State::Alive,
            1 => State::Suspect,
            2 => State::Down,
            _ => return Err(Malformed), // there is no other state
        };
        Ok(Member::new(id, incarnation, state))
    }
}

fn put_id(id: Id, buf: &mut impl BufMut) {
    buf.put_u16(id.node.0);
    buf.put_u32(id.life);
}

fn get_id(buf: &mut impl Buf) -> Id {
    Id { node: NodeId(buf.get_u16()), life: buf.get_u32() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(node: u16, life: u32) -> Id {
        Id { node: NodeId(node), life }
    }

    #[test]
    fn every_kind_of_packet_reads_as_it_was_written() {
        let (a, b, c) = (id(1, 7), id(2, 1), id(3, u32::MAX));
        let kinds = [
            Kind::Ping(3),
            Kind::Ack(255),
            Kind::PingReq { target: c, probe_number: 1 },
            Kind::IndirectPing { origin: c, probe_number: 2 },
            Kind::IndirectAck { target: c, probe_number: 3 },
            Kind::ForwardedAck { origin: c, probe_number: 4 },
            Kind::Feed,
            Kind::Gossip,
            Kind::Announce,
            Kind::TurnUndead,
        ];
        for message in kinds {
            let bare = matches!(message, Kind::Announce | Kind::TurnUndead);
            let updates = if bare { Vec::new() } else { vec![Member::new(c, 9, State::Suspect), Member::down(b)] };
            let header = Header { src: a, src_incarnation: 2, dst: b, message };
            let packet = Packet { header, updates, accuses: Vec::new(), doubted: None };
            let bytes = packet.to_engine();
            let members = packet.updates.len();
            assert_eq!(bytes.len(), HEADER_BYTES + if bare { 0 } else { 2 + members * MEMBER_BYTES });
            assert_eq!(Packet::of_engine(&bytes), Some(packet));
        }
    }

    #[test]
    fn what_is_cut_short_or_of_no_known_kind_is_no_packet() {
        let header = Header { src: id(1, 1), src_incarnation: 0, dst: id(2, 1), message: Kind::Gossip };
        let packet = Packet { header, updates: vec![Member::alive(id(3, 1))], accuses: Vec::new(), doubted: None };
        let bytes = packet.to_engine();
        assert_eq!(Packet::of_engine(&bytes[..bytes.len() - 1]), None);
        let mut other = bytes.clone();
        other[14] = 99;
        assert_eq!(Packet::of_engine(&other), None);
    }

    #[test]
    fn a_later_life_wins() {
        let next = id(4, 1).renew().expect("there is a next one");
        assert!(next.win_addr_conflict(&id(4, 1)) && !id(4, 1).win_addr_conflict(&next));
    }
}
