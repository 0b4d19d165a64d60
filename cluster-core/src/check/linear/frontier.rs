//! The set of ways in which everything so far can have happened: the states an object may be in, and what each still owes.

use super::{
    super::{
        index::{HashIndex, mix},
        model::State,
    },
    open::Slots,
};

/// One way in which everything so far can have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Config<const W: usize> {
    /// The state it leads to.
    pub(crate) state: State,
    /// How it came about: an entry in the search's list of paths, if that is kept.
    pub(crate) path: u32,
    /// The open operations that took effect, and cannot again. Looks are never among them.
    pub(crate) used: Slots<W>,
    /// The open operations that must yet take effect.
    pub(crate) owed: Slots<W>,
}

impl<const W: usize> Config<W> {
    /// Returns whether whatever can follow `other` can follow this as well: it owes nothing more and has used up
    /// nothing more.
    fn covers(&self, other: &Self) -> bool {
        let inside = |a: &Slots<W>, b: &Slots<W>| (0..W).all(|word| a[word] & !b[word] == 0);
        self.state == other.state && inside(&self.used, &other.used) && inside(&self.owed, &other.owed)
    }

    fn hash(&self) -> u64 {
        let mut hash = mix(0, u64::from(self.state));
        for word in 0..W {
            hash = mix(mix(hash, self.used[word]), self.owed[word]);
        }
        hash
    }

    fn is_same(&self, other: &Self) -> bool {
        self.state == other.state && self.used == other.used && self.owed == other.owed
    }
}

/// A set of configurations without those that another one covers (as far as that is found cheaply).
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontier<const W: usize> {
    pub(crate) configs: Vec<Config<W>>,
    /// All of them, once there are many.
    index: HashIndex,
    /// For each state, the one that came in first; and for each, another one of the same state.
    heads: HashIndex,
    behind: Vec<u32>,
}

/// Up to so many are compared one by one.
const FEW: usize = 24;
/// Among many, each is compared with so many of the same state.
const COMPARED: usize = 24;
const NONE: u32 = u32::MAX;

impl<const W: usize> Frontier<W> {
    /// Adds a configuration; returns whether it was worth it.
    pub(crate) fn insert(&mut self, config: Config<W>) -> bool {
        if self.configs.len() < FEW {
            if self.configs.iter().any(|known| known.covers(&config)) {
                return false;
            }
            self.configs.retain(|known| !config.covers(known));
            self.configs.push(config);
            return true;
        }
        if self.behind.is_empty() {
            for at in 0..self.configs.len() {
                self.link(at);
            }
        }
        let hash = config.hash();
        if self.index.find(hash, |at| self.configs[at].is_same(&config)).is_some() {
            return false;
        }
        let mut at = self.head_of(config.state).map_or(NONE, |at| at as u32);
        for _ in 0..COMPARED {
            let Some(known) = self.configs.get(at as usize) else { break };
            if known.covers(&config) {
                return false;
            }
            if config.covers(known) {
                let place = at as usize;
                self.configs[place] = config;
                let configs = &self.configs;
                self.index.insert(hash, place, |at| configs[at].hash());
                return true;
            }
            at = self.behind[at as usize];
        }
        self.configs.push(config);
        self.link(self.configs.len() - 1);
        true
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.configs.clear();
        if !self.behind.is_empty() {
            self.behind.clear();
            self.index.clear();
            self.heads.clear();
        }
    }

    /// Returns about how many bytes it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.configs.capacity() * size_of::<Config<W>>()
            + self.behind.capacity() * 4
            + self.index.bytes()
            + self.heads.bytes()
    }

    fn head_of(&self, state: State) -> Option<usize> {
        self.heads.find(mix(7, u64::from(state)), |at| self.configs[at].state == state)
    }

    fn link(&mut self, at: usize) {
        let config = self.configs[at];
        let head = self.head_of(config.state);
        // The chain is entered at its first member: each later one comes right behind it.
        match head {
            Some(head) => {
                let second = self.behind[head];
                self.behind.push(second);
                self.behind[head] = at as u32;
            }
            None => {
                self.behind.push(NONE);
                let configs = &self.configs;
                self.heads.insert(mix(7, u64::from(config.state)), at, |at| mix(7, u64::from(configs[at].state)));
            }
        }
        let configs = &self.configs;
        self.index.insert(config.hash(), at, |at| configs[at].hash());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(state: State, used: u64, owed: u64) -> Config<1> {
        Config { state, path: 0, used: [used], owed: [owed] }
    }

    #[test]
    fn what_owes_more_or_has_used_more_is_left_out() {
        let mut frontier = Frontier::default();
        assert!(frontier.insert(config(1, 0b01, 0b10)));
        assert!(!frontier.insert(config(1, 0b01, 0b10)) && !frontier.insert(config(1, 0b101, 0b10)));
        assert!(frontier.insert(config(1, 0b10, 0b00)) && frontier.insert(config(2, 0b01, 0b10)));
        assert!(frontier.insert(config(1, 0, 0)));
        assert_eq!(frontier.configs, [config(2, 0b01, 0b10), config(1, 0, 0)]);
    }

    #[test]
    fn among_many_none_is_kept_twice() {
        let mut frontier = Frontier::default();
        for round in 0..2 {
            for number in 0..1000 {
                // None of these covers another: each has used as much as it is spared from owing.
                let worth = frontier.insert(config(number % 3, u64::from(number), !u64::from(number)));
                assert_eq!(worth, round == 0, "{number}");
            }
        }
        assert_eq!(frontier.configs.len(), 1000);
        frontier.clear();
        assert!(frontier.insert(config(0, 0, !0)));
    }
}
