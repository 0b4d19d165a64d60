//! A node's data folder: files of records, and how much of each is known to have reached the disk.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::records::{self, Damage};
use crate::{
    disk::{DiskOp, Recovered},
    ids::NodeId,
    name::Name,
};

/// The files of one node. An error is a sentence for people: what is wrong, and what to do.
#[derive(Debug)]
pub(crate) struct FileDisk {
    node: NodeId,
    folder: PathBuf,
    files: BTreeMap<Name, Records>,
    /// Whether anything waits in a buffer.
    buffered: bool,
    /// Records that were to be written when the process was killed.
    abandoned: u32,
}

#[derive(Debug)]
struct Records {
    file: File,
    written: Extent,
    /// What a power loss leaves.
    synced: Extent,
    /// Up to where the file was filled with zeros in advance.
    filled: u64,
    /// Records that were not handed to the operating system yet.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    records: u32,
}

impl FileDisk {
    /// Makes the disk of a node in `folder`; nothing is read yet.
    pub(crate) fn new(node: NodeId, folder: PathBuf) -> Self {
        Self { node, folder, files: BTreeMap::new(), buffered: false, abandoned: 0 }
    }

    /// Reads everything, as a booting node does, and cuts off what a crash tore.
    pub(crate) fn recover(&mut self) -> Result<Recovered, String> {
        self.abandoned = 0;
        self.buffered = false;
        self.read_all().map_err(|error| self.explain(&error))?
    }

    /// Writes, into a buffer.
    pub(crate) fn write(&mut self, op: DiskOp) -> Result<(), String> {
        match op {
            DiskOp::Append { file, record } => self.append(file, &record),
            DiskOp::Replace { file, records } => self.replace(file, &records, Durability::Synced),
        }
        .map_err(|error| self.explain(&error))
    }

    /// As [`FileDisk::write`], but without ever waiting for the disk.
    pub(crate) fn write_unsynced(&mut self, op: DiskOp) -> Result<(), String> {
        match op {
            DiskOp::Append { file, record } => self.append(file, &record),
            DiskOp::Replace { file, records } => self.replace(file, &records, Durability::Written),
        }
        .map_err(|error| self.explain(&error))
    }

    /// Hands everything to the operating system: from here on it survives the process.
    pub(crate) fn hand_over(&mut self) -> Result<(), String> {
        self.empty_buffers().map_err(|error| self.explain(&error))
    }

    /// Waits until everything is on the disk: from here on it survives the machine.
    pub(crate) fn sync(&mut self) -> Result<(), String> {
        self.sync_all().map_err(|error| self.explain(&error))
    }

    /// Forgets what was to be written: the process was killed before it got there.
    pub(crate) fn abandon(&mut self, op: &DiskOp) {
        self.abandoned += match op {
            DiskOp::Append { .. } => 1,
            DiskOp::Replace { .. } => 0,
        };
    }

    /// Takes what was not synced. Returns how many records that were.
    pub(crate) fn lose_power(&mut self) -> u32 {
        let mut lost = std::mem::take(&mut self.abandoned);
        for records in self.files.values_mut() {
            lost += records.written.records - records.synced.records;
            records.buffer.clear();
            // If the file cannot be cut, the next boot reports what is wrong with it.
            drop(records.file.set_len(records.synced.bytes));
            records.written = records.synced;
        }
        lost
    }

    /// Erases everything.
    pub(crate) fn wipe(&mut self) {
        self.files.clear();
        // What cannot be erased is found, and reported, by the next boot.
        drop(fs::remove_dir_all(&self.folder));
    }

