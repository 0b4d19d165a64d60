//! Walks through one line of a script, and knows the column of every word.

/// A word and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Byte offset in the line.
    pub(super) at: usize,
}

/// A place in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of a line, and leaves its comment out.
    pub(super) fn new(line: &'a str) -> Self {
        Self { line: without_comment(line), at: 0 }
    }

    /// Takes the next word, up to white space; empty at the end of the line.
    pub(super) fn word(&mut self) -> Word<'a> {
        self.take(|c| !c.is_whitespace())
    }

    /// Takes the next selector, up to anything that cannot be in one; empty if there is none.
    pub(super) fn selector(&mut self) -> Word<'a> {
        self.take(|c| c.is_alphanumeric() || matches!(c, '@' | '_' | '[' | ']'))
    }

    /// Takes `mark` if it comes next.
    pub(super) fn eat(&mut self, mark: &str) -> bool {
        self.skip_space();
        let comes = self.line[self.at..].starts_with(mark);
        self.at += if comes { mark.len() } else { 0 };
        comes
    }

    /// Looks at the next word without taking it.
    pub(super) fn peek(&self) -> Word<'a> {
        let mut ahead = *self;
        ahead.word()
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> Word<'a> {
        self.skip_space();
        let at = self.at;
        let rest = &self.line[at..];
        let text = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.at += text.len();
        Word { text, at }
    }

    fn skip_space(&mut self) {
        let rest = &self.line[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }
}

/// A comment begins with a `#` at the start or after white space: a value may contain one.
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    line[..comment.unwrap_or(line.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_place() {
        let mut cursor = Cursor::new("  at 5s");
        assert_eq!(cursor.word(), Word { text: "at", at: 2 });
        assert_eq!(cursor.peek(), Word { text: "5s", at: 5 });
        assert_eq!(cursor.word(), Word { text: "5s", at: 5 });
        assert_eq!(cursor.word(), Word { text: "", at: 7 });
    }

    #[test]
    fn a_comment_needs_space_before_it() {
        assert_eq!(Cursor::new("# all of it").word().text, "");
        assert_eq!(Cursor::new("a#b # c").word().text, "a#b");
    }

    #[test]
    fn selectors_end_at_marks() {
        let mut cursor = Cursor::new("n1,@follower[0]->é");
        assert_eq!(cursor.selector().text, "n1");
        assert!(cursor.eat(","));
        assert_eq!(cursor.selector().text, "@follower[0]");
        assert!(cursor.eat("->"));
        assert_eq!(cursor.word().text, "é");
    }
}
