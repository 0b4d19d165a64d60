//! Reads evidence: bounded, whatever the file claims, and with each place where it was changed.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    Closing, EvidenceError, Head,
    frame::{self, Kind, Link, Next, PREFIX, Record, Records},
    hex,
    seal::Whose,
};
use crate::lab::{Deed, Did, Journal};

/// A file is at most so long.
const FILE_MAX: u64 = 2 << 30;
/// There are at most so many deeds, and so many recordings.
const DEEDS_MAX: usize = 100_000;
const RECORDINGS_MAX: usize = 1_000;
/// So many places where it was changed are told.
const BREAKS_MAX: usize = 20;

/// The evidence of one attempt, open for reading.
#[derive(Debug)]
pub struct Evidence {
    /// The file.
    pub path: PathBuf,
    /// What it is an attempt at.
    pub head: Head,
    /// What was done.
    pub journal: Journal,
    /// The recordings of the phases.
    pub recordings: Vec<Kept>,
    /// How it ended; nothing if its end is missing.
    pub closing: Option<Closing>,
    /// Where it was changed.
    pub breaks: Vec<Break>,
    /// The digest of the file.
    pub sha256: String,
    /// How long the part is that can be read, and the chain up to there.
    pub(super) whole: u64,
    pub(super) chain: Link,
}

/// A recording in evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The phase.
    pub phase: String,
    /// Which attempt at it.
    pub nth: u32,
    /// The digest of its bytes.
    pub sha256: String,
    parts: Vec<(u64, u32)>,
}

/// A place where evidence is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// Which record, from 1.
    pub record: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Evidence {
    /// Opens a file and reads all but the events of its recordings. What was changed is told by [`Evidence::breaks`].
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let unreadable = |why| EvidenceError::Read { path: path.to_owned(), why };
        // A pipe would be waited for; it is no file that anybody hands in.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(EvidenceError::NotEvidence { path: path.to_owned() });
        }
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        if length > FILE_MAX {
            return Err(EvidenceError::TooLarge { path: path.to_owned(), what: "the file" });
        }
        let mut input = BufReader::new(Hashing { file, hash: Sha256::new() });
        let mut prefix = [0; PREFIX];
        match input.read_exact(&mut prefix) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(unreadable(error)),
            Ok(()) | Err(_) => {}
        }
        match frame::major(&prefix) {
            None => return Err(EvidenceError::NotEvidence { path: path.to_owned() }),
            Some(major) if major > frame::MAJOR => {
                return Err(EvidenceError::Newer { path: path.to_owned(), major, known: frame::MAJOR });
            }
            Some(_) => {}
        }
        let mut reading = Reading::new(path);
        let mut records = Records::new(&mut input, &prefix, length);
        loop {
            match records.next().map_err(unreadable)? {
                Next::Record(record) => reading.take(record)?,
                Next::End => break,
                Next::CutOff => {
                    reading.wrong("the file ends within it: it was cut off".to_owned());
                    break;
                }
                Next::Garbage => {
                    reading.wrong("no record is like this: it was overwritten".to_owned());
                    break;
                }
            }
        }
        let (whole, chain) = (records.at, records.chain());
        io::copy(&mut input, &mut io::sink()).map_err(unreadable)?;
        let sha256 = hex(&input.into_inner().hash.finalize());
        reading.done(whole, chain, sha256)
    }

    /// Returns the recording of an attempt at a phase.
    pub fn recording(&self, phase: &str, nth: u32) -> Option<&Kept> {
        self.recordings.iter().find(|kept| kept.phase == phase && kept.nth == nth)
    }

    /// Writes a recording into a file of its own.
    pub fn extract(&self, kept: &Kept, to: &Path) -> Result<(), EvidenceError> {
        let unreadable = |why| EvidenceError::Read { path: self.path.clone(), why };
        let mut from = File::open(&self.path).map_err(unreadable)?;
        let mut out = File::create(to).map_err(|why| EvidenceError::Write { path: to.to_owned(), why })?;
        let mut part = Vec::new();
        for (offset, length) in &kept.parts {
            part.clear();
            from.seek(SeekFrom::Start(*offset)).map_err(unreadable)?;
            (&mut from).take(u64::from(*length)).read_to_end(&mut part).map_err(unreadable)?;
            out.write_all(&part).map_err(|why| EvidenceError::Write { path: to.to_owned(), why })?;
        }
        Ok(())
    }
}

/// What was read so far.
struct Reading {
    path: PathBuf,
    head: Option<Head>,
    deeds: Vec<Deed>,
    recordings: Vec<(Kept, Sha256)>,
    closing: Option<Closing>,
    breaks: Vec<Break>,
    records: usize,
}

