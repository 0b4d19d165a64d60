//! Packs: labs that belong together, as a folder or as one file (`.labpack`), signed or not.
//!
//! A pack holds data only: `pack.toml`, and for each lab `lab.toml`, texts and pictures. Whatever else is in it is refused, with
//! its name and what to do. A file is unpacked, within bounds, into a folder that its owner gives and removes; nothing of it is
//! ever executed.

mod archive;
mod sign;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

use super::{LabError, load, toml_words};

pub use archive::{Packed, write};
pub use sign::{SigningKey, public_key};

/// How the name of a pack ends that is one file.
pub const EXTENSION: &str = "labpack";
/// The description of a pack.
pub(super) const FILE: &str = "pack.toml";
/// The format that is read.
const FORMAT: u32 = 1;
/// A pack has at most so many labs.
const LABS_MAX: usize = 100;

/// A pack that was read without a mistake; its labs are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id.
    pub id: String,
    /// The version of its content.
    pub version: String,
    /// Under which licence it may be used.
    pub licence: String,
    /// Its labs, in the order of the course.
    pub labs: Vec<String>,
    /// The languages of its labs.
    pub locales: Vec<String>,
    /// Where it is.
    pub folder: PathBuf,
    /// The public key of who signed it, in hexadecimal, if somebody did.
    pub signed_by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile {
    format: Spanned<u32>,
    id: Spanned<String>,
    version: Spanned<String>,
    licence: Spanned<String>,
    locales: Spanned<Vec<String>>,
    /// The first version of the program that knows all that its labs need.
    app: Option<Spanned<String>>,
    labs: Spanned<Vec<Spanned<String>>>,
}

impl Pack {
    /// Opens a pack: a folder, or a file, which is unpacked into `scratch`, an empty folder. Every mistake is told.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, Vec<LabError>> {
        // What is neither a folder nor a file is told as a folder without its description.
        if path.is_dir() || !path.exists() {
            return Self::in_folder(path);
        }
        let signed_by = archive::unpack(path, scratch).map_err(|error| vec![error])?;
        let named = |error: LabError| error.in_pack(scratch, path);
        let mut pack = Self::in_folder(scratch).map_err(|errors| errors.into_iter().map(named).collect::<Vec<_>>())?;
        pack.signed_by = signed_by;
        Ok(pack)
    }

    /// Returns the folders of its labs, in the order of the course.
    pub fn folders(&self) -> Vec<PathBuf> {
        self.labs.iter().map(|lab| self.folder.join(lab)).collect()
    }

    fn in_folder(folder: &Path) -> Result<Self, Vec<LabError>> {
        let path = folder.join(FILE);
        if !path.exists() {
            let problem = "is not there; a pack is a folder with pack.toml, which says format, id, version, licence, locales \
                           and labs, or one file that `faultline lab pack` made of it";
            return Err(vec![LabError::of_file(&path.display().to_string(), problem.to_owned())]);
        }
        let text = load::text(&path).map_err(|error| vec![error])?;
        read(folder, &path.display().to_string(), &text)
    }
}

/// Returns the pack that a folder is, if it is one.
pub(super) fn around(folder: &Path) -> Option<Pack> {
    folder.join(FILE).is_file().then(|| Pack::in_folder(folder).ok()).flatten()
}

