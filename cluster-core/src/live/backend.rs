//! What makes a cluster real: sockets, and disks that take their time.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;
use tokio::sync::mpsc::UnboundedSender;

use super::{
    disk_thread::{DiskNews, DiskThread, Job},
    door::Doors,
    file_disk::FileDisk,
    wire::Wire,
};
use crate::{
    disk::{DiskOp, Flipped, Lost, PowerCut, SyncId},
    event::NodeFailure,
    ids::{Endpoint, NodeId},
    world::{Backend, Booted, Down, Frame, Handed, Syncing},
};

/// Sockets on loopback and files in folders.
pub(super) struct LiveBackend {
    wire: Rc<Wire>,
    doors: Rc<Doors>,
    disks: BTreeMap<NodeId, NodeDisk>,
    /// Nodes whose disks were asked for something in this burst.
    asked: Vec<NodeId>,
    fsync: bool,
    folder: PathBuf,
    news: UnboundedSender<DiskNews>,
    began: Instant,
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
    pub(super) fn new(
        wire: Rc<Wire>,
        doors: Rc<Doors>,
        folder: PathBuf,
        fsync: bool,
        news: UnboundedSender<DiskNews>,
    ) -> Self {
        Self { wire, doors, disks: BTreeMap::new(), asked: Vec::new(), fsync, folder, news, began: Instant::now() }
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

    /// Hands what a node asked for to its disk. If that fails, the node is told of by the disk's news; returns whether it
    /// went well.
    fn do_jobs(&mut self, node: NodeId) -> bool {
        let Some(disk) = self.disks.get_mut(&node) else { return true };
        let Err(why) = disk.do_jobs() else { return true };
        let incarnation = disk.incarnation;
        // The driver listens for as long as there is a backend.
        drop(self.news.send(DiskNews { node, incarnation, outcome: Err(why) }));
        false
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
        let door = match self.doors.open(node) {
            Ok(door) => door,
            Err(error) => {
                self.wire.close_node(node, Down::Crash);
                self.rest(node, disk, incarnation);
                let what = "the port for Redis clients";
                return Err(NodeFailure::Listen(format!("{what}: {error}; free it, then restart {node}")));
            }
        };
        let state = if self.fsync {
            match DiskThread::start(disk, node, incarnation, self.news.clone()) {
                Ok(thread) => State::Threaded(thread),
                Err(error) => {
                    self.wire.close_node(node, Down::Crash);
                    self.doors.close(node, Down::Crash);
                    return Err(NodeFailure::Disk(format!("no thread for it: {error}; run fewer nodes")));
                }
            }
        } else {
            State::Direct(disk)
        };
        self.disks.insert(node, NodeDisk { state, incarnation, jobs: Vec::new() });
        Ok(Booted { port, door, disk: recovered })
    }

    fn down(&mut self, node: NodeId, how: Down) -> Lost {
        // A process without fsync writes at once: what it wrote, the system has.
        if how == Down::Stop || !self.fsync {
            self.flush();
        }
        self.wire.close_node(node, how);
        self.doors.close(node, how);
        let Some(mut slot) = self.disks.remove(&node) else { return Lost::default() };
        let abandoned = std::mem::take(&mut slot.jobs);
        let disk = match slot.state {
            State::Resting(disk) | State::Direct(disk) => Some(disk),
            State::Threaded(thread) if how == Down::Stop => thread.close(),
            State::Threaded(thread) => thread.kill(),
        };
        let Some(mut disk) = disk else { return Lost::default() };
        for job in &abandoned {
            job.abandon(&mut disk);
        }
        let lost = match how {
            Down::Crash => Lost::default(),
            Down::PowerLoss => disk.lose_power(PowerCut::Clean),
            Down::TornPowerLoss => disk.lose_power(PowerCut::MidWrite),
            Down::Stop => {
                // The process ends in any case; what its disk lacks, the next boot finds.
                drop(disk.sync());
                Lost::default()
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
        self.doors.freeze(node, frozen);
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

    fn write_volatile(&mut self, node: NodeId, op: DiskOp) {
        self.ask(node, Job::WriteVolatile(op));
    }

    fn rot(&mut self, node: NodeId, draw: u64) -> Result<Option<Flipped>, String> {
        let (answer, rotten) = bounded(1);
        let Some(disk) = self.disks.get_mut(&node) else { return Ok(None) };
        disk.jobs.push(Job::Rot(draw, answer));
        disk.do_jobs()?;
        // A thread whose disk failed has ended, and its answer with it.
        rotten.recv().unwrap_or_else(|_| Err(format!("the disk of {node} failed; restart {node} first")))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn sync(&mut self, node: NodeId, _incarnation: u32, sync: SyncId) -> Syncing {
        if self.fsync {
            self.ask(node, Job::Sync(sync));
            return Syncing::UnderWay;
        }
        // The system has what was written before anybody hears that it is durable.
        if self.do_jobs(node) { Syncing::Done } else { Syncing::UnderWay }
    }

    fn flush(&mut self) {
        while let Some(node) = self.asked.pop() {
            self.do_jobs(node);
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
                    match job {
                        Job::Write(op) | Job::WriteVolatile(op) => disk.write_unsynced(op)?,
                        Job::Sync(_) => {}
                        // Whoever asked waits for it.
                        Job::Rot(draw, answer) => drop(answer.send(disk.rot(draw))),
                    }
                }
                disk.hand_over()?;
            }
            State::Resting(disk) => {
                for job in self.jobs.drain(..) {
                    if let Job::Rot(draw, answer) = job {
                        drop(answer.send(disk.rot(draw)));
                    }
                }
            }
        }
        Ok(())
    }
}
