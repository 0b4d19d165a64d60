//! The disks of the nodes, as sick as they are: slow, full, unreadable, lying, and what boots find on them.

use std::time::Duration;

use rand::Rng;

use super::{Backend, Booted, Down, Syncing, World, queue::Due};
use crate::{
    disk::{DiskOp, Recovered, SyncId, TornRecord},
    event::{DiskHarm, EventKind, NodeFailure},
    fault::{Ailment, DiskFaults, ReadErrors},
    ids::{NodeId, Seq},
    name::Name,
    time::Timestamp,
};

/// The syncs of a slow disk: one at a time, and what is asked for meanwhile waits for the next one, all of it together.
/// So what was written since a sync began is not on the disk for as long as that takes, and a power loss finds it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlowSyncs {
    /// When the one under way ends.
    ends: Timestamp,
    /// When the one behind it ends; the same if nobody waits for it.
    next_ends: Timestamp,
}

impl SlowSyncs {
    /// Returns when a sync ends that is asked for now and takes so much longer.
    fn asked(&mut self, now: Timestamp, longer: Duration) -> Timestamp {
        if self.ends <= now {
            self.ends = self.next_ends;
        }
        if self.ends <= now {
            (self.ends, self.next_ends) = (now + longer, now + longer);
        } else {
            // A disk that has become faster does not overtake itself.
            self.next_ends = self.next_ends.max(self.ends + longer);
        }
        self.next_ends
    }
}

impl<B: Backend> World<B> {
    /// Brings a process up and reads its disk, as far as that can be read.
    pub(super) fn read_disk(
        &mut self,
        now: Timestamp,
        node: NodeId,
        incarnation: u32,
        cause: Option<Seq>,
    ) -> Result<Booted, NodeFailure> {
        let booted = self.backend.boot(node, incarnation)?;
        let Some(file) = self.unreadable(node, &booted.disk) else { return Ok(booted) };
        self.backend.down(node, Down::Crash);
        if self.disk_faults(node).read_errors.is_none() {
            self.tell_faults(now, node, Ailment::Disk, cause);
        }
        self.count(node, |counters| counters.reads_refused += 1);
        Err(NodeFailure::Disk(format!("`{file}`: input/output error; restart {node} once its disk can be read")))
    }

    /// Returns the first file whose read fails.
    fn unreadable(&mut self, node: NodeId, disk: &Recovered) -> Option<Name> {
        let errors = self.disk_faults(node).read_errors?;
        let mut files = disk.files.iter().filter(|(_, records)| !records.is_empty()).map(|(file, _)| *file);
        match errors {
            ReadErrors::Next => {
                let file = files.next()?;
                // It is used up by this.
                self.change_faults(node, |faults| faults.disk.read_errors = None);
                Some(file)
            }
            ReadErrors::Share(share) => files.find(|_| self.luck.random::<f64>() < share),
        }
    }

    /// Tells what a boot found, and that what it did not find is not there: every record matched its checksum.
    pub(super) fn found_on_disk(&mut self, now: Timestamp, node: NodeId, started: Seq, disk: &Recovered) {
        for cut in &disk.cut_off {
            let harm = DiskHarm::CutOff { bytes: cut.bytes };
            self.record(now, Some(started), EventKind::DiskHarmed { node, file: cut.file, record: cut.record, harm });
            self.count(node, |counters| counters.records_cut += 1);
        }
        if self.disk_faults(node).rotten > 0 {
            self.forget_rot(now, node, started);
        }
        self.tell_counters(now, node);
    }

    /// No bit on the disk is other than written: it was erased, or read and found sound.
    pub(super) fn forget_rot(&mut self, now: Timestamp, node: NodeId, cause: Seq) {
        if self.change_faults(node, |faults| faults.disk.rotten = 0) {
            self.tell_faults(now, node, Ailment::Disk, Some(cause));
        }
    }

    /// Tells which records a power loss left half-written.
    pub(super) fn tell_torn(&mut self, now: Timestamp, node: NodeId, lost: Seq, torn: &[TornRecord]) {
        for TornRecord { file, record, kept, bytes } in torn.iter().copied() {
            let harm = DiskHarm::Torn { kept, bytes };
            self.record(now, Some(lost), EventKind::DiskHarmed { node, file, record, harm });
            self.count(node, |counters| counters.records_torn += 1);
        }
    }

