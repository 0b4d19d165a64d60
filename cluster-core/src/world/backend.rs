//! What a backend adds to the world: a wire, disks, and the coming and going of processes.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    disk::{DiskOp, Flipped, Lost, Recovered, SyncId},
    event::NodeFailure,
    ids::{Endpoint, MsgId, NodeId},
};

/// The two worlds differ in this and in nothing else.
pub trait Backend {
    /// Brings a process up: opens its listener, reads its disk.
    fn boot(&mut self, node: NodeId, incarnation: u32) -> Result<Booted, NodeFailure>;
    /// Takes a process down. Returns what its disk lost with it.
    fn down(&mut self, node: NodeId, how: Down) -> Lost;
    /// Erases the disk of a node that is down.
    fn wipe(&mut self, node: NodeId);
    /// A frozen process reads nothing from its sockets.
    fn freeze(&mut self, node: NodeId, frozen: bool);
    /// Puts a frame on the wire, now.
    fn transmit(&mut self, frame: Frame) -> Handed;
    /// Resets the connection that carries a direction: what is under way on it is lost, which the backend tells of each
    /// frame. Returns whether there was one.
    fn reset(&mut self, _from: Endpoint, _to: Endpoint) -> bool {
        true
    }
    /// Takes the receiver's end of the connection that carries a direction away, so that the sender does not notice.
    /// Returns whether there was one.
    fn half_open(&mut self, _from: Endpoint, _to: Endpoint) -> bool {
        true
    }
    /// Writes for a node; not durable before a sync.
    fn write(&mut self, node: NodeId, op: DiskOp);
    /// Writes for a node whose disk lies about its syncs: not even a replaced file is durable before a true one.
    fn write_volatile(&mut self, node: NodeId, op: DiskOp);
    /// Flips a bit of a record that was synced; which one follows from `draw`. Returns nothing if there is none.
    fn rot(&mut self, node: NodeId, draw: u64) -> Result<Option<Flipped>, String>;
    /// Begins a sync of all writes of a node so far.
    fn sync(&mut self, node: NodeId, incarnation: u32, sync: SyncId) -> Syncing;
    /// A sync that was to be done after a while is done (the simulator's disks learn it here).
    fn synced(&mut self, _node: NodeId, _sync: SyncId) {}
    /// Returns how much real time has passed, for what costs real time; none where everything is modeled.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    /// The world has nothing more to do at this moment: what was put on the wire should leave.
    fn flush(&mut self) {}
}

/// A process that came up.
#[derive(Clone, Debug)]
pub struct Booted {
    /// Its port on loopback; 0 if it has none.
    pub port: u16,
    /// Its port for clients from outside; 0 if it takes none.
    pub door: u16,
    /// What its disk holds.
    pub disk: Recovered,
}

/// How a process goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// At once. What was handed to the operating system stays.
    Crash,
    /// At once, and only what was synced stays.
    PowerLoss,
    /// As a power loss, and what was being written at that moment is left half-written.
    TornPowerLoss,
    /// In good order: everything written is synced first.
    Stop,
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number.
    pub msg: MsgId,
    /// From.
    pub from: Endpoint,
    /// To.
    pub to: Endpoint,
    /// What it carries.
    pub payload: Bytes,
    /// The bit of it that is flipped on the way, so that its checksum does not match.
    pub damage: Option<u32>,
}

/// What became of a frame that was put on the wire.
#[derive(Clone, Debug)]
pub enum Handed {
    /// It is under way; the backend will say when it arrived or that it was lost.
    UnderWay,
    /// It has arrived (the simulator's wire takes no time of its own).
    Arrived(Frame),
    /// Nobody listens at the other end.
    Refused,
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncing {
    /// The backend will say when it is done.
    UnderWay,
    /// It is done: nothing has to be waited for.
    Done,
    /// It is done after this much cluster time.
    DoneAfter(Duration),
}
