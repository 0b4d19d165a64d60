//! The file of an export: it appears under its name only when it is whole and on the disk, and replaces nothing unasked.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Why a run cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Something is there already.
    #[error("a file of that name is there already; choose another name, or replace it with --force: {path}")]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The file cannot be made or written.
    #[error("cannot write the export: {why}; choose a folder that exists, may be written to and has room: {path}")]
    Write {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        why: io::Error,
    },
}

/// A file that is being written beside the place where it will be.
#[derive(Debug)]
pub struct OutFile {
    path: PathBuf,
    part: PathBuf,
    out: Option<BufWriter<File>>,
    replaces: bool,
}

impl OutFile {
    /// Begins a file. One that is there already is only replaced if `replaces` says so, and not before this one is whole.
    pub fn create(path: &Path, replaces: bool) -> Result<Self, ExportError> {
        let wrong = |why| ExportError::Write { path: path.to_owned(), why };
        if !replaces && path.exists() {
            return Err(ExportError::Exists { path: path.to_owned() });
        }
        let name = path.file_name().ok_or_else(|| wrong(io::Error::other("the path names no file")))?;
        // With the number of the process, so that two exports at once do not write into one another.
        let mut part = name.to_owned();
        part.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(part);
        let file = File::create(&part).map_err(wrong)?;
        let out = Some(BufWriter::with_capacity(1 << 18, file));
        Ok(Self { path: path.to_owned(), part, out, replaces })
    }

    /// Writes what is still waiting, waits for the disk, and puts the file in its place.
    pub fn finish(mut self) -> Result<(), ExportError> {
        let path = self.path.clone();
        let wrong = |why| ExportError::Write { path: path.clone(), why };
        let Some(out) = self.out.take() else { return Ok(()) };
        let file = out.into_inner().map_err(|error| wrong(error.into_error()))?;
        file.sync_all().map_err(wrong)?;
        if self.replaces {
            return fs::rename(&self.part, &self.path).map_err(wrong);
        }
        // A link, unlike a rename, fails if somebody put a file there meanwhile.
        match fs::hard_link(&self.part, &self.path) {
            Ok(()) => Ok(()),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Err(ExportError::Exists { path }),
            // Not every file system has links.
            Err(_) => fs::rename(&self.part, &self.path).map_err(wrong),
        }
    }

    /// Returns an error of writing with its place.
    pub fn error(&self, why: io::Error) -> ExportError {
        ExportError::Write { path: self.path.clone(), why }
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().map_or(Ok(0), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for OutFile {
    /// Half an export is of no use to anybody.
    fn drop(&mut self) {
        let _already_in_its_place = fs::remove_file(&self.part);
    }
}
