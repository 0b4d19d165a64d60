//! A hash index over things that are kept elsewhere: fast, without an order of its own, the same on every run.

/// Finds the places of things by their hash; the things themselves are in a list of the caller's.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashIndex {
    /// Place + 1; zero is free. The length is a power of two.
    slots: Vec<u32>,
    used: usize,
}

impl HashIndex {
    /// Returns the place of a thing with that hash for which `is` holds.
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut at = spread(hash) & mask;
        while self.slots[at] != 0 {
            let place = self.slots[at] as usize - 1;
            if is(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a place; `hash_of` tells the hash of those that are in.
    pub(crate) fn insert(&mut self, hash: u64, place: usize, hash_of: impl Fn(usize) -> u64) {
        if (self.used + 1) * 2 > self.slots.len() {
            let larger = vec![0; (self.slots.len() * 2).max(64)];
            let old = std::mem::replace(&mut self.slots, larger);
            for slot in old.into_iter().filter(|slot| *slot != 0) {
                self.put(hash_of(slot as usize - 1), slot);
            }
        }
        self.put(hash, place as u32 + 1);
        self.used += 1;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.used = 0;
    }

    /// Returns about how many bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.slots[..])
    }

    fn put(&mut self, hash: u64, slot: u32) {
        let mask = self.slots.len() - 1;
        let mut at = spread(hash) & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// Mixes a word into a hash.
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Returns the hash of some bytes.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

/// Brings the well-mixed upper bits down to where the mask looks.
fn spread(hash: u64) -> usize {
    (hash ^ (hash >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let things: Vec<String> = (0..1000).map(|number| format!("thing {number}")).collect();
        let mut index = HashIndex::default();
        let hash_of = |place: usize| hash_bytes(things[place].as_bytes());
        for place in 0..things.len() {
            index.insert(hash_of(place), place, hash_of);
        }
        let find = |text: &str| index.find(hash_bytes(text.as_bytes()), |place| things[place] == text);
        assert_eq!((find("thing 0"), find("thing 999"), find("thing 1000")), (Some(0), Some(999), None));
    }
}
