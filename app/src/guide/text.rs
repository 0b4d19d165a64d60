//! The text of a lab as the guide shows it: headings and questions apart, pictures between the words, words explained.

use std::collections::{BTreeMap, BTreeSet};

use cluster_core::lab::{Lab, Step, filled_in};

use super::Glossary;

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Markdown without pictures.
    Words(String),
    /// A picture, by its name, and what it shows.
    Picture {
        /// As the text names it: `media/cut.png`.
        name: String,
        /// In words.
        shows: String,
    },
}

/// A section of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading, without marks.
    pub heading: String,
    /// What stands below it.
    pub pieces: Vec<Piece>,
    /// The questions of its step, in order; empty where the text asks itself.
    pub questions: Vec<String>,
}

/// Reads all sections of a lab, with what was drawn for an attempt in its place.
pub(super) fn sections(lab: &Lab, params: &BTreeMap<String, String>) -> BTreeMap<String, Section> {
    let Some(texts) = lab.texts.get("en").or_else(|| lab.texts.values().next()) else { return BTreeMap::new() };
    let mut known = BTreeSet::new();
    let mut sections = BTreeMap::new();
    // Words are explained where they come first, in the order in which the text is read.
    let step_of = |anchor: &str| lab.steps.iter().find(|step| step.text == anchor);
    let first = std::iter::once("intro").chain(lab.steps.iter().map(|step| step.text.as_str()));
    let rest: Vec<&str> = texts.keys().map(String::as_str).collect();
    for anchor in first.chain(rest) {
        if sections.contains_key(anchor) {
            continue;
        }
        if let Some(text) = texts.get(anchor) {
            sections.insert(anchor.to_owned(), section(&filled_in(text, params), step_of(anchor), &mut known));
        }
    }
    sections
}

fn section(text: &str, step: Option<&Step>, known: &mut BTreeSet<String>) -> Section {
    let (heading, body) = text.split_once('\n').unwrap_or((text, ""));
    let asks = step.map_or(0, |step| step.asks.len());
    let (body, questions) = apart(body, asks);
    let body = Glossary::english().link(&body, known);
    Section { heading: heading.trim_start_matches('#').trim().to_owned(), pieces: pieces(&body), questions }
}

/// Takes the questions out of a text: a list with as many points as there are questions, or a last paragraph that asks.
fn apart(body: &str, asks: usize) -> (String, Vec<String>) {
    if asks == 0 {
        return (body.to_owned(), Vec::new());
    }
    let mut questions: Vec<String> = Vec::new();
    let mut rest = String::new();
    for line in body.lines() {
        match (line.strip_prefix("- "), questions.last_mut()) {
            (Some(question), _) => questions.push(question.trim().to_owned()),
            (None, Some(question)) if line.starts_with("  ") => {
                question.push(' ');
                question.push_str(line.trim());
            }
            (None, _) => rest.push_str(&format!("{line}\n")),
        }
    }
    if questions.len() == asks {
        return (rest, questions);
    }
    let body = body.trim_end();
    let (before, last) = body.rsplit_once("\n\n").unwrap_or(("", body));
    if asks == 1 && last.ends_with('?') && !last.starts_with("- ") {
        return (before.to_owned(), vec![last.split_whitespace().collect::<Vec<_>>().join(" ")]);
    }
    (body.to_owned(), Vec::new())
}

/// Cuts a text at its pictures.
fn pieces(body: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let flush = |words: &mut String, pieces: &mut Vec<Piece>| {
        if !words.trim().is_empty() {
            pieces.push(Piece::Words(std::mem::take(words).trim().to_owned()));
        }
        words.clear();
    };
    for line in body.lines() {
        match picture(line.trim()) {
            Some(piece) => {
                flush(&mut words, &mut pieces);
                pieces.push(piece);
            }
            // A picture within a line has no room there: what it shows is said.
            None => words.push_str(&format!("{}\n", line.replace("![", "["))),
        }
    }
    flush(&mut words, &mut pieces);
    pieces
}

fn picture(line: &str) -> Option<Piece> {
    let (shows, address) = line.strip_prefix("![")?.strip_suffix(')')?.split_once("](")?;
    let name = address.split_whitespace().next()?;
    (!name.contains("![")).then(|| Piece::Picture { name: name.to_owned(), shows: shows.to_owned() })
}

/// Makes words of an id: `no-answer` is “No answer”.
pub fn words_of(id: &str) -> String {
    let words = id.replace(['-', '_'], " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_taken_out_of_the_text() {
        let body = "Think.\n\n- How many?\n- Is it\n  accepted?\n\nThen go on.\n";
        let (rest, questions) = apart(body, 2);
        assert_eq!(questions, ["How many?", "Is it accepted?"]);
        assert_eq!(rest, "Think.\n\n\nThen go on.\n");
        assert_eq!(
            apart("Look back.\n\nHow many\nled?\n", 1),
            ("Look back.".to_owned(), vec!["How many led?".to_owned()])
        );
        assert_eq!(apart(body, 3), (body.trim_end().to_owned(), Vec::new()), "a list that is something else stays");
    }

    #[test]
    fn pictures_stand_between_the_words() {
        let picture = |name: &str| Piece::Picture { name: name.to_owned(), shows: "A cut".to_owned() };
        let found = pieces("one\n![A cut](media/a.png)\ntwo ![b](media/b.png)\n");
        let words = |text: &str| Piece::Words(text.to_owned());
        assert_eq!(found, [words("one"), picture("media/a.png"), words("two [b](media/b.png)")]);
    }

    #[test]
    fn an_id_reads_as_words() {
        assert_eq!(words_of("no-answer"), "No answer");
        assert_eq!(words_of(""), "");
    }
}
