//! Writes a recording: whole blocks, appended.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Encoder, MAGIC, PREFIX_BYTES, RecordingError, VERSION_MAJOR, VERSION_MINOR,
    block::{EVENTS_MAX, RAW_TARGET, seal},
    codec::heft,
};
use crate::{event::TraceEvent, ids::Seq, origin::Origin, spec::ClusterSpec};

/// Appends events to a recording file, block by block.
///
/// Not flushed by itself: its owner calls [`RecordingWriter::flush`] at least twice a second and
/// [`RecordingWriter::sync`] about once a second, so that a kill costs little and a power loss not much more.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
    file: File,
    /// Where the next block begins: everything before it is whole.
    offset: u64,
    next: Seq,
    encoder: Encoder,
    packed: Vec<u8>,
    /// The first event that is not in the file, once writing failed: what follows would leave a gap.
    failed: Option<Seq>,
}

impl RecordingWriter {
    /// Makes the file of a live run, replacing what was there. It appears under its name only with a whole header in it.
    pub fn create(path: &Path, spec: &ClusterSpec, created_unix_ms: u64) -> Result<Self, RecordingError> {
        Self::create_of(path, spec, &Origin::default(), created_unix_ms)
    }

    /// Makes the file of a run of that origin, as [`RecordingWriter::create`] does.
    pub fn create_of(
        path: &Path,
        spec: &ClusterSpec,
        origin: &Origin,
        created_unix_ms: u64,
    ) -> Result<Self, RecordingError> {
        let header = header(spec, origin, created_unix_ms);
        let file = place(path, &header).map_err(|why| RecordingError::Create { path: path.to_owned(), why })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            offset: header.len() as u64,
            next: Seq(0),
            encoder: Encoder::default(),
            packed: Vec::new(),
            failed: None,
        })
    }

    /// Takes the next events over. Full blocks are handed to the operating system.
    pub fn write(&mut self, events: &[TraceEvent]) -> Result<(), RecordingError> {
        self.check()?;
        for event in events {
            // A giant stands alone in its block: readers unpack many events only up to a small bound.
            let giant = heft(&event.kind) > RAW_TARGET / 2;
            if giant || self.encoder.bytes().len() >= RAW_TARGET || self.encoder.count() == EVENTS_MAX {
                self.flush()?;
            }
            self.encoder.push(event);
            self.next = event.seq.next();
            if giant {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Hands what waits to the operating system: from here on it survives the end of this process.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.check()?;
        let Some(block) = seal(&self.encoder, self.offset, &mut self.packed) else { return Ok(()) };
        let written = self.file.write_all(&block.header()).and_then(|()| self.file.write_all(&self.packed));
        match written {
            Ok(()) => self.offset = block.end_offset(),
            Err(why) => return Err(self.fail(block.first_seq, why)),
        }
        self.encoder.clear();
        Ok(())
    }

    /// Hands over what waits, and waits for the disk: from here on it survives a power loss.
    pub fn sync(&mut self) -> Result<(), RecordingError> {
        self.flush()?;
        let next = self.next;
        self.file.sync_data().map_err(|why| self.fail(next, why))
    }

    /// Ends the recording in good order.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        self.sync()
    }

    /// Returns how long the file is.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Returns where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check(&self) -> Result<(), RecordingError> {
        let Some(at) = self.failed else { return Ok(()) };
        let why = io::Error::other("an earlier write failed");
        Err(RecordingError::Write { path: self.path.clone(), at, why })
    }

    fn fail(&mut self, at: Seq, why: io::Error) -> RecordingError {
        self.failed = Some(at);
        // Half a block would only be reported as a torn end; if it cannot be cut off, that is what happens.
        let _half_a_block = self.file.set_len(self.offset);
        RecordingError::Write { path: self.path.clone(), at, why }
    }
}

impl Drop for RecordingWriter {
    /// What waits is written even if nobody ended the recording; there is nobody left to tell of a failure.
    fn drop(&mut self) {
        let _nobody_left = self.flush();
    }
}

fn header(spec: &ClusterSpec, origin: &Origin, created_unix_ms: u64) -> Vec<u8> {
    let body = postcard::to_allocvec(&(created_unix_ms, spec, origin)).expect("a spec in memory always encodes");
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION_MAJOR.to_le_bytes());
    bytes.extend_from_slice(&VERSION_MINOR.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn place(path: &Path, header: &[u8]) -> io::Result<File> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let placed = fs::write(&part, header).and_then(|()| {
        let file = OpenOptions::new().append(true).open(&part)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        Ok(file)
    });
    if placed.is_err() {
        let _may_not_exist = fs::remove_file(&part);
    }
    placed
}

/// How often what waits is handed to the operating system.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// How often the disk is waited for.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A [`RecordingWriter`] with the usual cadence. It reads no clock: its owner tells it the real time since the run began.
#[derive(Debug)]
pub struct RecordingSink {
    writer: RecordingWriter,
    flushed: Duration,
    synced: Duration,
}

impl RecordingSink {
    /// Wraps a writer.
    pub fn new(writer: RecordingWriter) -> Self {
        Self { writer, flushed: Duration::ZERO, synced: Duration::ZERO }
    }

    /// Takes the next events over.
    pub fn push(&mut self, events: &[TraceEvent]) -> Result<(), RecordingError> {
        self.writer.write(events)
    }

    /// Flushes and syncs if it is time to. To be called a few times a second, whether or not there were events.
    pub fn tick(&mut self, real: Duration) -> Result<(), RecordingError> {
        if real >= self.synced + SYNC_EVERY {
            (self.flushed, self.synced) = (real, real);
            return self.writer.sync();
        }
        if real >= self.flushed + FLUSH_EVERY {
            self.flushed = real;
            return self.writer.flush();
        }
        Ok(())
    }

    /// Hands what waits to the operating system.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.writer.flush()
    }

    /// Ends the recording in good order.
    pub fn finish(self) -> Result<(), RecordingError> {
        self.writer.finish()
    }
}
