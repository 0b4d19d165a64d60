//! Ways in which a protocol can be broken on purpose, by name: what a hunt must find, and what learners can watch fail.

use super::NodeConfig;

/// The name of the knob that chooses one.
pub const VARIANT_KNOB: &str = "variant";
/// The value of that knob by which nothing is broken.
pub const CORRECT: &str = "correct";

/// One way in which a protocol is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name, as a value of the knob `variant`.
    pub name: &'static str,
    /// What the paper says, and where.
    pub paper: &'static str,
    /// What the variant does about it.
    pub breaks: &'static str,
}

/// Returns the values of the knob `variant`: that nothing is broken, and every name of a table.
pub(crate) const fn words<const N: usize>(variants: &[Variant]) -> [&'static str; N] {
    assert!(variants.len() + 1 == N, "one word for each variant, and one for none");
    let mut words = [CORRECT; N];
    let mut at = 0;
    while at < variants.len() {
        words[at + 1] = variants[at].name;
        at += 1;
    }
    words
}

/// The ways in which one protocol can be broken: what its code asks for, each with what is said of it.
pub(crate) struct Flaws<F: 'static>(pub(crate) &'static [(F, Variant)]);

impl<F: Copy + PartialEq> Flaws<F> {
    /// Returns what is wrong with a node by its knobs; nothing with a correct one.
    pub(crate) fn of(&self, config: &NodeConfig) -> Option<F> {
        self.named(config.knobs.get(VARIANT_KNOB)?)
    }

    fn named(&self, word: &str) -> Option<F> {
        self.0.iter().find(|(_, variant)| variant.name == word).map(|(flaw, _)| *flaw)
    }

    /// Returns the name by which a flaw is chosen.
    pub(crate) fn name(&self, flaw: F) -> &'static str {
        self.0.iter().find(|(listed, _)| *listed == flaw).map_or("", |(_, variant)| variant.name)
    }

    /// Returns what is said of each.
    pub(crate) const fn rows<const N: usize>(&self) -> [Variant; N] {
        assert!(self.0.len() == N, "every flaw is one variant");
        let mut rows = [self.0[0].1; N];
        let mut at = 1;
        while at < N {
            rows[at] = self.0[at].1;
            at += 1;
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Flaw {
        Forgets,
        Lies,
    }

    const FLAWS: Flaws<Flaw> = Flaws(&[
        (Flaw::Forgets, Variant { name: "forgets", paper: "", breaks: "" }),
        (Flaw::Lies, Variant { name: "lies", paper: "", breaks: "" }),
    ]);

    #[test]
    fn a_node_has_the_flaw_that_its_knob_names_and_a_correct_one_has_none() {
        assert_eq!((FLAWS.named("lies"), FLAWS.named("forgets")), (Some(Flaw::Lies), Some(Flaw::Forgets)));
        assert_eq!(FLAWS.named(CORRECT), None);
    }

    #[test]
    fn the_words_of_the_knob_are_the_names_of_the_flaws() {
        const ROWS: [Variant; 2] = FLAWS.rows();
        assert_eq!(words::<3>(&ROWS), [CORRECT, FLAWS.name(Flaw::Forgets), FLAWS.name(Flaw::Lies)]);
    }
}
