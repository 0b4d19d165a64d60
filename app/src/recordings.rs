//! Where the window's runs are recorded when nobody says where: the newest few are kept, and survive a crash.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How many runs are kept.
const KEPT: usize = 10;
const EXTENSION: &str = "faultline";

/// Returns the file for the run that begins, in the user's data folder; makes room by forgetting the oldest runs.
pub fn next() -> io::Result<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "faultline");
    let folders = folders.ok_or_else(|| io::Error::other("this user has no home folder"))?;
    next_in(&folders.data_local_dir().join("recordings"))
}

fn next_in(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut known: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    known.sort();
    let surplus = (known.len() + 1).saturating_sub(KEPT);
    for oldest in &known[..surplus] {
        fs::remove_file(oldest)?;
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    // Two windows may open in one second, and names must sort by age.
    Ok(folder.join(format!("{:013}-{}.{EXTENSION}", since.as_millis(), std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;

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
