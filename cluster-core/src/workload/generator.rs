//! Draws the requests of a client from its seed, and the gaps between them.

use std::{io::Write, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    ids::{ClientId, OpId},
    request::{Key, Request, Value},
    spec::ClientSpec,
};

/// Up to this many keys are made once and shared; beyond, each is made when it is drawn.
const KEYS_KEPT_MAX: u32 = 4096;

/// The luck of one client.
#[derive(Debug)]
pub(super) struct Generator {
    id: ClientId,
    rng: ChaCha8Rng,
    keys: Vec<Key>,
}

impl Generator {
    pub(super) fn new(id: ClientId, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ u64::from(id.0) << 16);
        Self { id, rng, keys: Vec::new() }
    }

    /// Draws what operation `op` asks.
    pub(super) fn request(&mut self, op: OpId, spec: &ClientSpec) -> Request {
        let reads = spec.read_share > 0.0 && self.rng.random::<f64>() < spec.read_share;
        let key = self.key(spec.keys);
        if reads { Request::Get { key } } else { Request::Put { key, value: self.value(op, spec.value_bytes) } }
    }

    /// Draws the time between two operations of an open loop: exponential, so that they come as from a crowd.
    pub(super) fn gap(&mut self, rate_hz: f64) -> Duration {
        let drawn: f64 = self.rng.random();
        Duration::try_from_secs_f64(-(1.0 - drawn).ln() / rate_hz).unwrap_or(Duration::MAX)
    }

    fn key(&mut self, count: u32) -> Key {
        let drawn = self.rng.random_range(0..count.max(1));
        if count > KEYS_KEPT_MAX {
            return key_of(drawn);
        }
        while self.keys.len() < count as usize {
            self.keys.push(key_of(self.keys.len() as u32));
        }
        self.keys[drawn as usize].clone()
    }

    /// Makes a value that is written once in a run, padded to its size (never cut: it would not be unique then).
    fn value(&self, op: OpId, bytes: u32) -> Value {
        let mut text = Vec::with_capacity((bytes as usize).max(16));
        write!(text, "{}-{}", self.id, op.0).expect("memory takes all bytes");
        if text.len() < bytes as usize {
            text.resize(bytes as usize, b'.');
        }
        Value(text.into())
    }
}

fn key_of(number: u32) -> Key {
    Key::from(format!("k{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(seed: u64, spec: &ClientSpec) -> Vec<Request> {
        let mut generator = Generator::new(spec.id, seed);
        (1..=1000).map(|op| generator.request(OpId(op), spec)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_requests_again_and_another_seed_others() {
        let spec = ClientSpec::default();
        assert_eq!(requests(1, &spec), requests(1, &spec));
        assert_ne!(requests(1, &spec), requests(2, &spec));
    }

    #[test]
    fn reads_are_about_their_share_and_none_if_none_are_wanted() {
        let reads = |read_share| {
            let spec = ClientSpec { read_share, ..ClientSpec::default() };
            requests(3, &spec).iter().filter(|request| !request.is_write()).count()
        };
        assert!((230..370).contains(&reads(0.3)), "{} reads of 1000 at seed 3", reads(0.3));
        assert_eq!((reads(0.0), reads(1.0)), (0, 1000));
    }

    #[test]
    fn every_value_is_written_once_and_has_its_size() {
        let spec = ClientSpec { read_share: 0.0, value_bytes: 24, ..ClientSpec::default() };
        let values: std::collections::BTreeSet<_> = requests(4, &spec)
            .into_iter()
            .map(|request| match request {
                Request::Put { value, .. } => value,
                other => panic!("{other} is no put"),
            })
            .collect();
        assert_eq!(values.len(), 1000);
        assert!(values.iter().all(|value| value.0.len() == 24 && value.0.starts_with(b"c1-")));
    }

    #[test]
    fn keys_are_k0_and_up_and_all_of_them_are_used() {
        let spec = ClientSpec { keys: 3, ..ClientSpec::default() };
        let keys: std::collections::BTreeSet<_> =
            requests(5, &spec).iter().filter_map(|request| request.key().cloned()).collect();
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["k0", "k1", "k2"].map(Key::from));
    }

    #[test]
    fn gaps_average_to_the_rate() {
        let mut generator = Generator::new(ClientId(1), 6);
        let total: Duration = (0..10_000).map(|_| generator.gap(100.0)).sum();
        assert!((95.0..105.0).contains(&total.as_secs_f64()), "10,000 operations at 100/s took {total:?} at seed 6");
    }
}
