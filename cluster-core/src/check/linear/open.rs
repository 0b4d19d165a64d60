//! The operations that are open at a moment, each in a slot of its own: sets of them are a few words.

use super::{super::model::Nature, plan::Call};

/// A set of slots.
pub(crate) type Slots<const W: usize> = [u64; W];

/// The open operations, by slot.
pub(super) struct Open<const W: usize> {
    pub(super) calls: Vec<u32>,
    pub(super) all: Slots<W>,
    pub(super) pure: Slots<W>,
    pub(super) blind: Slots<W>,
    pub(super) overwrite: Slots<W>,
    /// For each slot: those that do the same and end earlier.
    pub(super) twins: Vec<Slots<W>>,
}

impl<const W: usize> Open<W> {
    pub(super) fn new(slots: usize) -> Self {
        let empty = [0; W];
        Self {
            calls: vec![0; slots],
            all: empty,
            pure: empty,
            blind: empty,
            overwrite: empty,
            twins: vec![empty; slots],
        }
    }

    pub(super) fn begin(&mut self, index: u32, calls: &[Call]) {
        let call = &calls[index as usize];
        let slot = usize::from(call.slot);
        self.calls[slot] = index;
        self.twins[slot] = [0; W];
        match call.nature {
            Nature::Pure => set(&mut self.pure, slot),
            Nature::Blind => set(&mut self.blind, slot),
            Nature::Overwrite => {
                set(&mut self.blind, slot);
                set(&mut self.overwrite, slot);
            }
            Nature::Guarded => {}
        }
        if call.nature != Nature::Pure {
            self.begin_twin(slot, call, calls);
        }
        set(&mut self.all, slot);
    }

    fn begin_twin(&mut self, slot: usize, call: &Call, calls: &[Call]) {
        for word in 0..W {
            let mut left = self.all[word] & !self.pure[word];
            while left != 0 {
                let other = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let twin = &calls[self.calls[other] as usize];
                clear(&mut self.twins[other], slot);
                if twin.twin != call.twin {
                    continue;
                }
                if twin.returned <= call.returned {
                    set(&mut self.twins[slot], other);
                } else {
                    set(&mut self.twins[other], slot);
                }
            }
        }
    }

    pub(super) fn end(&mut self, slot: usize) {
        for set in [&mut self.all, &mut self.pure, &mut self.blind, &mut self.overwrite] {
            clear(set, slot);
        }
    }
}

/// Returns whether a slot is among them.
pub(super) fn has<const W: usize>(slots: &Slots<W>, slot: usize) -> bool {
    slots[slot / 64] >> (slot % 64) & 1 == 1
}

/// Adds a slot.
pub(super) fn set<const W: usize>(slots: &mut Slots<W>, slot: usize) {
    slots[slot / 64] |= 1 << (slot % 64);
}

/// Takes a slot out.
pub(super) fn clear<const W: usize>(slots: &mut Slots<W>, slot: usize) {
    slots[slot / 64] &= !(1 << (slot % 64));
}