fn read(folder: &Path, name: &str, text: &str) -> Result<Pack, Vec<LabError>> {
    let file: PackFile = toml::from_str(text).map_err(|error| vec![toml_words::mistake(name, text, &error)])?;
    let mut errors = Vec::new();
    let mut wrong = |span: std::ops::Range<usize>, key: &str, problem: String| {
        errors.push(LabError::at(name, text, span, key, problem));
    };
    if *file.format.get_ref() != FORMAT {
        let problem = format!("this program reads format {FORMAT}; take a version of it that reads this one");
        wrong(file.format.span(), "format", problem);
    }
    if !is_id(file.id.get_ref()) {
        wrong(file.id.span(), "id", "an id is made of small letters, digits and hyphens, 60 at most".to_owned());
    }
    if version(file.version.get_ref()).is_none() {
        wrong(file.version.span(), "version", "a version is three numbers, such as \"1.0.0\"".to_owned());
    }
    if file.licence.get_ref().trim().is_empty() {
        wrong(
            file.licence.span(),
            "licence",
            "under which licence may it be used? write for example \"CC-BY-4.0\"".to_owned(),
        );
    }
    if !file.locales.get_ref().iter().any(|locale| locale == "en") {
        wrong(
            file.locales.span(),
            "locales",
            "English is the language that others fall back to; add \"en\"".to_owned(),
        );
    }
    if let Some(app) = &file.app {
        match version(app.get_ref()) {
            None => wrong(app.span(), "app", "a version is three numbers, such as \"0.1.0\"".to_owned()),
            Some(wanted) if Some(wanted) > version(env!("CARGO_PKG_VERSION")) => {
                let ours = env!("CARGO_PKG_VERSION");
                let problem =
                    format!("it needs version {} of this program, which is {ours}; take a later one", app.get_ref());
                wrong(app.span(), "app", problem);
            }
            Some(_) => {}
        }
    }
    let labs = file.labs.get_ref();
    if labs.is_empty() || labs.len() > LABS_MAX {
        wrong(file.labs.span(), "labs", format!("a pack has 1 to {LABS_MAX} labs"));
    }
    let mut seen = BTreeSet::new();
    for lab in labs.iter().take(LABS_MAX) {
        let id = lab.get_ref();
        if !is_id(id) {
            wrong(lab.span(), "labs", "this is no id of a lab; name folders beside pack.toml".to_owned());
        } else if !seen.insert(id) {
            wrong(lab.span(), "labs", format!("`{id}` is there twice; name each once"));
        } else if !folder.join(id).join("lab.toml").is_file() {
            wrong(lab.span(), "labs", format!("there is no lab `{id}` in this pack; add its folder, or take it away"));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Pack {
        id: file.id.into_inner(),
        version: file.version.into_inner(),
        licence: file.licence.into_inner(),
        labs: file.labs.into_inner().into_iter().map(Spanned::into_inner).collect(),
        locales: file.locales.into_inner(),
        folder: folder.to_owned(),
        signed_by: None,
    })
}

fn is_id(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && !word.is_empty() && word.len() <= 60
}

fn version(text: &str) -> Option<[u32; 3]> {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

/// Says what is wrong with a file of a pack, by its name there; nothing if it belongs there.
fn name_problem(name: &str) -> Option<&'static str> {
    let out = "leads out of the pack; a pack names its files as lab/text/en.md does";
    if name.is_empty() || name.starts_with('/') || name.contains(['\\', ':', '\0']) {
        return Some(out);
    }
    let parts: Vec<&str> = name.split('/').collect();
    if parts.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
        return Some(out);
    }
    let fits = match parts[..] {
        [file] => [FILE, sign::FILE, "README.md", "LICENSE"].contains(&file),
        [lab, "lab.toml"] => is_id(lab),
        [lab, "text", file] => is_id(lab) && file.strip_suffix(".md").is_some_and(|locale| !locale.is_empty()),
        [lab, "media", file] => is_id(lab) && file.strip_suffix(".png").is_some_and(|name| !name.is_empty()),
        _ => false,
    };
    (!fits).then_some("does not belong into a pack: there are pack.toml, README.md, LICENSE, and for each lab lab.toml, text/*.md and media/*.png; take it away")
}

/// Returns whether the folder that a name lies in is empty of surprises: used for folders that an archive names.
fn is_folder_name(name: &str) -> bool {
    let parts: Vec<&str> = name.trim_end_matches('/').split('/').collect();
    match parts[..] {
        [lab] => is_id(lab),
        [lab, inner] => is_id(lab) && ["text", "media"].contains(&inner),
        _ => false,
    }
}

/// Returns all plain files below a folder of a pack that belong to it, by their names there, in order.
fn files_of(pack: &Pack) -> Result<Vec<(String, PathBuf)>, LabError> {
    let mut files = Vec::new();
    let mut add = |name: String| {
        let path = pack.folder.join(&name);
        match name_problem(&name) {
            Some(problem) => Err(LabError::of_file(&path.display().to_string(), problem.to_owned())),
            None => load::plain(&path).map(|_| files.push((name, path))),
        }
    };
    for name in [FILE, "README.md", "LICENSE"] {
        if fs::symlink_metadata(pack.folder.join(name)).is_ok() {
            add(name.to_owned())?;
        }
    }
    for lab in &pack.labs {
        for path in load::listed(&pack.folder.join(lab))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !path.is_dir() || path.is_symlink() {
                add(format!("{lab}/{name}"))?;
                continue;
            }
            for inner in load::listed(&path)? {
                let inner = inner.file_name().unwrap_or_default().to_string_lossy().into_owned();
                add(format!("{lab}/{name}/{inner}"))?;
            }
        }
    }
    files.sort();
    Ok(files)
}
