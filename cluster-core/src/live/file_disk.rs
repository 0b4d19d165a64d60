//! A node's data folder: files of records, and how much of each is known to have reached the disk.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    disk::{CutOff, Damaged, DiskOp, Flipped, Lost, PowerCut, Recovered, TornRecord, damage, records},
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
    /// The first of them in each file: it may have been under way.
    first_abandoned: BTreeMap<Name, Bytes>,
    /// What a power loss brings back: the durable bytes of files that were replaced on a disk that lies, if they were
    /// there before.
    replaced: BTreeMap<Name, Option<Vec<u8>>>,
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
        Self {
            node,
            folder,
            files: BTreeMap::new(),
            buffered: false,
            abandoned: 0,
            first_abandoned: BTreeMap::new(),
            replaced: BTreeMap::new(),
        }
    }

    /// Reads everything, as a booting node does, and cuts off what a crash tore.
    pub(crate) fn recover(&mut self) -> Result<Recovered, String> {
        self.abandoned = 0;
        self.first_abandoned.clear();
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

    /// Writes on a disk that lies about its syncs: a replaced file, too, is durable only after the next true one.
    pub(crate) fn write_volatile(&mut self, op: DiskOp) -> Result<(), String> {
        match op {
            DiskOp::Append { file, record } => self.append(file, &record),
            DiskOp::Replace { file, records } => self.replace(file, &records, Durability::Volatile),
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
        match op {
            DiskOp::Append { file, record } => {
                self.abandoned += 1;
                self.first_abandoned.entry(*file).or_insert_with(|| record.clone());
            }
            DiskOp::Replace { .. } => {}
        }
    }

    /// Takes what was not synced.
    pub(crate) fn lose_power(&mut self, cut: PowerCut) -> Lost {
        let mut lost = Lost { records: std::mem::take(&mut self.abandoned), torn: Vec::new() };
        let abandoned = std::mem::take(&mut self.first_abandoned);
        for (name, durable) in std::mem::take(&mut self.replaced) {
            lost.records += self.files.remove(&name).map_or(0, |records| records.written.records);
            // What cannot be brought back, the next boot reports.
            drop(self.bring_back(name, durable));
        }
        let paths: BTreeMap<Name, PathBuf> = self.files.keys().map(|name| (*name, self.path(*name))).collect();
        for (name, records) in &mut self.files {
            let path = &paths[name];
            lost.records += records.written.records - records.synced.records;
            let under_way = match cut {
                PowerCut::Clean => Vec::new(),
                PowerCut::MidWrite => records.first_unsynced(path, abandoned.get(name)),
            };
            records.buffer.clear();
            // If the file cannot be cut, the next boot reports what is wrong with it.
            drop(records.file.set_len(records.synced.bytes));
            records.written = records.synced;
            if let Some((half, whole)) = damage::torn_half(&under_way)
                && records.write_torn(half).is_ok()
            {
                let (record, kept) = (records.synced.records + 1, half.len() as u32);
                lost.torn.push(TornRecord { file: *name, record, kept, bytes: whole as u32 });
            }
        }
        lost
    }

    /// Flips a bit of a synced record, in the file itself; which one follows from `draw`.
    pub(crate) fn rot(&mut self, draw: u64) -> Result<Option<Flipped>, String> {
        self.flip(draw).map_err(|error| self.explain(&error))
    }

    fn flip(&self, draw: u64) -> io::Result<Option<Flipped>> {
        let mut synced = BTreeMap::new();
        for (name, records) in &self.files {
            let mut bytes = fs::read(self.path(*name))?;
            bytes.truncate(records.synced.bytes as usize);
            synced.insert(*name, bytes);
        }
        let Some(hit) = damage::rot(synced.iter_mut().map(|(name, bytes)| (*name, bytes)), draw) else {
            return Ok(None);
        };
        let mut file = OpenOptions::new().write(true).open(self.path(hit.file))?;
        file.seek(SeekFrom::Start(hit.byte))?;
        let byte = synced.get(&hit.file).and_then(|bytes| bytes.get(hit.byte as usize)).copied();
        file.write_all(byte.as_slice())?;
        Ok(Some(hit))
    }

    fn bring_back(&mut self, name: Name, durable: Option<Vec<u8>>) -> io::Result<()> {
        let Some(bytes) = durable else { return fs::remove_file(self.path(name)) };
        fs::write(self.path(name), &bytes)?;
        let mut file = OpenOptions::new().write(true).open(self.path(name))?;
        file.seek(SeekFrom::End(0))?;
        let records = records::starts(&bytes).len() as u32;
        let whole = Extent { bytes: bytes.len() as u64, records };
        self.files
            .insert(name, Records { file, written: whole, synced: whole, filled: whole.bytes, buffer: Vec::new() });
        Ok(())
    }

    /// Erases everything.
    pub(crate) fn wipe(&mut self) {
        self.files.clear();
        self.replaced.clear();
        self.first_abandoned.clear();
        self.abandoned = 0;
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
            let bytes = Bytes::from(fs::read(&path)?);
            let contents = match records::decode(bytes.clone()) {
                Ok(contents) => contents,
                Err(damage) => return Ok(Err(self.damaged(damage.of(name)))),
            };
            recovered.cut_off.extend(CutOff::of(name, &bytes, contents.end, contents.records.len()));
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
        self.keep_durable(name, durability)?;
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
        let synced = match durability {
            Durability::Written | Durability::Synced => written,
            Durability::Volatile => Extent::default(),
        };
        self.files.insert(name, Records { file, written, synced, filled: written.bytes, buffer: Vec::new() });
        Ok(())
    }

    /// Before a file is replaced: what a power loss would bring back.
    fn keep_durable(&mut self, name: Name, durability: Durability) -> io::Result<()> {
        if durability != Durability::Volatile {
            self.replaced.remove(&name);
        } else if !self.replaced.contains_key(&name) {
            let durable = match self.files.get(&name) {
                Some(records) => {
                    let mut bytes = fs::read(self.path(name))?;
                    bytes.truncate(records.synced.bytes as usize);
                    Some(bytes)
                }
                None => None,
            };
            self.replaced.insert(name, durable);
        }
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
        self.replaced.clear();
        // A file is found again only if its folder was synced, too.
        if created { sync_folder(&self.folder) } else { Ok(()) }
    }

    fn path(&self, name: Name) -> PathBuf {
        self.folder.join(name.as_str()).with_extension(EXTENSION)
    }

    fn damaged(&self, damaged: Damaged) -> String {
        let (node, path) = (self.node, self.path(damaged.file));
        format!("{damaged}; wipe the disk of {node} and restart it ({})", path.display())
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
    /// Handed to the system, and taken for durable: without fsync nobody asks.
    Written,
    Synced,
    /// Handed to the system, and gone with the power.
    Volatile,
}

impl Records {
    /// Returns the first record that was not synced, as it was being written.
    fn first_unsynced(&self, path: &Path, abandoned: Option<&Bytes>) -> Vec<u8> {
        let mut file = fs::read(path).unwrap_or_default();
        // What waits in the buffer is counted as written, but not in bytes.
        file.truncate(self.written.bytes as usize);
        let mut bytes = file.split_off(file.len().min(self.synced.bytes as usize));
        bytes.extend_from_slice(&self.buffer);
        if let Some(record) = abandoned {
            records::encode(record, &mut bytes);
        }
        bytes
    }

    fn write_torn(&mut self, half: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.synced.bytes))?;
        self.file.write_all(half)
    }

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
mod harm_tests;

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
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 1);
        assert_eq!(log(&mut disk), ["synced"]);
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 0);
    }

    #[test]
    fn a_replaced_file_is_all_new_and_takes_appends_live() {
        let (_folder, mut disk) = disk();
        append(&mut disk, "old");
        disk.write(DiskOp::Replace { file: LOG, records: vec!["a".into(), "b".into()] }).expect("replaced");
        append(&mut disk, "c");
        disk.sync().expect("synced");
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 0);
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
