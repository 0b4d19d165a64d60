//! Where events are when they are not recent any more: in the recording file, or packed in memory.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Recording,
    file::{BlockRef, EVENTS_MAX, Encoder, seal, unseal},
    store::Events,
};
use crate::{event::TraceEvent, ids::Seq, time::Timestamp};

/// How many blocks are kept unpacked.
const UNPACKED_MAX: usize = 16;

/// Old events, in blocks.
pub(super) struct Archive {
    recording: Option<Recording>,
    /// How many of the recording's blocks are in `blocks`, or known to be here already.
    seen: usize,
    blocks: Vec<Block>,
    /// The most recently used blocks, the latest at the end.
    unpacked: VecDeque<(usize, Events)>,
}

struct Block {
    /// The first event that is to be taken from this block; those before are in the block before.
    from: Seq,
    at: BlockRef,
    place: Place,
}

enum Place {
    Memory(Box<[u8]>),
    File(usize),
}

/// Unpacked events: all those from `first` on, before `end`.
pub(super) struct Chunk {
    pub(super) first: Seq,
    pub(super) end: Seq,
    pub(super) all: Events,
}

impl Archive {
    pub(super) fn in_memory() -> Self {
        Self { recording: None, seen: 0, blocks: Vec::new(), unpacked: VecDeque::new() }
    }

    pub(super) fn in_file(recording: Recording) -> Self {
        Self { recording: Some(recording), ..Self::in_memory() }
    }

    /// Shows every event of the recording, in order. A block that cannot be read ends it.
    pub(super) fn fold(&mut self, see: &mut dyn FnMut(&TraceEvent)) {
        let Some(recording) = &mut self.recording else { return };
        for block in 0..recording.blocks().len() {
            match recording.read(block) {
                Ok(events) => events.iter().for_each(&mut *see),
                Err(damage) => {
                    recording.give_up_at(block, damage);
                    break;
                }
            }
        }
        self.take_index();
    }

    /// Takes the oldest events over until `keep` are left. With a file, those that its writer has not yet written are
    /// left for later, within reason: a file that cannot be written any more must not fill the memory.
    pub(super) fn take_over(&mut self, recent: &mut VecDeque<TraceEvent>, keep: usize) {
        if let Some(recording) = &mut self.recording {
            // A file that cannot be read at this time may be readable the next time.
            let _next_time = recording.refresh();
            self.take_index();
        }
        let end = self.end();
        let excess = recent.len().saturating_sub(keep);
        let filed = recent.front().map_or(0, |first| end.0.saturating_sub(first.seq.0) as usize);
        recent.drain(..filed.min(excess));
        let patient = if self.recording.is_some() { 2 * keep } else { keep };
        if recent.len() > patient {
            self.pack(recent, recent.len() - keep);
        }
    }

    /// Returns the block that holds an event.
    pub(super) fn chunk(&mut self, seq: Seq) -> Option<Chunk> {
        let block = self.blocks.partition_point(|block| block.from <= seq).checked_sub(1)?;
        let at = self.blocks[block].at;
        if seq >= at.end_seq() {
            return None;
        }
        Some(Chunk { first: at.first_seq, end: at.end_seq(), all: self.unpack(block)? })
    }

    /// Returns the number of events that happened up to and at `at`.
    pub(super) fn seq_at(&mut self, at: Timestamp) -> Seq {
        let Some(block) = self.blocks.partition_point(|block| block.at.first_at <= at).checked_sub(1) else {
            return Seq(0);
        };
        let found = self.blocks[block].at;
        if found.last_at <= at {
            return found.end_seq();
        }
        let Some(events) = self.unpack(block) else { return found.first_seq };
        Seq(found.first_seq.0 + events.partition_point(|event| event.at <= at) as u64)
    }

    pub(super) fn damage(&self) -> Option<String> {
        self.recording.as_ref()?.damage().map(ToString::to_string)
    }

    pub(super) fn torn_bytes(&self) -> u64 {
        self.recording.as_ref().map_or(0, Recording::torn_bytes)
    }

    fn end(&self) -> Seq {
        self.blocks.last().map_or(Seq(0), |block| block.at.end_seq())
    }

    /// Enters the blocks of the file that are not yet entered.
    fn take_index(&mut self) {
        let Some(recording) = &self.recording else { return };
        let mut end = self.blocks.last().map_or(Seq(0), |block| block.at.end_seq());
        for (nth, at) in recording.blocks().iter().enumerate().skip(self.seen) {
            // What the file was too late for is in memory.
            if at.end_seq() > end {
                self.blocks.push(Block { from: end.max(at.first_seq), at: *at, place: Place::File(nth) });
                end = at.end_seq();
            }
        }
        self.seen = recording.blocks().len();
    }

    fn pack(&mut self, recent: &mut VecDeque<TraceEvent>, count: usize) {
        let (mut encoder, mut packed) = (Encoder::default(), Vec::new());
        let end = self.end();
        for (nth, event) in recent.drain(..count).enumerate() {
            if event.seq < end {
                continue;
            }
            encoder.push(&event);
            if encoder.count() == EVENTS_MAX || nth + 1 == count {
                if let Some(at) = seal(&encoder, 0, &mut packed) {
                    let place = Place::Memory(packed.as_slice().into());
                    self.blocks.push(Block { from: at.first_seq, at, place });
                }
                encoder.clear();
            }
        }
    }

    fn unpack(&mut self, block: usize) -> Option<Events> {
        if let Some(place) = self.unpacked.iter().position(|(known, _)| *known == block) {
            let entry = self.unpacked.remove(place)?;
            let events = Arc::clone(&entry.1);
            self.unpacked.push_back(entry);
            return Some(events);
        }
        let Block { at, place, .. } = &self.blocks[block];
        let events = match place {
            Place::Memory(stored) => unseal(at, stored).ok()?,
            Place::File(nth) => self.recording.as_mut()?.read(*nth).ok()?,
        };
        let events = Arc::new(events);
        if self.unpacked.len() == UNPACKED_MAX {
            self.unpacked.pop_front();
        }
        self.unpacked.push_back((block, Arc::clone(&events)));
        Some(events)
    }
}
