//! A file that is read beside the window: the picture goes on meanwhile, and whoever tires of waiting gives it up.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
};

use crate::source::Recording;

/// What a file is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its run is shown, from where it begins.
    Show,
    /// Its run is shown, at its end.
    ShowEnd,
    /// Its run is laid beside the one that is shown.
    Compare,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    path: PathBuf,
    purpose: Purpose,
    told: Receiver<Result<Recording, String>>,
}

impl Reading {
    /// Begins to read a file on a thread of its own; `wake` is called there when it is done.
    pub fn start(
        path: &Path,
        purpose: Purpose,
        read: impl FnOnce(&Path) -> Result<Recording, String> + Send + 'static,
        wake: impl FnOnce() + Send + 'static,
    ) -> Result<Self, String> {
        let (tell, told) = channel();
        let file = path.to_owned();
        let reader = move || {
            // Nobody may wait for it any more.
            drop(tell.send(read(&file)));
            wake();
        };
        let begun = thread::Builder::new().name("faultline-reader".to_owned()).spawn(reader);
        begun.map_err(|why| format!("cannot read the file: {why}; end other programs: {}", path.display()))?;
        Ok(Self { path: path.to_owned(), purpose, told })
    }

    /// Returns what came of it, once that is known.
    pub fn poll(&self) -> Option<Result<Recording, String>> {
        match self.told.try_recv() {
            Ok(read) => Some(read),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(format!("a mistake in this program kept it from being read: {}", self.path.display())))
            }
        }
    }

    /// Returns what it is read for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of the file, to be shown.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}
