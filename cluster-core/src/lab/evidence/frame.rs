//! Records, one after the other, each with the digest of itself and of all before it.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

const MAGIC: [u8; 8] = *b"\x89FLTEVI\n";
/// The format's major version: readers refuse later ones.
pub(super) const MAJOR: u16 = 1;
/// The format's minor version.
const MINOR: u16 = 0;
pub(super) const PREFIX: usize = 12;
/// A record of JSON is at most so long, in bytes.
pub(super) const WORDS_MAX: u32 = 1 << 20;
/// A part of a recording is a block or a header; neither is ever longer.
pub(super) const BYTES_MAX: u32 = 80 << 20;

/// The digest of a record and of all before it.
pub(super) type Link = [u8; 32];

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Head = 1,
    Deed = 2,
    /// A recording begins.
    Recording = 3,
    /// The next part of it.
    Bytes = 4,
    Closing = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Head, Self::Deed, Self::Recording, Self::Bytes, Self::Closing].into_iter().find(|it| *it as u8 == byte)
    }

    fn most(self) -> u32 {
        match self {
            Self::Bytes => BYTES_MAX,
            Self::Head | Self::Deed | Self::Recording | Self::Closing => WORDS_MAX,
        }
    }
}

pub(super) fn prefix() -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&MAJOR.to_le_bytes());
    bytes[10..].copy_from_slice(&MINOR.to_le_bytes());
    bytes
}

/// Returns the major version that a prefix tells, if it is one.
pub(super) fn major(prefix: &[u8; PREFIX]) -> Option<u16> {
    prefix.starts_with(&MAGIC).then(|| u16::from_le_bytes([prefix[8], prefix[9]]))
}

/// Returns what the chain begins with.
pub(super) fn first_link(prefix: &[u8; PREFIX]) -> Link {
    Sha256::digest(prefix).into()
}

fn link(before: &Link, kind: u8, body: &[u8]) -> Link {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update([kind]);
    hash.update((body.len() as u32).to_le_bytes());
    hash.update(body);
    hash.finalize().into()
}

/// Appends a record.
pub(super) fn append(out: &mut impl Write, chain: &mut Link, kind: Kind, body: &[u8]) -> io::Result<()> {
    if body.len() > kind.most() as usize {
        return Err(io::Error::other("a record is longer than any reader takes"));
    }
    *chain = link(chain, kind as u8, body);
    let mut record = Vec::with_capacity(body.len() + 37);
    record.push(kind as u8);
    record.extend_from_slice(&(body.len() as u32).to_le_bytes());
    record.extend_from_slice(body);
    record.extend_from_slice(chain);
    out.write_all(&record)
}

/// A record as it was read.
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) body: Vec<u8>,
    /// Where its body begins.
    pub(super) offset: u64,
    /// Whether it follows from those before it.
    pub(super) follows: bool,
}

/// Reads records up to the end, or up to where none can be made out.
pub(super) struct Records<R> {
    input: R,
    chain: Link,
    /// Where the next record begins.
    pub(super) at: u64,
    length: u64,
}

/// What stands where a record should begin.
pub(super) enum Next {
    Record(Record),
    /// The file ends here, in good order.
    End,
    /// The file ends within a record.
    CutOff,
    /// No record is like this.
    Garbage,
}

impl<R: Read> Records<R> {
    /// Begins behind the prefix.
    pub(super) fn new(input: R, prefix: &[u8; PREFIX], length: u64) -> Self {
        Self { input, chain: first_link(prefix), at: PREFIX as u64, length }
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        let left = self.length.saturating_sub(self.at);
        if left == 0 {
            return Ok(Next::End);
        }
        if left < 37 {
            return Ok(Next::CutOff);
        }
        let mut head = [0; 5];
        self.input.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let Some(kind) = Kind::of(head[0]).filter(|kind| length <= kind.most()) else { return Ok(Next::Garbage) };
        if left < 37 + u64::from(length) {
            return Ok(Next::CutOff);
        }
        let mut body = vec![0; length as usize];
        self.input.read_exact(&mut body)?;
        let mut told = [0; 32];
        self.input.read_exact(&mut told)?;
        let follows = link(&self.chain, head[0], &body) == told;
        // What comes next is judged by what this one says of itself, so that each break is told once.
        self.chain = told;
        let offset = self.at + 5;
        self.at += 37 + u64::from(length);
        Ok(Next::Record(Record { kind, body, offset, follows }))
    }

    /// Returns the chain up to here.
    pub(super) fn chain(&self) -> Link {
        self.chain
    }
}