    fn read_all(&mut self) -> io::Result<Result<Recovered, String>> {
        fs::create_dir_all(&self.folder)?;
        let mut known = std::mem::take(&mut self.files);
        let mut recovered = Recovered::default();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(name) = record_file_name(&path) else { continue };
            let contents = match records::decode(Bytes::from(fs::read(&path)?)) {
                Ok(contents) => contents,
                Err(damage) => return Ok(Err(self.damaged(name, damage))),
            };
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(contents.end as u64)?;
            file.seek(SeekFrom::End(0))?;
            let written = Extent { bytes: contents.end as u64, records: contents.records.len() as u32 };
            // What an earlier run of the program left is taken for durable; of this run we know.
            let synced = known.remove(&name).map_or(written, |before| before.synced.min(written));
            self.files.insert(name, Records { file, written, synced, filled: written.bytes, buffer: Vec::new() });
            recovered.files.insert(name, contents.records);
        }
        Ok(Ok(recovered))
    }

    fn append(&mut self, name: Name, record: &[u8]) -> io::Result<()> {
        if !self.files.contains_key(&name) {
            // Whatever has the name was not there when the node booted.
            let file = File::create(self.path(name))?;
            let empty = Extent::default();
            self.files.insert(name, Records { file, written: empty, synced: empty, filled: 0, buffer: Vec::new() });
        }
        if let Some(records) = self.files.get_mut(&name) {
            records::encode(record, &mut records.buffer);
            records.written.records += 1;
            self.buffered = true;
        }
        Ok(())
    }

    /// Writes a temporary file and renames it: whoever looks finds all of the old or all of the new.
    fn replace(&mut self, name: Name, contents: &[Bytes], durability: Durability) -> io::Result<()> {
        self.empty_buffers()?;
        let mut bytes = Vec::new();
        contents.iter().for_each(|record| records::encode(record, &mut bytes));
        let (path, temporary) = (self.path(name), self.path(name).with_extension("tmp"));
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        if durability == Durability::Synced {
            file.sync_data()?;
        }
        drop(file);
        // An open file cannot be replaced everywhere.
        self.files.remove(&name);
        fs::rename(&temporary, &path)?;
        if durability == Durability::Synced {
            sync_folder(&self.folder)?;
        }
        let mut file = OpenOptions::new().write(true).open(&path)?;
        file.seek(SeekFrom::End(0))?;
        let written = Extent { bytes: bytes.len() as u64, records: contents.len() as u32 };
        self.files.insert(name, Records { file, written, synced: written, filled: written.bytes, buffer: Vec::new() });
        Ok(())
    }

    fn empty_buffers(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.buffered) {
            return Ok(());
        }
        for records in self.files.values_mut().filter(|records| !records.buffer.is_empty()) {
            records.file.write_all(&records.buffer)?;
            records.written.bytes += records.buffer.len() as u64;
            records.buffer.clear();
        }
        Ok(())
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.empty_buffers()?;
        let mut created = false;
        for records in self.files.values_mut().filter(|records| records.synced != records.written) {
            created |= records.synced.bytes == 0;
            records.fill()?;
            records.file.sync_data()?;
            records.synced = records.written;
        }
        // A file is found again only if its folder was synced, too.
        if created { sync_folder(&self.folder) } else { Ok(()) }
    }

    fn path(&self, name: Name) -> PathBuf {
        self.folder.join(name.as_str()).with_extension(EXTENSION)
    }

    fn damaged(&self, name: Name, Damage { record, byte }: Damage) -> String {
        let node = self.node;
        format!(
            "`{name}` record {record} at byte {byte}: checksum mismatch; wipe the disk of {node} and restart it ({})",
            self.path(name).display()
        )
    }

    fn explain(&self, error: &io::Error) -> String {
        let node = self.node;
        let remedy = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("make room, then restart {node}"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "give a data folder that can be written".to_owned()
            }
            // Whatever else the system may say, its own words are the best there are.
            _ => format!("see to the data folder, then restart {node}"),
        };
        format!("{error}; {remedy} ({})", self.folder.display())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    Written,
    Synced,
}

