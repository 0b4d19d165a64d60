//! Records in a file: length, checksum, bytes. Tells a torn end, which is normal after a crash, from damage.

use bytes::Bytes;

use super::Damaged;
use crate::name::Name;

/// Length (4) and checksum (4).
pub(crate) const HEADER_BYTES: usize = 8;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The records, in order.
    pub(crate) records: Vec<Bytes>,
    /// Where the last whole record ends; what follows was torn and is to be cut off.
    pub(crate) end: usize,
}

/// A record in the middle of a file does not match its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The record's number, from 1.
    pub(crate) record: usize,
    /// Where it begins.
    pub(crate) byte: usize,
}

impl Damage {
    /// Returns the damage with the name of its file.
    pub(crate) fn of(self, file: Name) -> Damaged {
        Damaged { file, record: self.record, byte: self.byte }
    }
}

/// Appends a record to `out`.
pub(crate) fn encode(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u32).to_le_bytes();
    out.reserve(HEADER_BYTES + record.len());
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(&length, record).to_le_bytes());
    out.extend_from_slice(record);
}

/// Reads a whole file.
pub(crate) fn decode(bytes: Bytes) -> Result<Contents, Damage> {
    let (mut records, mut end) = (Vec::new(), 0);
    while let Some(length) = whole_record(&bytes[end..]) {
        // Copied: one long-lived record must not keep the whole file in memory.
        records.push(Bytes::copy_from_slice(&bytes[end + HEADER_BYTES..end + HEADER_BYTES + length]));
        end += HEADER_BYTES + length;
    }
    // A torn write leaves nothing whole behind it. So a whole record further on means that this one was damaged later.
    let damaged = (end + 1..bytes.len()).any(|at| whole_record(&bytes[at..]).is_some());
    if damaged { Err(Damage { record: records.len() + 1, byte: end }) } else { Ok(Contents { records, end }) }
}

/// Returns how many bytes the record at the beginning of `bytes` takes with its header, if it is whole and sound.
pub(crate) fn first_length(bytes: &[u8]) -> Option<usize> {
    whole_record(bytes).map(|length| HEADER_BYTES + length)
}

/// Returns where each whole record at the beginning of a file starts and ends.
pub(crate) fn starts(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut starts, mut end) = (Vec::new(), 0);
    while let Some(length) = first_length(&bytes[end..]) {
        starts.push((end, end + length));
        end += length;
    }
    starts
}

/// Returns the length of the record at the beginning of `bytes`, if all of it is there and sound.
fn whole_record(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..HEADER_BYTES)?;
    let length: [u8; 4] = header[..4].try_into().ok()?;
    let stored = u32::from_le_bytes(header[4..].try_into().ok()?);
    let record = bytes[HEADER_BYTES..].get(..u32::from_le_bytes(length) as usize)?;
    (checksum(&length, record) == stored).then_some(record.len())
}

/// The length is part of it, so that a stretch of zeros is no record.
fn checksum(length: &[u8; 4], record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(record);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| encode(record.as_bytes(), &mut bytes));
        bytes
    }

    #[test]
    fn a_file_cut_anywhere_gives_its_whole_records() {
        let bytes = file(&["one", "", "three"]);
        for cut in 0..=bytes.len() {
            let contents = decode(bytes[..cut].to_vec().into()).expect("torn is not damaged");
            assert!(contents.end <= cut && file(&["one", "", "three"])[..contents.end] == bytes[..contents.end]);
        }
        assert_eq!(decode(bytes.into()).expect("sound").records.len(), 3);
    }

    #[test]
    fn a_damaged_record_in_the_middle_is_named_and_the_last_one_counts_as_torn() {
        let mut bytes = file(&["one", "two", "three"]);
        bytes[HEADER_BYTES + 3 + HEADER_BYTES] ^= 1;
        assert_eq!(decode(bytes.into()), Err(Damage { record: 2, byte: HEADER_BYTES + 3 }));
        let mut bytes = file(&["one", "two"]);
        *bytes.last_mut().expect("not empty") ^= 1;
        assert_eq!(decode(bytes.into()).expect("torn").records, [Bytes::from_static(b"one")]);
    }

    #[test]
    fn a_tail_of_zeros_is_torn_not_damaged() {
        let mut bytes = file(&["one"]);
        bytes.resize(bytes.len() + 100, 0);
        assert_eq!(decode(bytes.into()).expect("torn").end, HEADER_BYTES + 3);
    }
}
