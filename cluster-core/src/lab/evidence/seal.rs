//! Makes one file of an attempt that is over.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Closing, EvidenceError, Head, frame, frame::Kind};
use crate::{lab::Journal, trace::Recording};

/// What says of a recording which attempt at which phase it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    pub(super) phase: String,
    pub(super) nth: u32,
}

/// Writes the evidence of an attempt: its deeds, and the recordings of its phases, each with the phase and which attempt at it.
/// The file is there whole, or not at all.
pub fn seal(
    out: &Path,
    head: &Head,
    journal: &Journal,
    recordings: &[(String, u32, PathBuf)],
    closing: &Closing,
) -> Result<(), EvidenceError> {
    let wrong = |why| EvidenceError::Write { path: out.to_owned(), why };
    let mut parts = Vec::new();
    for (phase, nth, path) in recordings {
        parts.push((Whose { phase: phase.clone(), nth: *nth }, path, parts_of(&Recording::open(path)?, path)?));
    }
    place(out, &mut |file| {
        let prefix = frame::prefix();
        let mut to = BufWriter::new(file);
        to.write_all(&prefix)?;
        let mut chain = frame::first_link(&prefix);
        frame::append(&mut to, &mut chain, Kind::Head, &json(head))?;
        for deed in &journal.deeds {
            frame::append(&mut to, &mut chain, Kind::Deed, &json(deed))?;
        }
        for (whose, path, parts) in &parts {
            frame::append(&mut to, &mut chain, Kind::Recording, &json(whose))?;
            let mut from = File::open(path)?;
            let mut part = Vec::new();
            for (start, end) in parts {
                part.clear();
                from.seek(SeekFrom::Start(*start))?;
                (&mut from).take(end - start).read_to_end(&mut part)?;
                frame::append(&mut to, &mut chain, Kind::Bytes, &part)?;
            }
        }
        frame::append(&mut to, &mut chain, Kind::Closing, &json(closing))?;
        to.flush()
    })
    .map_err(wrong)
}

/// Returns where the header and the blocks of a recording stand. A torn end belongs to none of them.
fn parts_of(recording: &Recording, path: &Path) -> Result<Vec<(u64, u64)>, EvidenceError> {
    let length = fs::metadata(path).map_err(|why| EvidenceError::Read { path: path.to_owned(), why })?.len();
    let header = recording.blocks().first().map_or(length - recording.torn_bytes(), |block| block.offset);
    let blocks = recording.blocks().iter().map(|block| (block.offset, block.end_offset()));
    Ok(std::iter::once((0, header)).chain(blocks).collect())
}

/// Writes a file beside its place, waits for the disk, and puts it there.
pub(super) fn place(path: &Path, write: &mut dyn FnMut(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut put = || {
        let mut file = File::create(&part)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        #[cfg(unix)]
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    put().inspect_err(|_| {
        let _may_not_exist = fs::remove_file(&part);
    })
}

pub(super) fn json(what: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(what).expect("plain data always encodes")
}