impl Records {
    /// Fills the file with zeros some way ahead: while it does not grow, a sync need not wait for the file system's
    /// journal. Zeros are no record, so a booting node takes them for a torn end.
    fn fill(&mut self) -> io::Result<()> {
        if self.written.bytes <= self.filled {
            return Ok(());
        }
        self.filled = self.written.bytes + FILL_BYTES as u64;
        self.file.write_all(&[0; FILL_BYTES])?;
        self.file.seek(SeekFrom::Start(self.written.bytes)).map(drop)
    }
}

/// How far a file is filled ahead.
const FILL_BYTES: usize = 128 << 10;

impl Extent {
    fn min(self, other: Self) -> Self {
        if self.bytes <= other.bytes { self } else { other }
    }
}

const EXTENSION: &str = "rec";

fn record_file_name(path: &Path) -> Option<Name> {
    (path.extension()? == EXTENSION).then(|| Name::intern(path.file_stem()?.to_str()?))?
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened to be synced; the rename itself is as good as it gets.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Name = Name::new("log");

    fn disk() -> (tempfile::TempDir, FileDisk) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut disk = FileDisk::new(NodeId(3), folder.path().join("n3"));
        assert!(disk.recover().expect("an empty disk").is_empty());
        (folder, disk)
    }

    fn append(disk: &mut FileDisk, record: &'static str) {
        disk.write(DiskOp::Append { file: LOG, record: Bytes::from_static(record.as_bytes()) }).expect("written");
    }

    fn log(disk: &mut FileDisk) -> Vec<Bytes> {
        disk.recover().expect("sound").records(LOG).to_vec()
    }

    #[test]
    fn a_crash_keeps_what_the_system_has_and_loses_what_it_never_got_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "handed over");
        disk.hand_over().expect("written");
        append(&mut disk, "in memory");
        assert_eq!(log(&mut disk), ["handed over"]);
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced_even_over_a_crash_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "synced");
        disk.sync().expect("synced");
        append(&mut disk, "written");
        disk.hand_over().expect("written");
        assert_eq!(log(&mut disk), ["synced", "written"]);
        assert_eq!(disk.lose_power(), 1);
        assert_eq!(log(&mut disk), ["synced"]);
        assert_eq!(disk.lose_power(), 0);
    }

    #[test]
    fn a_replaced_file_is_all_new_and_takes_appends_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "old");
        disk.write(DiskOp::Replace { file: LOG, records: vec!["a".into(), "b".into()] }).expect("replaced");
        append(&mut disk, "c");
        disk.sync().expect("synced");
        assert_eq!(disk.lose_power(), 0);
        assert_eq!(log(&mut disk), ["a", "b", "c"]);
    }

    #[test]
    fn a_torn_end_is_cut_off_and_appended_to_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "whole");
        append(&mut disk, "torn");
        disk.sync().expect("synced");
        let path = disk.path(LOG);
        let bytes = fs::read(&path).expect("the file");
        let end = disk.files[&LOG].written.bytes as usize;
        fs::write(&path, &bytes[..end - 2]).expect("torn");
        assert_eq!(log(&mut disk), ["whole"]);
        append(&mut disk, "next");
        disk.sync().expect("synced");
        assert_eq!(log(&mut disk), ["whole", "next"]);
    }

    #[test]
    fn damage_in_the_middle_is_named_with_the_remedy_and_wiped_away_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "first");
        append(&mut disk, "second");
        disk.sync().expect("synced");
        let path = disk.path(LOG);
        let mut bytes = fs::read(&path).expect("the file");
        bytes[8] ^= 1;
        fs::write(&path, bytes).expect("damaged");
        let error = disk.recover().expect_err("damaged");
        assert!(
            error.starts_with("`log` record 1 at byte 0: checksum mismatch; wipe the disk of n3 and restart it"),
            "{error}"
        );
        disk.wipe();
        assert!(log(&mut disk).is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_is_an_error_with_a_remedy_live() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let blocked = folder.path().join("file");
        fs::write(&blocked, "no folder").expect("written");
        let error = FileDisk::new(NodeId(1), blocked.join("n1")).recover().expect_err("no folder");
        assert!(error.contains("then restart n1"), "{error}");
    }
}
