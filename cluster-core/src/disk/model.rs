//! The simulator's disk: the same records, in memory, and where something was torn or rotted, the same bytes.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{CutOff, Damaged, DiskOp, Flipped, Lost, PowerCut, Recovered, SyncId, TornRecord, damage, records};
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
    /// What a power loss brings back: the durable records of files that were replaced without being synced.
    replaced: BTreeMap<Name, Vec<Bytes>>,
    /// The bytes of the files that are not what was written.
    harmed: BTreeMap<Name, Vec<u8>>,
}

impl ModelDisk {
    /// Writes. Appended records are durable only after [`ModelDisk::sync`]; a replaced file is durable at once.
    pub fn write(&mut self, op: DiskOp) {
        match op {
            DiskOp::Append { file, record } => {
                if let Some(bytes) = self.harmed.get_mut(&file) {
                    records::encode(&record, bytes);
                }
                self.files.entry(file).or_default().push(record);
            }
            DiskOp::Replace { file, records } => {
                self.synced.insert(file, records.len());
                for (_, lengths) in &mut self.syncing {
                    lengths.insert(file, records.len());
                }
                self.replaced.remove(&file);
                self.harmed.remove(&file);
                self.files.insert(file, records);
            }
        }
    }

    /// Writes to a disk that only says that it syncs: a replaced file, too, is durable only after the next true sync.
    pub fn write_volatile(&mut self, op: DiskOp) {
        match op {
            DiskOp::Append { .. } => self.write(op),
            DiskOp::Replace { file, records } => {
                let mut durable = self.files.remove(&file).unwrap_or_default();
                durable.truncate(self.synced.get(&file).copied().unwrap_or(0));
                self.replaced.entry(file).or_insert(durable);
                self.synced.insert(file, 0);
                for (_, lengths) in &mut self.syncing {
                    lengths.insert(file, 0);
                }
                self.harmed.remove(&file);
                self.files.insert(file, records);
            }
        }
    }

    /// Makes everything durable at once.
    pub fn sync(&mut self) {
        self.syncing.clear();
        self.replaced.clear();
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
            self.replaced.retain(|file, _| lengths.get(file).is_none_or(|length| *length == 0));
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

    /// Takes what was not synced.
    pub fn lose_power(&mut self, cut: PowerCut) -> Lost {
        self.syncing.clear();
        let mut lost = Lost::default();
        for (file, durable) in std::mem::take(&mut self.replaced) {
            self.synced.insert(file, durable.len());
            let volatile = self.files.insert(file, durable);
            lost.records += volatile.map_or(0, |records| records.len() as u32);
        }
        for (file, records) in &mut self.files {
            let kept = self.synced.get(file).copied().unwrap_or(0).min(records.len());
            let gone = records.split_off(kept);
            lost.records += gone.len() as u32;
            if let Some(bytes) = self.harmed.get_mut(file) {
                bytes.truncate(records.iter().map(|record| records::HEADER_BYTES + record.len()).sum());
            }
            if let Some(first) = gone.first().filter(|_| cut == PowerCut::MidWrite) {
                let mut encoded = Vec::new();
                records::encode(first, &mut encoded);
                let Some((half, whole)) = damage::torn_half(&encoded) else { continue };
                self.harmed.entry(*file).or_insert_with(|| encode_all(records)).extend_from_slice(half);
                let (record, kept) = (records.len() as u32 + 1, half.len() as u32);
                lost.torn.push(TornRecord { file: *file, record, kept, bytes: whole as u32 });
            }
        }
        lost
    }

    /// Flips a bit of a synced record; which one follows from `draw`. Returns nothing if none was ever synced.
    pub fn rot(&mut self, draw: u64) -> Option<Flipped> {
        let mut synced = BTreeMap::new();
        for (file, records) in &self.files {
            let durable = self.synced.get(file).copied().unwrap_or(0).min(records.len());
            let mut bytes = self.harmed.get(file).cloned().unwrap_or_else(|| encode_all(records));
            let length = records[..durable].iter().map(|record| records::HEADER_BYTES + record.len()).sum();
            let rest = bytes.split_off(length);
            synced.insert(*file, (bytes, rest));
        }
        let hit = damage::rot(synced.iter_mut().map(|(file, (bytes, _))| (*file, bytes)), draw)?;
        let (mut bytes, rest) = synced.remove(&hit.file)?;
        bytes.extend(rest);
        self.harmed.insert(hit.file, bytes);
        Some(hit)
    }

    fn lengths(&self) -> Lengths {
        self.files.iter().map(|(file, records)| (*file, records.len())).collect()
    }

    /// Erases everything.
    pub fn wipe(&mut self) {
        *self = Self::default();
    }

    /// Reads everything, as a booting node does, and cuts off what does not match its checksum at the end of a file.
    pub fn recover(&mut self) -> Result<Recovered, Damaged> {
        let mut cut_off = Vec::new();
        for (file, bytes) in &self.harmed {
            let contents = records::decode(Bytes::copy_from_slice(bytes)).map_err(|damage| damage.of(*file))?;
            cut_off.extend(CutOff::of(*file, bytes, contents.end, contents.records.len()));
            let synced = self.synced.entry(*file).or_default();
            *synced = contents.records.len().min(*synced);
            self.files.insert(*file, contents.records);
        }
        self.harmed.clear();
        Ok(Recovered { files: self.files.clone(), cut_off })
    }
}

fn encode_all(records: &[Bytes]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| records::encode(record, &mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Name = Name::new("log");

    fn append(disk: &mut ModelDisk, record: &'static str) {
        disk.write(DiskOp::Append { file: LOG, record: Bytes::from_static(record.as_bytes()) });
    }

    fn log(disk: &mut ModelDisk) -> Vec<Bytes> {
        disk.recover().expect("sound").records(LOG).to_vec()
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced_and_nothing_else() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "a");
        disk.sync();
        append(&mut disk, "b");
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 1);
        assert_eq!(log(&mut disk), ["a"]);
    }

