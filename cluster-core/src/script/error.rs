//! What can be wrong with a script: where, what, and what to do.

use std::fmt;

/// A mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The script.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The line as it stands.
    pub text: String,
    /// How many characters are wrong.
    pub width: usize,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, text, width, problem } = self;
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "{file}, line {line}, column {column}: {problem}")?;
        writeln!(f, "  {line} | {text}")?;
        write!(f, "  {gutter} | {}{}", " ".repeat(column - 1), "^".repeat((*width).max(1)))
    }
}

impl std::error::Error for ScriptError {}

/// A line of a script that means nothing in the cluster as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct Unresolved {
    /// The script.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub problem: String,
    /// Whether it may mean something a moment later (such as: when there is a leader again).
    pub may_pass: bool,
}

/// Returns the known word that was probably meant.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = if word.chars().count() <= 3 { 1 } else { 2 };
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|known| (distance(&word, known), known))
        .filter(|(far, _)| *far <= bound)
        .min()
        .map(|(_, k)| k)
}

/// Counts the insertions, deletions, replacements and swaps of neighbors from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<_>, Vec<_>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["crash", "cut", "heal", "partition"];

    #[test]
    fn a_slip_of_the_fingers_is_understood() {
        assert_eq!(did_you_mean("crsh", KNOWN), Some("crash"));
        assert_eq!(did_you_mean("haels", KNOWN), Some("heal"));
        assert_eq!(did_you_mean("CUT", KNOWN), Some("cut"));
        assert_eq!(did_you_mean("partiton", KNOWN), Some("partition"));
    }

    #[test]
    fn another_word_is_not_guessed_at() {
        assert_eq!(did_you_mean("explode", KNOWN), None);
        assert_eq!(did_you_mean("", KNOWN), None);
    }
}
