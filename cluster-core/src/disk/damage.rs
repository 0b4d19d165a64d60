//! What can happen to records on a disk: torn by a power loss, hit by bit rot, cut off by the next boot, or found damaged.
//!
//! Both kinds of disk work on the same bytes, so a checksum finds in the simulator what it finds in a file.

use super::records::{self, HEADER_BYTES};
use crate::name::Name;

/// How the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerCut {
    /// Between two writes.
    Clean,
    /// In the middle of one: the first record of each file that was not synced is left half-written.
    MidWrite,
}

/// What a power loss took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many records were written, not synced, and are gone.
    pub records: u32,
    /// The records that were being written at that moment.
    pub torn: Vec<TornRecord>,
}

/// A record of which the disk holds only the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornRecord {
    /// The file, of which it is the last.
    pub file: Name,
    /// Its number, from 1.
    pub record: u32,
    /// How many bytes of it are there.
    pub kept: u32,
    /// How many it had.
    pub bytes: u32,
}

/// Bytes after the last whole record, cut off by a booting node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// The file.
    pub file: Name,
    /// The number of the record that they would have been, from 1.
    pub record: u32,
    /// How many.
    pub bytes: u32,
}

/// A bit that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flipped {
    /// The file.
    pub file: Name,
    /// The record, from 1.
    pub record: u32,
    /// Where in the file, in bytes.
    pub byte: u64,
    /// Which bit of that byte.
    pub bit: u8,
}

/// A record in the middle of a file does not match its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` record {record} at byte {byte}: checksum mismatch")]
pub struct Damaged {
    /// The file.
    pub file: Name,
    /// The record, from 1.
    pub record: usize,
    /// Where it begins.
    pub byte: usize,
}

impl CutOff {
    /// Returns what has to be cut off a file whose last whole record ends at `end`, if anything. Zeros are no record:
    /// files are filled with them in advance.
    pub(crate) fn of(file: Name, bytes: &[u8], end: usize, records: usize) -> Option<Self> {
        let tail = bytes.get(end..)?;
        let used = tail.iter().rposition(|byte| *byte != 0)? + 1;
        Some(Self { file, record: records as u32 + 1, bytes: used as u32 })
    }
}

/// Returns how much of the first record in `unsynced` reached the disk when the power went: half of it.
pub(crate) fn torn_half(unsynced: &[u8]) -> Option<(&[u8], usize)> {
    let whole = records::first_length(unsynced)?;
    let half = whole / 2;
    Some((&unsynced[..half], whole))
}

/// Flips one bit of the whole records at the beginning of each of `files`; which one follows from `draw`. Returns
/// nothing if there is no record.
pub(crate) fn rot<'a>(files: impl Iterator<Item = (Name, &'a mut Vec<u8>)>, draw: u64) -> Option<Flipped> {
    let mut files: Vec<_> = files.filter(|(_, bytes)| records::first_length(bytes).is_some()).collect();
    let count = files.len();
    let (file, bytes) = files.get_mut((draw % count.max(1) as u64) as usize)?;
    let draw = draw / count as u64;
    let starts = records::starts(bytes);
    let at = (draw % starts.len().max(1) as u64) as usize;
    let (begin, end) = *starts.get(at)?;
    let draw = draw / starts.len() as u64;
    // In the record itself, if it has bytes of its own: that is where rot hides.
    let body = if end > begin + HEADER_BYTES { begin + HEADER_BYTES } else { begin };
    let byte = body + (draw / 8 % (end - body) as u64) as usize;
    let bit = (draw % 8) as u8;
    bytes[byte] ^= 1 << bit;
    Some(Flipped { file: *file, record: at as u32 + 1, byte: byte as u64, bit })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const LOG: Name = Name::new("log");

    fn file(records: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| records::encode(record.as_bytes(), &mut bytes));
        bytes
    }

    /// Whatever bit it is, it is never read as if it were sound.
    #[test]
    fn every_flipped_bit_is_found_by_the_checksum() {
        for draw in 0..2000 {
            let mut bytes = file(&["first", "second", "third"]);
            let hit = rot([(LOG, &mut bytes)].into_iter(), draw).expect("there are records");
            match records::decode(Bytes::from(bytes)) {
                Ok(contents) => assert_eq!((hit.record, contents.records.len()), (3, 2), "draw {draw}"),
                Err(damage) => assert_eq!(damage.record as u32, hit.record, "draw {draw}"),
            }
        }
    }

    #[test]
    fn a_disk_without_records_has_nothing_to_rot() {
        let mut zeros = vec![0; 64];
        assert_eq!(rot([(LOG, &mut zeros)].into_iter(), 7), None);
        assert_eq!(rot(std::iter::empty(), 7), None);
    }

    #[test]
    fn half_a_record_is_cut_off_and_zeros_are_not() {
        let (whole, more) = (file(&["whole"]), file(&["more"]));
        let (half, length) = torn_half(&more).expect("a record");
        assert_eq!((half.len(), length), (more.len() / 2, more.len()));
        let torn = [&whole[..], half].concat();
        let cut = CutOff::of(LOG, &torn, whole.len(), 1).expect("a torn end");
        assert_eq!(cut.record, 2);
        assert_eq!(CutOff::of(LOG, &[whole.clone(), vec![0; 9]].concat(), whole.len(), 1), None);
    }
}
