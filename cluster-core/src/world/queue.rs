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
    /// What is due, by the places that the heap orders: they are moved often, and this is heavy.
    dues: Vec<Option<Due>>,
    free: Vec<u32>,
    order: u64,
}

/// When something is due, the how manieth it is, and its place.
type Entry = (Timestamp, u64, u32);

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, due: Due) {
        self.order += 1;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.dues.push(None);
                (self.dues.len() - 1) as u32
            }
        };
        self.dues[place as usize] = Some(due);
        self.heap.push(Reverse((at, self.order, place)));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Returns when a frame leaves its link, with the frame, if it is still on it.
    pub(super) fn frame(&self, msg: MsgId) -> Option<(Timestamp, Frame, (u32, u32))> {
        self.heap.iter().find_map(|Reverse((at, _, place))| match &self.dues[*place as usize] {
            Some(Due::Transmit { frame, ends }) if frame.msg == msg => Some((*at, frame.clone(), *ends)),
            _ => None, // nothing else is a frame
        })
    }

    /// Takes a frame off its link. Everything is looked at: this happens by hand, not by the thousand.
    pub(super) fn take_frame(&mut self, msg: MsgId) -> Option<(Frame, (u32, u32))> {
        let (_, frame, ends) = self.frame(msg)?;
        self.remove(|due| matches!(due, Due::Transmit { frame, .. } if frame.msg == msg));
        Some((frame, ends))
    }

    /// Takes the frames out that are on their way on a direction, in order of their sending.
    pub(super) fn take_frames(&mut self, link: LinkId) -> Vec<MsgId> {
        let mut taken = Vec::new();
        self.remove(|due| match due {
            Due::Transmit { frame, .. } if (frame.from, frame.to) == link => {
                taken.push(frame.msg);
                true
            }
            _ => false, // nothing else travels on a link
        });
        taken.sort_unstable();
        taken
    }

    /// Takes the first thing that is due at `now` or before.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        if self.next()? > now {
            return None;
        }
        let Reverse((at, _, place)) = self.heap.pop()?;
        self.free.push(place);
        self.dues[place as usize].take().map(|due| (at, due))
    }

    fn remove(&mut self, mut which: impl FnMut(&Due) -> bool) {
        let Self { heap, dues, free, .. } = self;
        heap.retain(|Reverse((_, _, place))| {
            let due = &mut dues[*place as usize];
            let goes = due.as_ref().is_some_and(&mut which);
            if goes {
                *due = None;
                free.push(*place);
            }
            !goes
        });
    }
}
