//! One block of a recording: its header, and the way between events and stored bytes.

use bytes::Bytes;

use super::codec::{Encoder, decode};
use crate::{event::TraceEvent, ids::Seq, time::Timestamp};

/// The length of a block's header.
pub(super) const BLOCK_HEADER: usize = 48;
/// A writer closes a block at this many events; a reader takes up to sixteen times as many.
pub(crate) const EVENTS_MAX: u32 = 2048;
/// A writer closes a block at this many bytes before compression.
pub(super) const RAW_TARGET: usize = 256 << 10;
/// A reader never unpacks more at once, whatever a block claims.
const RAW_MAX: u32 = 4 << 20;
/// A single event (a whole log that is told anew) may be larger.
const RAW_MAX_SINGLE: u32 = 64 << 20;
pub(super) const BLOCK_MAGIC: [u8; 4] = *b"FLBK";

/// Where a block stands in its file, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Where its header begins.
    pub offset: u64,
    /// The length of its stored bytes, behind the header.
    pub stored: u32,
    /// Their length unpacked.
    pub raw: u32,
    /// Their checksum.
    pub crc: u32,
    /// How many events it has.
    pub count: u32,
    /// The number of the first.
    pub first_seq: Seq,
    /// The time of the first.
    pub first_at: Timestamp,
    /// The time of the last.
    pub last_at: Timestamp,
}

impl BlockRef {
    /// Returns the number after the last event.
    pub fn end_seq(&self) -> Seq {
        Seq(self.first_seq.0 + u64::from(self.count))
    }

    /// Returns where the block ends in its file.
    pub fn end_offset(&self) -> u64 {
        self.offset + BLOCK_HEADER as u64 + u64::from(self.stored)
    }

    pub(super) fn header(&self) -> [u8; BLOCK_HEADER] {
        let mut bytes = [0; BLOCK_HEADER];
        bytes[..4].copy_from_slice(&BLOCK_MAGIC);
        bytes[4..8].copy_from_slice(&self.stored.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.raw.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_seq.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_at.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last_at.0.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..44]);
        bytes[44..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a header that was found at `offset`. The error says what is wrong with it.
    pub(super) fn from_header(bytes: &[u8; BLOCK_HEADER], offset: u64) -> Result<Self, &'static str> {
        let four = |at: usize| bytes[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        let eight = |at: usize| bytes[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        if bytes[..4] != BLOCK_MAGIC {
            return Err("no block begins there");
        }
        if crc32fast::hash(&bytes[..44]) != four(44) {
            return Err("the checksum of its header is wrong");
        }
        let block = Self {
            offset,
            stored: four(4),
            raw: four(8),
            crc: four(40),
            count: four(12),
            first_seq: Seq(eight(16)),
            first_at: Timestamp(eight(24)),
            last_at: Timestamp(eight(32)),
        };
        let raw_max = if block.count == 1 { RAW_MAX_SINGLE } else { RAW_MAX };
        if block.count == 0 || block.count > 16 * EVENTS_MAX || block.first_seq.0.checked_add(1 << 20).is_none() {
            return Err("it claims an impossible number of events");
        }
        // An event has three bytes at least, and lz4 grows bytes that it cannot shrink by less than one percent.
        if block.raw > raw_max || block.raw < 3 * block.count || block.stored > block.raw + block.raw / 64 + 64 {
            return Err("it claims an impossible size");
        }
        if block.last_at < block.first_at {
            return Err("its time runs backwards");
        }
        Ok(block)
    }
}

/// Compresses what an encoder holds into `out`. `None` if it holds nothing.
pub(crate) fn seal(encoder: &Encoder, offset: u64, out: &mut Vec<u8>) -> Option<BlockRef> {
    let (first_seq, first_at, last_at) = encoder.range()?;
    let raw = encoder.bytes();
    out.clear();
    out.resize(lz4_flex::block::get_maximum_output_size(raw.len()), 0);
    let stored = lz4_flex::block::compress_into(raw, out).expect("the output has room for the worst case");
    out.truncate(stored);
    let (stored, raw, crc) = (stored as u32, raw.len() as u32, crc32fast::hash(out));
    Some(BlockRef { offset, stored, raw, crc, count: encoder.count(), first_seq, first_at, last_at })
}

/// Unpacks the stored bytes of a block. The error says what is wrong with them.
pub(crate) fn unseal(block: &BlockRef, stored: &[u8]) -> Result<Vec<TraceEvent>, &'static str> {
    if crc32fast::hash(stored) != block.crc {
        return Err("its checksum is wrong");
    }
    let mut raw = vec![0; block.raw as usize];
    match lz4_flex::block::decompress_into(stored, &mut raw) {
        Ok(length) if length == raw.len() => {}
        Ok(_) | Err(_) => return Err("it does not unpack"),
    }
    decode(&Bytes::from(raw), block.count, block.first_seq, block.first_at)
        .ok_or("its events are of a kind that this program does not know")
}