impl Reading {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            head: None,
            deeds: Vec::new(),
            recordings: Vec::new(),
            closing: None,
            breaks: Vec::new(),
            records: 0,
        }
    }

    /// Says what is wrong with the record after those that were taken.
    fn wrong(&mut self, what: String) {
        if self.breaks.len() < BREAKS_MAX {
            self.breaks.push(Break { record: self.records + 1, what });
        }
    }

    fn take(&mut self, record: Record) -> Result<(), EvidenceError> {
        let what = self.words(&record);
        if !record.follows {
            self.wrong(format!(
                "{what} is not as it was written: it was changed, or a record before it was taken away"
            ));
        }
        if self.closing.is_some() {
            self.wrong(format!("{what} stands behind the end"));
        }
        let Record { kind, body, offset, .. } = record;
        match kind {
            Kind::Head if self.head.is_none() && self.records == 0 => match words::<Head>(&body) {
                Ok(head) => self.head = Some(head),
                Err(why) => return Err(EvidenceError::Head { path: self.path.clone(), why }),
            },
            Kind::Head => self.wrong("there is a second head".to_owned()),
            Kind::Deed => match words(&body) {
                Ok(_) if self.deeds.len() == DEEDS_MAX => return Err(self.too_large("the list of what was done")),
                Ok(deed) => self.deeds.push(deed),
                Err(why) => self.wrong(format!("it is no deed that this program knows: {why}")),
            },
            Kind::Recording => match words::<Whose>(&body) {
                Ok(_) if self.recordings.len() == RECORDINGS_MAX => {
                    return Err(self.too_large("the list of recordings"));
                }
                Ok(Whose { phase, nth }) => {
                    let kept = Kept { phase, nth, sha256: String::new(), parts: Vec::new() };
                    self.recordings.push((kept, Sha256::new()));
                }
                Err(why) => self.wrong(format!("it begins no recording: {why}")),
            },
            Kind::Bytes => match self.recordings.last_mut() {
                Some((kept, hash)) => {
                    kept.parts.push((offset, body.len() as u32));
                    hash.update(&body);
                }
                None => self.wrong("it is a part of no recording".to_owned()),
            },
            Kind::Closing => match words(&body) {
                Ok(closing) => self.closing = Some(closing),
                Err(why) => self.wrong(format!("it is no end that this program knows: {why}")),
            },
        }
        self.records += 1;
        Ok(())
    }

    /// Calls a record by what it is about.
    fn words(&self, record: &Record) -> String {
        match record.kind {
            Kind::Head => "the head".to_owned(),
            Kind::Closing => "the end".to_owned(),
            Kind::Deed => match words::<Deed>(&record.body).map(|deed| deed.did) {
                Ok(Did::Predicted { ask, .. }) => format!("the prediction of `{ask}`"),
                Ok(Did::Observed { ask, .. }) => format!("the answer to `{ask}`"),
                Ok(Did::Reflected { step, .. }) => format!("the thought at `{step}`"),
                Ok(Did::Hinted { goal, .. }) => format!("a hint for `{goal}`"),
                Ok(Did::Shown { goal }) => format!("the demonstration of `{goal}`"),
                Ok(Did::Began { phase, nth }) => format!("the beginning of {}", phase_words(&phase, nth)),
                Ok(Did::Ended { phase, .. }) => format!("the end of phase `{phase}`"),
                Ok(Did::Finished) => "the last deed".to_owned(),
                Err(_) => "a deed".to_owned(),
            },
            Kind::Recording => match words::<Whose>(&record.body) {
                Ok(Whose { phase, nth }) => format!("the recording of {}", phase_words(&phase, nth)),
                Err(_) => "a recording".to_owned(),
            },
            Kind::Bytes => self.recordings.last().map_or("a part".to_owned(), |(kept, _)| {
                let part = match kept.parts.len() {
                    0 => "the header".to_owned(),
                    block => format!("block {}", block - 1),
                };
                format!("{part} of the recording of {}", phase_words(&kept.phase, kept.nth))
            }),
        }
    }

    fn too_large(&self, what: &'static str) -> EvidenceError {
        EvidenceError::TooLarge { path: self.path.clone(), what }
    }

    fn done(self, whole: u64, chain: Link, sha256: String) -> Result<Evidence, EvidenceError> {
        let Some(head) = self.head else {
            let why = "the file ends before it".to_owned();
            return Err(EvidenceError::Head { path: self.path, why });
        };
        let recordings = self.recordings.into_iter();
        let recordings = recordings.map(|(kept, hash)| Kept { sha256: hex(&hash.finalize()), ..kept }).collect();
        let journal = Journal {
            lab: head.lab.clone(),
            version: head.version.clone(),
            seed: head.seed,
            profile: head.profile,
            began_ms: head.began_ms,
            active_ms: self.closing.as_ref().map_or(0, |closing| closing.active_ms),
            deeds: self.deeds,
        };
        let (path, closing, breaks) = (self.path, self.closing, self.breaks);
        Ok(Evidence { path, head, journal, recordings, closing, breaks, sha256, whole, chain })
    }
}

/// Calls an attempt at a phase by its name.
pub(super) fn phase_words(phase: &str, nth: u32) -> String {
    match phase {
        "" => format!("the phase, attempt {nth}"),
        phase => format!("phase `{phase}`, attempt {nth}"),
    }
}

fn words<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Knows the digest of all that was read.
struct Hashing {
    file: File,
    hash: Sha256,
}

impl Read for Hashing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let found = self.file.read(into)?;
        self.hash.update(&into[..found]);
        Ok(found)
    }
}
