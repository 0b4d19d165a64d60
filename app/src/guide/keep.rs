//! What learners did, kept from one day to the next: each change is written at once, whole or not at all.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use cluster_core::{lab::Journal, origin::BackendKind};
use crossbeam_channel::{Receiver, Sender, bounded};
use serde::{Deserialize, Serialize};

use super::Ended;

/// The version of the file. One of another version is left alone, and nothing is kept.
const VERSION: u32 = 1;
const FILE: &str = "progress.json";

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    version: u32,
    /// What is known of each lab, by its id.
    pub labs: BTreeMap<String, Record>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { version: VERSION, labs: BTreeMap::new() }
    }
}

/// What is known of one lab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How often it was finished.
    pub finished: u32,
    /// The most points of an attempt, of how many.
    pub best: Option<(u32, u32)>,
    /// The attempt that is not finished.
    pub open: Option<Bookmark>,
}

/// Where an attempt is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// What was done.
    pub journal: Journal,
    /// Which step is next, by its id; the end, if there is none of that id.
    pub step: String,
    /// The answers that were chosen and not given yet.
    pub chosen: BTreeMap<String, String>,
    /// Thoughts as far as they are written, by step.
    pub thoughts: BTreeMap<String, String>,
    /// What runs its clusters.
    pub backend: BackendKind,
    /// What came of the phases that are over, by their ids.
    pub ended: BTreeMap<String, Ended>,
}

/// Keeps what learners did in a folder, or only until the window closes.
pub struct Keeper {
    home: Option<PathBuf>,
    /// What is kept.
    pub kept: Kept,
    dirty: bool,
    writer: Option<(Sender<Vec<u8>>, JoinHandle<()>)>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    /// Reads what is kept in a folder. What cannot be read is told, and stays as it is.
    pub(super) fn open(home: Option<PathBuf>) -> Self {
        let trouble = Arc::new(Mutex::new(None));
        let mut keeper = Self { home, kept: Kept::default(), dirty: false, writer: None, trouble };
        let Some(home) = keeper.home.clone() else { return keeper };
        match read(&home.join(FILE)) {
            Ok(kept) => keeper.kept = kept,
            Err(why) => {
                keeper.tell(why);
                return keeper;
            }
        }
        let (to, from) = bounded(1);
        let trouble = Arc::clone(&keeper.trouble);
        let spawned = thread::Builder::new().name("faultline-progress".to_owned());
        match spawned.spawn(move || write_all(&home, &from, &trouble)) {
            Ok(thread) => keeper.writer = Some((to, thread)),
            Err(error) => keeper.tell(format!("what you do in labs is not kept: {error}")),
        }
        keeper
    }

    /// Returns the folder for what attempts leave behind, such as recordings.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Returns what is known of a lab, to be changed.
    pub(super) fn record(&mut self, lab: &str) -> &mut Record {
        self.dirty = true;
        self.kept.labs.entry(lab.to_owned()).or_default()
    }

    /// Has written what changed, as soon as the writer is free.
    pub(super) fn flush(&mut self) {
        let Some((to, _)) = self.writer.as_ref().filter(|_| self.dirty) else { return };
        match serde_json::to_vec_pretty(&self.kept) {
            Ok(bytes) => self.dirty = to.try_send(bytes).is_err(),
            Err(error) => {
                self.dirty = false;
                self.tell(format!("what you do in labs is not kept: {error}"));
            }
        }
    }

    /// Returns what the user should know, once.
    pub(super) fn trouble(&mut self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn tell(&self, why: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Some((to, thread)) = self.writer.take() else { return };
        if self.dirty
            && let Ok(bytes) = serde_json::to_vec_pretty(&self.kept)
        {
            // The writer may be at the one before; it ends soon.
            drop(to.send(bytes));
        }
        drop(to);
        drop(thread.join());
    }
}

fn read(file: &Path) -> Result<Kept, String> {
    let remedy = "move it away to begin anew; nothing is kept until then";
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(format!("{}: {error}; {remedy}", file.display())),
    };
    let kept: Kept = serde_json::from_str(&text).map_err(|error| format!("{}: {error}; {remedy}", file.display()))?;
    match kept.version {
        VERSION => Ok(kept),
        other => Err(format!("{}: it is of version {other}, this program writes {VERSION}; {remedy}", file.display())),
    }
}

fn write_all(home: &Path, from: &Receiver<Vec<u8>>, trouble: &Mutex<Option<String>>) {
    for bytes in from {
        if let Err(error) = write(home, &bytes) {
            let why = format!("{}: {error}; what you do in labs is not kept", home.display());
            *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
    }
}

/// Writes the file beside the old one, and then in its place: a crash leaves either the one or the other.
fn write(home: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(home)?;
    let beside = home.join(format!("{FILE}.new"));
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, home.join(FILE))?;
    #[cfg(unix)]
    fs::File::open(home)?.sync_all()?;
    Ok(())
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_there_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(Some(home.path().to_owned()));
        keeper.record("a-lab").best = Some((70, 100));
        keeper.flush();
        keeper.record("a-lab").finished = 2;
        drop(keeper);
        let mut keeper = Keeper::open(Some(home.path().to_owned()));
        assert_eq!(keeper.record("a-lab").clone(), Record { finished: 2, best: Some((70, 100)), open: None });
        assert_eq!(keeper.trouble(), None);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_told_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        for text in ["{ not json", "{\"version\": 99, \"labs\": {}}"] {
            fs::write(&file, text).unwrap();
            let mut keeper = Keeper::open(Some(home.path().to_owned()));
            assert!(keeper.trouble().is_some_and(|why| why.contains("move it away")), "{text}");
            keeper.record("a-lab").finished = 1;
            drop(keeper);
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
