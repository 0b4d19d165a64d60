//! The runs at hand: those in the folder of the one that is shown, and which of them left which.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cluster_core::{
    ids::Seq,
    origin::Origin,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Recording, RecordingError},
};

/// No folder is looked through for more recordings.
const FILES_MAX: usize = 200;

/// A run in the folder.
#[derive(Clone, Debug)]
pub struct Kin {
    /// Its file.
    pub file: PathBuf,
    /// Its file's name.
    pub name: String,
    /// What ran.
    pub spec: ClusterSpec,
    /// Where it comes from.
    pub origin: Origin,
    /// When it began, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// How many events it has.
    pub events: Seq,
    /// When the last of them was.
    pub end: Timestamp,
}

/// The runs at hand, the oldest first.
#[derive(Debug, Default)]
pub struct Family {
    /// Every run.
    pub all: Vec<Kin>,
    /// The run that is shown, by its file's name.
    pub shown: String,
}

impl Family {
    /// Looks through the folder of a recording.
    pub fn of(shown: &Path) -> Self {
        let name = name_of(shown);
        let folder = shown.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self { all: kin_in(folder, shown), shown: name }
    }

    /// Returns a run by its file's name.
    pub fn get(&self, name: &str) -> Option<&Kin> {
        self.all.iter().find(|kin| kin.name == name)
    }

    /// Returns the run from which the one that is shown descends, and all that descend from it, each with its depth, in
    /// the order in which a tree is told.
    pub fn tree(&self) -> Vec<(usize, &Kin)> {
        let Some(shown) = self.get(&self.shown) else { return Vec::new() };
        let mut root = shown;
        // As many steps as there are runs: a circle, which only a forged file has, ends there.
        for _ in &self.all {
            match root.origin.branch.as_ref().and_then(|branch| self.get(&branch.run)) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        let mut told = Vec::new();
        self.tell(root, 0, &mut told);
        told
    }

    /// Returns the runs that have nothing in common with the one that is shown, the newest first.
    pub fn others(&self) -> Vec<&Kin> {
        let related: Vec<&str> = self.tree().iter().map(|(_, kin)| kin.name.as_str()).collect();
        self.all.iter().rev().filter(|kin| !related.contains(&kin.name.as_str())).collect()
    }

    fn tell<'a>(&'a self, kin: &'a Kin, depth: usize, told: &mut Vec<(usize, &'a Kin)>) {
        if told.iter().any(|(_, known)| known.name == kin.name) {
            return;
        }
        told.push((depth, kin));
        let is_child = |child: &&Kin| child.origin.branch.as_ref().is_some_and(|branch| branch.run == kin.name);
        for child in self.all.iter().filter(is_child) {
            self.tell(child, depth + 1, told);
        }
    }
}

/// Returns the recordings in a folder, with `shown` among them whatever its name ends in, the oldest first.
pub fn kin_in(folder: &Path, shown: &Path) -> Vec<Kin> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_one = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "faultline");
    let mut files: Vec<PathBuf> = entries.filter(is_one).take(FILES_MAX).collect();
    if !files.iter().any(|file| name_of(file) == name_of(shown)) {
        files.push(shown.to_owned());
    }
    // What is no recording, or of another version, is not at hand.
    let mut all: Vec<Kin> = files.iter().filter_map(|file| kin_of(file).ok()).collect();
    all.sort_by(|a, b| (a.created_unix_ms, &a.name).cmp(&(b.created_unix_ms, &b.name)));
    all
}

fn kin_of(file: &Path) -> Result<Kin, RecordingError> {
    let recording = Recording::open(file)?;
    Ok(Kin {
        file: file.to_owned(),
        name: name_of(file),
        spec: recording.spec().clone(),
        origin: recording.origin().clone(),
        created_unix_ms: recording.created_unix_ms(),
        events: recording.end(),
        end: recording.blocks().last().map_or(Timestamp::ZERO, |block| block.last_at),
    })
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        origin::{BackendKind, Branch},
        trace::RecordingWriter,
    };

    use super::*;

    #[test]
    fn branches_stand_below_the_run_that_they_left_and_strangers_apart() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let place = |name: &str| folder.path().join(name);
        let write = |name: &str, left: Option<&str>, created| {
            let branch = left.map(|run| Branch { run: run.to_owned(), next: Seq(1), at: Timestamp(1) });
            let origin = Origin { backend: BackendKind::Sim, branch };
            let writer = RecordingWriter::create_of(&place(name), &ClusterSpec::default(), &origin, created);
            writer.and_then(RecordingWriter::finish).expect("the folder can be written");
        };
        write("a.faultline", None, 1);
        write("b.faultline", Some("a.faultline"), 2);
        write("c.faultline", Some("a.faultline"), 4);
        write("d.faultline", Some("b.faultline"), 3);
        write("stranger.faultline", None, 5);
        write("orphan.faultline", Some("gone.faultline"), 6);
        fs::write(place("broken.faultline"), "no recording").expect("the folder can be written");
        let family = Family::of(&place("d.faultline"));
        let told: Vec<_> = family.tree().iter().map(|(depth, kin)| (*depth, kin.name.clone())).collect();
        let expected = [(0, "a.faultline"), (1, "b.faultline"), (2, "d.faultline"), (1, "c.faultline")];
        assert_eq!(told, expected.map(|(depth, name)| (depth, name.to_owned())));
        let others: Vec<_> = family.others().iter().map(|kin| kin.name.clone()).collect();
        assert_eq!(others, ["orphan.faultline", "stranger.faultline"]);
    }
}
