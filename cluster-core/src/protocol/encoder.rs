//! Messages as bytes: many stand in one piece of memory, so that most cost no allocation of their own.

use bytes::{BufMut, Bytes, BytesMut};
use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// How much memory is taken at once. A payload that is kept for long keeps those beside it.
const ROOM: usize = 4 << 10;
/// With less room left than this, a message had better begin a new piece: it would be moved there in the middle.
const ROOM_MIN: usize = ROOM / 8;

/// Encodes the messages of one node.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// What is left of the latest piece of memory.
    room: BytesMut,
}

impl Encoder {
    /// Returns the bytes of a message.
    pub(crate) fn encode(&mut self, message: &impl Serialize) -> Bytes {
        if self.room.capacity() < ROOM_MIN {
            self.room = BytesMut::with_capacity(ROOM);
        }
        postcard::serialize_with_flavor(message, InRoom(&mut self.room)).expect("a message in memory always encodes");
        self.room.split().freeze()
    }
}

/// Writes where there is room, and makes more if need be.
struct InRoom<'a>(&'a mut BytesMut);

impl Flavor for InRoom<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.put_u8(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_stand_in_one_piece_of_memory_do_not_touch_each_other() {
        let mut encoder = Encoder::default();
        let lengths = [0, 1, 7, 100, ROOM_MIN - 2, ROOM_MIN, ROOM, 20 * ROOM];
        let messages: Vec<Vec<u8>> = (0..200).map(|at| vec![at as u8; lengths[at % lengths.len()]]).collect();
        let encoded: Vec<Bytes> = messages.iter().map(|message| encoder.encode(message)).collect();
        for (message, bytes) in messages.iter().zip(&encoded) {
            assert_eq!(postcard::from_bytes::<Vec<u8>>(bytes).as_ref(), Ok(message));
        }
    }
}
