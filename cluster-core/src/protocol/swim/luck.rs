//! The engine's luck: it wants numbers from a later edition of the trait than the rest of the program has.

use std::convert::Infallible;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_core::TryRng;

/// Numbers that follow from a seed.
pub(super) struct Luck(ChaCha8Rng);

impl Luck {
    /// Makes them.
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }
}

impl TryRng for Luck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(dst);
        Ok(())
    }
}
