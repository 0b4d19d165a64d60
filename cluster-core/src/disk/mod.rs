//! A node's durable state: files of records, what was synced and what was not kept apart.

pub(crate) mod damage;
mod model;
pub(crate) mod records;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use damage::{CutOff, Damaged, Flipped, Lost, PowerCut, TornRecord};
pub use model::ModelDisk;

use crate::name::Name;

/// The number of a sync that a node asked for; grows with each, anew from 1 after each boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncId(pub u64);

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskOp {
    /// Adds a record at the end of a file.
    Append {
        /// The file.
        file: Name,
        /// The record.
        record: Bytes,
    },
    /// Replaces a file by these records: all or nothing.
    Replace {
        /// The file.
        file: Name,
        /// The records.
        records: Vec<Bytes>,
    },
}

/// What a booting node finds on its disk: the records of each file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// By file.
    pub files: BTreeMap<Name, Vec<Bytes>>,
    /// What followed the last whole record of a file, did not match its checksum, and was cut off.
    pub cut_off: Vec<CutOff>,
}

impl Recovered {
    /// Returns the records of a file; none if there is no such file.
    pub fn records(&self, file: Name) -> &[Bytes] {
        self.files.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Returns whether the disk is empty.
    pub fn is_empty(&self) -> bool {
        self.files.values().all(Vec::is_empty)
    }
}
