//! The human part of a lab: a Markdown file, cut into sections by the anchors of its headings.

use std::collections::BTreeMap;

/// Cuts a text into sections: `## A heading {#anchor}` begins one. What stands before the first anchor is no section.
pub(super) fn sections(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Option<String> = None;
    let mut fenced = false;
    for (line, words) in text.lines().enumerate() {
        fenced ^= words.trim_start().starts_with("```");
        match anchor(words).filter(|_| !fenced) {
            Some((heading, anchor)) => {
                if sections.contains_key(anchor) {
                    return Err((
                        line + 1,
                        format!("the anchor `#{anchor}` is there twice; give each section its own"),
                    ));
                }
                sections.insert(anchor.to_owned(), format!("{heading}\n"));
                open = Some(anchor.to_owned());
            }
            None => {
                if let Some(section) = open.as_ref().and_then(|open| sections.get_mut(open)) {
                    section.push_str(words);
                    section.push('\n');
                }
            }
        }
    }
    Ok(sections)
}

/// Returns the first heading of a text.
pub(super) fn title(text: &str) -> Option<&str> {
    text.lines()
        .find_map(|line| line.strip_prefix("# "))
        .map(|title| anchor(title).map_or(title, |(title, _)| title).trim())
}

fn anchor(line: &str) -> Option<(&str, &str)> {
    let (heading, rest) = line.trim_end().rsplit_once("{#")?;
    let anchor = rest.strip_suffix('}')?;
    let is_heading = heading.starts_with('#') || !line.starts_with(' ');
    (is_heading && !anchor.is_empty()).then_some((heading.trim_end(), anchor))
}

/// Returns every address of a picture in a text.
pub(super) fn pictures(text: &str) -> impl Iterator<Item = &str> {
    text.split("![").skip(1).filter_map(|after| {
        let (_, rest) = after.split_once("](")?;
        rest.split(')').next().map(|address| address.split_whitespace().next().unwrap_or_default())
    })
}

/// Returns what a text would have fetched or run by other ways than a picture: where it stands, and what to do.
pub(super) fn foreign(text: &str) -> Vec<(usize, usize, String)> {
    let lower = text.to_ascii_lowercase();
    let tags = ["<img", "<script", "<iframe", "<object", "<embed", "<video", "<audio", "<link", "<style"];
    let tag = |tag: &'static str| {
        let told = move |(at, _): (usize, &str)| {
            (at, at + tag.len(), "texts are Markdown without HTML; write a picture as ![…](media/….png)".to_owned())
        };
        lower.match_indices(tag).map(told).collect::<Vec<_>>()
    };
    let mut found: Vec<_> = tags.into_iter().flat_map(tag).collect();
    for (at, _) in text.match_indices("![") {
        let rest = text[at..].lines().next().unwrap_or_default();
        if let Some(close) = rest.find(']').filter(|close| !rest[close + 1..].starts_with('(')) {
            found.push((at, at + close + 1, "the address of a picture stands beside it: ![…](media/….png)".to_owned()));
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_fetched_from_elsewhere_is_found() {
        let text =
            "a <b> c\n<IMG src=x>\n![p][ref]\n![q](media/q.png) [a link](https://x.org)\n[ref]: https://x.org/p.png\n";
        let found = foreign(text);
        assert_eq!(found.iter().map(|(start, end, _)| &text[*start..*end]).collect::<Vec<_>>(), ["<IMG", "![p]"]);
    }

    #[test]
    fn a_text_is_cut_at_its_anchors() {
        let text = "# Title\n\nlead\n## Predict {#predict}\nwhat?\n```\n# no {#heading}\n```\n## Do {#do}\nthis\n";
        let found = sections(text).unwrap_or_default();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["do", "predict"]);
        assert!(found["predict"].contains("what?\n```\n# no"));
        assert_eq!(title(text), Some("Title"));
        assert!(sections("# a {#a}\n# b {#a}\n").is_err());
        assert_eq!(pictures("![x](media/a.png \"t\") and ![](b)").collect::<Vec<_>>(), ["media/a.png", "b"]);
    }
}
