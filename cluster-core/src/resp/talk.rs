//! One connection: commands in, operations out, answers back in the order of the commands.

use std::collections::VecDeque;

use super::{
    cluster::Belief,
    command::{Meaning, Shape, meaning},
    decode::{Decoder, Malformed},
    encode::Reply,
    local::{After, Manners, answer},
};
use crate::{
    ids::OpId,
    request::{Answer, Misfit, Refusal, Request, Response},
};

/// How many commands may wait for their answers before no more are read.
const WAITING_MAX: usize = 4096;
/// How many bytes of answers may wait to be written before no more are made.
const OUT_MAX: usize = 1 << 20;
/// How many bytes may lie at hand before no more are wanted.
const AT_HAND: usize = 256 << 10;
/// A buffer that grew beyond this is given back when it is empty.
const KEPT_BYTES: usize = 64 << 10;

/// A connection, without its socket.
#[derive(Debug, Default)]
pub struct Talk {
    decoder: Decoder,
    manners: Manners,
    /// What was asked and is not in `out` yet, in order.
    waiting: VecDeque<Waiting>,
    out: Vec<u8>,
    /// Whether a command was read that nobody obeyed yet.
    command: bool,
    /// Whether bytes came that were not looked at up to their end.
    unread: bool,
    closing: bool,
}

/// A command whose answer is not in the buffer yet.
#[derive(Debug)]
struct Waiting {
    /// Its operation; of a command that asked nothing, the last one before it.
    op: OpId,
    answer: Awaited,
}

#[derive(Debug)]
enum Awaited {
    /// An operation under way, the shape of its answer, and the slot of its key.
    Op(Shape, u16),
    /// The answer to it came; others before it did not.
    Came(Shape, u16, Response),
    /// What there is to say is known.
    Said(Vec<u8>),
}

/// What came of a command.
#[derive(Debug, PartialEq)]
pub enum Did {
    /// An operation is asked for: tell its number by [`Talk::asked`].
    Ask(Request),
    /// It was answered.
    Answered,
    /// It was answered; the client has another name.
    Named,
}

impl Talk {
    /// Takes bytes that came in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
        self.unread = true;
    }

    /// Reads up to the end of the next command. Returns whether there is one, and room for its answer.
    pub fn read(&mut self) -> Result<bool, Malformed> {
        if !self.has_room() {
            return Ok(false);
        }
        if !self.command {
            self.command = self.decoder.next()?;
            self.unread = self.command;
        }
        Ok(self.command)
    }

    /// Obeys the command that was read.
    pub fn obey(&mut self, belief: &Belief<'_>) -> Did {
        self.command = false;
        match meaning(&self.decoder) {
            Meaning::Ask { request, shape, slot } => {
                self.waiting.push_back(Waiting { op: OpId(u64::MAX), answer: Awaited::Op(shape, slot) });
                Did::Ask(request)
            }
            Meaning::Local(word) => {
                let args: Vec<&[u8]> = (1..self.decoder.len()).map(|nth| self.decoder.arg(nth)).collect();
                let (last, mut said) = (self.waiting.back().map(|waiting| waiting.op), Vec::new());
                let out = if last.is_none() { &mut self.out } else { &mut said };
                let after = answer(word, &args, belief, &mut self.manners, out);
                self.waiting.extend(last.map(|op| Waiting { op, answer: Awaited::Said(said) }));
                self.closing |= after == After::Close;
                if after == After::Named { Did::Named } else { Did::Answered }
            }
            Meaning::Wrong(text) => {
                self.say(|reply| reply.error(&text));
                Did::Answered
            }
        }
    }

    /// Tells the number of the operation that was asked for last.
    pub fn asked(&mut self, op: OpId) {
        if let Some(last) = self.waiting.back_mut() {
            last.op = op;
        }
    }

    /// Says that the operation that was asked for last could not be: its node is not there.
    pub fn not_asked(&mut self) {
        self.waiting.pop_back();
        self.say(|reply| reply.error("CLUSTERDOWN this node is not running"));
    }

    /// Says that the bytes are no command, and that the connection ends.
    pub fn refuse(&mut self, why: &Malformed) {
        self.closing = true;
        self.say(|reply| reply.error(&format!("ERR Protocol error: {why}")));
    }

    /// The answer to an operation came. `door` returns the port on which a node takes clients.
    pub fn answer(&mut self, op: OpId, response: Response, door: impl Fn(crate::ids::NodeId) -> Option<u16>) {
        let at = self.waiting.partition_point(|waiting| waiting.op < op);
        let Some(waiting) = self.waiting.get_mut(at).filter(|waiting| waiting.op == op) else { return };
        if let Awaited::Op(shape, slot) = waiting.answer {
            waiting.answer = Awaited::Came(shape, slot, response);
        }
        self.settle(door);
    }

    /// Moves answers into the buffer, in order, as far as they are there and it has room.
    pub fn settle(&mut self, door: impl Fn(crate::ids::NodeId) -> Option<u16>) {
        while self.out.len() < OUT_MAX {
            match self.waiting.pop_front() {
                None => return,
                Some(Waiting { answer: Awaited::Said(said), .. }) => self.out.extend_from_slice(&said),
                Some(Waiting { answer: Awaited::Came(shape, slot, response), .. }) => {
                    let mut reply = Reply::new(&mut self.out, self.manners.three);
                    say_response(shape, slot, &response, &door, &mut reply);
                }
                Some(waits @ Waiting { answer: Awaited::Op(..), .. }) => return self.waiting.push_front(waits),
            }
        }
    }

    /// Returns what is to be written.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    /// So many bytes were written.
    pub fn wrote(&mut self, count: usize) {
        if count == self.out.len() {
            self.out.clear();
            if self.out.capacity() > KEPT_BYTES {
                self.out = Vec::new();
            }
        } else {
            self.out.drain(..count);
        }
    }

    /// Returns whether more bytes are wanted: the rest of a command, or some to be at hand.
    pub fn is_hungry(&self) -> bool {
        !self.closing && (!self.unread || self.decoder.waiting() < AT_HAND)
    }

    /// Returns whether reading may find another command, and there is room for its answer.
    pub fn can_go_on(&self) -> bool {
        self.unread && self.has_room()
    }

    fn has_room(&self) -> bool {
        !self.closing && self.waiting.len() < WAITING_MAX && self.out.len() < OUT_MAX
    }

    /// Returns whether the connection is over once everything was written.
    pub fn is_closing(&self) -> bool {
        self.closing && self.waiting.is_empty()
    }

    /// Returns whether a command began and its end has not come.
    pub fn is_midway(&self) -> bool {
        !self.unread && self.decoder.waiting() > 0
    }

    /// Returns how many bytes wait to be read or written.
    pub fn bytes(&self) -> usize {
        self.decoder.waiting() + self.out.len()
    }

    /// Returns what the client calls itself.
    pub fn name(&self) -> &str {
        &self.manners.name
    }

    /// Says something behind everything that is to be said before.
    fn say(&mut self, say: impl FnOnce(&mut Reply<'_>)) {
        match self.waiting.back().map(|waiting| waiting.op) {
            None => say(&mut Reply::new(&mut self.out, self.manners.three)),
            Some(op) => {
                let mut said = Vec::new();
                say(&mut Reply::new(&mut said, self.manners.three));
                self.waiting.push_back(Waiting { op, answer: Awaited::Said(said) });
            }
        }
    }
}

