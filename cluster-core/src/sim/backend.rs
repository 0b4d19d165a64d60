//! The simulator's wire and disks.

use std::{collections::BTreeMap, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    disk::{DiskOp, Flipped, Lost, ModelDisk, PowerCut, SyncId},
    event::NodeFailure,
    ids::NodeId,
    spec::ClusterSpec,
    world::{Backend, Booted, Down, Frame, Handed, Syncing},
};

/// A sync takes this long at least, as a fast disk does, and twice that at most.
const SYNC_MIN: Duration = Duration::from_micros(200);

/// A wire without delay of its own (links have theirs) and disks in memory.
#[derive(Debug)]
pub struct SimBackend {
    disks: BTreeMap<NodeId, ModelDisk>,
    fsync: bool,
    rng: ChaCha8Rng,
}

impl SimBackend {
    /// Makes the backend of a cluster.
    pub fn new(spec: &ClusterSpec) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(spec.seed ^ 0xd15c);
        Self { disks: BTreeMap::new(), fsync: spec.fsync, rng }
    }
}

impl Backend for SimBackend {
    fn boot(&mut self, node: NodeId, _incarnation: u32) -> Result<Booted, NodeFailure> {
        let recovered = self.disks.entry(node).or_default().recover();
        let disk = recovered
            .map_err(|damaged| NodeFailure::Disk(format!("{damaged}; wipe the disk of {node} and restart it")))?;
        Ok(Booted { port: 0, door: 0, disk })
    }

    fn down(&mut self, node: NodeId, how: Down) -> Lost {
        let disk = self.disks.entry(node).or_default();
        match how {
            Down::Crash => {
                disk.abort_syncs();
                Lost::default()
            }
            Down::PowerLoss => disk.lose_power(PowerCut::Clean),
            Down::TornPowerLoss => disk.lose_power(PowerCut::MidWrite),
            Down::Stop => {
                disk.sync();
                Lost::default()
            }
        }
    }

    fn wipe(&mut self, node: NodeId) {
        self.disks.entry(node).or_default().wipe();
    }

    fn freeze(&mut self, _node: NodeId, _frozen: bool) {}

    fn transmit(&mut self, frame: Frame) -> Handed {
        Handed::Arrived(frame)
    }

    fn write(&mut self, node: NodeId, op: DiskOp) {
        self.disks.entry(node).or_default().write(op);
    }

    fn write_volatile(&mut self, node: NodeId, op: DiskOp) {
        self.disks.entry(node).or_default().write_volatile(op);
    }

    fn rot(&mut self, node: NodeId, draw: u64) -> Result<Option<Flipped>, String> {
        Ok(self.disks.entry(node).or_default().rot(draw))
    }

    fn sync(&mut self, node: NodeId, _incarnation: u32, sync: SyncId) -> Syncing {
        let disk = self.disks.entry(node).or_default();
        if !self.fsync {
            return Syncing::Done;
        }
        disk.begin_sync(sync);
        Syncing::DoneAfter(SYNC_MIN.mul_f64(self.rng.random_range(1.0..2.0)))
    }

    fn synced(&mut self, node: NodeId, sync: SyncId) {
        self.disks.entry(node).or_default().finish_sync(sync);
    }
}
