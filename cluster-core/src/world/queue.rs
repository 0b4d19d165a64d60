//! What is to happen later, in order of time; of the same moment, first come, first served.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{
    disk::SyncId,
    fault::LinkId,
    host::TimerToken,
    ids::{ClientId, MsgId, NodeId},
    time::Timestamp,
    workload::ClientToken,
    world::Frame,
};

/// Something to happen later.
#[derive(Debug)]
pub(super) enum Due {
    /// A node's timer runs out.
    Timer { node: NodeId, incarnation: u32, token: TimerToken },
    /// A client's timer runs out.
    Client { client: ClientId, token: ClientToken },
    /// A frame leaves its link. The two numbers are the incarnations of its ends when it was sent.
    Transmit { frame: Frame, ends: (u32, u32) },
    /// A sync is done.
    Synced { node: NodeId, incarnation: u32, sync: SyncId },
    /// A sync of a slow disk begins at last.
    SyncBegins { node: NodeId, incarnation: u32, sync: SyncId },
    /// A disk that lies says that a sync is done.
    SyncLied { node: NodeId, incarnation: u32, sync: SyncId },
    /// A slow node has taken its time for what is next. `turn` tells a step from one that was called off.
    Work { node: NodeId, incarnation: u32, turn: u64 },
    /// One end of a half-open connection finds out.
    HalfOpenEnds { link: LinkId, number: u64 },
    /// A node learns that the connection to a peer broke.
    PeerLost { node: NodeId, incarnation: u32, peer: NodeId },
}

/// The queue of what is due.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    order: u64,
    due: Due,
}

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, due: Due) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at, order: self.order, due }));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Returns when a frame leaves its link, with the frame, if it is still on it.
    pub(super) fn frame(&self, msg: MsgId) -> Option<(Timestamp, Frame, (u32, u32))> {
        self.heap.iter().find_map(|Reverse(entry)| match &entry.due {
            Due::Transmit { frame, ends } if frame.msg == msg => Some((entry.at, frame.clone(), *ends)),
            Due::Transmit { .. }
            | Due::Timer { .. }
            | Due::Client { .. }
            | Due::Synced { .. }
            | Due::SyncBegins { .. }
            | Due::SyncLied { .. }
            | Due::Work { .. }
            | Due::HalfOpenEnds { .. }
            | Due::PeerLost { .. } => None,
        })
    }

    /// Takes a frame off its link. Everything is looked at: this happens by hand, not by the thousand.
    pub(super) fn take_frame(&mut self, msg: MsgId) -> Option<(Frame, (u32, u32))> {
        let (_, frame, ends) = self.frame(msg)?;
        self.heap.retain(|Reverse(entry)| !matches!(&entry.due, Due::Transmit { frame, .. } if frame.msg == msg));
        Some((frame, ends))
    }

    /// Takes the frames out that are on their way on a direction, in order of their sending.
    pub(super) fn take_frames(&mut self, link: LinkId) -> Vec<MsgId> {
        let mut taken = Vec::new();
        self.heap.retain(|Reverse(entry)| match &entry.due {
            Due::Transmit { frame, .. } if (frame.from, frame.to) == link => {
                taken.push(frame.msg);
                false
            }
            _ => true, // nothing else travels on a link
        });
        taken.sort_unstable();
        taken
    }

    /// Takes the first thing that is due at `now` or before.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.due))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
