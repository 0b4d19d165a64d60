//! What is to happen later, in order of time; of the same moment, first come, first served.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
};

use crate::{
    disk::SyncId,
    fault::{LinkId, LinkNumber},
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
    /// A frame leaves its link.
    Transmit { frame: Frame, ends: Ends },
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
///
/// Frames of one direction mostly leave it in the order in which they were sent. So they stand in a lane of their own, and
/// only the first of a lane takes part in the order of all: however many frames are under way, that order stays short.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    /// What is due in no lane, by the places that the heap orders: they are moved often, and this is heavy.
    dues: Vec<Option<Due>>,
    free: Vec<u32>,
    /// By the numbers of their links.
    lanes: Vec<VecDeque<InLane>>,
    order: u64,
}

/// When something is due, the how manieth it is, and where it stands. What is due first is the greatest.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Timestamp,
    order: u64,
    place: Place,
}

impl Entry {
    /// Returns the place in the order of all, as one number: that compares without a branch.
    fn rank(&self) -> u128 {
        u128::from(self.at.0) << 64 | u128::from(self.order)
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Entry {}

/// Where something stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// By itself.
    Due(u32),
    /// First in that lane.
    Lane(u32),
}

/// A frame in a lane.
#[derive(Debug)]
struct InLane {
    at: Timestamp,
    order: u64,
    frame: Frame,
    ends: Ends,
}

/// The incarnations of the two ends of a frame when it was sent.
type Ends = (u32, u32);

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
        self.heap.push(Entry { at, order: self.order, place: Place::Due(place) });
    }

    /// Lets a frame leave its link at that time.
    pub(super) fn push_frame(&mut self, at: Timestamp, link: LinkNumber, frame: Frame, ends: Ends) {
        let number = link.0 as usize;
        if self.lanes.len() <= number {
            self.lanes.resize_with(number + 1, VecDeque::new);
        }
        let lane = &mut self.lanes[number];
        match lane.back() {
            // It overtakes one before it.
            Some(last) if last.at > at => return self.push(at, Due::Transmit { frame, ends }),
            Some(_) => self.order += 1,
            None => {
                self.order += 1;
                self.heap.push(Entry { at, order: self.order, place: Place::Lane(link.0) });
            }
        }
        lane.push_back(InLane { at, order: self.order, frame, ends });
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Returns when a frame leaves its link, with the frame, if it is still on it.
    pub(super) fn frame(&self, msg: MsgId) -> Option<(Timestamp, Frame, Ends)> {
        let in_lane = self.lanes.iter().flatten().find(|it| it.frame.msg == msg);
        let alone = || {
            self.heap.iter().find_map(|Entry { at, place, .. }| match place {
                Place::Lane(_) => None,
                Place::Due(place) => match &self.dues[*place as usize] {
                    Some(Due::Transmit { frame, ends }) if frame.msg == msg => Some((*at, frame.clone(), *ends)),
                    _ => None, // nothing else is a frame
                },
            })
        };
        in_lane.map(|it| (it.at, it.frame.clone(), it.ends)).or_else(alone)
    }

    /// Takes a frame off its link. Everything is looked at: this happens by hand, not by the thousand.
    pub(super) fn take_frame(&mut self, msg: MsgId) -> Option<(Frame, Ends)> {
        let (_, frame, ends) = self.frame(msg)?;
        self.remove(|frame| frame.msg == msg);
        Some((frame, ends))
    }

    /// Takes the frames out that are on their way on a direction, in order of their sending.
    pub(super) fn take_frames(&mut self, link: LinkId) -> Vec<MsgId> {
        let mut taken = Vec::new();
        self.remove(|frame| {
            let goes = (frame.from, frame.to) == link;
            if goes {
                taken.push(frame.msg);
            }
            goes
        });
        taken.sort_unstable();
        taken
    }

    /// Takes the first thing that is due at `now` or before.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let mut first = self.heap.peek_mut()?;
        let Entry { at, place, .. } = *first;
        if at > now {
            return None;
        }
        match place {
            Place::Due(place) => {
                PeekMut::pop(first);
                self.free.push(place);
                self.dues[place as usize].take().map(|due| (at, due))
            }
            Place::Lane(number) => {
                let lane = &mut self.lanes[number as usize];
                let InLane { frame, ends, .. } = lane.pop_front()?;
                match lane.front() {
                    Some(next) => *first = Entry { at: next.at, order: next.order, place },
                    None => drop(PeekMut::pop(first)),
                }
                Some((at, Due::Transmit { frame, ends }))
            }
        }
    }

    fn remove(&mut self, mut which: impl FnMut(&Frame) -> bool) {
        let Self { heap, dues, free, lanes, .. } = self;
        heap.retain(|Entry { place, .. }| {
            let Place::Due(place) = place else { return false };
            let due = &mut dues[*place as usize];
            let goes = matches!(due, Some(Due::Transmit { frame, .. }) if which(frame));
            if goes {
                *due = None;
                free.push(*place);
            }
            !goes
        });
        for (number, lane) in lanes.iter_mut().enumerate() {
            lane.retain(|it| !which(&it.frame));
            // Another may be the first.
            let first = lane.front();
            heap.extend(first.map(|it| Entry { at: it.at, order: it.order, place: Place::Lane(number as u32) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn frame(msg: u64, link: u16) -> Frame {
        let (from, to) = (NodeId(link).into(), NodeId(link + 1).into());
        Frame { msg: MsgId(msg), from, to, payload: Bytes::new(), damage: None }
    }

    fn push(queue: &mut Queue, at: u64, msg: u64, link: u16) {
        queue.push_frame(Timestamp(at), LinkNumber(link.into()), frame(msg, link), (0, 0));
    }

    /// Takes everything out: when, and which frame (0 if it is none).
    fn drain(queue: &mut Queue) -> Vec<(u64, u64)> {
        let what = |due: &Due| if let Due::Transmit { frame, .. } = due { frame.msg.0 } else { 0 };
        std::iter::from_fn(|| queue.pop(Timestamp(u64::MAX))).map(|(at, due)| (at.0, what(&due))).collect()
    }

    #[test]
    fn what_is_due_comes_in_order_of_time_and_of_the_same_moment_first_come_first_served() {
        let mut queue = Queue::default();
        push(&mut queue, 20, 1, 1);
        push(&mut queue, 10, 2, 2);
        queue.push(Timestamp(20), Due::PeerLost { node: NodeId(1), incarnation: 0, peer: NodeId(2) });
        push(&mut queue, 20, 3, 2);
        push(&mut queue, 20, 4, 1);
        // Held back and not: this one overtakes.
        push(&mut queue, 15, 5, 1);
        push(&mut queue, 30, 6, 1);
        assert!(queue.pop(Timestamp(9)).is_none());
        assert_eq!(drain(&mut queue), [(10, 2), (15, 5), (20, 1), (20, 0), (20, 3), (20, 4), (30, 6)]);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn frames_are_taken_off_their_links_wherever_they_stand() {
        let mut queue = Queue::default();
        for (at, msg, link) in [(20, 1, 1), (20, 2, 1), (10, 3, 1), (30, 4, 2), (5, 5, 2), (40, 6, 2)] {
            push(&mut queue, at, msg, link);
        }
        assert_eq!(queue.frame(MsgId(3)).map(|(at, ..)| at), Some(Timestamp(10)));
        assert_eq!(queue.take_frame(MsgId(4)).map(|(frame, _)| frame.msg), Some(MsgId(4)));
        assert!(queue.take_frame(MsgId(4)).is_none());
        assert_eq!(queue.take_frames((NodeId(1).into(), NodeId(2).into())), [1, 2, 3].map(MsgId));
        push(&mut queue, 35, 7, 1);
        assert_eq!(drain(&mut queue), [(5, 5), (35, 7), (40, 6)]);
    }
}