    /// Writes for a node, if there is room.
    pub(super) fn write(&mut self, node: NodeId, op: DiskOp) -> Result<(), NodeFailure> {
        let disk = self.disk_faults(node);
        if disk.full {
            self.count(node, |counters| counters.writes_refused += 1);
            return Err(NodeFailure::Disk(format!(
                "no space left on device; heal the disk of {node}, then restart it"
            )));
        }
        if disk.lies {
            self.backend.write_volatile(node, op)
        } else {
            self.backend.write(node, op)
        }
        Ok(())
    }

    /// A node asks for a sync: a slow disk does it later, and one that lies never does. Returns it if it is done at once.
    pub(super) fn ask_sync(&mut self, now: Timestamp, node: NodeId, incarnation: u32, sync: SyncId) -> Option<SyncId> {
        let disk = self.disk_faults(node);
        let process = self.process_mut(node)?;
        let at = process.slow_syncs.asked(now, disk.slow.unwrap_or(Duration::ZERO));
        if at > now {
            self.count(node, |counters| counters.syncs_slowed += 1);
        }
        if disk.lies {
            self.count(node, |counters| counters.syncs_lied += 1);
            self.queue.push(at, Due::SyncLied { node, incarnation, sync });
        } else if at > now {
            self.queue.push(at, Due::SyncBegins { node, incarnation, sync });
        } else {
            return self.begin_sync(now, node, incarnation, sync);
        }
        None
    }

    /// Begins a sync for real. Returns it if it is done at once.
    pub(super) fn begin_sync(
        &mut self,
        now: Timestamp,
        node: NodeId,
        incarnation: u32,
        sync: SyncId,
    ) -> Option<SyncId> {
        match self.backend.sync(node, incarnation, sync) {
            Syncing::Done => Some(sync),
            Syncing::DoneAfter(after) => {
                self.queue.push(now + after, Due::Synced { node, incarnation, sync });
                None
            }
            Syncing::UnderWay => None,
        }
    }

    /// Lets a bit of a record that was synced flip.
    pub(super) fn rot(&mut self, now: Timestamp, node: NodeId, cause: Seq) -> Result<(), String> {
        let draw = self.luck.random();
        let Some(hit) = self.backend.rot(node, draw)? else {
            return Err(format!("the disk of {node} holds no record that was synced: there is nothing to rot"));
        };
        let harm = DiskHarm::BitFlipped { byte: hit.byte, bit: hit.bit };
        let seq =
            self.record(now, Some(cause), EventKind::DiskHarmed { node, file: hit.file, record: hit.record, harm });
        self.change_faults(node, |faults| faults.disk.rotten += 1);
        self.count(node, |counters| counters.bits_flipped += 1);
        self.tell_faults(now, node, Ailment::Disk, Some(seq));
        Ok(())
    }

    fn disk_faults(&self, node: NodeId) -> DiskFaults {
        self.nodes.get(node).map_or_else(DiskFaults::default, |slot| slot.machine.faults.disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(asked: &[u64]) -> Vec<u64> {
        let mut syncs = SlowSyncs::default();
        asked.iter().map(|at| syncs.asked(Timestamp(*at), Duration::from_nanos(100)).0).collect()
    }

    #[test]
    fn what_is_asked_for_during_a_slow_sync_waits_for_the_next_one_together() {
        assert_eq!(ends(&[1000]), [1100]);
        assert_eq!(ends(&[1000, 1001, 1050, 1099]), [1100, 1200, 1200, 1200]);
        assert_eq!(ends(&[1000, 1050, 1150, 1250, 1400]), [1100, 1200, 1300, 1400, 1500]);
    }

    #[test]
    fn a_disk_that_has_become_faster_does_not_overtake_itself() {
        let mut syncs = SlowSyncs::default();
        let slow = syncs.asked(Timestamp(1000), Duration::from_nanos(500));
        assert!(syncs.asked(Timestamp(1100), Duration::ZERO) >= slow);
        assert_eq!(syncs.asked(Timestamp(2000), Duration::ZERO), Timestamp(2000));
    }
}
