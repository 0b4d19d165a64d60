//! One thread per node that writes and syncs: the cluster goes on meanwhile, and one sync serves all who wait.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc::UnboundedSender;

use super::file_disk::FileDisk;
use crate::{
    disk::{DiskOp, Flipped, SyncId},
    ids::NodeId,
};

/// What a disk is asked for, in order.
#[derive(Debug)]
pub(crate) enum Job {
    /// Write.
    Write(DiskOp),
    /// Write, on a disk that lies about its syncs.
    WriteVolatile(DiskOp),
    /// Make everything so far durable.
    Sync(SyncId),
    /// Let a bit rot, as the draw says, and answer which one.
    Rot(u64, Sender<Rotten>),
}

/// Which bit rotted, if there was one to.
pub(crate) type Rotten = Result<Option<Flipped>, String>;

impl Job {
    /// The process was killed before it got to this.
    pub(crate) fn abandon(&self, disk: &mut FileDisk) {
        match self {
            Self::Write(op) | Self::WriteVolatile(op) => disk.abandon(op),
            Self::Sync(_) | Self::Rot(..) => {}
        }
    }
}

/// What a disk has to say.
#[derive(Debug)]
pub(crate) struct DiskNews {
    /// Whose disk.
    pub(crate) node: NodeId,
    /// Of which process.
    pub(crate) incarnation: u32,
    /// A sync that is done (and with it all before), or why the disk cannot be used.
    pub(crate) outcome: Result<SyncId, String>,
}

/// How many bursts of jobs a disk may be behind before the cluster waits for it.
const BEHIND_MAX: usize = 4096;
/// The thread only copies and calls the system.
const STACK_BYTES: usize = 512 << 10;

/// The thread of one node's disk. It ends when this is closed.
#[derive(Debug)]
pub(crate) struct DiskThread {
    jobs: Sender<Vec<Job>>,
    killed: Arc<AtomicBool>,
    handle: JoinHandle<FileDisk>,
}

impl DiskThread {
    /// Starts it. If that fails, the disk is handed back.
    pub(crate) fn start(
        disk: FileDisk,
        node: NodeId,
        incarnation: u32,
        news: UnboundedSender<DiskNews>,
    ) -> io::Result<Self> {
        let (jobs, to_do) = bounded(BEHIND_MAX);
        let killed = Arc::new(AtomicBool::new(false));
        let worker = Worker { disk, node, incarnation, to_do, killed: Arc::clone(&killed), news };
        let handle =
            thread::Builder::new().name(format!("{node}-disk")).stack_size(STACK_BYTES).spawn(|| worker.run())?;
        Ok(Self { jobs, killed, handle })
    }

    /// Hands over what a burst asked for.
    pub(crate) fn hand(&self, jobs: Vec<Job>) {
        // The thread ends early only after an error that it has reported.
        drop(self.jobs.send(jobs));
    }

    /// Kills the process: what the thread did not get to is lost.
    pub(crate) fn kill(self) -> Option<FileDisk> {
        self.killed.store(true, Ordering::Release);
        self.close()
    }

    /// Ends the process in good order: everything is done first.
    pub(crate) fn close(self) -> Option<FileDisk> {
        drop(self.jobs);
        self.handle.join().ok()
    }
}

struct Worker {
    disk: FileDisk,
    node: NodeId,
    incarnation: u32,
    to_do: Receiver<Vec<Job>>,
    killed: Arc<AtomicBool>,
    news: UnboundedSender<DiskNews>,
}

impl Worker {
    fn run(mut self) -> FileDisk {
        while let Ok(first) = self.to_do.recv() {
            // Group commit: whatever came while the last sync was under way shares the next one.
            let mut jobs = vec![first];
            jobs.extend(self.to_do.try_iter());
            let jobs = jobs.into_iter().flatten();
            if self.killed.load(Ordering::Acquire) {
                self.abandon(jobs);
                continue;
            }
            let outcome = self.do_all(jobs).transpose();
            if let Some(outcome) = outcome {
                let failed = outcome.is_err();
                // Nobody listens any more only when the session ends.
                drop(self.news.send(DiskNews { node: self.node, incarnation: self.incarnation, outcome }));
                if failed {
                    break;
                }
            }
        }
        self.disk
    }

    fn do_all(&mut self, jobs: impl Iterator<Item = Job>) -> Result<Option<SyncId>, String> {
        let mut last = None;
        for job in jobs {
            match job {
                Job::Write(op) => self.disk.write(op)?,
                Job::WriteVolatile(op) => self.disk.write_volatile(op)?,
                Job::Sync(sync) => last = Some(sync),
                // Nobody listens any more only when the session ends.
                Job::Rot(draw, answer) => drop(answer.send(self.disk.rot(draw))),
            }
        }
        match last {
            Some(_) => self.disk.sync()?,
            None => self.disk.hand_over()?,
        }
        Ok(last)
    }

    fn abandon(&mut self, jobs: impl Iterator<Item = Job>) {
        for job in jobs {
            job.abandon(&mut self.disk);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::sync::mpsc;

    use super::*;
    use crate::{disk::PowerCut, name::Name};

    const LOG: Name = Name::new("log");

    fn append(record: &'static [u8]) -> Job {
        Job::Write(DiskOp::Append { file: LOG, record: Bytes::from_static(record) })
    }

    #[test]
    fn a_sync_is_reported_after_its_records_are_durable_live() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (news, mut heard) = mpsc::unbounded_channel();
        let mut disk = FileDisk::new(NodeId(1), folder.path().join("n1"));
        disk.recover().expect("an empty disk");
        let thread = DiskThread::start(disk, NodeId(1), 7, news).expect("a thread");
        thread.hand(vec![append(b"a"), Job::Sync(SyncId(1)), append(b"b"), Job::Sync(SyncId(2))]);
        let said = heard.blocking_recv().expect("news");
        assert_eq!((said.node, said.incarnation, said.outcome), (NodeId(1), 7, Ok(SyncId(2))));
        let mut disk = thread.kill().expect("the disk");
        assert_eq!(disk.lose_power(PowerCut::Clean).records, 0);
        assert_eq!(disk.recover().expect("sound").records(LOG).len(), 2);
    }

    #[test]
    fn a_disk_that_fails_says_so_once_and_ends_live() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (news, mut heard) = mpsc::unbounded_channel();
        // Never recovered: its folder does not exist, so the first write fails.
        let disk = FileDisk::new(NodeId(1), folder.path().join("n1"));
        let thread = DiskThread::start(disk, NodeId(1), 0, news).expect("a thread");
        thread.hand(vec![append(b"a"), Job::Sync(SyncId(1))]);
        assert!(heard.blocking_recv().expect("news").outcome.is_err());
        assert!(heard.blocking_recv().is_none());
        drop(thread.close());
    }
}
