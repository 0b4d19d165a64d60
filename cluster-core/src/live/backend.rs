//! What makes a cluster real: sockets, and disks that take their time.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc, time::Duration};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    disk_thread::{DiskNews, DiskThread, Job},
    file_disk::FileDisk,
    wire::Wire,
};
use crate::{
    disk::{DiskOp, SyncId},
    event::NodeFailure,
    ids::{Endpoint, NodeId},
    world::{Backend, Booted, Down, Frame, Handed, Syncing},
};

/// Sockets on loopback and files in folders.
pub(super) struct LiveBackend {
    wire: Rc<Wire>,
    disks: BTreeMap<NodeId, NodeDisk>,
    /// Nodes whose disks were asked for something in this burst.
    asked: Vec<NodeId>,
    fsync: bool,
    folder: PathBuf,
    news: UnboundedSender<DiskNews>,
}

struct NodeDisk {
    state: State,
    incarnation: u32,
    /// What this burst asked for.
    jobs: Vec<Job>,
}

enum State {
    /// The process is down.
    Resting(FileDisk),
    /// Without fsync, writing is as quick as handing it to a thread.
    Direct(FileDisk),
    /// With fsync, a thread waits for the disk.
    Threaded(DiskThread),
}

impl LiveBackend {
    /// Makes the backend; data folders are made below `folder`.
    pub(super) fn new(wire: Rc<Wire>, folder: PathBuf, fsync: bool, news: UnboundedSender<DiskNews>) -> Self {
        Self { wire, disks: BTreeMap::new(), asked: Vec::new(), fsync, folder, news }
    }

    /// Returns whether that process of the node is the one that runs.
    pub(super) fn is_current(&self, node: NodeId, incarnation: u32) -> bool {
        self.disks.get(&node).is_some_and(|disk| disk.incarnation == incarnation && !disk.is_resting())
    }

    fn file_disk(&mut self, node: NodeId) -> FileDisk {
        match self.disks.remove(&node).map(|disk| disk.state) {
            Some(State::Resting(disk) | State::Direct(disk)) => disk,
            Some(State::Threaded(_)) | None => FileDisk::new(node, self.folder.join(node.to_string())),
        }
    }

    fn rest(&mut self, node: NodeId, disk: FileDisk, incarnation: u32) {
        self.disks.insert(node, NodeDisk { state: State::Resting(disk), incarnation, jobs: Vec::new() });
    }

    fn ask(&mut self, node: NodeId, job: Job) {
        let Some(disk) = self.disks.get_mut(&node) else { return };
        if disk.jobs.is_empty() {
            self.asked.push(node);
        }
        disk.jobs.push(job);
    }
}

impl Backend for LiveBackend {
    fn boot(&mut self, node: NodeId, incarnation: u32) -> Result<Booted, NodeFailure> {
        let mut disk = self.file_disk(node);
        let recovered = match disk.recover() {
            Ok(recovered) => recovered,
            Err(why) => {
                self.rest(node, disk, incarnation);
                return Err(NodeFailure::Disk(why));
            }
        };
        let port = match self.wire.open(node) {
            Ok(port) => port,
            Err(error) => {
                self.rest(node, disk, incarnation);
                return Err(NodeFailure::Listen(format!("{error}; free the port, then restart {node}")));
            }
        };
        let state = if self.fsync {
            match DiskThread::start(disk, node, incarnation, self.news.clone()) {
                Ok(thread) => State::Threaded(thread),
                Err(error) => {
                    self.wire.close_node(node, Down::Crash);
                    return Err(NodeFailure::Disk(format!("no thread for it: {error}; run fewer nodes")));
                }
            }
        } else {
            State::Direct(disk)
        };
        self.disks.insert(node, NodeDisk { state, incarnation, jobs: Vec::new() });
        Ok(Booted { port, disk: recovered })
    }

    fn down(&mut self, node: NodeId, how: Down) -> u32 {
        // A process without fsync writes at once: what it wrote, the system has.
        if how == Down::Stop || !self.fsync {
            self.flush();
        }
        self.wire.close_node(node, how);
        let Some(mut slot) = self.disks.remove(&node) else { return 0 };
        let abandoned = std::mem::take(&mut slot.jobs);
        let disk = match slot.state {
            State::Resting(disk) | State::Direct(disk) => Some(disk),
            State::Threaded(thread) if how == Down::Stop => thread.close(),
            State::Threaded(thread) => thread.kill(),
        };
        let Some(mut disk) = disk else { return 0 };
        for job in &abandoned {
            if let Job::Write(op) = job {
                disk.abandon(op);
            }
        }
        let lost = match how {
            Down::Crash => 0,
            Down::PowerLoss => disk.lose_power(),
            Down::Stop => {
                // The process ends in any case; what its disk lacks, the next boot finds.
                drop(disk.sync());
                0
            }
        };
        self.rest(node, disk, slot.incarnation);
        lost
    }

    fn wipe(&mut self, node: NodeId) {
        let mut disk = self.file_disk(node);
        disk.wipe();
        self.rest(node, disk, 0);
    }

    fn freeze(&mut self, node: NodeId, frozen: bool) {
        self.wire.freeze(node, frozen);
    }

    fn transmit(&mut self, frame: Frame) -> Handed {
        self.wire.transmit(&frame)
    }

    fn reset(&mut self, from: Endpoint, to: Endpoint) -> bool {
        self.wire.reset(from, to)
    }

    fn half_open(&mut self, from: Endpoint, to: Endpoint) -> bool {
        self.wire.half_open(from, to)
    }

    fn write(&mut self, node: NodeId, op: DiskOp) {
        self.ask(node, Job::Write(op));
    }

    fn sync(&mut self, node: NodeId, _incarnation: u32, sync: SyncId) -> Syncing {
        if !self.fsync {
            return Syncing::DoneAfter(Duration::ZERO);
        }
        self.ask(node, Job::Sync(sync));
        Syncing::UnderWay
    }

    fn flush(&mut self) {
        for node in self.asked.drain(..) {
            let Some(disk) = self.disks.get_mut(&node) else { continue };
            if let Err(why) = disk.do_jobs() {
                let incarnation = disk.incarnation;
                // The driver listens for as long as there is a backend.
                drop(self.news.send(DiskNews { node, incarnation, outcome: Err(why) }));
            }
        }
        // After the disks: whoever reads a frame may rely on what its sender wrote before.
        self.wire.flush();
    }
}

impl NodeDisk {
    fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting(_))
    }

    fn do_jobs(&mut self) -> Result<(), String> {
        match &mut self.state {
            State::Threaded(thread) => thread.hand(std::mem::take(&mut self.jobs)),
            State::Direct(disk) => {
                for job in self.jobs.drain(..) {
                    if let Job::Write(op) = job {
                        disk.write_unsynced(op)?;
                    }
                }
                disk.hand_over()?;
            }
            State::Resting(_) => self.jobs.clear(),
        }
        Ok(())
    }
}
