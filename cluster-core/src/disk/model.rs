//! The simulator's disk: the same records, in memory.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{DiskOp, Recovered, SyncId};
use crate::name::Name;

type Lengths = BTreeMap<Name, usize>;

/// A disk in memory that knows what a power loss would take.
#[derive(Clone, Debug, Default)]
pub struct ModelDisk {
    files: BTreeMap<Name, Vec<Bytes>>,
    /// How many records of each file are durable.
    synced: Lengths,
    /// The syncs under way: what each will have made durable.
    syncing: VecDeque<(SyncId, Lengths)>,
}

impl ModelDisk {
    /// Writes. Appended records are durable only after [`ModelDisk::sync`]; a replaced file is durable at once.
    pub fn write(&mut self, op: DiskOp) {
        match op {
            DiskOp::Append { file, record } => {
                self.files.entry(file).or_default().push(record);
            }
            DiskOp::Replace { file, records } => {
                self.synced.insert(file, records.len());
                for (_, lengths) in &mut self.syncing {
                    lengths.insert(file, records.len());
                }
                self.files.insert(file, records);
            }
        }
    }

    /// Makes everything durable at once.
    pub fn sync(&mut self) {
        self.syncing.clear();
        self.synced = self.lengths();
    }

    /// Begins to make everything written so far durable.
    pub fn begin_sync(&mut self, sync: SyncId) {
        let lengths = self.lengths();
        self.syncing.push_back((sync, lengths));
    }

    /// A sync is done, and with it all before it.
    pub fn finish_sync(&mut self, sync: SyncId) {
        while let Some((id, lengths)) = self.syncing.pop_front() {
            self.synced = lengths;
            if id >= sync {
                break;
            }
        }
    }

    /// The process died: its syncs under way answer nobody.
    pub fn abort_syncs(&mut self) {
        self.syncing.clear();
    }

    /// Takes what was not synced. Returns how many records that were.
    pub fn lose_power(&mut self) -> u32 {
        self.syncing.clear();
        let mut lost = 0;
        for (file, records) in &mut self.files {
            let kept = self.synced.get(file).copied().unwrap_or(0).min(records.len());
            lost += (records.len() - kept) as u32;
            records.truncate(kept);
        }
        lost
    }

    fn lengths(&self) -> Lengths {
        self.files.iter().map(|(file, records)| (*file, records.len())).collect()
    }

    /// Erases everything.
    pub fn wipe(&mut self) {
        *self = Self::default();
    }

    /// Returns what a booting node finds.
    pub fn recover(&self) -> Recovered {
        Recovered { files: self.files.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Name = Name::new("log");

    fn append(disk: &mut ModelDisk, record: &'static str) {
        disk.write(DiskOp::Append { file: LOG, record: Bytes::from_static(record.as_bytes()) });
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced_and_nothing_else() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "a");
        disk.sync();
        append(&mut disk, "b");
        assert_eq!(disk.lose_power(), 1);
        assert_eq!(disk.recover().records(LOG), [Bytes::from_static(b"a")]);
    }

    #[test]
    fn a_replaced_file_survives_a_power_loss_whole() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "a");
        disk.write(DiskOp::Replace { file: LOG, records: vec![Bytes::from_static(b"z")] });
        assert_eq!(disk.lose_power(), 0);
        assert_eq!(disk.recover().records(LOG), [Bytes::from_static(b"z")]);
    }
}
