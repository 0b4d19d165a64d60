//! Frames on a connection: length, checksum, number, payload. Pure functions over bytes.

use bytes::Bytes;

use crate::ids::MsgId;

/// Length (4), checksum (4), number (8).
pub(crate) const HEADER_BYTES: usize = 16;
/// The longest payload; a longer one is a mistake or an attack.
pub(crate) const PAYLOAD_MAX: usize = 16 << 20;

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// It claims to be longer than any frame.
    #[error("a frame of {0} bytes, longer than the {PAYLOAD_MAX} that are allowed")]
    TooLong(usize),
    /// It was damaged on the way, and not by a fault of ours.
    #[error("a frame whose checksum does not match its bytes")]
    Checksum,
}

/// Appends a frame to `out`. A bit of the payload may be flipped after the checksum was made.
pub(crate) fn encode(msg: MsgId, payload: &[u8], damage: Option<u32>, out: &mut Vec<u8>) {
    out.reserve(HEADER_BYTES + payload.len());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(msg, payload).to_le_bytes());
    out.extend_from_slice(&msg.0.to_le_bytes());
    let begin = out.len();
    out.extend_from_slice(payload);
    if let Some(bit) = damage
        && let Some(byte) = out.get_mut(begin + bit as usize / 8)
    {
        *byte ^= 1 << (bit % 8);
    }
}

/// A frame as it lies in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawFrame<'a> {
    /// Its number.
    pub(crate) msg: MsgId,
    /// What it carries.
    pub(crate) payload: &'a [u8],
    /// Whether its checksum matches.
    pub(crate) sound: bool,
}

/// Reads the first frame of `bytes`; `None` means that not all of it is there yet.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<RawFrame<'_>>, FrameError> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return Ok(None) };
    let length = u32_at(header, 0) as usize;
    if length > PAYLOAD_MAX {
        return Err(FrameError::TooLong(length));
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let msg = MsgId(u64::from(u32_at(header, 8)) | u64::from(u32_at(header, 12)) << 32);
    let sound = checksum(msg, payload) == u32_at(header, 4);
    Ok(Some(RawFrame { msg, payload, sound }))
}

/// Puts frames together from the pieces in which a connection delivers them.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    /// The beginning of a frame whose end has not come yet.
    pending: Vec<u8>,
}

impl FrameBuffer {
    /// Takes the next bytes and hands every frame that is complete to `take`: its payload, or nothing if its checksum
    /// does not match. Payloads are copied: a slice of a big read buffer would keep all of it alive for as long as the
    /// trace lives.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(MsgId, Option<Bytes>) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        if self.pending.is_empty() {
            let used = take_frames(bytes, &mut take)?;
            self.pending.extend_from_slice(&bytes[used..]);
        } else {
            self.pending.extend_from_slice(bytes);
            let used = take_frames(&self.pending, &mut take)?;
            self.pending.drain(..used);
        }
        if self.pending.is_empty() && self.pending.capacity() > KEPT_BYTES {
            self.pending = Vec::new();
        }
        Ok(())
    }
}

/// A buffer that grew beyond this is given back when it is empty.
const KEPT_BYTES: usize = 64 << 10;

fn take_frames(
    bytes: &[u8],
    take: &mut impl FnMut(MsgId, Option<Bytes>) -> Result<(), FrameError>,
) -> Result<usize, FrameError> {
    let mut used = 0;
    while let Some(RawFrame { msg, payload, sound }) = decode(&bytes[used..])? {
        take(msg, sound.then(|| Bytes::copy_from_slice(payload)))?;
        used += HEADER_BYTES + payload.len();
    }
    Ok(used)
}

fn checksum(msg: MsgId, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&msg.0.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn fed(buffer: &mut FrameBuffer, bytes: &[u8]) -> Result<Vec<(MsgId, Bytes)>, FrameError> {
        let mut frames = Vec::new();
        buffer.feed(bytes, |msg, payload| {
            frames.push((msg, payload.ok_or(FrameError::Checksum)?));
            Ok(())
        })?;
        Ok(frames)
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_are_cut_live() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let sent: Vec<(MsgId, Bytes)> = (0..20)
                .map(|_| (MsgId(rng.random()), vec![rng.random::<u8>(); rng.random_range(0..300)].into()))
                .collect();
            let mut bytes = Vec::new();
            sent.iter().for_each(|(msg, payload)| encode(*msg, payload, None, &mut bytes));
            let (mut buffer, mut came, mut rest) = (FrameBuffer::default(), Vec::new(), bytes.as_slice());
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rng.random_range(1..=rest.len().min(100)));
                came.extend(fed(&mut buffer, piece).expect("sound bytes"));
                rest = after;
            }
            assert_eq!(came, sent, "seed {seed}");
        }
    }

    #[test]
    fn a_flipped_bit_never_passes_as_another_frame_live() {
        let mut bytes = Vec::new();
        encode(MsgId(7), b"append entries", None, &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(decode(&damaged), Ok(Some(RawFrame { sound: true, .. }))), "bit {bit}");
        }
    }

    #[test]
    fn a_bit_that_a_fault_flips_is_found_and_the_frames_around_it_are_sound_live() {
        let mut bytes = Vec::new();
        for (number, damage) in [(1, None), (2, Some(17)), (3, None)] {
            encode(MsgId(number), b"append entries", damage, &mut bytes);
        }
        let mut came = Vec::new();
        let fed = FrameBuffer::default().feed(&bytes, |msg, payload| {
            came.push((msg.0, payload.is_some()));
            Ok(())
        });
        assert_eq!((fed, came), (Ok(()), vec![(1, true), (2, false), (3, true)]));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_waited_for_but_never_a_panic_live() {
        for seed in 0..500 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let bytes: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
            assert!(fed(&mut FrameBuffer::default(), &bytes).map_or(true, |frames| frames.is_empty()), "seed {seed}");
        }
    }

    #[test]
    fn a_frame_that_claims_too_much_is_refused_before_it_is_waited_for_live() {
        let mut bytes = (PAYLOAD_MAX as u32 + 1).to_le_bytes().to_vec();
        bytes.resize(HEADER_BYTES, 0);
        assert_eq!(decode(&bytes), Err(FrameError::TooLong(PAYLOAD_MAX + 1)));
    }
}
