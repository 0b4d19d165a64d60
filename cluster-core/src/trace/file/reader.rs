//! Reads a recording: an index of its blocks at once, their events one block at a time.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    BlockRef, HEADER_BYTES_MAX, MAGIC, PREFIX_BYTES, RecordingError, VERSION_MAJOR,
    block::{BLOCK_HEADER, BLOCK_MAGIC, unseal},
};
use crate::{event::TraceEvent, ids::Seq, origin::Origin, spec::ClusterSpec};

/// No writer makes more blocks; bounds the memory for the index of a hostile file.
const BLOCKS_MAX: usize = 2_000_000;

/// A recording that is open for reading. It may still be written to by another.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    file: File,
    spec: ClusterSpec,
    origin: Origin,
    created_unix_ms: u64,
    minor: u16,
    blocks: Vec<BlockRef>,
    /// Where the first block that is not in the index begins.
    scanned: u64,
    torn_bytes: u64,
    damage: Option<RecordingError>,
}

impl Recording {
    /// Opens a recording and reads the headers of its blocks, not their events.
    ///
    /// A torn end is no error, see [`Recording::torn_bytes`]; of a recording that is damaged in its middle, what
    /// precedes the damage is offered, see [`Recording::damage`].
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let mut recording = Self::open_header(path)?;
        recording.refresh()?;
        recording.check_last();
        Ok(recording)
    }

    /// Returns whether a file that begins so is a recording.
    pub fn is_one(head: &[u8]) -> bool {
        head.starts_with(&MAGIC)
    }

    /// Reads the headers of the blocks that were appended since.
    pub fn refresh(&mut self) -> Result<(), RecordingError> {
        if self.damage.is_some() {
            return Ok(());
        }
        let length = self.file.metadata().map_err(|why| self.unreadable(why))?.len();
        // Two headers stand farther apart than this in most files, but small blocks are many.
        let mut file = BufReader::with_capacity(4096, &self.file);
        let mut at = self.scanned;
        let scan = scan(&mut file, &mut at, length, &mut self.blocks);
        self.scanned = at;
        self.torn_bytes = length.saturating_sub(at);
        let what = match scan {
            Ok(()) => return Ok(()),
            Err(Trouble::Io(why)) => return Err(self.unreadable(why)),
            Err(Trouble::Damaged(what)) => what,
        };
        // An end that is torn has nothing whole behind it.
        if self.whole_block_at_or_after(at, length).map_err(|why| self.unreadable(why))? {
            self.damage = Some(self.damaged(self.blocks.len(), what));
            self.torn_bytes = 0;
        }
        Ok(())
    }

    /// Reads the events of a block.
    pub fn read(&mut self, block: usize) -> Result<Vec<TraceEvent>, RecordingError> {
        let at = self.blocks[block];
        let stored = self.stored(&at).map_err(|why| self.unreadable(why))?;
        unseal(&at, &stored).map_err(|what| self.damaged(block, what))
    }

    /// Forgets a block that turned out to be damaged, and all that follow.
    pub fn give_up_at(&mut self, block: usize, damage: RecordingError) {
        if let Some(at) = self.blocks.get(block) {
            self.scanned = at.offset;
        }
        self.blocks.truncate(block);
        self.damage = Some(damage);
    }

    /// Returns the cluster that ran.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// Returns where the run comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns when the run began, in milliseconds since 1970.
    pub fn created_unix_ms(&self) -> u64 {
        self.created_unix_ms
    }

    /// Returns the minor version of the format it was written in.
    pub fn minor(&self) -> u16 {
        self.minor
    }

    /// Returns the blocks that can be read.
    pub fn blocks(&self) -> &[BlockRef] {
        &self.blocks
    }

    /// Returns how many events can be read: the number of the first one that cannot.
    pub fn end(&self) -> Seq {
        self.blocks.last().map_or(Seq(0), BlockRef::end_seq)
    }

    /// Returns how many bytes at the end belong to no whole block, and are ignored.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Returns what is wrong behind the blocks that can be read, if anything is.
    pub fn damage(&self) -> Option<&RecordingError> {
        self.damage.as_ref()
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_header(path: &Path) -> Result<Self, RecordingError> {
        let path = path.to_owned();
        let unreadable = |why| RecordingError::Read { path: path.clone(), why };
        let mut file = File::open(&path).map_err(unreadable)?;
        let mut prefix = [0; PREFIX_BYTES];
        let found = read_up_to(&mut file, &mut prefix).map_err(unreadable)?;
        if found == 0 {
            return Err(RecordingError::Empty { path });
        }
        if prefix[..MAGIC.len()] != MAGIC {
            return Err(RecordingError::NotARecording { path });
        }
        let two = |at: usize| u16::from_le_bytes([prefix[at], prefix[at + 1]]);
        let four = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        let (major, minor, length, crc) = (two(8), two(10), four(12), four(16));
        if major > VERSION_MAJOR {
            return Err(RecordingError::Newer { path, major, minor, known: VERSION_MAJOR });
        }
        if (1..VERSION_MAJOR).contains(&major) {
            return Err(RecordingError::Older { path, major, minor, known: VERSION_MAJOR });
        }
        if found < PREFIX_BYTES || major == 0 || length > HEADER_BYTES_MAX {
            return Err(RecordingError::Header { path, what: "it is no header that was ever written" });
        }
        let mut body = Vec::new();
        (&mut file).take(u64::from(length)).read_to_end(&mut body).map_err(unreadable)?;
        if body.len() != length as usize {
            return Err(RecordingError::Header { path, what: "the file ends within it" });
        }
        if crc32fast::hash(&body) != crc {
            return Err(RecordingError::Header { path, what: "its checksum is wrong" });
        }
        let Some((created_unix_ms, spec, origin)) = cluster_of(&body) else {
            return Err(RecordingError::Header { path, what: "it describes no cluster that this program knows" });
        };
        let scanned = (PREFIX_BYTES + body.len()) as u64;
        let blocks = Vec::new();
        Ok(Self { path, file, spec, origin, created_unix_ms, minor, blocks, scanned, torn_bytes: 0, damage: None })
    }

    /// A power loss may leave a last block whose header reached the disk and whose bytes did not.
    fn check_last(&mut self) {
        let Some(last) = self.blocks.last().copied() else { return };
        if self.damage.is_none() && self.stored(&last).is_ok_and(|stored| crc32fast::hash(&stored) != last.crc) {
            self.blocks.pop();
            self.torn_bytes += self.scanned - last.offset;
            self.scanned = last.offset;
        }
    }

    fn stored(&self, block: &BlockRef) -> io::Result<Vec<u8>> {
        let mut stored = vec![0; block.stored as usize];
        (&self.file).seek(SeekFrom::Start(block.offset + BLOCK_HEADER as u64))?;
        (&self.file).read_exact(&mut stored)?;
        Ok(stored)
    }

    /// Looks for something whole behind a place that is not. What goes on for longer than any block without one is no torn
    /// end either.
    fn whole_block_at_or_after(&self, from: u64, length: u64) -> io::Result<bool> {
        const WINDOW: usize = 1 << 16;
        const SEARCHED_MAX: u64 = 32 << 20;
        let mut window = vec![0; WINDOW + BLOCK_HEADER];
        let mut at = from;
        while at + (BLOCK_HEADER as u64) <= length {
            if at - from > SEARCHED_MAX {
                return Ok(true);
            }
            (&self.file).seek(SeekFrom::Start(at))?;
            let found = read_up_to(&mut &self.file, &mut window)?;
            let whole = window[..found].windows(BLOCK_HEADER).enumerate().any(|(skipped, bytes)| {
                bytes.starts_with(&BLOCK_MAGIC)
                    && <&[u8; BLOCK_HEADER]>::try_from(bytes)
                        .is_ok_and(|bytes| BlockRef::from_header(bytes, at + skipped as u64).is_ok())
            });
            if whole {
                return Ok(true);
            }
            at += WINDOW as u64;
        }
        Ok(false)
    }

    fn unreadable(&self, why: io::Error) -> RecordingError {
        RecordingError::Read { path: self.path.clone(), why }
    }

    fn damaged(&self, block: usize, what: &'static str) -> RecordingError {
        let precedes = block.checked_sub(1).map(|before| self.blocks[before]);
        RecordingError::Block {
            path: self.path.clone(),
            block,
            offset: self.blocks.get(block).map_or(self.scanned, |block| block.offset),
            events: precedes.map_or(0, |block| block.end_seq().0),
            what,
        }
    }
}

