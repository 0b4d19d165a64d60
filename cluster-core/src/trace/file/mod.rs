//! The recording file: a header that says what ran, then self-contained blocks of events.
//!
//! ```text
//! header  magic 8 · major u16 · minor u16 · length u32 · crc u32 · postcard(created_unix_ms, ClusterSpec, Origin)
//! block   magic 4 · stored u32 · raw u32 · count u32 · first_seq u64 · first_at u64 · last_at u64
//!         · crc of the stored bytes u32 · crc of the 44 bytes above u32 · lz4(events)
//! ```
//!
//! All numbers are little-endian. Blocks follow each other without gaps, and so do their events. A block can be read
//! without any other; an end that was torn off by a kill or a power loss costs at most the last block.

mod block;
mod codec;
mod error;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use block::BlockRef;
pub use error::RecordingError;
pub use reader::Recording;
pub use writer::{RecordingSink, RecordingWriter};

pub(crate) use block::{EVENTS_MAX, seal, unseal};
pub(crate) use codec::Encoder;

/// The format's major version: readers refuse all others. 2: faults of links and machines are told in another way.
pub const VERSION_MAJOR: u16 = 2;
/// The format's minor version: it grows with every addition that older readers may stumble over in a block.
///
/// 1: the header says what ran the cluster, and which run it left; without that, it was live. There are findings, what was
/// undone, and the nemesis. 2: knobs are turned while a cluster runs, reads say what their clients have seen, and nodes tell
/// whom they hold for alive.
pub const VERSION_MINOR: u16 = 2;

/// Payloads of frames are kept up to this length; the event's `bytes` tells the true one.
pub const PAYLOAD_KEPT: usize = 256;

const MAGIC: [u8; 8] = *b"\x89FLTREC\n";
const PREFIX_BYTES: usize = 20;
/// A header is a spec: a thousand clients with all that they know fit many times.
const HEADER_BYTES_MAX: u32 = 16 << 20;
