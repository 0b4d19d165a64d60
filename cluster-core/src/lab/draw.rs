//! What is personal about an attempt, drawn from its seed: the same on every machine, and in every version of this program.
//!
//! The `n`-th number of a name is the first eight bytes of HMAC-SHA-256, read as a big-endian number. The key is the seed, eight
//! bytes, big-endian; the message is the name, a zero byte, and `n` in four bytes, big-endian, from 0. A number is brought into
//! a range of `m` by multiplying it with `m` and dropping the lower 64 bits. A list is put into another order from its end, as
//! Fisher and Yates do: the `n`-th number says which of those before it, itself included, an element changes places with.
//! So nobody can tell one parameter from another, and a teacher who knows the seed derives them all.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::model::{Ask, Lab, Param};
use crate::ids::NodeId;

/// The parameter whose names the nodes bear.
pub(super) const NAMES: &str = "names";

/// The numbers of one name.
struct Draw<'a> {
    seed: u64,
    name: &'a str,
    n: u32,
}

impl<'a> Draw<'a> {
    fn new(seed: u64, name: &'a str) -> Self {
        Self { seed, name, n: 0 }
    }

    /// Draws a number below `range`, which is not 0.
    fn below(&mut self, range: u64) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed.to_be_bytes()).expect("a key may have any length");
        mac.update(self.name.as_bytes());
        mac.update(&[0]);
        mac.update(&self.n.to_be_bytes());
        self.n += 1;
        let drawn: [u8; 32] = mac.finalize().into_bytes().into();
        let number = drawn.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        ((u128::from(number) * u128::from(range)) >> 64) as u64
    }

    fn shuffled<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        let mut list = list.to_vec();
        for at in (1..list.len()).rev() {
            let with = self.below(at as u64 + 1) as usize;
            list.swap(at, with);
        }
        list
    }
}

impl Param {
    fn drawn(&self, seed: u64, name: &str) -> String {
        let mut draw = Draw::new(seed, name);
        match self {
            Self::Pick(words) if words.is_empty() => String::new(),
            Self::Pick(words) => words[draw.below(words.len() as u64) as usize].clone(),
            Self::Int(low, high) => {
                let range = u64::try_from(i128::from(*high) - i128::from(*low) + 1).unwrap_or(u64::MAX);
                (i128::from(*low) + i128::from(draw.below(range.max(1)))).to_string()
            }
            Self::Shuffle(words) => draw.shuffled(words).join(", "),
        }
    }
}

/// Returns what is drawn for an attempt from its seed, as texts and scripts name it. Where `[params]` has `names`, `n1` and so on
/// are the nodes with theirs.
pub fn drawn(lab: &Lab, seed: u64) -> BTreeMap<String, String> {
    let params = lab.params.iter().map(|(name, param)| (name.clone(), param.drawn(seed, name)));
    let nodes = lab.node_names(seed).into_iter().map(|(node, name)| (node.to_string(), format!("{name} ({node})")));
    params.chain(nodes).collect()
}

impl Lab {
    /// Returns the names that the nodes bear in an attempt, if the lab gives them any.
    pub fn node_names(&self, seed: u64) -> BTreeMap<NodeId, String> {
        let Some(Param::Shuffle(names)) = self.params.get(NAMES) else { return BTreeMap::new() };
        (1..).map(NodeId).zip(Draw::new(seed, NAMES).shuffled(names)).collect()
    }
}

impl Ask {
    /// Returns its options in the order in which an attempt shows them. Numbers stay in their order.
    pub fn order(&self, seed: u64) -> Vec<&str> {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        match options.iter().all(|option| option.parse::<f64>().is_ok()) {
            true => options,
            false => Draw::new(seed, &format!("ask {}", self.id)).shuffled(&options),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lab::Answer;

    /// The numbers are written down in attempts that were graded: they may never change.
    #[test]
    fn what_a_seed_draws_never_changes() {
        let mut draw = Draw::new(7, "key");
        assert_eq!([draw.below(1000), draw.below(1000), draw.below(1000)], [DRAWN[0], DRAWN[1], DRAWN[2]]);
        let names = ["Ada", "Bo", "Cy", "Di", "Eve"].map(str::to_owned).to_vec();
        assert_eq!(Param::Shuffle(names).drawn(7, NAMES), SHUFFLED);
        assert_eq!(Param::Int(i64::MIN, i64::MAX).drawn(7, "v"), WIDE);
    }

    const DRAWN: [u64; 3] = [683, 335, 228];
    const SHUFFLED: &str = "Bo, Ada, Cy, Eve, Di";
    const WIDE: &str = "-176947812714449056";

    #[test]
    fn seeds_and_names_draw_differently_and_reach_all_there_is() {
        let words: Vec<String> = (0..5).map(|n| format!("w{n}")).collect();
        let pick = Param::Pick(words.clone());
        let picked: BTreeSet<String> = (0..60).map(|seed| pick.drawn(seed, "key")).collect();
        assert_eq!(picked.len(), 5);
        assert!((0..60).any(|seed| pick.drawn(seed, "key") != pick.drawn(seed, "other")));
        let within = |text: String| text.parse::<i64>().is_ok_and(|n| (-2..=2).contains(&n));
        assert!((0..60).all(|seed| within(Param::Int(-2, 2).drawn(seed, "v"))));
        let first: BTreeSet<String> = (0..60).map(|seed| Param::Shuffle(words.clone()).drawn(seed, "names")).collect();
        assert!(first.len() > 30, "{} orders of 120 in 60 seeds", first.len());
    }

    #[test]
    fn options_change_places_but_numbers_do_not() {
        let ask = |options: &[&str]| Ask {
            id: "it".to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            answer: Answer::Fixed("x".to_owned()),
            misconceptions: BTreeMap::new(),
        };
        let words = ask(&["accepted", "rejected", "no-answer"]);
        let orders: BTreeSet<Vec<&str>> = (0..40).map(|seed| words.order(seed)).collect();
        assert_eq!(orders.len(), 6);
        assert!((0..40).all(|seed| ask(&["0", "1", "2"]).order(seed) == ["0", "1", "2"]));
    }
}
