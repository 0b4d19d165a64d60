//! Ways in which a protocol can be broken on purpose, by name: what a hunt must find, and what learners can watch fail.

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
