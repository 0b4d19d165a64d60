//! A pack as one file: written the same every time, and unpacked within bounds.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{Pack, SigningKey, files_of, is_folder_name, name_problem, sign};
use crate::lab::{LabError, load};

/// A file is at most so long, packed.
const PACKED_MAX: u64 = 128 << 20;
/// All its files together are at most so long.
const UNPACKED_MAX: u64 = 128 << 20;
/// It has at most so many files.
const FILES_MAX: usize = 2_000;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// How many files there are.
    pub files: usize,
    /// The digest of the pack.
    pub sha256: String,
    /// The public key of who signed it.
    pub signed_by: Option<String>,
}

/// Writes a pack into one file. The same folder makes the same bytes.
pub fn write(pack: &Pack, out: &Path, key: Option<&SigningKey>) -> Result<Packed, LabError> {
    let wrong = |error: &dyn std::fmt::Display| {
        LabError::of_file(&out.display().to_string(), format!("cannot be written: {error}; choose another file"))
    };
    let mut files = Vec::new();
    let mut all = 0;
    for (name, path) in files_of(pack)? {
        let told = |problem: String| LabError::of_file(&path.display().to_string(), problem);
        let most = most(&name);
        let mut bytes = Vec::new();
        let opened = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        opened.map_err(|error| told(format!("cannot be read: {error}")))?;
        all += bytes.len() as u64;
        if let Some(problem) = content_problem(&name, &bytes, all) {
            return Err(told(problem));
        }
        files.push((name, bytes));
    }
    if let Some(key) = key {
        let signature = sign::sign(key, &sign::message(&files));
        files.push((sign::FILE.to_owned(), signature));
    }
    let packed = zipped(&files).map_err(|error| wrong(&error))?;
    fs::write(out, &packed).map_err(|error| wrong(&error))?;
    let sha256 = crate::lab::evidence::digest_of(&packed);
    Ok(Packed { files: files.len(), sha256, signed_by: key.map(SigningKey::public) })
}

fn zipped(files: &[(String, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    // No time and no owner: they would make other bytes of the same pack.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o644);
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let method = if name.ends_with(".png") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        writer.start_file(name.as_str(), options.compression_method(method))?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Unpacks a pack into an empty folder. Returns the public key of who signed it. Nothing is written that does not belong into a
/// pack.
pub(super) fn unpack(path: &Path, into: &Path) -> Result<Option<String>, LabError> {
    let pack = path.display().to_string();
    let wrong = |problem: String| LabError::of_file(&pack, problem);
    if load::plain(path)? > PACKED_MAX {
        return Err(wrong(format!("is larger than {} MiB; make its pictures smaller", PACKED_MAX >> 20)));
    }
    let file = File::open(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let mut archive = ZipArchive::new(file)
        .map_err(|error| wrong(format!("is no pack: {error}; make one with `faultline lab pack DIR -o FILE`")))?;
    if archive.len() > FILES_MAX {
        return Err(wrong(format!("has more than {FILES_MAX} files; leave out what no lab needs")));
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut signature, mut seen, mut all) = (None, BTreeSet::new(), 0);
    for at in 0..archive.len() {
        let entry =
            archive.by_index(at).map_err(|error| wrong(format!("file {at} cannot be read: {error}; pack it anew")))?;
        let name = entry
            .name()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| wrong(format!("the name of file {at} is no text; pack it anew")))?;
        let told = |problem: String| LabError::of_file(&format!("{pack}: {name}"), problem);
        if entry.is_dir() && is_folder_name(&name) {
            continue;
        }
        if let Some(problem) = name_problem(&name) {
            return Err(told(problem.to_owned()));
        }
        let mode = entry.unix_mode().unwrap_or(0);
        if entry.is_symlink() || !matches!(mode & 0o170_000, 0 | 0o100_000) {
            return Err(told("is no plain file; a pack holds plain files only, no links".to_owned()));
        }
        if mode & 0o111 != 0 {
            return Err(told(
                "is marked as a program; a pack holds data only, take the mark away (chmod -x)".to_owned(),
            ));
        }
        if !seen.insert(name.clone()) {
            return Err(told("is there twice; pack it anew".to_owned()));
        }
        let most = most(&name);
        // What a file claims is checked before anything is read, and what it has while it is read.
        let claimed = entry.size();
        if claimed > most || all + claimed > UNPACKED_MAX {
            return Err(told(size_problem(&name, claimed, all + claimed)));
        }
        let mut bytes = Vec::new();
        let found = entry.take(claimed + 1).read_to_end(&mut bytes);
        found.map_err(|error| told(format!("cannot be unpacked: {error}; pack it anew")))?;
        if bytes.len() as u64 != claimed {
            return Err(told("is not as long as it claims; pack it anew".to_owned()));
        }
        all += claimed;
        if let Some(problem) = content_problem(&name, &bytes, all) {
            return Err(told(problem));
        }
        match name == sign::FILE {
            true => signature = Some(bytes),
            false => files.push((name, bytes)),
        }
    }
    let signer = signature.map(|signature| sign::verify(&signature, &sign::message(&files))).transpose();
    let signer = signer.map_err(|why| LabError::of_file(&format!("{pack}: {}", sign::FILE), why))?;
    for (name, bytes) in files {
        let to = into.join(&name);
        let put = to.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&to, bytes));
        put.map_err(|error| {
            LabError::of_file(&to.display().to_string(), format!("cannot be written: {error}; free space"))
        })?;
    }
    Ok(signer)
}

fn most(name: &str) -> u64 {
    if name.ends_with(".png") { load::PICTURE_MAX } else { load::TEXT_MAX }
}

/// Says which bound a file is beyond: its own, or that of all files together.
fn size_problem(name: &str, own: u64, all: u64) -> String {
    match own > most(name) || all <= UNPACKED_MAX {
        true => format!("is larger than {} KiB; make it smaller", most(name) >> 10),
        false => format!("makes the pack larger than {} MiB; make its pictures smaller", UNPACKED_MAX >> 20),
    }
}

fn content_problem(name: &str, bytes: &[u8], all: u64) -> Option<String> {
    if bytes.len() as u64 > most(name) || all > UNPACKED_MAX {
        return Some(size_problem(name, bytes.len() as u64, all));
    }
    if name.ends_with(".png") && !bytes.starts_with(PNG) {
        return Some("is no PNG picture, whatever its name says; convert it, or take it away".to_owned());
    }
    (!name.ends_with(".png") && std::str::from_utf8(bytes).is_err())
        .then(|| "is not UTF-8 text; save it as UTF-8".to_owned())
}
