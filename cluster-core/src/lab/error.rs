//! What can be wrong with a lab: the file, the line, the key, and what to do.

use std::{fmt, ops::Range, path::Path};

/// A mistake in a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabError {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The line as it stands.
    pub text: String,
    /// How many characters are wrong.
    pub width: usize,
    /// The key that it is about, such as `goal.two-believers.reach`; may be empty.
    pub key: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl LabError {
    /// Says something about a file as a whole.
    pub(super) fn of_file(file: &str, problem: String) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, text: String::new(), width: 0, key: String::new(), problem }
    }

    /// Names the file by what the user gave: what stands in `folder`, where a pack was unpacked to, stands in `pack`.
    pub fn in_pack(mut self, folder: &Path, pack: &Path) -> Self {
        if let Ok(rest) = Path::new(&self.file).strip_prefix(folder) {
            self.file = pack.join(rest).display().to_string();
        }
        self
    }

    /// Says something about a place in a text.
    pub(super) fn at(file: &str, whole: &str, span: Range<usize>, key: &str, problem: String) -> Self {
        let start = floor(whole, span.start.min(whole.len()));
        let line_start = whole[..start].rfind('\n').map_or(0, |at| at + 1);
        let text = whole[line_start..].lines().next().unwrap_or_default();
        let end = floor(whole, span.end.clamp(start, line_start + text.len().max(start - line_start)));
        Self {
            file: file.to_owned(),
            line: whole[..line_start].matches('\n').count() + 1,
            column: whole[line_start..start].chars().count() + 1,
            text: text.to_owned(),
            width: whole[start..end].chars().count().max(1),
            key: key.to_owned(),
            problem,
        }
    }
}

/// Returns the beginning of the character in which a byte lies.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, text, width, key, problem } = self;
        write!(f, "{file}")?;
        if *line > 0 {
            write!(f, ", line {line}, column {column}")?;
        }
        if !key.is_empty() {
            write!(f, ", {key}")?;
        }
        write!(f, ": {problem}")?;
        if *line > 0 {
            let gutter = " ".repeat(line.to_string().len());
            write!(f, "\n  {line} | {text}\n  {gutter} | {}{}", " ".repeat(column - 1), "^".repeat(*width))?;
        }
        Ok(())
    }
}

impl std::error::Error for LabError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let text = "a = 1\nkey = 'größe >'\n";
        let at = text.find("größe").unwrap_or(0);
        let error = LabError::at("lab.toml", text, at..at + 7, "goal.x.reach", "no".to_owned());
        let told = error.to_string();
        assert!(told.starts_with("lab.toml, line 2, column 8, goal.x.reach: no"), "{told}");
        let moved = error.clone().in_pack(Path::new("elsewhere"), Path::new("my.labpack"));
        assert_eq!(moved, error);
        let moved = error.in_pack(Path::new(""), Path::new("my.labpack"));
        assert_eq!(moved.file, Path::new("my.labpack").join("lab.toml").display().to_string());
        assert!(told.ends_with("  2 | key = 'größe >'\n    |        ^^^^^"), "{told}");
    }
}
