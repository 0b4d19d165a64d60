//! Words that newcomers trip over, and where they stand in a text.

use std::{collections::BTreeSet, sync::LazyLock};

/// One word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id, as links say it: `[more than half](glossary:majority)`.
    pub id: String,
    /// The word.
    pub word: String,
    /// Its other forms.
    pub also: Vec<String>,
    /// What it means.
    pub text: String,
}

/// All words that are explained.
#[derive(Clone, Debug, Default)]
pub struct Glossary(Vec<Entry>);

/// What the address of an explanation begins with.
pub(super) const SCHEME: &str = "glossary:";

static ENGLISH: LazyLock<Glossary> = LazyLock::new(|| Glossary::read(include_str!("../../../assets/glossary/en.md")));

impl Glossary {
    /// Returns the one that the program has.
    pub fn english() -> &'static Self {
        &ENGLISH
    }

    /// Reads `## Word {#id}`, perhaps `Also: other, forms`, and an explanation.
    fn read(text: &str) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for line in text.lines() {
            let heading =
                line.strip_prefix("## ").and_then(|line| line.trim_end().strip_suffix('}')?.split_once(" {#"));
            if let Some((word, id)) = heading {
                entries.push(Entry { id: id.to_owned(), word: word.to_owned(), ..Entry::default() });
            } else if let Some(entry) = entries.last_mut() {
                match line.strip_prefix("Also: ") {
                    Some(also) => entry.also = also.split(',').map(|form| form.trim().to_owned()).collect(),
                    None => entry.text = format!("{} {}", entry.text, line.trim()).trim().to_owned(),
                }
            }
        }
        Self(entries)
    }

    /// Returns the word with an id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.id == id)
    }

    /// Makes the first place of each word a link to its explanation, unless the word is `known` already. What stands in code, in
    /// links and in headings is left alone.
    pub(super) fn link(&self, text: &str, known: &mut BTreeSet<String>) -> String {
        let mut linked = String::with_capacity(text.len());
        let mut fenced = false;
        for line in text.split_inclusive('\n') {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if fence || fenced || line.starts_with('#') || line.trim_start().starts_with('|') {
                linked.push_str(line);
            } else {
                self.link_line(line, known, &mut linked);
            }
        }
        linked
    }

    fn link_line(&self, line: &str, known: &mut BTreeSet<String>, linked: &mut String) {
        let mut rest = line;
        let mut before = ' ';
        while let Some(first) = rest.chars().next() {
            // What is not plain text is copied as a whole.
            let skipped = match first {
                '`' => rest[1..].find('`').map(|end| end + 2),
                '[' => rest.find(')').map(|end| end + 1),
                '<' => rest.find('>').map(|end| end + 1),
                _ => None, // a letter or a mark
            };
            if let Some(end) = skipped {
                linked.push_str(&rest[..end]);
                (rest, before) = (&rest[end..], ' ');
                continue;
            }
            let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            if length == 0 {
                linked.push(first);
                (rest, before) = (&rest[first.len_utf8()..], first);
                continue;
            }
            let (word, after) = rest.split_at(length);
            let hyphenated = before == '-' || after.starts_with('-');
            let entry = self.0.iter().find(|entry| !hyphenated && entry.is(word) && !known.contains(&entry.id));
            match entry {
                Some(entry) => {
                    known.insert(entry.id.clone());
                    linked.push_str(&format!("[{word}]({SCHEME}{})", entry.id));
                }
                None => linked.push_str(word),
            }
            (rest, before) = (after, word.chars().next_back().unwrap_or(' '));
        }
    }
}

impl Entry {
    /// Returns its first sentence.
    pub fn short(&self) -> &str {
        let end = self.text.find(". ").map_or(self.text.len(), |end| end + 1);
        &self.text[..end]
    }

    fn is(&self, word: &str) -> bool {
        let same = |form: &str| form.eq_ignore_ascii_case(word);
        same(&self.word) || self.also.iter().any(|form| same(form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_an_explanation_and_an_id_of_its_own() {
        let glossary = Glossary::english();
        assert!(glossary.0.len() > 15);
        let ids: BTreeSet<&str> = glossary.0.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids.len(), glossary.0.len());
        assert!(glossary.0.iter().all(|entry| entry.text.len() > 20), "{glossary:?}");
    }

    #[test]
    fn the_first_sentence_of_every_word_is_short() {
        for entry in &Glossary::english().0 {
            let short = entry.short();
            assert!(short.ends_with('.') && short.len() < 200, "{}: {short}", entry.id);
        }
    }

    #[test]
    fn the_first_place_of_a_word_leads_to_its_explanation() {
        let (glossary, mut known) = (Glossary::english(), BTreeSet::new());
        let text = "# Leader\nThe leader, `term` and [a term](x); a leader of a Term, a term-long wait.\n";
        let linked = glossary.link(text, &mut known);
        assert_eq!(
            linked,
            "# Leader\nThe [leader](glossary:leader), `term` and [a term](x); a leader of a [Term](glossary:term), a \
             term-long wait.\n"
        );
        assert_eq!(glossary.link("A leader.", &mut known), "A leader.", "it was explained before");
    }
}
