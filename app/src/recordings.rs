//! Where the window's runs are recorded when nobody says where: the newest few are kept, and survive a crash.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use cluster_core::trace::Recording;

/// How many runs are kept.
const KEPT: usize = 10;
const EXTENSION: &str = "faultline";

/// Returns the file for the run that begins, in the user's data folder; makes room by forgetting the oldest runs.
pub fn next() -> io::Result<PathBuf> {
    next_in(&home()?.join("recordings"))
}

/// Returns the user's data folder of this program.
pub fn home() -> io::Result<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "faultline");
    let folders = folders.ok_or_else(|| io::Error::other("this user has no home folder"))?;
    Ok(folders.data_local_dir().to_owned())
}

fn next_in(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut known: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    known.sort();
    let surplus = (known.len() + 1).saturating_sub(KEPT);
    let kept = left_by(&known[surplus..]);
    for oldest in known[..surplus].iter().filter(|file| !kept.contains(&name_of(file))) {
        fs::remove_file(oldest)?;
        // Its bookmarks mean nothing without it; most runs have none.
        let _may_not_exist = fs::remove_file(oldest.with_extension(format!("{EXTENSION}.bookmarks.json")));
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    // Two windows may open in one second, and names must sort by age.
    Ok(folder.join(format!("{:013}-{}.{EXTENSION}", since.as_millis(), std::process::id())))
}

/// Returns the names of the runs that these left, and those that they left in turn: a branch means little without them.
fn left_by(files: &[PathBuf]) -> BTreeSet<String> {
    let mut left = BTreeSet::new();
    let mut asked: Vec<PathBuf> = files.to_vec();
    while let Some(file) = asked.pop() {
        let Some(branch) = Recording::open(&file).ok().and_then(|recording| recording.origin().branch.clone()) else {
            continue;
        };
        // Only a plain name: whatever a header says, nothing outside of the folder is looked at.
        let is_plain = Path::new(&branch.run).file_name().is_some_and(|name| name == branch.run.as_str());
        if is_plain && left.insert(branch.run.clone()) {
            asked.push(file.with_file_name(&branch.run));
        }
    }
    left
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use cluster_core::{
        ids::Seq,
        origin::{BackendKind, Branch, Origin},
        spec::ClusterSpec,
        time::Timestamp,
        trace::RecordingWriter,
    };

    use super::*;

    #[test]
    fn a_run_that_a_kept_branch_left_is_kept_too() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let name = |n: u32| format!("{n:013}-1.faultline");
        for n in 0..12_u32 {
            let left = if n == 11 { Some(1) } else { None };
            let branch = left.map(|n| Branch { run: name(n), next: Seq(1), at: Timestamp(1) });
            let origin = Origin { backend: BackendKind::Sim, branch };
            let file = folder.path().join(name(n));
            let writer = RecordingWriter::create_of(&file, &ClusterSpec::default(), &origin, u64::from(n));
            writer.and_then(RecordingWriter::finish).expect("the folder can be written");
        }
        next_in(folder.path()).expect("the folder can be used");
        let is_left = |n: u32| folder.path().join(name(n)).exists();
        assert!(!is_left(0) && is_left(1) && !is_left(2) && is_left(11));
    }

    #[test]
    fn the_newest_runs_are_kept_and_other_files_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = |name: &str| fs::write(folder.path().join(name), "").expect("the folder can be written");
        (0..15).for_each(|n| file(&format!("{n:013}-1.faultline")));
        file("notes.txt");
        let next = next_in(folder.path()).expect("the folder can be used");
        assert!(!next.exists());
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .expect("the folder can be read")
            .map(|entry| entry.expect("it is there").file_name().into_string().expect("a plain name"))
            .collect();
        left.sort();
        assert_eq!(left.len(), KEPT);
        assert_eq!((left[0].as_str(), left[KEPT - 1].as_str()), ("0000000000006-1.faultline", "notes.txt"));
    }
}
