//! Reads a lab and its pictures, and again whenever a file of it changes, on a thread of its own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use cluster_core::lab::{Lab, LabError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use egui::ColorImage;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(400);
/// The largest side of a picture, in pixels; larger ones are not shown.
#[cfg(not(target_arch = "wasm32"))]
const SIDE_MAX: u32 = 4096;
/// How many bytes a picture may take while it is read.
#[cfg(not(target_arch = "wasm32"))]
const DECODED_MAX: u64 = 64 << 20;
/// How many files are looked at.
const FILES_MAX: usize = 400;

/// A lab as it was read, with its pictures as its text names them.
pub struct Content {
    /// The lab.
    pub lab: Arc<Lab>,
    /// The pictures; one that cannot be shown says why.
    pub pictures: BTreeMap<String, Result<Arc<ColorImage>, String>>,
}

/// What became of reading a lab.
pub type Reading = Result<Content, Vec<LabError>>;

/// Reads the lab in a folder with its pictures.
pub(super) fn read_lab(folder: &Path) -> Reading {
    let lab = Arc::new(Lab::open(folder)?);
    let mut pictures = BTreeMap::new();
    for entry in fs::read_dir(folder.join("media")).into_iter().flatten().flatten().take(FILES_MAX) {
        let name = format!("media/{}", entry.file_name().to_string_lossy());
        let picture = fs::read(entry.path()).map_err(|error| error.to_string()).and_then(|bytes| decode(&bytes));
        pictures.insert(name, picture.map(Arc::new));
    }
    Ok(Content { lab, pictures })
}

#[cfg(not(target_arch = "wasm32"))]
fn decode(bytes: &[u8]) -> Result<ColorImage, String> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
    limits.max_alloc = Some(DECODED_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?.to_rgba8();
    let size = [picture.width() as usize, picture.height() as usize];
    Ok(ColorImage::from_rgba_unmultiplied(size, picture.as_raw()))
}

#[cfg(target_arch = "wasm32")]
fn decode(_: &[u8]) -> Result<ColorImage, String> {
    Err("pictures are not shown here".to_owned())
}

/// The files of a lab: read again when they change. The thread ends when this is dropped.
pub struct Files {
    readings: Receiver<Reading>,
    _ends: Sender<()>,
}

impl Files {
    /// Looks after a folder; `wake` is called when it was read again.
    pub(super) fn watch(folder: PathBuf, wake: impl Fn() + Send + 'static) -> Result<Self, String> {
        let (to, readings) = bounded(1);
        let (ends, ended) = bounded(0);
        let mut seen = stamps(&folder);
        thread::Builder::new()
            .name("faultline-lab-files".to_owned())
            .spawn(move || {
                while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    let now = stamps(&folder);
                    if now == seen {
                        continue;
                    }
                    // An editor may be in the middle of writing: what stands still for a moment is whole.
                    if ended.recv_timeout(LOOK / 4) != Err(RecvTimeoutError::Timeout) || stamps(&folder) != now {
                        continue;
                    }
                    seen = now;
                    if to.send(read_lab(&folder)).is_err() {
                        return;
                    }
                    wake();
                }
            })
            .map_err(|error| format!("Edits of this lab are not seen: {error}"))?;
        Ok(Self { readings, _ends: ends })
    }

    /// Returns the lab as it was read last, if it was read again.
    pub(super) fn reading(&self) -> Option<Reading> {
        self.readings.try_iter().last()
    }
}

/// Returns what shows that a file changed: when it was written, and its size.
fn stamps(folder: &Path) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let inside = |name: &str| fs::read_dir(folder.join(name)).into_iter().flatten().flatten().take(FILES_MAX);
    let files = inside("text").chain(inside("media")).map(|entry| entry.path());
    let stamp = |path: PathBuf| {
        let meta = fs::metadata(&path).ok();
        (path, meta.map_or((None, 0), |meta| (meta.modified().ok(), meta.len())))
    };
    files.chain([folder.join("lab.toml")]).map(stamp).collect()
}
