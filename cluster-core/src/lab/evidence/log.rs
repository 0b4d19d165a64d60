//! An attempt that goes on: a folder with its deeds, appended as they are done, and the recordings of its phases.

use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Closing, EXTENSION, Evidence, EvidenceError, Head, frame,
    frame::{Kind, Link},
    seal::{json, place, seal},
};
use crate::lab::{Deed, Did, Journal};

const FILE: &str = "attempt.journal";
/// How often the disk is waited for.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Writes an attempt down while it goes on, and makes evidence of it at the end.
///
/// A deed is handed to the operating system at once: a kill of this program loses none. [`AttemptLog::tick`] waits for the disk
/// once a second: a power loss costs at most the last second. The recordings are written by whoever runs the clusters, into
/// [`AttemptLog::recording`]; a session does so with the same cadence.
#[derive(Debug)]
pub struct AttemptLog {
    folder: PathBuf,
    file: File,
    chain: Link,
    head: Head,
    deeds: Vec<Deed>,
    dirty: bool,
    synced: Duration,
}

impl AttemptLog {
    /// Begins an attempt in a folder of its own, which is made if it is not there.
    pub fn begin(folder: &Path, head: Head) -> Result<Self, EvidenceError> {
        let path = folder.join(FILE);
        let wrong = |why| EvidenceError::Write { path: path.clone(), why };
        fs::create_dir_all(folder).map_err(wrong)?;
        let prefix = frame::prefix();
        let mut bytes = prefix.to_vec();
        let mut chain = frame::first_link(&prefix);
        frame::append(&mut bytes, &mut chain, Kind::Head, &json(&head)).map_err(wrong)?;
        place(&path, &mut |file| std::io::Write::write_all(file, &bytes)).map_err(wrong)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(wrong)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            chain,
            head,
            deeds: Vec::new(),
            dirty: false,
            synced: Duration::ZERO,
        })
    }

    /// Goes on with an attempt that was left, whether or not its program ended well: a deed of which half was written is cut
    /// off.
    pub fn resume(folder: &Path) -> Result<Self, EvidenceError> {
        let path = folder.join(FILE);
        let found = Evidence::open(&path)?;
        let wrong = |why| EvidenceError::Write { path: path.clone(), why };
        let mut file = OpenOptions::new().write(true).open(&path).map_err(wrong)?;
        file.set_len(found.whole).and_then(|()| file.seek(SeekFrom::End(0))).map_err(wrong)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            chain: found.chain,
            head: found.head,
            deeds: found.journal.deeds,
            dirty: true,
            synced: Duration::ZERO,
        })
    }

    /// Returns what the attempt is an attempt at.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns what was done so far.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// Returns the folder of the attempt.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a deed down.
    pub fn note(&mut self, deed: Deed) -> Result<(), EvidenceError> {
        let written = frame::append(&mut self.file, &mut self.chain, Kind::Deed, &json(&deed));
        written.map_err(|why| EvidenceError::Write { path: self.folder.join(FILE), why })?;
        self.deeds.push(deed);
        self.dirty = true;
        Ok(())
    }

    /// Waits for the disk if it is time to; `real` is the real time since the attempt began. To be called a few times a second.
    pub fn tick(&mut self, real: Duration) -> Result<(), EvidenceError> {
        if !self.dirty || real < self.synced + SYNC_EVERY {
            return Ok(());
        }
        self.synced = real;
        self.dirty = false;
        self.file.sync_data().map_err(|why| EvidenceError::Write { path: self.folder.join(FILE), why })
    }

    /// Returns where the recording of a phase belongs.
    pub fn recording(&self, phase: &str, nth: u32) -> PathBuf {
        recording(&self.folder, phase, nth)
    }

    /// Ends the attempt: what was written down and the recordings of all phases become one file, in the same folder. It is
    /// there whole, or not at all. Returns where it is.
    pub fn finish(self, closing: &Closing) -> Result<PathBuf, EvidenceError> {
        let Self { folder, head, deeds, .. } = self;
        let begun = deeds.iter().filter_map(|deed| match &deed.did {
            Did::Began { phase, nth } => Some((phase.clone(), *nth, recording(&folder, phase, *nth))),
            _ => None, // Other deeds leave no recording.
        });
        let recordings: Vec<_> = begun.filter(|(_, _, path)| path.is_file()).collect();
        let out = folder.join(format!("{}-{}.{EXTENSION}", head.lab, head.began_ms));
        let journal = Journal { deeds, ..Journal::default() };
        seal(&out, &head, &journal, &recordings, closing)?;
        // From here on it says nothing that the evidence does not.
        let _the_evidence_is_there = fs::remove_file(folder.join(FILE));
        Ok(out)
    }
}

fn recording(folder: &Path, phase: &str, nth: u32) -> PathBuf {
    let name = if phase.is_empty() { "phase".to_owned() } else { format!("phase-{phase}") };
    folder.join(format!("{name}-{nth}.faultline"))
}
