//! Moments of a run that somebody marked; kept in a small file beside the recording.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cluster_core::{ids::Seq, time::Timestamp};
use serde::{Deserialize, Serialize};

/// No list of marks made by hand is longer, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// The longest name of a bookmark that is kept, in characters.
const NAME_MAX: usize = 120;

/// A moment that somebody marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// The number of the first event behind it.
    pub next: u64,
    /// When, in nanoseconds of cluster time.
    pub at_nanos: u64,
    /// What it is called.
    pub name: String,
}

impl Bookmark {
    /// Returns when it is.
    pub fn at(&self) -> Timestamp {
        Timestamp(self.at_nanos)
    }
}

/// The bookmarks of a run, in order of time.
#[derive(Debug, Default)]
pub struct Bookmarks {
    list: Vec<Bookmark>,
    file: Option<PathBuf>,
    /// Why they cannot be kept, if so.
    trouble: Option<String>,
}

impl Bookmarks {
    /// Reads the bookmarks of a recording. Without such a file there are none; a file that is no list of bookmarks is
    /// left as it is.
    pub fn of(recording: &Path) -> Self {
        let mut name = recording.as_os_str().to_owned();
        name.push(".bookmarks.json");
        let file = PathBuf::from(name);
        match read(&file) {
            Ok(list) => Self { list, file: Some(file), trouble: None },
            Err(why) => {
                let trouble = format!(
                    "The bookmarks of this run cannot be read, and are left as they are: {why}; mend or remove {}",
                    file.display()
                );
                Self { trouble: Some(trouble), ..Self::default() }
            }
        }
    }

    /// Returns them, in order of time.
    pub fn list(&self) -> &[Bookmark] {
        &self.list
    }

    /// Returns what is wrong with their file, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Sets a bookmark at a moment, or removes the one that is there. Returns why it cannot be kept, if so.
    pub fn toggle(&mut self, next: Seq, at: Timestamp) -> Result<(), String> {
        match self.list.binary_search_by_key(&next.0, |mark| mark.next) {
            Ok(place) => drop(self.list.remove(place)),
            Err(place) => {
                let name = format!("Bookmark at {at}");
                self.list.insert(place, Bookmark { next: next.0, at_nanos: at.0, name });
            }
        }
        self.keep()
    }

    /// Gives a bookmark another name.
    pub fn rename(&mut self, next: Seq, name: &str) -> Result<(), String> {
        if let Some(mark) = self.list.iter_mut().find(|mark| mark.next == next.0) {
            mark.name = name.chars().take(NAME_MAX).collect();
        }
        self.keep()
    }

    /// Removes a bookmark.
    pub fn remove(&mut self, next: Seq) -> Result<(), String> {
        self.list.retain(|mark| mark.next != next.0);
        self.keep()
    }

    fn keep(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        write(file, &self.list).map_err(|why| format!("The bookmarks cannot be kept: {why}: {}", file.display()))
    }
}

fn read(file: &Path) -> io::Result<Vec<Bookmark>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    if opened.take(BYTES_MAX + 1).read_to_string(&mut text)? as u64 > BYTES_MAX {
        return Err(io::Error::other("it is far longer than any list of bookmarks"));
    }
    let mut list: Vec<Bookmark> = serde_json::from_str(&text)?;
    list.sort_by_key(|mark| mark.next);
    list.dedup_by_key(|mark| mark.next);
    Ok(list)
}

/// Writes beside the old file, waits for the disk, then takes its place: whatever happens, one of the two is whole.
fn write(file: &Path, list: &[Bookmark]) -> io::Result<()> {
    let part = file.with_extension("json.part");
    let mut opened = File::create(&part)?;
    opened.write_all(&serde_json::to_vec_pretty(list)?)?;
    opened.sync_all()?;
    fs::rename(&part, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_are_there_again_when_the_recording_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let recording = folder.path().join("run.faultline");
        let mut marks = Bookmarks::of(&recording);
        marks.toggle(Seq(70), Timestamp(7_000_000_000)).expect("kept");
        marks.toggle(Seq(30), Timestamp(3_000_000_000)).expect("kept");
        marks.rename(Seq(30), "here it begins").expect("kept");
        let again = Bookmarks::of(&recording);
        assert_eq!(again.list(), marks.list());
        assert_eq!(again.list()[0].name, "here it begins");
        marks.toggle(Seq(70), Timestamp(7_000_000_000)).expect("kept");
        assert_eq!(Bookmarks::of(&recording).list().len(), 1);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "no other file stays behind");
    }

    #[test]
    fn a_file_that_is_no_list_of_bookmarks_is_told_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let recording = folder.path().join("run.faultline");
        let file = folder.path().join("run.faultline.bookmarks.json");
        for bad in ["", "{", "[{\"next\":1}]", "[{\"next\":1,\"at_nanos\":2,\"name\":\"x\",\"more\":3}]"] {
            fs::write(&file, bad).expect("the folder can be written");
            let mut marks = Bookmarks::of(&recording);
            assert!(marks.take_trouble().expect("told").contains("mend or remove"));
            marks.toggle(Seq(1), Timestamp(1)).expect("in memory only");
            assert_eq!(fs::read_to_string(&file).expect("readable"), bad);
        }
        fs::write(&file, vec![b' '; 2 << 20]).expect("the folder can be written");
        assert!(Bookmarks::of(&recording).take_trouble().expect("told").contains("far longer"));
    }
}
