//! Opens a lab's folder: bounded, and never outside of it.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Component, Path},
};

use super::{LabError, build, model::Lab, pack};

/// How large `lab.toml` and each text may be, in bytes.
pub(super) const TEXT_MAX: u64 = 256 << 10;
/// How large one picture may be, and all together.
pub(super) const PICTURE_MAX: u64 = 2 << 20;
const PICTURES_MAX: u64 = 20 << 20;
/// How many files a folder of a lab may hold.
const FILES_MAX: usize = 100;

/// The files of a lab, read and not yet understood.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The folder's name.
    pub(super) folder: String,
    /// How messages call `lab.toml`.
    pub(super) toml_file: String,
    pub(super) toml: String,
    /// The texts, by language: how messages call the file, and what it says.
    pub(super) texts: BTreeMap<String, (String, String)>,
    /// The pictures, as a text names them.
    pub(super) pictures: Vec<String>,
    /// The labs of the pack that it is in, and those of them that come before it; none if it is in no pack.
    pub(super) course: Option<(Vec<String>, Vec<String>)>,
}

impl Lab {
    /// Opens the lab in a folder. Every mistake is told, not only the first.
    pub fn open(folder: &Path) -> Result<Self, Vec<LabError>> {
        let mut files = read(folder).map_err(|error| vec![error])?;
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let pack = whole.parent().and_then(pack::around).filter(|pack| pack.labs.contains(&files.folder));
        files.course = pack.as_ref().map(|pack| {
            let before = pack.labs.iter().take_while(|lab| **lab != files.folder).cloned().collect();
            (pack.labs.clone(), before)
        });
        let mut lab = build::lab(&files)?;
        lab.pack = pack.map(|pack| format!("{}@{}", pack.id, pack.version));
        Ok(lab)
    }
}

/// Returns the folders of labs in a folder: those with a `lab.toml`. If it is a pack, they come in the order of the course.
pub fn labs_in(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut labs = Vec::new();
    for entry in fs::read_dir(folder)?.take(10 * FILES_MAX) {
        let path = entry?.path();
        if path.join("lab.toml").is_file() {
            labs.push(path);
        }
    }
    labs.sort();
    if let Some(pack) = pack::around(folder) {
        let place = |path: &std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default();
            pack.labs.iter().position(|lab| name == lab.as_str()).unwrap_or(usize::MAX)
        };
        labs.sort_by_key(place);
    }
    Ok(labs)
}

fn read(folder: &Path) -> Result<Files, LabError> {
    let toml_file = folder.join("lab.toml").display().to_string();
    let toml = text(&folder.join("lab.toml"))?;
    let name = folder.canonicalize().ok().and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
    let mut files = Files { folder: name.unwrap_or_default(), toml_file, toml, ..Files::default() };
    for path in listed(&folder.join("text"))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(locale) = name.strip_suffix(".md") else {
            let problem = "only texts such as `en.md` belong here; move it away".to_owned();
            return Err(LabError::of_file(&path.display().to_string(), problem));
        };
        files.texts.insert(locale.to_owned(), (path.display().to_string(), text(&path)?));
    }
    let mut bytes = 0;
    for path in listed(&folder.join("media"))? {
        let size = plain(&path)?;
        bytes += size;
        let file = path.display().to_string();
        if size > PICTURE_MAX || bytes > PICTURES_MAX {
            let problem = format!(
                "pictures are at most {} MiB each and {} MiB together; make it smaller",
                PICTURE_MAX >> 20,
                PICTURES_MAX >> 20
            );
            return Err(LabError::of_file(&file, problem));
        }
        if path.extension().is_none_or(|extension| extension != "png") {
            return Err(LabError::of_file(&file, "pictures are PNG files; convert it, or move it away".to_owned()));
        }
        files.pictures.push(format!("media/{}", path.file_name().unwrap_or_default().to_string_lossy()));
    }
    Ok(files)
}

/// Returns what a folder holds; a folder that is not there holds nothing.
pub(super) fn listed(folder: &Path) -> Result<Vec<std::path::PathBuf>, LabError> {
    let told =
        |error: &std::io::Error| LabError::of_file(&folder.display().to_string(), format!("cannot be read: {error}"));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(&error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        if paths.len() == FILES_MAX {
            let problem = format!("a folder of a lab holds at most {FILES_MAX} files; move some away");
            return Err(LabError::of_file(&folder.display().to_string(), problem));
        }
        paths.push(entry.map_err(|error| told(&error))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Returns the size of a plain file. Links are refused: they can lead out of the folder.
pub(super) fn plain(path: &Path) -> Result<u64, LabError> {
    let file = path.display().to_string();
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(found.len()),
        Ok(_) => Err(LabError::of_file(&file, "is no plain file; a lab holds plain files only, no links".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(LabError::of_file(
            &file,
            "is not there; a lab is a folder with lab.toml and text/en.md (`faultline lab new`)".to_owned(),
        )),
        Err(error) => Err(LabError::of_file(&file, format!("cannot be read: {error}"))),
    }
}

pub(super) fn text(path: &Path) -> Result<String, LabError> {
    let file = path.display().to_string();
    if plain(path)? > TEXT_MAX {
        return Err(LabError::of_file(&file, format!("is larger than {} KiB; make it shorter", TEXT_MAX >> 10)));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).and_then(|opened| opened.take(TEXT_MAX).read_to_end(&mut bytes));
    opened.map_err(|error| LabError::of_file(&file, format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| LabError::of_file(&file, "is not UTF-8 text; save it as UTF-8".to_owned()))
}

/// Says what is wrong with the address of a picture in a text; nothing if it can be used.
pub(super) fn picture_problem(address: &str, pictures: &[String]) -> Option<String> {
    if address.contains(':') || address.starts_with("//") {
        return Some(format!("`{address}` is an address elsewhere; put the picture into media/"));
    }
    if Path::new(address).components().any(|part| !matches!(part, Component::Normal(_))) {
        return Some(format!("`{address}` leads out of the lab; put the picture into media/"));
    }
    (!pictures.iter().any(|known| known == address)).then(|| format!("there is no `{address}` in this lab"))
}