/// Reads the header's body. What earlier versions wrote ends with the cluster: it was live.
fn cluster_of(body: &[u8]) -> Option<(u64, ClusterSpec, Origin)> {
    let ((created_unix_ms, spec), rest) = postcard::take_from_bytes(body).ok()?;
    let origin = if rest.is_empty() { Origin::default() } else { postcard::from_bytes(rest).ok()? };
    Some((created_unix_ms, spec, origin))
}

enum Trouble {
    Io(io::Error),
    Damaged(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

/// Appends the blocks from `at` on to `blocks`, as far as they are whole.
fn scan(file: &mut BufReader<&File>, at: &mut u64, length: u64, blocks: &mut Vec<BlockRef>) -> Result<(), Trouble> {
    file.seek(SeekFrom::Start(*at))?;
    let mut header = [0; BLOCK_HEADER];
    while *at + BLOCK_HEADER as u64 <= length {
        file.read_exact(&mut header)?;
        let block = BlockRef::from_header(&header, *at).map_err(Trouble::Damaged)?;
        let before = blocks.last();
        if block.first_seq != before.map_or(Seq(0), BlockRef::end_seq) {
            return Err(Trouble::Damaged("events are missing before it"));
        }
        if before.is_some_and(|before| block.first_at < before.last_at) {
            return Err(Trouble::Damaged("its time is before that of the block before it"));
        }
        if blocks.len() == BLOCKS_MAX {
            return Err(Trouble::Damaged("there are more blocks than any recording has"));
        }
        if block.end_offset() > length {
            return Ok(());
        }
        file.seek_relative(i64::from(block.stored))?;
        *at = block.end_offset();
        blocks.push(block);
    }
    Ok(())
}

fn read_up_to(file: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while found < into.len() {
        match file.read(&mut into[found..])? {
            0 => break,
            more => found += more,
        }
    }
    Ok(found)
}