    #[test]
    fn a_replaced_file_survives_a_power_loss_whole() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "a");
        disk.write(DiskOp::Replace { file: LOG, records: vec![Bytes::from_static(b"z")] });
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 0);
        assert_eq!(log(&mut disk), ["z"]);
    }

    #[test]
    fn a_torn_record_is_found_by_its_checksum_cut_off_and_written_over() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "synced");
        disk.sync();
        append(&mut disk, "being written");
        append(&mut disk, "never reached");
        let lost = disk.lose_power(PowerCut::MidWrite);
        assert_eq!((lost.records, lost.torn[0].record, lost.torn[0].kept), (2, 2, 10));
        let recovered = disk.recover().expect("torn is not damaged");
        assert_eq!(recovered.records(LOG), ["synced"]);
        assert_eq!(recovered.cut_off, [CutOff { file: LOG, record: 2, bytes: 10 }]);
        append(&mut disk, "next");
        assert_eq!(log(&mut disk), ["synced", "next"]);
    }

    #[test]
    fn nothing_is_torn_if_everything_was_synced() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "a");
        disk.sync();
        assert_eq!(disk.lose_power(PowerCut::MidWrite), Lost::default());
        assert!(disk.recover().expect("sound").cut_off.is_empty());
    }

    #[test]
    fn rot_spares_what_was_not_synced_and_is_never_read_as_sound() {
        for draw in 0..500 {
            let mut disk = ModelDisk::default();
            assert_eq!(disk.rot(draw), None);
            append(&mut disk, "first");
            append(&mut disk, "second");
            disk.sync();
            append(&mut disk, "unsynced");
            let hit = disk.rot(draw).expect("two records are synced");
            assert!(hit.record <= 2);
            let error = disk.recover().expect_err("a record follows, so this is damage");
            assert_eq!((error.file, error.record as u32), (LOG, hit.record), "draw {draw}");
        }
    }

    #[test]
    fn rot_in_the_last_record_is_cut_off_and_said() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "only");
        disk.sync();
        disk.rot(3).expect("a record is synced");
        let recovered = disk.recover().expect("the last record counts as torn");
        assert!(recovered.is_empty() && recovered.cut_off.len() == 1);
    }

    #[test]
    fn a_power_loss_undoes_a_replacement_that_was_never_synced() {
        let mut disk = ModelDisk::default();
        append(&mut disk, "old");
        disk.sync();
        disk.write_volatile(DiskOp::Replace { file: LOG, records: vec!["new".into()] });
        assert_eq!(log(&mut disk), ["new"]);
        disk.lose_power(PowerCut::Clean);
        assert_eq!(log(&mut disk), ["old"]);
        disk.write_volatile(DiskOp::Replace { file: LOG, records: vec!["newer".into()] });
        disk.sync();
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 0);
        assert_eq!(log(&mut disk), ["newer"]);
    }
}
