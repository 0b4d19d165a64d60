//! Starts a live cluster on a thread of its own.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, TcpListener},
    panic::resume_unwind,
    path::PathBuf,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, LocalOptions},
    sync::mpsc::{Sender, channel, unbounded_channel},
    task::spawn_local,
};

use super::{
    alarm::Alarm,
    backend::LiveBackend,
    door::{DoorPorts, Doors},
    driver::{Ask, Driver},
    self_test,
    wire::Wire,
};
use crate::{
    ids::NodeId,
    spec::ClusterSpec,
    time::Timestamp,
    trace::{Asked, Recorder},
    world::World,
};

/// How many commands may wait; a hand or a script is never that far ahead.
const ASKS_MAX: usize = 4096;
/// How many open files are asked of the system: a hundred nodes, each connected to each other.
const FILES_WANTED: u64 = 65_536;

/// A cluster that runs. It is asked through this, and stops when this is dropped.
#[derive(Debug)]
pub(crate) struct LiveCluster {
    asks: Sender<Ask>,
    thread: JoinHandle<()>,
}

impl LiveCluster {
    /// Starts the cluster of a spec that was checked. Data folders are made below `folder`. What is in `again` is asked of
    /// it at its time.
    pub(crate) fn start(
        spec: ClusterSpec,
        folder: PathBuf,
        base_port: Option<u16>,
        doors: DoorPorts,
        again: Vec<Asked>,
        recorder: Recorder,
    ) -> io::Result<Self> {
        // If the system gives less, small clusters still run, and a connection too many is reported as such.
        drop(rlimit::increase_nofile_limit(FILES_WANTED));
        let (asks, asked) = channel(ASKS_MAX);
        let (made, heard) = mpsc::sync_channel(1);
        let alarm = Alarm::start()?;
        let thread = thread::Builder::new().name("faultline-session".to_owned()).spawn(move || {
            let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime,
                Err(error) => return drop(made.send(Err(error))),
            };
            // Whoever starts this waits for it.
            drop(made.send(Ok(())));
            let wire = Wire::new(base_port.map(|base| ports(&spec, base)).unwrap_or_default());
            let doors = match doors {
                DoorPorts::Closed => Doors::new(false, BTreeMap::new()),
                DoorPorts::Free => Doors::new(true, BTreeMap::new()),
                DoorPorts::From(base) => Doors::new(true, ports(&spec, base)),
            };
            let (news, disks) = unbounded_channel();
            let backend = LiveBackend::new(wire.clone(), doors.clone(), folder, spec.fsync, news);
            let mut world = World::new(&spec, backend, recorder).expect("the spec was checked before");
            let cluster = async {
                world.faults_tried(Timestamp::ZERO, self_test::try_faults().await);
                // A task of its own: a reader that wakes it costs no system call, unlike one that wakes this block.
                let driver = spawn_local(async {
                    Driver::new(world, wire, doors, asked, again.into(), disks, alarm).run().await
                });
                if let Err(broken) = driver.await
                    && broken.is_panic()
                {
                    resume_unwind(broken.into_panic());
                }
            };
            runtime.block_on(cluster);
        })?;
        heard.recv().unwrap_or_else(|_| Err(io::Error::other("its thread ended at once")))?;
        Ok(Self { asks, thread })
    }

    /// Asks something; never waits. Returns whether it was heard: not if the cluster ended, or cannot keep up.
    pub(crate) fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send(ask).is_ok()
    }

    /// Waits until the cluster has ended. Returns whether it ended well.
    pub(crate) fn join(self) -> bool {
        // Closing the channel asks for the end, even if it is full.
        drop(self.asks);
        self.thread.join().is_ok()
    }
}

/// Returns the ports of a cluster: `base` and those after it, in the order of the nodes.
pub(crate) fn ports(spec: &ClusterSpec, base: u16) -> BTreeMap<NodeId, u16> {
    spec.nodes.iter().copied().zip(base..=u16::MAX).collect()
}

/// Returns the first of these ports that cannot be listened on, whose it would be, and why.
pub(crate) fn first_taken(ports: BTreeMap<NodeId, u16>) -> Option<(NodeId, u16, io::Error)> {
    let taken = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err();
    ports.into_iter().find_map(|(node, port)| Some((node, port, taken(port)?)))
}
