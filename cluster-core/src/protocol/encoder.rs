//! Messages as bytes: many stand in one piece of memory, so that most cost no allocation of their own.

use bytes::{Bytes, BytesMut};
use serde::Serialize;

/// How much memory is taken at once. A payload that is kept for long keeps those beside it.
const ROOM: usize = 4 << 10;
/// A message longer than this stands alone.
const SHARES_MAX: usize = ROOM / 8;
/// A buffer that grew beyond this is given back.
const SCRATCH_MAX: usize = 64 << 10;

/// Encodes the messages of one node.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// Messages are written here first: a buffer that is there already need not grow.
    scratch: Vec<u8>,
    /// What is left of the latest piece of memory.
    room: BytesMut,
}

impl Encoder {
    /// Returns the bytes of a message.
    pub(crate) fn encode(&mut self, message: &impl Serialize) -> Bytes {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        let bytes = postcard::to_extend(message, bytes).expect("a message in memory always encodes");
        if bytes.len() > SCRATCH_MAX {
            return bytes.into();
        }
        let payload = self.payload(&bytes);
        self.scratch = bytes;
        payload
    }

    fn payload(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > SHARES_MAX {
            return Bytes::copy_from_slice(bytes);
        }
        if self.room.capacity() < bytes.len() {
            self.room = BytesMut::with_capacity(ROOM);
        }
        self.room.extend_from_slice(bytes);
        self.room.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_stand_in_one_piece_of_memory_do_not_touch_each_other() {
        let mut encoder = Encoder::default();
        let lengths = [0, 1, 7, 100, SHARES_MAX - 2, SHARES_MAX, ROOM, SCRATCH_MAX + 1];
        let messages: Vec<Vec<u8>> = (0..200).map(|at| vec![at as u8; lengths[at % lengths.len()]]).collect();
        let encoded: Vec<Bytes> = messages.iter().map(|message| encoder.encode(message)).collect();
        for (message, bytes) in messages.iter().zip(&encoded) {
            assert_eq!(postcard::from_bytes::<Vec<u8>>(bytes).as_ref(), Ok(message));
        }
    }
}