fn say_response(
    shape: Shape,
    slot: u16,
    response: &Response,
    door: impl Fn(crate::ids::NodeId) -> Option<u16>,
    reply: &mut Reply<'_>,
) {
    match (shape, response) {
        (_, Response::Refused(refusal)) => say_refusal(*refusal, slot, door, reply),
        (_, Response::Unknown { why }) => {
            reply.error(&format!("NOANSWER it may or may not take effect: {why}"));
        }
        (_, Response::Answer { answer: Answer::Misfit(misfit), .. }) => reply.error(misfit_words(*misfit)),
        (Shape::Value, Response::Value { value, .. }) => {
            reply.bulk_or_nil(value.as_ref().map(|value| value.0.as_ref()));
        }
        (Shape::Ok, Response::Written { .. }) => reply.simple("OK"),
        (Shape::Number, Response::Answer { answer: Answer::Number(number), .. }) => reply.number(*number),
        (Shape::Values, Response::Answer { answer: Answer::Values(values), .. }) => {
            reply.list(values.len());
            values.iter().for_each(|value| reply.bulk_or_nil(value.as_ref().map(|value| value.0.as_ref())));
        }
        (Shape::Old, Response::Answer { answer: Answer::Put { old, .. }, .. }) => {
            reply.bulk_or_nil(old.as_ref().map(|old| old.0.as_ref()));
        }
        (Shape::OkIf, Response::Answer { answer: Answer::Put { written, .. }, .. }) => match written {
            true => reply.simple("OK"),
            false => reply.nil(),
        },
        (Shape::OneIf, Response::Answer { answer: Answer::Put { written, .. }, .. }) => reply.number((*written).into()),
        // A protocol answers an operation by what it asks for; if it does not, the client must not take it for success.
        (_, Response::Value { .. } | Response::Written { .. } | Response::Done | Response::Answer { .. }) => {
            reply.error("ERR the node's answer does not fit the command");
        }
    }
}

fn say_refusal(refusal: Refusal, slot: u16, door: impl Fn(crate::ids::NodeId) -> Option<u16>, reply: &mut Reply<'_>) {
    match refusal {
        Refusal::NotLeader { leader } => match leader.and_then(door) {
            Some(port) => reply.error(&format!("MOVED {slot} 127.0.0.1:{port}")),
            None => reply.error("CLUSTERDOWN this node knows no leader"),
        },
        Refusal::StaleEpoch | Refusal::Unavailable { .. } => reply.error(&format!("CLUSTERDOWN {refusal}")),
        Refusal::Unsupported => reply.error(&format!("ERR {refusal}")),
    }
}

fn misfit_words(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::NotInteger => "ERR value is not an integer or out of range",
        Misfit::Overflow => "ERR increment or decrement would overflow",
        Misfit::TooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        Misfit::Full => "OOM command not allowed when used memory > 'maxmemory'.",
    }
}
